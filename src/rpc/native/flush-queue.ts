/**
 * Connections with something to send. Everything that a connection writes meanwhile leaves in one
 * write:
 *
 *   add            at the end of this callback, when all promises that it has settled have had their say
 *   afterReading   when what has come in on all sockets is read: what is answered while it is read
 *                  leaves for all clients together, and does not wake one of them between two reads
 */

export interface Flushable {
  flush(): void
}

export class FlushQueue {
  #waiting: Flushable[] = []
  #afterReading: Flushable[] = []
  readonly #onCallbackEnd = (): void => this.#flush()
  /** Why both: a tick comes before the promises of this callback, but after those of a microtask. */
  readonly #onMicrotask = (): void => process.nextTick(this.#onCallbackEnd)
  readonly #onRead = (): void => this.#flushAfterReading()

  add(flushable: Flushable): void {
    this.#waiting.push(flushable)
    if (this.#waiting.length === 1) queueMicrotask(this.#onMicrotask)
  }

  afterReading(flushable: Flushable): void {
    this.#afterReading.push(flushable)
    if (this.#afterReading.length === 1) setImmediate(this.#onRead)
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const one of waiting) one.flush()
  }

  #flushAfterReading(): void {
    const waiting = this.#afterReading
    this.#afterReading = []
    for (const one of waiting) one.flush()
  }
}
