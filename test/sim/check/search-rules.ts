/** What a search asks of each step: with revisions, or of values alone. */

import { difference, sameValues } from './differences.ts'
import type { Applied } from './kv-model.ts'
import type { Step } from './steps.ts'
import { leavesOf, wrote, isOk, type OkStep } from './steps.ts'

export interface SearchRules {
  /** Whether a call that was answered may have been answered so. */
  fits(step: OkStep, applied: Extract<Applied, { ok: true }>): boolean
  /** The highest revision that the state may have while the step is still to come. */
  ceiling(step: Step): number
  /** Whether an answered call is known to have made the revision. */
  claims(revision: number): boolean
  /**
   * 'path': states are the same only with the same history, as a range may ask for an old revision.
   * Else they are when their values are, and their versions where somebody can see those.
   */
  readonly sameState: 'path' | 'values' | 'values-and-versions'
}

export function exactRules(steps: readonly Step[]): SearchRules {
  const claimed = new Set(
    steps.filter(isOk).flatMap((step) => (wrote(step) === true ? [step.outcome.revision] : [])),
  )
  return {
    fits: ({ outcome }, applied) =>
      applied.revision === outcome.revision &&
      (outcome.result === undefined || difference(outcome.result, applied.result) === undefined),
    ceiling: ({ outcome }) => (outcome.type === 'ok' ? outcome.revision : Infinity),
    claims: (revision) => claimed.has(revision),
    sameState: 'path',
  }
}

export function valueRules(steps: readonly Step[]): SearchRules {
  return {
    fits: ({ outcome }, applied) =>
      outcome.result === undefined || sameValues(outcome.result, applied.result),
    ceiling: () => Infinity,
    claims: () => false,
    sameState: steps.some(seesVersions) ? 'values-and-versions' : 'values',
  }
}

function seesVersions({ request, outcome }: Step): boolean {
  if (request.type === 'txn' && request.compares.some(({ target }) => target === 'version')) {
    return true
  }
  for (const leaf of leavesOf(request)) {
    if (leaf.type === 'range' && !leaf.countOnly) return true
    if ((leaf.type === 'put' || leaf.type === 'delete') && leaf.prevKv) return true
  }
  // A nested transaction may compare versions too: rare, so all that have one count.
  return outcome.type !== 'failed' && request.type === 'txn' && isNested(request)
}

function isNested({ success, failure }: Extract<Step['request'], { type: 'txn' }>): boolean {
  return [...success, ...failure].some(({ type }) => type === 'txn')
}
