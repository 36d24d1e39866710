/**
 * Correct histories are not found fault with, whatever happens in them. QUORATE_TEST_FACTOR
 * multiplies their number: with 20, a thousand of each kind.
 */

import { describe, expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import type { History } from './history.ts'
import { linesOf, readHistory } from './history-lines.ts'
import { report } from './report.ts'
import { searchLinearization } from './search.ts'
import { randomHistory, type RandomHistoryOptions } from './support/random-history.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? 1)
const HISTORIES = 50 * FACTOR
const OPTIONS = { converged: true, leases: { lateMs: 20 } }

type Shape = Omit<RandomHistoryOptions, 'seed'>

const SHAPES: Readonly<Record<string, Shape>> = {
  'with a watch of everything': { compactions: true, unknown: 0.1 },
  'as real processes are seen': { unknown: 0.1, observers: 3 },
  'with logs': { compactions: true, logs: true, unknown: 0.1, watches: 6 },
  'about single keys': { simple: true, unknown: 0.1, clients: 8 },
  'with leases': { leases: true, unknown: 0.1, operations: 90 },
  'with leases, compactions and logs': { leases: true, compactions: true, logs: true },
  'without space now and then': { space: true, leases: true, unknown: 0.1, logs: true },
  crowded: { clients: 20, keys: 2, unknown: 0.15 },
}

describe('neither check nor search finds fault with histories', () => {
  test.each(Object.entries(SHAPES))(
    '%s',
    (_, shape) => {
      for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
        const history = randomHistory({ ...shape, seed })
        const { violations, unknowns } = checkHistory(history, OPTIONS)
        expect(report(history, violations), `seed ${seed}`).toBe('no violations')
        expect(unknowns, `seed ${seed}`).toEqual([])
        const verdict = searchLinearization(history, { converged: true })
        expect(verdict.type, `seed ${seed}`).toBe('linearizable')
      }
    },
    900_000,
  )
})

test.each([
  ['locks', { locks: true, leases: true }],
  ['elections', { locks: true, elections: true }],
])(
  'with %s no fault is found either, though the search may give up',
  (_, shape) => {
    let undecided = 0
    for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
      const history = randomHistory({ seed, ...shape, operations: 90, logs: true })
      const { violations } = checkHistory(history, OPTIONS)
      expect(report(history, violations), `seed ${seed}`).toBe('no violations')
      const verdict = searchLinearization(history, { converged: true, maxVisited: 5000 })
      expect(verdict.type, `seed ${seed}`).not.toBe('violated')
      if (verdict.type === 'unknown') undecided++
    }
    expect(undecided).toBeLessThan(HISTORIES / 4)
  },
  900_000,
)

test('where little is known the check says so instead of guessing', () => {
  let undecided = 0
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    const history = randomHistory({ seed, blind: true, unknown: 0.2, leases: true })
    const { violations, unknowns } = checkHistory(history, OPTIONS)
    expect(report(history, violations), `seed ${seed}`).toBe('no violations')
    if (unknowns.length > 0) undecided++
  }
  expect(undecided).toBeGreaterThan(0)
  expect(undecided).toBeLessThan(HISTORIES)
}, 900_000)

test('the histories have what can go wrong in them', () => {
  const counts = new Map<string, number>()
  for (let seed = 1; seed <= 60; seed++) {
    const shape = {
      ...{ leases: true, locks: true, compactions: true, unknown: 0.1, watches: 5 },
      ...{ elections: seed % 2 === 0, space: seed % 3 === 0 },
    }
    for (const name of namesOf(randomHistory({ seed, ...shape, operations: 120 }))) {
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  const wanted = [
    ...['compacted', 'future-revision', 'lease-not-found', 'key-not-found', 'lease-exists'],
    ...['unknown', 'fragment', 'progress', 'broken', 'canceled by compaction', 'resumed'],
    ...['lock', 'unlock', 'lease-keep-alive', 'TTL 0', 'serializable', 'several events'],
    ...['campaign', 'proclaim', 'leader', 'not-leader', 'no-leader', 'no-space', 'alarm'],
    'another leader',
  ]
  expect(wanted.filter((name) => (counts.get(name) ?? 0) < 3)).toEqual(['lease-exists'])
})

test('a history that went through lines is the same', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const elections = seed % 3 === 0
    const shape = { leases: true, locks: true, elections, compactions: true, logs: seed % 2 === 0 }
    const correct = randomHistory({ seed, ...shape })
    // At the end of a run all leases are gone.
    const finals = correct.finals.map((final) => ({ ...final, leases: [1n, 2n ** 63n - 1n] }))
    const history = { ...correct, finals }
    const text = [...linesOf(history)].join('\n')
    expect(readHistory(`${text}\n`)).toEqual(history)
  }
})

function* namesOf({ operations, watches, observations }: History): Generator<string> {
  for (const { told } of observations) if (told.length > 1) yield 'another leader'
  for (const { request, outcome } of operations) {
    yield request.type
    if (request.type === 'lock' && request.value !== undefined) yield 'campaign'
    if (outcome.type === 'failed') yield outcome.error
    if (outcome.type === 'unknown') yield 'unknown'
    if (request.type === 'range' && request.serializable) yield 'serializable'
    if (outcome.type !== 'ok' || outcome.result.type !== 'lease-keep-alive') continue
    if (outcome.result.ttl === 0) yield 'TTL 0'
  }
  for (const { request, responses, end } of watches) {
    if (end?.reason === 'broken') yield 'broken'
    if (request.startRevision !== undefined && request.startRevision > 1) yield 'resumed'
    for (const { type, fragment, compactRevision, events = [] } of responses) {
      if (fragment) yield 'fragment'
      if (type === 'progress') yield 'progress'
      if (compactRevision !== undefined) yield 'canceled by compaction'
      const revisions = events.map(({ kv }) => kv.modRevision)
      if (new Set(revisions).size < revisions.length) yield 'several events'
    }
  }
}
