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

/** One voter more or one voter less. It takes effect when its entry is applied (thesis §4.1). */
export interface ConfChange {
  readonly type: 'add' | 'remove'
  readonly id: MemberId
}

/** `term` is the sender's; it is 0 in MsgProp and MsgReadIndex, which belong to no term. */
interface Envelope {
  readonly from: MemberId
  readonly to: MemberId
  readonly term: number
}

/** A proposal forwarded to the leader. It may get lost; nobody answers it. */
export interface MsgProp extends Envelope {
  readonly type: 'MsgProp'
  readonly entries: readonly ProposedEntry[]
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
}

export interface MsgVoteResp extends Envelope {
  readonly type: 'MsgVoteResp' | 'MsgPreVoteResp'
  readonly reject: boolean
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

export type Message =
  | MsgProp
  | MsgApp
  | MsgAppResp
  | MsgVote
  | MsgVoteResp
  | MsgHeartbeat
  | MsgHeartbeatResp
  | MsgReadIndex
  | MsgReadIndexResp

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
  /** Payload a leader accepts beyond its commit index; a proposal to an idle log always passes. */
  readonly maxUncommittedBytes: number
  /** Entries to apply per Ready; maxBytesPerMessage when not given. */
  readonly maxCommittedBytesPerReady?: number
  readonly random: Random
  readonly logger: Logger
  readonly initial: InitialState
}
