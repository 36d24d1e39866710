import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { REAL_FILES } from '../../src/storage/files.ts'
import { MemoryStateDisk, openMemoryStateStore } from '../../src/storage/memory-state-store.ts'
import type { BackendRecord } from '../../src/base/ports.ts'
import type { StagedState, StateStore } from '../../src/storage/ports.ts'
import { StagingError, ViewEndedError } from '../../src/storage/transfer-errors.ts'
import { THREADLESS } from '../support/slice-threads.ts'
import { bytes, mustOpenState, temporaryDirectory } from '../support/storage.ts'

interface Opened {
  readonly store: StateStore
  readonly checkpoint: Uint8Array | undefined
}

type Place = () => Promise<Opened>

const MAX_PENDING_BYTES = 256 * 1024

const places: Readonly<Record<string, () => Promise<Place>>> = {
  memory: async () => {
    const disk = new MemoryStateDisk()
    return async () => openMemoryStateStore(disk)
  },
  LevelDB: async () => {
    const directory = await temporaryDirectory()
    return () => mustOpenState(directory)
  },
  'LevelDB, which threads read': async () => {
    const directory = await temporaryDirectory()
    return () => mustOpenState(directory, { ...REAL_FILES, threads: THREADLESS })
  },
}

async function readAll(store: StateStore): Promise<[string, string][]> {
  return viewed(store.readAll())
}

async function scanned(store: StateStore, start: string, end: string): Promise<[string, string][]> {
  const records: [string, string][] = []
  for await (const batch of store.scan(bytes(start), bytes(end))) {
    for (const { key, value } of batch) records.push([text(key), text(value)])
  }
  return records
}

async function viewed(view: AsyncIterable<readonly BackendRecord[]>): Promise<[string, string][]> {
  const records: [string, string][] = []
  for await (const batch of view) {
    expect(batch.length).toBeGreaterThan(0)
    for (const { key, value } of batch) records.push([text(key), text(value)])
  }
  return records
}

function records(...pairs: readonly (readonly [string, string])[]): BackendRecord[] {
  return pairs.map(([key, value]) => ({ key: bytes(key), value: bytes(value) }))
}

/** A staged state with these records, ready to be installed. */
async function ready(
  store: StateStore,
  checkpoint: string,
  ...pairs: readonly (readonly [string, string])[]
): Promise<StagedState> {
  const staged = await store.stage()
  await staged.write(records(...pairs))
  await staged.finish(bytes(checkpoint))
  return staged
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1')
}

