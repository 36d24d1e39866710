/**
 * Frames: how values follow each other on a connection between members.
 *
 *     0        4      5              5 + length
 *     | length | type |     body     |      length: of the body, uint32 big-endian
 *
 *     type 0  data: one msgpack array
 *          1  ping: a number (uint32 big-endian) that the other side gives back in a
 *          2  pong
 */

import { packArray } from './packing.ts'

export const FRAME_HEAD_BYTES = 5

const TYPES = ['data', 'ping', 'pong'] as const
export type FrameType = (typeof TYPES)[number]

const PROBE_BODY_BYTES = 4

export interface Frame {
  readonly type: FrameType
  /** May be a view of what was received. */
  readonly body: Uint8Array
}

export function dataFrame(value: readonly unknown[]): Buffer {
  const frame = packArray(value, FRAME_HEAD_BYTES)
  frame.writeUInt32BE(frame.length - FRAME_HEAD_BYTES, 0)
  frame[4] = TYPES.indexOf('data')
  return frame
}

export function probeFrame(type: 'ping' | 'pong', number: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES + PROBE_BODY_BYTES)
  frame.writeUInt32BE(PROBE_BODY_BYTES, 0)
  frame[4] = TYPES.indexOf(type)
  frame.writeUInt32BE(number, FRAME_HEAD_BYTES)
  return frame
}

export function probeNumber({ body }: Frame): number {
  return new DataView(body.buffer, body.byteOffset, body.length).getUint32(0)
}

/**
 * Cuts what arrives into frames. What a frame's head promises is checked and never allocated: only
 * what has arrived takes memory. A frame within one piece of input is a view of it.
 */
export class FrameReader {
  /** Longest body from now on. */
  maxBodyBytes: number
  #pieces: Buffer[] = []
  /** Where the first piece's unread bytes start. */
  #offset = 0
  #available = 0

  constructor(maxBodyBytes: number) {
    this.maxBodyBytes = maxBodyBytes
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.#pieces.push(piece)
    this.#available += piece.length
  }

  /** The next frame; undefined when more input is needed; an invalid head is told in words. */
  next(): Frame | string | undefined {
    if (this.#available < FRAME_HEAD_BYTES) return undefined
    const length =
      this.#byteAt(0) * 2 ** 24 +
      this.#byteAt(1) * 2 ** 16 +
      this.#byteAt(2) * 2 ** 8 +
      this.#byteAt(3)
    const type = TYPES[this.#byteAt(4)]
    if (type === undefined) return `unknown frame type ${this.#byteAt(4)}`
    if (length > this.maxBodyBytes) return `frame of ${length} bytes`
    if (type !== 'data' && length !== PROBE_BODY_BYTES) return `${type} of ${length} bytes`
    if (this.#available < FRAME_HEAD_BYTES + length) return undefined
    this.#take(FRAME_HEAD_BYTES)
    return { type, body: this.#take(length) }
  }

  #byteAt(index: number): number {
    let at = this.#offset + index
    for (const piece of this.#pieces) {
      if (at < piece.length) return piece[at] ?? 0
      at -= piece.length
    }
    return 0
  }

  #take(length: number): Uint8Array {
    const first = this.#pieces[0]
    if (first === undefined || length === 0) return new Uint8Array(0)
    this.#available -= length
    if (first.length - this.#offset >= length) {
      // Not a Buffer: whatever is cut from it later goes to those who expect plain bytes.
      const view = new Uint8Array(first.buffer, first.byteOffset + this.#offset, length)
      this.#offset += length
      if (this.#offset === first.length) {
        this.#pieces.shift()
        this.#offset = 0
      }
      return view
    }
    return this.#gather(length)
  }

  #gather(length: number): Uint8Array {
    const result = new Uint8Array(length)
    let filled = 0
    let used = 0
    while (filled < length) {
      const piece = this.#pieces[used]
      if (piece === undefined) break
      const count = piece.copy(result, filled, this.#offset)
      filled += count
      this.#offset += count
      if (this.#offset === piece.length) {
        used++
        this.#offset = 0
      }
    }
    this.#pieces.splice(0, used)
    return result
  }
}
