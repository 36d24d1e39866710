import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { Heap, type HeapItem } from '../../src/base/heap.ts'

const newItem = (rank: number): HeapItem => ({ rank, slot: -1 })

type Step =
  | { readonly type: 'push'; readonly rank: number }
  | { readonly type: 'pop' }
  | { readonly type: 'remove'; readonly which: number }
  | { readonly type: 'setRank'; readonly which: number; readonly rank: number }

const rank = fc.integer({ min: 0, max: 20 })
const which = fc.nat(1000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('push' as const), rank }) },
  { weight: 1, arbitrary: fc.constant({ type: 'pop' as const }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('remove' as const), which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('setRank' as const), which, rank }) },
)

describe('Heap', () => {
  test('its first item is one of the lowest rank, after any pushes, removals and moves', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
        const heap = new Heap()
        const model = new Set<HeapItem>()
        for (const one of steps) {
          perform(heap, model, one)
          const lowest = Math.min(...[...model].map((item) => item.rank))
          expect(heap.size).toBe(model.size)
          expect(heap.first?.rank ?? Infinity).toBe(lowest)
          for (const item of model) expect(heap.has(item)).toBe(true)
        }
      }),
    )
  })

  test('gives its items in the order of their ranks', () => {
    const heap = new Heap()
    const ranks = [5, 3, 9, 1, 7, 3, 8, 2, 6, 4]
    for (const one of ranks) heap.push(newItem(one))
    const given: number[] = []
    for (let item = heap.first; item !== undefined; item = heap.first) {
      given.push(item.rank)
      heap.remove(item)
    }
    expect(given).toEqual([...ranks].sort((a, b) => a - b))
  })

  test('an item that is out may go in again; one that is in, or of another heap, may not', () => {
    const heap = new Heap()
    const item = newItem(1)
    heap.push(item)
    expect(() => heap.push(item)).toThrow(AssertionError)
    const other = new Heap()
    other.push(newItem(2))
    expect(other.has(item)).toBe(false)
    expect(() => other.remove(item)).toThrow(AssertionError)
    heap.clear()
    expect(heap.has(item)).toBe(false)
    heap.push(item)
    expect(heap.first).toBe(item)
  })
})

function perform(heap: Heap<HeapItem>, model: Set<HeapItem>, one: Step): void {
  if (one.type === 'push') {
    const item = newItem(one.rank)
    heap.push(item)
    model.add(item)
    return
  }
  const item = one.type === 'pop' ? heap.first : [...model][one.which % model.size]
  if (item === undefined) return
  if (one.type === 'setRank') {
    heap.setRank(item, one.rank)
    return
  }
  heap.remove(item)
  model.delete(item)
}
