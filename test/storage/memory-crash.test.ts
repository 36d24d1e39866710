import { expect, test } from 'vitest'

import { MemoryLogDisk, openMemoryRaftLogStore } from '../../src/storage/memory-raft-log-store.ts'
import { MemoryStateDisk, openMemoryStateStore } from '../../src/storage/memory-state-store.ts'
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
