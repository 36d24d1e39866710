/**
 * What a connection may send and in which order (RFC 9113 §5.2). A message goes straight to the
 * writer when the windows and the socket have room; otherwise it waits in its stream's queue, and
 * the queues take turns, a frame each.
 */

import type { FrameWriter } from './frame-writer.ts'
import { DEFAULT_WINDOW_BYTES, MAX_WINDOW_BYTES, MIN_MAX_FRAME_BYTES } from './protocol.ts'
import type { SendQueue } from './send-queue.ts'

/** Frames of more than this help nobody: other streams wait behind them. */
const FRAME_BYTES_MAX = 64 * 1024

export class SendFlow {
  readonly writer: FrameWriter
  /** Of the connection; of a new stream. */
  window = DEFAULT_WINDOW_BYTES
  initialWindow = DEFAULT_WINDOW_BYTES
  maxFrameBytes = MIN_MAX_FRAME_BYTES
  /** In all queues. */
  queuedBytes = 0
  readonly #queues = new Set<SendQueue>()
  #mayHaveRoom = false

  constructor(writer: FrameWriter) {
    this.writer = writer
  }

  /** Takes room for a frame that can be sent as a whole now. */
  take(bytes: number, streamWindow: number): boolean {
    if (bytes > this.window || bytes > streamWindow || bytes > this.maxFrameBytes) return false
    if (!this.writer.hasRoom) return false
    this.window -= bytes
    return true
  }

  /** The part of `bytes` that a frame may carry now; 0 for none. */
  takePart(bytes: number, streamWindow: number): number {
    if (!this.writer.hasRoom) return 0
    const part = Math.max(0, Math.min(bytes, this.window, streamWindow, this.maxFrameBytes))
    this.window -= part
    return part
  }

  setMaxFrameBytes(bytes: number): void {
    this.maxFrameBytes = Math.min(bytes, FRAME_BYTES_MAX)
  }

  /** False when the peer gives more than a window can hold. */
  widen(increment: number): boolean {
    this.window += increment
    this.#mayHaveRoom = true
    return this.window <= MAX_WINDOW_BYTES
  }

  onRoom(): void {
    this.#mayHaveRoom = true
  }

  /** Lets queues go on, when something has changed that they may have waited for. */
  pump(): void {
    if (!this.#mayHaveRoom) return
    this.#mayHaveRoom = false
    let hasSent = this.#queues.size > 0
    while (hasSent) {
      hasSent = false
      for (const queue of this.#queues) {
        if (this.window <= 0 || !this.writer.hasRoom) return
        if (queue.sendFrame()) hasSent = true
      }
    }
  }

  onQueued(queue: SendQueue, bytes: number): void {
    this.queuedBytes += bytes
    this.#queues.add(queue)
  }

  onDequeued(bytes: number): void {
    this.queuedBytes -= bytes
  }

  forget(queue: SendQueue): void {
    this.#queues.delete(queue)
  }
}
