/**
 * Frames out of a byte stream (RFC 9113 §4.1), whatever the borders of its chunks. A frame that
 * lies in one chunk is handed on as a view; one that does not is put together first.
 *
 *     chunk:  ...rest of a frame | frame | frame | frame | beginning of a fra...
 *             └── into #partial ─┘ └───── views ───────┘ └── into #partial ───┘
 */

import { ConnectionError, ERROR, FRAME_HEADER_BYTES, PREFACE } from './protocol.ts'

export interface FrameListener {
  /** The payload is bytes [start, end) of `bytes`. */
  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void
}

const NOTHING = Buffer.alloc(0)
/** What is set aside at first for a frame that has only begun: it may never go on. */
const PARTIAL_BYTES = 512

export class FrameReader {
  readonly #listener: FrameListener
  readonly #maxFrameBytes: number
  #prefaceBytes = 0
  #partial: Buffer = NOTHING
  #partialBytes = 0
  #isStopped = false

  /** `maxFrameBytes` is the SETTINGS_MAX_FRAME_SIZE announced to the peer. */
  constructor(listener: FrameListener, maxFrameBytes: number) {
    this.#listener = listener
    this.#maxFrameBytes = maxFrameBytes
  }

  /** No frame is handed on any more, not even from the chunk that is being read. */
  stop(): void {
    this.#isStopped = true
    this.#partial = NOTHING
  }

  /** Throws a ConnectionError; the connection is then unusable. */
  push(chunk: Buffer): void {
    let at = 0
    if (this.#prefaceBytes < PREFACE.length) at = this.#readPreface(chunk)
    if (this.#partialBytes > 0) at = this.#completePartial(chunk, at)
    while (!this.#isStopped) {
      const left = chunk.length - at
      if (left < FRAME_HEADER_BYTES) break
      const end = at + this.#frameBytes(chunk, at)
      if (end > chunk.length) break
      this.#emit(chunk, at, end)
      at = end
    }
    if (at < chunk.length && !this.#isStopped) this.#keep(chunk, at, chunk.length)
  }

  #emit(bytes: Buffer, at: number, end: number): void {
    const streamId =
      ((bytes[at + 5]! & 0x7f) << 24) |
      (bytes[at + 6]! << 16) |
      (bytes[at + 7]! << 8) |
      bytes[at + 8]!
    const start = at + FRAME_HEADER_BYTES
    this.#listener.onFrame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, start, end)
  }

  /** The whole frame's length, by its header. */
  #frameBytes(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    if (length > this.#maxFrameBytes) {
      throw new ConnectionError(ERROR.FRAME_SIZE_ERROR, `frame of ${length} bytes is too large`)
    }
    return FRAME_HEADER_BYTES + length
  }

  #readPreface(chunk: Buffer): number {
    const length = Math.min(chunk.length, PREFACE.length - this.#prefaceBytes)
    for (let at = 0; at < length; at++) {
      if (chunk[at] === PREFACE[this.#prefaceBytes + at]) continue
      throw new ConnectionError(ERROR.PROTOCOL_ERROR, 'not the preface of HTTP/2')
    }
    this.#prefaceBytes += length
    return length
  }

  /** Takes from the chunk what the frame that began before it lacks; returns where that ends. */
  #completePartial(chunk: Buffer, start: number): number {
    let at = start
    if (this.#partialBytes < FRAME_HEADER_BYTES) {
      const end = Math.min(chunk.length, at + FRAME_HEADER_BYTES - this.#partialBytes)
      this.#keep(chunk, at, end)
      at = end
      if (this.#partialBytes < FRAME_HEADER_BYTES) return at
    }
    const frameBytes = this.#frameBytes(this.#partial, 0)
    const end = Math.min(chunk.length, at + frameBytes - this.#partialBytes)
    this.#keep(chunk, at, end, frameBytes)
    if (this.#partialBytes < frameBytes) return end
    const frame = this.#partial
    this.#partial = NOTHING
    this.#partialBytes = 0
    this.#emit(frame, 0, frameBytes)
    return end
  }

  /** Grows by doubling, so that what is held is in proportion to what has come. */
  #keep(chunk: Buffer, start: number, end: number, wantedBytes = PARTIAL_BYTES): void {
    const needed = this.#partialBytes + end - start
    if (needed > this.#partial.length) {
      const capacity = Math.max(needed, Math.min(wantedBytes, 2 * needed), PARTIAL_BYTES)
      const grown = Buffer.allocUnsafeSlow(capacity)
      this.#partial.copy(grown, 0, 0, this.#partialBytes)
      this.#partial = grown
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end)
    this.#partialBytes = needed
  }
}
