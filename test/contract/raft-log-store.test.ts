import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Entry, HardState } from '../../src/raft/types.ts'
import { MemoryLogDisk, openMemoryRaftLogStore } from '../../src/storage/memory-raft-log-store.ts'
import type { RaftLogStore, RecoveredLog } from '../../src/storage/ports.ts'
import { entriesFrom, mustOpenLog, plain, temporaryDirectory } from '../support/storage.ts'

interface Opened {
  readonly store: RaftLogStore
  readonly recovered: RecoveredLog
}

/** A place for a log that can be opened again after its store was closed. */
type Place = () => Promise<Opened>

const places: Readonly<Record<string, () => Promise<Place>>> = {
  memory: async () => {
    const disk = new MemoryLogDisk()
    return async () => openMemoryRaftLogStore(disk)
  },
  LevelDB: async () => {
    const directory = await temporaryDirectory()
    return () => mustOpenLog(directory)
  },
}

const voted: HardState = { term: 3, vote: '8e9e05c52164694d', commit: 2 }

describe.each(Object.entries(places))('the raft log store on %s', (_name, newPlace) => {
  test('a new log is empty and has the empty hard state', async () => {
    const open = await newPlace()
    const { store, recovered } = await open()
    expect(recovered).toMatchObject({ entries: [], compacted: 0 })
    expect(recovered.hardState).toEqual({ term: 0, vote: '', commit: 0 })
    await store.close()
  })

  test('entries and hard state come back in order, with type and data', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 3), hardState: voted })
    await store.append({ entries: entriesFrom(4, 5, 3) })
    await store.close()
    const again = await open()
    expect(plain(again.recovered.entries)).toEqual(
      plain([...entriesFrom(1, 3), ...entriesFrom(4, 5, 3)]),
    )
    expect(again.recovered.hardState).toEqual(voted)
    await again.store.close()
  })

  test('a vote alone is a block, and the last hard state wins', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: [], hardState: { ...voted, vote: '' } })
    await store.append({ entries: [], hardState: voted })
    await store.append({ entries: entriesFrom(1, 1) })
    await store.close()
    const again = await open()
    expect(again.recovered.hardState).toEqual(voted)
    expect(again.recovered.entries).toHaveLength(1)
    await again.store.close()
  })

  test('a block that starts inside the log replaces its tail, Raft §5.3', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 4, 1) })
    await store.append({ entries: entriesFrom(5, 5, 1) })
    await store.append({ entries: entriesFrom(3, 2, 2) })
    await store.close()
    const again = await open()
    expect(plain(again.recovered.entries)).toEqual(
      plain([...entriesFrom(1, 2, 1), ...entriesFrom(3, 2, 2)]),
    )
    await again.store.append({ entries: entriesFrom(5, 1, 2) })
    await again.store.close()
    const third = await open()
    expect(third.recovered.entries.map((entry) => entry.term)).toEqual([1, 1, 2, 2, 2])
    await third.store.close()
  })

  test('compaction forgets entries up to its index and keeps the hard state', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (let index = 1; index <= 20; index += 2) {
      await store.append({ entries: entriesFrom(index, 2), hardState: voted })
    }
    await store.compact(13)
    await store.close()
    const again = await open()
    expect(again.recovered.compacted).toBe(13)
    expect(plain(again.recovered.entries)).toEqual(plain(entriesFrom(14, 7)))
    await again.store.compact(20)
    await again.store.close()
    const third = await open()
    expect(third.recovered).toMatchObject({ entries: [], compacted: 20, hardState: voted })
    await third.store.append({ entries: entriesFrom(21, 1) })
    await third.store.close()
    const fourth = await open()
    expect(plain(fourth.recovered.entries)).toEqual(plain(entriesFrom(21, 1)))
    await fourth.store.close()
  })

  test('compaction does not forget a block that is still in flight', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 5), hardState: voted })
    const appended = store.append({ entries: entriesFrom(6, 5) })
    await store.compact(5)
    await appended
    await store.close()
    const again = await open()
    expect(plain(again.recovered.entries)).toEqual(plain(entriesFrom(6, 5)))
    expect(again.recovered.hardState).toEqual(voted)
    await again.store.close()
  })

  test.each([3, 10, 1000])('a reset to %i forgets every entry and goes on after it', async (at) => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 5), hardState: voted })
    await store.append({ entries: entriesFrom(6, 5) })
    await store.reset(at)
    await store.close()
    const empty = await open()
    expect(empty.recovered).toMatchObject({ compacted: at, hardState: voted, entries: [] })
    await empty.store.append({ entries: entriesFrom(at + 1, 2, 4) })
    await empty.store.close()
    const again = await open()
    expect(again.recovered).toMatchObject({ compacted: at, hardState: voted })
    expect(plain(again.recovered.entries)).toEqual(plain(entriesFrom(at + 1, 2, 4)))
    await again.store.close()
  })

  test.each([4, 8, 500])('a reset to %i voids a tail that conflicted, for good', async (at) => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 6, 1), hardState: voted })
    await store.append({ entries: entriesFrom(5, 4, 2) })
    // As an installation does it: the term of the one who sent the state, the state, the log.
    const later: HardState = { term: 9, vote: '', commit: 2 }
    await store.append({ entries: [], hardState: later })
    await store.reset(at)
    await store.append({ entries: entriesFrom(at + 1, 3, 9) })
    await store.append({ entries: entriesFrom(at + 2, 1, 10), hardState: { ...later, term: 10 } })
    await store.compact(at + 1)
    await store.close()
    const again = await open()
    expect(again.recovered).toMatchObject({ compacted: at + 1, hardState: { term: 10 } })
    expect(plain(again.recovered.entries)).toEqual(plain(entriesFrom(at + 2, 1, 10)))
    await again.store.append({ entries: entriesFrom(at + 3, 1, 10) })
    await again.store.reset(at + 3)
    await again.store.reset(at + 3)
    await again.store.close()
    const third = await open()
    expect(third.recovered).toMatchObject({ compacted: at + 3, entries: [] })
    await third.store.close()
  })

  test('a reset below the compacted index, or beside an append, fails', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 6) })
    await store.compact(4)
    const reset = async (index: number): Promise<void> => store.reset(index)
    await expect(reset(3)).rejects.toThrow('not reset below its compacted index')
    const appended = store.append({ entries: entriesFrom(7, 1) })
    await expect(reset(9)).rejects.toThrow('one append to the raft log at a time')
    await appended
    const resetting = reset(9)
    await expect((async () => store.append({ entries: [] }))()).rejects.toThrow('one append')
    await resetting
    await store.close()
  })

  test('an empty entry and one of a megabyte survive', async () => {
    const open = await newPlace()
    const { store } = await open()
    const entries: Entry[] = [
      { index: 1, term: 1, type: 'EntryNormal', data: new Uint8Array(0) },
      { index: 2, term: 1, type: 'EntryNormal', data: Buffer.alloc(6 * 1024 * 1024, 7) },
    ]
    await store.append({ entries })
    await store.close()
    const again = await open()
    expect(again.recovered.entries.map((entry) => entry.data.length)).toEqual([0, 6291456])
    expect(again.recovered.entries[1]?.data.every((byte) => byte === 7)).toBe(true)
    await again.store.close()
  })

  test('a gap, a second append at once and a rewrite below the compacted index fail', async () => {
    const open = await newPlace()
    const { store } = await open()
    await store.append({ entries: entriesFrom(1, 5) })
    const refused = async (entries: readonly Entry[]): Promise<void> => store.append({ entries })
    await expect(refused(entriesFrom(7, 1))).rejects.toThrow('entries continue the log')
    const appended = store.append({ entries: entriesFrom(6, 1) })
    await expect(refused(entriesFrom(7, 1))).rejects.toThrow(/one append|continue the log/)
    await appended
    await store.compact(4)
    await expect(refused(entriesFrom(4, 1))).rejects.toThrow('entries continue the log')
    await store.close()
  })

  test('random appends, overwrites, compactions, resets and restarts match an array', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
        const place = await newPlace()
        let { store } = await place()
        const model: Model = { entries: [], compacted: 0, term: 1, hardState: undefined }
        for (const step of operations) {
          if (step.type !== 'reopen') {
            await runStep(store, model, step)
            continue
          }
          await store.close()
          const opened = await place()
          store = opened.store
          expectSame(opened.recovered, model)
        }
        await store.close()
        const { store: last, recovered } = await place()
        expectSame(recovered, model)
        await last.close()
      }),
      { numRuns: 60 },
    )
  })
})

