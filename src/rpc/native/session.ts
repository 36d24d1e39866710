/**
 * HTTP/2 between one client and its calls: what each frame means, which streams there are, and
 * what a client may not do.
 *
 *     FrameReader ─ onFrame ─┬─ HEADERS, CONTINUATION ─ HeaderBlocks ─ Stream + Call
 *                            ├─ DATA, RST_STREAM, WINDOW_UPDATE ─ Stream ─ Call
 *                            └─ SETTINGS, PING, GOAWAY, PRIORITY
 *
 * Whatever is wrong with the connection as a whole is thrown as a ConnectionError; what is wrong
 * with a stream resets it (RFC 9113 §5.4).
 */

import type { EngineOptions } from '../engine.ts'
import { Call, type CallHost } from './call.ts'
import type { DeadlineWheel } from './deadline-wheel.ts'
import type { EngineParts } from './engine-parts.ts'
import { FloodGuard, type FloodKind } from './flood-guard.ts'
import type { FrameListener } from './frame-reader.ts'
import type { FrameWriter } from './frame-writer.ts'
import { HeaderBlocks } from './header-blocks.ts'
import { PingPolicy } from './ping-policy.ts'
import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  ERROR,
  FLAG,
  FRAME,
  MAX_WINDOW_BYTES,
  SETTING,
  type ErrorCode,
} from './protocol.ts'
import type { RequestHead } from './request-head.ts'
import { ResponseHeaders } from './response-headers.ts'
import { SendFlow } from './send-flow.ts'
import { readSettings, type SettingsListener } from './settings.ts'
import { StreamTable } from './stream-table.ts'
import { Stream, type StreamHost } from './stream.ts'

/** What a client may have sent that is not looked at yet, in all and on one stream. */
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
const STREAM_WINDOW_BYTES = 1024 * 1024
/** Messages that are not complete, or wait for a handler, in all. */
const HELD_BYTES_MAX = 64 * 1024 * 1024

/** The connection that the session runs on. */
export interface SessionHost {
  readonly peerAddress: string
  /** The client was told that no more calls are taken. */
  readonly isLeaving: boolean
  /** The last stream has closed. */
  onIdle(): void
  /** The client has answered a ping that brought it these bytes. */
  onPong(bytes: Buffer, start: number): void
}

export class Session implements FrameListener, StreamHost, CallHost, SettingsListener {
  readonly #host: SessionHost
  readonly #parts: EngineParts
  readonly #writer: FrameWriter
  readonly #blocks: HeaderBlocks
  readonly #streams = new StreamTable()
  readonly #guard: FloodGuard
  readonly #pings: PingPolicy
  readonly flow: SendFlow
  readonly responseHeaders = new ResponseHeaders()
  readonly receiveWindowBytes = STREAM_WINDOW_BYTES
  #hasSettings = false
  /** The stream whose header block is being gathered, or 0. */
  #blockStreamId = 0
  #blockEndsStream = false
  /** DATA that came since the connection's window was widened last. */
  #usedRoomBytes = 0
  #heldBytes = 0
  #orphanCount = 0

  constructor(host: SessionHost, parts: EngineParts, writer: FrameWriter) {
    this.#host = host
    this.#parts = parts
    this.#writer = writer
    this.#blocks = new HeaderBlocks(parts.staticFields, parts.huffman, parts.limits)
    this.#guard = new FloodGuard(() => parts.nowMs())
    this.#pings = new PingPolicy(parts.limits.keepaliveMinTimeMs)
    this.flow = new SendFlow(writer)
  }

  get options(): EngineOptions {
    return this.#parts.options
  }

  get deadlines(): DeadlineWheel {
    return this.#parts.deadlines
  }

  get peerAddress(): string {
    return this.#host.peerAddress
  }

  /** The client's settings have come, so that it speaks HTTP/2 indeed. */
  get hasSettings(): boolean {
    return this.#hasSettings
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get lastStreamId(): number {
    return this.#streams.lastId
  }

  /** The server's side of the preface (RFC 9113 §3.4). */
  greet(): void {
    const { maxConcurrentStreams, maxHeaderBytes } = this.#parts.limits
    this.#writer.settings([
      [SETTING.MAX_CONCURRENT_STREAMS, maxConcurrentStreams],
      [SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
      [SETTING.MAX_HEADER_LIST_SIZE, maxHeaderBytes],
    ])
    this.#writer.windowUpdate(0, CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES)
  }

