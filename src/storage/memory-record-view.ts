/** The twin of a record view in memory. */

import { keyToBytes } from '../base/key.ts'
import type { Key } from '../base/key.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { RecordView } from './ports.ts'
import { ViewEndedError } from './transfer-errors.ts'

const BATCH_RECORDS = 100

export class MemoryRecordView
  implements RecordView, AsyncIterator<readonly BackendRecord[], undefined>
{
  readonly #records: readonly [Key, Uint8Array][]
  readonly #onEnded: (view: MemoryRecordView) => void
  #at: number
  #isClosed: boolean
  #isEnded: boolean

  constructor(records: [Key, Uint8Array][], onEnded: (view: MemoryRecordView) => void) {
    this.#records = records.sort(([a], [b]) => (a < b ? -1 : 1))
    this.#onEnded = onEnded
    this.#at = 0
    this.#isClosed = false
    this.#isEnded = false
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<readonly BackendRecord[], undefined>> {
    if (this.#isEnded) throw new ViewEndedError()
    if (this.#isClosed) return { done: true, value: undefined }
    const batch = this.#records.slice(this.#at, this.#at + BATCH_RECORDS)
    this.#at += batch.length
    if (batch.length === 0) return this.return()
    return { done: false, value: batch.map(([key, value]) => ({ key: keyToBytes(key), value })) }
  }

  async return(): Promise<IteratorResult<readonly BackendRecord[], undefined>> {
    await this.close()
    return { done: true, value: undefined }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#onEnded(this)
  }

  end(): void {
    this.#isEnded = true
    this.#onEnded(this)
  }
}