describe.each(Object.entries(places))('the state store on %s', (_name, newPlace) => {
  test('a write is read at once, after a flush and after a restart', async () => {
    const open = await newPlace()
    const { store, checkpoint } = await open()
    expect(checkpoint).toBeUndefined()
    store.put(bytes('a'), bytes('1'))
    store.put(bytes('\xff\0'), bytes(''))
    expect(text(store.get(bytes('a')) ?? bytes('none'))).toBe('1')
    await store.flush()
    expect(text(store.get(bytes('a')) ?? bytes('none'))).toBe('1')
    expect(store.get(bytes('\xff\0'))).toHaveLength(0)
    expect(store.get(bytes('b'))).toBeUndefined()
    await store.close()
    const again = await open()
    expect(text(again.store.get(bytes('a')) ?? bytes('none'))).toBe('1')
    await again.store.close()
  })

  test('a delete hides a record that is buffered, flushed or absent', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('a'), bytes('1'))
    store.delete(bytes('a'))
    expect(store.get(bytes('a'))).toBeUndefined()
    store.put(bytes('b'), bytes('1'))
    await store.flush()
    store.delete(bytes('b'))
    store.delete(bytes('c'))
    expect(store.get(bytes('b'))).toBeUndefined()
    store.put(bytes('b'), bytes('2'))
    await store.flush()
    expect(await scanned(store, '', '\xff')).toEqual([['b', '2']])
    await store.close()
  })

  test('a scan gives its range in byte order, with writes made just before', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (const key of ['b', '\x80', 'a', 'a\0', 'c', '\xff']) store.put(bytes(key), bytes(key))
    expect((await scanned(store, 'a', 'c')).map(([key]) => key)).toEqual(['a', 'a\0', 'b'])
    expect((await scanned(store, '', '\xff')).map(([key]) => key)).toEqual([
      'a',
      'a\0',
      'b',
      'c',
      '\x80',
    ])
    await store.close()
  })

  test('a scan does not see what is written after its first batch', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (let i = 0; i < 5000; i++) store.put(bytes(String(i).padStart(6, '0')), bytes('old'))
    const keys: string[] = []
    for await (const batch of store.scan(bytes(''), bytes('\xff'))) {
      if (keys.length === 0) {
        for (let i = 0; i < 5000; i++) store.delete(bytes(String(i).padStart(6, '0')))
        await store.flush()
      }
      keys.push(...batch.map(({ key }) => text(key)))
    }
    expect(keys).toHaveLength(5000)
    expect(await scanned(store, '', '\xff')).toEqual([])
    await store.close()
  })

  test('all records are read in byte order, with writes made just before', async () => {
    const open = await newPlace()
    const { store } = await open()
    expect(await readAll(store)).toEqual([])
    const keys = ['', '\0', 'a', 'a\0', 'b', '\x80', '\xff'.repeat(9), '\xff'.repeat(10)]
    for (const key of keys.toReversed()) store.put(bytes(key), bytes(`of ${key}`))
    const all = keys.map((key) => [key, `of ${key}`])
    expect(await readAll(store)).toEqual(all)
    await store.saveCheckpoint(bytes('saved'))
    expect(await readAll(store)).toEqual(all)
    await store.close()
    const again = await open()
    expect(await readAll(again.store)).toEqual(all)
    await again.store.close()
  })

  test('records that were given are deleted while others are read', async () => {
    const open = await newPlace()
    const first = await open()
    const keys = Array.from({ length: 5000 }, (_, i) => String(i).padStart(6, '0'))
    for (const key of keys) first.store.put(bytes(key), bytes(key))
    await first.store.close()
    const { store } = await open()
    const given: string[] = []
    for await (const batch of store.readAll()) {
      for (const { key } of batch) {
        given.push(text(key))
        store.delete(key)
      }
    }
    expect(given).toEqual(keys)
    expect(await readAll(store)).toEqual([])
    await store.close()
  })

  test('reading all is left early, or ends with the store', async () => {
    const open = await newPlace()
    const first = await open()
    for (let i = 0; i < 5000; i++) first.store.put(bytes(`key ${i}`), bytes('value'))
    await first.store.close()
    const { store } = await open()
    for await (const batch of store.readAll()) if (batch.length > 0) break
    const reading = store.readAll()[Symbol.asyncIterator]()
    expect((await reading.next()).done).toBe(false)
    await store.close()
    await expect(reading.next()).rejects.toThrow(ViewEndedError)
    const again = await open()
    expect(await readAll(again.store)).toHaveLength(5000)
    await again.store.close()
  })

  test('the newest checkpoint comes back after a restart', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('a'), bytes('1'))
    await store.saveCheckpoint(bytes('first'))
    await store.saveCheckpoint(bytes('second'))
    await store.close()
    const again = await open()
    expect(text(again.checkpoint ?? bytes('none'))).toBe('second')
    await again.store.saveCheckpoint(bytes(''))
    await again.store.close()
    const third = await open()
    expect(third.checkpoint).toHaveLength(0)
    expect(await scanned(third.store, '', '\xff')).toEqual([['a', '1']])
    await third.store.close()
  })

  test('bytes in use follow puts, overwrites in the buffer and deletes', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('key'), bytes('12345'))
    store.put(bytes('key'), bytes('1'))
    store.put(bytes('gone'), bytes('123'))
    expect(store.bytesInUse).toBe(4 + 7)
    await store.flush()
    store.delete(bytes('gone'))
    store.delete(bytes('gone'))
    store.delete(bytes('never'))
    expect(store.bytesInUse).toBe(4)
    store.setBytesInUse(100)
    store.put(bytes('a'), bytes('b'))
    expect(store.bytesInUse).toBe(102)
    await store.close()
  })

  test('defragment and the size on disk work beside writes', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (let i = 0; i < 3000; i++) store.put(bytes(`key ${i}`), Buffer.alloc(100, i))
    const defragmented = store.defragment()
    store.put(bytes('late'), bytes('x'))
    await defragmented
    expect(await store.diskBytes()).toBeGreaterThan(0)
    expect(await scanned(store, '', '\xff')).toHaveLength(3001)
    await store.close()
  })

  test('an export gives all records in order, with what was written just before', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (const key of ['b', '\xff\xff', 'a', '', '\0']) store.put(bytes(key), bytes(`<${key}>`))
    await store.saveCheckpoint(bytes('not a record'))
    store.put(bytes('c'), bytes('<c>'))
    store.delete(bytes('b'))
    const keys = ['', '\0', 'a', 'c', '\xff\xff']
    expect(await viewed(await store.exportRecords())).toEqual(keys.map((key) => [key, `<${key}>`]))
    await store.close()
  })

  test('an export does not change with later writes, deletes and flushes', async () => {
    const open = await newPlace()
    const { store } = await open()
    const name = (i: number): string => String(i).padStart(6, '0')
    for (let i = 0; i < 3000; i++) store.put(bytes(name(i)), bytes('old'))
    const view = await store.exportRecords()
    for (let i = 0; i < 3000; i++) store.delete(bytes(name(i)))
    store.put(bytes('new'), bytes('new'))
    await store.saveCheckpoint(bytes('checkpoint'))
    await store.defragment()
    const found = await viewed(view)
    expect(found).toHaveLength(3000)
    expect(found[2999]).toEqual([name(2999), 'old'])
    await store.close()
  })

  test('an export has exactly the writes from before the call, however they come', async () => {
    const open = await newPlace()
    const { store } = await open()
    const model = new Map<string, string>()
    let count = 0
    let isOver = false
    const write = (): void => {
      const key = `key ${(count * 7) % 50}`
      if (count % 5 === 3) store.delete(bytes(key))
      else store.put(bytes(key), bytes(String(count)))
      if (count % 5 === 3) model.delete(key)
      else model.set(key, String(count))
      count++
    }
    const writing = (async () => {
      while (!isOver) {
        // As the proposer does: without a limit, what a slow disk leaves behind fills the memory.
        if (store.pendingBytes < MAX_PENDING_BYTES) for (let i = 0; i < 40; i++) write()
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let round = 0; round < 50; round++) {
      if (round % 3 === 0) await store.flush()
      for (let i = 0; i < round; i++) write()
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
      const exported = store.exportRecords()
      write()
      expect(await viewed(await exported)).toEqual(expected)
      for (let turn = 0; turn < round % 7; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await store.saveCheckpoint(bytes('while writes go on'))
    isOver = true
    await writing
    await store.close()
  })

  test('a view ends unread, half read, and with its store', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (let i = 0; i < 3000; i++) store.put(bytes(`key ${i}`), bytes('value'))
    const unread = await store.exportRecords()
    await unread.close()
    await unread.close()
    expect(await viewed(unread)).toEqual([])
    const left = await store.exportRecords()
    for await (const batch of left) {
      expect(batch.length).toBeLessThan(3000)
      break
    }
    expect(await viewed(left)).toEqual([])
    const reading = (await store.exportRecords())[Symbol.asyncIterator]()
    expect(await reading.next()).toMatchObject({ done: false })
    const abandoned = await store.exportRecords()
    await store.close()
    await expect(reading.next()).rejects.toThrow(ViewEndedError)
    await expect(viewed(abandoned)).rejects.toThrow(ViewEndedError)
  })

  test('an installed state replaces records and checkpoint, at once and after a restart', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('old'), bytes('1'))
    store.put(bytes('both'), bytes('1'))
    await store.saveCheckpoint(bytes('old checkpoint'))
    store.put(bytes('never flushed'), bytes('1'))
    await store.install(await ready(store, 'new checkpoint', ['both', '2'], ['new', '2']))
    expect(store.bytesInUse).toBe(0)
    expect(store.pendingBytes).toBe(0)
    expect(store.get(bytes('old'))).toBeUndefined()
    expect(store.get(bytes('never flushed'))).toBeUndefined()
    expect(await scanned(store, '', '\xff')).toEqual([
      ['both', '2'],
      ['new', '2'],
    ])
    store.put(bytes('later'), bytes('3'))
    await store.close()
    const again = await open()
    expect(text(again.checkpoint ?? bytes('none'))).toBe('new checkpoint')
    expect((await scanned(again.store, '', '\xff')).map(([key]) => key)).toEqual([
      'both',
      'later',
      'new',
    ])
    await again.store.saveCheckpoint(bytes('third'))
    await again.store.close()
    const third = await open()
    expect(text(third.checkpoint ?? bytes('none'))).toBe('third')
    await third.store.close()
  })

  test('states are installed one after the other, an empty one too', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (const round of ['1', '2', '3']) {
      await store.install(await ready(store, round, ['key', round], [`only ${round}`, round]))
      expect(await readAll(store)).toEqual([
        ['key', round],
        [`only ${round}`, round],
      ])
      await store.saveCheckpoint(bytes(`${round} saved`))
    }
    await store.install(await ready(store, 'empty'))
    await store.close()
    const again = await open()
    expect(text(again.checkpoint ?? bytes('none'))).toBe('empty')
    expect(await scanned(again.store, '', '\xff')).toEqual([])
    await again.store.close()
  })

  test('the store lives on while a state is gathered, and when it is given up', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('a'), bytes('1'))
    const unwritten = await store.stage()
    await unwritten.abort()
    const written = await store.stage()
    await written.write(records(['a', 'other'], ['b', 'other']))
    store.put(bytes('c'), bytes('1'))
    await store.saveCheckpoint(bytes('kept'))
    await written.abort()
    await written.abort()
    await expect(written.write(records(['c', 'other']))).rejects.toThrow(StagingError)
    await expect(written.finish(bytes('other'))).rejects.toThrow(StagingError)
    await (await ready(store, 'other', ['a', 'other'])).abort()
    const cut = await store.stage()
    const writing = cut.write(records(['a', 'other']))
    const finishing = cut.finish(bytes('other'))
    const outcomes = Promise.allSettled([writing, finishing])
    await cut.abort()
    expect((await outcomes).at(-1)).toMatchObject({ status: 'rejected' })
    expect(await scanned(store, '', '\xff')).toEqual([
      ['a', '1'],
      ['c', '1'],
    ])
    await store.install(await ready(store, 'wanted', ['a', 'new']))
    await store.close()
    const again = await open()
    expect(text(again.checkpoint ?? bytes('none'))).toBe('wanted')
    await again.store.close()
  })

  test('a finished state that nobody installed is gone at the next one, and at a restart', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('a'), bytes('1'))
    const first = await ready(store, 'unwanted', ['a', 'unwanted'])
    const second = await store.stage()
    await expect(store.install(first)).rejects.toThrow('a staged state of this store')
    await second.finish(bytes('unwanted too'))
    await store.close()
    const again = await open()
    expect(again.checkpoint).toBeUndefined()
    expect(await scanned(again.store, '', '\xff')).toEqual([['a', '1']])
    await again.store.close()
  })

  test('a state is given up when the store is closed under it', async () => {
    const open = await newPlace()
    const { store } = await open()
    const staged = await store.stage()
    await staged.write(records(['a', 'other']))
    await store.close()
    await expect(staged.finish(bytes('other'))).rejects.toThrow(StagingError)
    await (await open()).store.close()
  })

  test('views end when a state is installed under them', async () => {
    const open = await newPlace()
    const { store } = await open()
    for (let i = 0; i < 3000; i++) store.put(bytes(`key ${i}`), bytes('value'))
    const reading = (await store.exportRecords())[Symbol.asyncIterator]()
    await reading.next()
    const unread = await store.exportRecords()
    await store.install(await ready(store, 'new', ['a', '1']))
    await expect(reading.next()).rejects.toThrow(ViewEndedError)
    await expect(viewed(unread)).rejects.toThrow(ViewEndedError)
    expect(await viewed(await store.exportRecords())).toEqual([['a', '1']])
    await store.close()
  })

  test('what an installation must not meet is an assertion', async () => {
    const open = await newPlace()
    const { store } = await open()
    store.put(bytes('a'), bytes('1'))
    const staged = await store.stage()
    await expect(store.stage()).rejects.toThrow('one state is staged at a time')
    await expect(store.install(staged)).rejects.toThrow('only a finished staged state')
    await staged.finish(bytes('new'))
    for (const batches of [store.scan(bytes(''), bytes('\xff')), store.readAll()]) {
      const scan = batches[Symbol.asyncIterator]()
      await scan.next()
      await expect(store.install(staged)).rejects.toThrow('no scan is under way')
      await scan.return?.()
    }
    const saving = store.saveCheckpoint(bytes('old'))
    await expect(store.install(staged)).rejects.toThrow('no checkpoint is saved')
    await saving
    const installing = store.install(staged)
    expect(() => store.get(bytes('a'))).toThrow('left alone')
    expect(() => store.put(bytes('a'), bytes('2'))).toThrow('left alone')
    expect(() => store.delete(bytes('a'))).toThrow('left alone')
    const refused = [
      scanned(store, '', '\xff'),
      readAll(store),
      store.exportRecords(),
      store.saveCheckpoint(bytes('old')),
      store.install(staged),
    ].map((call) => expect(call).rejects.toThrow('left alone'))
    expect(await store.diskBytes()).toBeGreaterThanOrEqual(0)
    await Promise.all(refused)
    await installing
    await expect(store.install(staged)).rejects.toThrow('only a finished staged state')
    expect(await scanned(store, '', '\xff')).toEqual([])
    await store.close()
  })

  test('random installations among writes, checkpoints and restarts match a map', async () => {
    const seen = { installed: 0, restarted: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(installStep, { maxLength: 30, size: 'max' }), async (steps) => {
        const place = await newPlace()
        let { store } = await place()
        let model = new Map<string, string>()
        let checkpoint: string | undefined
        let staged: StagedState | undefined
        let gathered = new Map<string, string>()
        for (const [type, key, value] of steps) {
          if (type === 'put') {
            store.put(bytes(key), bytes(value))
            model.set(key, value)
          } else if (type === 'checkpoint') {
            await store.saveCheckpoint(bytes(value))
            checkpoint = value
          } else if (type === 'gather') {
            if (staged === undefined) gathered = new Map()
            staged ??= await store.stage()
            if (gathered.has(key)) continue
            gathered.set(key, value)
            await staged.write(records([key, value]))
          } else if (type === 'abort') {
            await staged?.abort()
            staged = undefined
          } else if (type === 'install' && staged !== undefined) {
            await staged.finish(bytes(value))
            await store.install(staged)
            staged = undefined
            model = gathered
            checkpoint = value
            seen.installed++
          } else if (type === 'reopen') {
            await store.close()
            staged = undefined
            const opened = await place()
            store = opened.store
            const found = opened.checkpoint
            expect(found === undefined ? undefined : text(found)).toBe(checkpoint)
            seen.restarted++
          }
          const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
          expect(await viewed(await store.exportRecords())).toEqual(expected)
        }
        await store.close()
      }),
      { numRuns: 15 }, // each has dozens of syncs
    )
    expect(seen.installed).toBeGreaterThan(3)
    expect(seen.restarted).toBeGreaterThan(3)
  })

  test('random puts, deletes, flushes and restarts match a map', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const place = await newPlace()
        let { store } = await place()
        const model = new Map<string, string>()
        for (const [type, key, value] of steps) {
          if (type === 'put') {
            store.put(bytes(key), bytes(value))
            model.set(key, value)
          } else if (type === 'delete') {
            store.delete(bytes(key))
            model.delete(key)
          } else if (type === 'flush') {
            void store.flush()
          } else {
            await store.close()
            store = (await place()).store
          }
          const found = store.get(bytes(key))
          expect(found === undefined ? undefined : text(found)).toBe(model.get(key))
        }
        const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(await scanned(store, '', '\xff\xff')).toEqual(expected)
        expect(await readAll(store)).toEqual(expected)
        await store.close()
      }),
      { numRuns: 25 },
    )
  })
})

const key = fc.constantFrom('', 'a', 'ab', 'b', '\0', '\x80', '\xff')
const step = fc.tuple(
  fc.constantFrom('put', 'put', 'put', 'delete', 'delete', 'flush', 'reopen'),
  key,
  fc.string({ maxLength: 5 }).map((value) => Buffer.from(value).toString('latin1')),
)
const installStep = fc.tuple(
  fc.constantFrom(
    'put',
    'put',
    'checkpoint',
    'gather',
    'gather',
    'gather',
    'abort',
    'install',
    'install',
    'reopen',
  ),
  key,
  fc.string({ maxLength: 5 }).map((value) => Buffer.from(value).toString('latin1')),
)
