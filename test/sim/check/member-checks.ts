/** What single members say: their own reads, logs, final states and hashes. */

import { difference, eventsText, kvText, sameEvents, sameKv } from './differences.ts'
import type { FinalState, History, KeyValue, MemberLog } from './history.ts'
import { EVERYTHING } from './kv-model.ts'
import type { RevisionOrder } from './revision-order.ts'
import type { OkStep } from './steps.ts'
import { Growth, type Sight } from './timeline.ts'
import type { Violation } from './violation.ts'

export function checkMembers(
  history: History,
  order: RevisionOrder,
  { converged = true }: { readonly converged?: boolean } = {},
): Violation[] {
  return [
    ...order.steps.serializable.flatMap((step) => localReadProblem(order, step)),
    ...backwardReads(history),
    ...history.logs.flatMap((log) => logProblems(order, log)),
    ...history.finals.flatMap((final) => finalProblems(order, final, converged)),
    ...hashProblems(history),
  ]
}

/** A serializable read may be old, but it is of one revision. That it exists, the order checks. */
function localReadProblem({ model }: RevisionOrder, step: OkStep): Violation[] {
  const { request, outcome } = step
  const { revision, result } = outcome
  if (revision > model.revision || result === undefined) return []
  if (request.type !== 'range' && request.type !== 'txn') return []
  const problem = difference(result, model.readAt(request, revision))
  if (problem === undefined) return []
  const sentence = `${step.what} at revision ${revision}: ${problem}`
  return [{ kind: 'wrong-response', sentence, operations: [step.id], revision }]
}

const LOCAL = new Set(['put', 'range', 'delete', 'txn'])

/** What a member has once answered of its own state, it does not forget. */
function backwardReads({ operations }: History): Violation[] {
  const sights = new Map<string, Sight[]>()
  for (const { id, member, returnedAt, request, outcome } of operations) {
    if (outcome.type !== 'ok' || !LOCAL.has(request.type)) continue
    const list = sights.get(member) ?? []
    sights.set(member, list)
    list.push({ at: returnedAt, revision: outcome.revision, what: String(id) })
  }
  const growth = new Map([...sights].map(([member, list]) => [member, new Growth(list)]))
  return operations.flatMap(({ id, member, calledAt, request, outcome }): Violation[] => {
    if (outcome.type !== 'ok' || !LOCAL.has(request.type)) return []
    const before = growth.get(member)?.before(calledAt) ?? 0
    const { revision } = outcome
    if (revision >= before) return []
    const earlier = sights.get(member)?.find((one) => one.revision === before)
    const operationIds = [Number(earlier?.what), id]
    const sentence = `${member} answered operation ${id} at revision ${revision}, after it had answered operation ${earlier?.what} at ${before}`
    return [{ kind: 'serializable-went-back', sentence, operations: operationIds, revision }]
  })
}

function logProblems(order: RevisionOrder, { member, changes }: MemberLog): Violation[] {
  const problems: Violation[] = []
  let last = (changes[0]?.revision ?? 1) - 1
  for (const { revision, events } of changes) {
    if (revision !== last + 1) {
      const sentence = `the log of ${member} has revision ${revision} after ${last}`
      problems.push({ kind: 'members-disagree', sentence, operations: [], revision })
    }
    last = revision
    const expected = order.log[revision]
    if (expected === undefined || sameEvents(events, expected)) continue
    const maker = order.madeBy.get(revision)
    const isAnswered = maker?.outcome.type === 'ok'
    const sentence = `${member} has ${eventsText(events)} at revision ${revision} instead of ${eventsText(expected)}, by ${maker?.what}`
    const operations = maker === undefined ? [] : [maker.id]
    problems.push({
      kind: isAnswered ? 'lost-write' : 'members-disagree',
      sentence,
      operations,
      revision,
    })
  }
  return problems
}

function finalProblems(order: RevisionOrder, final: FinalState, converged: boolean): Violation[] {
  const { model, unknowns } = order
  const problems: Violation[] = []
  if (final.revision > model.revision) return problems
  if (converged && final.revision < model.revision) {
    const lost = order.madeBy.get(model.revision)
    problems.push({
      kind: lost?.outcome.type === 'ok' ? 'lost-write' : 'final-state-differs',
      sentence: `${final.member} ended at revision ${final.revision}, but ${model.revision} was made by ${lost?.what}`,
      operations: lost === undefined ? [] : [lost.id],
      revision: model.revision,
    })
  }
  if (unknowns.length > 0 && final.revision > order.log.length - 1) return problems
  const expected = new Map(model.live(EVERYTHING, final.revision).map((kv) => [kv.key, kv]))
  const actual = new Map(final.kvs.map((kv) => [kv.key, kv]))
  for (const key of new Set([...expected.keys(), ...actual.keys()])) {
    const [has, wanted] = [actual.get(key), expected.get(key)]
    if (has !== undefined && wanted !== undefined && sameKv(has, wanted)) continue
    problems.push(keyProblem(order, final, has, wanted))
  }
  return problems
}

function keyProblem(
  order: RevisionOrder,
  { member, revision }: FinalState,
  has: KeyValue | undefined,
  wanted: KeyValue | undefined,
): Violation {
  const made = wanted?.modRevision ?? 0
  const maker = order.madeBy.get(made)
  const isLost = maker?.outcome.type === 'ok' && (has?.modRevision ?? 0) < made
  return {
    kind: isLost ? 'lost-write' : 'final-state-differs',
    sentence: `${member} has ${kvText(has)} at revision ${revision} instead of ${kvText(wanted)}`,
    operations: maker === undefined ? [] : [maker.id],
    revision,
  }
}

interface Hashed {
  readonly member: string
  readonly name: string
  readonly hash: number
}

function hashProblems({ finals }: History): Violation[] {
  const first = new Map<string, Hashed>()
  const all = finals.flatMap(({ member, hashes = [] }) =>
    hashes.map(({ revision, compactRevision, hash }): Hashed => {
      return { member, name: `revision ${revision}, compacted at ${compactRevision}`, hash }
    }),
  )
  return all.flatMap((one): Violation[] => {
    const other = first.get(one.name)
    if (other === undefined) first.set(one.name, one)
    if (other === undefined || other.hash === one.hash) return []
    const sentence = `HashKV at ${one.name} is ${other.hash} on ${other.member} and ${one.hash} on ${one.member}`
    return [{ kind: 'hash-kv-differs', sentence, operations: [] }]
  })
}
