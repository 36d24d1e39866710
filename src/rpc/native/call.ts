/**
 * One gRPC call on one HTTP/2 stream: the request's messages in, the handler, its messages and
 * the status out. It is the context and the response stream that the handler gets.
 */

import { Pending, type PendingListener } from '../../base/pending.ts'
import { CallState } from '../call-state.ts'
import type { CallContext, EngineOptions, Method, ResponseStream } from '../engine.ts'
import { STATUS, StatusError } from '../status.ts'
import { BidiRequests, type BidiHost } from '../bidi-requests.ts'
import { NO_SLOT, type DeadlineWheel, type Timed } from './deadline-wheel.ts'
import { NO_TIMEOUT, type RequestHead } from './request-head.ts'
import { RequestMessages, type MessageSink } from './request-messages.ts'
import type { Stream, StreamListener } from './stream.ts'

/** What the call's connection is to it. */
export interface CallHost {
  readonly options: EngineOptions
  readonly deadlines: DeadlineWheel
  readonly peerAddress: string
  /** Memory for requests that are not handled yet: false when the connection has too much. */
  hold(bytes: number): boolean
  /** By +1 and -1: handlers at work whose streams are gone. */
  countOrphans(change: number): void
}

export class Call
  implements
    CallContext,
    ResponseStream<unknown>,
    StreamListener,
    MessageSink,
    BidiHost,
    Timed,
    PendingListener<unknown>
{
  readonly #host: CallHost
  readonly #stream: Stream
  readonly #head: RequestHead
  readonly #method: Method
  readonly #state: CallState
  readonly #messages: RequestMessages
  readonly #requests: BidiRequests | undefined
  /** The one request of a call that has one, until the client has ended it. */
  #request: Buffer | undefined
  /** The handler has promised an answer. */
  #isAwaited = false
  #isOrphan = false
  #drainListener: (() => void) | undefined

  deadlineMs = 0
  deadlineSlot = NO_SLOT
  nextTimed: Timed | undefined
  previousTimed: Timed | undefined

  constructor(host: CallHost, stream: Stream, method: Method, head: RequestHead) {
    this.#host = host
    this.#stream = stream
    this.#head = head
    this.#method = method
    this.#state = new CallState(method, host.options)
    this.#messages = new RequestMessages(this, host.options.maxReceiveBytes)
    this.#requests = method.kind === 'bidi' ? new BidiRequests(this) : undefined
  }

  /** Once the stream tells its events to the call. `timeoutMs` may be NO_TIMEOUT. */
  start(timeoutMs: number): void {
    if (timeoutMs !== NO_TIMEOUT) this.#host.deadlines.set(this, timeoutMs)
    const method = this.#method
    if (method.kind !== 'bidi' || this.#requests === undefined) return
    try {
      method.handle(this.#requests, this, this)
    } catch (thrown) {
      this.fail(this.#state.statusOf(thrown))
    }
  }

  // The context.

  metadata(name: string): string | undefined {
    return this.#head.value(name)
  }

  get peerAddress(): string {
    return this.#host.peerAddress
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
    return this.#stream.send(bytes)
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener
  }

  end(): void {
    if (!this.#state.finish(STATUS.OK)) return
    this.#release()
    this.#stream.end(undefined)
  }

  /** What was sent before still arrives before the status. */
  fail(error: StatusError): void {
    if (!this.#state.finish(error.code)) return
    this.#release()
    this.#stream.end(error)
  }

  // From the stream.

  onRequestData(bytes: Buffer, start: number, end: number, flowBytes: number): void {
    this.#messages.push(bytes, start, end)
    if (this.#requests === undefined) this.#stream.credit(flowBytes)
    else this.#requests.account(flowBytes)
  }

  onRequestEnd(): void {
    if (this.#state.isFinished) return
    if (this.#messages.isCutShort) {
      this.onBadMessage(new StatusError(STATUS.INTERNAL, 'grpc: unexpected end of a message'))
    } else if (this.#requests !== undefined) this.#requests.end()
    else if (this.#request === undefined) {
      this.onBadMessage(new StatusError(STATUS.INTERNAL, 'grpc: the request has no message'))
    } else this.#handleOne(this.#request)
  }

  onStreamGone(): void {
    this.#release()
    this.#state.cancel(STATUS.CANCELLED)
    this.#becomeOrphan()
  }

  onRoom(): void {
    if (this.#state.isFinished) return
    try {
      this.#drainListener?.()
    } catch (thrown) {
      this.onThrown(thrown)
    }
  }

  // From the wheel.

  onDeadline(): void {
    if (this.#state.isFinished) return
    this.#release()
    this.#state.cancel(STATUS.DEADLINE_EXCEEDED)
    this.#becomeOrphan()
    this.#stream.endNow(new StatusError(STATUS.DEADLINE_EXCEEDED, 'context deadline exceeded'))
  }

  // From the request's messages.

  get isOver(): boolean {
    return this.#state.isFinished
  }

  onRequestMessage(bytes: Buffer): void {
    if (this.#requests !== undefined) this.#requests.add(bytes)
    else if (this.#request === undefined) this.#request = bytes
    else {
      const text = 'grpc: a second message on a call that takes one'
      this.onBadMessage(new StatusError(STATUS.INTERNAL, text))
    }
  }

  onBadMessage(error: StatusError): void {
    this.#state.abort(() => this.fail(error))
  }

  hold(bytes: number): boolean {
    if (this.#host.hold(bytes) || bytes <= 0 || this.isOver) return true
    const text = 'grpc: too many unfinished messages on this connection'
    this.onBadMessage(new StatusError(STATUS.RESOURCE_EXHAUSTED, text))
    return false
  }

  // From the bidirectional request stream.

  decode(bytes: Buffer): unknown {
    return this.#state.decode(bytes)
  }

  onThrown(thrown: unknown): void {
    this.#state.abort(() => this.fail(this.#state.statusOf(thrown)))
  }

  credit(flowBytes: number): void {
    this.#stream.credit(flowBytes)
  }

  #handleOne(bytes: Buffer): void {
    const method = this.#method
    this.#request = undefined
    try {
      const request = this.#state.decode(bytes)
      if (method.kind === 'unary') this.#answer(method.handle(request, this))
      else if (method.kind === 'server-stream') method.handle(request, this, this)
    } catch (thrown) {
      this.fail(this.#state.statusOf(thrown))
    }
  }

  #answer(result: unknown): void {
    if (result instanceof Pending) {
      this.#isAwaited = true
      result.listen(this)
    } else if (result instanceof Promise) {
      this.#isAwaited = true
      result.then(
        (response: unknown) => this.onValue(response),
        (thrown: unknown) => this.onFailure(thrown),
      )
    } else this.#succeed(result) // a plain value is answered in this turn
  }

  // From the handler's answer.

  onValue(response: unknown): void {
    this.#onSettled()
    this.#succeed(response)
  }

  onFailure(thrown: unknown): void {
    this.#onSettled()
    this.fail(this.#state.statusOf(thrown))
  }

  #succeed(response: unknown): void {
    if (this.#state.isFinished) return
    let bytes: Uint8Array
    try {
      bytes = this.#state.encode(response)
    } catch (thrown) {
      this.fail(this.#state.statusOf(thrown))
      return
    }
    if (!this.#state.finish(STATUS.OK)) return
    this.#release()
    this.#stream.respond(bytes)
  }

  #onSettled(): void {
    this.#isAwaited = false
    if (this.#isOrphan) this.#host.countOrphans(-1)
  }

  #becomeOrphan(): void {
    if (!this.#isAwaited || this.#isOrphan) return
    this.#isOrphan = true
    this.#host.countOrphans(1)
  }

  /** The call is over: what it held for the request is not needed any more. */
  #release(): void {
    if (this.deadlineSlot !== NO_SLOT) this.#host.deadlines.clear(this)
    this.#messages.drop()
    this.#requests?.drop()
    this.#request = undefined
  }
}
