import { expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import {
  EMPTY_HISTORY,
  type History,
  type Operation,
  type Outcome,
  type Request,
} from './history.ts'

const TTL = 10

function operation(id: number, calledAt: number, request: Request, outcome: Outcome): Operation {
  return { id, client: 'c1', member: 'm1', calledAt, returnedAt: calledAt + 1, request, outcome }
}

/** Granted in the first millisecond, found gone or still there at the time. */
function granted(at: number, ttlThen: number): History {
  const grant = operation(
    1,
    0,
    { type: 'lease-grant', lease: 7n, ttl: TTL },
    { type: 'ok', revision: 1, result: { type: 'lease-grant', ttl: TTL } },
  )
  const look = operation(
    2,
    at,
    { type: 'lease-time-to-live', lease: 7n },
    { type: 'ok', revision: 1, result: { type: 'lease-time-to-live', ttl: ttlThen } },
  )
  return { ...EMPTY_HISTORY, operations: [grant, look] }
}

function kindsOf(history: History, leases: object): string[] {
  return checkHistory(history, { leases }).violations.map(({ kind }) => kind)
}

test('a lease lives for its TTL, or as much less as a clock may be fast', () => {
  expect(kindsOf(granted(9_990, -1), {})).toEqual(['lease-early'])
  expect(kindsOf(granted(10_010, -1), {})).toEqual([])
  expect(kindsOf(granted(5_010, -1), { clockRateError: 0.5 })).toEqual([])
  expect(kindsOf(granted(4_990, -1), { clockRateError: 0.5 })).toEqual(['lease-early'])
})

test('a lease is gone after its TTL, as much more as a clock may be slow, and the delay', () => {
  const lateMs = 500
  expect(kindsOf(granted(10_400, 1), { lateMs })).toEqual([])
  expect(kindsOf(granted(10_600, 1), { lateMs })).toEqual(['lease-late'])
  expect(kindsOf(granted(15_400, 1), { lateMs, clockRateError: 0.5 })).toEqual([])
  expect(kindsOf(granted(15_600, 1), { lateMs, clockRateError: 0.5 })).toEqual(['lease-late'])
  expect(kindsOf(granted(19_000, 1), { lateMs, healthyFrom: 9_000 })).toEqual([])
  expect(kindsOf(granted(10_600, 1), {})).toEqual([])
})

test('a campaign is a lock whose key has the candidate’s value', () => {
  const base = granted(20, 9)
  const campaign = operation(
    3,
    2,
    { type: 'lock', name: 'e', lease: 7n, value: 'me' },
    { type: 'ok', revision: 2, result: { type: 'lock', key: 'e/7' } },
  )
  const kv = { key: 'e/7', value: 'me', createRevision: 2, modRevision: 2, version: 1, lease: 7n }
  const seen = operation(
    4,
    5,
    { type: 'range', key: 'e/7' },
    { type: 'ok', revision: 2, result: { type: 'range', kvs: [kv], count: 1 } },
  )
  const history = { ...base, operations: [...base.operations, campaign, seen] }
  expect(checkHistory(history)).toEqual({ violations: [], unknowns: [] })
  const other = {
    ...seen,
    id: 5,
    outcome: { ...seen.outcome, result: { type: 'range', kvs: [], count: 0 } },
  }
  const wrong = { ...history, operations: [...history.operations, other as Operation] }
  expect(checkHistory(wrong).violations.length).toBeGreaterThan(0)
})
