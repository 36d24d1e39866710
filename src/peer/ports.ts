/**
 * What the server asks of the way to the other members. The real one talks TCP; a twin in memory
 * stands in for it in tests. One contract suite runs on both.
 */

import type { BackendRecord } from '../base/ports.ts'
import type { MemberId, Message, MsgSnap } from '../raft/types.ts'

export interface Peer {
  readonly id: MemberId
  /** Tried in turn. */
  readonly urls: readonly string[]
  /**
   * It says itself that it is a member, and nothing else says so: it is talked to, but what it
   * says about who is in the cluster counts for nothing.
   */
  readonly isStranger?: boolean
}

/** A whole state on its way to a member that the log cannot help any more. */
export interface OutgoingSnapshot {
  readonly message: MsgSnap
  /** As the state store saves it, with the sender's identity; the receiver puts in its own. */
  readonly checkpoint: Uint8Array
  /** Expected size of all records, for progress and space checks; may be a little off. */
  readonly bytes: number
  /** All records, each once, in key order. Read at the receiver's pace. */
  readonly records: AsyncIterable<readonly BackendRecord[]>
}

/** Where a snapshot that comes in is put, while it comes in. */
export interface SnapshotSink {
  /** Resolves when there is room for more. */
  write(records: readonly BackendRecord[]): Promise<void>
  /** Everything has come and its digest is right. Resolves when the state is durable. */
  finish(): Promise<void>
  /** The stream broke or its digest is wrong: what came is worth nothing. */
  abort(): Promise<void>
}

export type CallResult =
  | { readonly ok: true; readonly response: Uint8Array }
  /**
   * unreachable: it was not sent. timeout: it may or may not have been handled. refused: the
   * handler threw.
   */
  | { readonly ok: false; readonly error: 'unreachable' | 'timeout' | 'refused' | 'stopped' }

/** Told by a transport. All are called from a turn of their own, never from within a method. */
export interface TransportEvents {
  /** Decoded and checked: `to` is this member, `from` the one that the handshake named. */
  onMessage(message: Message): void
  /** Messages to this member were dropped, for a full queue or a broken or refused connection. */
  onUnreachable(id: MemberId): void
  /** Answers another member's call; to throw answers `refused`. */
  onCall(from: MemberId, request: Uint8Array): Promise<Uint8Array>
  /** A member sends its state. Undefined to refuse it: another one is coming in or being put in. */
  onSnapshot(message: MsgSnap, checkpoint: Uint8Array, bytes: number): SnapshotSink | undefined
  /** A member of this cluster says that this one has been removed from it. */
  onRemoved(): void
  /**
   * A member of this cluster whom neither setPeers nor setRemoved has named talks to this one: it
   * may lead by an entry that is not here yet. Told when it connects, or again and again, also
   * while setPeers names it as a stranger: its URLs may be others.
   */
  onStranger(peer: Peer): void
  /** Who listens where this member should be belongs to another cluster. */
  onForeign(id: MemberId): void
}

/** Moves what members say to each other. Nothing that is sent is sent twice, but it may get lost. */
export interface Transport {
  /** The other members. Streams to those that are gone end; URLs that changed are used for
   * the next connection. */
  setPeers(peers: readonly Peer[]): void
  /** Ids whose connections are refused from now on, with the news that they have been removed. */
  setRemoved(ids: readonly MemberId[]): void
  /**
   * In order per receiver and kind: what carries entries may be overtaken by what does not, so that
   * no heartbeat waits behind bulk. All MsgApp are of one kind. MsgSnap goes by sendSnapshot alone.
   */
  send(messages: readonly Message[]): void
  /** Asks another member. Never rejects. */
  call(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<CallResult>
  /** Resolves with whether the receiver has it, whole and durable. One per receiver at a time. */
  sendSnapshot(to: MemberId, snapshot: OutgoingSnapshot): Promise<boolean>
  /** Clock time since when both directions to this member have been connected, or undefined. */
  activeSinceMs(id: MemberId): number | undefined
  /** Ends all streams; resolves when no handler will be called any more. */
  stop(): Promise<void>
}
