/**
 * What the server asks of the disk: a Raft log that is durable when a write completes, and a
 * state store whose writes become durable with the next checkpoint. Each port has a LevelDB
 * implementation and a twin in memory; one contract suite runs on both.
 */

import type { Backend, BackendRecord, Logger } from '../base/ports.ts'
import type { Entry, HardState } from '../raft/types.ts'
import type { Files } from './files.ts'

/** What a store is given at open. */
export interface StoreOptions {
  /**
   * Called once, with one clear sentence, when a write failed or stored bytes are damaged. The
   * process must end: the store attempts no later write, and what was asked of it never resolves.
   */
  readonly onFatal: (error: Error) => void
  readonly logger: Logger
  /** The real ones when left out. */
  readonly files?: Files
}

/**
 * Why a store did not open. `message` is one sentence for the operator.
 * in-use: another process holds it. corrupt: acknowledged bytes are missing or changed.
 * unwritable: permissions, no space, a read-only disk. foreign: it belongs to another program.
 */
export interface StorageFailure {
  readonly ok: false
  readonly error: 'in-use' | 'corrupt' | 'unwritable' | 'foreign'
  readonly message: string
}

/** One group commit. `entries` are contiguous; their first index may overwrite a conflicting tail. */
export interface LogBlock {
  readonly entries: readonly Entry[]
  /** Present when it changed; the last one written is what recovery returns. */
  readonly hardState?: HardState
}

export interface RecoveredLog {
  readonly hardState: HardState
  /** Contiguous, ascending, the first is `compacted` + 1; empty for a new log. */
  readonly entries: readonly Entry[]
  /**
   * Entries up to here were compacted away, 0 for none. A checkpoint below it means that the
   * state store lost its newest checkpoint: such a member cannot start.
   */
  readonly compacted: number
  /** Bytes of blocks read. */
  readonly bytes: number
}

export interface RaftLogStore {
  /**
   * Resolves when the block is on disk (fdatasync done). One call at a time, in order. A failed
   * write calls the `onFatal` given at open and never resolves: the process must end.
   */
  append(block: LogBlock): Promise<void>
  /**
   * Forgets entries <= index, at block granularity on disk, exactly in what recovery returns.
   * Call only behind a durable checkpoint; index is at most the last index. May run beside append.
   */
  compact(index: number): Promise<void>
  /**
   * Forgets every entry: the log goes on at index + 1, as after an installed snapshot or when
   * recovery finds a log that does not contain its checkpoint's entry. The hard state stays.
   * Durable when it resolves. Counts as an append: one at a time.
   */
  reset(index: number): Promise<void>
  /** Waits for what is under way, then closes. */
  close(): Promise<void>
}

/**
 * The records of one moment, in key order, in batches of bounded size; damaged ones end the store.
 * To be read once. It ends at the end, when for-await is left early, and by close(); whoever reads
 * on after the store was closed or replaced gets an error.
 */
export interface RecordView extends AsyncIterable<readonly BackendRecord[]> {
  /** Ends it, read or not. May be called at any time, and more than once. */
  close(): Promise<void>
}

/**
 * A state that comes from another member, gathered beside the one in use. It is a database of its
 * own, so a failure (a full disk, mostly) spoils it alone: write and finish reject, the store in
 * use goes on, and abort() gives the space back.
 */
export interface StagedState {
  /** Each record once. Resolves when there is room for more. */
  write(records: readonly BackendRecord[]): Promise<void>
  /** Resolves when all records and this checkpoint are durable: it is ready for install(). */
  finish(checkpoint: Uint8Array): Promise<void>
  /**
   * Gives it up, at any time before install(); after that, and a second time, it does nothing.
   * Removes what was written. Waits for what is under way. Never rejects.
   */
  abort(): Promise<void>
}

export interface StateStore extends Backend {
  /**
   * All records as they are at the call: a checkpoint taken in the same turn goes with exactly
   * these. Later writes and deletes do not change the view. It costs disk space until it ends.
   */
  exportRecords(): Promise<RecordView>
  /**
   * Begins to gather a state; one at a time: the one before is aborted or installed, or it is
   * finished and was not wanted. Removes what earlier ones left. Rejects as write() does.
   */
  stage(): Promise<StagedState>
  /**
   * The finished staged state takes the place of this one, atomically: a crash leaves either the
   * old or the new state, each with its checkpoint. No scan, checkpoint, read or write may be under
   * way or come before it resolves; buffered writes of the old state are dropped, open views end.
   * The same StateStore object goes on over the new records, as after open: `bytesInUse` is 0 until
   * restore has counted. Any failure is fatal.
   */
  install(staged: StagedState): Promise<void>
  /**
   * Makes every earlier put and delete durable, then `checkpoint` itself, replacing the previous
   * one. Resolves when all of it is on disk. One call at a time.
   *
   * A delete may become durable before the next checkpoint does, so delete only what the
   * checkpoint already saved does not need (or what a replay from it writes again).
   */
  saveCheckpoint(checkpoint: Uint8Array): Promise<void>
  /**
   * Bytes of live records, keys and values, by count kept while writing. Exact as long as no put
   * replaces a record that has reached the disk (MVCC records are written once).
   */
  readonly bytesInUse: number
  /** Sets the count that restore made of what it kept; call it before the first write after. */
  setBytesInUse(bytes: number): void
  /** Bytes of writes that have not reached the store yet: what proposers are throttled by. */
  readonly pendingBytes: number
  /** Resolves when every earlier write has reached the store (not: the disk). */
  flush(): Promise<void>
  /** Bytes of files on disk. */
  diskBytes(): Promise<number>
  /** Lets the disk format reclaim space in the background of other work. */
  defragment(): Promise<void>
  /** Flushes buffered writes (without sync) and closes. */
  close(): Promise<void>
}
