import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram } from '../../../bench/load-generator/histogram.ts'

const latencies = fc.array(fc.integer({ min: 0, max: 2 ** 32 }), { minLength: 1 })

/** The dumb model: sort and pick. */
function exactQuantile(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(1, Math.ceil(values.length * quantile)) - 1]!
}

test('a quantile is never too low and at most 0.8 % too high', () => {
  fc.assert(
    fc.property(latencies, fc.double({ min: 0, max: 1, noNaN: true }), (values, quantile) => {
      const histogram = new Histogram()
      for (const value of values) histogram.record(value)
      const exact = exactQuantile(values, quantile)
      const shown = histogram.quantileMicros(quantile)
      expect(shown).toBeGreaterThanOrEqual(exact)
      expect(shown).toBeLessThanOrEqual(exact * 1.008)
    }),
  )
})

test('adding two histograms is recording all their values in one', () => {
  fc.assert(
    fc.property(latencies, latencies, (left, right) => {
      const [one, two, both] = [new Histogram(), new Histogram(), new Histogram()]
      for (const value of left) one.record(value)
      for (const value of right) two.record(value)
      for (const value of [...left, ...right]) both.record(value)
      one.add(two.toData())
      expect(one.toData()).toEqual(both.toData())
      expect(one.count).toBe(left.length + right.length)
    }),
  )
})
