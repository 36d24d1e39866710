/** An HTTP/2 client that says exactly what a test wants, right or wrong, and hears everything. */

import type { Socket } from 'node:net'
import { staticTable, HeaderTable } from '../../../src/rpc/native/header-table.ts'
import { HpackDecoder } from '../../../src/rpc/native/hpack-decoder.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { ERROR, FLAG, FRAME, PREFACE } from '../../../src/rpc/native/protocol.ts'

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
}

export interface Field {
  readonly name: string
  readonly value: string
}

/** The payload is bytes, or hex digits. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = '',
): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'hex') : payload
  const header = Buffer.alloc(9)
  header.writeUIntBE(bytes.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(streamId, 5)
  return Buffer.concat([header, bytes])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export function settings(...pairs: (readonly [id: number, value: number])[]): Buffer {
  const payload = pairs.map(([id, value]) => {
    const bytes = Buffer.alloc(6)
    bytes.writeUInt16BE(id)
    bytes.writeUInt32BE(value, 2)
    return bytes
  })
  return frame(FRAME.SETTINGS, 0, 0, Buffer.concat(payload))
}

/** Literals without indexing: the same block always means the same. */
export function block(fields: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(fields).flatMap(([name, value]) => [
    Buffer.of(0),
    plain(name),
    plain(value),
  ])
  return Buffer.concat(parts)
}

/** A string without Huffman coding (RFC 7541 §5.2). */
export function plain(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([prefixed(0, 7, bytes.length), bytes])
}

/** An integer with a prefix (RFC 7541 §5.1). */
export function prefixed(firstBits: number, prefixBits: number, value: number): Buffer {
  const max = 2 ** prefixBits - 1
  if (value < max) return Buffer.of(firstBits | value)
  const octets = [firstBits | max]
  let rest = value - max
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 128)
  return Buffer.from([...octets, rest])
}

export function requestFields(
  path: string,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...more,
  }
}

export function headers(
  streamId: number,
  path: string,
  more: Record<string, string> = {},
  flags: number = FLAG.END_HEADERS,
): Buffer {
  return frame(FRAME.HEADERS, flags, streamId, block(requestFields(path, more)))
}

/** A gRPC message with its prefix. */
export function message(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.of(0), uint32(bytes.length), bytes])
}

export function data(streamId: number, payload: Uint8Array, flags = 0): Buffer {
  return frame(FRAME.DATA, flags, streamId, payload)
}

/** A whole unary call, in frames of a size that every server takes. */
export function call(streamId: number, path: string, text: string): Buffer {
  const body = message(text)
  const parts = [headers(streamId, path)]
  for (let at = 0; at < body.length; at += 16_384) {
    const isLast = at + 16_384 >= body.length
    parts.push(data(streamId, body.subarray(at, at + 16_384), isLast ? FLAG.END_STREAM : 0))
  }
  return Buffer.concat(parts)
}

export class RawClient {
  readonly socket: Socket
  readonly frames: Frame[] = []
  isClosed = false
  readonly #decoder: HpackDecoder
  #rest: Buffer = Buffer.alloc(0)
  readonly #dataBytes = new Map<number, number>()
  #waiters: (() => void)[] = []
  /** Of all HEADERS so far, in order. */
  readonly blocks: { readonly streamId: number; readonly fields: readonly Field[] }[] = []

  constructor(socket: Socket) {
    this.socket = socket
    this.#decoder = new HpackDecoder(new HeaderTable(staticTable(), 4096), new HuffmanDecoder())
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
  }

  /** Says hello, with these settings. */
  greet(...pairs: (readonly [id: number, value: number])[]): this {
    return this.write(PREFACE, settings(...pairs))
  }

  write(...parts: Uint8Array[]): this {
    this.socket.write(Buffer.concat(parts))
    return this
  }

  /** The first frame from now on, or already there, that fits; fails when none can come any more. */
  async frame(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (let at = 0; ; at++) {
      while (at >= this.frames.length) {
        if (this.isClosed) throw new Error('the connection was closed before the frame came')
        await new Promise<void>((resolve) => this.#waiters.push(resolve))
      }
      if (fits(this.frames[at]!)) return this.frames[at]!
    }
  }

  ofType(type: number, streamId?: number): Promise<Frame> {
    return this.frame(
      (one) => one.type === type && (streamId === undefined || one.streamId === streamId),
    )
  }

  /** The error code and text of the GOAWAY that ends the connection. */
  async goAway(): Promise<{ readonly code: string; readonly text: string }> {
    const { payload } = await this.ofType(FRAME.GOAWAY)
    return { code: errorName(payload.readUInt32BE(4)), text: payload.toString('latin1', 8) }
  }

  async reset(streamId: number): Promise<string> {
    const { payload } = await this.ofType(FRAME.RST_STREAM, streamId)
    return errorName(payload.readUInt32BE(0))
  }

  /** The fields of the HEADERS that end the stream. */
  async trailers(streamId: number): Promise<Record<string, string>> {
    await this.frame(
      (one) =>
        one.type === FRAME.HEADERS &&
        one.streamId === streamId &&
        (one.flags & FLAG.END_STREAM) > 0,
    )
    const last = this.blocks.findLast((one) => one.streamId === streamId)!
    return Object.fromEntries(last.fields.map(({ name, value }) => [name, value]))
  }

  /** All DATA of a stream so far. */
  dataOf(streamId: number): Buffer {
    const ofStream = this.frames.filter(
      (one) => one.type === FRAME.DATA && one.streamId === streamId,
    )
    return Buffer.concat(ofStream.map(({ payload }) => payload))
  }

  /** How much DATA of a stream has come so far. */
  bytesOf(streamId: number): number {
    return this.#dataBytes.get(streamId) ?? 0
  }

  /** When everything sent before has been dealt with. Few of them: the server counts pings. */
  async roundTrip(mark: number): Promise<void> {
    const payload = Buffer.concat([uint32(0x7e57), uint32(mark)])
    this.write(frame(FRAME.PING, 0, 0, payload))
    await this.frame((one) => one.type === FRAME.PING && one.payload.equals(payload))
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  #onData(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 9) {
      const end = 9 + this.#rest.readUIntBE(0, 3)
      if (this.#rest.length < end) break
      const payload = this.#rest.subarray(9, end)
      const streamId = this.#rest.readUInt32BE(5)
      this.frames.push({ type: this.#rest[3]!, flags: this.#rest[4]!, streamId, payload })
      if (this.#rest[3] === FRAME.DATA) {
        this.#dataBytes.set(streamId, this.bytesOf(streamId) + payload.length)
      }
      if (this.#rest[3] === FRAME.HEADERS) this.#decode(streamId, payload)
      this.#rest = this.#rest.subarray(end)
    }
    this.#wake()
  }

  #decode(streamId: number, payload: Buffer): void {
    const fields: Field[] = []
    this.#decoder.decode(payload, 0, payload.length, {
      onField: (field) => void fields.push(field),
    })
    this.blocks.push({ streamId, fields })
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}

function errorName(code: number): string {
  return Object.entries(ERROR).find(([, value]) => value === code)?.[0] ?? String(code)
}
