/**
 * The door to the Raft core. The caller steps messages, ticks and proposals in, and carries out
 * each Ready:
 *
 *   1. send `messages` (they never depend on the append of the same Ready);
 *   2. start writing `append`, and call appended() when it is synced. Meanwhile go on: Readys
 *      without an append keep coming, new entries gather for the next one;
 *   3. apply `committedEntries` in order (applyConfChange() for membership changes), then call
 *      applied(). How often is the caller's choice: later entries come without waiting for it;
 *   4. send the state to the members in `snapshotsDue`, and tell reportSnapshot() how it went.
 *
 * A state that a leader sent is stepped as MsgSnap once it is here. `pendingSnapshot` then tells
 * whether it is taken. If so, `snapshot` of a later Ready tells when to put it in place of the
 * log and the state machine; nothing else is under way then. Until snapshotInstalled() no Ready
 * has an append or entries: the caller may replace both stores without looking out for writes.
 * Meanwhile term and vote change in memory alone, and what depends on them (votes, say) waits for
 * the append that follows. Everything else, like answers to heartbeats, goes on.
 *
 * The safety rule lives here. A message that promises something (see Raft.send) goes into one of
 * two groups: behind the append in flight, or behind the next one.
 *
 *   messagesAfterAppend --ready() begins a write--> held --appended()--> released, or stepped
 *            \--ready() with nothing to write and nothing in flight --------/  if to ourselves
 *
 * Invariant: the commit index of a HardState is never beyond the last entry that is durable with it.
 *
 * A change of nothing but the commit index needs no write: it rides with the next append. After a
 * crash the commit index is found again by the log, as a leader's or from the leader. But a
 * membership change is applied only when it is on disk that it is committed: who restarts with the
 * configuration before it may wait for the vote of a member that has left for good.
 */

import { assert } from '../base/assert.ts'
import { mustLeaveJoint, propose, type ProposeResult } from './proposals.ts'
import { Raft } from './raft.ts'
import { finishSnapshot, reportSnapshot } from './snapshots.ts'
import { statusOf, type RaftStatus } from './status.ts'
import { maybeTakeOver, startTransfer, type TransferResult } from './transfer.ts'
import {
  NO_MEMBER,
  type Append,
  type ConfChange,
  type ConfState,
  type Entry,
  type HardState,
  type MemberId,
  type Message,
  type RaftConfig,
  type Ready,
  type Role,
  type SnapshotMetadata,
  type SoftState,
} from './types.ts'

export type { ProposeError, ProposeResult } from './proposals.ts'
export type { ProgressStatus, RaftStatus } from './status.ts'
export type { TransferResult } from './transfer.ts'

export type ReadIndexResult = { readonly ok: true } | { readonly ok: false; error: 'no-leader' }

export class RawNode {
  readonly #raft: Raft
  readonly #maxCommittedBytes: number
  /** The last one that was handed out to be written. */
  #handedHardState: HardState
  #handedRole: Role = 'follower'
  #handedLeader: MemberId = NO_MEMBER
  /** Behind the append in flight. */
  #held: Message[] = []
  /** Everything up to here is on disk as committed. */
  #durableCommit: number

