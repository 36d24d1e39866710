/**
 * One HTTP/2 client connection for gRPC calls with small requests: the least that a load generator
 * needs, so that it costs a fraction of what the server does. Calls started in one turn leave in
 * one write. The receive windows are opened as wide as the protocol allows, so a server is never
 * held back by this client; the server's own windows and stream limit are obeyed.
 */

import net from 'node:net'
import { assert } from '../../src/base/assert.ts'
import {
  FrameReader,
  connectionPreface,
  defaultWindowBytes,
  encodeFrame,
  encodeSettings,
  encodeWindowUpdate,
  frameFlag,
  frameType,
  settingId,
} from './frames.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { HeaderField } from './hpack-decoder.ts'
import type { Request } from './request.ts'

/** gRPC's own code for a connection that failed, and for an answer without a status. */
export const statusUnavailable = 14
export const statusUnknown = 2

const largestWindowBytes = 2 ** 31 - 1
/** Top the connection's receive window up when this much has been read. */
const windowTopUpBytes = 2 ** 28
const outputChunkBytes = 65_536

export interface CallListener {
  /** A piece of the answer's DATA, gRPC prefix included; valid during the call only. */
  onData?(bytes: Buffer, start: number, end: number): void
  /**
   * The call has ended, exactly once. `status` is the gRPC code, `message` its text (percent-encoded
   * as sent), `bytes` the DATA received, `at` the `performance.now()` of the answer's arrival.
   */
  onEnd(status: number, message: string, bytes: number, at: number): void
}

/** A call that is kept open: every request gets one answer on it. */
export interface OpenCall {
  /** Sends the request's message alone; its bytes are copied at once. */
  send(request: Request): void
}

interface Stream {
  readonly listener: CallListener
  status: number
  message: string
  bytes: number
}

interface WaitingCall {
  readonly frames: Buffer
  readonly dataOffset: number
  readonly flowBytes: number
  readonly listener: CallListener
}

export class GrpcConnection {
  readonly #socket: net.Socket
  readonly #reader: FrameReader
  readonly #hpack = new HpackDecoder()
  readonly #streams = new Map<number, Stream>()
  readonly #waiting: WaitingCall[] = []
  readonly #onSettings: () => void
  #nextStreamId = 1
  #closedBy: string | undefined
  // Why the server wants no new calls; those in flight still get their answers.
  #leavingBy: string | undefined
  // What the server allows.
  #sendWindow = defaultWindowBytes
  #streamWindow = defaultWindowBytes
  #maxConcurrentStreams = largestWindowBytes
  // DATA read since the connection's window was last topped up.
  #readBytes = 0
  // Output of this turn: bytes [#outputStart, #outputEnd) of #output.
  #output = Buffer.allocUnsafeSlow(outputChunkBytes)
  #outputStart = 0
  #outputEnd = 0
  #isFlushPlanned = false
  // The header block being gathered, when it spans frames.
  #headerParts: Buffer[] = []
  #headerEndsStream = false
  #arrivedAt = 0
  // The stream whose header block is being decoded.
  #decoding: Stream | undefined
  readonly #onField = (field: HeaderField): void => {
    if (this.#decoding === undefined) return
    if (field.name === 'grpc-status') this.#decoding.status = Number(field.value)
    else if (field.name === 'grpc-message') this.#decoding.message = field.value
  }

