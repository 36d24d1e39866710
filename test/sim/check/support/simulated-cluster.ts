/**
 * A cluster that is correct by construction: one store, in which calls happen at one moment each,
 * and members that are views of it at revisions of their own. Can be told to misbehave once.
 */

import type { KeyValue, KvEvent, Outcome, RangeRequest, Result, TxnRequest } from '../history.ts'
import { KvModel, type Applied, type StoreRequest } from '../kv-model.ts'
import { needsSpace } from '../space-checks.ts'
import { contendersOf } from '../steps.ts'
import type { Agenda } from './agenda.ts'
import type { Random } from './random.ts'

export type Fault = 'lost-write' | 'applied-twice'

interface LeaseTime {
  readonly ttlMs: number
  endsAt: number
}

export interface Contender {
  readonly name: string
  readonly key: string
  readonly value: string
  readonly lease: bigint
}

interface Waiter {
  readonly name: string
  readonly key: string
  /** With the revision that created its key. */
  readonly done: (createRevision: number | undefined) => void
}

export class SimulatedCluster {
  readonly store = new KvModel()
  readonly log: KvEvent[][] = [[], []]
  readonly #agenda: Agenda
  readonly #random: Random
  readonly #leases = new Map<bigint, LeaseTime>()
  readonly #waiters = new Set<Waiter>()
  /** Told of every revision at once. */
  readonly observers: ((revision: number, events: readonly KvEvent[]) => void)[] = []
  readonly #applied = new Map<string, number>()
  #fault: Fault | undefined
  /** There is an alarm. */
  isFull = false

  constructor(agenda: Agenda, random: Random) {
    this.#agenda = agenda
    this.#random = random
  }

  /** The next put of a value whose outcome the client will know goes wrong. */
  breakNext(fault: Fault): void {
    this.#fault = fault
  }

  /** `isAnswered`: the client will know what came of it. */
  apply(request: StoreRequest, member: string, isAnswered: boolean): Outcome {
    if (this.isFull && needsSpace(request)) return { type: 'failed', error: 'no-space' }
    const applied = this.#applyOrBreak(request, isAnswered)
    if (!applied.ok) return { type: 'failed', error: applied.error }
    this.#reached(member, applied.revision)
    if (request.type === 'lease-grant') this.#granted(request.lease, request.ttl)
    if (request.type === 'lease-revoke') this.#leases.delete(request.lease)
    return { type: 'ok', revision: applied.revision, result: applied.result }
  }

  /** A member's own state: as old as the last it has shown, or newer. */
  readLocally(request: RangeRequest | TxnRequest, member: string): Outcome {
    const revision = this.#random.int(this.#applied.get(member) ?? 1, this.store.revision)
    this.#reached(member, revision)
    if (request.type === 'range' && request.revision !== undefined) {
      if (request.revision > revision) return { type: 'failed', error: 'future-revision' }
      if (request.revision < this.store.compacted) return { type: 'failed', error: 'compacted' }
    }
    return { type: 'ok', revision, result: this.store.readAt(request, revision) }
  }

  keepAlive(lease: bigint): Outcome {
    this.#endIfExpired(lease)
    const time = this.#leases.get(lease)
    if (time !== undefined) {
      time.endsAt = this.#agenda.now + time.ttlMs
      this.#planEnd(lease, time)
    }
    return this.#answer({ type: 'lease-keep-alive', ttl: (time?.ttlMs ?? 0) / 1000 })
  }

  timeToLive(lease: bigint): Outcome {
    const left = (this.#leases.get(lease)?.endsAt ?? -Infinity) - this.#agenda.now
    return this.#answer({ type: 'lease-time-to-live', ttl: left < 0 ? -1 : left / 1000 })
  }

  /** Whether the lock was got: not, when the lease ends before. */
  lock(
    { name, key, value, lease }: Contender,
    done: (createRevision: number | undefined) => void,
  ): void {
    if (!this.#leases.has(lease)) return done(undefined)
    if (this.store.at(key, this.store.revision) === undefined) {
      this.#applyAndTell({ type: 'put', key, value, lease })
    }
    this.#waiters.add({ name, key, done })
    this.#serveWaiters()
  }

  #answer(result: Result): Outcome {
    return { type: 'ok', revision: this.store.revision, result }
  }

  #reached(member: string, revision: number): void {
    this.#applied.set(member, Math.max(this.#applied.get(member) ?? 1, revision))
  }

  #applyOrBreak(request: StoreRequest, isAnswered: boolean): Applied {
    const isDue = this.#fault !== undefined && isAnswered
    if (!isDue || request.type !== 'put' || request.ignoreValue) return this.#applyAndTell(request)
    const attempt = this.store.attempt(request)
    if (!attempt.ok) return attempt
    const fault = this.#fault
    this.#fault = undefined
    if (fault === 'lost-write') return attempt
    const first = this.#applyAndTell(request)
    const second = this.#applyAndTell(request)
    return this.#random.chance(0.5) ? first : second
  }

  #applyAndTell(request: StoreRequest): Applied {
    const applied = this.store.apply(request)
    if (!applied.ok || applied.events.length === 0) return applied
    this.log[applied.revision] = [...applied.events]
    for (const tell of this.observers) tell(applied.revision, applied.events)
    this.#serveWaiters()
    return applied
  }

  #granted(lease: bigint, ttl: number): void {
    const time = { ttlMs: ttl * 1000, endsAt: this.#agenda.now + ttl * 1000 }
    this.#leases.set(lease, time)
    this.#planEnd(lease, time)
  }

  #planEnd(lease: bigint, { endsAt }: LeaseTime): void {
    this.#agenda.at(endsAt + this.#random.between(0.1, 10), () => this.#endIfExpired(lease))
  }

  #endIfExpired(lease: bigint): void {
    const time = this.#leases.get(lease)
    if (time === undefined || time.endsAt > this.#agenda.now) return
    this.#leases.delete(lease)
    this.#applyAndTell({ type: 'lease-revoke', lease })
  }

  /** Who has the oldest key. */
  leaderOf(name: string): KeyValue | undefined {
    const queue = this.store.live(contendersOf(name), this.store.revision)
    return queue.reduce<KeyValue | undefined>(
      (a, b) => (a === undefined || b.createRevision < a.createRevision ? b : a),
      undefined,
    )
  }

  #serveWaiters(): void {
    for (const waiter of this.#waiters) {
      const { name, key, done } = waiter
      const own = this.store.at(key, this.store.revision)
      if (own !== undefined && this.leaderOf(name) !== own) continue
      this.#waiters.delete(waiter)
      done(own?.createRevision)
    }
  }
}
