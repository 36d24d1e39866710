/**
 * Whether the positions that revisions give to calls respect time: nobody was answered before
 * somebody in front of him had called. Swept by position, with the latest call of all before:
 *
 *     position   2·r  the write of revision r        2·r + 1  whoever was answered at r
 */

import { wrote, type OkStep, type Step, type Steps } from './steps.ts'
import type { Sight } from './timeline.ts'
import type { Violation } from './violation.ts'

interface Placed {
  readonly id: number
  readonly what: string
  readonly calledAt: number
  readonly returnedAt: number
  readonly position: number
  readonly isSerializable: boolean
}

type Makers = ReadonlyMap<number, Step>

export function realTimeProblems(
  steps: Steps,
  madeBy: Makers,
  sights: readonly Sight[],
): Violation[] {
  const items = [
    ...steps.known.map((step) => placed(step, madeBy)),
    ...placedUnknowns(madeBy),
    ...steps.serializable.map(placedLocally),
    ...sights.map(placedSight),
  ]
  items.sort((a, b) => a.position - b.position)
  return sweep(items)
}

function sweep(items: readonly Placed[]): Violation[] {
  const violations: Violation[] = []
  /** Of the calls at lower positions, the latest. */
  let latest: Placed | undefined
  let pending: Placed | undefined
  let position = 0
  for (const item of items) {
    if (item.position > position) {
      position = item.position
      latest = pending
    }
    if (latest !== undefined && item.returnedAt < latest.calledAt) {
      violations.push(outOfOrder(item, latest))
    }
    if (pending === undefined || item.calledAt > pending.calledAt) pending = item
  }
  return violations
}

function outOfOrder(later: Placed, earlier: Placed): Violation {
  const revision = later.position >> 1
  return {
    kind: later.isSerializable ? 'serializable-from-the-future' : 'real-time-order',
    sentence: `${later.what} had its answer, of revision ${revision}, at ${later.returnedAt}, but ${earlier.what}, of revision ${earlier.position >> 1}, was called at ${earlier.calledAt}`,
    operations: [later.id, earlier.id].filter((id) => id >= 0),
    revision,
  }
}

function placed(step: OkStep, madeBy: Makers): Placed {
  const { id, what, calledAt, returnedAt, outcome } = step
  const isWrite = wrote(step) === true || madeBy.get(outcome.revision) === step
  const position = 2 * outcome.revision + (isWrite ? 0 : 1)
  return { id, what, calledAt, returnedAt, position, isSerializable: false }
}

function* placedUnknowns(madeBy: Makers): Generator<Placed> {
  for (const [revision, step] of madeBy) {
    if (step.outcome.type !== 'unknown') continue
    const { id, what, calledAt, returnedAt } = step
    yield { id, what, calledAt, returnedAt, position: 2 * revision, isSerializable: false }
  }
}

/** What a member answers of its own state may be old, so nobody has to wait for it. */
function placedLocally({ id, what, returnedAt, outcome }: OkStep): Placed {
  const position = 2 * outcome.revision + 1
  return { id, what, calledAt: -Infinity, returnedAt, position, isSerializable: true }
}

function placedSight({ at, revision, what }: Sight): Placed {
  const position = 2 * revision + 1
  return { id: -1, what, calledAt: -Infinity, returnedAt: at, position, isSerializable: false }
}
