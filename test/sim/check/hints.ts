/**
 * Where in an order a step probably is, for a search that has to begin somewhere: by the revision it
 * was answered with, or the one it seems to have made. A wrong hint costs time and nothing else.
 */

import type { RevisionOrder } from './revision-order.ts'
import { isOk, wrote, type Step } from './steps.ts'

export class Hints {
  readonly #revisions = new Map<string, number>()

  constructor({ madeBy }: Pick<RevisionOrder, 'madeBy'>) {
    for (const [revision, step] of madeBy) {
      if (step.outcome.type === 'unknown') this.#revisions.set(nameOf(step), revision)
    }
  }

  /** Infinity: not at all. What failed changes nothing, so it comes as soon as it can. */
  of(step: Step): number {
    if (step.outcome.type === 'failed') return -1
    if (!isOk(step)) return 2 * (this.#revisions.get(nameOf(step)) ?? Infinity)
    return 2 * step.outcome.revision + (wrote(step) === true ? 0 : 1)
  }
}

/** A call may be several steps. */
function nameOf({ id, what }: Step): string {
  return `${id} ${what}`
}
