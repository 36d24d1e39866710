/** Whether an error that a call was refused with can be true, as far as the order of revisions tells. */

import type { RevisionOrder } from './revision-order.ts'
import { leavesOf, type Step } from './steps.ts'

export interface KnownOrder extends Pick<
  RevisionOrder,
  'model' | 'madeBy' | 'compactions' | 'highestSeen'
> {
  /** The order is known to its end. */
  readonly isWhole: boolean
}

/** Undefined: it can. */
export function problemOfError(step: Step, known: KnownOrder): string | undefined {
  if (step.outcome.type !== 'failed') return undefined
  switch (step.outcome.error) {
    case 'compacted':
      return problemOfCompacted(step, known)
    case 'future-revision':
      return problemOfFuture(step, known)
    case 'key-not-found':
      return problemOfMissing(step, known)
    default:
      return undefined
  }
}

function revisionsOf({ request }: Step): number[] {
  return [...leavesOf(request)].flatMap((leaf) =>
    leaf.type === 'range' || leaf.type === 'compact' ? [leaf.revision ?? 0] : [],
  )
}

function problemOfCompacted(step: Step, { compactions }: KnownOrder): string | undefined {
  const possible = compactions.possibleAt(step.returnedAt)
  const lowest = Math.min(...revisionsOf(step).filter((one) => one > 0))
  const isPossible = step.request.type === 'compact' ? lowest <= possible : lowest < possible
  return isPossible ? undefined : `compacted, but at most ${possible} was`
}

function problemOfFuture(step: Step, { highestSeen }: KnownOrder): string | undefined {
  const { request, calledAt } = step
  const seen = Math.max(1, highestSeen.before(calledAt))
  const isOld = request.type === 'range' && request.serializable === true
  if (isOld || Math.max(...revisionsOf(step)) > seen) return undefined
  return `a future revision, but ${seen} had been seen before`
}

function problemOfMissing(step: Step, known: KnownOrder): string | undefined {
  const { model, madeBy, highestSeen } = known
  const from = highestSeen.before(step.calledAt)
  let isUnknownFurther = !known.isWhole
  for (let revision = Math.max(from, 1); revision <= model.revision; revision++) {
    const made = madeBy.get(revision)
    if (revision > from && made !== undefined && made.calledAt > step.returnedAt) {
      isUnknownFurther = false
      break
    }
    if (lacksKey(step, revision, known)) return undefined
  }
  // Where the order is not known to its end, the key may be missing there.
  if (isUnknownFurther) return undefined
  return 'the key is said to be missing, but it was there all the time'
}

/** Whether a put that keeps something of its key had nothing to keep. */
function lacksKey({ request }: Step, revision: number, { model }: KnownOrder): boolean {
  for (const leaf of leavesOf(request)) {
    if (leaf.type !== 'put' || !(leaf.ignoreValue || leaf.ignoreLease)) continue
    if (model.at(leaf.key, revision) === undefined) return true
  }
  return false
}
