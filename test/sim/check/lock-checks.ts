/**
 * A lock has one owner. By time: two owners never rely on it at once, where an owner relies on it
 * from the answer until it unlocks or its lease may end. By revision: when a lock was answered, the
 * owner's key was there and older than every other contender's. So it is with campaigns.
 */

import { within, type History, type Operation } from './history.ts'
import { leaseLives } from './leases.ts'
import { reliableUntil, type LeaseCheckOptions } from './lease-checks.ts'
import type { RevisionOrder } from './revision-order.ts'
import { contendersOf, leavesOf } from './steps.ts'
import type { Violation } from './violation.ts'

interface Hold {
  readonly operation: Operation
  readonly name: string
  readonly key: string
  readonly revision: number
  readonly from: number
  readonly until: number
}

export function checkLocks(
  history: History,
  order: RevisionOrder,
  options: LeaseCheckOptions = {},
): Violation[] {
  if (!history.operations.some(({ request }) => request.type === 'lock')) return []
  const holds = holdsOf(history, order, options)
  return [...holds.flatMap((hold) => ownerProblem(hold, order)), ...overlaps(holds)]
}

function holdsOf(history: History, order: RevisionOrder, options: LeaseCheckOptions): Hold[] {
  const reliable = new Map(
    leaseLives(history, order).map((life) => [life.id, reliableUntil(life, options)]),
  )
  const deletions = deletionsOf(history)
  return history.operations.flatMap((operation): Hold[] => {
    const { request, outcome, returnedAt, calledAt } = operation
    if (request.type !== 'lock' || outcome.type !== 'ok' || outcome.result.type !== 'lock')
      return []
    const { key } = outcome.result
    const deleted = deletions.filter((one) => mayEnd(one, key, calledAt))
    const until = Math.min(
      reliable.get(request.lease) ?? Infinity,
      ...deleted.map((one) => one.calledAt),
    )
    const { revision } = outcome
    return [{ operation, name: request.name, key, revision, from: returnedAt, until }]
  })
}

/** Calls that may have deleted a contender's key. */
function deletionsOf({ operations }: History): Operation[] {
  return operations.filter(
    ({ request, outcome }) =>
      outcome.type !== 'failed' && ['unlock', 'delete', 'txn'].includes(request.type),
  )
}

/** What was over before the lock was asked for cannot have ended this hold. */
function mayEnd({ request, outcome, returnedAt }: Operation, key: string, from: number): boolean {
  if (outcome.type === 'ok' && returnedAt < from) return false
  if (request.type === 'unlock') return request.key === key
  if (request.type !== 'delete' && request.type !== 'txn') return false
  return [...leavesOf(request)].some((leaf) => leaf.type === 'delete' && within(leaf, key))
}

function ownerProblem(hold: Hold, order: RevisionOrder): Violation[] {
  const { name, key, revision, operation } = hold
  if (revision > order.model.revision) return []
  if (operation.request.type === 'lock' && operation.request.value !== undefined) {
    return campaignProblem(hold, order)
  }
  const why = whyNotOwner(hold, order.model, revision)
  if (why === undefined) return []
  const sentence = `operation ${operation.id} got lock ${name} with ${key} at revision ${revision}, but ${why}`
  return [{ kind: 'lock-not-owner', sentence, operations: [operation.id], revision }]
}

/** A campaign's answer names the revision of its key; that it led comes with a later one. */
function campaignProblem(hold: Hold, { model, madeBy, unknowns }: RevisionOrder): Violation[] {
  const { name, key, revision, operation } = hold
  let why: string | undefined
  for (let r = revision; r <= model.revision; r++) {
    if (r > revision && (madeBy.get(r)?.calledAt ?? 0) > operation.returnedAt) break
    why = whyNotOwner(hold, model, r)
    if (why === undefined) return []
  }
  if (unknowns.length > 0) return []
  const sentence = `operation ${operation.id} won ${name} with ${key} of revision ${revision}, but when it was answered ${why}`
  return [{ kind: 'lock-not-owner', sentence, operations: [operation.id], revision }]
}

function whyNotOwner(
  { name, key }: Hold,
  model: RevisionOrder['model'],
  revision: number,
): string | undefined {
  const contenders = model.live(contendersOf(name), revision)
  const own = contenders.find((kv) => kv.key === key)
  if (own === undefined) return 'its key is not there'
  const older = contenders.find((kv) => kv.createRevision < own.createRevision)
  return older && `${older.key} is older`
}

function overlaps(holds: readonly Hold[]): Violation[] {
  const sorted = holds
    .filter(({ from, until }) => from < until)
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.from - b.from))
  const violations: Violation[] = []
  let longest: Hold | undefined
  for (const hold of sorted) {
    if (longest === undefined || longest.name !== hold.name) longest = hold
    else {
      if (hold.from < longest.until && hold.key !== longest.key) {
        const ids = [longest.operation.id, hold.operation.id]
        const sentence = `operations ${ids.join(' and ')} both had lock ${hold.name} at ${hold.from}: ${longest.key} could rely on it until ${longest.until}`
        violations.push({ kind: 'lock-twice', sentence, operations: ids })
      }
      if (hold.until > longest.until) longest = hold
    }
  }
  return violations
}
