import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NumberMap } from '../../src/base/number-map.ts'

/** Few enough to be met again, some with the same home, some beyond 32 bits. */
const KEYS = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 8 }).map((n) => n * 2 ** 32),
  fc.integer({ min: 0, max: 8 }).map((n) => 2 ** 52 - n * 3),
)

const STEPS = fc.array(fc.tuple(fc.constantFrom('set', 'set', 'delete', 'get'), KEYS), {
  maxLength: 300,
  size: 'max',
})

describe('a map from numbers', () => {
  test('holds what a Map holds', () => {
    fc.assert(
      fc.property(STEPS, (steps) => {
        const map = new NumberMap<{ readonly key: number; readonly at: number }>()
        const model = new Map<number, { readonly key: number; readonly at: number }>()
        steps.forEach(([step, key], at) => {
          if (step === 'set') {
            map.set(key, { key, at })
            model.set(key, { key, at })
          } else if (step === 'delete') {
            expect(map.delete(key)).toEqual(model.get(key))
            model.delete(key)
          }
          expect(map.get(key)).toEqual(model.get(key))
          expect(map.size).toBe(model.size)
        })
        const byTime = (a: { readonly at: number }, b: { readonly at: number }) => a.at - b.at
        expect(map.values().sort(byTime)).toEqual([...model.values()].sort(byTime))
      }),
      { numRuns: 500 },
    )
  })

  test('finds every one of thousands, whatever order they go in', () => {
    const map = new NumberMap<{ readonly key: number }>()
    for (let key = 1; key < 10_000; key += 2) map.set(key, { key })
    for (let key = 9999; key > 0; key -= 4) expect(map.delete(key)).toEqual({ key })
    for (let key = 1; key < 10_000; key += 2) {
      expect(map.get(key)).toEqual(key % 4 === 3 ? undefined : { key })
    }
  })

  test.each([1, 2])('has room between numbers that go up by %i', (step) => {
    let looks = 0
    // A number that tells when it is calculated with.
    const keyOf = (at: number): number => {
      const key: unknown = { valueOf: () => (looks++, at * step) }
      return key as number
    }
    const keys = Array.from({ length: 10_000 }, (_, at) => keyOf(at))
    const map = new NumberMap<object>()
    keys.forEach((key, at) => {
      map.set(key, keys)
      if (at >= 5000) map.delete(keys[at - 5000]!)
    })
    expect(map.size).toBe(5000)
    expect(looks / keys.length).toBeLessThan(20)
  })
})
