/**
 * A lease lives as long as was promised, ends soon after, and never comes back. Nor is it said to
 * have less left than that.
 *
 *     renewed at some time in [called, returned]
 *          called ├──────── TTL · (1 − error) ────────┤ must live up to here
 *                   returned ├──────── TTL · (1 + error) + lateMs ────────┤ must be gone from here
 */

import type { History } from './history.ts'
import { EVERYTHING } from './kv-model.ts'
import { grantedId, leaseLives, type LeaseLife, type LeaseSight } from './leases.ts'
import type { RevisionOrder } from './revision-order.ts'
import type { Violation, ViolationKind } from './violation.ts'

export interface LeaseCheckOptions {
  /** How much faster or slower than the recorders' clock a member's may go: 0.1 is ten percent. */
  readonly clockRateError?: number
  /** How far a member's clock may have jumped forward, in all. */
  readonly clockJumpMs?: number
  /** How long after its end a lease may still be there; absent, it may for ever. */
  readonly lateMs?: number
  /**
   * Since when nothing disturbs the cluster, and what was not answered before has happened or never
   * will. Before, nothing has to end in time.
   */
  readonly healthyFrom?: number
}

export function checkLeases(
  history: History,
  order: RevisionOrder,
  options: LeaseCheckOptions = {},
): Violation[] {
  const missing = missingLeases(history)
  const lives = leaseLives(history, order)
  if (lives.length === 0) return missing
  const latestCall = options.lateMs === undefined ? [] : latestCalls(order)
  const problems = lives.flatMap((life) => {
    const early = earlyEnds(life, options)
    const late =
      options.lateMs === undefined ? [] : lateEnds(life, history, order, options, latestCall)
    return [...early, ...lowTtls(life, options), ...revivals(life), ...late]
  })
  return [...missing, ...problems]
}

/** Answered puts with a lease that nobody had asked for yet. */
function missingLeases({ operations }: History): Violation[] {
  const grantedFrom = new Map<bigint, number>()
  for (const operation of operations) {
    if (operation.request.type !== 'lease-grant' || operation.outcome.type === 'failed') continue
    const id = grantedId(operation)
    grantedFrom.set(id, Math.min(grantedFrom.get(id) ?? Infinity, operation.calledAt))
  }
  // A grant whose answer is lost may have been of any id.
  if (grantedFrom.has(0n)) return []
  return operations.flatMap(({ id, request, outcome, returnedAt }): Violation[] => {
    if (request.type !== 'put' || outcome.type !== 'ok' || !request.lease) return []
    if ((grantedFrom.get(request.lease) ?? Infinity) <= returnedAt) return []
    const sentence = `lease ${request.lease}: operation ${id} put a key with it, but nobody had asked for it`
    return [{ kind: 'lease-missing', sentence, operations: [id] }]
  })
}

/** The time up to which its clients can rely on a lease: its end is not before. */
export function reliableUntil(life: LeaseLife, options: LeaseCheckOptions): number {
  const promisedMs = promiseOf(life, options)
  const ends = life.renewals.map(({ calledAt }) => calledAt + promisedMs)
  return Math.min(life.revokeCalledAt, Math.max(-Infinity, ...ends))
}

/** How long a renewal is good for, whatever clocks do. */
function promiseOf(
  { ttl }: LeaseLife,
  { clockRateError = 0, clockJumpMs = 0 }: LeaseCheckOptions,
): number {
  return ttl * 1000 * (1 - clockRateError) - clockJumpMs
}

function earlyEnds(life: LeaseLife, options: LeaseCheckOptions): Violation[] {
  const until = reliableUntil(life, options)
  const { grant } = life
  if (grant.outcome.type !== 'ok') return []
  return [...life.gone, ...life.expired]
    .filter(({ at, calledAt }) => at < until && calledAt > grant.returnedAt)
    .map(({ at, what, operations }) => {
      const renewal = life.renewals.reduce((a, b) => (b.calledAt > a.calledAt ? b : a))
      const text = `${what} shows at ${at} that it is gone, but operation ${renewal.id} made it last until ${until}`
      return found('lease-early', life, text, [renewal.id, ...operations])
    })
}

