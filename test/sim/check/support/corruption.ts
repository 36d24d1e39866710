/** One random change of an answer or of its time: the history may be right or wrong afterwards. */

import type { History, Operation, Outcome } from '../history.ts'
import { isSerializable } from '../history.ts'
import { KvModel } from '../kv-model.ts'
import type { Random } from './random.ts'

export function corrupted(history: History, random: Random): History {
  if (history.operations.length === 0) return history
  const target = random.pick(history.operations)
  const other = random.pick(history.operations)
  const change = changed(target, other, random)
  const operations = history.operations.map((one) => (one === target ? { ...one, ...change } : one))
  return { ...history, operations }
}

/** The same, but of what is answered and not of revisions. */
export function corruptedAnswer(history: History, random: Random): History {
  const answered = history.operations.filter(({ outcome }) => outcome.type === 'ok')
  if (answered.length === 0) return history
  const target = random.pick(answered)
  const alike = answered.filter(({ request }) => request.type === target.request.type)
  const outcome = random.chance(0.5) ? emptied(target) : random.pick(alike).outcome
  const operations = history.operations.map((one) => (one === target ? { ...one, outcome } : one))
  return { ...history, operations }
}

function changed(target: Operation, other: Operation, random: Random): Partial<Operation> {
  const { outcome } = target
  switch (random.int(0, 5)) {
    case 0:
      return { outcome: moved(outcome, random.chance(0.5) ? 1 : -1) }
    case 1:
      return { outcome: { type: 'unknown' } }
    case 2:
      return shifted(target, random.between(-12, 12))
    case 3:
      return other.request.type === target.request.type ? { outcome: other.outcome } : {}
    case 4:
      return { outcome: emptied(target) }
    default:
      if (target.request.type !== 'range' || isSerializable(target.request)) return {}
      return { outcome: { type: 'failed', error: 'future-revision' } }
  }
}

function moved(outcome: Outcome, by: number): Outcome {
  if (outcome.type !== 'ok') return outcome
  return { ...outcome, revision: Math.max(1, outcome.revision + by) }
}

function shifted({ calledAt, returnedAt }: Operation, by: number): Partial<Operation> {
  const moved = Math.max(-calledAt, by)
  return { calledAt: calledAt + moved, returnedAt: returnedAt + moved }
}

/** The answer of an empty store, under the revision it had. */
function emptied({ request, outcome }: Operation): Outcome {
  if (outcome.type !== 'ok' || request.type === 'lock' || request.type === 'unlock') return outcome
  if (request.type === 'lease-keep-alive' || request.type === 'lease-time-to-live') return outcome
  if (request.type === 'proclaim' || request.type === 'leader') return outcome
  if (request.type === 'alarm') return outcome
  const applied = new KvModel().apply(request)
  return applied.ok ? { ...outcome, result: applied.result } : outcome
}
