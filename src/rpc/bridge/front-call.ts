/** One call in front of the bridge. */

import { assert } from '../../base/assert.ts'
import { Pending } from '../../base/pending.ts'
import type { RequestStream, ResponseStream } from '../engine.ts'
import { STATUS, StatusError, type StatusCode } from '../status.ts'
import { ENTRY, MESSAGE_BYTES, WINDOW_BYTES } from './entry.ts'

export interface FrontCall {
  /** One message; its bytes are the call's to keep. */
  onMessage(bytes: Buffer): void
  /** The end of the call. */
  onStatus(code: number, text: Buffer): void
  onTaken(bytes: number): void
}

export interface FrontHost {
  send(kind: number, call: number, number: number, payload?: Uint8Array): void
}

/** It is the answer that the engine waits for. */
export class UnaryProxy extends Pending<Uint8Array> implements FrontCall {
  onMessage(bytes: Buffer): void {
    this.succeed(bytes)
  }

  onStatus(code: number, text: Buffer): void {
    this.fail(statusError(code, text))
  }

  onTaken(): void {
    assert(false, 'a unary call has no flow')
  }
}

export class StreamProxy implements FrontCall {
  readonly #host: FrontHost
  readonly #responses: ResponseStream<unknown>
  #requests: RequestStream<unknown> | undefined
  #number = 0
  /** Requests on the bridge. */
  #sentBytes = 0
  #isPaused = false
  /** Responses that the engine has taken, and the other side does not know of. */
  #takenBytes = 0

  constructor(host: FrontHost, responses: ResponseStream<unknown>) {
    this.#host = host
    this.#responses = responses
    responses.onDrain(() => this.#tellTaken())
  }

  /** Once the other side knows the call by its number. */
  start(number: number, requests?: RequestStream<unknown>): void {
    this.#number = number
    this.#requests = requests
    requests?.onMessage((request) => this.#onRequest(request as Uint8Array))
    requests?.onEnd(() => this.#host.send(ENTRY.HALF_CLOSE, number, 0))
  }

  onMessage(bytes: Buffer): void {
    const hasRoom = this.#responses.send(bytes)
    this.#takenBytes += bytes.length + MESSAGE_BYTES
    if (hasRoom && this.#takenBytes >= WINDOW_BYTES / 2) this.#tellTaken()
  }

  onStatus(code: number, text: Buffer): void {
    if (code === STATUS.OK) this.#responses.end()
    else this.#responses.fail(statusError(code, text))
  }

  onTaken(bytes: number): void {
    this.#sentBytes -= bytes
    if (!this.#isPaused || this.#sentBytes >= WINDOW_BYTES) return
    this.#isPaused = false
    this.#requests?.resume()
  }

  #onRequest(request: Uint8Array): void {
    this.#sentBytes += request.length + MESSAGE_BYTES
    this.#host.send(ENTRY.MESSAGE, this.#number, 0, request)
    if (this.#isPaused || this.#sentBytes < WINDOW_BYTES) return
    this.#isPaused = true
    this.#requests?.pause()
  }

  #tellTaken(): void {
    if (this.#takenBytes === 0) return
    this.#host.send(ENTRY.TAKEN, this.#number, this.#takenBytes)
    this.#takenBytes = 0
  }
}

function statusError(code: number, text: Buffer): StatusError {
  return new StatusError(code as StatusCode, text.toString())
}
