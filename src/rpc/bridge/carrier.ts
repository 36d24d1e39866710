/**
 * One end of the bridge: gathers what its side sends in a turn, and hands each entry that comes
 * to its side.
 */

import type { Backlog } from './backlog.ts'
import { ParcelWriter, readParcel, type OnEntry } from './parcel.ts'

/** A parcel of this size does not wait for the end of the turn. */
const PARCEL_BYTES = 256 * 1024

/** As a MessagePort has it. */
export interface ParcelPort {
  postMessage(parcel: ArrayBuffer, transfer: readonly ArrayBuffer[]): void
}

export interface CarrierOptions {
  readonly port: ParcelPort
  /** When to send: calls `flush` at the end of the turn. */
  readonly plan: (flush: () => void) => void
  /** Holds this side up while the other one is behind. */
  readonly outgoing?: Backlog | undefined
  /** To be told what this side has dealt with. */
  readonly incoming?: Backlog | undefined
}

export class Carrier {
  readonly #options: CarrierOptions
  readonly #writer = new ParcelWriter()
  readonly #onFlush = (): void => this.#flush()
  #isPlanned = false
  #onEntry: OnEntry = () => undefined

  constructor(options: CarrierOptions) {
    this.#options = options
  }

  /** Before the first parcel comes. */
  listen(onEntry: OnEntry): void {
    this.#onEntry = onEntry
  }

  send(kind: number, call: number, number: number, payload?: Uint8Array): void {
    this.#writer.add(kind, call, number, payload)
    if (this.#writer.bytes >= PARCEL_BYTES) this.#post()
    else if (!this.#isPlanned) {
      this.#isPlanned = true
      this.#options.plan(this.#onFlush)
    }
  }

  receive(parcel: ArrayBuffer): void {
    readParcel(parcel, this.#onEntry)
    this.#options.incoming?.remove(parcel.byteLength)
  }

  #flush(): void {
    this.#isPlanned = false
    if (!this.#writer.isEmpty) this.#post()
  }

  #post(): void {
    const parcel = this.#writer.take()
    this.#options.outgoing?.add(parcel.byteLength)
    this.#options.port.postMessage(parcel, [parcel])
    this.#options.outgoing?.wait()
  }
}
