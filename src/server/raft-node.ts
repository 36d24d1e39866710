/**
 * The Ready loop: drives the pure Raft core and carries its effects out, once a turn.
 *
 *   proposals, reads, messages, ticks          (gathered during the turn)
 *        └─► run(): take a Ready ─► send messages
 *                              ├► write the append part, synced
 *                              └► apply committed entries ─► answer reads
 *
 * One write is in flight at most; what arrives meanwhile is the next block. Raft itself holds
 * back every message that depends on the write until `appended` says that it is done, so a leader's
 * followers write at the same time as it does.
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { ProposeResult } from '../raft/proposals.ts'
import type { RaftStatus, RawNode } from '../raft/raw-node.ts'
import type { TransferResult } from '../raft/transfer.ts'
import {
  NO_MEMBER,
  type ConfChange,
  type ConfState,
  type Entry,
  type EntryType,
  type MemberId,
  type Message,
  type ReadState,
  type Role,
  type SnapshotMetadata,
} from '../raft/types.ts'
import type { RaftLogStore } from '../storage/ports.ts'

/** What the loop hands its effects to. Everything but the snapshot is done when a call returns. */
export interface RaftNodeEvents {
  /** To be sent now, in this order. */
  onMessages(messages: readonly Message[]): void
  /** Committed entries in index order, each exactly once. */
  onCommitted(entries: readonly Entry[]): void
  onReadStates(states: readonly ReadState[]): void
  /** Forwarded proposals that the leader has not taken. */
  onRefused(forwardIds: readonly number[]): void
  /** Members that need the whole state; how it went is for `reportSnapshot`. */
  onSnapshotsDue(ids: readonly MemberId[]): void
  /** The state that came takes the place of this member's. Resolves when it has. */
  onSnapshot(snapshot: SnapshotMetadata): Promise<void>
  /** The log goes on behind it. */
  onInstalled(): void
  onLeader(leader: MemberId): void
  /** After the entries and read states of one Ready. */
  onAdvanced(): void
  /** Asks Raft what the turn has gathered, before the Ready is taken. */
  onBeforeReady(): void
}

export interface RaftNodePorts {
  readonly clock: Clock
  readonly logger: Logger
  /** Told how long each synced write took, in seconds. */
  readonly onSynced: (seconds: number) => void
  /** Between two ticks. */
  readonly heartbeatMs: number
  /** A write that takes this long is a stall; the election timeout. */
  readonly stallMs: number
}

export class RaftNode {
  readonly #raw: RawNode
  readonly #log: RaftLogStore
  readonly #ports: RaftNodePorts
  #events: RaftNodeEvents | undefined
  #scheduled = false
  #stopped = false
  #writing: Promise<void> | undefined
  #writingSinceMs: number | undefined
  #installing: Promise<void> | undefined
  #leader: MemberId = NO_MEMBER
  #role: Role = 'follower'
  #leaderChanges = 0
  #lateHeartbeats = 0
  #tickedAtMs: number | undefined

  constructor(raw: RawNode, log: RaftLogStore, ports: RaftNodePorts) {
    this.#raw = raw
    this.#log = log
    this.#ports = ports
  }

  /** Before the first `schedule`. */
  listen(events: RaftNodeEvents): void {
    this.#events = events
  }

  get memberId(): MemberId {
    return this.#raw.id
  }

  get leader(): MemberId {
    return this.#leader
  }

  get isLeader(): boolean {
    return this.#role === 'leader'
  }

  get leaderChanges(): number {
    return this.#leaderChanges
  }

  get term(): number {
    return this.#raw.term
  }

  get committedIndex(): number {
    return this.#raw.committed
  }

