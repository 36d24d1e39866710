/** The engine interface's contexts and streams over the call objects of @grpc/grpc-js. */

import type {
  Deadline,
  Metadata,
  MetadataValue,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js'
import { CallState } from './call-state.ts'
import type { CallContext, EngineOptions, Method, RequestStream, ResponseStream } from './engine.ts'
import { STATUS, type StatusError } from './status.ts'

export type UnaryCall = ServerUnaryCall<Buffer, Buffer>
export type WritableCall = ServerWritableStream<Buffer, Buffer>
export type DuplexCall = ServerDuplexStream<Buffer, Buffer>

/** What calls of all kinds have in common. */
interface AnyCall {
  readonly metadata: Metadata
  getPeer(): string
  getDeadline(): Deadline
  on(event: 'cancelled', listener: () => void): unknown
}

/** Bytes that wait to be sent before `send` says false. */
const SEND_QUEUE_BYTES = 64 * 1024

export class GrpcJsContext implements CallContext {
  readonly state: CallState
  readonly #call: AnyCall

  constructor(call: AnyCall, method: Method, options: EngineOptions) {
    this.state = new CallState(method, options)
    this.#call = call
    // Also emitted after every normal end, when it means nothing.
    call.on('cancelled', () => this.state.cancel(this.#cancelCode()))
  }

  metadata(name: string): string | undefined {
    const value: MetadataValue | undefined = this.#call.metadata.get(name)[0]
    return typeof value === 'string' ? value : value?.toString('latin1')
  }

  get peerAddress(): string {
    return this.#call.getPeer()
  }

  get cancelled(): boolean {
    return this.state.isCancelled
  }

  onCancel(listener: () => void): void {
    this.state.onCancel(listener)
  }

  #cancelCode(): typeof STATUS.DEADLINE_EXCEEDED | typeof STATUS.CANCELLED {
    const deadline = Number(this.#call.getDeadline())
    return Date.now() >= deadline ? STATUS.DEADLINE_EXCEEDED : STATUS.CANCELLED
  }
}

export class GrpcJsResponseStream implements ResponseStream<unknown> {
  readonly #call: WritableCall | DuplexCall
  readonly #state: CallState
  #queuedBytes = 0
  #isBlocked = false
  #drainListener: (() => void) | undefined

  constructor(call: WritableCall | DuplexCall, state: CallState) {
    this.#call = call
    this.#state = state
  }

  send(response: unknown): boolean {
    if (this.#state.isFinished) return false
    let bytes: Buffer
    try {
      bytes = this.#state.encode(response)
    } catch (thrown) {
      this.#abort(thrown)
      return false
    }
    // An empty message too takes part in the count, by its frame.
    const queued = bytes.length + 5
    this.#queuedBytes += queued
    this.#call.write(bytes, () => this.#onSent(queued))
    this.#isBlocked = this.#queuedBytes >= SEND_QUEUE_BYTES
    return !this.#isBlocked
  }

  onDrain(listener: () => void): void {
    this.#drainListener = listener
  }

  end(): void {
    if (this.#state.finish(STATUS.OK)) this.#call.end()
  }

  /** What was sent before still arrives before the status. */
  fail(error: StatusError): void {
    if (!this.#state.finish(error.code)) return
    this.#call.emit('error', { code: error.code, details: error.message })
  }

  #onSent(bytes: number): void {
    this.#queuedBytes -= bytes
    if (!this.#isBlocked || this.#queuedBytes > 0) return
    this.#isBlocked = false
    if (this.#state.isFinished) return
    try {
      this.#drainListener?.()
    } catch (thrown) {
      this.#abort(thrown)
    }
  }

  #abort(thrown: unknown): void {
    this.#state.abort(() => this.fail(this.#state.statusOf(thrown)))
  }
}

export class GrpcJsRequestStream implements RequestStream<unknown> {
  readonly #call: DuplexCall
  readonly #state: CallState
  readonly #responses: ResponseStream<unknown>

  constructor(call: DuplexCall, state: CallState, responses: ResponseStream<unknown>) {
    this.#call = call
    this.#state = state
    this.#responses = responses
  }

  onMessage(listener: (request: unknown) => void): void {
    this.#call.on('data', (bytes: Buffer) => {
      this.#guard(() => listener(this.#state.decode(bytes)))
    })
  }

  onEnd(listener: () => void): void {
    this.#call.on('end', () => this.#guard(listener))
  }

  pause(): void {
    this.#call.pause()
  }

  resume(): void {
    this.#call.resume()
  }

  #guard(run: () => void): void {
    if (this.#state.isFinished) return
    try {
      run()
    } catch (thrown) {
      this.#state.abort(() => this.#responses.fail(this.#state.statusOf(thrown)))
    }
  }
}
