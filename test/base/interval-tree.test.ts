import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IntervalTree } from '../../src/base/interval-tree.ts'
import type { Key } from '../../src/base/key.ts'

interface Interval {
  readonly start: Key
  readonly end: Key | undefined
  readonly value: number
}

const anyKey = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'd'),
  maxLength: 3,
}) as fc.Arbitrary<Key>
const anyInterval: fc.Arbitrary<Interval> = fc.record({
  start: anyKey,
  end: fc.option(anyKey, { nil: undefined }),
  value: fc.nat(3),
})
const anyCommand = fc.record({ adds: fc.nat(2).map((n) => n > 0), interval: anyInterval })

const ascending = (a: number, b: number): number => a - b
const nameOf = ({ start, end, value }: Interval): string => JSON.stringify([start, end, value])

test('a tree finds the values that a list of all intervals finds, after any adds and deletes', () => {
  fc.assert(
    fc.property(
      fc.array(anyCommand, { maxLength: 80, size: 'max' }),
      fc.array(anyKey, { minLength: 5 }),
      (commands, keys) => {
        const tree = new IntervalTree<number>()
        const list = new Map<string, Interval>()
        for (const { adds, interval } of commands) {
          const { start, end, value } = interval
          const isKnown = list.has(nameOf(interval))
          if (adds) {
            expect(tree.add(start, end, value)).toBe(!isKnown)
            list.set(nameOf(interval), interval)
          } else {
            expect(tree.delete(start, end, value)).toBe(isKnown)
            list.delete(nameOf(interval))
          }
          expect(tree.size).toBe(list.size)
          // Knuth, volume 3, 6.2.3: the height of a balanced tree.
          const nodes = new Set([...list.values()].map(({ start, end }) => `${start},${end}`)).size
          expect(tree.height).toBeLessThanOrEqual(1.4405 * Math.log2(nodes + 2))
        }
        for (const key of keys) {
          const found: number[] = []
          tree.collect(key, found)
          const expected = [...list.values()]
            .filter(({ start, end }) => start <= key && (end === undefined || key < end))
            .map(({ value }) => value)
          expect(found.toSorted(ascending)).toEqual(expected.toSorted(ascending))
        }
      },
    ),
    { numRuns: 2000 },
  )
})

test('ten thousand intervals added in order make a tree of at most 20 levels, and vanish again', () => {
  const tree = new IntervalTree<number>()
  const keyOf = (i: number): Key => String(i).padStart(6, '0') as Key
  for (let i = 0; i < 10_000; i++) tree.add(keyOf(i), keyOf(i + 5), i)
  expect(tree.height).toBeLessThanOrEqual(20)
  const found: number[] = []
  tree.collect(keyOf(5000), found)
  expect(found).toEqual([4996, 4997, 4998, 4999, 5000])
  for (let i = 0; i < 10_000; i += 2) tree.delete(keyOf(i), keyOf(i + 5), i)
  expect(tree.height).toBeLessThanOrEqual(18)
  for (let i = 1; i < 10_000; i += 2) tree.delete(keyOf(i), keyOf(i + 5), i)
  expect([tree.size, tree.height]).toEqual([0, 0])
})
