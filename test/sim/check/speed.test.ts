/**
 * How fast histories are checked. With QUORATE_TEST_FACTOR above 1 also long ones, and the rates are
 * printed.
 */

import { expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import { searchLinearization } from './search.ts'
import { randomHistory } from './support/random-history.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const SIZES = FACTOR > 1 ? [2000, 10_000, 100_000] : [2000]
const SHAPE = { seed: 1, clients: 16, keys: 30, watches: 4, unknown: 0.01 }

test.each(SIZES)(
  'all checks of %i operations',
  (operations) => {
    const history = randomHistory({ ...SHAPE, operations, leases: true })
    const startedAt = performance.now()
    const verdict = checkHistory(history, { converged: true })
    print('all checks', operations, performance.now() - startedAt)
    expect(verdict).toEqual({ violations: [], unknowns: [] })
  },
  300_000,
)

// A hundred thousand would use up its budget.
const SEARCHED = SIZES.filter((size) => size <= 10_000)

test.each(SEARCHED)(
  'the search of %i operations',
  (operations) => {
    const history = randomHistory({ ...SHAPE, operations })
    const startedAt = performance.now()
    const verdict = searchLinearization(history, { converged: true })
    print('the search', operations, performance.now() - startedAt)
    expect(verdict.type).toBe('linearizable')
  },
  300_000,
)

test('a search that would take too long says that it does not know', () => {
  const history = randomHistory({ ...SHAPE, operations: 200, clients: 8, unknown: 0.3 })
  expect(searchLinearization(history, { maxVisited: 20 }).type).toBe('unknown')
})

function print(what: string, operations: number, ms: number): void {
  if (FACTOR === 1) return
  console.log(`${what}, ${operations} operations: ${Math.round((operations / ms) * 1000)}/s`)
}
