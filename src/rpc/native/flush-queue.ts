/**
 * Connections with something to send at the end of this turn: when all promises that the turn has
 * settled have had their say, everything they wrote leaves in one write per connection.
 */

export interface Flushable {
  flush(): void
}

export class FlushQueue {
  #waiting: Flushable[] = []
  readonly #onTurnEnd = (): void => this.#flush()
  /** Why both: a tick comes before the promises of this turn, but after those of a microtask. */
  readonly #onMicrotask = (): void => process.nextTick(this.#onTurnEnd)

  add(flushable: Flushable): void {
    this.#waiting.push(flushable)
    if (this.#waiting.length === 1) queueMicrotask(this.#onMicrotask)
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.flush()
  }
}
