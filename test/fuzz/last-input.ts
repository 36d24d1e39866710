/** The input that a worker is at, readable by its parent whatever the worker does. */

const HEAD_BYTES = 8
export const LAST_INPUT_BYTES = HEAD_BYTES + 128 * 1024

export class LastInput {
  /** Count of inputs, length of the last. */
  readonly #head: Int32Array
  readonly #bytes: Buffer

  constructor(shared: SharedArrayBuffer) {
    this.#head = new Int32Array(shared, 0, 2)
    this.#bytes = Buffer.from(shared, HEAD_BYTES)
  }

  set(bytes: Buffer): void {
    const length = bytes.copy(this.#bytes)
    Atomics.store(this.#head, 1, length)
    Atomics.add(this.#head, 0, 1)
  }

  /** How many there have been. */
  get count(): number {
    return Atomics.load(this.#head, 0)
  }

  get bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, Atomics.load(this.#head, 1)))
  }
}
