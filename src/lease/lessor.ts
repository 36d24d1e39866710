/**
 * The lessor: when leases end. Deadlines are the leader's alone and die with its leadership; the
 * table that they hang on is replicated. A lease whose deadline has passed is handed out to be
 * revoked by a proposal, and exists until that is applied.
 *
 *                       promote(epoch)
 *          demoted ───────────────────────► primary      deadlines of all leases start anew
 *                  ◄───────────────────────
 *                           demote
 *
 * Invariants: a demoted lessor has no deadline and expires nothing; a deadline never moves towards
 * the past; a lease past its deadline is not renewed. Queues hold a time at or before the real one
 * and are put right when it comes, so that a renewal touches no queue.
 */

import { assert } from '../base/assert.ts'
import { Heap } from '../base/heap.ts'
import type { Clock } from '../base/ports.ts'
import type { Lease, LeaseObserver, LeaseTable } from './lease-table.ts'

export interface LessorOptions {
  readonly clock: Clock
  /** A new leader adds this to what every lease has left, in milliseconds. */
  readonly extendMs: number
  /** A lease with more than this left has its remaining TTL saved this often. */
  readonly checkpointIntervalMs: number
}

export type Renewal =
  | {
      readonly ok: true
      readonly lease: Lease
      /**
       * A checkpoint of what was left before is in the log, or on its way there: it has to be
       * cleared by a proposal before the renewal may be told to anyone, or the next leader would
       * end the lease too early.
       */
      readonly mustClearCheckpoint: boolean
    }
  | { readonly ok: false; readonly error: 'not-primary' }
  | { readonly ok: false; readonly error: 'lease-not-found' }
  /** It ends as soon as its revocation is applied, unless this leader loses its office before. */
  | { readonly ok: false; readonly error: 'expired'; readonly lease: Lease }

/** What is left of a lease, to be proposed. */
export interface DueCheckpoint {
  readonly lease: Lease
  /** Whole seconds, rounded up. */
  readonly remainingTtl: number
}

interface QueueNode {
  readonly term: LeaseTerm
  rank: number
  slot: number
}

/** A lease's time under this leader. */
class LeaseTerm {
  readonly lease: Lease
  readonly expiry: QueueNode
  readonly checkpoint: QueueNode
  deadlineMs: number
  mayBeCheckpointed: boolean

  constructor(lease: Lease, deadlineMs: number) {
    this.lease = lease
    this.expiry = { term: this, rank: deadlineMs, slot: -1 }
    this.checkpoint = { term: this, rank: 0, slot: -1 }
    this.deadlineMs = deadlineMs
    this.mayBeCheckpointed = lease.remainingTtl > 0
  }
}

export class Lessor implements LeaseObserver {
  readonly #table: LeaseTable
  readonly #options: LessorOptions
  readonly #terms: Map<Lease, LeaseTerm>
  readonly #expiryQueue: Heap<QueueNode>
  readonly #checkpointQueue: Heap<QueueNode>
  #epoch: number | undefined

  /** It must be told of what happens to the table: it is, or stands behind, the observer. */
  constructor(table: LeaseTable, options: LessorOptions) {
    this.#table = table
    this.#options = options
    this.#terms = new Map()
    this.#expiryQueue = new Heap()
    this.#checkpointQueue = new Heap()
    this.#epoch = undefined
  }

