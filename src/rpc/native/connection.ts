/**
 * One client's connection: bytes in and out of its socket, and its course from the first byte to
 * the last.
 *
 *     socket ─ FrameReader ─ Session ─ FrameWriter ─ socket
 *
 * Whatever a client sends ends at worst in a GOAWAY for it: a ConnectionError that is thrown while
 * a chunk is read is caught in `#onChunk`.
 */

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AssertionError } from '../../base/assert.ts'
import type { EngineParts } from './engine-parts.ts'
import { FrameReader } from './frame-reader.ts'
import { FrameWriter } from './frame-writer.ts'
import { Keepalive } from './keepalive.ts'
import {
  ConnectionError,
  ERROR,
  MAX_STREAM_ID,
  MIN_MAX_FRAME_BYTES,
  type ErrorCode,
} from './protocol.ts'
import { Session, type SessionHost } from './session.ts'

/** From here on even acknowledgements are too much for the socket: nothing more is read. */
const BACKLOG_BYTES_MAX = 1024 * 1024
/** How long a client may take for its preface and settings; to take note of a GOAWAY; to close. */
const HANDSHAKE_MS = 10_000
const GOAWAY_MS = 1000
const LINGER_MS = 1000

const KEEPALIVE_PING = Buffer.from('keepaliv', 'latin1')
const DRAIN_PING = Buffer.from('goaway!!', 'latin1')

/**
 * - 'draining': the client was asked to go, but what it has just sent is still served
 * - 'leaving': the calls in flight are the last
 * - 'closing': everything is said; waits for the client to close
 */
type Stage = 'open' | 'draining' | 'leaving' | 'closing' | 'closed'

export class Connection implements SessionHost {
  readonly #socket: Duplex
  readonly #parts: EngineParts
  readonly #onClosed: (connection: Connection) => void
  readonly #writer: FrameWriter
  readonly #session: Session
  readonly #reader: FrameReader
  readonly #keepalive: Keepalive
  #stage: Stage = 'open'
  /** When the stage began. */
  #stageMs: number
  #isReading = false
  #isPaused = false
  #peerAddress: string | undefined

  constructor(socket: Duplex, parts: EngineParts, onClosed: (connection: Connection) => void) {
    const nowMs = parts.nowMs()
    const { keepaliveMs, keepaliveTimeoutMs } = parts.limits
    this.#socket = socket
    this.#parts = parts
    this.#onClosed = onClosed
    this.#writer = new FrameWriter(socket, parts.slabs, () => this.#onDirty())
    this.#session = new Session(this, parts, this.#writer)
    this.#reader = new FrameReader(this.#session, MIN_MAX_FRAME_BYTES)
    this.#keepalive = new Keepalive(keepaliveMs, keepaliveTimeoutMs, nowMs)
    this.#stageMs = nowMs
    this.#session.greet()
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk))
    socket.on('drain', () => this.#onSocketDrain())
    socket.on('end', () => socket.destroy())
    socket.on('close', () => this.#onSocketClosed())
    socket.resume() // it may come paused
  }

  get peerAddress(): string {
    this.#peerAddress ??= addressOf(this.#socket)
    return this.#peerAddress
  }

  flush(): void {
    this.#writer.flush()
    if (this.#writer.backlogBytes < BACKLOG_BYTES_MAX || this.#isPaused) return
    this.#isPaused = true
    this.#socket.pause()
  }

  /** To be called every now and then: what depends on time. */
  tick(nowMs: number): void {
    const stageMs = nowMs - this.#stageMs
    if (this.#stage === 'closing') {
      if (stageMs >= LINGER_MS) this.#socket.destroy()
      return
    }
    if (!this.#session.hasSettings && stageMs >= HANDSHAKE_MS) {
      this.#fail(ERROR.SETTINGS_TIMEOUT, 'no settings came')
      return
    }
    if (this.#stage === 'draining' && stageMs >= GOAWAY_MS) this.#leave()
    const health = this.#keepalive.check(nowMs)
    if (health === 'dead') this.#socket.destroy()
    else if (health === 'ping') this.#writer.ping(KEEPALIVE_PING, 0, false)
    else if (this.#session.streamCount === 0) this.#writer.trim()
  }

  /** Asks the client to go; ends the connection when the calls in flight have ended. */
  drain(): void {
    if (this.#stage !== 'open') return
    this.#enter('draining')
    // Calls on their way are still taken: the client answers the ping after it knows.
    this.#writer.goAway(MAX_STREAM_ID, ERROR.NO_ERROR, '')
    this.#writer.ping(DRAIN_PING, 0, false)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // From the session.

  get isLeaving(): boolean {
    return this.#stage === 'leaving'
  }

  onIdle(): void {
    if (this.#stage === 'leaving') this.#finish()
  }

  onPong(bytes: Buffer, start: number): void {
    const isDrained = DRAIN_PING.compare(bytes, start, start + DRAIN_PING.length) === 0
    if (isDrained && this.#stage === 'draining') this.#leave()
  }

  // The connection's course.

  #onChunk(chunk: Buffer): void {
    this.#keepalive.onActivity()
    if (this.#stage === 'closing' || this.#stage === 'closed') return
    this.#isReading = true
    try {
      this.#reader.push(chunk)
      this.#session.flow.pump()
    } catch (error) {
      this.#onError(error)
    }
    this.#isReading = false
    // Whoever sends without a pause has to take the answers meanwhile.
    if (!this.#writer.hasRoom) this.flush()
  }

  #onError(error: unknown): void {
    if (error instanceof ConnectionError) {
      this.#fail(error.code, error.message)
      return
    }
    // A fault of ours: it must not reach other clients, unless it is a broken invariant.
    this.#parts.options.logger.error('serving a client connection failed', { error })
    this.#fail(ERROR.INTERNAL_ERROR, '')
    if (error instanceof AssertionError) throw error
  }

  #onDirty(): void {
    if (this.#isReading) this.#parts.flushes.afterReading(this)
    else this.#parts.flushes.add(this)
  }

  #onSocketDrain(): void {
    this.#writer.onSocketDrain()
    this.#session.flow.onRoom()
    this.#session.flow.pump()
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  #enter(stage: Stage): void {
    this.#stage = stage
    this.#stageMs = this.#parts.nowMs()
  }

  #leave(): void {
    this.#enter('leaving')
    this.#writer.goAway(this.#session.lastStreamId, ERROR.NO_ERROR, '')
    if (this.#session.streamCount === 0) this.#finish()
  }

  /** The client broke the protocol: it is told so, and all its calls end. */
  #fail(code: ErrorCode, text: string): void {
    if (this.#stage === 'closing' || this.#stage === 'closed') return
    this.#parts.options.logger.debug('a client connection was ended', {
      'remote-addr': this.peerAddress,
      'error-code': code,
      reason: text,
    })
    this.#enter('closing')
    this.#session.cancelAll()
    this.#writer.goAway(this.#session.lastStreamId, code, text)
    this.#end()
  }

  #finish(): void {
    this.#enter('closing')
    this.#end()
  }

  #end(): void {
    this.#reader.stop()
    this.#writer.flush()
    this.#writer.close()
    if (this.#isPaused) this.#socket.resume()
    this.#socket.end()
  }

  #onSocketClosed(): void {
    this.#enter('closed')
    this.#reader.stop()
    this.#writer.close()
    this.#session.cancelAll()
    this.#onClosed(this)
  }
}

function addressOf(socket: Duplex): string {
  const { remoteAddress, remotePort } = socket as Partial<Socket>
  return remoteAddress === undefined ? 'unknown' : `${remoteAddress}:${remotePort}`
}
