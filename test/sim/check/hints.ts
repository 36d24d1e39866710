/**
 * Where in an order a step probably is, for a search that has to begin somewhere: by the revision it
 * was answered with, or the one it seems to have made. A wrong hint costs time and nothing else.
 */

import type { KvEvent } from './history.ts'
import type { RevisionOrder } from './revision-order.ts'
import type { SearchStep } from './search-steps.ts'
import { isOk, leavesOf, wrote, type Step } from './steps.ts'

/** Without one nothing is known of those that were not answered. */
export type HintedOrder = Pick<RevisionOrder, 'madeBy' | 'log'>

export class Hints {
  readonly #revisions = new Map<string, number>()
  readonly #log: HintedOrder['log']

  constructor({ madeBy, log }: HintedOrder) {
    this.#log = log
    for (const [revision, step] of madeBy) {
      if (!isOk(step) || wrote(step) !== true) this.#revisions.set(nameOf(step), revision)
    }
  }

  /** Infinity: not at all. What failed changes nothing, so it comes as soon as it can. */
  of(step: SearchStep): number {
    if (step.outcome.type === 'failed') return -1
    if (isOk(step) && wrote(step) === true) return 2 * step.outcome.revision
    const made = this.#revisions.get(nameOf(step))
    if (made !== undefined) return this.#isMadeBy(step, made) ? 2 * made : Infinity
    return isOk(step) ? 2 * step.outcome.revision + 1 : Infinity
  }

  /** Of several that the call may have been, the one with the changes that were made. */
  #isMadeBy({ oneOf, request }: SearchStep, revision: number): boolean {
    if (oneOf === undefined) return true
    const changes = this.#log[revision] ?? []
    const puts = [...leavesOf(request)].filter((leaf) => leaf.type === 'put')
    const isMade = (key: string, value: string): boolean =>
      changes.some(({ type, kv }) => type === 'put' && kv.key === key && kv.value === value)
    return (
      puts.every((put) => put.ignoreValue || isMade(put.key, put.value)) &&
      puts.length >= countOfPuts(changes)
    )
  }
}

function countOfPuts(changes: readonly KvEvent[]): number {
  return changes.filter(({ type }) => type === 'put').length
}

/** A call may be several steps. */
function nameOf({ id, what }: Step): string {
  return `${id} ${what}`
}
