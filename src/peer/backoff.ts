/** How long to wait before the next attempt: twice as long after every failure, up to a bound. */

import type { Random } from '../base/ports.ts'

export class Backoff {
  readonly #minMs: number
  readonly #maxMs: number
  readonly #random: Random
  #failures = 0

  constructor(minMs: number, maxMs: number, random: Random) {
    this.#minMs = minMs
    this.#maxMs = maxMs
    this.#random = random
  }

  /** From half to all of the delay that is due, so that members do not dial in step. */
  nextMs(): number {
    const delayMs = Math.min(this.#maxMs, this.#minMs * 2 ** this.#failures)
    if (delayMs < this.#maxMs) this.#failures++
    return delayMs / 2 + this.#random.below(Math.ceil(delayMs / 2) + 1)
  }

  /** It worked: the next delay is the shortest. */
  reset(): void {
    this.#failures = 0
  }
}
