import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'

import { exponentialBounds, Histogram, HistogramFamily } from '../../src/server/histogram.ts'

function registered(): { histogram: Histogram; text: () => Promise<string[]> } {
  const registry = new Registry()
  const histogram = new Histogram('took_seconds', 'How long it took.', [0.5, 1, 2])
  histogram.register(registry)
  const text = async (): Promise<string[]> => (await registry.metrics()).trim().split('\n')
  return { histogram, text }
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

  test('grows between two scrapes', async () => {
    const { histogram, text } = registered()
    histogram.observe(1)
    await text()
    histogram.observe(1)
    expect(await text()).toContain('took_seconds_count 2')
  })
})

test('a family of histograms is one metric, with the labels of each on its lines', async () => {
  const registry = new Registry()
  const family = new HistogramFamily('took_seconds', 'How long it took.', [1])
  family.register(registry)
  for (const op of ['put', 'get', 'put']) family.of(op, () => ({ op })).observe(2)
  expect((await registry.metrics()).trim().split('\n')).toEqual([
    '# HELP took_seconds How long it took.',
    '# TYPE took_seconds histogram',
    'took_seconds_bucket{op="put",le="1"} 0',
    'took_seconds_bucket{op="put",le="+Inf"} 2',
    'took_seconds_sum{op="put"} 4',
    'took_seconds_count{op="put"} 2',
    'took_seconds_bucket{op="get",le="1"} 0',
    'took_seconds_bucket{op="get",le="+Inf"} 1',
    'took_seconds_sum{op="get"} 2',
    'took_seconds_count{op="get"} 1',
  ])
})

test('exponential bounds grow by their factor', () => {
  expect(exponentialBounds(0.001, 2, 4)).toEqual([0.001, 0.002, 0.004, 0.008])
})
