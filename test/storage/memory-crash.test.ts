import { expect, test } from 'vitest'

import { MemoryLogDisk, openMemoryRaftLogStore } from '../../src/storage/memory-raft-log-store.ts'
import { MemoryStateDisk, openMemoryStateStore } from '../../src/storage/memory-state-store.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { StagingError } from '../../src/storage/transfer-errors.ts'
import { bytes, entriesFrom } from '../support/storage.ts'

/** A disk that finishes nothing until it is told to. */
function heldDisk(): { readonly schedule: (finish: () => void) => void; finishNext(): void } {
  const held: (() => void)[] = []
  return { schedule: (finish) => void held.push(finish), finishNext: () => held.shift()?.() }
}

test.each([false, true])('a crash keeps the append in flight or not: %s', async (keepInFlight) => {
  const disk = new MemoryLogDisk()
  const { schedule, finishNext } = heldDisk()
  const { store } = openMemoryRaftLogStore(disk, schedule)
  const first = store.append({ entries: entriesFrom(1, 2) })
  finishNext()
  await first
  let acknowledged = false
  void store.append({ entries: entriesFrom(3, 1) }).then(() => {
    acknowledged = true
  })
  disk.crash({ keepInFlight })
  finishNext()
  await Promise.resolve()
  expect(acknowledged).toBe(false)
  const { recovered } = openMemoryRaftLogStore(disk)
  expect(recovered.entries).toHaveLength(keepInFlight ? 3 : 2)
})

test.each([
  [3, false],
  [3, true],
  [9, false],
  [9, true],
])(
  'a crash during a reset to %i leaves the log before it or after: %s',
  async (at, keepInFlight) => {
    const disk = new MemoryLogDisk()
    const { schedule, finishNext } = heldDisk()
    const { store } = openMemoryRaftLogStore(disk, schedule)
    const hardState = { term: 2, vote: '', commit: 1 }
    const appended = store.append({ entries: entriesFrom(1, 5), hardState })
    finishNext()
    await appended
    void store.reset(at)
    disk.crash({ keepInFlight, loseCompaction: true })
    const { recovered } = openMemoryRaftLogStore(disk)
    expect(recovered.hardState).toEqual(hardState)
    expect(recovered.compacted).toBe(keepInFlight ? at : 0)
    expect(recovered.entries).toHaveLength(keepInFlight ? 0 : 5)
  },
)

test('a crash may undo a compaction, but none that a later append made durable', async () => {
  const disk = new MemoryLogDisk()
  const { store } = openMemoryRaftLogStore(disk)
  await store.append({ entries: entriesFrom(1, 5) })
  await store.compact(2)
  await store.append({ entries: entriesFrom(6, 1) })
  await store.compact(4)
  disk.crash({ loseCompaction: true })
  const { recovered } = openMemoryRaftLogStore(disk)
  expect(recovered.compacted).toBe(2)
  expect(recovered.entries.map((entry) => entry.index)).toEqual([3, 4, 5, 6])
})

test('a crash loses the records since the barrier, or any of them', async () => {
  const disk = new MemoryStateDisk()
  const { schedule, finishNext } = heldDisk()
  const { store } = openMemoryStateStore(disk, schedule)
  store.put(bytes('a'), bytes('1'))
  const saved = store.saveCheckpoint(bytes('checkpoint'))
  store.put(bytes('b'), bytes('2'))
  store.put(bytes('c'), bytes('3'))
  finishNext()
  await Promise.resolve()
  await Promise.resolve()
  finishNext()
  await saved
  disk.crash((position) => position === 1)
  const again = openMemoryStateStore(disk)
  expect(again.checkpoint).toEqual(Uint8Array.from(bytes('checkpoint')))
  expect(again.store.get(bytes('a'))).toBeDefined()
  expect(again.store.get(bytes('b'))).toBeUndefined()
  expect(again.store.get(bytes('c'))).toBeDefined()
})

test('a crash between barrier and record keeps the records and the old checkpoint', async () => {
  const disk = new MemoryStateDisk()
  const { schedule, finishNext } = heldDisk()
  const { store } = openMemoryStateStore(disk, schedule)
  store.put(bytes('a'), bytes('1'))
  void store.saveCheckpoint(bytes('new'))
  finishNext()
  await Promise.resolve()
  disk.crash()
  finishNext()
  expect(disk.checkpoint).toBeUndefined()
  expect(openMemoryStateStore(disk).store.get(bytes('a'))).toBeDefined()
})

/** Runs `use` while the disk does `steps` steps and no more. */
async function withSteps(
  disk: MemoryStateDisk,
  steps: number,
  use: (store: StateStore) => Promise<void>,
): Promise<void> {
  let asked = 0
  const { store } = openMemoryStateStore(disk, (finish) => {
    if (asked++ < steps) queueMicrotask(finish)
  })
  let isDone = false
  void use(store).then(() => (isDone = true))
  for (let turn = 0; turn < 50 && !isDone; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('a crash at any step of an installation leaves one state, whole', async () => {
  const outcomes: string[] = []
  for (let steps = 0; outcomes.at(-1) !== 'new'; steps++) {
    const disk = new MemoryStateDisk()
    const { store } = openMemoryStateStore(disk)
    store.put(bytes('a'), bytes('old'))
    store.put(bytes('b'), bytes('old'))
    await store.saveCheckpoint(bytes('old'))
    await withSteps(disk, steps, async (crashing) => {
      const staged = await crashing.stage()
      await staged.write([{ key: bytes('a'), value: bytes('new') }])
      await staged.finish(bytes('new'))
      await crashing.install(staged)
    })
    disk.crash()
    const again = openMemoryStateStore(disk)
    expect(disk.hasPublished).toBe(false)
    const name = Buffer.from(again.checkpoint ?? []).toString()
    expect(Buffer.from(again.store.get(bytes('a')) ?? []).toString()).toBe(name)
    expect(again.store.get(bytes('b')) === undefined).toBe(name === 'new')
    outcomes.push(name)
  }
  expect(outcomes).toEqual(['old', 'old', 'old', 'old', 'old', 'old', 'new'])
})

test('a disk that fails a gathering leaves the state in use alone', async () => {
  const disk = new MemoryStateDisk()
  const { store } = openMemoryStateStore(disk)
  store.put(bytes('a'), bytes('1'))
  const staged = await store.stage()
  disk.stagingFailure = 'no space left'
  await expect(staged.write([])).rejects.toThrow('gathering a state failed: no space left')
  await expect(staged.finish(bytes('new'))).rejects.toThrow(StagingError)
  await staged.abort()
  await expect(store.stage()).rejects.toThrow('no space left')
  disk.stagingFailure = undefined
  const next = await store.stage()
  await next.finish(bytes('new'))
  expect(disk.hasPublished).toBe(true)
  await store.install(next)
  expect(store.get(bytes('a'))).toBeUndefined()
  expect(disk.hasPublished).toBe(false)
})
