/**
 * The messages with entries that are on their way to one member, in a ring, oldest first: a window
 * limited by messages and by bytes.
 *
 * Invariant: `bytes` is the sum over the ring. It exceeds the limit only while one message is
 * larger than that, and then alone.
 */

import { assert } from '../base/assert.ts'

export interface WindowLimits {
  readonly messages: number
  /** Of entries, as entryBytes() counts them. */
  readonly bytes: number
}

export class Inflights {
  readonly #limits: WindowLimits
  /** The last index of each message. */
  readonly #indexes: number[] = []
  readonly #sizes: number[] = []
  #head = 0
  #count = 0
  #bytes = 0

  constructor(limits: WindowLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Nothing more goes, however small it is. */
  get full(): boolean {
    return this.#count >= this.#limits.messages || (this.#count > 0 && this.room <= 0)
  }

  /** The largest message that may go now. */
  get room(): number {
    return this.#count === 0 ? Number.MAX_SAFE_INTEGER : this.#limits.bytes - this.#bytes
  }

  add(lastIndex: number, bytes: number): void {
    assert(this.#count < this.#limits.messages, 'the window of messages is full')
    assert(bytes <= this.room, 'the window of bytes is full')
    const at = (this.#head + this.#count) % this.#limits.messages
    this.#indexes[at] = lastIndex
    this.#sizes[at] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** The member has all messages that end at `index` or before. */
  freeTo(index: number): void {
    while (this.#count > 0 && (this.#indexes[this.#head] as number) <= index) {
      this.#bytes -= this.#sizes[this.#head] as number
      this.#head = (this.#head + 1) % this.#limits.messages
      this.#count--
    }
  }

  reset(): void {
    this.#head = 0
    this.#count = 0
    this.#bytes = 0
  }
}
