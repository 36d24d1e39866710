/**
 * Linearizability by search: is there any order of the calls, each between its call and its return,
 * in which a store gives every answer? It is told of no order and, but where `revisions` says so,
 * of no revision either, so it also finds what is wrong when the revisions themselves are.
 *
 * The history is taken apart where that changes no verdict, so that long ones stay cheap: into parts
 * that have nothing to do with each other (`components.ts`), and each part at the moments at which
 * no call is open (`segments.ts`). What a range says about parts that are otherwise unconnected is
 * judged part by part.
 */

import { componentsOf } from './components.ts'
import type { History } from './history.ts'
import { Hints, type HintedOrder } from './hints.ts'
import { unwrittenValues } from './local-values.ts'
import { checkRevisionOrder } from './revision-order.ts'
import { exactRules, valueRules } from './search-rules.ts'
import { exactSteps, valueSteps } from './search-steps.ts'
import { searchSegments, type PartVerdict, type SegmentOptions } from './segments.ts'
import type { Violation } from './violation.ts'

export interface SearchOptions extends Partial<SegmentOptions> {
  /** The final states are the cluster's, so each is one more read. */
  readonly converged?: boolean
  /** 'judged': all calls are one search, in which every revision has to fit too. */
  readonly revisions?: 'ignored' | 'judged'
  /** Which order to try first, where it was looked for already. */
  readonly order?: HintedOrder
}

export type SearchVerdict = SearchCounts &
  (
    | { readonly type: 'linearizable' }
    | { readonly type: 'violated'; readonly violation: Violation }
    /** The budget was used up, and what was searched is right. */
    | { readonly type: 'unknown'; readonly undecided: number }
  )

export interface SearchCounts {
  readonly visited: number
  /** Into how much the history was taken apart. */
  readonly parts: number
  readonly segments: number
}

const MAX_VISITED = 1_000_000

export function searchLinearization(history: History, options: SearchOptions = {}): SearchVerdict {
  const { maxVisited = MAX_VISITED, converged = false, revisions = 'ignored' } = options
  const hints = new Hints(options.order ?? checkRevisionOrder(history))
  if (revisions === 'judged') {
    const steps = exactSteps(history, converged)
    const verdict = searchSegments(steps, exactRules(steps), hints, { maxVisited })
    return summary([verdict])
  }
  const [unwritten] = unwrittenValues(history)
  if (unwritten !== undefined) {
    return { type: 'violated', violation: unwritten, visited: 0, parts: 0, segments: 0 }
  }
  const verdicts: PartVerdict[] = []
  let visited = 0
  for (const steps of componentsOf(valueSteps(history, converged))) {
    const verdict = searchSegments(steps, valueRules(steps), hints, {
      ...options,
      maxVisited: maxVisited - visited,
    })
    verdicts.push(verdict)
    visited += verdict.visited
    if (verdict.type === 'violated') break
  }
  return summary(verdicts)
}

function summary(verdicts: readonly PartVerdict[]): SearchVerdict {
  const sum = (count: (one: PartVerdict) => number): number =>
    verdicts.reduce((total, one) => total + count(one), 0)
  const counts = {
    visited: sum(({ visited }) => visited),
    segments: sum(({ segments }) => segments),
    parts: verdicts.length,
  }
  for (const verdict of verdicts) {
    if (verdict.type === 'violated')
      return { ...counts, type: 'violated', violation: verdict.violation }
  }
  const undecided = verdicts.filter(({ type }) => type === 'unknown').length
  return undecided > 0
    ? { ...counts, type: 'unknown', undecided }
    : { ...counts, type: 'linearizable' }
}