  constructor(config: RaftConfig) {
    this.#raft = new Raft(config)
    this.#maxCommittedBytes = config.maxCommittedBytesPerReady ?? config.maxBytesPerMessage
    this.#handedHardState = config.initial.hardState
    this.#durableCommit = Math.max(config.initial.hardState.commit, config.initial.applied)
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

  /**
   * Start-up: counts `count` more ticks as passed, so that a restarted cluster needs not wait for a
   * whole election timeout. Does nothing once another member was heard of, and never starts an
   * election by itself: the last tick before it always remains.
   */
  advanceTicks(count: number): void {
    assert(Number.isSafeInteger(count) && count >= 0, 'ticks are counted in whole numbers')
    this.#raft.advanceTicks(count)
  }

  /** Starts an election now. A single voter leads as soon as its vote is durable. */
  campaign(): void {
    this.#raft.campaign(false)
  }

  /**
   * Appends an entry if this member leads, else passes it on to the leader. That one may refuse it,
   * then it comes back in Ready.refusedProposals, or the message may get lost, then nobody knows.
   * The data is kept, not copied. `ok` does not mean that it will ever commit.
   */
  propose(data: Uint8Array): ProposeResult {
    return propose(this.#raft, 'EntryNormal', data)
  }

  /**
   * As propose(); refused while another membership change is not applied. Empty data is for
   * leaving the joint configuration.
   */
  proposeConfChange(data: Uint8Array): ProposeResult {
    return propose(this.#raft, 'EntryConfChange', data)
  }

  /**
   * Hands the leadership over to a voter. Until that one leads, or an election timeout is over,
   * proposals are refused. RaftStatus.leadTransferee tells whether it is still going on.
   */
  transferLeadership(to: MemberId): TransferResult {
    return startTransfer(this.#raft, to)
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

  /** Messages to this member were dropped: nothing is sent ahead until it answers again. */
  reportUnreachable(id: MemberId): void {
    const progress = this.#raft.tracker.progress(id)
    if (this.#raft.role === 'leader' && progress?.state === 'StateReplicate') progress.becomeProbe()
  }

  /**
   * How sending the state to a member of Ready.snapshotsDue went. `ok`: it has all of it and may
   * install it. A report that nobody waits for any more does no harm.
   */
  reportSnapshot(id: MemberId, ok: boolean): void {
    reportSnapshot(this.#raft, id, ok)
  }

  /** The state that is taken and not installed yet. Another one is ignored meanwhile. */
  get pendingSnapshot(): SnapshotMetadata | undefined {
    return this.#raft.offer?.snapshot
  }

  /**
   * The state of Ready.snapshot, log and state machine alike, is in place and durable. The log
   * begins behind it, and its configuration is in force.
   */
  snapshotInstalled(): void {
    finishSnapshot(this.#raft)
  }

  /** Whether ready() would have anything to tell. */
  hasReady(): boolean {
    const raft = this.#raft
    return (
      raft.messages.length > 0 ||
      raft.appendsDue ||
      raft.readStates.length > 0 ||
      raft.refusedProposals.length > 0 ||
      raft.snapshotsDue.length > 0 ||
      this.#hasCommitted() ||
      this.#mayAppend() ||
      this.#maySendPromises() ||
      this.#mayInstall() ||
      mustLeaveJoint(raft) ||
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
    const { messages, readStates, refusedProposals } = raft
    raft.messages = []
    raft.readStates = []
    raft.refusedProposals = []
    const committedEntries = this.#hasCommitted()
      ? raft.log.beginApply(this.#maxCommittedBytes, this.#applyLimit)
      : []
    const snapshot = this.#takeSnapshot()
    const snapshotsDue = this.#takeSnapshotsDue()
    // Why not one literal with spreads: they cost more than all the rest of a turn.
    const ready: { -readonly [Part in keyof Ready]: Ready[Part] } = {
      messages,
      committedEntries,
      readStates,
      refusedProposals,
      snapshotsDue,
    }
    if (append !== undefined) ready.append = append
    if (snapshot !== undefined) ready.snapshot = snapshot
    if (softState !== undefined) ready.softState = softState
    return ready
  }

  /** Why none once a snapshot is taken: it holds all that is committed here and more. */
  #hasCommitted(): boolean {
    return this.#raft.offer === undefined && this.#raft.log.hasCommitted(this.#applyLimit)
  }

  /** Just before the first membership change that is not on disk as committed. */
  get #applyLimit(): number {
    return this.#raft.log.confChangeFrom(this.#durableCommit + 1) - 1
  }

  get #installing(): boolean {
    return this.#raft.offer?.handedOut === true
  }

  #mayInstall(): boolean {
    const { offer, log } = this.#raft
    if (offer === undefined || offer.handedOut) return false
    return !log.writing && !this.#mustWrite() && log.applied === log.applying
  }

  #takeSnapshot(): SnapshotMetadata | undefined {
    const { offer } = this.#raft
    if (offer === undefined || !this.#mayInstall()) return undefined
    offer.handedOut = true
    return offer.snapshot
  }

  #takeSnapshotsDue(): MemberId[] {
    const raft = this.#raft
    const due = raft.snapshotsDue
    raft.snapshotsDue = []
    return due.filter((id) => raft.tracker.progress(id)?.state === 'StateSnapshot')
  }

  #mustWrite(): boolean {
    const { log, term, vote } = this.#raft
    const handed = this.#handedHardState
    if (log.hasUnstable() || term !== handed.term || vote !== handed.vote) return true
    const from = Math.max(handed.commit, this.#durableCommit) + 1
    return log.hasConfChange(from, log.committed)
  }

  #mayAppend(): boolean {
    return !this.#raft.log.writing && !this.#installing && this.#mustWrite()
  }

  #maySendPromises(): boolean {
    const { log, messagesAfterAppend } = this.#raft
    return messagesAfterAppend.length > 0 && !log.writing && !this.#mustWrite()
  }

  #beginAppend(): Append | undefined {
    const raft = this.#raft
    if (!this.#mayAppend()) return undefined
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
    this.#durableCommit = Math.max(this.#durableCommit, this.#handedHardState.commit)
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
    maybeTakeOver(this.#raft)
  }

  /**
   * The membership change of an entry takes effect. Call it when that entry is applied and before
   * applied() for it, and not at all for one that the state machine refuses. It must be possible
   * by nextConfState(), on the configuration in force. Returns the configuration to save.
   *
   * Removing one of two voters can end the cluster's progress for good if the other one crashes
   * before it has written that the removal is committed: it then needs the vote of the removed
   * one. From three voters on, those that stay can always elect a leader among themselves.
   */
  applyConfChange(change: ConfChange): ConfState {
    return this.#raft.applyConfChange(change)
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
    return statusOf(this.#raft)
  }
}
