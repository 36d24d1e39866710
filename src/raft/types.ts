/**
 * The vocabulary of the Raft core: entries, messages, and the Ready that carries its effects out.
 * Names are those of the Raft paper and of etcd's raft. Everything here is plain readonly data.
 */

import type { Logger, Random } from '../base/ports.ts'

/** A member's id: 16 lowercase hex digits, so that string order is numeric order. '' is nobody. */
export type MemberId = string

export const NO_MEMBER: MemberId = ''

/** EntryConfChange carries an encoded membership change; an empty EntryNormal is a leader's no-op. */
export type EntryType = 'EntryNormal' | 'EntryConfChange'

export interface Entry {
  readonly index: number
  readonly term: number
  readonly type: EntryType
  readonly data: Uint8Array
}

/** What must be durable before any message that depends on it leaves (Raft figure 2). */
export interface HardState {
  readonly term: number
  readonly vote: MemberId
  readonly commit: number
}

export const EMPTY_HARD_STATE: HardState = { term: 0, vote: NO_MEMBER, commit: 0 }

/** The configuration the cluster votes with. `votersOutgoing` is non-empty in a joint phase alone. */
export interface ConfState {
  readonly voters: readonly MemberId[]
  readonly votersOutgoing: readonly MemberId[]
  readonly learners: readonly MemberId[]
  readonly learnersNext: readonly MemberId[]
  readonly autoLeave: boolean
}

