/** A Backend in memory: sorted when scanned, and a scan reads a snapshot of its first moment. */

import type { Backend, BackendRecord } from '../../src/base/ports.ts'

const SCAN_BATCH_RECORDS = 7

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

async function* batchesOf(
  records: readonly BackendRecord[],
): AsyncGenerator<readonly BackendRecord[]> {
  for (let i = 0; i < records.length; i += SCAN_BATCH_RECORDS) {
    await Promise.resolve()
    yield records.slice(i, i + SCAN_BATCH_RECORDS)
  }
}

export class MemoryBackend implements Backend {
  readonly #records: Map<string, Uint8Array>

  constructor(records: Iterable<readonly [string, Uint8Array]> = []) {
    this.#records = new Map(records)
  }

  get size(): number {
    return this.#records.size
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(textOf(key))
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#records.set(textOf(key), value)
  }

  delete(key: Uint8Array): void {
    this.#records.delete(textOf(key))
  }

  scan(start: Uint8Array, end: Uint8Array): AsyncGenerator<readonly BackendRecord[]> {
    return batchesOf(this.records(textOf(start), textOf(end)))
  }

  readAll(): AsyncGenerator<readonly BackendRecord[]> {
    return batchesOf(this.records())
  }

  /** Records with start <= key < end in key order. */
  records(start = '', end?: string): BackendRecord[] {
    const keys = [...this.#records.keys()].filter(
      (key) => start <= key && (end === undefined || key < end),
    )
    return keys.sort().map((key) => ({
      key: Buffer.from(key, 'latin1'),
      value: this.#records.get(key)!,
    }))
  }

  /** As it would be found after a crash now, if nothing were lost. */
  copy(): MemoryBackend {
    return new MemoryBackend(this.#records)
  }

  /** Keys and values as text, in key order, to compare two backends. */
  dump(): string[] {
    return this.records().map(({ key, value }) => `${textOf(key)}=${textOf(value)}`)
  }
}
