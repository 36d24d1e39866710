/**
 * One HTTP/2 stream on the server's side (RFC 9113 §5.1), between its connection and its call.
 *
 *     HEADERS ─> open ── END_STREAM ──> half-closed (remote) ── our END_STREAM ──> closed
 *                 └──── our END_STREAM and RST_STREAM, or a RST_STREAM from anyone ──┘
 *
 * Idle and closed streams have no object. Invariant: once closed, nothing is sent and the call is
 * told nothing any more.
 */

import type { StatusError } from '../status.ts'
import { ERROR, MAX_WINDOW_BYTES, MESSAGE_PREFIX_BYTES, type ErrorCode } from './protocol.ts'
import { ReceiveWindow } from './receive-window.ts'
import type { ResponseHeaders } from './response-headers.ts'
import type { SendFlow } from './send-flow.ts'
import { SendQueue, type QueueOwner } from './send-queue.ts'

/** What the stream's connection is to it. */
export interface StreamHost {
  readonly flow: SendFlow
  readonly responseHeaders: ResponseHeaders
  /** SETTINGS_INITIAL_WINDOW_SIZE as announced. */
  readonly receiveWindowBytes: number
  /** The stream is closed. `isReset` when it was reset from here. */
  onStreamClosed(stream: Stream, isReset: boolean): void
  /** The client did on the stream what it must not. */
  onStreamError(stream: Stream, code: ErrorCode): void
  /** A frame came that changes nothing. */
  onNoise(): void
}

/** The call on the stream. */
export interface StreamListener {
  /** A piece of the request, bytes [start, end); `flowBytes` are to be credited. */
  onRequestData(bytes: Buffer, start: number, end: number, flowBytes: number): void
  /** The request is complete. */
  onRequestEnd(): void
  /** The client, or the connection's end, has closed the stream. */
  onStreamGone(): void
  /** All that was sent has gone on, after a `send` that said false. */
  onRoom(): void
}

export class Stream implements QueueOwner {
  readonly id: number
  readonly #host: StreamHost
  #listener: StreamListener | undefined
  sendWindow: number
  #queue: SendQueue | undefined
  #window: ReceiveWindow | undefined
  #isRemoteClosed: boolean
  #isClosed = false
  #hasSentHeaders = false
  /** What content-length promised and has not come yet; -1 when nothing was promised. */
  #expectedBytes: number

  constructor(host: StreamHost, id: number, isRemoteClosed: boolean, contentLength: number) {
    this.id = id
    this.#host = host
    this.sendWindow = host.flow.initialWindow
    this.#isRemoteClosed = isRemoteClosed
    this.#expectedBytes = contentLength
  }

  /** Every stream gets its listener before anything else. */
  listen(listener: StreamListener): void {
    this.#listener = listener
  }

