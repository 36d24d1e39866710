/**
 * The state store as the restore sees it: every record that is read for it is counted, so that
 * the store knows again how many bytes are in use. What the restore then deletes is subtracted by
 * the store itself.
 */

import type { Backend, BackendRecord } from '../base/ports.ts'
import type { StateStore } from '../storage/ports.ts'

export class RecountingBackend implements Backend {
  readonly #state: StateStore

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

  scan(start: Uint8Array, end: Uint8Array): AsyncIterable<readonly BackendRecord[]> {
    return this.#state.scan(start, end)
  }

  async *readAll(): AsyncIterable<readonly BackendRecord[]> {
    for await (const batch of this.#state.readAll()) {
      let bytes = 0
      for (const { key, value } of batch) bytes += key.length + value.length
      this.#state.setBytesInUse(this.#state.bytesInUse + bytes)
      yield batch
    }
  }
}
