/**
 * The streams of one connection that have an object, and what is known of those that have none
 * (RFC 9113 §5.1.1): above the highest id they are idle, below it closed.
 */

import { NumberMap } from '../../base/number-map.ts'
import type { Stream } from './stream.ts'

/** Ids of closed streams that are remembered; a power of two. */
const REMEMBERED_COUNT = 256

export class StreamTable {
  readonly #streams = new NumberMap<Stream>()
  /** The one that was asked for last: frames of a request mostly come together. */
  #recent: Stream | undefined
  /** The ids that were closed last; negative for those reset from here. */
  readonly #closedIds: number[] = []
  #nextClosed = 0
  /** The highest id that was opened. */
  lastId = 0

  get size(): number {
    return this.#streams.size
  }

  get(id: number): Stream | undefined {
    if (this.#recent?.id === id) return this.#recent
    const stream = this.#streams.get(id)
    if (stream !== undefined) this.#recent = stream
    return stream
  }

  add(stream: Stream): void {
    this.lastId = stream.id
    this.#streams.set(stream.id, stream)
    this.#recent = stream
  }

  /** `isReset`: the client may not know yet, and what it still sends is to be ignored. */
  remove(stream: Stream, isReset: boolean): void {
    this.#streams.delete(stream.id)
    if (this.#recent === stream) this.#recent = undefined
    this.#note(isReset ? -stream.id : stream.id)
  }

  /** A stream that never had an object was reset. */
  noteReset(id: number): void {
    this.#note(-id)
  }

  /** True only for streams that were reset from here, not very long ago. */
  wasReset(id: number): boolean {
    return this.#closedIds.includes(-id)
  }

  /** True only for streams that were open, not very long ago. */
  wasOpen(id: number): boolean {
    return this.#closedIds.includes(id) || this.#closedIds.includes(-id)
  }

  isIdle(id: number): boolean {
    return id > this.lastId || id % 2 === 0
  }

  /** Those there are now; they may go while they are looked at. */
  all(): Stream[] {
    return this.#streams.values()
  }

  #note(id: number): void {
    this.#closedIds[this.#nextClosed++ & (REMEMBERED_COUNT - 1)] = id
  }
}
