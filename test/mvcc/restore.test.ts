import { describe, expect, it } from 'vitest'

import { keyFromText } from '../../src/base/key.ts'
import { encodeKeyValue, encodeTombstone } from '../../src/mvcc/kv.ts'
import { encodeRevision } from '../../src/mvcc/revision.ts'
import { Store } from '../../src/mvcc/store.ts'
import { MemoryBackend } from '../support/memory-backend.ts'

const KEY = keyFromText('k')

function addPut(backend: MemoryBackend, main: number, createRevision: number): void {
  const version = main - createRevision + 1
  const kv = { key: KEY, createRevision, modRevision: main, version, value: Buffer.from('v') }
  backend.put(encodeRevision({ main, sub: 0 }), encodeKeyValue({ ...kv, lease: 0n }))
}

function addTombstone(backend: MemoryBackend, main: number): void {
  backend.put(encodeRevision({ main, sub: 0 }, true), encodeTombstone(KEY))
}

describe('restore of a cut that a crash interrupted', () => {
  it('keeps the tombstone of a put it deletes until that delete is durable', async () => {
    const backend = new MemoryBackend()
    addPut(backend, 2, 2)
    addTombstone(backend, 3)
    const marks = { revision: 4, compactedRevision: 4, finishedCompactRevision: -1 }
    const store = await Store.restore(backend, marks)
    const rest = store.compaction()!
    expect(rest.step(9)).toBe('barrier')
    expect(backend.get(encodeRevision({ main: 2, sub: 0 }))).toBeUndefined()
    expect(backend.get(encodeRevision({ main: 3, sub: 0 }, true))).toBeDefined()

    // A second crash undoes the delete of the put; the key is still dead.
    const undone = backend.copy()
    addPut(undone, 2, 2)
    expect((await Store.restore(undone, marks)).keyCount).toBe(0)

    rest.barrierPassed()
    while (rest.step(9) === 'progress');
    expect(backend.size).toBe(0)
    expect(store.finishedCompactRevision).toBe(4)
  })

  it('keeps a tombstone at the compacted revision though one right before it has to go', async () => {
    const backend = new MemoryBackend()
    addTombstone(backend, 3)
    // The put between them was already deleted.
    addTombstone(backend, 5)
    const marks = { revision: 5, compactedRevision: 5, finishedCompactRevision: -1 }
    const store = await Store.restore(backend, marks)
    expect(store.index.dump()).toEqual([
      { key: KEY, entries: [{ main: 5, sub: 0, version: 0, created: 0 }] },
    ])
  })

  it('joins a put kept at the compacted revision with what follows it', async () => {
    const backend = new MemoryBackend()
    for (const main of [5, 6, 8, 9, 10]) addPut(backend, main, 4)
    const marks = { revision: 9, compactedRevision: 8, finishedCompactRevision: -1 }
    const store = await Store.restore(backend, marks)
    expect(store.versionAt(KEY, 9)).toMatchObject({ createRevision: 4, version: 6 })
    expect(backend.size).toBe(2)
  })
})
