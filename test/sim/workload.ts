/** Clients that put, read, compare, lease and lock, each one thing after another. */

import { isBusy, nextBusy } from './busy-times.ts'
import type { Observation, Outcome, Request } from './check/history.ts'
import type { Recorder } from './client.ts'
import { Draws } from './draws.ts'
import { Elections } from './elections.ts'
import type { SimMember, Surroundings } from './member.ts'
import type { Action, ClientPlan } from './plan.ts'
import { RequestMaker } from './request-maker.ts'
import { Upkeep } from './upkeep.ts'

export interface HashSeen {
  readonly hash: number
  readonly member: string
}

/** What clients share: which members there are, and what one knows of the others' doings. */
export interface Commons {
  readonly around: Surroundings
  readonly recorder: Recorder
  readonly members: SimMember[]
  isOver: boolean
  /** Everything works again: calls have to be answered. */
  isHealthy: boolean
  highestRevision: number
  /** The highest revision that was compacted for certain. */
  compacted: number
  readonly leases: bigint[]
  /** HashKV of any member, by what it is over. */
  readonly hashes: Map<string, HashSeen>
  readonly observations: Observation[]
}

const LOCKS = ['lock-a', 'lock-b'] as const
const PREVIOUS = { prevKv: true } as const

export class SimClient {
  readonly #commons: Commons
  readonly #plan: ClientPlan
  readonly #name: string
  readonly #draws: Draws
  readonly #requests: RequestMaker
  readonly #upkeep: Upkeep
  readonly #elections: Elections
  #member: SimMember
  #hadNoSpace = false
  /** The numbers of what it has done. */
  readonly done: number[] = []

