/**
 * The proposer: hands a request to Raft and waits for what applying it comes to.
 *
 *   propose ─► no leader, or refused by it ─► held ─┐ a leader is there
 *           └► in the leader's log, or on its way ◄─┘ ─► applied ─► outcome
 *
 * Every proposal gets an id of its own, so that its outcome finds its way back. What may be in a
 * log is never proposed again: after a timeout its outcome is unknown, and only the client may
 * retry. What certainly is in none is held until somebody takes it.
 */

import { NumberMap } from '../base/number-map.ts'
import type { Clock, Random } from '../base/ports.ts'
import type { ProposeResult } from '../raft/proposals.ts'
import type { EntryType, MemberId } from '../raft/types.ts'
import {
  encodeConfChange,
  encodeInternalRequest,
  type ConfChangeInput,
  type InternalRequest,
} from '../rpc/codec/quoratepb.ts'
import type { Applied } from './applier.ts'
import type { Outcome } from './apply-txn.ts'
import type { ErrorName } from './errors.ts'

/** More committed entries than this waiting to be applied, and new proposals are refused. */
const APPLY_BACKLOG_MAX = 5000
/** The same for bytes that wait for a state disk which is slower than the log's. */
const UNWRITTEN_BYTES_MAX = 64 * 1024 * 1024
/** And for those that wait for a leader. */
const HELD_BYTES_MAX = 64 * 1024 * 1024
/** What our envelope around a request weighs beyond etcd's, whose limit it is: the proposer's id. */
const ENVELOPE_SURPLUS_BYTES = 11

const TWO_32 = 2 ** 32
/** Leaves room for 2^52 proposals of one process below 2^53. */
const FIRST_ID_HIGH_MAX = 2 ** 20

/**
 * The first request id of a process. An entry of an earlier life of this member may be applied late,
 * and must not answer who waits in this one. A clock does not tell lives apart: it may be set back.
 */
export function firstRequestId(random: Random): number {
  return 1 + random.below(FIRST_ID_HIGH_MAX) * TWO_32 + random.below(TWO_32)
}

/** What the proposer needs of the Raft node. */
export interface ProposalSink {
  propose(type: EntryType, data: Uint8Array): ProposeResult
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
  /** What to tell a client whose request began to wait at that time and got no outcome. */
  readonly timeoutError: (startMs: number) => ErrorName
}

export type ProposedRequest = NonNullable<InternalRequest['request']>

type Lane = 'client' | 'upkeep'

/** Whoever asked; gone when `cancelled`. */
export interface Caller {
  readonly cancelled: boolean
}

/** The server itself, which never goes away. */
export const SERVER_CALLER: Caller = { cancelled: false }

const STOPPED = { ok: false, error: 'stopped' } as const
const OVERLOADED = { ok: false, error: 'too-many-requests' } as const
const TOO_LARGE = { ok: false, error: 'request-too-large' } as const

/** Whoever waits for a proposal. */
export interface OutcomeListener {
  /**
   * Once, perhaps before `submit` returns, else in the middle of applying, with later entries still
   * to come: the place to answer, not to propose or to read.
   */
  onOutcome(outcome: Outcome<object>): void
}

class Proposal {
  readonly requestId: number
  readonly lane: Lane
  readonly caller: Caller
  readonly type: EntryType
  readonly data: Uint8Array
  readonly startMs: number
  readonly listener: OutcomeListener

  constructor(
    requestId: number,
    lane: Lane,
    caller: Caller,
    type: EntryType,
    data: Uint8Array,
    startMs: number,
    listener: OutcomeListener,
  ) {
    this.requestId = requestId
    this.lane = lane
    this.caller = caller
    this.type = type
    this.data = data
    this.startMs = startMs
    this.listener = listener
  }
}

export class Proposer {
  readonly #options: ProposerOptions
  readonly #sink: ProposalSink
  /** All that wait, by request id. */
  readonly #waiting = new NumberMap<Proposal>()
  /** Those of them that are in no log, by request id, in the order in which they came. */
  readonly #held = new Map<number, Proposal>()
  #heldBytes = 0
  /** On their way to the leader, by the number of the message that carries them. */
  readonly #forwarded = new Map<number, Proposal[]>()
  #nextRequestId: number
  #stopped = false
  #failedCount = 0

  constructor(sink: ProposalSink, options: ProposerOptions) {
    this.#sink = sink
    this.#options = options
    this.#nextRequestId = options.firstRequestId
  }

  get pendingCount(): number {
    return this.#waiting.size
  }

  /** Proposals that ended without an applied outcome. */
  get failedCount(): number {
    return this.#failedCount
  }

  /** As `submit`, for those who wait with `await`. Never rejects. */
  propose<Response extends object>(
    request: ProposedRequest,
    lane: Lane = 'client',
    caller = SERVER_CALLER,
  ): Promise<Outcome<Response>> {
    return promised((listener) => this.submit(request, lane, caller, listener))
  }

