/**
 * How much lies on the bridge, in memory that both threads share. The front's thread sleeps while
 * it is too much: then sockets are not read, and the clients have to wait, as they would if the
 * main thread, which is behind, read them itself.
 */

const BACKLOG_BYTES_MAX = 32 * 1024 * 1024
/** Nobody sleeps for ever, whatever became of the other side. */
const NAP_MS = 1000

export class Backlog {
  readonly #bytes: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = new Int32Array(memory)
  }

  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  }

  add(bytes: number): void {
    Atomics.add(this.#bytes, 0, bytes)
  }

  remove(bytes: number): void {
    const before = Atomics.sub(this.#bytes, 0, bytes)
    if (before > BACKLOG_BYTES_MAX) Atomics.notify(this.#bytes, 0)
  }

  /** Not on the main thread. */
  wait(): void {
    for (;;) {
      const bytes = Atomics.load(this.#bytes, 0)
      if (bytes <= BACKLOG_BYTES_MAX) return
      Atomics.wait(this.#bytes, 0, bytes, NAP_MS)
    }
  }
}
