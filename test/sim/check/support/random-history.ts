/** Histories of random clients on a simulated cluster: correct ones, unless a fault is asked for. */

import {
  isSerializable,
  type FinalState,
  type History,
  type KeyValue,
  type Observation,
  type ToldLeader,
  type Operation,
  type Outcome,
  type Request,
  type RevisionChanges,
} from '../history.ts'
import { sameKv } from '../differences.ts'
import { EVERYTHING, type StoreRequest } from '../kv-model.ts'
import { lockKey } from '../steps.ts'
import { Agenda } from './agenda.ts'
import { Random } from './random.ts'
import { RandomRequests } from './random-requests.ts'
import { SimulatedCluster, type Fault } from './simulated-cluster.ts'
import { SimulatedWatches } from './simulated-watches.ts'

export interface RandomHistoryOptions {
  readonly seed: number
  readonly operations?: number
  readonly clients?: number
  readonly keys?: number
  /** How likely the outcome of a call is not known. */
  readonly unknown?: number
  /** Only calls about one key, and nothing that names revisions. */
  readonly simple?: boolean
  readonly leases?: boolean
  readonly locks?: boolean
  /** The locks are offices. */
  readonly elections?: boolean
  /** There is none for a while, now and then. */
  readonly space?: boolean
  readonly compactions?: boolean
  readonly watches?: number
  /** Members tell their logs; else one watch sees everything. */
  readonly logs?: boolean
  /** Instead of the one watch that never breaks: so many that do, and are resumed. */
  readonly observers?: number
  /** Neither logs nor a watch that sees everything. */
  readonly blind?: boolean
  readonly fault?: Fault
}

export const MEMBERS = ['m1', 'm2', 'm3'] as const

export function randomHistory(options: RandomHistoryOptions): History {
  return new Run(options).history()
}

interface Client {
  readonly name: string
  session: bigint
  holds: string | undefined
  createRevision: number | undefined
}

class Run {
  readonly #options: RandomHistoryOptions
  readonly #random: Random
  readonly #agenda = new Agenda()
  readonly #cluster: SimulatedCluster
  readonly #watches: SimulatedWatches
  readonly #requests: RandomRequests
  readonly #operations: Operation[] = []
  readonly #observations: Observation[] = []
  readonly #leases: bigint[] = []
  #issued = 0
  #active = 0

  constructor(options: RandomHistoryOptions) {
    this.#options = options
    const { seed, keys = 4, simple = false } = options
    this.#random = new Random(seed)
    this.#cluster = new SimulatedCluster(this.#agenda, this.#random)
    this.#watches = new SimulatedWatches(this.#agenda, this.#random, this.#cluster)
    this.#requests = new RandomRequests(this.#random, keys, simple)
  }

  history(): History {
    const { clients = 4, watches = 3, logs = false, blind = false } = this.#options
    if (!logs && !blind) this.#observe()
    for (let i = 0; i < clients; i++) this.#start(`c${i + 1}`)
    for (let i = 0; i < watches; i++) this.#planWatch(clients)
    if (this.#options.elections) for (let i = 0; i < 3; i++) this.#planObservation(i)
    if (this.#options.space) this.#planWant()
    this.#agenda.run()
    this.#watches.finish()
    return {
      operations: this.#operations.sort((a, b) => a.id - b.id),
      watches: this.#watches.recorded,
      observations: this.#observations,
      finals: MEMBERS.map((member, i) => this.#final(member, i)),
      logs: logs ? MEMBERS.map((member) => ({ member, changes: this.#changes() })) : [],
    }
  }

  get #target(): number {
    return this.#options.operations ?? 60
  }

  #start(name: string): void {
    this.#active++
    const client = { name, session: 0n, holds: undefined, createRevision: undefined }
    this.#agenda.at(this.#random.between(0, 3), () => this.#turn(client))
  }

  #observe(): void {
    const { observers } = this.#options
    if (observers === undefined) return this.#watches.observe()
    const request = { ...EVERYTHING, startRevision: 1, prevKv: true, fragment: true }
    for (let i = 0; i < observers; i++) this.#watches.watch(request, () => this.#active > 0)
  }

  #planWatch(clients: number): void {
    const random = this.#random
    const isRunning = (): boolean => this.#active > 0
    this.#agenda.at(random.between(0, (5 * this.#target) / clients), () => {
      const start = random.int(1, this.#cluster.store.revision + 3)
      this.#watches.watch(
        {
          ...this.#requests.interval(),
          ...(random.chance(0.6) ? { startRevision: start } : {}),
          ...(random.chance(0.5) ? { prevKv: true } : {}),
          ...(random.chance(0.1) ? { noPut: true } : {}),
          ...(random.chance(0.1) ? { noDelete: true } : {}),
          ...(random.chance(0.3) ? { fragment: true } : {}),
        },
        isRunning,
      )
    })
  }