/** Nobody is told that a lease has less left than it was promised; the answer is in whole seconds. */
function lowTtls(life: LeaseLife, options: LeaseCheckOptions): Violation[] {
  const promisedMs = promiseOf(life, options)
  return life.remaining.flatMap(({ at, calledAt, ttl, what, operations }): Violation[] => {
    const renewals = life.renewals.filter(({ returnedAt }) => returnedAt < calledAt)
    const until = Math.max(-Infinity, ...renewals.map((one) => one.calledAt + promisedMs))
    if (life.revokeCalledAt <= at || until - at <= (ttl + 1) * 1000) return []
    const text = `${what} at ${at} gives it ${ttl} s, but it was to last until ${until}`
    return [found('lease-early', life, text, operations)]
  })
}

function revivals(life: LeaseLife): Violation[] {
  const goneAt = Math.min(
    Infinity,
    ...life.gone.filter((one) => isAfter(one, life)).map(({ at }) => at),
  )
  if (goneAt === Infinity) return []
  const renewals = life.renewals.map(({ id, calledAt }) => ({ calledAt, operations: [id] }))
  return [...renewals, ...life.alive]
    .filter(({ calledAt }) => calledAt > goneAt)
    .map(({ calledAt, operations }) => {
      const text = `operation ${operations[0]}, called at ${calledAt}, found it alive, but it was gone at ${goneAt}`
      return found('lease-revived', life, text, operations)
    })
}

/** What shows that a lease is gone does so only once it has been granted. */
function isAfter({ calledAt }: LeaseSight, { grant }: LeaseLife): boolean {
  return grant.outcome.type === 'ok' && calledAt > grant.returnedAt
}

function lateEnds(
  life: LeaseLife,
  history: History,
  order: RevisionOrder,
  { clockRateError = 0, lateMs = 0, healthyFrom = 0 }: LeaseCheckOptions,
  latestCall: readonly number[],
): Violation[] {
  if (life.maybeRenewals.some(({ returnedAt }) => returnedAt >= healthyFrom)) return []
  const from = Math.max(healthyFrom, ...life.renewals.map(({ returnedAt }) => returnedAt))
  const deadline = from + life.ttl * 1000 * (1 + clockRateError) + lateMs
  const sights = [...life.alive, ...aliveByState(life, history, order, latestCall)]
  return sights
    .filter(({ calledAt }) => calledAt > deadline)
    .map(({ what, calledAt, operations }) => {
      const text = `${what}, asked at ${calledAt}, shows it alive, but it had to end by ${deadline}`
      return found('lease-late', life, text, operations)
    })
}

/** Its keys were there up to a revision, and somebody was answered before that revision. */
function aliveByState(
  life: LeaseLife,
  history: History,
  { model }: RevisionOrder,
  latestCall: readonly number[],
): LeaseSight[] {
  const sights: LeaseSight[] = []
  for (const { member, at, leases = [] } of history.finals) {
    if (!leases.includes(life.id)) continue
    sights.push({ at, calledAt: at, what: `the final state of ${member}`, operations: [] })
  }
  const live = (): boolean =>
    model.live(EVERYTHING, model.revision).some(({ lease }) => lease === life.id)
  const last = life.endRevision === undefined ? (live() ? model.revision : 0) : life.endRevision - 1
  const calledAt = latestCall[last]
  if (calledAt !== undefined && calledAt > -Infinity) {
    const what = `an answer at revision ${last} or before`
    sights.push({ at: calledAt, calledAt, what, operations: [] })
  }
  return sights
}

/** By revision, the latest call that was answered at it or before it. */
function latestCalls({ steps, model }: RevisionOrder): number[] {
  const latest = Array.from({ length: model.revision + 1 }, () => -Infinity)
  for (const { calledAt, outcome } of steps.known) {
    const { revision } = outcome
    if (revision < latest.length) latest[revision] = Math.max(latest[revision]!, calledAt)
  }
  for (let r = 1; r < latest.length; r++) latest[r] = Math.max(latest[r]!, latest[r - 1]!)
  return latest
}

function found(
  kind: ViolationKind,
  { id }: LeaseLife,
  text: string,
  operations: readonly number[],
): Violation {
  return { kind, sentence: `lease ${id}: ${text}`, operations }
}
