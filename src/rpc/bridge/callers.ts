/**
 * Who calls: a peer address, and the metadata that services read. Both cross the bridge once for
 * many calls; after that a number stands for them.
 */

import { assert } from '../../base/assert.ts'
import type { CallContext } from '../engine.ts'

/** Then numbers are given anew. Calls in flight keep the caller that they came with. */
export const CALLERS_KEPT = 4096
/** One of more characters crosses with each call, by a number of its own: clients make them up. */
const KEPT_LENGTH_MAX = 256

const ABSENT = ''
const PRESENT = '='
const SEPARATOR = '\0'

/** The front's: numbers for callers. */
export class CallerNumbers {
  readonly #names: readonly string[]
  readonly #onNew: (number: number, caller: Buffer) => void
  readonly #numbers = new Map<string, number>()

  /** `onNew` tells the other side, before any call names the number. */
  constructor(names: readonly string[], onNew: (number: number, caller: Buffer) => void) {
    this.#names = names
    this.#onNew = onNew
  }

  of(context: CallContext): number {
    let caller = context.peerAddress
    for (const name of this.#names) {
      const value = context.metadata(name)
      caller += SEPARATOR + (value === undefined ? ABSENT : PRESENT + value)
    }
    if (caller.length <= KEPT_LENGTH_MAX) return this.#numbers.get(caller) ?? this.#add(caller)
    this.#onNew(CALLERS_KEPT, Buffer.from(caller, 'latin1'))
    return CALLERS_KEPT
  }

  #add(caller: string): number {
    if (this.#numbers.size === CALLERS_KEPT) this.#numbers.clear()
    const number = this.#numbers.size
    this.#numbers.set(caller, number)
    this.#onNew(number, Buffer.from(caller, 'latin1'))
    return number
  }
}

/** The back's. */
export class Caller {
  readonly peerAddress: string
  readonly #names: readonly string[]
  readonly #values: readonly string[]

  constructor(names: readonly string[], bytes: Buffer) {
    const [peerAddress = '', ...values] = bytes.toString('latin1').split(SEPARATOR)
    this.peerAddress = peerAddress
    this.#names = names
    this.#values = values
  }

  metadata(name: string): string | undefined {
    const at = this.#names.indexOf(name)
    assert(at >= 0, 'metadata that is read crosses the bridge')
    const value = this.#values[at] ?? ABSENT
    return value === ABSENT ? undefined : value.slice(PRESENT.length)
  }
}
