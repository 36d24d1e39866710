/**
 * One TCP connection between members: frames in, frames out, and a watch over its life.
 *
 * The side that dialed pings once a tick and the other one answers, so that each hears something
 * at least once a tick. A side that has heard nothing for some ticks closes: the network may have
 * swallowed the other end without a word. Ticks are counted, not time, because a process that was
 * stopped for a while must not close its connections before it has read what is waiting in them.
 */

import type { Socket } from 'node:net'
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/ports.ts'
import { type Frame, FrameReader, probeFrame, probeNumber } from './frame.ts'
import { MAX_FRAME_BYTES, MAX_HELLO_BYTES } from './limits.ts'

/** Beyond this the other side does not read what it asked for. */
const MAX_BUFFERED_BYTES = 2 * MAX_FRAME_BYTES
/** Pings of a side that reads no pongs are not answered beyond this. */
const MAX_PONG_BUFFERED_BYTES = 1024 * 1024
const KEEP_ALIVE_MS = 15_000
/** Pings are numbered from 1 to below the limit. */
const NO_PING = 0
const PING_NUMBER_LIMIT = 2 ** 32

/** What serves a connection. Called from the socket's own turns, `onClosed` also from `close`. */
export interface ConnectionUser {
  onFrame(body: Uint8Array): void
  /** Once, the last call. */
  onClosed(reason: string): void
  /** There is room again after `send` returned false. */
  onDrain?(): void
  onTick?(): void
  onRoundTrip?(seconds: number): void
  onSent?(bytes: number): void
  onReceived?(bytes: number): void
}

export interface ConnectionOptions {
  /** This side dialed. */
  readonly pings: boolean
  /** Until `serve`; MAX_HELLO_BYTES when not given. */
  readonly maxBodyBytes?: number
  readonly clock: Clock
}

export class Connection {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #reader: FrameReader
  readonly #pings: boolean
  #user: ConnectionUser
  #silenceTicksMax = Infinity
  #silentTicks = 0
  #isPaused = false
  #isParsing = false
  #isClosed = false
  #error: string | undefined
  /** The oldest that has not been answered. */
  #ping: { readonly number: number; readonly sentMs: number } | undefined
  #pingNumber = NO_PING

  constructor(socket: Socket, options: ConnectionOptions, user: ConnectionUser) {
    this.#socket = socket
    this.#pings = options.pings
    this.#clock = options.clock
    this.#reader = new FrameReader(options.maxBodyBytes ?? MAX_HELLO_BYTES)
    this.#user = user
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('data', (piece: Buffer) => this.#onData(piece))
    socket.on('drain', () => this.#onDrain())
    socket.on('error', (error) => (this.#error = error.message))
    socket.on('close', () => this.close(this.#error ?? 'closed by the other side'))
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Bytes handed to `send` that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  get remoteAddress(): string {
    return `${this.#socket.remoteAddress ?? 'unknown'}:${this.#socket.remotePort ?? 0}`
  }

  /** The handshake is over: from now on this user serves it, under these bounds. */
  serve(user: ConnectionUser, maxBodyBytes: number, silenceTicksMax: number): void {
    this.#user = user
    this.#reader.maxBodyBytes = maxBodyBytes
    this.#silenceTicksMax = silenceTicksMax
    if (this.#pings) this.#sendPing()
  }

  /** False: wait for `onDrain` before the next one. What is sent after the end is lost. */
  send(frame: Uint8Array): boolean {
    if (this.#isClosed || this.#socket.writableEnded) return false
    this.#user.onSent?.(frame.length)
    const hasRoom = this.#socket.write(frame)
    if (this.#socket.writableLength > MAX_BUFFERED_BYTES) this.close('the other side does not read')
    return hasRoom
  }

  /** No frame is handed out until `resume`. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#silentTicks = 0
    this.#parse()
    if (!this.#isPaused && !this.#isClosed) this.#socket.resume()
  }

  /** Once a tick. */
  tick(): void {
    if (this.#isClosed) return
    if (!this.#isPaused && ++this.#silentTicks > this.#silenceTicksMax) {
      this.close('nothing heard from the other side')
      return
    }
    // Behind what waits to be written a ping would tell nothing.
    if (this.#pings && this.#silenceTicksMax < Infinity && !this.#socket.writableNeedDrain) {
      this.#sendPing()
    }
    this.#user.onTick?.()
  }

  /** Lets the side that dialed hear something: its pings wait behind what is not read yet. */
  sendSign(): void {
    this.send(probeFrame('pong', NO_PING))
  }

  /** Sends what was handed over and closes then; frames that still come in are served. */
  end(): void {
    if (!this.#isClosed) this.#socket.end()
  }

  close(reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.destroy()
    this.#user.onClosed(reason)
  }

  #onData(piece: Buffer): void {
    if (this.#isClosed) return
    this.#silentTicks = 0
    this.#user.onReceived?.(piece.length)
    this.#reader.push(piece)
    this.#parse()
  }

  #onDrain(): void {
    if (this.#isClosed) return
    // Bytes move, so somebody reads them.
    this.#silentTicks = 0
    this.#user.onDrain?.()
  }

  #parse(): void {
    if (this.#isParsing) return
    this.#isParsing = true
    while (!this.#isPaused && !this.#isClosed) {
      const frame = this.#reader.next()
      if (frame === undefined) break
      if (typeof frame === 'string') this.close(`malformed frame: ${frame}`)
      else this.#onFrame(frame)
    }
    this.#isParsing = false
  }

  #onFrame(frame: Frame): void {
    if (frame.type === 'data') this.#user.onFrame(frame.body)
    else if (frame.type === 'pong') this.#onPong(probeNumber(frame))
    else if (this.bufferedBytes < MAX_PONG_BUFFERED_BYTES) {
      this.send(probeFrame('pong', probeNumber(frame)))
    }
  }

  #sendPing(): void {
    assert(this.#pings, 'the side that dialed pings')
    this.#pingNumber = (this.#pingNumber % (PING_NUMBER_LIMIT - 1)) + 1
    this.#ping ??= { number: this.#pingNumber, sentMs: this.#clock.nowMs() }
    this.send(probeFrame('ping', this.#pingNumber))
  }

  #onPong(number: number): void {
    if (number !== this.#ping?.number) return
    const seconds = (this.#clock.nowMs() - this.#ping.sentMs) / 1000
    this.#ping = undefined
    this.#user.onRoundTrip?.(seconds)
  }
}
