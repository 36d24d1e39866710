/**
 * Output buffers, shared by all connections of an engine: only those that have something to send
 * in this turn hold one, so idle connections cost nothing.
 */

export const SLAB_BYTES = 32 * 1024
/** Slabs that wait for use; more are left to the garbage collector. */
const KEPT_COUNT = 256

export class SlabPool {
  readonly #free: Buffer[] = []

  /** Of at least `bytes`. */
  take(bytes: number): Buffer {
    if (bytes > SLAB_BYTES) return Buffer.allocUnsafeSlow(bytes)
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES)
  }

  /** Only when nobody, not even the system, will read it any more. */
  giveBack(slab: Buffer): void {
    if (slab.length === SLAB_BYTES && this.#free.length < KEPT_COUNT) this.#free.push(slab)
  }
}