  /** The leader's term that the deadlines belong to; undefined while demoted. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /**
   * Starts every lease's time, from its last checkpoint or in full, with an election timeout on
   * top. Call it when all entries of earlier terms are applied: what they say must be known.
   */
  promote(epoch: number): void {
    assert(this.#epoch === undefined, 'only a demoted lessor is promoted')
    this.#epoch = epoch
    for (const lease of this.#table.all()) this.#start(lease, this.#options.extendMs)
  }

  /** Forgets all deadlines. */
  demote(): void {
    this.#epoch = undefined
    this.#expiryQueue.clear()
    this.#checkpointQueue.clear()
    this.#terms.clear()
  }

  onGranted(lease: Lease): void {
    if (this.#epoch !== undefined) this.#start(lease, 0)
  }

  onRevoked(lease: Lease): void {
    const term = this.#terms.get(lease)
    if (term === undefined) return
    this.#terms.delete(lease)
    if (this.#expiryQueue.has(term.expiry)) this.#expiryQueue.remove(term.expiry)
    if (this.#checkpointQueue.has(term.checkpoint)) this.#checkpointQueue.remove(term.checkpoint)
  }

  onCheckpointed(lease: Lease): void {
    const term = this.#terms.get(lease)
    if (term !== undefined) term.mayBeCheckpointed = lease.remainingTtl > 0
  }

  renew(id: bigint): Renewal {
    if (this.#epoch === undefined) return { ok: false, error: 'not-primary' }
    const lease = this.#table.get(id)
    if (lease === undefined) return { ok: false, error: 'lease-not-found' }
    const term = this.#termOf(lease)
    const nowMs = this.#options.clock.nowMs()
    if (term.deadlineMs <= nowMs) return { ok: false, error: 'expired', lease }
    // Why: right after a promotion a lease may have more left than a renewal gives it.
    term.deadlineMs = Math.max(term.deadlineMs, nowMs + lease.ttl * 1000)
    this.#queueCheckpoint(term)
    return { ok: true, lease, mustClearCheckpoint: term.mayBeCheckpointed }
  }

  /** Milliseconds until the lease may end, not above zero once it has expired. Primary only. */
  remainingMs(lease: Lease): number {
    return this.#termOf(lease).deadlineMs - this.#options.clock.nowMs()
  }

  /** All leases, those that end first first; a demoted lessor has only the order of granting. */
  byExpiry(): Lease[] {
    if (this.#epoch === undefined) return [...this.#table.all()]
    const terms = Array.from(this.#terms.values()).sort((a, b) => a.deadlineMs - b.deadlineMs)
    return terms.map(({ lease }) => lease)
  }

  /**
   * Up to `limit` leases whose deadline has passed, those due first first. Each is given once;
   * `retryExpired` gives it again.
   */
  takeExpired(limit: number): Lease[] {
    const nowMs = this.#options.clock.nowMs()
    const taken: Lease[] = []
    while (taken.length < limit) {
      const node = this.#expiryQueue.first
      if (node === undefined || node.rank > nowMs) break
      const { lease, deadlineMs } = node.term
      if (deadlineMs > nowMs) {
        this.#expiryQueue.setRank(node, deadlineMs)
        continue
      }
      this.#expiryQueue.remove(node)
      taken.push(lease)
    }
    return taken
  }

  /** A taken lease whose revocation came to nothing is to be taken again after `delayMs`. */
  retryExpired(lease: Lease, delayMs: number): void {
    const term = this.#terms.get(lease)
    if (term === undefined || this.#expiryQueue.has(term.expiry)) return
    term.expiry.rank = this.#options.clock.nowMs() + delayMs
    this.#expiryQueue.push(term.expiry)
  }

  /** Up to `limit` leases whose remaining TTL is due to be saved; each comes again an interval later. */
  takeCheckpoints(limit: number): DueCheckpoint[] {
    const nowMs = this.#options.clock.nowMs()
    const taken: DueCheckpoint[] = []
    while (taken.length < limit) {
      const node = this.#checkpointQueue.first
      if (node === undefined || node.rank > nowMs) break
      const { term } = node
      const remainingTtl = Math.ceil((term.deadlineMs - nowMs) / 1000)
      this.#checkpointQueue.remove(node)
      this.#queueCheckpoint(term)
      if (remainingTtl <= 0 || remainingTtl >= term.lease.ttl) continue
      term.mayBeCheckpointed = true
      taken.push({ lease: term.lease, remainingTtl })
    }
    return taken
  }

  #start(lease: Lease, extendMs: number): void {
    const { remainingTtl, ttl } = lease
    const seconds = remainingTtl > 0 ? remainingTtl : ttl
    const deadlineMs = this.#options.clock.nowMs() + seconds * 1000 + extendMs
    const term = new LeaseTerm(lease, deadlineMs)
    this.#terms.set(lease, term)
    this.#expiryQueue.push(term.expiry)
    this.#queueCheckpoint(term)
  }

  /** A lease with little left is not worth a checkpoint: it ends before the next one. */
  #queueCheckpoint(term: LeaseTerm): void {
    if (this.#checkpointQueue.has(term.checkpoint)) return
    const { clock, checkpointIntervalMs } = this.#options
    const nowMs = clock.nowMs()
    if (term.deadlineMs - nowMs <= checkpointIntervalMs) return
    term.checkpoint.rank = nowMs + checkpointIntervalMs
    this.#checkpointQueue.push(term.checkpoint)
  }

  #termOf(lease: Lease): LeaseTerm {
    const term = this.#terms.get(lease)
    assert(term !== undefined, 'under a primary lessor every lease has a deadline')
    return term
  }
}
