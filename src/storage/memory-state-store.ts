/**
 * The state store in memory, with a disk that outlives it: what tests and the simulator run on.
 * Writes are volatile until a checkpoint's barrier; a crash keeps of the volatile ones what its
 * caller picks, in any pattern, because LevelDB promises no order between unsynced writes.
 */

import { assert } from '../base/assert.ts'
import { keyFromBytes, keyToBytes } from '../base/key.ts'
import type { Key } from '../base/key.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { DiskSchedule } from './memory-raft-log-store.ts'
import type { StateStore } from './ports.ts'

interface VolatileWrite {
  readonly key: Key
  readonly value: Uint8Array | undefined
}

const SCAN_BATCH_RECORDS = 100

export class MemoryStateDisk {
  readonly #durable: Map<Key, Uint8Array>
  #volatile: VolatileWrite[]
  #checkpoint: Uint8Array | undefined
  #epoch: number

  constructor() {
    this.#durable = new Map()
    this.#volatile = []
    this.#checkpoint = undefined
    this.#epoch = 0
  }

  get checkpoint(): Uint8Array | undefined {
    return this.#checkpoint
  }

  get epoch(): number {
    return this.#epoch
  }

  get volatileCount(): number {
    return this.#volatile.length
  }

  /** Power is cut: of the writes since the last barrier only those that `keeps` picks remain. */
  crash(keeps: (position: number) => boolean = () => false): void {
    this.#volatile.forEach((write, position) => {
      if (keeps(position)) apply(this.#durable, write)
    })
    this.#volatile = []
    this.#epoch++
  }

  write(write: VolatileWrite): void {
    this.#volatile.push(write)
  }

  /** The oldest `count` volatile writes are durable. */
  barrier(count: number): void {
    for (const write of this.#volatile.splice(0, count)) apply(this.#durable, write)
  }

  saveCheckpoint(checkpoint: Uint8Array): void {
    this.#checkpoint = checkpoint
  }

  records(): Map<Key, Uint8Array> {
    const records = new Map(this.#durable)
    for (const write of this.#volatile) apply(records, write)
    return records
  }
}

function apply(records: Map<Key, Uint8Array>, { key, value }: VolatileWrite): void {
  if (value === undefined) records.delete(key)
  else records.set(key, value)
}

export class MemoryStateStore implements StateStore {
  readonly #disk: MemoryStateDisk
  readonly #schedule: DiskSchedule
  readonly #epoch: number
  readonly #records: Map<Key, Uint8Array>
  #bytesInUse: number
  #isSaving: boolean

  constructor(disk: MemoryStateDisk, schedule: DiskSchedule = queueMicrotask) {
    this.#disk = disk
    this.#schedule = schedule
    this.#epoch = disk.epoch
    this.#records = disk.records()
    this.#bytesInUse = 0
    this.#isSaving = false
  }

  get bytesInUse(): number {
    return this.#bytesInUse
  }

  get pendingBytes(): number {
    return 0
  }

  setBytesInUse(bytes: number): void {
    this.#bytesInUse = bytes
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#records.get(keyFromBytes(key))
  }

  put(key: Uint8Array, value: Uint8Array): void {
    const replaced = this.get(key)
    if (replaced !== undefined) this.#bytesInUse -= key.length + replaced.length
    this.#bytesInUse += key.length + value.length
    this.#write({ key: keyFromBytes(key), value })
  }

  delete(key: Uint8Array): void {
    const value = this.get(key)
    if (value === undefined) return
    this.#bytesInUse -= key.length + value.length
    this.#write({ key: keyFromBytes(key), value: undefined })
  }

  async *scan(start: Uint8Array, end: Uint8Array): AsyncGenerator<readonly BackendRecord[]> {
    const from = keyFromBytes(start)
    const to = keyFromBytes(end)
    const found = [...this.#records].filter(([key]) => key >= from && key < to)
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    for (let i = 0; i < found.length; i += SCAN_BATCH_RECORDS) {
      const batch = found.slice(i, i + SCAN_BATCH_RECORDS)
      yield batch.map(([key, value]) => ({ key: keyToBytes(key), value }))
    }
  }

  async flush(): Promise<void> {
    return undefined
  }

  /** Two steps of the disk, barrier and record, so that a crash may come between them. */
  async saveCheckpoint(checkpoint: Uint8Array): Promise<void> {
    assert(!this.#isSaving, 'one checkpoint is saved at a time')
    this.#isSaving = true
    const count = this.#disk.volatileCount
    await this.#step(() => this.#disk.barrier(count))
    await this.#step(() => this.#disk.saveCheckpoint(Uint8Array.from(checkpoint)))
    this.#isSaving = false
  }

  async diskBytes(): Promise<number> {
    let bytes = 0
    for (const [key, value] of this.#records) bytes += key.length + value.length
    return bytes
  }

  async defragment(): Promise<void> {
    return undefined
  }

  async close(): Promise<void> {
    return undefined
  }

  #write(write: VolatileWrite): void {
    apply(this.#records, write)
    if (this.#disk.epoch === this.#epoch) this.#disk.write(write)
  }

  #step(effect: () => void): Promise<void> {
    return new Promise((resolve) => {
      this.#schedule(() => {
        if (this.#disk.epoch !== this.#epoch) return
        effect()
        resolve()
      })
    })
  }
}

export function openMemoryStateStore(
  disk: MemoryStateDisk,
  schedule?: DiskSchedule,
): { readonly store: StateStore; readonly checkpoint: Uint8Array | undefined } {
  return { store: new MemoryStateStore(disk, schedule), checkpoint: disk.checkpoint }
}