  /** The disk has not completed a write for an election timeout. */
  get isStalled(): boolean {
    if (this.#writingSinceMs === undefined) return false
    return this.#ports.clock.nowMs() - this.#writingSinceMs > this.#ports.stallMs
  }

  status(): RaftStatus {
    return this.#raw.status()
  }

  tick(): void {
    this.#noteLateTick()
    this.#raw.tick()
    if (this.isLeader && this.isStalled) this.handOver('its disk stalls')
    this.schedule()
  }

  /** Ticks of a leader that came so late that its heartbeats did too. */
  get lateHeartbeats(): number {
    return this.#lateHeartbeats
  }

  /** A state that came from another member is being put in place of this one's. */
  get isInstalling(): boolean {
    return this.#installing !== undefined
  }

  /** Lets ticks count as passed for a member that has just started. */
  advanceTicks(count: number): void {
    this.#raw.advanceTicks(count)
  }

  campaign(): void {
    this.#raw.campaign()
    this.schedule()
  }

  propose(type: EntryType, data: Uint8Array): ProposeResult {
    const outcome =
      type === 'EntryNormal' ? this.#raw.propose(data) : this.#raw.proposeConfChange(data)
    this.schedule()
    return outcome
  }

  transferLeadership(to: MemberId): TransferResult {
    const outcome = this.#raw.transferLeadership(to)
    this.schedule()
    return outcome
  }

  /** The leader, this member, has asked another one to take over. */
  get isHandingOver(): boolean {
    return this.#raw.status().leadTransferee !== NO_MEMBER
  }

  /**
   * As the leader, asks the voter that is most up to date to take over. 'not-yet': one has been asked
   * already, or none was heard of since the last look at the quorum, which forgets them all; ask
   * again a tick later. 'alone': there is no other voter.
   */
  handOver(reason: string): 'started' | 'not-yet' | 'alone' {
    const { progress } = this.#raw.status()
    if (this.isHandingOver) return 'not-yet'
    let best: MemberId = NO_MEMBER
    let bestMatch = -1
    let isAlone = true
    for (const [id, { match, recentActive, isLearner }] of progress) {
      if (id === this.#raw.id || isLearner) continue
      isAlone = false
      if (!recentActive || match <= bestMatch) continue
      best = id
      bestMatch = match
    }
    if (best === NO_MEMBER) return isAlone ? 'alone' : 'not-yet'
    const fields = { 'transferee-member-id': best, reason }
    this.#ports.logger.info('leadership transfer starting', fields)
    return this.transferLeadership(best).ok ? 'started' : 'not-yet'
  }

  reportUnreachable(id: MemberId): void {
    this.#raw.reportUnreachable(id)
    this.schedule()
  }

  reportSnapshot(id: MemberId, ok: boolean): void {
    this.#raw.reportSnapshot(id, ok)
    this.schedule()
  }

  /** Offers a state that has come in whole. False when it is of no use here. */
  offerSnapshot(message: Extract<Message, { type: 'MsgSnap' }>): boolean {
    this.step(message)
    const pending = this.#raw.pendingSnapshot
    return pending?.index === message.snapshot.index && pending.term === message.snapshot.term
  }

  step(message: Message): void {
    this.#raw.step(message)
    this.schedule()
  }

  readIndex(context: string): void {
    this.#raw.readIndex(context)
  }

  applyConfChange(change: ConfChange): ConfState {
    return this.#raw.applyConfChange(change)
  }

  /** Forgets entries <= index, in memory and on disk. Only behind a durable checkpoint. */
  async compactLog(index: number): Promise<void> {
    this.#raw.compactLog(index)
    await this.#log.compact(index)
  }

  /** Runs the loop later in this turn, once, however often it is asked for. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => this.#run())
  }

  /** Takes no more Readys; resolves when the write in flight is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#installing
    await this.#writing
  }

  #run(): void {
    this.#scheduled = false
    if (this.#stopped) return
    this.#events?.onBeforeReady()
    if (!this.#raw.hasReady()) return
    const ready = this.#raw.ready()
    if (ready.softState !== undefined)
      this.#onSoftState(ready.softState.leader, ready.softState.role)
    if (ready.messages.length > 0) this.#events?.onMessages(ready.messages)
    if (ready.append !== undefined) this.#write(ready.append)
    if (ready.snapshot !== undefined) this.#install(ready.snapshot)
    if (ready.committedEntries.length > 0) this.#events?.onCommitted(ready.committedEntries)
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) this.#raw.applied(last.index)
    if (ready.readStates.length > 0) this.#events?.onReadStates(ready.readStates)
    if (ready.refusedProposals.length > 0) this.#events?.onRefused(ready.refusedProposals)
    if (ready.snapshotsDue.length > 0) this.#events?.onSnapshotsDue(ready.snapshotsDue)
    this.#events?.onAdvanced()
    if (this.#raw.hasReady()) this.schedule()
  }

  #write(block: Parameters<RaftLogStore['append']>[0]): void {
    const { clock, onSynced } = this.#ports
    const startMs = clock.nowMs()
    this.#writingSinceMs = startMs
    this.#writing = this.#log.append(block).then(() => {
      this.#writing = undefined
      this.#writingSinceMs = undefined
      onSynced((clock.nowMs() - startMs) / 1000)
      this.#raw.appended()
      // Why: what the write has just committed is applied and answered in this turn already.
      if (!this.#stopped) this.#run()
    })
  }

  #noteLateTick(): void {
    const { clock, logger, heartbeatMs } = this.#ports
    const nowMs = clock.nowMs()
    const lateMs = nowMs - (this.#tickedAtMs ?? nowMs) - heartbeatMs
    this.#tickedAtMs = nowMs
    if (!this.isLeader || lateMs <= heartbeatMs) return
    this.#lateHeartbeats++
    logger.warn('leader failed to send out heartbeats on time: the process was held up', {
      'exceeded-ms': Math.round(lateMs),
    })
  }

  #install(snapshot: SnapshotMetadata): void {
    this.#installing = this.#putInPlace(snapshot).then(() => {
      this.#installing = undefined
      this.#raw.snapshotInstalled()
      this.#events?.onInstalled()
      this.#events?.onAdvanced()
      this.schedule()
    })
  }

  /**
   * First the state, then the log. After a crash between the two the state says that it was
   * installed, and the next start restarts the log behind it. Raft writes nothing meanwhile.
   */
  async #putInPlace(snapshot: SnapshotMetadata): Promise<void> {
    await this.#events?.onSnapshot(snapshot)
    await this.#log.reset(snapshot.index)
  }

  #onSoftState(leader: MemberId, role: Role): void {
    const before = this.#leader
    this.#leader = leader
    this.#role = role
    if (leader === before) return
    this.#events?.onLeader(leader)
    const fields = { 'local-member': this.#raw.id, term: this.#raw.term }
    if (leader === NO_MEMBER) {
      this.#ports.logger.warn(`raft.node: ${this.#raw.id} lost leader ${before}`, fields)
      return
    }
    this.#leaderChanges++
    this.#ports.logger.info(
      `raft.node: ${this.#raw.id} elected leader ${leader} at term ${this.#raw.term}`,
      fields,
    )
  }
}
