/**
 * The request stream that the handler of a bidirectional call gets. While it is paused messages
 * wait here, and the client is given no more room to send.
 */

import type { RequestStream } from './engine.ts'

/** The call that the requests belong to. */
export interface BidiHost {
  readonly isOver: boolean
  decode(bytes: Buffer): unknown
  /** A listener, or decoding, threw: the call ends. */
  onThrown(thrown: unknown): void
  credit(flowBytes: number): void
  /** Memory for messages that wait, or given back: false when it is too much, and the call over. */
  hold(bytes: number): boolean
}

export class BidiRequests implements RequestStream<unknown> {
  readonly #host: BidiHost
  #messageListener: ((request: unknown) => void) | undefined
  #endListener: (() => void) | undefined
  #isPaused = false
  #isPlanned = false
  #waiting: Buffer[] = []
  /** Of those that wait: how many have been delivered. */
  #delivered = 0
  #waitingCredit = 0
  #hasEnded = false

  constructor(host: BidiHost) {
    this.#host = host
  }

  onMessage(listener: (request: unknown) => void): void {
    this.#messageListener = listener
    this.#plan()
  }

  onEnd(listener: () => void): void {
    this.#endListener = listener
    this.#plan()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#plan()
  }

  // From the call.

  add(bytes: Buffer): void {
    if (this.#isFlowing) {
      this.#deliver(bytes)
      return
    }
    if (!this.#host.hold(bytes.length)) return
    // A copy: the view would keep all that was read with it.
    this.#waiting.push(Buffer.from(bytes))
  }

  /**
   * `flowBytes` came in; they are credited when nothing waits any more. A handler may have paused at
   * the last message there is, so that it is the credit alone that waits.
   */
  account(flowBytes: number): void {
    if (this.#isFlowing) this.#host.credit(flowBytes)
    else this.#waitingCredit += flowBytes
  }

  end(): void {
    this.#hasEnded = true
    this.#deliverEnd()
  }

  drop(): void {
    for (const { length } of this.#waiting.slice(this.#delivered)) this.#host.hold(-length)
    this.#waiting = []
    this.#delivered = 0
  }

  /** Messages need not wait. */
  get #isFlowing(): boolean {
    return !this.#isPaused && this.#messageListener !== undefined && this.#waiting.length === 0
  }

  #deliver(bytes: Buffer): void {
    if (this.#host.isOver) return
    try {
      this.#messageListener?.(this.#host.decode(bytes))
    } catch (thrown) {
      this.#host.onThrown(thrown)
    }
  }

  #deliverEnd(): void {
    if (!this.#hasEnded || !this.#isFlowing || this.#endListener === undefined) return
    if (this.#host.isOver) return
    const listener = this.#endListener
    this.#endListener = undefined
    try {
      listener()
    } catch (thrown) {
      this.#host.onThrown(thrown)
    }
  }

  /** Never inside of `resume`: its caller is in the middle of something. */
  #plan(): void {
    const isIdle = this.#waiting.length === 0 && this.#waitingCredit === 0 && !this.#hasEnded
    if (this.#isPlanned || isIdle) return
    this.#isPlanned = true
    queueMicrotask(() => {
      this.#isPlanned = false
      this.#deliverWaiting()
    })
  }

  #deliverWaiting(): void {
    if (this.#messageListener === undefined) return
    while (!this.#isPaused && !this.#host.isOver) {
      const bytes = this.#waiting[this.#delivered]
      if (bytes === undefined) break
      this.#delivered++
      this.#host.hold(-bytes.length)
      this.#deliver(bytes)
    }
    this.#waiting = this.#waiting.slice(this.#delivered)
    this.#delivered = 0
    if (!this.#isFlowing) return
    this.#host.credit(this.#waitingCredit)
    this.#waitingCredit = 0
    this.#deliverEnd()
  }
}
