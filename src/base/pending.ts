/**
 * A value that comes later, for one listener, who is told in the very moment in which it comes.
 *
 * Why beside promises: a promise tells its listeners in a later microtask, and every async
 * function on the way adds a promise, a closure and microtasks of its own. Where they stood on
 * the way of a put, they cost more than what is done there. `promise` is for those who do not count
 * microseconds.
 */

import { assert } from './assert.ts'

export interface PendingListener<Value> {
  onValue(value: Value): void
  onFailure(error: unknown): void
}

type Settled<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly error: unknown }

export class Pending<Value> {
  #listener: PendingListener<Value> | undefined
  /** Set only when the value comes before its listener. */
  #settled: Settled<Value> | undefined

  /** Once. The listener is told at once when the value is there already. */
  listen(listener: PendingListener<Value>): void {
    assert(this.#listener === undefined, 'a pending value has one listener')
    this.#listener = listener
    const settled = this.#settled
    if (settled === undefined) return
    if (settled.ok) listener.onValue(settled.value)
    else listener.onFailure(settled.error)
  }

  /** Settled once, by this or by `fail`. */
  succeed(value: Value): void {
    if (this.#listener === undefined) this.#settled = { ok: true, value }
    else this.#listener.onValue(value)
  }

  fail(error: unknown): void {
    if (this.#listener === undefined) this.#settled = { ok: false, error }
    else this.#listener.onFailure(error)
  }

  promise(): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.listen({ onValue: resolve, onFailure: reject })
    })
  }
}

/** An answer that is there soon, in whatever form it is easiest to give. */
export type Soon<Value> = Pending<Value> | Promise<Value>

export function promiseOf<Value>(soon: Soon<Value>): Promise<Value> {
  return soon instanceof Pending ? soon.promise() : soon
}
