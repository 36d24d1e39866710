/** Clients of all members: most stay with one, some go elsewhere when theirs fails them. */

import { setTimeout as elapse } from 'node:timers/promises'
import type { Outcome, Request } from '../sim/check/history.ts'
import { Draws } from '../sim/draws.ts'
import { RequestMaker, type SingleAction } from '../sim/request-maker.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { ChaosClient } from './client.ts'
import type { Recorder } from './recorder.ts'

const KEYS = 12
const LOCKERS = 2
/** To each member. */
const CONNECTIONS = 5
const TIMEOUTS_MS = [300, 1000, 3000] as const
const LOCK_TIMEOUT_MS = 4000
const REFUSED_PAUSE_MS = 50
const LOCK_NAMES = ['lock-a', 'lock-b'] as const

type Asked = Exclude<SingleAction, 'odd-range' | 'odd-txn' | 'move-leases'> | 'grant'
type Weights = Readonly<Record<Asked, number>>

const WEIGHTS: Weights = {
  put: 40,
  delete: 6,
  range: 16,
  'local-range': 8,
  'old-range': 4,
  txn: 12,
  'big-txn': 3,
  compact: 0.2,
  grant: 1,
  renew: 3,
  revoke: 0.7,
  'leased-put': 4,
  'time-to-live': 1,
}

const PLAIN_WEIGHTS: Weights = {
  put: 50,
  delete: 8,
  range: 30,
  'local-range': 10,
  'old-range': 0,
  txn: 0,
  'big-txn': 0,
  compact: 0,
  grant: 0,
  renew: 0,
  revoke: 0,
  'leased-put': 0,
  'time-to-live': 0,
}

export interface LoadOptions {
  readonly seed: number
  readonly clients: number
  /** Calls per second that all clients together begin, at most. */
  readonly perSecond: number
  readonly recorder: Recorder
  /** The members that there are now; asked when a client looks for one. */
  readonly members: () => readonly ClusterMember[]
  /** Up to here may be compacted. */
  readonly told: () => number
  /** Every call is about one key and none about leases, so that each key can be judged alone. */
  readonly isPlain: boolean
}

export class Load {
  readonly leases: bigint[] = []
  isOver = false
  readonly #options: LoadOptions
  readonly #ends: Promise<void>[] = []
  #nextLease = 1000
  #nextTurnAt = 0
  readonly #connections = new Map<string, ChaosClient>()

  constructor(options: LoadOptions) {
    this.#options = options
    const { clients, isPlain } = options
    for (let n = 0; n < clients; n++) this.#ends.push(new LoadClient(this, options, n).run())
    for (let n = 0; n < LOCKERS && !isPlain; n++) {
      this.#ends.push(new LoadClient(this, options, clients + n).runLocks())
    }
  }