  /** Something of the response went out. */
  get hasAnswered(): boolean {
    return this.#hasSentHeaders
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  // From the connection.

  onData(bytes: Buffer, start: number, end: number, flowBytes: number, isLast: boolean): void {
    if (this.#isRemoteClosed) return this.#host.onStreamError(this, ERROR.STREAM_CLOSED)
    if (!this.#take(flowBytes, isLast)) {
      return this.#host.onStreamError(this, ERROR.FLOW_CONTROL_ERROR)
    }
    if (!this.#isExpected(end - start, isLast)) {
      return this.#host.onStreamError(this, ERROR.PROTOCOL_ERROR)
    }
    if (end > start) this.#listener?.onRequestData(bytes, start, end, flowBytes)
    else if (isLast) this.credit(flowBytes)
    else {
      this.credit(flowBytes)
      this.#host.onNoise()
    }
    if (isLast) this.onRemoteEnd()
  }

  /** END_STREAM, by whatever frame. */
  onRemoteEnd(): void {
    if (this.#isClosed) return
    if (this.#isRemoteClosed) return this.#host.onStreamError(this, ERROR.STREAM_CLOSED)
    this.#isRemoteClosed = true
    this.onRemoteEndAtOnce()
  }

  /** END_STREAM came with the request's headers. */
  onRemoteEndAtOnce(): void {
    if (this.#isClosed) return
    if (this.#expectedBytes > 0) return this.#host.onStreamError(this, ERROR.PROTOCOL_ERROR)
    this.#listener?.onRequestEnd()
  }

  onWindowUpdate(increment: number): void {
    if (increment === 0) return this.#host.onStreamError(this, ERROR.PROTOCOL_ERROR)
    this.sendWindow += increment
    if (this.sendWindow > MAX_WINDOW_BYTES) {
      return this.#host.onStreamError(this, ERROR.FLOW_CONTROL_ERROR)
    }
    this.#queue?.sendAll()
  }

  /** The client has reset the stream, or the connection is gone. */
  onReset(): void {
    if (this.#isClosed) return
    this.#close(false)
    this.#listener?.onStreamGone()
  }

  // From the queue.

  onQueueEmpty(wasFull: boolean): void {
    this.#queue = undefined
    if (wasFull) this.#listener?.onRoom()
  }

  onQueueEnded(error: StatusError | undefined): void {
    this.#queue = undefined
    this.#sendEnd(error)
  }

  // From the call.

  /** What `onData` brought is dealt with: the client may send that much more. */
  credit(bytes: number): void {
    if (this.#isRemoteClosed || this.#isClosed) return
    const increment = this.#window?.credit(bytes) ?? 0
    if (increment > 0) this.#host.flow.writer.windowUpdate(this.id, increment)
  }

  /** A whole response: headers, one message, status OK. */
  respond(message: Uint8Array): void {
    this.send(message)
    this.end(undefined)
  }

  /** False when the client is slow: `onRoom` tells when it has caught up. */
  send(message: Uint8Array): boolean {
    if (this.#isClosed) return false
    const { flow, responseHeaders } = this.#host
    if (!this.#hasSentHeaders) {
      this.#hasSentHeaders = true
      flow.writer.headers(this.id, responseHeaders.headers(), false)
    }
    const bytes = message.length + MESSAGE_PREFIX_BYTES
    if (this.#queue === undefined && flow.take(bytes, this.sendWindow)) {
      this.sendWindow -= bytes
      flow.writer.message(this.id, message, 0, bytes)
      return true
    }
    return this.#enqueue(message)
  }

  /** The status, behind all messages; undefined for OK. */
  end(error: StatusError | undefined): void {
    if (this.#isClosed) return
    if (this.#queue === undefined) this.#sendEnd(error)
    else this.#queue.endAfterwards(error)
  }

  /** The status at once: messages that wait are not sent. */
  endNow(error: StatusError): void {
    if (this.#isClosed) return
    this.#abandonQueue()
    this.#sendEnd(error)
  }

  /** Ends a request that is refused by its headers, with a block made for it. */
  refuse(block: Buffer): void {
    this.#hasSentHeaders = true
    this.#host.flow.writer.headers(this.id, block, true)
    this.#closeAfterEnd()
  }

  /** Resets the stream; its call hears that it is cancelled. */
  reset(code: ErrorCode): void {
    if (this.#isClosed) return
    this.#host.flow.writer.resetStream(this.id, code)
    this.#close(true)
    this.#listener?.onStreamGone()
  }

  #enqueue(message: Uint8Array): boolean {
    if (this.#queue === undefined) {
      this.#queue = new SendQueue(this.#host.flow, this)
      this.#queue.push(message)
      this.#queue.sendAll() // as far as there is room
    } else this.#queue.push(message)
    return this.#queue?.checkRoom() ?? true
  }

  #sendEnd(error: StatusError | undefined): void {
    const { flow, responseHeaders } = this.#host
    let block: Buffer
    if (this.#hasSentHeaders) {
      if (error === undefined) block = responseHeaders.okTrailers()
      else block = responseHeaders.trailers(error.code, error.message)
    } else {
      this.#hasSentHeaders = true
      block = responseHeaders.trailersOnly(error?.code ?? 0, error?.message ?? '')
    }
    flow.writer.headers(this.id, block, true)
    this.#closeAfterEnd()
  }

  /** A client that has not ended its request need not go on with it (RFC 9113 §8.1). */
  #closeAfterEnd(): void {
    if (!this.#isRemoteClosed) this.#host.flow.writer.resetStream(this.id, ERROR.NO_ERROR)
    this.#close(!this.#isRemoteClosed)
  }

  #close(isReset: boolean): void {
    this.#isClosed = true
    this.#abandonQueue()
    this.#host.onStreamClosed(this, isReset)
  }

  #abandonQueue(): void {
    this.#queue?.abandon()
    this.#queue = undefined
  }

  #take(bytes: number, isLast: boolean): boolean {
    // Most requests are one frame: they need no account.
    if (this.#window === undefined && isLast) return bytes <= this.#host.receiveWindowBytes
    this.#window ??= new ReceiveWindow(this.#host.receiveWindowBytes)
    return this.#window.take(bytes)
  }

  #isExpected(bytes: number, isLast: boolean): boolean {
    if (this.#expectedBytes < 0) return true
    this.#expectedBytes -= bytes
    return isLast ? this.#expectedBytes === 0 : this.#expectedBytes >= 0
  }
}
