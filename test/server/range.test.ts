import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'

import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { applyDeleteRange, applyPut } from '../../src/server/apply-txn.ts'
import { executeRange, RangeExecution } from '../../src/server/range.ts'
import { Model, type ModelRange } from './model.ts'
import {
  arbitraryDelete,
  arbitraryPut,
  arbitraryRange,
  LEASES,
  resolve,
} from './support/arbitrary-requests.ts'
import { MemoryKv } from './support/memory-kv.ts'
import { plainRange } from './support/plain.ts'
import { bytes, k, putRequest, rangeRequest } from './support/requests.ts'

const history = fc.array(
  fc.oneof({ weight: 4, arbitrary: arbitraryPut }, { weight: 1, arbitrary: arbitraryDelete }),
  { minLength: 5, maxLength: 25 },
)
const writes = fc.array(arbitraryPut, { maxLength: 12 })
const slices = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 6 })

describe('against the model', () => {
  test('a pinned range in slices is the range as it was at its start, whatever happens between', () => {
    fc.assert(
      fc.property(history, arbitraryRange, writes, slices, (past, range, later, sizes) => {
        const { kv, model } = written(past)
        const request = resolve(range, { current: model.revision, compacted: model.compacted })
        const checked = kv.store.checkRevision(request.revision)
        fc.pre(checked.ok)
        const expected = model.rangeAt(request, checked.revision)
        const pin = kv.store.pin(checked.revision)
        const execution = new RangeExecution(kv.store, request, checked.revision)
        runDisturbed(kv, execution, later, sizes)
        expect(plainRange(execution.result())).toEqual(expected)
        pin.release()
      }),
      { numRuns: 1000 },
    )
  })
})

function written(past: readonly (PutRequest | DeleteRangeRequest)[]): {
  kv: MemoryKv
  model: Model
} {
  const kv = new MemoryKv(LEASES)
  const model = new Model(LEASES)
  for (const request of past) {
    if ('value' in request) {
      applyPut(kv, request)
      model.put(request)
    } else {
      applyDeleteRange(kv, request)
      model.deleteRange(request)
    }
  }
  return { kv, model }
}

/** Between two slices: a put, a compaction to the newest revision, and a try to cut it. */
function runDisturbed(
  kv: MemoryKv,
  execution: RangeExecution,
  later: readonly PutRequest[],
  sizes: readonly number[],
): void {
  let turn = 0
  while (!execution.step(sizes[turn % sizes.length] ?? 1)) {
    const put = later[turn++]
    if (put === undefined) continue
    applyPut(kv, put)
    kv.store.markCompacted(kv.store.currentRevision)
    kv.store.compaction()?.step(2)
  }
}

describe('the options', () => {
  const KEYS = ['a', 'b', 'c', 'd', 'e']

  /** Keys a..e at revisions 2..6 with values e..a; then b and d are put again at 7 and 8. */
  function sample(): MemoryKv {
    const kv = new MemoryKv([1n])
    for (const [i, key] of KEYS.entries()) {
      const value = bytes(KEYS[KEYS.length - 1 - i] ?? '')
      applyPut(kv, putRequest({ key: k(key), value, lease: 1n }))
    }
    for (const key of ['b', 'd']) applyPut(kv, putRequest({ key: k(key), value: bytes('~') }))
    return kv
  }

  function all(fields: Partial<RangeRequest>): ModelRange {
    const { store } = sample()
    const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), ...fields })
    return plainRange(executeRange(store, request, store.currentRevision))
  }

  const keys = (result: ModelRange): string => result.kvs.map(({ key }) => key).join('')

  test.each<[string, Partial<RangeRequest>, string]>([
    ['no order is key order', {}, 'abcde'],
    ['descending keys', { sortOrder: 2 }, 'edcba'],
    ['ascending versions, ties in key order', { sortOrder: 1, sortTarget: 1 }, 'acebd'],
    ['descending versions, ties in key order', { sortOrder: 2, sortTarget: 1 }, 'bdace'],
    ['ascending creation', { sortOrder: 1, sortTarget: 2 }, 'abcde'],
    ['descending modification', { sortOrder: 2, sortTarget: 3 }, 'dbeca'],
    ['ascending values', { sortOrder: 1, sortTarget: 4 }, 'ecabd'],
    ['a target without an order is ascending', { sortTarget: 4 }, 'ecabd'],
    ['minimal modification revision', { minModRevision: 6 }, 'bde'],
    ['maximal modification revision', { maxModRevision: 6 }, 'ace'],
    ['minimal creation revision', { minCreateRevision: 4 }, 'cde'],
    ['maximal creation revision', { maxCreateRevision: 4 }, 'abc'],
  ])('%s', (_claim, fields, expected) => {
    expect(keys(all(fields))).toBe(expected)
  })

  test('an order looks at all keys before the limit, no order only at one key more', () => {
    const limited = { limit: 2, sortTarget: 4 }
    expect(keys(all({ ...limited, sortOrder: 1 }))).toBe('ec')
    expect(keys(all({ ...limited, sortOrder: 0 }))).toBe('ca')
  })

  test('a filter has all keys looked at, too', () => {
    expect(keys(all({ limit: 2, sortTarget: 4, minModRevision: 2 }))).toBe('ec')
  })

  test.each([
    [4, true],
    [5, false],
    [6, false],
    [0, false],
    [-1, false],
  ])('a limit of %i leaves more: %s', (limit, more) => {
    const result = all({ limit })
    expect(result).toMatchObject({ more, count: 5 })
    expect(result.kvs).toHaveLength(limit === 4 ? 4 : 5)
  })

  test('`more` speaks of what the filters let through, `count` of all keys', () => {
    expect(all({ limit: 3, maxModRevision: 6 })).toMatchObject({ more: false, count: 5 })
    expect(all({ limit: 2, maxModRevision: 6 })).toMatchObject({ more: true, count: 5 })
  })

  test('count_only counts everything, whatever limit and filters say', () => {
    const fields = { countOnly: true, limit: 1, minModRevision: 8 }
    expect(all(fields)).toEqual({ kvs: [], more: false, count: 5 })
  })

  test('keys_only takes the value away and keeps the lease', () => {
    expect(all({ keysOnly: true, limit: 1 }).kvs).toEqual([
      { key: 'a', value: '', create: 2, mod: 2, version: 1, lease: 1n },
    ])
  })
})

test('a step works on no more keys than it may', () => {
  const kv = new MemoryKv()
  for (let i = 0; i < 20; i++) applyPut(kv, putRequest({ key: k(`k${10 + i}`) }))
  const { store } = kv
  const looked = vi.spyOn(store, 'versionsAt')
  const read = vi.spyOn(store, 'record')
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), sortOrder: 2 })
  const execution = new RangeExecution(store, request, store.currentRevision)
  for (let done = false; !done;) {
    read.mockClear()
    done = execution.step(3)
    expect(read.mock.calls.length).toBeLessThanOrEqual(3)
  }
  expect(Math.max(...looked.mock.calls.map(([, , , max]) => max))).toBe(3)
  expect(execution.result().kvs).toHaveLength(20)
})

test('a step ends early when the records are long', () => {
  const kv = new MemoryKv()
  const value = Buffer.alloc(400 * 1024)
  for (let i = 0; i < 10; i++) applyPut(kv, putRequest({ key: k(`k${i}`), value }))
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
  const execution = new RangeExecution(kv.store, request, kv.store.currentRevision)
  let steps = 1
  while (!execution.step(100)) steps++
  expect(steps).toBe(4)
  expect(execution.result().kvs).toHaveLength(10)
})
