import { expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import {
  EMPTY_HISTORY,
  type History,
  type Operation,
  type Outcome,
  type Request,
} from './history.ts'
import { report } from './report.ts'

function operation(
  id: number,
  [calledAt, returnedAt]: readonly [number, number],
  request: Request,
  outcome: Outcome,
): Operation {
  return { id, client: `c${id}`, member: `m${id}`, calledAt, returnedAt, request, outcome }
}

const put = (value: string): Request => ({ type: 'put', key: 'a', value })
const ok = (revision: number): Outcome => ({ type: 'ok', revision, result: { type: 'put' } })
const READ: Request = { type: 'range', key: 'a' }
const NOTHING: Outcome = { type: 'ok', revision: 1, result: { type: 'range', kvs: [], count: 0 } }

function withOperations(...operations: Operation[]): History {
  return { ...EMPTY_HISTORY, operations }
}

test('a stale read is told with the write it missed, and both on a timeline', () => {
  const history = withOperations(
    operation(0, [0, 5], put('x'), ok(2)),
    operation(1, [6, 9], READ, NOTHING),
  )
  const { violations } = checkHistory(history)
  expect(violations.map(({ kind, operations }) => [kind, operations])).toEqual([
    ['real-time-order', [0, 1]],
  ])
  expect(report(history, violations)).toBe(
    [
      'real-time-order: c0→m0 put a="x" had its answer, of revision 2, at 5, but c1→m1 range "a", of revision 1, was called at 6',
      '',
      '»        0.0        5.0  #0 c0→m0 put a="x" → @2',
      '»        6.0        9.0  #1 c1→m1 range "a" → @1 0:',
    ].join('\n'),
  )
})

test('a read that overlaps the write may miss it', () => {
  const history = withOperations(
    operation(0, [0, 5], put('x'), ok(2)),
    operation(1, [5, 9], READ, NOTHING),
  )
  expect(checkHistory(history)).toEqual({ violations: [], unknowns: [] })
})

test('a write of unknown outcome is placed by what a read shows of it', () => {
  const kv = { key: 'a', value: 'x', createRevision: 2, modRevision: 2, version: 1 }
  const seen: Outcome = { type: 'ok', revision: 2, result: { type: 'range', kvs: [kv], count: 1 } }
  const early = operation(1, [1, 3], READ, seen)
  const late = operation(0, [0, 9], put('x'), { type: 'unknown' })
  expect(checkHistory(withOperations(late, early)).violations).toEqual([])
  const tooLate = { ...late, calledAt: 4 }
  const { violations } = checkHistory(withOperations(tooLate, early))
  expect(violations.map(({ kind }) => kind)).toEqual(['real-time-order'])
})
