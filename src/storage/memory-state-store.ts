/**
 * The state store in memory, with a disk that outlives it: what tests and the simulator run on.
 * Writes are volatile until a checkpoint's barrier; a crash keeps of the volatile ones what its
 * caller picks, in any pattern, because LevelDB promises no order between unsynced writes.
 */

import { assert } from '../base/assert.ts'
import { keyFromBytes } from '../base/key.ts'
import type { Key } from '../base/key.ts'
import type { BackendRecord } from '../base/ports.ts'
import type { DiskSchedule } from './memory-raft-log-store.ts'
import { MemoryRecordView } from './memory-record-view.ts'
import { MemoryStagedState } from './memory-staged-state.ts'
import type { PublishedState, StagingDisk } from './memory-staged-state.ts'
import type { RecordView, StagedState, StateStore } from './ports.ts'

interface VolatileWrite {
  readonly key: Key
  readonly value: Uint8Array | undefined
}

export class MemoryStateDisk {
  #durable: Map<Key, Uint8Array>
  #volatile: VolatileWrite[]
  #checkpoint: Uint8Array | undefined
  #published: PublishedState | undefined
  #epoch: number
  /** Set it to let the gathering of states fail from now on, as on a full disk. */
  stagingFailure: string | undefined

  constructor() {
    this.#durable = new Map()
    this.#volatile = []
    this.#checkpoint = undefined
    this.#published = undefined
    this.#epoch = 0
    this.stagingFailure = undefined
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

  /** Whether a state is complete beside the one in use. */
  get hasPublished(): boolean {
    return this.#published !== undefined
  }

  /** Power is cut: of the writes since the last barrier only those that `keeps` picks remain. */
  crash(keeps: (position: number) => boolean = () => false): void {
    this.#volatile.forEach((write, position) => {
      if (keeps(position)) apply(this.#durable, write)
    })
    this.#volatile = []
    // It survives a crash, but no start wants it.
    this.#published = undefined
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

  publish(state: PublishedState | undefined): void {
    this.#published = state
  }

  /** The published state is the one in use: one step, since a start finishes what has begun. */
  switch(): void {
    assert(this.#published !== undefined, 'only a published state is put to use')
    this.#durable = this.#published.records
    this.#checkpoint = this.#published.checkpoint
    this.#volatile = []
    this.#published = undefined
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
  readonly #scans: Set<MemoryRecordView>
  readonly #views: Set<MemoryRecordView>
  #records: Map<Key, Uint8Array>
  #bytesInUse: number
  #isSaving: boolean
  #isInstalling: boolean
  #staged: MemoryStagedState | undefined

  constructor(disk: MemoryStateDisk, schedule: DiskSchedule = queueMicrotask) {
    this.#disk = disk
    this.#schedule = schedule
    this.#epoch = disk.epoch
    this.#scans = new Set()
    this.#views = new Set()
    this.#records = disk.records()
    this.#bytesInUse = 0
    this.#isSaving = false
    this.#isInstalling = false
    this.#staged = undefined
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
    this.#checkLive()
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
    this.#checkLive()
    const from = keyFromBytes(start)
    const to = keyFromBytes(end)
    const found = [...this.#records].filter(([key]) => key >= from && key < to)
    yield* this.#view(found, this.#scans)
  }

  async *readAll(): AsyncGenerator<readonly BackendRecord[]> {
    this.#checkLive()
    yield* this.#view([...this.#records], this.#scans)
  }

  async exportRecords(): Promise<RecordView> {
    this.#checkLive()
    return this.#view([...this.#records], this.#views)
  }

  async stage(): Promise<StagedState> {
    const before = this.#staged
    assert(before?.isOpen !== true, 'one state is staged at a time')
    const staged = new MemoryStagedState(this.#stagingDisk())
    this.#staged = staged
    await before?.abort()
    await staged.begin()
    return staged
  }

  /** Two steps of the disk: until the second one is done, a crash finds the old state. */
  async install(staged: StagedState): Promise<void> {
    this.#checkLive()
    const ready = this.#staged
    assert(ready !== undefined && ready === staged, 'a staged state of this store is installed')
    assert(!this.#isSaving, 'no checkpoint is saved while a state is installed')
    assert(this.#scans.size === 0, 'no scan is under way when a state is installed')
    ready.markInstalled()
    this.#isInstalling = true
    await this.#step(() => this.#endViews())
    await this.#step(() => {
      this.#disk.switch()
      this.#records = this.#disk.records()
      this.#bytesInUse = 0
      this.#isInstalling = false
    })
  }

  async flush(): Promise<void> {
    return undefined
  }

  /** Two steps of the disk, barrier and record, so that a crash may come between them. */
  async saveCheckpoint(checkpoint: Uint8Array): Promise<void> {
    this.#checkLive()
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
    this.#endViews()
    // The disk may have crashed: nothing is waited for.
    void this.#staged?.abort()
  }

  #checkLive(): void {
    assert(!this.#isInstalling, 'a state store that is being replaced is left alone')
  }

  #view(records: [Key, Uint8Array][], open: Set<MemoryRecordView>): MemoryRecordView {
    const view = new MemoryRecordView(records, (ended) => void open.delete(ended))
    open.add(view)
    return view
  }

  #endViews(): void {
    for (const view of [...this.#views, ...this.#scans]) view.end()
  }

  #stagingDisk(): StagingDisk {
    return {
      step: (effect) => this.#step(effect),
      stagingFailure: () => this.#disk.stagingFailure,
      publish: (state) => this.#disk.publish(state),
    }
  }

  #write(write: VolatileWrite): void {
    this.#checkLive()
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
