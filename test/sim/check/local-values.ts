/**
 * What single members' reads can be held to without any revision: a serializable read may be old, but
 * every value in it was put by a call that had begun before the read was answered.
 */

import type { History } from './history.ts'
import { kvsOf, leavesOf, stepsOf, type OkStep, type Steps } from './steps.ts'
import type { Violation } from './violation.ts'

export function unwrittenValues(history: History): Violation[] {
  const steps = stepsOf(history)
  if (steps.serializable.length === 0) return []
  const firstPut = firstPuts(steps)
  return steps.serializable.flatMap((step) => unwrittenValue(step, firstPut))
}

/** When each value was first asked for. */
function firstPuts({ known, unknown }: Steps): ReadonlyMap<string, number> {
  const first = new Map<string, number>()
  for (const { request, calledAt } of [...known, ...unknown]) {
    for (const leaf of leavesOf(request)) {
      if (leaf.type !== 'put') continue
      const name = nameOf(leaf)
      if ((first.get(name) ?? Infinity) > calledAt) first.set(name, calledAt)
    }
  }
  return first
}

function unwrittenValue(step: OkStep, firstPut: ReadonlyMap<string, number>): Violation[] {
  const { id, what, request, returnedAt, outcome } = step
  const hidesValues = [...leavesOf(request)].some((leaf) => leaf.type === 'range' && leaf.keysOnly)
  if (hidesValues || outcome.result === undefined) return []
  for (const kv of kvsOf(outcome.result)) {
    if ((firstPut.get(nameOf(kv)) ?? Infinity) <= returnedAt) continue
    const value = JSON.stringify(kv.value)
    const sentence = `${what} shows ${kv.key}=${value} at ${returnedAt}, which nobody had asked to put`
    return [{ kind: 'not-linearizable', sentence, operations: [id] }]
  }
  return []
}

function nameOf({ key, value }: { readonly key: string; readonly value: string }): string {
  return `${key}\u{ffff}${value}`
}
