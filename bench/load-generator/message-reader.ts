/** gRPC messages out of the DATA of one stream, however it is cut. */

import { messagePrefixBytes } from './request.ts'

export class MessageReader {
  readonly #onMessage: (bytes: Buffer, start: number, end: number) => void
  /** The beginning of a message whose rest has not come yet. */
  #partial = Buffer.alloc(0)

  /** The bytes are valid during the call only. */
  constructor(onMessage: (bytes: Buffer, start: number, end: number) => void) {
    this.#onMessage = onMessage
  }

  push(bytes: Buffer, start: number, end: number): void {
    if (this.#partial.length === 0) {
      this.#keep(bytes, this.#read(bytes, start, end), end)
      return
    }
    const joined = Buffer.concat([this.#partial, bytes.subarray(start, end)])
    this.#keep(joined, this.#read(joined, 0, joined.length), joined.length)
  }

  /** Hands out whole messages; returns where the rest begins. */
  #read(bytes: Buffer, start: number, end: number): number {
    let at = start
    while (end - at >= messagePrefixBytes) {
      const messageEnd = at + messagePrefixBytes + bytes.readUInt32BE(at + 1)
      if (messageEnd > end) break
      this.#onMessage(bytes, at + messagePrefixBytes, messageEnd)
      at = messageEnd
    }
    return at
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#partial = start === end ? Buffer.alloc(0) : Buffer.from(bytes.subarray(start, end))
  }
}
