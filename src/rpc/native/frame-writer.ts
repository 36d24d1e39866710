/**
 * The frames that one connection sends. What is written in one turn leaves together, in one write
 * to the socket; small payloads are copied into one slab, large ones go along as they are.
 */

import type { Duplex } from 'node:stream'
import {
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  MESSAGE_PREFIX_BYTES,
  type ErrorCode,
} from './protocol.ts'
import type { SlabPool } from './slab-pool.ts'

/** What a socket may hold back before messages have to wait on their streams. */
const ROOM_BYTES = 256 * 1024
/** Payloads from here on are not copied. */
const LARGE_BYTES = 8 * 1024
/** Shorter payloads are copied here, longer ones by native code, which costs a call. */
const COPY_HERE_MAX = 32
/** What must be left of a slab that is partly still being sent for it to be used on. */
const WORTHWHILE_BYTES = 2 * 1024
const NOTHING = Buffer.alloc(0)

export class FrameWriter {
  readonly #socket: Duplex
  readonly #slabs: SlabPool
  readonly #onDirty: () => void
  #slab: Buffer = NOTHING
  /** Of the slab: what is not flushed yet. */
  #start = 0
  #end = 0
  /** All that was written from this slab so far is out. */
  #isSlabClean = true
  /** What comes before the slab's part, and the slabs that it lies in. */
  #chunks: Uint8Array[] = []
  #fullSlabs: Buffer[] = []
  #chunkBytes = 0
  #hasResponded = false
  #isDirty = false
  #isSocketFull = false
  #isClosed = false

  /** `onDirty` is told once that there is something to flush. */
  constructor(socket: Duplex, slabs: SlabPool, onDirty: () => void) {
    this.#socket = socket
    this.#slabs = slabs
    this.#onDirty = onDirty
  }

  /**
   * Whether messages may go on: the socket keeps up. Other frames are written all the same, so
   * a connection stops reading when even those get too many.
   */
  get hasRoom(): boolean {
    if (this.#chunkBytes + this.#end - this.#start >= ROOM_BYTES) this.flush()
    return !this.#isSocketFull
  }

  /** What was given to the socket and is not yet with the system. */
  get backlogBytes(): number {
    return this.#socket.writableLength
  }

  /** The socket has passed on everything. */
  onSocketDrain(): void {
    this.#isSocketFull = false
  }

  /** Whether anything of a response was written since this was asked last. */
  takeResponseMark(): boolean {
    const hasResponded = this.#hasResponded
    this.#hasResponded = false
    return hasResponded
  }

  headers(streamId: number, block: Buffer, isLast: boolean): void {
    this.#hasResponded = true
    const flags = isLast ? FLAG.END_HEADERS | FLAG.END_STREAM : FLAG.END_HEADERS
    const at = this.#frame(FRAME.HEADERS, flags, streamId, block.length, block.length)
    this.#copy(block, 0, block.length, at)
  }

  /**
   * Bytes [start, end) of a message with its prefix in front, as one DATA frame: the first five
   * are the prefix.
   */
  message(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    this.#hasResponded = true
    const payload = end - start
    const prefix = Math.max(0, Math.min(MESSAGE_PREFIX_BYTES, end) - start)
    const isLarge = payload - prefix >= LARGE_BYTES
    let at = this.#frame(FRAME.DATA, 0, streamId, payload, isLarge ? prefix : payload)
    for (let index = start; index < start + prefix; index++) {
      this.#slab[at++] = index === 0 ? 0 : (bytes.length >>> (8 * (4 - index))) & 0xff
    }
    const from = Math.max(0, start - MESSAGE_PREFIX_BYTES)
    const to = end - MESSAGE_PREFIX_BYTES
    if (isLarge) this.#append(bytes.subarray(from, to))
    else this.#copy(bytes, from, to, at)
  }

  /** Settings of ours, as pairs of id and value. */
  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    const length = settings.length * 6
    let at = this.#frame(FRAME.SETTINGS, 0, 0, length, length)
    for (const [id, value] of settings) {
      this.#slab.writeUInt16BE(id, at)
      this.#slab.writeUInt32BE(value, at + 2)
      at += 6
    }
  }

  settingsAck(): void {
    this.#frame(FRAME.SETTINGS, FLAG.ACK, 0, 0, 0)
  }

  /** Eight bytes from `start` on. */
  ping(bytes: Uint8Array, start: number, isAck: boolean): void {
    const at = this.#frame(FRAME.PING, isAck ? FLAG.ACK : 0, 0, 8, 8)
    this.#copy(bytes, start, start + 8, at)
  }