  /** Of who leads from some time on, told at once. */
  #planObservation(i: number): void {
    const { store, observers } = this.#cluster
    const name = 'lock'
    this.#agenda.at(this.#random.between(0, 60), () => {
      const told: ToldLeader[] = []
      const member = this.#random.pick(MEMBERS)
      const calledAt = this.#agenda.now
      this.#observations.push({ id: i, client: `o${i}`, member, calledAt, name, told })
      let last: KeyValue | undefined
      const tell = (): void => {
        const kv = this.#cluster.leaderOf(name)
        if (kv !== undefined && (last === undefined || !sameKv(last, kv))) {
          told.push({ at: this.#agenda.now, revision: store.revision, kv })
        }
        last = kv
      }
      tell()
      observers.push(tell)
    })
  }

  /** An alarm that somebody raises, and somebody else disarms. */
  #planWant(): void {
    this.#agenda.after(this.#random.between(5, 60), () => {
      if (this.#active === 0) return
      this.#cluster.isFull = true
      this.#planWant()
    })
  }

  #turn(client: Client): void {
    if (this.#issued >= this.#target) {
      this.#active--
      return
    }
    if (this.#options.fault !== undefined && this.#issued === this.#target >> 1) {
      this.#cluster.breakNext(this.#options.fault)
    }
    this.#call(client, this.#choose(client))
  }

  #choose(client: Client): Request {
    const { simple = false, leases = false, locks = false, compactions = false } = this.#options
    const { elections = false, space = false } = this.#options
    const random = this.#random
    const { store } = this.#cluster
    if (locks && client.session === 0n) return this.#grant(client)
    if (client.holds !== undefined && random.chance(0.3)) return this.#unlock(client, client.holds)
    const kind = random.weighted({
      put: 8,
      range: 8,
      delete: 2,
      txn: 4,
      keeping: 0.5,
      local: 4,
      compact: compactions ? 0.7 : 0,
      grant: leases ? 1.5 : 0,
      revoke: leases ? 0.5 : 0,
      'keep-alive': leases || locks ? 1.5 : 0,
      'time-to-live': leases ? 0.7 : 0,
      lock: locks && client.holds === undefined ? 4 : 0,
      proclaim: elections && client.createRevision !== undefined ? 6 : 0,
      leader: elections ? 4 : 0,
      alarm: space ? 3 : 0,
      disarm: space ? 3 : 0,
    })
    const lease = this.#leases.length === 0 ? undefined : random.pick(this.#leases)
    switch (kind) {
      case 'put':
        return this.#requests.put(leases && random.chance(0.3) ? lease : undefined)
      case 'keeping':
        return this.#requests.keepingPut()
      case 'delete':
        return this.#requests.delete()
      case 'txn':
        return this.#requests.txn(store)
      case 'range':
        return this.#requests.range(store)
      case 'local':
        return this.#local(simple)
      case 'compact':
        return {
          type: 'compact',
          revision: random.int(Math.max(1, store.revision - 8), store.revision),
        }
      case 'grant':
        return this.#grant(undefined)
      case 'revoke':
        return { type: 'lease-revoke', lease: lease ?? 1n }
      case 'keep-alive':
        return { type: 'lease-keep-alive', lease: locks ? client.session : (lease ?? 1n) }
      case 'time-to-live':
        return { type: 'lease-time-to-live', lease: lease ?? 1n }
      case 'lock':
        return {
          type: 'lock',
          name: 'lock',
          lease: client.session,
          ...(elections && { value: this.#requests.value() }),
        }
      case 'proclaim':
        return {
          type: 'proclaim',
          key: lockKey('lock', client.session),
          revision: client.createRevision ?? 0,
          value: this.#requests.value(),
          lease: client.session,
        }
      case 'leader':
        return { type: 'leader', name: 'lock' }
      case 'alarm':
        return { type: 'alarm' }
      case 'disarm':
        return { type: 'alarm', disarms: 'm1' }
    }
  }

  #local(isSimple: boolean): Request {
    const range = { ...this.#requests.range(this.#cluster.store), serializable: true }
    if (isSimple || this.#random.chance(0.8)) return range
    const { revision: _, ...now } = range
    return { type: 'txn', compares: [], success: [now], failure: [] }
  }

  #grant(client: Client | undefined): Request {
    const lease = BigInt(this.#leases.length + 1001)
    this.#leases.push(lease)
    if (client !== undefined) client.session = lease
    return { type: 'lease-grant', lease, ttl: this.#random.between(0.02, 0.15) }
  }

  #unlock(client: Client, key: string): Request {
    const { createRevision: revision } = client
    client.holds = undefined
    client.createRevision = undefined
    if (!this.#options.elections || revision === undefined) return { type: 'unlock', key }
    // A lease stands once.
    client.session = 0n
    return { type: 'unlock', key, revision }
  }

  #call(client: Client, request: Request): void {
    const random = this.#random
    const id = this.#issued++
    const member = random.pick(MEMBERS)
    const calledAt = this.#agenda.now
    const finish = (outcome: Outcome): void => {
      this.#operations.push({
        id,
        client: client.name,
        member,
        calledAt,
        returnedAt: this.#agenda.now,
        request,
        outcome,
      })
      this.#agenda.after(random.between(0, 3), () => this.#turn(client))
    }
    const isLost = request.type !== 'lock' && random.chance(this.#options.unknown ?? 0.05)
    if (isLost) {
      if (random.chance(0.6)) {
        this.#agenda.after(random.between(0.2, 60), () =>
          this.#execute(client, request, member, undefined),
        )
      }
      this.#agenda.after(6, () => finish({ type: 'unknown' }))
      return
    }
    this.#agenda.after(random.between(0.2, 4), () => {
      this.#execute(client, request, member, (outcome) => {
        this.#agenda.after(random.between(0.2, 4), () => finish(outcome))
      })
    })
  }

  /** Without `answer` nobody will know. */
  #execute(
    client: Client,
    request: Request,
    member: string,
    answer: ((outcome: Outcome) => void) | undefined,
  ): void {
    if (request.type === 'lock') {
      this.#lock(client, request, answer ?? (() => undefined))
      return
    }
    const outcome = this.#outcome(request, member, answer !== undefined)
    answer?.(outcome)
  }

  #outcome(
    request: Exclude<Request, { type: 'lock' }>,
    member: string,
    isAnswered: boolean,
  ): Outcome {
    switch (request.type) {
      case 'lease-keep-alive':
        return this.#cluster.keepAlive(request.lease)
      case 'lease-time-to-live':
        return this.#cluster.timeToLive(request.lease)
      case 'unlock': {
        const { key } = request
        const outcome = this.#cluster.apply({ type: 'delete', key }, member, isAnswered)
        return outcome.type === 'ok' ? { ...outcome, result: { type: 'unlock' } } : outcome
      }
      case 'proclaim':
        return this.#proclaim(request, member, isAnswered)
      case 'leader': {
        const kv = this.#cluster.leaderOf(request.name)
        if (kv === undefined) return { type: 'failed', error: 'no-leader' }
        return {
          type: 'ok',
          revision: this.#cluster.store.revision,
          result: { type: 'leader', kv },
        }
      }
      case 'alarm': {
        const withoutSpace = this.#cluster.isFull ? ['m1'] : []
        if (request.disarms !== undefined) this.#cluster.isFull = false
        const { revision } = this.#cluster.store
        return { type: 'ok', revision, result: { type: 'alarm', withoutSpace } }
      }
      case 'range':
      case 'txn':
        if (isSerializable(request)) return this.#cluster.readLocally(request, member)
        return this.#cluster.apply(request, member, isAnswered)
      default:
        return this.#cluster.apply(request satisfies StoreRequest, member, isAnswered)
    }
  }

  #proclaim(
    { key, revision, value, lease }: Extract<Request, { type: 'proclaim' }>,
    member: string,
    isAnswered: boolean,
  ): Outcome {
    const { store } = this.#cluster
    const isThere = store.at(key, store.revision)?.createRevision === revision
    if (!isThere) return { type: 'failed', error: 'not-leader' }
    const put = { type: 'put', key, value, lease } as const
    const outcome = this.#cluster.apply(put, member, isAnswered)
    return outcome.type === 'ok' ? { ...outcome, result: { type: 'proclaim' } } : outcome
  }

  #lock(
    client: Client,
    { name, lease, value = '' }: Extract<Request, { type: 'lock' }>,
    answer: (outcome: Outcome) => void,
  ): void {
    const key = lockKey(name, lease)
    this.#cluster.lock({ name, key, value, lease }, (createRevision) => {
      if (createRevision === undefined) {
        client.session = 0n
        return answer({ type: 'unknown', error: 'session expired' })
      }
      client.holds = key
      if (!this.#options.elections) {
        const { revision } = this.#cluster.store
        return answer({ type: 'ok', revision, result: { type: 'lock', key } })
      }
      client.createRevision = createRevision
      answer({
        type: 'ok',
        revision: createRevision,
        result: { type: 'lock', key, createRevision },
      })
    })
  }

  #final(member: string, i: number): FinalState {
    const { store } = this.#cluster
    const { revision, compacted: compactRevision } = store
    const kvs = store.live(EVERYTHING, revision)
    const hashes = [{ revision, compactRevision, hash: (revision * 7919) >>> 0 }]
    const leases = [...store.leases.keys()]
    return { member, at: this.#agenda.now + 1 + i, revision, kvs, hashes, leases }
  }

  #changes(): RevisionChanges[] {
    return this.#cluster.log.slice(2).map((events, i) => ({ revision: i + 2, events: [...events] }))
  }
}
