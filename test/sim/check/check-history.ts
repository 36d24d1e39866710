/** All checks of a history. */

import { checkElections } from './election-checks.ts'
import type { History } from './history.ts'
import { checkLeases, type LeaseCheckOptions } from './lease-checks.ts'
import { checkLocks } from './lock-checks.ts'
import { lostWrites } from './lost-writes.ts'
import { checkMembers } from './member-checks.ts'
import { checkRevisionOrder, type RevisionOrder } from './revision-order.ts'
import { checkSpace } from './space-checks.ts'
import type { Violation } from './violation.ts'
import { checkWatches } from './watch-checks.ts'
import { missingFromWriteLog } from './write-log.ts'

export interface CheckOptions {
  readonly leases?: LeaseCheckOptions
  /** In the end the cluster was whole: members have everything, and open watches were told it. */
  readonly converged?: boolean
  /**
   * Every revision has to be in the write log, which is a member's log or what a watch of everything
   * was told: what neither shows is undecided. For runs on real processes, which have no other
   * witness of a write that was acknowledged and that nobody reads.
   */
  readonly requireWriteLog?: boolean
}

export interface Verdict {
  readonly violations: readonly Violation[]
  /** What could not be decided. No violations and no unknowns: the history is correct. */
  readonly unknowns: readonly string[]
}

export function checkHistory(
  history: History,
  options: CheckOptions = {},
  order: RevisionOrder = checkRevisionOrder(history),
): Verdict {
  const { converged = false, leases = {}, requireWriteLog = false } = options
  const violations = [
    ...order.violations,
    ...checkMembers(history, order, { converged }),
    ...checkWatches(history.watches, order, { isComplete: converged }),
    ...checkLeases(history, order, leases),
    ...checkLocks(history, order, leases),
    ...checkElections(history, order),
    ...checkSpace(history),
  ]
  if (violations.length > 0) violations.push(...lostWrites(history, order))
  const missing = requireWriteLog ? missingFromWriteLog(history, order.model.revision) : undefined
  const unknowns = missing === undefined ? order.unknowns : [...order.unknowns, missing]
  return { violations, unknowns }
}