  goAway(lastStreamId: number, code: ErrorCode, text: string): void {
    const length = 8 + text.length
    const at = this.#frame(FRAME.GOAWAY, 0, 0, length, length)
    this.#slab.writeUInt32BE(lastStreamId, at)
    this.#slab.writeUInt32BE(code, at + 4)
    this.#slab.write(text, at + 8, 'latin1')
  }

  resetStream(streamId: number, code: ErrorCode): void {
    const at = this.#frame(FRAME.RST_STREAM, 0, streamId, 4, 4)
    this.#slab.writeUInt32BE(code, at)
  }

  windowUpdate(streamId: number, increment: number): void {
    const at = this.#frame(FRAME.WINDOW_UPDATE, 0, streamId, 4, 4)
    this.#slab.writeUInt32BE(increment, at)
  }

  flush(): void {
    this.#isDirty = false
    const own = this.#end - this.#start
    if (own === 0 && this.#chunkBytes === 0) return
    if (this.#chunkBytes === 0) {
      this.#socket.write(this.#slab.subarray(this.#start, this.#end))
    } else {
      if (own > 0) this.#chunks.push(this.#slab.subarray(this.#start, this.#end))
      this.#socket.cork()
      for (const chunk of this.#chunks) this.#socket.write(chunk)
      this.#socket.uncork()
      this.#chunks = []
      this.#chunkBytes = 0
    }
    this.#start = this.#end
    this.#isSocketFull = this.#socket.writableLength >= ROOM_BYTES
    this.#releaseSlabs()
  }

  /** Gives up what an idle connection does not need. */
  trim(): void {
    if (this.#start === this.#end) this.#slab = NOTHING
    if (this.#slab === NOTHING) this.#start = this.#end = 0
  }

  /** Nothing is written any more. */
  close(): void {
    this.#isClosed = true
    this.#chunks = []
    this.#fullSlabs = []
    this.#chunkBytes = 0
    this.#start = this.#end
  }

  // Why: a socket that could pass on everything at once has let go of the bytes.
  #releaseSlabs(): void {
    const isOut = this.#socket.writableLength === 0
    if (this.#fullSlabs.length > 0) {
      if (isOut) for (const slab of this.#fullSlabs) this.#slabs.giveBack(slab)
      this.#fullSlabs = []
    }
    if (!isOut) this.#isSlabClean = false
    if (this.#isSlabClean) this.#slabs.giveBack(this.#slab)
    else if (this.#slab.length - this.#end >= WORTHWHILE_BYTES) return
    this.#dropSlab()
  }

  #dropSlab(): void {
    this.#slab = NOTHING
    this.#start = 0
    this.#end = 0
    this.#isSlabClean = true
  }

  /** Writes a frame's header and returns where the `copied` bytes of its payload go. */
  #frame(type: number, flags: number, streamId: number, length: number, copied: number): number {
    if (this.#end + FRAME_HEADER_BYTES + copied > this.#slab.length) {
      this.#nextSlab(FRAME_HEADER_BYTES + copied)
    }
    const slab = this.#slab
    const at = this.#end
    slab[at] = length >>> 16
    slab[at + 1] = length >>> 8
    slab[at + 2] = length
    slab[at + 3] = type
    slab[at + 4] = flags
    slab[at + 5] = streamId >>> 24
    slab[at + 6] = streamId >>> 16
    slab[at + 7] = streamId >>> 8
    slab[at + 8] = streamId
    this.#end = at + FRAME_HEADER_BYTES + copied
    if (!this.#isDirty) this.#becomeDirty()
    return at + FRAME_HEADER_BYTES
  }

  #becomeDirty(): void {
    this.#isDirty = true
    if (!this.#isClosed) this.#onDirty()
  }

  #nextSlab(bytes: number): void {
    if (this.#end > this.#start) {
      const chunk = this.#slab.subarray(this.#start, this.#end)
      this.#chunks.push(chunk)
      this.#chunkBytes += chunk.length
    }
    if (this.#isSlabClean && this.#slab.length > 0) this.#fullSlabs.push(this.#slab)
    this.#dropSlab()
    this.#slab = this.#slabs.take(bytes)
  }

  /** After all that was written so far, without a copy. */
  #append(bytes: Uint8Array): void {
    if (this.#end > this.#start) {
      this.#chunks.push(this.#slab.subarray(this.#start, this.#end))
      this.#chunkBytes += this.#end - this.#start
      this.#start = this.#end
    }
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.length
  }

  #copy(bytes: Uint8Array, start: number, end: number, at: number): void {
    const slab = this.#slab
    if (end - start <= COPY_HERE_MAX) {
      for (let from = start; from < end; from++) slab[at++] = bytes[from]!
    } else if (start === 0 && end === bytes.length) slab.set(bytes, at)
    else slab.set(bytes.subarray(start, end), at)
  }
}
