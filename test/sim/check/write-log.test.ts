import { expect, test } from 'vitest'
import { checkHistory } from './check-history.ts'
import { EMPTY_HISTORY, type History, type Watch, type WatchResponse } from './history.ts'
import { randomHistory } from './support/random-history.ts'
import { missingFromWriteLog, toldRevisions } from './write-log.ts'

const EVERYTHING = { key: '\0', rangeEnd: '\0', startRevision: 1 } as const

function told(revision: number, keys: string[], fragment = false): WatchResponse {
  const events = keys.map((key) => {
    const kv = { key, value: 'x', createRevision: revision, modRevision: revision, version: 1 }
    return { type: 'put' as const, kv }
  })
  return { at: revision, revision, type: 'events', events, ...(fragment && { fragment }) }
}

function watchOf(request: Watch['request'], ...responses: WatchResponse[]): Watch {
  return { id: 1, client: 'w', member: 'm1', calledAt: 0, request, responses }
}

function watched(...watches: Watch[]): History {
  return { ...EMPTY_HISTORY, watches }
}

test('what a watch of everything was told is the write log, but for a fragment cut off', () => {
  const watch = watchOf(EVERYTHING, told(2, ['a']), told(3, ['a', 'b'], true), told(3, ['c'], true))
  expect(toldRevisions(watch).map(({ revision, isWhole }) => [revision, isWhole])).toEqual([
    [2, true],
    [3, false],
  ])
  expect(missingFromWriteLog(watched(watch), 3)).toBe('the write log lacks 1 revisions: 3')
  const rest = watchOf({ ...EVERYTHING, startRevision: 3 }, told(3, ['a', 'b', 'c']))
  expect(missingFromWriteLog(watched(watch, rest), 3)).toBeUndefined()
})

test('a watch of some keys or some changes is no write log', () => {
  const narrow = watchOf({ key: 'a', rangeEnd: 'b' }, told(2, ['a']))
  const filtered = watchOf({ ...EVERYTHING, noDelete: true }, told(2, ['a']))
  expect(missingFromWriteLog(watched(narrow, filtered), 2)).toContain('lacks 1')
})

test('watches that break and resume are enough of a log where one was open at any time', () => {
  const options = { converged: true, requireWriteLog: true }
  for (let seed = 1; seed <= 30; seed++) {
    const history = randomHistory({ seed, observers: 3, unknown: 0.1, operations: 80 })
    expect(checkHistory(history, options), `seed ${seed}`).toEqual({ violations: [], unknowns: [] })
  }
})

test('a write that no log shows leaves the history undecided where a log is required', () => {
  const history = randomHistory({ seed: 3, blind: true, unknown: 0, watches: 0 })
  expect(checkHistory(history)).toEqual({ violations: [], unknowns: [] })
  const { unknowns } = checkHistory(history, { requireWriteLog: true })
  expect(unknowns.map((text) => text.slice(0, 20))).toEqual(['the write log lacks '])
})
