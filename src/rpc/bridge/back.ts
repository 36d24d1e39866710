/**
 * The side of the bridge where the services are: runs the real methods for calls that come in
 * front, and sends back what they say.
 */

import { assert } from '../../base/assert.ts'
import type { CallOptions } from '../call-state.ts'
import type { Method } from '../engine.ts'
import { BackCall, type BackHost } from './back-call.ts'
import { Caller } from './callers.ts'
import type { Carrier } from './carrier.ts'
import { callerOf, ENTRY, methodOf } from './entry.ts'

export class Back implements BackHost {
  readonly options: CallOptions
  readonly #methods: readonly Method[]
  readonly #carrier: Carrier
  readonly #metadataNames: readonly string[]
  /** By number. */
  readonly #calls: (BackCall | undefined)[] = []
  readonly #callers: Caller[] = []

  /** `metadataNames` as the front has them. */
  constructor(
    methods: readonly Method[],
    carrier: Carrier,
    metadataNames: readonly string[],
    options: CallOptions,
  ) {
    this.options = options
    this.#methods = methods
    this.#carrier = carrier
    this.#metadataNames = metadataNames
    carrier.listen((kind, call, number, payload) => this.#onEntry(kind, call, number, payload))
  }

  send(kind: number, call: number, number: number, payload?: Uint8Array): void {
    this.#carrier.send(kind, call, number, payload)
  }

  end(kind: number, call: number, number: number, payload?: Uint8Array): void {
    this.#calls[call] = undefined
    this.#carrier.send(kind, call, number, payload)
  }

  #onEntry(kind: number, call: number, number: number, payload: Buffer): void {
    switch (kind) {
      case ENTRY.OPEN:
        return this.#open(call, number, payload)
      case ENTRY.CALLER:
        this.#callers[number] = new Caller(this.#metadataNames, payload)
        return
      case ENTRY.MESSAGE:
        return this.#calls[call]?.onMessage(payload)
      case ENTRY.TAKEN:
        return this.#calls[call]?.onTaken(number)
      case ENTRY.HALF_CLOSE:
        return this.#calls[call]?.onHalfClose()
      case ENTRY.CANCEL:
        return this.#calls[call]?.onCancelled()
      default:
        assert(false, 'the back knows what comes over the bridge')
    }
  }

  #open(number: number, opened: number, request: Buffer): void {
    const method = this.#methods[methodOf(opened)]
    const caller = this.#callers[callerOf(opened)]
    assert(method !== undefined && caller !== undefined, 'a call names its method and its caller')
    const call = new BackCall(this, number, method, caller)
    this.#calls[number] = call
    call.start(request)
  }
}