  /** Lets every client end with the answer it waits for. */
  async end(): Promise<void> {
    this.isOver = true
    await Promise.all(this.#ends)
    for (const connection of this.#connections.values()) connection.close()
  }

  /** Clients share connections, as the parts of one program do. */
  connection({ endpoint }: ClusterMember, client: number): ChaosClient {
    const name = `${endpoint} ${client % CONNECTIONS}`
    const known = this.#connections.get(name)
    if (known !== undefined) return known
    const made = new ChaosClient(endpoint)
    this.#connections.set(name, made)
    return made
  }

  newLease(): bigint {
    return BigInt(this.#nextLease++)
  }

  get highestRevision(): number {
    return this.#options.recorder.highestRevision
  }

  /** Resolves when it is a client's turn: no more calls begin than were asked for. */
  async turn(): Promise<void> {
    const now = performance.now()
    this.#nextTurnAt = Math.max(now, this.#nextTurnAt + 1000 / this.#options.perSecond)
    if (this.#nextTurnAt > now) await elapse(this.#nextTurnAt - now)
  }

  get keys(): number {
    return KEYS
  }

  get seed(): number {
    return this.#options.seed
  }
}

class LoadClient {
  readonly #load: Load
  readonly #options: LoadOptions
  readonly #name: string
  readonly #number: number
  readonly #draws: Draws
  readonly #requests: RequestMaker
  readonly #timeoutMs: number
  readonly #wanders: boolean
  #member: ClusterMember

  constructor(load: Load, options: LoadOptions, number: number) {
    this.#load = load
    this.#options = options
    this.#number = number
    this.#name = `c${number}`
    this.#draws = new Draws(load.seed, `client ${number}`)
    this.#requests = new RequestMaker(this.#name, this.#draws, load, load.keys)
    this.#timeoutMs = this.#draws.pick(TIMEOUTS_MS)
    this.#wanders = this.#draws.chance(0.35)
    this.#member = this.#choose(number)
  }

  async run(): Promise<void> {
    while (!this.#load.isOver) {
      await this.#load.turn()
      await this.#act()
    }
  }

  async #act(): Promise<void> {
    const { isPlain, told } = this.#options
    const action = this.#draws.weighted(isPlain ? PLAIN_WEIGHTS : WEIGHTS)
    if (action === 'grant') return await this.#grant()
    const request = this.#requests.make(action)
    if (isPlain) await this.#ask(ofOneKey(request))
    else if (request.type !== 'compact') await this.#ask(request)
    else await this.#ask({ ...request, revision: Math.min(request.revision, told()) })
  }

  async runLocks(): Promise<void> {
    while (!this.#load.isOver) await this.#lock()
  }

  async #grant(): Promise<void> {
    const lease = this.#load.newLease()
    const ttl = this.#draws.pick([2, 3, 5, 8])
    const outcome = await this.#ask({ type: 'lease-grant', lease, ttl })
    if (outcome.type === 'failed') return
    this.#load.leases.push(lease)
    await this.#ask({ type: 'put', key: `l${lease}`, value: this.#requests.value(), lease })
  }

  /** Its own lease, the lock, some time with it, and back. */
  async #lock(): Promise<void> {
    const draws = this.#draws
    const lease = this.#load.newLease()
    const granted = await this.#ask({ type: 'lease-grant', lease, ttl: draws.pick([2, 4]) })
    if (granted.type !== 'ok') return
    const name = draws.pick(LOCK_NAMES)
    const locked = await this.#ask({ type: 'lock', name, lease }, LOCK_TIMEOUT_MS)
    if (locked.type !== 'ok' || locked.result.type !== 'lock') return
    await elapse(draws.exponential(60))
    if (draws.chance(0.3)) await this.#ask({ type: 'lease-keep-alive', lease })
    if (draws.chance(0.2)) await this.#ask({ type: 'lease-revoke', lease })
    else await this.#ask({ type: 'unlock', key: locked.result.key })
  }

  async #ask(request: Request, timeoutMs = this.#timeoutMs): Promise<Outcome> {
    const { recorder, members } = this.#options
    const member = this.#member
    const client = this.#load.connection(member, this.#number)
    const outcome = await recorder.perform(this.#name, member.name, client, request, timeoutMs)
    const isRefused = outcome.type === 'failed' && outcome.error === 'refused'
    if (isRefused || outcome.type === 'unknown') {
      const isGone = !members().includes(this.#member)
      if (isGone || this.#wanders) this.#move()
      if (!this.#load.isOver) await elapse(REFUSED_PAUSE_MS)
    }
    return outcome
  }

  #move(): void {
    this.#member = this.#choose(this.#draws.below(1000))
  }

  #choose(number: number): ClusterMember {
    const members = this.#options.members()
    const member = members[number % members.length]
    if (member === undefined) throw new Error(`${this.#number}: there is no member`)
    return member
  }
}

function ofOneKey(request: Request): Request {
  if (request.type !== 'range' && request.type !== 'delete') return request
  const { rangeEnd, ...rest } = request
  return rangeEnd === undefined ? request : rest
}
