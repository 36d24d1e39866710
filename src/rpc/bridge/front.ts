/**
 * The side of the bridge where the clients' connections are: methods whose handlers pass messages,
 * as bytes, to the real ones on the other side.
 *
 *     engine ─► proxy method ─► FrontCall ─► parcel ═══► Back ─► the real method
 */

import { assert } from '../../base/assert.ts'
import type { CallContext, Codec, Method, MethodName } from '../engine.ts'
import { CallerNumbers } from './callers.ts'
import type { Carrier } from './carrier.ts'
import { ENTRY, METHODS_MAX, openNumber } from './entry.ts'
import { StreamProxy, UnaryProxy, type FrontCall, type FrontHost } from './front-call.ts'

const SAME_BYTES: Codec<unknown, unknown> = {
  decode: (bytes) => bytes,
  encode: (response) => response as Uint8Array,
}

export class Front implements FrontHost {
  readonly #carrier: Carrier
  readonly #callers: CallerNumbers
  /** By number. */
  readonly #calls: (FrontCall | undefined)[] = []
  readonly #freeNumbers: number[] = []
  /** The last payload, as a view of its parcel and as bytes to keep. */
  #view: Buffer | undefined
  #kept: Buffer | undefined

  /** `metadataNames` are those that services read. */
  constructor(carrier: Carrier, metadataNames: readonly string[]) {
    this.#carrier = carrier
    this.#callers = new CallerNumbers(metadataNames, (number, caller) => {
      carrier.send(ENTRY.CALLER, 0, number, caller)
    })
    carrier.listen((kind, call, number, payload) => this.#onEntry(kind, call, number, payload))
  }

  /** `names` in the order in which the other side has its methods. */
  methods(names: readonly MethodName[]): Method[] {
    assert(names.length <= METHODS_MAX, 'every method has a number')
    return names.map((name, method) => this.#proxy(name, method))
  }

  send(kind: number, call: number, number: number, payload?: Uint8Array): void {
    this.#carrier.send(kind, call, number, payload)
  }

  #proxy({ kind, path }: MethodName, method: number): Method {
    const codec = SAME_BYTES
    switch (kind) {
      case 'unary':
        return {
          kind,
          path,
          codec,
          handle: (request, context) => {
            const call = new UnaryProxy()
            this.#open(method, context, call, request as Uint8Array)
            return call
          },
        }
      case 'server-stream':
        return {
          kind,
          path,
          codec,
          handle: (request, responses, context) => {
            const call = new StreamProxy(this, responses)
            call.start(this.#open(method, context, call, request as Uint8Array))
          },
        }
      case 'bidi':
        return {
          kind,
          path,
          codec,
          handle: (requests, responses, context) => {
            const call = new StreamProxy(this, responses)
            call.start(this.#open(method, context, call), requests)
          },
        }
    }
  }

  #open(method: number, context: CallContext, call: FrontCall, request?: Uint8Array): number {
    const caller = this.#callers.of(context)
    const number = this.#freeNumbers.pop() ?? this.#calls.length
    this.#calls[number] = call
    this.#carrier.send(ENTRY.OPEN, number, openNumber(method, caller), request)
    context.onCancel(() => {
      if (this.#calls[number] === call) this.#carrier.send(ENTRY.CANCEL, number, 0)
    })
    return number
  }

  #onEntry(kind: number, callNumber: number, number: number, payload: Buffer): void {
    const call = this.#calls[callNumber]
    assert(call !== undefined, 'the other side speaks of calls that are open')
    switch (kind) {
      case ENTRY.MESSAGE:
        return call.onMessage(this.#keep(payload))
      case ENTRY.TAKEN:
        return call.onTaken(number)
      case ENTRY.ANSWER:
      case ENTRY.STATUS:
        this.#calls[callNumber] = undefined
        this.#freeNumbers.push(callNumber)
        if (kind === ENTRY.ANSWER) call.onMessage(this.#keep(payload))
        else call.onStatus(number, payload)
        return
      default:
        assert(false, 'the front knows what comes over the bridge')
    }
  }

  /** A message that waits for a slow client must not keep its whole parcel. */
  #keep(payload: Buffer): Buffer {
    // Of a parcel that is little more than this payload nothing is wasted.
    if (payload.length * 2 > payload.buffer.byteLength) return payload
    if (payload !== this.#view || this.#kept === undefined) {
      this.#view = payload
      this.#kept = Buffer.from(payload)
    }
    return this.#kept
  }
}
