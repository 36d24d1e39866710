/**
 * The proposer: hands a request to Raft and waits for what applying it comes to.
 *
 * Every proposal gets an id of its own, so that its outcome finds its way back. A request is
 * proposed at most once: after a timeout its outcome is unknown, and only the client may retry.
 */

import { assert } from '../base/assert.ts'
import type { Clock } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { encodeInternalRequest, type InternalRequest } from '../rpc/codec/quoratepb.ts'
import type { Applied } from './applier.ts'
import type { Outcome } from './apply-txn.ts'

/** More committed entries than this waiting to be applied, and new proposals are refused. */
const APPLY_BACKLOG_MAX = 5000
/** The same for bytes that wait for a state disk which is slower than the log's. */
const UNWRITTEN_BYTES_MAX = 64 * 1024 * 1024
/** What our envelope around a request weighs beyond etcd's, whose limit it is: the proposer's id. */
const ENVELOPE_SURPLUS_BYTES = 11

/** Request ids count from here: 2026-01-01. What is left of 2^53 lasts until the year 2095. */
const ID_EPOCH_MS = 1_767_225_600_000
/** Leaves room for four million proposals a second. */
const IDS_PER_MS = 4096

/** The first request id of a process that starts at this wall time. */
export function firstRequestId(startWallMs: number): number {
  const id = Math.max(1, Math.floor(startWallMs - ID_EPOCH_MS) * IDS_PER_MS)
  assert(id < Number.MAX_SAFE_INTEGER / 2, 'the wall clock is far in the future', { startWallMs })
  return id
}

/** What the proposer needs of the Raft node. */
export interface ProposalSink {
  propose(data: Uint8Array): { readonly ok: boolean }
  /** Entries committed and not yet applied. */
  readonly applyBacklog: number
  /** Bytes applied that the state store has not taken yet. */
  readonly unwrittenBytes: number
}

export interface ProposerOptions {
  readonly memberId: MemberId
  readonly clock: Clock
  readonly timeoutMs: number
  readonly maxRequestBytes: number
  /** Larger than any id of this member's earlier runs, whose entries may still be applied. */
  readonly firstRequestId: number
}

export type ProposedRequest = NonNullable<InternalRequest['request']>

interface Waiter {
  readonly deadlineMs: number
  readonly resolve: (outcome: Outcome<object>) => void
}

export class Proposer {
  readonly #options: ProposerOptions
  readonly #sink: ProposalSink
  /** In the order of their deadlines, because all wait equally long. */
  readonly #waiters = new Map<number, Waiter>()
  #nextRequestId: number
  #stopped = false
  #failedCount = 0

  constructor(sink: ProposalSink, options: ProposerOptions) {
    this.#sink = sink
    this.#options = options
    this.#nextRequestId = options.firstRequestId
  }

  get pendingCount(): number {
    return this.#waiters.size
  }

  /** Proposals that ended without an applied outcome. */
  get failedCount(): number {
    return this.#failedCount
  }

  /**
   * Resolves with what applying came to; never rejects. The server's own upkeep, which bounds
   * itself, is not held up by a flood of clients' requests.
   */
  propose<Response extends object>(
    request: ProposedRequest,
    lane: 'client' | 'upkeep' = 'client',
  ): Promise<Outcome<Response>> {
    if (this.#stopped) return Promise.resolve({ ok: false, error: 'stopped' })
    if (lane === 'client' && this.#isOverloaded()) {
      return Promise.resolve({ ok: false, error: 'too-many-requests' })
    }
    const requestId = this.#nextRequestId++
    const data = encodeInternalRequest({ proposer: this.#options.memberId, requestId, request })
    const bytes = data.length - ENVELOPE_SURPLUS_BYTES
    if (lane === 'client' && bytes > this.#options.maxRequestBytes) {
      return Promise.resolve({ ok: false, error: 'request-too-large' })
    }
    return new Promise((resolve) => {
      const deadlineMs = this.#options.clock.nowMs() + this.#options.timeoutMs
      this.#waiters.set(requestId, { deadlineMs, resolve: resolve as Waiter['resolve'] })
      if (!this.#sink.propose(data).ok) this.#fail(requestId, 'no-leader')
    })
  }

  #isOverloaded(): boolean {
    const { applyBacklog, unwrittenBytes } = this.#sink
    return applyBacklog > APPLY_BACKLOG_MAX || unwrittenBytes > UNWRITTEN_BYTES_MAX
  }

  /** Hands the outcome to whoever waits for it; outcomes of others' proposals are not for us. */
  onApplied(applied: Applied): void {
    if (applied.proposer !== this.#options.memberId) return
    const waiter = this.#waiters.get(applied.requestId)
    if (waiter === undefined) return
    this.#waiters.delete(applied.requestId)
    waiter.resolve(applied.outcome)
  }

  /** Called now and then: ends the waits that have lasted too long. */
  expire(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const [requestId, { deadlineMs }] of this.#waiters) {
      if (deadlineMs > nowMs) return
      this.#fail(requestId, 'timeout')
    }
  }

  /** Refuses what comes and ends what waits. */
  stop(): void {
    this.#stopped = true
    for (const requestId of this.#waiters.keys()) this.#fail(requestId, 'stopped')
  }

  #fail(requestId: number, error: 'no-leader' | 'timeout' | 'stopped'): void {
    const waiter = this.#waiters.get(requestId)
    this.#waiters.delete(requestId)
    this.#failedCount++
    waiter?.resolve({ ok: false, error })
  }
}
