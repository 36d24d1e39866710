/**
 * All that can be said of a history: every check, the search, and what was in it. A run is proven
 * right only by a verdict without violations and without unknowns: what could not be decided is
 * told and counted, never passed over.
 */

import { checkHistory, type CheckOptions } from './check-history.ts'
import type { History } from './history.ts'
import { checkRevisionOrder } from './revision-order.ts'
import { searchLinearization, type SearchOptions, type SearchVerdict } from './search.ts'
import type { Violation } from './violation.ts'

export interface JudgeOptions extends CheckOptions {
  /** 'none' leaves the search out. */
  readonly search?: 'none' | Omit<SearchOptions, 'converged' | 'order'>
}

export interface Judgement {
  readonly type: 'correct' | 'violated' | 'unknown'
  readonly violations: readonly Violation[]
  /** A sentence for each thing that could not be decided. */
  readonly unknowns: readonly string[]
  /** Absent: not searched. */
  readonly search?: SearchVerdict
  readonly counts: HistoryCounts
}

export interface HistoryCounts {
  readonly operations: number
  readonly answered: number
  readonly failed: number
  readonly unknown: number
  readonly watches: number
  readonly observations: number
  readonly events: number
  readonly finals: number
  readonly logs: number
}

export function judge(history: History, options: JudgeOptions = {}): Judgement {
  const { search: searchOptions = {}, converged = false } = options
  const order = checkRevisionOrder(history)
  const checked = checkHistory(history, options, order)
  const search =
    searchOptions === 'none'
      ? undefined
      : searchLinearization(history, { order, ...searchOptions, converged })
  const found = search?.type === 'violated' ? [search.violation] : []
  const violations = [...checked.violations, ...found]
  const undecided =
    search?.type === 'unknown' ? [`the search gave up after ${search.visited} configurations`] : []
  const unknowns = [...checked.unknowns, ...undecided]
  const type = violations.length > 0 ? 'violated' : unknowns.length > 0 ? 'unknown' : 'correct'
  const counts = countsOf(history)
  return { type, violations, unknowns, ...(search !== undefined && { search }), counts }
}

export function countsOf({
  operations,
  watches,
  observations,
  finals,
  logs,
}: History): HistoryCounts {
  const outcomes = { ok: 0, failed: 0, unknown: 0 }
  for (const { outcome } of operations) outcomes[outcome.type]++
  let events = 0
  for (const { responses } of watches)
    for (const one of responses) events += one.events?.length ?? 0
  return {
    operations: operations.length,
    answered: outcomes.ok,
    failed: outcomes.failed,
    unknown: outcomes.unknown,
    watches: watches.length,
    observations: observations.length,
    events,
    finals: finals.length,
    logs: logs.length,
  }
}