  /** The connection is over for all calls. */
  cancelAll(): void {
    for (const stream of this.#streams.all()) stream.onReset()
  }

  // From the frame reader.

  onFrame(
    type: number,
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (this.#blockStreamId !== 0 || !this.#hasSettings) this.#checkOrder(type, flags, streamId)
    switch (type) {
      case FRAME.DATA:
        return this.#onData(flags, streamId, bytes, start, end)
      case FRAME.HEADERS:
        return this.#onHeaders(flags, streamId, bytes, start, end)
      case FRAME.CONTINUATION:
        return this.#onContinuation(flags, streamId, bytes, start, end)
      case FRAME.WINDOW_UPDATE:
        return this.#onWindowUpdate(streamId, bytes, start, end)
      case FRAME.RST_STREAM:
        return this.#onResetStream(streamId, end - start)
      case FRAME.SETTINGS:
        return this.#onSettings(flags, streamId, bytes, start, end)
      case FRAME.PING:
        return this.#onPing(flags, streamId, bytes, start, end)
      case FRAME.GOAWAY:
        if (streamId !== 0) throw protocolError('GOAWAY on a stream')
        if (end - start < 8) throw sizeError('GOAWAY')
        return
      case FRAME.PRIORITY:
        return this.#onPriority(streamId, end - start)
      case FRAME.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE from a client')
      default:
        this.onNoise() // unknown types are ignored (RFC 9113 §4.1)
    }
  }

  /** A header block comes in one piece, and the settings come first. */
  #checkOrder(type: number, flags: number, streamId: number): void {
    if (!this.#hasSettings) {
      const isSettings = type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0
      if (!isSettings) throw protocolError('the first frame is not SETTINGS')
    } else if (type !== FRAME.CONTINUATION || streamId !== this.#blockStreamId) {
      throw protocolError('a header block was interrupted')
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const flowBytes = end - start
    this.#giveRoom(flowBytes)
    let to = end
    let from = start
    if ((flags & FLAG.PADDED) !== 0) {
      to = end - paddingOf(bytes, start, end)
      from = start + 1
      if (from > to) throw protocolError('DATA has more padding than payload')
    }
    const stream = this.#streams.get(streamId)
    if (stream === undefined) this.#onLateData(streamId)
    else stream.onData(bytes, from, to, flowBytes, (flags & FLAG.END_STREAM) !== 0)
  }

  /**
   * The connection's window is for throughput alone, so room is given back as soon as it is used:
   * streams hold back each for itself, and what waits is counted by `hold`.
   */
  #giveRoom(bytes: number): void {
    this.#usedRoomBytes += bytes
    if (this.#usedRoomBytes < CONNECTION_WINDOW_BYTES / 2) return
    this.#writer.windowUpdate(0, this.#usedRoomBytes)
    this.#usedRoomBytes = 0
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId % 2 === 0) throw protocolError('HEADERS on a stream that a client can not open')
    let from = start
    let to = end
    if ((flags & FLAG.PADDED) !== 0) {
      to -= paddingOf(bytes, start, end)
      from++
    }
    if ((flags & FLAG.PRIORITY) !== 0) from += 5
    if (from > to) throw protocolError('HEADERS are cut short')
    const isLast = (flags & FLAG.END_STREAM) !== 0
    if ((flags & FLAG.END_HEADERS) !== 0) {
      this.#onBlock(streamId, isLast, this.#blocks.finish(bytes, from, to))
      return
    }
    this.#blocks.addFragment(bytes, from, to)
    this.#blockStreamId = streamId
    this.#blockEndsStream = isLast
  }

  #onContinuation(
    flags: number,
    streamId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (this.#blockStreamId === 0) throw protocolError('CONTINUATION of nothing')
    if ((flags & FLAG.END_HEADERS) === 0) {
      this.#blocks.addFragment(bytes, start, end)
      return
    }
    this.#blockStreamId = 0
    this.#onBlock(streamId, this.#blockEndsStream, this.#blocks.finish(bytes, start, end))
  }

  #onBlock(streamId: number, isLast: boolean, head: RequestHead): void {
    const stream = this.#streams.get(streamId)
    if (stream !== undefined) {
      const isFine = isLast && head.isTrailers && !head.isMalformed
      if (isFine) stream.onRemoteEnd()
      else this.onStreamError(stream, ERROR.PROTOCOL_ERROR)
    } else if (streamId <= this.#streams.lastId) this.#onLateHeaders(streamId)
    else this.#open(streamId, isLast, head)
  }

  #open(streamId: number, isLast: boolean, head: RequestHead): void {
    const streams = this.#streams
    streams.lastId = streamId
    // The client was told that this stream would not be looked at.
    if (this.#host.isLeaving) return
    const contentLength = head.contentBytes
    if (head.isMalformed || !head.isRequest || contentLength === undefined) {
      this.#refuseStream(streamId, ERROR.PROTOCOL_ERROR, 'stream-error')
      return
    }
    const { maxConcurrentStreams } = this.#parts.limits
    if (streams.size >= maxConcurrentStreams || this.#orphanCount >= maxConcurrentStreams) {
      this.#refuseStream(streamId, ERROR.REFUSED_STREAM, 'reset')
      return
    }
    head.admission ??= this.#parts.admission.admissionOf(head)
    const { admission } = head
    const stream = new Stream(this, streamId, isLast, contentLength)
    streams.add(stream)
    if (!admission.ok) {
      stream.refuse(this.responseHeaders.refusal(admission))
      return
    }
    const call = new Call(this, stream, admission.method, head)
    stream.listen(call)
    call.start(admission.timeoutMs)
    if (isLast) stream.onRemoteEndAtOnce()
  }

  #refuseStream(streamId: number, code: ErrorCode, kind: FloodKind): void {
    this.#check(kind)
    this.#writer.resetStream(streamId, code)
    this.#streams.noteReset(streamId)
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw sizeError('WINDOW_UPDATE')
    const increment = bytes.readUInt32BE(start) & 0x7fff_ffff
    if (streamId !== 0) {
      const stream = this.#streams.get(streamId)
      if (stream !== undefined) stream.onWindowUpdate(increment)
      else if (this.#streams.isIdle(streamId)) throw protocolError('WINDOW_UPDATE of no stream')
      else this.onNoise()
    } else if (increment === 0) throw protocolError('WINDOW_UPDATE by nothing')
    else if (!this.flow.widen(increment)) {
      throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'the window is too large')
    }
  }

