import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { MemoryStateDisk, openMemoryStateStore } from '../../src/storage/memory-state-store.ts'
import type { StateStore } from '../../src/storage/ports.ts'
import { bytes, mustOpenState, temporaryDirectory } from '../support/storage.ts'

interface Opened {
  readonly store: StateStore
  readonly checkpoint: Uint8Array | undefined
}

type Place = () => Promise<Opened>

const places: Readonly<Record<string, () => Promise<Place>>> = {
  memory: async () => {
    const disk = new MemoryStateDisk()
    return async () => openMemoryStateStore(disk)
  },
  LevelDB: async () => {
    const directory = await temporaryDirectory()
    return () => mustOpenState(directory)
  },
}

async function scanned(store: StateStore, start: string, end: string): Promise<[string, string][]> {
  const records: [string, string][] = []
  for await (const batch of store.scan(bytes(start), bytes(end))) {
    for (const { key, value } of batch) records.push([text(key), text(value)])
  }
  return records
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
        await store.close()
      }),
      { numRuns: 60 },
    )
  })
})

const key = fc.constantFrom('', 'a', 'ab', 'b', '\0', '\x80', '\xff')
const step = fc.tuple(
  fc.constantFrom('put', 'put', 'put', 'delete', 'delete', 'flush', 'reopen'),
  key,
  fc.string({ maxLength: 5 }).map((value) => Buffer.from(value).toString('latin1')),
)
