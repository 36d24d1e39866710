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
import { hasOrderOfValues, isLinearizableByForce } from './support/brute-force.ts'
import { corrupted, corruptedAnswer } from './support/corruption.ts'
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
    const verdict = searchLinearization(history, { revisions: 'judged' })
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
    const verdict = searchLinearization(history, { revisions: 'judged' })
    expect(verdict.type, describe(seed, history)).toBe(order)
  }
  expect(counts.linearizable).toBeGreaterThan(20)
  expect(counts.violated).toBeGreaterThan(20)
}, 900_000)

test('of values alone the search says what all orders say, with cuts and without', () => {
  const counts = { right: 0, wrong: 0, cut: 0, severalParts: 0 }
  for (let seed = SEED; seed < SEED + 1500 * FACTOR; seed++) {
    const history = callsOf(wrongAnswers(seed))
    const isRight = hasOrderOfValues(history)
    counts[isRight ? 'right' : 'wrong']++
    const expected = isRight ? 'linearizable' : 'violated'
    for (const segmentSteps of [1, Infinity]) {
      const order = seed % 3 === 0 ? { order: { madeBy: new Map(), log: [] } } : {}
      const verdict = searchLinearization(history, { segmentSteps, ...order })
      if (verdict.segments > verdict.parts) counts.cut++
      if (verdict.parts > 1) counts.severalParts++
      // Ranges over several parts are judged part by part, so more may seem right.
      if (!isRight && verdict.type === 'linearizable' && hasWideRange(history)) continue
      expect(verdict.type, `${segmentSteps} ${describe(seed, history)}`).toBe(expected)
    }
  }
  expect(counts.right).toBeGreaterThan(200)
  expect(counts.wrong).toBeGreaterThan(100)
  expect(counts.cut).toBeGreaterThan(200)
  expect(counts.severalParts).toBeGreaterThan(200)
}, 900_000)

test('what no order of the values allows, no order of the revisions does', () => {
  const counts = { linearizable: 0, violated: 0, unknown: 0 }
  for (let seed = SEED; seed < SEED + 200 * FACTOR; seed++) {
    const random = new Random(seed)
    const options = { simple: true, blind: true, watches: 0, keys: 3 }
    const correct = randomHistory({ seed, operations: 40, unknown: 0.1, ...options })
    expect(searchLinearization(correct, { converged: true }).type).toBe('linearizable')
    const history = callsOf(corrupted(correct, random))
    const verdict = searchLinearization(history).type
    counts[verdict]++
    if (verdict !== 'violated') continue
    expect(byOrder(history), describe(seed, history)).not.toBe('linearizable')
    expect(searchLinearization(history, { revisions: 'judged' }).type).toBe('violated')
  }
  expect(counts.linearizable).toBeGreaterThan(20)
  expect(counts.violated).toBeGreaterThan(20)
}, 900_000)

function hasWideRange({ operations }: History): boolean {
  return operations.some(({ request }) => request.type === 'range' && request.rangeEnd)
}

function wrongAnswers(seed: number): History {
  const random = new Random(seed)
  const shape = {
    leases: random.chance(0.5),
    clients: random.int(1, 3),
    simple: random.chance(0.7),
  }
  const small = { operations: random.int(3, 6), keys: 2, blind: true, watches: 0, ...shape }
  const correct = randomHistory({ seed, unknown: 0.2, ...small })
  return random.chance(0.3) ? correct : corruptedAnswer(corruptedAnswer(correct, random), random)
}

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
