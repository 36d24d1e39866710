/**
 * The order of revisions, the search and the trial of all orders decide the same question, so they
 * have to give the same answer: on tiny histories all three, on longer ones the first two.
 * QUORATE_TEST_FACTOR multiplies the number of histories.
 */

import { expect, test } from 'vitest'
import { EMPTY_HISTORY, isSerializable, type History } from './history.ts'
import { report } from './report.ts'
import { checkRevisionOrder } from './revision-order.ts'
import { searchLinearization } from './search.ts'
import { isLinearizableByForce } from './support/brute-force.ts'
import { corrupted } from './support/corruption.ts'
import { Random } from './support/random.ts'
import { randomHistory } from './support/random-history.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? 1)

/** Without what only one of them looks at. */
function callsOf({ operations }: History): History {
  return { ...EMPTY_HISTORY, operations: operations.filter((one) => !isSerializable(one.request)) }
}

function byOrder(history: History): 'linearizable' | 'violated' | 'unknown' {
  const { violations, unknowns } = checkRevisionOrder(history)
  if (violations.length > 0) return 'violated'
  return unknowns.length > 0 ? 'unknown' : 'linearizable'
}

test('on tiny histories all three agree', () => {
  const counts = { linearizable: 0, violated: 0, unknown: 0 }
  for (let seed = SEED; seed < SEED + 1500 * FACTOR; seed++) {
    const history = callsOf(tiny(seed))
    const isRight = isLinearizableByForce(history)
    const expected = isRight ? 'linearizable' : 'violated'
    const verdict = searchLinearization(history, { partition: 'whole' })
    expect(verdict.type, describe(seed, history)).toBe(expected)
    const order = byOrder(history)
    counts[order]++
    if (order !== 'unknown') expect(order, describe(seed, history)).toBe(expected)
  }
  // A test of one answer only would prove nothing.
  expect(counts.linearizable).toBeGreaterThan(200)
  expect(counts.violated).toBeGreaterThan(200)
  expect(counts.unknown).toBeLessThan(counts.violated)
}, 900_000)

test('on longer histories the order and the search agree', () => {
  const counts = { linearizable: 0, violated: 0, unknown: 0 }
  for (let seed = SEED; seed < SEED + 200 * FACTOR; seed++) {
    const random = new Random(seed)
    const correct = randomHistory({ seed, operations: 50, unknown: 0.1, blind: true, watches: 0 })
    const history = callsOf(random.chance(0.3) ? correct : corrupted(correct, random))
    const order = byOrder(history)
    counts[order]++
    if (order === 'unknown') continue
    const verdict = searchLinearization(history, { partition: 'whole' })
    expect(verdict.type, describe(seed, history)).toBe(order)
  }
  expect(counts.linearizable).toBeGreaterThan(20)
  expect(counts.violated).toBeGreaterThan(20)
}, 900_000)

test('searched key by key, values decide', () => {
  const counts = { linearizable: 0, violated: 0, unknown: 0 }
  for (let seed = SEED; seed < SEED + 200 * FACTOR; seed++) {
    const random = new Random(seed)
    const options = { simple: true, blind: true, watches: 0, keys: 3 }
    const correct = randomHistory({ seed, operations: 40, unknown: 0.1, ...options })
    expect(searchLinearization(correct, { converged: true }).type).toBe('linearizable')
    const history = callsOf(corrupted(correct, random))
    const verdict = searchLinearization(history).type
    counts[verdict]++
    // What no order of the values allows, no order of the revisions does.
    if (verdict !== 'violated') continue
    expect(byOrder(history), describe(seed, history)).not.toBe('linearizable')
    expect(searchLinearization(history, { partition: 'whole' }).type).toBe('violated')
  }
  expect(counts.linearizable).toBeGreaterThan(20)
  expect(counts.violated).toBeGreaterThan(20)
}, 900_000)

function tiny(seed: number): History {
  const random = new Random(seed)
  const operations = random.int(3, 6)
  const simple = random.chance(0.3)
  const shape = { operations, clients: 3, keys: 2, blind: true, watches: 0, simple }
  const correct = randomHistory({ seed, unknown: 0.2, ...shape })
  return random.chance(0.3) ? correct : corrupted(corrupted(correct, random), random)
}

function describe(seed: number, history: History): string {
  const { violations } = checkRevisionOrder(history)
  const all = { kind: 'not-linearizable', sentence: 'all', operations: [] as number[] } as const
  const operations = history.operations.map(({ id }) => id)
  return `seed ${seed}\n${report(history, [{ ...all, operations }, ...violations])}`
}
