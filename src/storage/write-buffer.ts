/**
 * Writes that have not reached the database: a map that reads consult first, and a queue in the
 * order of writing that the flusher drains. A put, an overwrite and a delete each are an item of
 * the queue; the map points at the newest item of its key, and lets go of it once it is flushed.
 */

import type { Key } from '../base/key.ts'

export interface PendingWrite {
  readonly key: Key
  /** undefined deletes. */
  readonly value: Uint8Array | undefined
}

/** What an item costs in memory beside its bytes, about: the item, its place in map and queue. */
const ITEM_OVERHEAD_BYTES = 100

export class WriteBuffer {
  readonly #newest: Map<Key, PendingWrite>
  #queue: PendingWrite[]
  /** The queue's items before this position are taken. */
  #taken: number
  #queuedBytes: number
  #flyingBytes: number
  #addedCount: number
  #doneCount: number

  constructor() {
    this.#newest = new Map()
    this.#queue = []
    this.#taken = 0
    this.#queuedBytes = 0
    this.#flyingBytes = 0
    this.#addedCount = 0
    this.#doneCount = 0
  }

  /** Bytes waiting to be taken. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Bytes waiting or taken and not done. */
  get bytes(): number {
    return this.#queuedBytes + this.#flyingBytes
  }

  /** Writes ever added. */
  get addedCount(): number {
    return this.#addedCount
  }

  /** Writes ever done: the oldest ones, since they are taken in order, one batch at a time. */
  get doneCount(): number {
    return this.#doneCount
  }

  get isQueueEmpty(): boolean {
    return this.#taken === this.#queue.length
  }

  find(key: Key): PendingWrite | undefined {
    return this.#newest.get(key)
  }

  /** What the buffer has to say of each key, in key order; later writes do not change the list. */
  pending(): readonly PendingWrite[] {
    return [...this.#newest.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  add(key: Key, value: Uint8Array | undefined): void {
    const write: PendingWrite = { key, value }
    this.#newest.set(key, write)
    this.#queue.push(write)
    this.#addedCount++
    this.#queuedBytes += costOf(write)
  }

  /** The oldest writes of about `maxBytes`, at least one. Give them back to done(). */
  take(maxBytes: number): readonly PendingWrite[] {
    let bytes = 0
    let end = this.#taken
    while (end < this.#queue.length && bytes < maxBytes) {
      const write = this.#queue[end]
      if (write !== undefined) bytes += costOf(write)
      end++
    }
    const writes = this.#queue.slice(this.#taken, end)
    this.#taken = end
    if (this.#taken * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#taken)
      this.#taken = 0
    }
    this.#queuedBytes -= bytes
    this.#flyingBytes += bytes
    return writes
  }

  /** `writes` are in the database: reads find them there, unless a newer one is pending. */
  done(writes: readonly PendingWrite[]): void {
    this.#doneCount += writes.length
    for (const write of writes) {
      if (this.#newest.get(write.key) === write) this.#newest.delete(write.key)
      this.#flyingBytes -= costOf(write)
    }
  }
}

function costOf(write: PendingWrite): number {
  return write.key.length + (write.value?.length ?? 0) + ITEM_OVERHEAD_BYTES
}
