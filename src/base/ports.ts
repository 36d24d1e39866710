/**
 * The ports through which the deciding code sees the world. Production passes real ones, tests
 * and the simulator pass fakes with virtual time, seeded randomness and memory in place of disk.
 */

/** Monotonic time. It never goes back and is not related to wall time. */
export interface Clock {
  /** Milliseconds since some fixed point, with fractions. */
  nowMs(): number
}

export interface Random {
  /** A uniform integer in [0, bound); bound is 1..2^32. */
  below(bound: number): number
}

export type LogFields = Readonly<Record<string, unknown>>

/** A structured log: a fixed message, and what varies in fields (kebab-case names, as etcd's). */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
}

export interface BackendRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/**
 * An ordered byte map on disk, as the MVCC store sees it. Writes are buffered, visible to reads
 * at once, and become durable only by the checkpoint that the server takes; the Raft log covers
 * the time between. Key order is byte order. A failed write ends the process, so no method here
 * reports one.
 */
export interface Backend {
  /** The value, or undefined. Synchronous: from the write buffer or the disk cache. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Takes ownership of both arrays; the caller never changes them afterwards. */
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  /**
   * Records with start <= key < end in key order, in batches of bounded size, as they are at the
   * time of the first batch. Writes made while the scan runs may or may not be seen.
   */
  scan(start: Uint8Array, end: Uint8Array): AsyncIterable<readonly BackendRecord[]>
  /**
   * All records in key order, in batches of bounded size, as fast as they can be had: for a
   * restore, to which the backend is left alone. It writes nothing meanwhile, and deletes nothing
   * but records that it has been given. A batch is good until the next one is asked for.
   */
  readAll(): AsyncIterable<readonly BackendRecord[]>
}
