/**
 * The records of a state database as they are at one moment, read in batches: what is stored,
 * merged with what was written and has not been stored by then.
 *
 *     stored     a  b     d  e
 *     pending       b'  c  d̸           ─►  a  b'  c  e
 */

import { keyFromBytes, keyToBytes } from '../base/key.ts'
import type { Key } from '../base/key.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { LevelDatabase, LevelIterator, LevelSnapshot } from './level.ts'
import type { RecordView } from './ports.ts'
import { ViewEndedError } from './transfer-errors.ts'
import type { PendingWrite } from './write-buffer.ts'

const BATCH_RECORDS = 1000
const BATCH_BYTES = 256 * 1024

type Batch = readonly BackendRecord[]
type Entries = readonly (readonly [storedKey: Uint8Array, stored: Uint8Array])[]

/** A read that is under way, as the store sees it. */
export interface OpenRead {
  /** The store closes it: whoever is not through must not take the end for the end of the records. */
  end(): Promise<void>
}

/** The store that is read. */
export interface ViewHost {
  /** The record's value; throws when it is damaged. */
  decode(storedKey: Uint8Array, stored: Uint8Array): Uint8Array
  /** What to throw when reading has failed. */
  onReadError(error: unknown): Error
  onEnded(read: OpenRead): void
}

export class LevelRecordView implements RecordView, OpenRead, AsyncIterator<Batch, undefined> {
  readonly #snapshot: LevelSnapshot
  readonly #iterator: LevelIterator
  readonly #pending: readonly PendingWrite[]
  readonly #host: ViewHost
  #pendingAt: number
  /** What the database gives next, asked for while the batch before it is used. */
  #ahead: Promise<Entries> | undefined
  /** Merged, and not handed out yet. */
  #merged: BackendRecord[]
  #closing: Promise<void> | undefined
  /** By the store, under the hands of the reader. */
  #isEnded: boolean

  /**
   * Takes the view of the stored keys in [start, end). `pending` are the writes on their way to
   * the database, one per key and in key order; those of them that have arrived do no harm.
   */
  constructor(
    db: LevelDatabase,
    start: Buffer,
    end: Buffer,
    pending: readonly PendingWrite[],
    host: ViewHost,
  ) {
    this.#snapshot = db.snapshot()
    this.#iterator = db.iterator({
      gte: start,
      lt: end,
      snapshot: this.#snapshot,
      highWaterMarkBytes: BATCH_BYTES,
      fillCache: false,
    })
    this.#pending = pending
    this.#host = host
    this.#pendingAt = 0
    this.#ahead = undefined
    this.#merged = []
    this.#closing = undefined
    this.#isEnded = false
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Batch, undefined>> {
    if (this.#isEnded) throw new ViewEndedError()
    if (this.#closing !== undefined) return { done: true, value: undefined }
    try {
      let hasMore = true
      while (hasMore && this.#merged.length === 0) hasMore = await this.#readOn()
    } catch (error) {
      await this.close()
      throw this.#isEnded ? new ViewEndedError() : this.#host.onReadError(error)
    }
    const value = this.#takeBatch()
    if (value.length > 0) return { done: false, value }
    await this.close()
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Batch, undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  end(): Promise<void> {
    this.#isEnded = true
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#iterator.close()
    await this.#snapshot.close()
    this.#host.onEnded(this)
  }

  /** Merges what the database gives next; false when that was the rest. */
  async #readOn(): Promise<boolean> {
    const entries = await (this.#ahead ?? this.#iterator.nextv(BATCH_RECORDS))
    this.#ahead = entries.length === 0 ? undefined : this.#readAhead()
    for (const [storedKey, stored] of entries) {
      const key = storedKey.subarray(1)
      const isReplaced = this.#mergePendingUpTo(key)
      if (!isReplaced) this.#merged.push({ key, value: this.#host.decode(storedKey, stored) })
    }
    if (entries.length > 0) return true
    while (this.#mergePending(undefined) !== undefined);
    return false
  }

  /** A failure is for the one who comes for the entries; after close() nobody does. */
  #readAhead(): Promise<Entries> {
    const entries = this.#iterator.nextv(BATCH_RECORDS)
    entries.catch(() => undefined)
    return entries
  }

  /** Merges the pending writes before `stored` and the one of it; whether there is one of it. */
  #mergePendingUpTo(stored: Uint8Array): boolean {
    if (this.#pendingAt === this.#pending.length) return false
    const end = keyFromBytes(stored)
    let merged = this.#mergePending(end)
    while (merged !== undefined && merged < end) merged = this.#mergePending(end)
    return merged === end
  }

  /** Merges one pending write whose key is not above `last`, and tells its key. */
  #mergePending(last: Key | undefined): Key | undefined {
    const write = this.#pending[this.#pendingAt]
    if (write === undefined || (last !== undefined && write.key > last)) return undefined
    this.#pendingAt++
    const { key, value } = write
    if (value !== undefined) this.#merged.push({ key: keyToBytes(key), value })
    return key
  }

  #takeBatch(): Batch {
    let bytes = 0
    let count = 0
    for (const { key, value } of this.#merged) {
      if (count === BATCH_RECORDS || bytes >= BATCH_BYTES) break
      bytes += key.length + value.length
      count++
    }
    return this.#merged.splice(0, count)
  }
}
