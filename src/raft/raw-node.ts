/**
 * The door to the Raft core. The caller steps messages, ticks and proposals in, and carries out
 * each Ready:
 *
 *   1. send `messages` (they never depend on the append of the same Ready);
 *   2. start writing `append`, and call appended() when it is synced. Meanwhile go on: Readys
 *      without an append keep coming, new entries gather for the next one;
 *   3. apply `committedEntries` in order (applyConfChange() for membership changes), then call
 *      applied(). How often is the caller's choice: later entries come without waiting for it.
 *
 * The safety rule lives here. A message that promises something (see Raft.send) goes into one of
 * two groups: behind the append in flight, or behind the next one.
 *
 *   messagesAfterAppend --ready() begins a write--> held --appended()--> released, or stepped
 *            \--ready() with nothing to write and nothing in flight --------/  if to ourselves
 *
 * A change of nothing but the commit index needs no write: it rides with the next append. After a
 * crash the commit index is found again by the log, as a leader's or from the leader. No append
 * holds a membership change without the commit of the one before it, since a leader proposes it
 * only after it applied that one: so a restart never runs two configurations behind.
 */

import { assert } from '../base/assert.ts'
import type { Progress, ProgressState } from './progress.ts'
import { Raft } from './raft.ts'
import { campaign } from './step-candidate.ts'
import { forwardProposal } from './step-follower.ts'
import { proposeOnLeader, type ProposeResult } from './step-leader.ts'
import {
  NO_MEMBER,
  type Append,
  type ConfChange,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  type MemberId,
  type Message,
  type RaftConfig,
  type Ready,
  type Role,
  type SoftState,
} from './types.ts'

export type ReadIndexResult = { readonly ok: true } | { readonly ok: false; error: 'no-leader' }

export interface ProgressStatus {
  readonly match: number
  readonly next: number
  readonly state: ProgressState
  readonly paused: boolean
  readonly inflight: number
  readonly recentActive: boolean
}

export interface RaftStatus {
  readonly id: MemberId
  readonly role: Role
  readonly term: number
  readonly vote: MemberId
  readonly leader: MemberId
  readonly commit: number
  readonly applied: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly durable: number
  readonly voters: readonly MemberId[]
  /** By member; empty unless this member leads. */
  readonly progress: ReadonlyMap<MemberId, ProgressStatus>
}

function progressStatus(progress: Progress): ProgressStatus {
  const { match, next, state, paused, recentActive } = progress
  return { match, next, state, paused, recentActive, inflight: progress.inflights.count }
}

