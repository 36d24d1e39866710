/** What is to be said of a run: the checkers' findings, and what went wrong beside them. */

import { checkHistory } from '../sim/check/check-history.ts'
import type { History } from '../sim/check/history.ts'
import { searchLinearization } from '../sim/check/search.ts'
import type { Violation } from '../sim/check/violation.ts'

export interface Judgement {
  readonly violations: readonly Violation[]
  /** A process that ended by itself, a cluster that did not recover. */
  readonly problems: readonly string[]
  /** What could not be decided. */
  readonly unknowns: readonly string[]
  /** Acknowledged writes that are gone. */
  readonly lost: number
  readonly search: 'linearizable' | 'violated' | 'unknown' | 'not run'
  readonly tookMs: number
  /** Nothing is wrong; of a negative control: something is. */
  readonly isGood: boolean
}

export interface JudgeOptions {
  /** Since when nothing disturbed the cluster; 0: never. */
  readonly wellAt: number
  readonly mustBeCaught?: boolean
}

/** The members and the recorder measure time on one machine; what is left is waiting for a core. */
const CLOCK_RATE_ERROR = 0.01
const LEASE_LATE_MS = 4000
/** Configurations that the search enters before it gives up. */
const SEARCH_MOST = 20_000

export function judge(
  history: History,
  problems: readonly string[],
  { wellAt, mustBeCaught = false }: JudgeOptions,
): Judgement {
  const startedAt = performance.now()
  const isWhole = problems.length === 0 && history.finals.length > 0
  const { violations, unknowns } = checkHistory(history, {
    converged: isWhole,
    leases: {
      clockRateError: CLOCK_RATE_ERROR,
      ...(wellAt > 0 && { lateMs: LEASE_LATE_MS, healthyFrom: wellAt }),
    },
  })
  const all = [...violations]
  const found =
    violations.length > 0
      ? undefined
      : searchLinearization(history, { maxVisited: SEARCH_MOST, converged: isWhole })
  if (found?.type === 'violated') all.push(found.violation)
  const search = found?.type ?? 'not run'
  const open = [...unknowns]
  if (search === 'unknown') open.push(`the search gave up after ${SEARCH_MOST} configurations`)
  const lost = all.filter(({ kind }) => kind === 'lost-write').length
  const isClean = all.length === 0 && problems.length === 0
  return {
    violations: all,
    problems,
    unknowns: open,
    lost,
    search,
    tookMs: performance.now() - startedAt,
    isGood: mustBeCaught ? lost > 0 : isClean,
  }
}
