/**
 * Linearizability by trying every order of every choice of the calls: no memory, no pruning but
 * time. Only for histories of a handful of calls.
 */

import { difference } from '../differences.ts'
import { isSerializable, type History } from '../history.ts'
import { KvModel } from '../kv-model.ts'
import { isOk, stepsOf, type Step } from '../steps.ts'

export function isLinearizableByForce(history: History): boolean {
  const { known, failed, unknown } = stepsOf(history)
  const required = [...known, ...failed.filter(({ request }) => !isSerializable(request))]
  return subsets(unknown).some((some) => hasOrder([...required, ...some], []))
}

function subsets(steps: readonly Step[]): Step[][] {
  return steps.reduce<Step[][]>((all, step) => [...all, ...all.map((one) => [...one, step])], [[]])
}

function hasOrder(rest: readonly Step[], order: readonly Step[]): boolean {
  if (rest.length === 0) return isRight(order)
  return rest.some((next) => {
    const others = rest.filter((one) => one !== next)
    if (others.some(({ returnedAt }) => returnedAt < next.calledAt)) return false
    return hasOrder(others, [...order, next])
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
