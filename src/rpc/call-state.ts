/**
 * One call as every engine sees it, whatever its kind and transport: decoding and encoding, what
 * a failure becomes, who is told of a cancellation, and what the observer is told.
 *
 * Invariant: a call finishes exactly once. What comes after that has no effect.
 */

import { AssertionError } from '../base/assert.ts'
import type { EngineOptions, Method } from './engine.ts'
import { STATUS, StatusError, type StatusCode } from './status.ts'

/** What a call needs of its engine's options. */
export type CallOptions = Pick<EngineOptions, 'logger' | 'observer'>

export class CallState {
  readonly method: Method
  readonly #options: CallOptions
  #isFinished = false
  #isCancelled = false
  #cancelListeners: (() => void)[] = []

  constructor(method: Method, options: CallOptions) {
    this.method = method
    this.#options = options
    options.observer?.onStarted(method.path, method.kind)
  }

  get isFinished(): boolean {
    return this.#isFinished
  }

  get isCancelled(): boolean {
    return this.#isCancelled
  }

  onCancel(listener: () => void): void {
    if (this.#isCancelled) listener()
    else if (!this.#isFinished) this.#cancelListeners.push(listener)
  }

  /** True for the first end of the call, which alone is to be sent. */
  finish(code: StatusCode): boolean {
    if (this.#isFinished) return false
    this.#isFinished = true
    this.#cancelListeners = []
    const { path, kind } = this.method
    this.#options.observer?.onFinished(path, kind, code)
    return true
  }

  /** The client went away, or its time is over: nothing can be sent any more. */
  cancel(code: StatusCode): void {
    const listeners = this.#cancelListeners
    if (!this.finish(code)) return
    this.#isCancelled = true
    for (const listener of listeners) this.#guard(listener)
  }

  /**
   * The engine ends the call by itself, by `end`: a malformed message, a handler that threw. To
   * whoever serves the call this is a cancel like any other.
   */
  abort(end: () => void): void {
    const listeners = this.#cancelListeners
    end()
    this.#isCancelled = true
    for (const listener of listeners) this.#guard(listener)
  }

  /** Throws a StatusError when the bytes are malformed. */
  decode(bytes: Uint8Array): unknown {
    const { path, kind } = this.method
    this.#options.observer?.onReceived(path, kind, bytes.length)
    try {
      return this.method.codec.decode(bytes)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new StatusError(STATUS.INTERNAL, `grpc: error unmarshalling request: ${reason}`)
    }
  }

  encode(response: unknown): Buffer {
    const bytes = this.method.codec.encode(response)
    const { path, kind } = this.method
    this.#options.observer?.onSent(path, kind, bytes.length)
    if (Buffer.isBuffer(bytes)) return bytes
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /**
   * What a handler's failure is to the client. Anything but a StatusError is a bug: logged, and
   * UNKNOWN outside. A broken invariant goes on to end the process.
   */
  statusOf(thrown: unknown): StatusError {
    if (thrown instanceof StatusError) return thrown
    if (thrown instanceof AssertionError) rethrowLater(thrown)
    this.#options.logger.error('a call failed unexpectedly', {
      method: this.method.path,
      error: thrown,
    })
    return new StatusError(STATUS.UNKNOWN, 'unexpected error in the server')
  }

  #guard(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.statusOf(error)
    }
  }
}

/** Outside of everything that might catch it. */
function rethrowLater(error: Error): void {
  queueMicrotask(() => {
    throw error
  })
}
