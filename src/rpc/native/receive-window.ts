/**
 * What the client may still send on a stream (RFC 9113 §6.9). Room is given back in
 * portions of half a window, so that small messages cost no frames.
 */

export class ReceiveWindow {
  readonly #portionBytes: number
  #availableBytes: number
  #creditBytes = 0

  constructor(bytes: number) {
    this.#availableBytes = bytes
    this.#portionBytes = bytes >> 1
  }

  /** False when the client sent more than it may. */
  take(bytes: number): boolean {
    this.#availableBytes -= bytes
    return this.#availableBytes >= 0
  }

  /** What was taken is dealt with. Returns the increment to announce now, mostly 0. */
  credit(bytes: number): number {
    this.#creditBytes += bytes
    if (this.#creditBytes < this.#portionBytes) return 0
    const increment = this.#creditBytes
    this.#creditBytes = 0
    this.#availableBytes += increment
    return increment
  }
}