  /**
   * Tells the listener what applying came to. The server's own upkeep, which bounds itself, is not
   * held up by a flood of clients' requests. What waits for a leader is given up when its caller
   * has gone.
   */
  submit(request: ProposedRequest, lane: Lane, caller: Caller, listener: OutcomeListener): void {
    if (this.#stopped) return listener.onOutcome(STOPPED)
    if (lane === 'client' && this.#isOverloaded()) return listener.onOutcome(OVERLOADED)
    const requestId = this.#nextRequestId++
    const data = encodeInternalRequest({ proposer: this.#options.memberId, requestId, request })
    const bytes = data.length - ENVELOPE_SURPLUS_BYTES
    if (lane === 'client' && bytes > this.#options.maxRequestBytes) {
      return listener.onOutcome(TOO_LARGE)
    }
    this.#begin(requestId, lane, caller, 'EntryNormal', data, listener)
  }

  /** The same for a change of the membership; it waits until the one before it is applied. */
  proposeConfChange<Response extends object>(
    change: Omit<ConfChangeInput, 'proposer' | 'requestId'>,
  ): Promise<Outcome<Response>> {
    return promised((listener) => {
      if (this.#stopped) return listener.onOutcome(STOPPED)
      const requestId = this.#nextRequestId++
      const data = encodeConfChange({ ...change, proposer: this.#options.memberId, requestId })
      this.#begin(requestId, 'client', SERVER_CALLER, 'EntryConfChange', data, listener)
    })
  }

  #isOverloaded(): boolean {
    const { applyBacklog, unwrittenBytes } = this.#sink
    return (
      applyBacklog > APPLY_BACKLOG_MAX ||
      unwrittenBytes > UNWRITTEN_BYTES_MAX ||
      this.#heldBytes > HELD_BYTES_MAX
    )
  }

  #begin(
    requestId: number,
    lane: Lane,
    caller: Caller,
    type: EntryType,
    data: Uint8Array,
    listener: OutcomeListener,
  ): void {
    const startMs = this.#options.clock.nowMs()
    const proposal = new Proposal(requestId, lane, caller, type, data, startMs, listener)
    this.#waiting.set(requestId, proposal)
    this.#offer(proposal)
  }

  /** Returns whether Raft took it. */
  #offer(proposal: Proposal): boolean {
    const outcome = this.#sink.propose(proposal.type, proposal.data)
    if (!outcome.ok) {
      if (outcome.error === 'uncommitted-size') this.#fail(proposal, 'too-many-requests')
      else this.#hold(proposal)
      return false
    }
    const { forwardId } = outcome
    if (forwardId !== undefined) {
      const together = this.#forwarded.get(forwardId)
      if (together === undefined) this.#forwarded.set(forwardId, [proposal])
      else together.push(proposal)
    }
    return true
  }

  #hold(proposal: Proposal): void {
    if (this.#held.has(proposal.requestId)) return
    this.#held.set(proposal.requestId, proposal)
    this.#heldBytes += proposal.data.length
  }

  #letGo(proposal: Proposal): void {
    if (this.#held.delete(proposal.requestId)) this.#heldBytes -= proposal.data.length
  }

  /** Called when a leader is there and now and then: offers what is in no log once more. */
  offerHeld(): void {
    for (const proposal of [...this.#held.values()]) {
      if (proposal.caller.cancelled) {
        this.#fail(proposal, 'timeout')
        continue
      }
      this.#letGo(proposal)
      this.#offer(proposal)
    }
  }

  /** The leader has not taken these messages: what they carried is in no log. */
  onRefused(forwardIds: readonly number[]): void {
    for (const forwardId of forwardIds) {
      const proposals = this.#forwarded.get(forwardId) ?? []
      this.#forwarded.delete(forwardId)
      for (const proposal of proposals) {
        if (this.#waits(proposal)) this.#hold(proposal)
      }
    }
  }

  /** Hands the outcome to whoever waits for it; outcomes of others' proposals are not for us. */
  onApplied(applied: Applied): void {
    if (applied.proposer !== this.#options.memberId) return
    const proposal = this.#waiting.delete(applied.requestId)
    proposal?.listener.onOutcome(applied.outcome)
  }

  /**
   * A state took the place of this member's that may have what waits in it, and does not say so.
   * The server's own upkeep looks at once whether it has to be tried again; a client can do no
   * better than to wait: its entry may be one of those that come now.
   */
  onInstalled(): void {
    for (const proposal of inOrder(this.#waiting.values())) {
      const isHeld = this.#held.has(proposal.requestId)
      if (proposal.lane === 'upkeep' && !isHeld) this.#fail(proposal, 'leader-changed')
    }
  }

  /** Called now and then: ends the waits that have lasted too long. */
  expire(): void {
    const { clock, timeoutMs, timeoutError } = this.#options
    const startedBeforeMs = clock.nowMs() - timeoutMs
    const overdue = this.#waiting.values().filter(({ startMs }) => startMs <= startedBeforeMs)
    for (const proposal of inOrder(overdue)) this.#fail(proposal, timeoutError(proposal.startMs))
    this.#forgetAnswered()
  }

  /** Refuses what comes and ends what waits. */
  stop(): void {
    this.#stopped = true
    for (const proposal of inOrder(this.#waiting.values())) this.#fail(proposal, 'stopped')
  }

  #waits({ requestId }: Proposal): boolean {
    return this.#waiting.get(requestId) !== undefined
  }

  #fail(proposal: Proposal, error: ErrorName): void {
    this.#letGo(proposal)
    this.#waiting.delete(proposal.requestId)
    this.#failedCount++
    proposal.listener.onOutcome({ ok: false, error })
  }

  /** Messages of which nothing waits any more, oldest first; nobody tells when one was taken. */
  #forgetAnswered(): void {
    for (const [forwardId, proposals] of this.#forwarded) {
      if (proposals.some((proposal) => this.#waits(proposal))) return
      this.#forwarded.delete(forwardId)
    }
  }
}

/** As they came, which is the order of their deadlines too: all wait equally long. */
function inOrder(proposals: readonly Proposal[]): Proposal[] {
  return [...proposals].sort((a, b) => a.requestId - b.requestId)
}

function promised<Response extends object>(
  submit: (listener: OutcomeListener) => void,
): Promise<Outcome<Response>> {
  return new Promise((resolve) => {
    submit({ onOutcome: (outcome) => resolve(outcome as Outcome<Response>) })
  })
}
