/** What is to be said of a run: the checkers' findings, and what went wrong beside them. */

import type { History } from '../sim/check/history.ts'
import { judge, type Judgement } from '../sim/check/judge.ts'
import { searchLinearization } from '../sim/check/search.ts'

export interface RunJudgement {
  readonly checked: Judgement
  /** A process that ended by itself, a cluster that did not recover. */
  readonly problems: readonly string[]
  /** Acknowledged writes that are gone. */
  readonly lost: number
  readonly tookMs: number
  /** Nothing is wrong, and the order of revisions is whole; of a negative control: a write is lost. */
  readonly isGood: boolean
}

export interface RunJudgeOptions {
  /** Since when nothing disturbed the cluster; 0: never. */
  readonly wellAt: number
  readonly mustBeCaught?: boolean
}

/** The members and the recorder measure time on one machine; what is left is waiting for a core. */
const CLOCK_RATE_ERROR = 0.01
const LEASE_LATE_MS = 4000
/**
 * Configurations that the search enters before it gives up: then the run has been judged by the order
 * of revisions alone.
 */
const SEARCH_MOST = 5000

export function judgeRun(
  history: History,
  problems: readonly string[],
  { wellAt, mustBeCaught = false }: RunJudgeOptions,
): RunJudgement {
  const startedAt = performance.now()
  const options = {
    converged: problems.length === 0 && history.finals.length > 0,
    requireWriteLog: true,
    leases: {
      clockRateError: CLOCK_RATE_ERROR,
      ...(wellAt > 0 && { lateMs: LEASE_LATE_MS, healthyFrom: wellAt }),
    },
  }
  const ordered = judge(history, { ...options, search: 'none' })
  const isWhole = ordered.type === 'correct' && options.converged
  const checked = isWhole ? searched(history, ordered) : ordered
  const lost = checked.violations.filter(({ kind }) => kind === 'lost-write').length
  const isClean = ordered.type === 'correct' && checked.type !== 'violated' && problems.length === 0
  return {
    checked,
    problems,
    lost,
    tookMs: performance.now() - startedAt,
    isGood: mustBeCaught ? lost > 0 : isClean,
  }
}

/** What the order of revisions has found correct is looked at without it. */
function searched(history: History, ordered: Judgement): Judgement {
  const search = searchLinearization(history, { maxVisited: SEARCH_MOST, converged: true })
  switch (search.type) {
    case 'linearizable':
      return { ...ordered, search }
    case 'violated':
      return { ...ordered, type: 'violated', violations: [search.violation], search }
    case 'unknown': {
      const sentence = `the search gave up after ${search.visited} configurations`
      return { ...ordered, type: 'unknown', unknowns: [sentence], search }
    }
  }
}
