import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'

import { exponentialBounds, Histogram } from '../../src/server/histogram.ts'

function registered(labels?: Readonly<Record<string, string>>): {
  histogram: Histogram
  text: () => Promise<string[]>
  registry: Registry
} {
  const registry = new Registry()
  const histogram = new Histogram('took_seconds', 'How long it took.', [0.5, 1, 2])
  histogram.register(registry, labels)
  const text = async (): Promise<string[]> => (await registry.metrics()).trim().split('\n')
  return { histogram, text, registry }
}

describe('a histogram', () => {
  test('is text for Prometheus, with counts that add up from bucket to bucket', async () => {
    const { histogram, text } = registered()
    for (const value of [0.25, 0.75, 0.75, 1.5, 8]) histogram.observe(value)
    expect(await text()).toEqual([
      '# HELP took_seconds How long it took.',
      '# TYPE took_seconds histogram',
      'took_seconds_bucket{le="0.5"} 1',
      'took_seconds_bucket{le="1"} 3',
      'took_seconds_bucket{le="2"} 4',
      'took_seconds_bucket{le="+Inf"} 5',
      'took_seconds_sum 11.25',
      'took_seconds_count 5',
    ])
  })

  test('without observations has all its buckets, empty', async () => {
    const { text } = registered()
    expect((await text()).slice(2)).toEqual([
      'took_seconds_bucket{le="0.5"} 0',
      'took_seconds_bucket{le="1"} 0',
      'took_seconds_bucket{le="2"} 0',
      'took_seconds_bucket{le="+Inf"} 0',
      'took_seconds_sum 0',
      'took_seconds_count 0',
    ])
  })

  test('counts a value at a bound in the bucket that the bound closes', async () => {
    const { histogram, text } = registered()
    for (const value of [0.5, 1, 2]) histogram.observe(value)
    expect((await text()).slice(2, 6).map((line) => line.split(' ')[1])).toEqual([
      '1',
      '2',
      '3',
      '3',
    ])
  })

  test('carries its labels on every line', async () => {
    const { histogram, text } = registered({ op: 'put' })
    histogram.observe(1)
    const lines = (await text()).slice(2)
    expect(lines).toHaveLength(6)
    for (const line of lines) expect(line).toContain('op="put"')
  })

  test('grows between two scrapes', async () => {
    const { histogram, text } = registered()
    histogram.observe(1)
    await text()
    histogram.observe(1)
    expect(await text()).toContain('took_seconds_count 2')
  })

  test('is empty after a reset', async () => {
    const { histogram, text, registry } = registered()
    histogram.observe(1)
    registry.resetMetrics()
    expect(await text()).toContain('took_seconds_sum 0')
    expect(await text()).toContain('took_seconds_count 0')
  })
})

test('exponential bounds grow by their factor', () => {
  expect(exponentialBounds(0.001, 2, 4)).toEqual([0.001, 0.002, 0.004, 0.008])
})
