/** Answers the calls of one member that come in on one connection. */

import { AssertionError } from '../base/assert.ts'
import { callOf, packedCall, packedRefusal } from './call-codec.ts'
import type { Connection } from './connection.ts'
import { dataFrame } from './frame.ts'

export interface CallServerOptions {
  readonly maxCalls: number
  readonly maxCallBytes: number
  onCall(request: Uint8Array): Promise<Uint8Array>
}

export class CallServer {
  readonly #connection: Connection
  readonly #options: CallServerOptions
  #underWay = 0

  constructor(connection: Connection, options: CallServerOptions) {
    this.#connection = connection
    this.#options = options
  }

  /** False when it is not a call. */
  onFrame(body: Uint8Array): boolean {
    const call = callOf(body)
    if (call === undefined) return false
    if (this.#underWay >= this.#options.maxCalls) this.#refuse(call.id)
    else void this.#answer(call.id, call.request)
    return true
  }

  async #answer(id: number, request: Uint8Array): Promise<void> {
    this.#underWay++
    try {
      const response = await this.#options.onCall(request)
      if (response.length > this.#options.maxCallBytes) this.#refuse(id)
      else this.#connection.send(dataFrame(packedCall(id, response)))
    } catch (error) {
      // A broken invariant is nothing to answer: it ends the process.
      if (error instanceof AssertionError) throw error
      this.#refuse(id)
    } finally {
      this.#underWay--
    }
  }

  #refuse(id: number): void {
    this.#connection.send(dataFrame(packedRefusal(id)))
  }
}
