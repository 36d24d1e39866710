/**
 * The search against the logs that Jepsen recorded of an early etcd, with the verdicts that
 * porcupine's tests expect of them. The logs are not ours to hand on, so they are read from the
 * folder QUORATE_TEST_JEPSEN_LOGS (`test_data/jepsen` of the Go module
 * github.com/anishathalye/porcupine); without it the test is skipped.
 */

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { searchLinearization } from './search.ts'
import { jepsenHistory } from './support/jepsen-log.ts'

const FOLDER = process.env['QUORATE_TEST_JEPSEN_LOGS']
const LOGS = Array.from({ length: 103 }, (_, i) => i).filter((i) => i !== 95)
const LINEARIZABLE = new Set([
  2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102,
])
/** No order is told, so the revisions, which these logs do not have, are no hint either. */
const NO_ORDER = { madeBy: new Map(), log: [] }

describe.skipIf(FOLDER === undefined)('of 102 logs of Jepsen', () => {
  test.each(LOGS)(
    'log %i has the verdict that porcupine gives it',
    (number) => {
      const file = path.join(FOLDER!, `etcd_${String(number).padStart(3, '0')}.log`)
      expect(existsSync(file), file).toBe(true)
      const history = jepsenHistory(readFileSync(file, 'utf8'))
      const startedAt = performance.now()
      const { type, visited, segments } = searchLinearization(history, { order: NO_ORDER })
      const ms = performance.now() - startedAt
      console.log(
        `log ${number}: ${history.operations.length} operations, ${type}, ${visited} configurations, ${segments} segments, ${ms.toFixed(0)} ms`,
      )
      expect(type).toBe(LINEARIZABLE.has(number) ? 'linearizable' : 'violated')
    },
    60_000,
  )
})

test('a log of Jepsen becomes calls with their times', () => {
  const log = [
    'INFO  jepsen.util - 0\t:invoke\t:read\tnil',
    'INFO  jepsen.util - 1\t:invoke\t:write\t4',
    'INFO  jepsen.util - 1\t:ok\t:write\t4',
    'INFO  jepsen.util - 0\t:ok\t:read\tnil',
    'INFO  jepsen.util - 2\t:invoke\t:cas\t[4 2]',
    'INFO  jepsen.util - 2\t:info\t:cas\t:timed-out',
    'INFO  jepsen.util - 0\t:invoke\t:read\tnil',
    'INFO  jepsen.util - 0\t:ok\t:read\t2',
  ]
  const history = jepsenHistory(log.join('\n'))
  const times = history.operations.map(({ calledAt, returnedAt }) => [calledAt, returnedAt])
  expect(times).toEqual([
    [1, 2],
    [0, 3],
    [6, 7],
    [4, Infinity],
  ])
  expect(searchLinearization(history, { order: NO_ORDER }).type).toBe('linearizable')
  const stale = jepsenHistory([...log, log[6], log[3]].join('\n'))
  expect(searchLinearization(stale, { order: NO_ORDER }).type).toBe('violated')
})