  constructor(commons: Commons, plan: ClientPlan) {
    this.#commons = commons
    this.#plan = plan
    this.#name = `c${plan.number}`
    this.#draws = new Draws(commons.around.plan.seed, `client ${plan.number}`)
    this.#requests = new RequestMaker(this.#name, this.#draws, commons, commons.around.plan.keys)
    this.#member = commons.members[plan.number % commons.members.length]!
    this.#upkeep = new Upkeep(commons, this.#draws, plan.timeoutMs)
    this.#elections = new Elections(
      commons,
      this.#draws,
      this.#name,
      (request, timeoutMs, member) => this.#ask(request, timeoutMs, member),
    )
  }

  get number(): number {
    return this.#plan.number
  }

  async run(): Promise<void> {
    const { world } = this.#commons.around
    const only = this.#plan.only && new Set(this.#plan.only)
    let dueMs = 0
    for (let round = 1; !this.#commons.isOver; round++) {
      this.#draws.turnTo(round)
      dueMs = this.#next(dueMs)
      // Its time has passed while another one took long.
      if (dueMs < world.nowMs) continue
      await world.sleep(dueMs - world.nowMs)
      if (this.#commons.isOver) return
      if (only?.has(round) === false) continue
      this.done.push(round)
      this.#requests.begin(round)
      const action = this.#draws.weighted(this.#plan.weights)
      const outcome = await this.#act(action)
      if (outcome.type === 'ok') continue
      const mustMove = this.#member.state === 'gone'
      if (mustMove || (this.#plan.wanders && outcome.type === 'unknown')) this.#wander()
    }
  }

  /** When the one after is due, whatever happens meanwhile. */
  #next(dueMs: number): number {
    const { busy, durationMs } = this.#commons.around.plan
    const { thinkMs, idleMs } = this.#plan
    const pauseMs = this.#draws.exponential(1)
    const soonMs = dueMs + pauseMs * thinkMs
    // In the end everything has to be answered.
    if (isBusy(busy, dueMs) || soonMs > durationMs) return soonMs
    return Math.min(dueMs + pauseMs * idleMs, nextBusy(busy, dueMs) + pauseMs * thinkMs, durationMs)
  }

  /** `part` tells those of one round apart. */
  #newLease(part = 0): bigint {
    return BigInt(1000 + this.#plan.number * 100_000 + part * 50_000 + this.done.at(-1)!)
  }

  #wander(): void {
    const candidates = this.#commons.members.filter(({ state }) => state !== 'gone')
    if (candidates.length > 0) this.#member = this.#draws.pick(candidates)
  }

  async #act(action: Action): Promise<Outcome> {
    if (action === 'lock') return this.#lock()
    if (action === 'grant') return this.#grant()
    if (action === 'bury') return this.#bury()
    if (action === 'nurse') return this.#nurse()
    if (action === 'hand-over') return this.#handOver()
    if (action === 'tour') return this.#tour()
    if (action === 'upkeep') return this.#upkeep.act(this.#member)
    if (action === 'make-room') return this.#makeRoom()
    if (action === 'campaign') {
      return this.#elections.campaign(this.#newLease(), () => this.#requests.value())
    }
    if (action === 'leader') return this.#elections.leader(this.#anyone())
    if (action === 'observe') return this.#elections.observe(this.#anyone())
    return this.#ask(this.#requests.make(action))
  }

  /** A key that is deleted, and compacted at that very revision or close to it. */
  async #bury(): Promise<Outcome> {
    const draws = this.#draws
    const key = `g${draws.below(3)}`
    const put = await this.#ask({ type: 'put', key, value: this.#requests.value() })
    if (put.type !== 'ok') return put
    const deleted = await this.#ask({ type: 'delete', key, ...(draws.chance(0.5) && PREVIOUS) })
    if (deleted.type !== 'ok') return deleted
    if (draws.chance(0.3)) await this.#ask(this.#requests.make('put'))
    const revision = deleted.revision + draws.pick([0, 0, 1, 1])
    const physical = draws.chance(0.5) ? { physical: true } : {}
    return this.#ask({ type: 'compact', revision, ...physical })
  }

  /** What an operator does when there is no space: all but the newest goes, and the alarms. */
  async #makeRoom(): Promise<Outcome> {
    const { census } = this.#commons.around
    const looked = await this.#ask({ type: 'alarm' })
    if (looked.type !== 'ok' || looked.result.type !== 'alarm') return looked
    const { withoutSpace } = looked.result
    if (withoutSpace.length === 0) return looked
    // Without it the next put raises the alarm again.
    if (this.#draws.chance(0.8)) await this.#ask(this.#requests.compactAll())
    let last: Outcome = looked
    for (const member of withoutSpace) {
      last = await this.#ask({ type: 'alarm', disarms: member })
      if (last.type === 'ok') census.count('alarm for want of space disarmed')
    }
    return last
  }

  /** What every member has, one after the other. */
  async #tour(): Promise<Outcome> {
    let last: Outcome = { type: 'unknown' }
    for (const member of this.#commons.members.slice()) {
      if (member.state === 'gone') continue
      const all = { type: 'range', key: '\0', rangeEnd: '\0', serializable: true } as const
      last = await this.#ask(all, this.#plan.timeoutMs, member)
    }
    return last
  }

  /** Some ids come again, when the lease that had it is gone. */
  async #grant(): Promise<Outcome> {
    const { leases } = this.#commons
    const isOld = leases.length > 0 && this.#draws.chance(0.15)
    const lease = isOld ? this.#draws.pick(leases.slice(-10)) : this.#newLease()
    const ttl = this.#draws.pick([2, 3, 5, 8])
    const outcome = await this.#ask({ type: 'lease-grant', lease, ttl })
    if (outcome.type === 'failed') return outcome
    this.#commons.leases.push(lease)
    if (this.#draws.chance(0.4)) {
      const look = { type: 'lease-time-to-live', lease } as const
      await this.#ask(look, this.#plan.timeoutMs, this.#anyone())
    }
    const value = this.#requests.value()
    return this.#ask({ type: 'put', key: `l${lease}`, value, lease })
  }

  /**
   * A short lease of its own that is renewed about when it ends, here and there, until it does; now
   * and then its id is granted anew at once.
   */
  async #nurse(): Promise<Outcome> {
    const { world } = this.#commons.around
    const draws = this.#draws
    const lease = this.#newLease()
    const granted = await this.#ask({ type: 'lease-grant', lease, ttl: 2 })
    if (granted.type !== 'ok') return granted
    const look = { type: 'lease-time-to-live', lease } as const
    await this.#ask(look, this.#plan.timeoutMs, this.#anyone())
    await this.#ask({ type: 'put', key: `l${lease}`, value: this.#requests.value(), lease })
    let last: Outcome = granted
    for (let left = draws.between(2, 5); left > 0 && !this.#commons.isHealthy; left--) {
      await world.sleep(2000 * (0.6 + 0.5 * draws.fraction()))
      const keepAlive = { type: 'lease-keep-alive', lease } as const
      last = await this.#ask(keepAlive, this.#plan.timeoutMs, this.#anyone())
      if (last.type === 'ok') await this.#ask(look, this.#plan.timeoutMs, this.#anyone())
      const isGone = last.type === 'ok' && 'ttl' in last.result && last.result.ttl === 0
      if (isGone && draws.chance(0.6)) {
        last = await this.#ask({ type: 'lease-grant', lease, ttl: 3 })
      } else if (isGone) break
    }
    return last
  }

  /** A lock that comes free about when the lease of the one who waits for it ends. */
  async #handOver(): Promise<Outcome> {
    const { world } = this.#commons.around
    const draws = this.#draws
    const name = `lock-${this.#name}`
    const [holder, waiter] = [this.#newLease(), this.#newLease(1)]
    // Or an office, in an election.
    const isElection = draws.chance(0.5)
    const valued = (): { value?: string } => (isElection ? { value: this.#requests.value() } : {})
    const held = await this.#ask({ type: 'lease-grant', lease: holder, ttl: 5 })
    if (held.type !== 'ok') return held
    const locked = await this.#ask({ type: 'lock', name, lease: holder, ...valued() }, 3000)
    if (locked.type !== 'ok' || locked.result.type !== 'lock') return locked
    const granted = await this.#ask({ type: 'lease-grant', lease: waiter, ttl: 2 })
    if (granted.type !== 'ok') return granted
    const waits = { type: 'lock', name, lease: waiter, ...valued() } as const
    const waiting = this.#ask(waits, 6000, this.#anyone())
    await world.sleep(1900 + 300 * draws.fraction())
    const { key, createRevision: revision } = locked.result
    await this.#ask({ type: 'unlock', key, ...(revision !== undefined && { revision }) })
    return waiting
  }

  #anyone(): SimMember {
    const up = this.#commons.members.filter(({ state }) => state === 'up')
    return up.length === 0 ? this.#member : this.#draws.pick(up)
  }

  /** Its own lease, the lock, some time with it, and back. */
  async #lock(): Promise<Outcome> {
    const { world } = this.#commons.around
    const draws = this.#draws
    const lease = this.#newLease()
    const granted = await this.#ask({ type: 'lease-grant', lease, ttl: draws.pick([2, 4, 8]) })
    if (granted.type !== 'ok') return granted
    const name = draws.pick(LOCKS)
    const fromMs = world.nowMs
    const locked = await this.#ask({ type: 'lock', name, lease }, 6000)
    const { census } = this.#commons.around
    if (locked.type !== 'ok' || locked.result.type !== 'lock') {
      const error = locked.type === 'unknown' ? locked.error : undefined
      if (error?.includes('session is expired') === true) census.count('lock lost with its lease')
      return locked
    }
    if (world.nowMs - fromMs > 200) census.count('lock waited for')
    for (let left = draws.below(4); left > 0; left--) {
      await world.sleep(draws.exponential(400))
      if (draws.chance(0.6)) await this.#ask({ type: 'lease-keep-alive', lease })
    }
    if (draws.chance(0.3)) return locked
    return this.#ask({ type: 'unlock', key: locked.result.key })
  }

  async #ask(
    request: Request,
    timeoutMs = this.#plan.timeoutMs,
    member = this.#member,
  ): Promise<Outcome> {
    const { recorder, around, isHealthy } = this.#commons
    const wasUp = member.state === 'up'
    const { installs } = member
    const outcome = await recorder.perform(
      this.#name,
      this.#draws,
      member,
      isHealthy ? Math.max(timeoutMs, 9000) : timeoutMs,
      request,
    )
    this.#learn(request, outcome)
    // What a snapshot brought is applied, and its answer not known to the member that was asked.
    const isPassedOver = member.installs > installs
    const isExcused = !wasUp || isPassedOver || request.type === 'lock'
    if (isHealthy && !isExcused && outcome.type === 'unknown') {
      const what = `${request.type} at ${member.name} was not answered (${outcome.error})`
      around.report('not-live', `${what}, though nothing was wrong any more`)
    }
    return outcome
  }

  #onNoSpace(): void {
    const { census, plan, report } = this.#commons.around
    census.count('refused for want of space')
    this.#hadNoSpace = true
    if (plan.quotaBytes === 0) report('no-space', 'there is no quota')
  }

  #learn(request: Request, outcome: Outcome): void {
    const { census } = this.#commons.around
    if (outcome.type === 'failed' && outcome.error === 'lease-not-found') {
      if (request.type !== 'lease-grant') census.tally('lease not found')
    }
    if (outcome.type === 'failed' && outcome.error === 'no-space') this.#onNoSpace()
    if (outcome.type !== 'ok') return
    const { result, revision } = outcome
    this.#commons.highestRevision = Math.max(this.#commons.highestRevision, revision)
    if (request.type === 'compact') {
      this.#commons.compacted = Math.max(this.#commons.compacted, request.revision)
    }
    if (result.type === 'txn' && !result.succeeded) census.count('txn that failed its compare')
    if (result.type === 'put' && this.#hadNoSpace) {
      this.#hadNoSpace = false
      census.count('put that found space again')
    }
    if (result.type === 'lease-keep-alive' && result.ttl > 0 && !this.#member.isLeader) {
      census.count('renewed at a follower')
    }
  }
}
