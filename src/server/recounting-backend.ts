/**
 * The state store as the restore sees it: every record that its scan hands out is counted, so that
 * the store knows again how many bytes are in use. What the restore then deletes is subtracted by
 * the store itself.
 */

import type { Backend, BackendRecord } from '../base/ports.ts'
import type { StateStore } from '../storage/ports.ts'

export class RecountingBackend implements Backend {
  readonly #state: StateStore
  #recounted = false

  constructor(state: StateStore) {
    this.#state = state
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#state.get(key)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#state.put(key, value)
  }

  delete(key: Uint8Array): void {
    this.#state.delete(key)
  }

  /** The first scan is the restore's and covers everything; later ones are not counted. */
  async *scan(start: Uint8Array, end: Uint8Array): AsyncIterable<readonly BackendRecord[]> {
    const counts = !this.#recounted
    this.#recounted = true
    for await (const batch of this.#state.scan(start, end)) {
      if (counts) {
        const bytes = batch.reduce((sum, { key, value }) => sum + key.length + value.length, 0)
        this.#state.setBytesInUse(this.#state.bytesInUse + bytes)
      }
      yield batch
    }
  }
}
