import { expect, test } from 'vitest'
import { Backoff } from '../../src/peer/backoff.ts'

const LONGEST = { below: (bound: number): number => bound - 1 }
const SHORTEST = { below: (): number => 0 }

test('delays double up to the bound, and start anew after a success', () => {
  const backoff = new Backoff(50, 2000, LONGEST)
  const delays = Array.from({ length: 8 }, () => backoff.nextMs())
  expect(delays).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000])
  backoff.reset()
  expect(backoff.nextMs()).toBe(50)
})

test('a delay is never shorter than half of what is due', () => {
  const backoff = new Backoff(50, 2000, SHORTEST)
  expect(Array.from({ length: 3 }, () => backoff.nextMs())).toEqual([25, 50, 100])
})
