/** One call behind the bridge: the context and the streams that its real handler gets. */

import { Pending, type PendingListener } from '../../base/pending.ts'
import { BidiRequests, type BidiHost } from '../bidi-requests.ts'
import { CallState, type CallOptions } from '../call-state.ts'
import type { CallContext, Method, ResponseStream } from '../engine.ts'
import { STATUS, type StatusError } from '../status.ts'
import type { Caller } from './callers.ts'
import { ENTRY, MESSAGE_BYTES, WINDOW_BYTES } from './entry.ts'

export interface BackHost {
  readonly options: CallOptions
  send(kind: number, call: number, number: number, payload?: Uint8Array): void
  /** The last entry of the call. */
  end(kind: number, call: number, number: number, payload?: Uint8Array): void
}

export class BackCall
  implements CallContext, ResponseStream<unknown>, BidiHost, PendingListener<unknown>
{
  readonly #host: BackHost
  readonly #number: number
  readonly #method: Method
  readonly #caller: Caller
  readonly #state: CallState
  readonly #requests: BidiRequests | undefined
  /** Responses that the client's engine has not taken. */
  #sentBytes = 0
  #isBlocked = false
  #drainListener: (() => void) | undefined

  constructor(host: BackHost, number: number, method: Method, caller: Caller) {
    this.#host = host
    this.#number = number
    this.#method = method
    this.#caller = caller
    this.#state = new CallState(method, host.options)
    this.#requests = method.kind === 'bidi' ? new BidiRequests(this) : undefined
  }

  /** `request` means nothing where requests are a stream. */
  start(request: Buffer): void {
    const method = this.#method
    try {
      if (method.kind === 'unary') this.#answer(method.handle(this.#state.decode(request), this))
      else if (method.kind === 'server-stream') {
        method.handle(this.#state.decode(request), this, this)
      } else if (this.#requests !== undefined) method.handle(this.#requests, this, this)
    } catch (thrown) {
      this.fail(this.#state.statusOf(thrown))
    }
  }

  // The context.

  metadata(name: string): string | undefined {
    return this.#caller.metadata(name)
  }

  get peerAddress(): string {
    return this.#caller.peerAddress
  }

  get cancelled(): boolean {
    return this.#state.isCancelled
  }

  onCancel(listener: () => void): void {
    this.#state.onCancel(listener)
  }

  // The response stream.

  send(response: unknown): boolean {
    if (this.#state.isFinished) return false
    let bytes: Uint8Array
    try {
      bytes = this.#state.encode(response)
    } catch (thrown) {
      this.onThrown(thrown)
      return false
    }
    this.#host.send(ENTRY.MESSAGE, this.#number, 0, bytes)
    this.#sentBytes += bytes.length + MESSAGE_BYTES
    this.#isBlocked ||= this.#sentBytes >= WINDOW_BYTES
    return !this.#isBlocked
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener
  }

  end(): void {
    if (this.#state.finish(STATUS.OK)) this.#host.end(ENTRY.STATUS, this.#number, STATUS.OK)
  }

  fail(error: StatusError): void {
    if (this.#state.finish(error.code)) this.#sendStatus(error.code, error.message)
  }

  // From the front.

  onMessage(payload: Buffer): void {
    if (this.#state.isFinished) return
    this.#requests?.add(payload)
    this.#requests?.account(payload.length + MESSAGE_BYTES)
  }

  onHalfClose(): void {
    if (!this.#state.isFinished) this.#requests?.end()
  }

  onTaken(bytes: number): void {
    this.#sentBytes -= bytes
    if (!this.#isBlocked || this.#sentBytes >= WINDOW_BYTES / 2) return
    this.#isBlocked = false
    if (this.#state.isFinished) return
    try {
      this.#drainListener?.()
    } catch (thrown) {
      this.onThrown(thrown)
    }
  }

  /** Nothing can be sent any more; why does not matter here: the front has told the client. */
  onCancelled(): void {
    if (this.#state.isFinished) return
    this.#requests?.drop()
    this.#state.cancel(STATUS.CANCELLED)
    // A handler that has promised an answer is still at work: the front counts it until it is not.
    if (this.#method.kind !== 'unary') this.#sendStatus(STATUS.CANCELLED, '')
  }

  // From the bidirectional request stream.

  get isOver(): boolean {
    return this.#state.isFinished
  }

  decode(bytes: Buffer): unknown {
    return this.#state.decode(bytes)
  }

  onThrown(thrown: unknown): void {
    this.#state.abort(() => this.fail(this.#state.statusOf(thrown)))
  }

  credit(flowBytes: number): void {
    if (flowBytes > 0 && !this.#state.isFinished) {
      this.#host.send(ENTRY.TAKEN, this.#number, flowBytes)
    }
  }

  /** What waits is bounded by the front. */
  hold(): boolean {
    return true
  }

  #answer(result: unknown): void {
    if (result instanceof Pending) result.listen(this)
    else if (result instanceof Promise) {
      result.then(
        (response: unknown) => this.onValue(response),
        (thrown: unknown) => this.onFailure(thrown),
      )
    } else this.onValue(result)
  }

  // From the handler's answer.

  onValue(response: unknown): void {
    if (this.#state.isCancelled) return this.#sendStatus(STATUS.CANCELLED, '')
    let bytes: Uint8Array
    try {
      bytes = this.#state.encode(response)
    } catch (thrown) {
      this.onFailure(thrown)
      return
    }
    this.#state.finish(STATUS.OK)
    this.#host.end(ENTRY.ANSWER, this.#number, 0, bytes)
  }

  onFailure(thrown: unknown): void {
    const { code, message } = this.#state.statusOf(thrown)
    this.#state.finish(code)
    this.#sendStatus(code, message)
  }

  #sendStatus(code: number, text: string): void {
    this.#host.end(ENTRY.STATUS, this.#number, code, Buffer.from(text))
  }
}
