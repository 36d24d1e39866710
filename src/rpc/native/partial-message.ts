/** A gRPC message that comes in pieces: its prefix, then its bytes, however DATA frames cut them. */

import { MESSAGE_PREFIX_BYTES } from './protocol.ts'

const NOTHING = Buffer.alloc(0)
/** What is set aside at first for a message that has only been announced. */
const FIRST_BYTES = 16 * 1024

export class PartialMessage {
  readonly #prefix = Buffer.alloc(MESSAGE_PREFIX_BYTES)
  #prefixBytes = 0
  #body: Buffer = NOTHING
  #bodyBytes = 0

  get hasPrefix(): boolean {
    return this.#prefixBytes === MESSAGE_PREFIX_BYTES
  }

  get isCompressed(): boolean {
    return this.#prefix[0] !== 0
  }

  get messageBytes(): number {
    return this.#prefix.readUInt32BE(1)
  }

  get isComplete(): boolean {
    return this.hasPrefix && this.#bodyBytes === this.messageBytes
  }

  /** Complete: the message. */
  get message(): Buffer {
    return this.#body.subarray(0, this.#bodyBytes)
  }

  /** The memory that is taken. */
  get heldBytes(): number {
    return this.#body.length
  }

  /** Takes what belongs to the prefix from bytes [at, end); returns where that stops. */
  takePrefix(bytes: Buffer, at: number, end: number): number {
    while (at < end && this.#prefixBytes < MESSAGE_PREFIX_BYTES) {
      this.#prefix[this.#prefixBytes++] = bytes[at++]!
    }
    return at
  }

  /** The same for the message itself. Grows by doubling, never beyond the announced length. */
  takeBody(bytes: Buffer, at: number, end: number): number {
    const messageBytes = this.messageBytes
    const stop = Math.min(end, at + messageBytes - this.#bodyBytes)
    const needed = this.#bodyBytes + stop - at
    if (needed > this.#body.length) {
      const capacity = Math.min(messageBytes, Math.max(needed * 2, FIRST_BYTES))
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.#body.copy(grown, 0, 0, this.#bodyBytes)
      this.#body = grown
    }
    bytes.copy(this.#body, this.#bodyBytes, at, stop)
    this.#bodyBytes = needed
    return stop
  }
}
