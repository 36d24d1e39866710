import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Key } from '../../src/base/key.ts'
import { OrderedMap } from '../../src/base/ordered-map.ts'

interface Item {
  readonly live: boolean
  readonly stamp: number
}

const MEASURE = { live: (item: Item) => item.live, stamp: (item: Item) => item.stamp }

/** The model: a plain Map, sorted when asked. */
class Model {
  readonly items = new Map<Key, Item>()

  entries(start?: Key, end?: Key): [Key, Item][] {
    return [...this.items]
      .filter(([key]) => (start === undefined || start <= key) && (end === undefined || key < end))
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }
}

function entriesOf(map: OrderedMap<Item>, start?: Key, end?: Key, stamp?: number): [Key, Item][] {
  const entries: [Key, Item][] = []
  map.ascend(start, end, (key, item) => entries.push([key, item]) > 0, stamp)
  return entries
}

const anyKey = fc
  .oneof(
    fc.nat(400).map((n) => String(n).padStart(3, '0')),
    fc.string({ maxLength: 3 }),
  )
  .map((key) => key as Key)

const anyBound = fc.option(anyKey, { nil: undefined })

/** Runs of neighbouring keys make and empty whole nodes, which single keys seldom do. */
const anyOperation = fc.oneof(
  fc.record({ type: fc.constant('set'), key: anyKey, live: fc.boolean() }),
  fc.record({ type: fc.constant('delete'), key: anyKey }),
  fc.record({ type: fc.constant('set-run'), from: fc.nat(9999), count: fc.nat(900) }),
  fc.record({ type: fc.constant('delete-run'), from: fc.nat(9999), count: fc.nat(900) }),
)

function runKeys(from: number, count: number): Key[] {
  return Array.from({ length: count }, (_, i) => `r${String(from + i).padStart(5, '0')}` as Key)
}

interface Operation {
  readonly type: string
  readonly key?: Key
  readonly live?: boolean
  readonly from?: number
  readonly count?: number
}

function apply(operation: Operation, map: OrderedMap<Item>, model: Model, stamp: number): void {
  const single = operation.key === undefined ? [] : [operation.key]
  const keys = operation.from === undefined ? single : runKeys(operation.from, operation.count ?? 0)
  for (const key of keys) {
    if (operation.type.startsWith('set')) {
      const item = { live: operation.live ?? stamp % 3 !== 0, stamp }
      map.set(key, item)
      model.items.set(key, item)
    } else {
      expect(map.delete(key)).toBe(model.items.delete(key))
    }
  }
}

describe('OrderedMap', () => {
  it('holds what a sorted array holds, with exact aggregates, after any operations', () => {
    fc.assert(
      fc.property(
        fc.array(anyOperation, { maxLength: 40, size: 'max' }),
        anyBound,
        anyBound,
        (operations, start, end) => {
          const map = new OrderedMap<Item>(MEASURE)
          const model = new Model()
          operations.forEach((operation, stamp) => apply(operation, map, model, stamp))
          map.verify()
          expect(map.size).toBe(model.items.size)
          expect(map.liveCount).toBe(model.entries().filter(([, item]) => item.live).length)
          expect(entriesOf(map)).toEqual(model.entries())
          expect(entriesOf(map, start, end)).toEqual(
            end !== undefined && start !== undefined && end <= start
              ? []
              : model.entries(start, end),
          )
          for (const [key, item] of model.items) expect(map.get(key)).toBe(item)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('counts what is live at a stamp, asking only values of subtrees modified since', () => {
    fc.assert(
      fc.property(
        fc.array(anyOperation, { maxLength: 30, size: 'max' }),
        fc.nat(30),
        anyBound,
        anyBound,
        (operations, stamp, start, end) => {
          const map = new OrderedMap<Item>(MEASURE)
          const model = new Model()
          operations.forEach((operation, i) => apply(operation, map, model, i))
          // Live at a stamp here: live, and not modified after it.
          const liveAt = (item: Item, at: number): boolean => item.live && item.stamp <= at
          const expected = model.entries(start, end).filter(([, item]) => liveAt(item, stamp))
          const isEmpty = start !== undefined && end !== undefined && end <= start
          if (!isEmpty) expect(map.countLive(start, end, stamp, liveAt)).toBe(expected.length)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('passes over subtrees without live values unmodified since a stamp, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(anyOperation, { maxLength: 30, size: 'max' }),
        fc.nat(30),
        (operations, stamp) => {
          const map = new OrderedMap<Item>(MEASURE)
          const model = new Model()
          operations.forEach((operation, i) => apply(operation, map, model, i))
          const seen = new Set(entriesOf(map, undefined, undefined, stamp).map(([key]) => key))
          for (const [key, item] of model.items) {
            if (item.live || item.stamp > stamp) expect(seen.has(key)).toBe(true)
          }
        },
      ),
      { numRuns: 60 },
    )
    const map = new OrderedMap<Item>(MEASURE)
    for (const key of runKeys(0, 1000)) map.set(key, { live: false, stamp: 5 })
    expect(entriesOf(map, undefined, undefined, 5)).toEqual([])
    expect(entriesOf(map, undefined, undefined, 4)).toHaveLength(1000)
  })

  it('stays valid while it is emptied from either end and from the middle', () => {
    for (const order of ['up', 'down', 'middle'] as const) {
      const map = new OrderedMap<Item>(MEASURE)
      const keys = runKeys(0, 6000)
      for (const key of keys) map.set(key, { live: true, stamp: 1 })
      const sorted = order === 'up' ? keys : order === 'down' ? keys.toReversed() : shuffled(keys)
      sorted.forEach((key, i) => {
        expect(map.delete(key)).toBe(true)
        if (i % 997 === 0) map.verify()
      })
      expect(map.size).toBe(0)
      map.verify()
      map.set('a' as Key, { live: true, stamp: 2 })
      expect(entriesOf(map)).toHaveLength(1)
    }
  })

  it('stays valid while runs of keys of a deep tree go and come back', () => {
    const map = new OrderedMap<Item>(MEASURE)
    for (const key of runKeys(0, 30_000)) map.set(key, { live: true, stamp: 0 })
    let state = 1
    const below = (bound: number): number => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
      return (state >>> 8) % bound
    }
    let size = 30_000
    for (let stamp = 1; stamp <= 60; stamp++) {
      for (const key of runKeys(below(30_000), below(5000))) if (map.delete(key)) size--
      map.verify()
      for (const key of runKeys(below(30_000), below(1500))) {
        if (map.get(key) === undefined) size++
        map.set(key, { live: stamp % 2 === 0, stamp })
        expect(map.get(key)?.stamp).toBe(stamp)
      }
      map.verify()
      expect(map.size).toBe(size)
    }
  })

  it('stops a visit where the visitor says so', () => {
    const map = new OrderedMap<Item>(MEASURE)
    for (const key of runKeys(0, 500)) map.set(key, { live: true, stamp: 1 })
    const seen: Key[] = []
    map.ascend(undefined, undefined, (key) => seen.push(key) < 200)
    expect(seen).toEqual(runKeys(0, 200))
  })
})

/** A fixed permutation. */
function shuffled(keys: readonly Key[]): Key[] {
  return keys.map((_, i) => keys[(i * 2477) % keys.length]!)
}
