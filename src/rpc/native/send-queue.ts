/** Messages of one stream that wait for room, and the end of the stream behind them. */

import type { StatusError } from '../status.ts'
import { MESSAGE_PREFIX_BYTES } from './protocol.ts'
import type { SendFlow } from './send-flow.ts'

/** Bytes that wait on a stream, and on all streams of a connection, before senders are held. */
const QUEUE_BYTES_MAX = 64 * 1024
const CONNECTION_BYTES_MAX = 4 * 1024 * 1024

export interface QueueOwner {
  readonly id: number
  sendWindow: number
  /** All has been sent; `wasFull` when `checkRoom` has said false. */
  onQueueEmpty(wasFull: boolean): void
  /** All has been sent and the end is due; undefined for OK. */
  onQueueEnded(error: StatusError | undefined): void
}

export class SendQueue {
  readonly #flow: SendFlow
  readonly #owner: QueueOwner
  #messages: Uint8Array[] = []
  #next = 0
  /** Of the first message, prefix included: what has been sent. */
  #sentBytes = 0
  #queuedBytes = 0
  #isFull = false
  #isEnding = false
  #error: StatusError | undefined

  constructor(flow: SendFlow, owner: QueueOwner) {
    this.#flow = flow
    this.#owner = owner
  }

  push(message: Uint8Array): void {
    const bytes = message.length + MESSAGE_PREFIX_BYTES
    this.#messages.push(message)
    this.#queuedBytes += bytes
    this.#flow.onQueued(this, bytes)
  }

  /** When this says false, the owner is told so when the queue is empty. */
  checkRoom(): boolean {
    this.#isFull ||=
      this.#queuedBytes >= QUEUE_BYTES_MAX || this.#flow.queuedBytes >= CONNECTION_BYTES_MAX
    return !this.#isFull
  }

  endAfterwards(error: StatusError | undefined): void {
    this.#isEnding = true
    this.#error = error
  }

  /** Sends until there is no room any more. */
  sendAll(): void {
    while (this.sendFrame());
  }

  /** One frame, if there is room; false when there is not, or nothing to send. */
  sendFrame(): boolean {
    const message = this.#messages[this.#next]
    if (message === undefined) return false
    const owner = this.#owner
    const total = message.length + MESSAGE_PREFIX_BYTES
    const start = this.#sentBytes
    const part = this.#flow.takePart(total - start, owner.sendWindow)
    if (part === 0) return false
    owner.sendWindow -= part
    this.#flow.writer.message(owner.id, message, start, start + part)
    this.#queuedBytes -= part
    this.#flow.onDequeued(part)
    this.#sentBytes += part
    if (this.#sentBytes === total) this.#dropFirst()
    return true
  }

  /** What is left will not be sent. */
  abandon(): void {
    this.#flow.onDequeued(this.#queuedBytes)
    this.#queuedBytes = 0
    this.#messages = []
    this.#next = 0
    this.#flow.forget(this)
  }

  #dropFirst(): void {
    this.#sentBytes = 0
    this.#next++
    if (this.#next < this.#messages.length) {
      if (this.#next >= 64 && this.#next * 2 >= this.#messages.length) {
        this.#messages = this.#messages.slice(this.#next)
        this.#next = 0
      }
      return
    }
    this.#messages = []
    this.#next = 0
    this.#flow.forget(this)
    if (this.#isEnding) this.#owner.onQueueEnded(this.#error)
    else this.#owner.onQueueEmpty(this.#isFull)
  }
}