  private constructor(socket: net.Socket, onSettings: () => void) {
    this.#socket = socket
    this.#onSettings = onSettings
    this.#reader = new FrameReader((type, flags, streamId, bytes, start, end) =>
      this.#onFrame(type, flags, streamId, bytes, start, end),
    )
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#onChunk(chunk))
    socket.on('error', (error) => this.#fail(error.message))
    socket.on('close', () => this.#fail('connection closed'))
    socket.write(connectionPreface)
    socket.write(
      encodeSettings([
        [settingId.enablePush, 0],
        [settingId.initialWindowSize, largestWindowBytes],
      ]),
    )
    socket.write(encodeWindowUpdate(0, largestWindowBytes - defaultWindowBytes))
  }

  /** Resolves when the server has announced its settings; rejects when it cannot be reached. */
  static connect(host: string, port: number): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ host, port })
      const onEarlyEnd = (error?: unknown): void =>
        reject(new Error(`no HTTP/2 server at ${host}:${port}`, { cause: error }))
      socket.once('error', onEarlyEnd)
      socket.once('close', onEarlyEnd)
      socket.once('connect', () => {
        const connection = new GrpcConnection(socket, () => {
          socket.off('error', onEarlyEnd)
          socket.off('close', onEarlyEnd)
          resolve(connection)
        })
      })
    })
  }

  /** Takes no new calls. */
  get isClosed(): boolean {
    return (this.#closedBy ?? this.#leavingBy) !== undefined
  }

  /** Starts a call; the request's bytes are copied at once and may be changed afterwards. */
  call(request: Request, listener: CallListener): void {
    assert(request.flowBytes <= this.#streamWindow, 'the request fits the stream window')
    const closedBy = this.#closedBy ?? this.#leavingBy
    if (closedBy !== undefined) {
      listener.onEnd(statusUnavailable, closedBy, 0, performance.now())
    } else if (this.#waiting.length > 0 || !this.#canSend(request.flowBytes)) {
      this.#waiting.push({ ...request, frames: Buffer.from(request.frames), listener })
    } else {
      this.#send(request.frames, request.dataOffset, request.flowBytes, listener)
    }
  }

  /**
   * Starts a call that stays open after its first request. Only for a few small messages in
   * flight: the stream's own window is taken to be topped up by the server in time.
   */
  open(request: Request, listener: CallListener): OpenCall {
    assert(this.#canSend(request.flowBytes), 'an open call is not made to wait')
    const streamId = this.#nextStreamId
    const flagsAt = request.dataOffset + 4
    const frames = Buffer.from(request.frames)
    frames[flagsAt] = 0
    this.#send(frames, request.dataOffset, request.flowBytes, listener)
    return { send: (next) => this.#sendMessage(streamId, next) }
  }

  /** Ends the connection; calls in flight end with UNAVAILABLE. */
  close(): void {
    this.#fail('closed by this client')
    this.#socket.destroy()
  }

  #canSend(flowBytes: number): boolean {
    return flowBytes <= this.#sendWindow && this.#streams.size < this.#maxConcurrentStreams
  }

  #send(frames: Buffer, dataOffset: number, flowBytes: number, listener: CallListener): void {
    const streamId = this.#nextStreamId
    this.#nextStreamId += 2
    this.#sendWindow -= flowBytes
    this.#streams.set(streamId, { listener, status: -1, message: '', bytes: 0 })
    const at = this.#reserve(frames.length)
    frames.copy(this.#output, at)
    this.#output.writeUInt32BE(streamId, at + 5)
    this.#output.writeUInt32BE(streamId, at + dataOffset + 5)
  }

  #sendMessage(streamId: number, { frames, dataOffset, flowBytes }: Request): void {
    if (this.#closedBy !== undefined) return
    this.#sendWindow -= flowBytes
    const at = this.#reserve(frames.length - dataOffset)
    frames.copy(this.#output, at, dataOffset)
    this.#output[at + 4] = 0
    this.#output.writeUInt32BE(streamId, at + 5)
  }

  #sendWaiting(): void {
    let sent = 0
    while (sent < this.#waiting.length && this.#canSend(this.#waiting[sent]!.flowBytes)) {
      const { frames, dataOffset, flowBytes, listener } = this.#waiting[sent]!
      this.#send(frames, dataOffset, flowBytes, listener)
      sent++
    }
    this.#waiting.splice(0, sent)
  }

  /** Room for `length` bytes in the output; returns where they go and plans the flush. */
  #reserve(length: number): number {
    if (this.#outputEnd + length > this.#output.length) {
      this.#flush()
      this.#output = Buffer.allocUnsafeSlow(Math.max(outputChunkBytes, length))
      this.#outputStart = 0
      this.#outputEnd = 0
    }
    const at = this.#outputEnd
    this.#outputEnd += length
    if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true
      queueMicrotask(() => this.#flush())
    }
    return at
  }

  // Why a fresh range each time: the socket may still hold the previous one.
  #flush(): void {
    this.#isFlushPlanned = false
    if (this.#outputStart === this.#outputEnd) return
    if (!this.#socket.destroyed) {
      this.#socket.write(this.#output.subarray(this.#outputStart, this.#outputEnd))
    }
    this.#outputStart = this.#outputEnd
  }

  #write(frame: Buffer): void {
    const at = this.#reserve(frame.length) // may replace #output, so it comes first
    frame.copy(this.#output, at)
  }

  #onChunk(chunk: Buffer): void {
    this.#arrivedAt = performance.now()
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.#fail(String(error))
      this.#socket.destroy()
    }
  }

  #onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    switch (type) {
      case frameType.data:
        return this.#onData(flags, streamId, bytes, start, end)
      case frameType.headers:
        this.#headerEndsStream = (flags & frameFlag.endStream) !== 0
        return this.#onHeaders(flags, streamId, bytes, ...unpadded(flags, bytes, start, end))
      case frameType.continuation:
        return this.#onHeaders(flags, streamId, bytes, start, end)
      case frameType.settings:
        return this.#onServerSettings(flags, bytes, start, end)
      case frameType.ping:
        if ((flags & frameFlag.ack) === 0) {
          this.#write(encodeFrame(frameType.ping, frameFlag.ack, 0, bytes.subarray(start, end)))
        }
        return
      case frameType.windowUpdate:
        // Requests are one frame within the stream's first window: only the connection's counts.
        if (streamId === 0) this.#sendWindow += bytes.readUInt32BE(start)
        return this.#sendWaiting()
      case frameType.resetStream:
        return this.#end(streamId, `stream reset with code ${bytes.readUInt32BE(start)}`)
      case frameType.goAway:
        return this.#leave(`server went away with code ${bytes.readUInt32BE(start + 4)}`)
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#readBytes += end - start
    if (this.#readBytes >= windowTopUpBytes) {
      this.#write(encodeWindowUpdate(0, this.#readBytes))
      this.#readBytes = 0
    }
    const stream = this.#streams.get(streamId)
    if (stream === undefined) return
    const padding = (flags & frameFlag.padded) === 0 ? 0 : bytes[start]! + 1
    const from = padding === 0 ? start : start + 1
    const to = padding === 0 ? end : end - padding + 1
    stream.bytes += to - from
    stream.listener.onData?.(bytes, from, to)
    if ((flags & frameFlag.endStream) !== 0) this.#end(streamId, 'no trailers')
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#decoding = this.#streams.get(streamId)
    if ((flags & frameFlag.endHeaders) === 0) {
      this.#headerParts.push(Buffer.from(bytes.subarray(start, end)))
      return
    }
    if (this.#headerParts.length === 0) this.#hpack.decode(bytes, start, end, this.#onField)
    else {
      const block = Buffer.concat([...this.#headerParts, bytes.subarray(start, end)])
      this.#headerParts = []
      this.#hpack.decode(block, 0, block.length, this.#onField)
    }
    if (this.#headerEndsStream) this.#end(streamId, '')
  }

  #onServerSettings(flags: number, bytes: Buffer, start: number, end: number): void {
    if ((flags & frameFlag.ack) !== 0) return
    for (let offset = start; offset + 6 <= end; offset += 6) {
      const id = bytes.readUInt16BE(offset)
      const value = bytes.readUInt32BE(offset + 2)
      if (id === settingId.initialWindowSize) this.#streamWindow = value
      else if (id === settingId.maxConcurrentStreams) this.#maxConcurrentStreams = value
    }
    this.#write(encodeFrame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0)))
    this.#onSettings()
  }

  /** Ends a call with the status its headers brought; without one it failed for `reason`. */
  #end(streamId: number, reason: string): void {
    const stream = this.#streams.get(streamId)
    if (stream === undefined) return
    this.#streams.delete(streamId)
    const status = stream.status < 0 ? statusUnknown : stream.status
    const message = stream.status < 0 ? reason : stream.message
    stream.listener.onEnd(status, message, stream.bytes, this.#arrivedAt)
    if (this.#waiting.length > 0) this.#sendWaiting()
    if (this.#leavingBy !== undefined) this.#leaveWhenIdle()
  }

  /** The server shuts down: calls that wait fail now, and the connection ends behind the others. */
  #leave(reason: string): void {
    this.#leavingBy ??= reason
    const waiting = this.#waiting.splice(0)
    const now = performance.now()
    for (const { listener } of waiting) listener.onEnd(statusUnavailable, reason, 0, now)
    this.#leaveWhenIdle()
  }

  #leaveWhenIdle(): void {
    if (this.#streams.size === 0) this.close()
  }

  #fail(reason: string): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = reason
    const now = performance.now()
    const open = [...this.#streams.values(), ...this.#waiting]
    this.#streams.clear()
    this.#waiting.length = 0
    for (const { listener } of open) listener.onEnd(statusUnavailable, reason, 0, now)
  }
}

/** The part of a HEADERS payload that is header block. */
function unpadded(flags: number, bytes: Buffer, start: number, end: number): [number, number] {
  const hasPadding = (flags & frameFlag.padded) !== 0
  const from = start + (hasPadding ? 1 : 0) + ((flags & frameFlag.priority) === 0 ? 0 : 5)
  return [from, hasPadding ? end - bytes[start]! : end]
}