export class RawNode {
  readonly #raft: Raft
  readonly #maxCommittedBytes: number
  /** The last one that was handed out to be written. */
  #handedHardState: HardState
  #handedRole: Role = 'follower'
  #handedLeader: MemberId = NO_MEMBER
  /** Behind the append in flight. */
  #held: Message[] = []

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config)
    this.#maxCommittedBytes = config.maxCommittedBytesPerReady ?? config.maxBytesPerMessage
    this.#handedHardState = config.initial.hardState
  }

  get id(): MemberId {
    return this.#raft.id
  }

  get term(): number {
    return this.#raft.term
  }

  get committed(): number {
    return this.#raft.log.committed
  }

  /** One unit of the time in which electionTicks and heartbeatTicks are given. */
  tick(): void {
    this.#raft.tick()
  }

  /** Starts an election now. A single voter leads as soon as its vote is durable. */
  campaign(): void {
    campaign(this.#raft)
  }

  /**
   * Appends an entry if this member leads, else passes it on to the leader, which may drop it. The
   * data is kept, not copied. `ok` does not mean that it will ever commit.
   */
  propose(data: Uint8Array): ProposeResult {
    return this.#propose('EntryNormal', data)
  }

  /** As propose(); refused while another membership change is not applied. */
  proposeConfChange(data: Uint8Array): ProposeResult {
    return this.#propose('EntryConfChange', data)
  }

  #propose(type: EntryType, data: Uint8Array): ProposeResult {
    const raft = this.#raft
    if (raft.role === 'leader') return proposeOnLeader(raft, type, data)
    if (forwardProposal(raft, { type, data })) return { ok: true }
    return { ok: false, error: 'no-leader' }
  }

  /** A message from another member. Anything may be stepped: stale, doubled, out of order. */
  step(message: Message): void {
    if (message.from === this.#raft.id) return
    this.#raft.step(message)
  }

  /**
   * Asks for an index that is at least everything acknowledged until now. It comes in
   * Ready.readStates, under `context`; it never comes if the leader changes or a message gets
   * lost, so the caller asks again after a time. Requests of one turn share a round.
   */
  readIndex(context: string): ReadIndexResult {
    const raft = this.#raft
    if (raft.role === 'leader') raft.readOnly.add({ from: raft.id, context })
    else if (raft.role === 'follower' && raft.leader !== NO_MEMBER) raft.forwardedReads.add(context)
    else return { ok: false, error: 'no-leader' }
    return { ok: true }
  }

  /** Whether ready() would have anything to tell. */
  hasReady(): boolean {
    const raft = this.#raft
    return (
      raft.messages.length > 0 ||
      raft.appendsDue ||
      raft.readStates.length > 0 ||
      raft.log.hasCommitted() ||
      (!raft.log.writing && (raft.messagesAfterAppend.length > 0 || this.#mustWrite())) ||
      (raft.readOnly.hasWaiting && raft.committedInTerm) ||
      raft.forwardedReads.hasWaiting ||
      this.#softStateChanged()
    )
  }

  ready(): Ready {
    const raft = this.#raft
    if (!raft.log.writing && !this.#mustWrite()) this.#releasePromises()
    raft.flush()
    const append = this.#beginAppend()
    const softState = this.#takeSoftState()
    const { messages, readStates } = raft
    raft.messages = []
    raft.readStates = []
    const committedEntries = raft.log.beginApply(this.#maxCommittedBytes)
    return {
      messages,
      ...(append === undefined ? {} : { append }),
      committedEntries,
      readStates,
      ...(softState === undefined ? {} : { softState }),
    }
  }

  #mustWrite(): boolean {
    const { log, term, vote } = this.#raft
    const handed = this.#handedHardState
    return log.hasUnstable() || term !== handed.term || vote !== handed.vote
  }

  #beginAppend(): Append | undefined {
    const raft = this.#raft
    if (raft.log.writing || !this.#mustWrite()) return undefined
    this.#held = raft.messagesAfterAppend
    raft.messagesAfterAppend = []
    const { hardState } = raft
    const handed = this.#handedHardState
    const entries = raft.log.beginWrite()
    const { term, vote, commit } = hardState
    if (term === handed.term && vote === handed.vote && commit === handed.commit) return { entries }
    this.#handedHardState = hardState
    return { entries, hardState }
  }

  /** The append of the last Ready that had one is durable. */
  appended(): void {
    const raft = this.#raft
    raft.log.finishWrite()
    const held = this.#held
    this.#held = []
    raft.onDurable()
    this.#release(held)
  }

  /** Nothing is unstable, so nothing has to wait. */
  #releasePromises(): void {
    const { messagesAfterAppend } = this.#raft
    if (messagesAfterAppend.length === 0) return
    this.#raft.messagesAfterAppend = []
    this.#release(messagesAfterAppend)
  }

  #release(messages: readonly Message[]): void {
    const raft = this.#raft
    for (const message of messages) {
      // A promise of an earlier term is worth nothing now, and what it promised may be replaced.
      if (message.term < raft.term) continue
      if (message.to === raft.id) raft.step(message)
      else raft.messages.push(message)
    }
  }

  #softStateChanged(): boolean {
    const { role, leader } = this.#raft
    return role !== this.#handedRole || leader !== this.#handedLeader
  }

  #takeSoftState(): SoftState | undefined {
    if (!this.#softStateChanged()) return undefined
    const { role, leader } = this.#raft
    this.#handedRole = role
    this.#handedLeader = leader
    return { role, leader }
  }

  /** Everything up to `index` is in the state machine. */
  applied(index: number): void {
    this.#raft.log.appliedTo(index)
  }

  /**
   * The membership change of an entry takes effect. Call it when that entry is applied and before
   * applied() for it; an empty list for one that was refused. Returns the configuration to save.
   *
   * Removing one of two voters can end the cluster's progress for good if the other one crashes
   * before it has written that the removal is committed: it then needs the vote of the removed
   * one. From three voters on, those that stay can always elect a leader among themselves.
   */
  applyConfChange(change: ConfChange | readonly ConfChange[]): ConfState {
    const changes = 'type' in change ? [change] : change
    assert(changes.length <= 1, 'several changes at once need a joint configuration')
    const [first] = changes
    return first === undefined ? this.#raft.tracker.confState : this.#raft.applyConfChange(first)
  }

  /** Forgets the entries <= index in memory. Call it only behind a durable checkpoint. */
  compactLog(index: number): void {
    this.#raft.log.compact(index)
  }

  /** The entry as it is in memory, durable or not; undefined when compacted or not there. */
  entry(index: number): Entry | undefined {
    return this.#raft.log.entry(index)
  }

  status(): RaftStatus {
    const { id, role, term, vote, leader, log, tracker } = this.#raft
    const progress = new Map<MemberId, ProgressStatus>()
    if (role === 'leader') {
      for (const voter of tracker.voters) {
        const one = tracker.progress(voter)
        if (one !== undefined) progress.set(voter, progressStatus(one))
      }
    }
    return {
      id,
      role,
      term,
      vote,
      leader,
      commit: log.committed,
      applied: log.applied,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      durable: log.durable,
      voters: tracker.voters,
      progress,
    }
  }
}
