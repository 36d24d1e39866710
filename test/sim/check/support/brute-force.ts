/**
 * Linearizability by trying every order of every choice of the calls: no memory, no pruning but
 * by time and by the first wrong answer. Only for histories of a handful of calls.
 */

import { difference, sameValues } from '../differences.ts'
import type { History } from '../history.ts'
import { KvModel } from '../kv-model.ts'
import { exactSteps, valueSteps, type SearchStep } from '../search-steps.ts'
import { isOk, type Step } from '../steps.ts'

export function isLinearizableByForce(history: History): boolean {
  const steps = exactSteps(history, false)
  const required = steps.filter(({ outcome }) => outcome.type !== 'unknown')
  const unknown = steps.filter(({ outcome }) => outcome.type === 'unknown')
  return subsets(unknown).some((some) => hasOrder([...required, ...some], [], isRight))
}

/** The same of values alone, whatever the revisions are. */
export function hasOrderOfValues(history: History): boolean {
  const steps = valueSteps(history, false)
  const required = steps.filter(({ outcome }) => outcome.type !== 'unknown')
  const unknown = steps.filter(({ outcome }) => outcome.type === 'unknown')
  return subsets<SearchStep>(unknown).some((some) => {
    const calls = some.flatMap(({ oneOf }) => (oneOf === undefined ? [] : [oneOf]))
    if (new Set(calls).size < calls.length) return false
    return hasOrder([...required, ...some], [], hasRightValues)
  })
}

function subsets<One extends Step>(steps: readonly One[]): One[][] {
  return steps.reduce<One[][]>((all, step) => [...all, ...all.map((one) => [...one, step])], [[]])
}

function hasOrder(
  rest: readonly Step[],
  order: readonly Step[],
  check: (order: readonly Step[]) => boolean,
): boolean {
  if (!check(order)) return false
  if (rest.length === 0) return true
  return rest.some((next) => {
    const others = rest.filter((one) => one !== next)
    if (others.some(({ returnedAt }) => returnedAt < next.calledAt)) return false
    return hasOrder(others, [...order, next], check)
  })
}

function isRight(order: readonly Step[]): boolean {
  const model = new KvModel()
  return order.every((step) => {
    const applied = model.apply(step.request)
    const { outcome } = step
    if (outcome.type === 'unknown') return true
    if (outcome.type === 'failed') return !applied.ok && applied.error === outcome.error
    if (!applied.ok || !isOk(step) || applied.revision !== outcome.revision) return false
    return outcome.result === undefined || difference(outcome.result, applied.result) === undefined
  })
}

function hasRightValues(order: readonly Step[]): boolean {
  const model = new KvModel()
  return order.every((step) => {
    const applied = model.apply(step.request)
    const { outcome } = step
    if (outcome.type === 'unknown') return true
    if (outcome.type === 'failed') return !applied.ok && applied.error === outcome.error
    if (!applied.ok || !isOk(step)) return false
    return outcome.result === undefined || sameValues(outcome.result, applied.result)
  })
}