export interface SnapshotMetadata {
  readonly index: number
  readonly term: number
  readonly confState: ConfState
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

/** Volatile state worth telling: who leads, and what this member is. */
export interface SoftState {
  readonly leader: MemberId
  readonly role: Role
}

/** A linearizable read may be served once everything up to `index` is applied. */
export interface ReadState {
  readonly index: number
  readonly context: string
}

/** An entry before the leader gives it an index and a term. */
export interface ProposedEntry {
  readonly type: EntryType
  readonly data: Uint8Array
}

/** `add-voter` also promotes a learner; `add-learner` also takes a voter's vote away. */
export interface ConfChangeStep {
  readonly type: 'add-voter' | 'add-learner' | 'remove'
  readonly id: MemberId
}

/**
 * A membership change. It takes effect when its entry is applied. At most one voter more or less
 * takes effect at once (thesis §4.1); more goes through a joint configuration (thesis §4.3).
 */
export interface ConfChange {
  /** None: leaves the joint configuration. An EntryConfChange without data means that too. */
  readonly steps: readonly ConfChangeStep[]
  /**
   * auto: joint only where it must be, then as joint-implicit. joint-implicit: joint, and the
   * leader proposes to leave it as soon as it has been applied. joint-explicit: the caller leaves.
   */
  readonly transition: 'auto' | 'joint-implicit' | 'joint-explicit'
}

/**
 * `term` is the sender's; it is 0 in MsgProp, MsgPropRefused and MsgReadIndex, which belong to no
 * term.
 */
interface Envelope {
  readonly from: MemberId
  readonly to: MemberId
  readonly term: number
}

/** Proposals forwarded to the leader. They may get lost, and nobody answers what is taken. */
export interface MsgProp extends Envelope {
  readonly type: 'MsgProp'
  /** The sender's number for this message, new with every message. */
  readonly forwardId: number
  readonly entries: readonly ProposedEntry[]
}

/** Nothing of that MsgProp was appended, nor ever will be: the sender may propose it again. */
export interface MsgPropRefused extends Envelope {
  readonly type: 'MsgPropRefused'
  readonly forwardId: number
}

/** AppendEntries (Raft §5.3). `index` and `logTerm` name the entry just before `entries`. */
export interface MsgApp extends Envelope {
  readonly type: 'MsgApp'
  readonly index: number
  readonly logTerm: number
  readonly entries: readonly Entry[]
  readonly commit: number
}

/**
 * Accepted: the log matches the leader's up to `index`, durably. Rejected: there is no match at
 * `index`; the last possible one is `rejectHint`, where this log has the term `logTerm`.
 */
export interface MsgAppResp extends Envelope {
  readonly type: 'MsgAppResp'
  readonly index: number
  readonly reject: boolean
  readonly rejectHint: number
  readonly logTerm: number
}

/**
 * RequestVote (Raft §5.2), and its trial run (thesis §9.6) whose `term` is the one the sender
 * would campaign in. `index` and `logTerm` name the last entry of the sender's log.
 */
export interface MsgVote extends Envelope {
  readonly type: 'MsgVote' | 'MsgPreVote'
  readonly index: number
  readonly logTerm: number
  /** The leader asked for this election: stickiness does not hold it up (thesis §4.2.3). */
  readonly transfer: boolean
}

/**
 * A refusal tells what the sender knows to be committed: `commit` and the term of the entry there.
 * Why: where the last of several voters leave, those that stay may not know that they alone decide
 * now, while those that left may not lead but have the longer logs. Both are 0 in a granted vote.
 */
export interface MsgVoteResp extends Envelope {
  readonly type: 'MsgVoteResp' | 'MsgPreVoteResp'
  readonly reject: boolean
  readonly commit: number
  readonly commitTerm: number
}

/** `round` is the newest round of reads that the leader started; the answer gives it back. */
export interface MsgHeartbeat extends Envelope {
  readonly type: 'MsgHeartbeat'
  readonly commit: number
  readonly round: number
}

export interface MsgHeartbeatResp extends Envelope {
  readonly type: 'MsgHeartbeatResp'
  readonly round: number
  /** The sender's commit index. */
  readonly commit: number
  /** A snapshot is there and is being put in place: the sender needs no other one yet. */
  readonly installing: boolean
}

/** A follower asks for a read index (thesis §6.4). `context` is new with every attempt. */
export interface MsgReadIndex extends Envelope {
  readonly type: 'MsgReadIndex'
  readonly context: string
}

export interface MsgReadIndexResp extends Envelope {
  readonly type: 'MsgReadIndexResp'
  readonly index: number
  readonly context: string
}

/** The leader hands over: campaign at once, without a trial run (thesis §3.10). */
export interface MsgTimeoutNow extends Envelope {
  readonly type: 'MsgTimeoutNow'
}

/**
 * InstallSnapshot (Raft §7). The state itself goes another way: this is stepped when all of it has
 * arrived and has been checked. Answered by a MsgAppResp.
 */
export interface MsgSnap extends Envelope {
  readonly type: 'MsgSnap'
  readonly snapshot: SnapshotMetadata
}

export type Message =
  | MsgProp
  | MsgPropRefused
  | MsgApp
  | MsgAppResp
  | MsgVote
  | MsgVoteResp
  | MsgHeartbeat
  | MsgHeartbeatResp
  | MsgReadIndex
  | MsgReadIndexResp
  | MsgTimeoutNow
  | MsgSnap

export type MessageType = Message['type']

/** What to write and sync in one atomic step. Entries from the first one's index on are replaced. */
export interface Append {
  readonly entries: readonly Entry[]
  /** Present when any of its fields changed since the last append. */
  readonly hardState?: HardState
}

/** The effects of everything stepped since the last Ready. */
export interface Ready {
  /** May leave now, in this order, even while `append` is in flight. */
  readonly messages: readonly Message[]
  /** At most one is in flight: the next one comes only after RawNode.appended(). */
  readonly append?: Append
  /** Committed and durable here: apply in order, then call RawNode.applied(). */
  readonly committedEntries: readonly Entry[]
  readonly readStates: readonly ReadState[]
  /** Forward ids of proposals that the leader refused: they are in no log. */
  readonly refusedProposals: readonly number[]
  /** Members that need entries which are compacted here: send each the state, then tell
   * RawNode.reportSnapshot(). Each is named once until that. */
  readonly snapshotsDue: readonly MemberId[]
  /**
   * The state that a leader sent is to take the place of this member's. Only in a Ready without
   * append and entries, and with no append in flight. Until RawNode.snapshotInstalled() no Ready
   * has an append or entries.
   */
  readonly snapshot?: SnapshotMetadata
  /** Present when it changed. */
  readonly softState?: SoftState
}

/** What was on disk when the member started. */
export interface InitialState {
  readonly hardState: HardState
  /** The configuration as of `applied`; empty before bootstrap's entries are applied. */
  readonly confState: ConfState
  /** The entry before the first of `entries`: 0 and term 0 for a log that was never compacted. */
  readonly snapshotIndex: number
  readonly snapshotTerm: number
  readonly entries: readonly Entry[]
  /** Up to here the state machine has applied; entries after it are handed out again. */
  readonly applied: number
}

export interface RaftConfig {
  readonly id: MemberId
  /** A follower waits for [electionTicks, 2 * electionTicks) ticks, drawn anew each time. */
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  /** Entries per MsgApp; a single larger entry still goes, alone. */
  readonly maxBytesPerMessage: number
  /** MsgApp with entries that may be on their way to one follower. */
  readonly maxInflightMessages: number
  /** Bytes of entries that may be on their way to one follower; one message always may. */
  readonly maxInflightBytes: number
  /** Payload a leader accepts beyond its commit index; a proposal to an idle log always passes. */
  readonly maxUncommittedBytes: number
  /** Entries to apply per Ready; maxBytesPerMessage when not given. */
  readonly maxCommittedBytesPerReady?: number
  readonly random: Random
  readonly logger: Logger
  readonly initial: InitialState
}