type Step =
  | {
      readonly type: 'append'
      readonly count: number
      readonly back: number
      readonly vote: boolean
    }
  | { readonly type: 'compact'; readonly part: number }
  | { readonly type: 'reset'; readonly ahead: number }
  | { readonly type: 'reopen' }

const operation: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      count: fc.nat(6),
      back: fc.oneof(fc.constant(0), fc.nat(10)),
      vote: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('compact' as const), part: fc.nat(100) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reset' as const), ahead: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.constant({ type: 'reopen' as const }) },
)

interface Model {
  entries: Entry[]
  compacted: number
  term: number
  hardState: HardState | undefined
}

async function runStep(store: RaftLogStore, model: Model, step: Step): Promise<void> {
  const last = model.compacted + model.entries.length
  if (step.type === 'append') {
    const first = Math.max(model.compacted + 1, last + 1 - step.back)
    if (step.back > 0) model.term++
    const entries = entriesFrom(first, step.count, model.term)
    if (entries.length > 0) model.entries.length = first - model.compacted - 1
    model.entries.push(...entries)
    if (step.vote) model.hardState = { ...voted, term: model.term, commit: last }
    await store.append(step.vote ? { entries, hardState: model.hardState ?? voted } : { entries })
  } else if (step.type === 'compact') {
    const index = model.compacted + Math.floor(((last - model.compacted) * step.part) / 100)
    model.entries.splice(0, index - model.compacted)
    model.compacted = index
    await store.compact(index)
  } else if (step.type === 'reset') {
    model.compacted = last + step.ahead
    model.entries = []
    await store.reset(model.compacted)
  }
}

function expectSame(recovered: RecoveredLog, model: Model): void {
  expect(plain(recovered.entries)).toEqual(plain(model.entries))
  expect(recovered.compacted).toBe(model.compacted)
  expect(recovered.hardState).toEqual(model.hardState ?? { term: 0, vote: '', commit: 0 })
}
