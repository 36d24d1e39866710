/**
 * An ordered stream of messages to one member, kept connected while the member is a peer.
 *
 *     dialing ── ok ──> connected ── broken ──> waiting ── a while later ──> dialing
 *        └────── failed ──────────────────────────┘
 *
 * Messages wait in a bounded queue while dialing and while the connection takes no more. They are
 * dropped when the queue is full, and all of them when the connection breaks or cannot be made:
 * what was written may have arrived, and nothing may be sent twice.
 */

import type { Clock, Random } from '../base/ports.ts'
import { Backoff } from './backoff.ts'
import type { Connection } from './connection.ts'
import { dial, type Dialed } from './dial.ts'
import { dataFrame, FRAME_HEAD_BYTES } from './frame.ts'
import type { MemberHello, Refusal } from './handshake.ts'
import { FRAME_TARGET_BYTES, MAX_FRAME_BYTES, type PeerLimits, type QueueLimits } from './limits.ts'
import { messageBytes, packedMessages, type StreamMessage } from './message-codec.ts'

export interface OutgoingStreamOptions {
  readonly hello: MemberHello
  readonly queue: QueueLimits
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly random: Random
  readonly connections: Set<Connection>
}

/** Not always called from a turn of its own. */
export interface OutgoingStreamUser {
  onConnected(): void
  /** It was connected, and no longer is. */
  onBroken(reason: string): void
  onDialFailed(url: string, refusal: Refusal | undefined, reason: string): void
  onDropped(count: number): void
  /**
   * Messages may have been lost: when a connection broke, and once in a time without a connection
   * or with a full queue.
   */
  onUnreachable(): void
  onRoundTrip(seconds: number): void
  onSent(bytes: number): void
  onReceived(bytes: number): void
}

export class OutgoingStream {
  readonly #options: OutgoingStreamOptions
  readonly #user: OutgoingStreamUser
  #urls: readonly string[]
  #nextUrl = 0
  readonly #backoff: Backoff
  #connection: Connection | undefined
  #cancelDial: (() => void) | undefined
  #reconnectTimer: NodeJS.Timeout | undefined
  #queue: StreamMessage[] = []
  #queuedBytes = 0
  #isFlushDue = false
  #isBlocked = false
  /** Told since the last time that all was well. */
  #isLossTold = false
  #isStopped = false

  constructor(urls: readonly string[], options: OutgoingStreamOptions, user: OutgoingStreamUser) {
    this.#urls = urls
    this.#options = options
    this.#user = user
    const { limits, random } = options
    this.#backoff = new Backoff(limits.reconnectMinMs, limits.reconnectMaxMs, random)
    this.#dial()
  }

  get isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** A connection that works stays: the member may not have moved to its new URL yet. */
  setUrls(urls: readonly string[]): void {
    this.#urls = urls
    this.#nextUrl = 0
    if (this.#connection !== undefined) return
    this.#cancelDial?.()
    clearTimeout(this.#reconnectTimer)
    this.#backoff.reset()
    this.#dial()
  }

  send(message: StreamMessage): void {
    const bytes = messageBytes(message)
    const { queue } = this.#options
    const isFull =
      this.#queue.length >= queue.messages ||
      (this.#queue.length > 0 && this.#queuedBytes + bytes > queue.bytes)
    const isWaiting = this.#reconnectTimer !== undefined
    if (this.#isStopped || isWaiting || isFull) {
      this.#onLost(1)
      return
    }
    this.#queue.push(message)
    this.#queuedBytes += bytes
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    // All that this turn sends leaves in one write.
    process.nextTick(() => this.#flush())
  }

  close(reason: string): void {
    this.#connection?.close(reason)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancelDial?.()
    clearTimeout(this.#reconnectTimer)
    this.#connection?.close('stopped')
    this.#dropQueue()
  }

  #dial(): void {
    this.#reconnectTimer = undefined
    const url = this.#urls[this.#nextUrl % this.#urls.length]
    if (url === undefined) {
      this.#dialLater()
      return
    }
    this.#nextUrl++
    this.#cancelDial = dial(url, this.#options.hello, this.#options, (dialed) => {
      this.#cancelDial = undefined
      this.#onDialed(url, dialed)
    })
  }

  #onDialed(url: string, dialed: Dialed): void {
    if (!dialed.ok) {
      this.#dialLater()
      this.#dropQueue()
      this.#user.onDialFailed(url, dialed.refusal, dialed.reason)
      return
    }
    const { connection } = dialed
    const { connections, limits } = this.#options
    this.#connection = connection
    this.#isBlocked = false
    this.#isLossTold = false
    connections.add(connection)
    const user = {
      // Nothing but pongs comes this way.
      onFrame: (): void => connection.close('unexpected frame'),
      onClosed: (reason: string): void => this.#onBroken(connection, reason),
      onDrain: (): void => {
        this.#isBlocked = false
        this.#flush()
      },
      onRoundTrip: (seconds: number): void => {
        this.#backoff.reset()
        this.#user.onRoundTrip(seconds)
      },
      onSent: (bytes: number): void => this.#user.onSent(bytes),
      onReceived: (bytes: number): void => this.#user.onReceived(bytes),
    }
    connection.serve(user, FRAME_HEAD_BYTES, limits.silenceTicks)
    this.#user.onConnected()
    this.#flush()
  }

  #onBroken(connection: Connection, reason: string): void {
    this.#options.connections.delete(connection)
    this.#connection = undefined
    if (!this.#isStopped) this.#dialLater()
    // What was written may not have arrived.
    this.#isLossTold = false
    this.#onLost(0)
    this.#dropQueue()
    this.#user.onBroken(reason)
  }

  #dialLater(): void {
    this.#reconnectTimer = setTimeout(() => this.#dial(), this.#backoff.nextMs())
  }

  #dropQueue(): void {
    const count = this.#queue.length
    this.#queue = []
    this.#queuedBytes = 0
    if (count > 0) this.#onLost(count)
  }

  #onLost(count: number): void {
    this.#user.onDropped(count)
    if (this.#isLossTold) return
    this.#isLossTold = true
    this.#user.onUnreachable()
  }

  #flush(): void {
    this.#isFlushDue = false
    while (this.#connection !== undefined && !this.#isBlocked && this.#queue.length > 0) {
      const batch = this.#takeBatch()
      const frame = dataFrame(packedMessages(batch))
      if (frame.length > MAX_FRAME_BYTES) this.#onLost(batch.length)
      else if (!this.#connection.send(frame)) this.#isBlocked = true
    }
    if (this.#connection !== undefined && this.#queue.length === 0) this.#isLossTold = false
  }

  /** Messages of about FRAME_TARGET_BYTES, at least one. */
  #takeBatch(): readonly StreamMessage[] {
    let count = 0
    let bytes = 0
    for (const message of this.#queue) {
      const next = messageBytes(message)
      if (count > 0 && bytes + next > FRAME_TARGET_BYTES) break
      bytes += next
      count++
    }
    this.#queuedBytes -= bytes
    if (count < this.#queue.length) return this.#queue.splice(0, count)
    const batch = this.#queue
    this.#queue = []
    return batch
  }
}