  #onResetStream(streamId: number, length: number): void {
    if (length !== 4) throw sizeError('RST_STREAM')
    const stream = this.#streams.get(streamId)
    if (stream === undefined) {
      if (this.#streams.isIdle(streamId)) throw protocolError('RST_STREAM of no stream')
      this.onNoise()
      return
    }
    if (!stream.hasAnswered) this.#check('reset')
    stream.onReset()
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS on a stream')
    if ((flags & FLAG.ACK) !== 0) {
      if (end > start) throw sizeError('SETTINGS')
      return
    }
    this.#check('settings')
    readSettings(bytes, start, end, this)
    this.#hasSettings = true
    this.#writer.settingsAck()
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('PING on a stream')
    if (end - start !== 8) throw sizeError('PING')
    if ((flags & FLAG.ACK) !== 0) {
      this.#host.onPong(bytes, start)
      return
    }
    this.#check('ping')
    if (this.#writer.takeResponseMark()) this.#pings.forgive()
    if (!this.#pings.allows(this.#parts.nowMs(), this.#streams.size > 0)) {
      throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'too_many_pings')
    }
    this.#writer.ping(bytes, start, true)
  }

  #onPriority(streamId: number, length: number): void {
    if (streamId === 0) throw protocolError('PRIORITY of the connection')
    if (length !== 5) throw sizeError('PRIORITY')
    this.onNoise()
  }

  /** Only for a stream that was reset from here can they be a matter of chance. */
  #onLateHeaders(streamId: number): void {
    this.onNoise()
    if (this.#streams.wasReset(streamId)) return
    const code = this.#streams.wasOpen(streamId) ? ERROR.STREAM_CLOSED : ERROR.PROTOCOL_ERROR
    throw new ConnectionError(code, 'HEADERS on a closed stream')
  }

  /** DATA on a stream that has no object. */
  #onLateData(streamId: number): void {
    if (this.#streams.isIdle(streamId)) throw protocolError('DATA on a stream that was not opened')
    this.onNoise()
    if (this.#host.isLeaving || this.#streams.wasReset(streamId)) return
    this.#writer.resetStream(streamId, ERROR.STREAM_CLOSED)
    this.#streams.noteReset(streamId)
  }

  // From the settings.

  onHeaderTableBytes(bytes: number): void {
    this.responseHeaders.setTableBytes(bytes)
  }

  /** Applies to open streams too (RFC 9113 §6.9.2). */
  onInitialWindow(bytes: number): void {
    const gained = bytes - this.flow.initialWindow
    this.flow.initialWindow = bytes
    if (gained === 0) return
    for (const stream of this.#streams.all()) {
      stream.sendWindow += gained
      if (stream.sendWindow > MAX_WINDOW_BYTES) {
        throw new ConnectionError(ERROR.FLOW_CONTROL_ERROR, 'a stream window is too large')
      }
    }
    this.flow.onRoom()
  }

  onMaxFrameBytes(bytes: number): void {
    this.flow.setMaxFrameBytes(bytes)
  }

  // From streams.

  onStreamClosed(stream: Stream, isReset: boolean): void {
    this.#streams.remove(stream, isReset)
    if (this.#streams.size === 0) this.#host.onIdle()
  }

  onStreamError(stream: Stream, code: ErrorCode): void {
    this.#check('stream-error')
    stream.reset(code)
  }

  onNoise(): void {
    this.#check('noise')
  }

  // From calls.

  hold(bytes: number): boolean {
    this.#heldBytes += bytes
    return this.#heldBytes <= HELD_BYTES_MAX
  }

  countOrphans(change: number): void {
    this.#orphanCount += change
  }

  #check(kind: FloodKind): void {
    if (this.#guard.allows(kind)) return
    throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, `too many frames of one kind: ${kind}`)
  }
}

function paddingOf(bytes: Buffer, start: number, end: number): number {
  if (start === end) throw sizeError('a padded frame')
  return bytes.readUInt8(start)
}

function protocolError(text: string): ConnectionError {
  return new ConnectionError(ERROR.PROTOCOL_ERROR, text)
}

function sizeError(name: string): ConnectionError {
  return new ConnectionError(ERROR.FRAME_SIZE_ERROR, `${name} of a wrong size`)
}
