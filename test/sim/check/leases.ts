/**
 * What a history says about each lease: when it certainly lived, and when it was certainly gone.
 * Of an id that was granted more than once only the last life is looked at, and only where it is
 * certain that every other grant was over before.
 */

import type { History, Operation } from './history.ts'
import type { RevisionOrder } from './revision-order.ts'
import { leavesOf } from './steps.ts'

export interface LeaseSight {
  readonly at: number
  readonly calledAt: number
  readonly what: string
  readonly operations: readonly number[]
}

export interface LeaseLife {
  readonly id: bigint
  /** Seconds, as granted. */
  readonly ttl: number
  readonly grant: Operation
  /** Certain ones, the grant too. */
  readonly renewals: readonly Operation[]
  /** Keep-alives that may have renewed it. */
  readonly maybeRenewals: readonly Operation[]
  /** The earliest call of a client that may have ended it; Infinity when there is none. */
  readonly revokeCalledAt: number
  /** It did not exist in the table. */
  readonly gone: readonly LeaseSight[]
  /** It was expired, though perhaps still there. */
  readonly expired: readonly LeaseSight[]
  /** It existed. */
  readonly alive: readonly LeaseSight[]
  /** How many seconds it was said to have left. */
  readonly remaining: readonly (LeaseSight & { readonly ttl: number })[]
  /** The revision that its end made, if it had keys. */
  readonly endRevision: number | undefined
}

export function leaseLives(history: History, order: RevisionOrder): LeaseLife[] {
  const collectors = new Map<bigint, Collector>()
  const grants = new Map<bigint, Operation[]>()
  for (const operation of history.operations) {
    const { request, outcome } = operation
    if (request.type !== 'lease-grant' || outcome.type === 'failed') continue
    const id = grantedId(operation)
    if (id === 0n) continue
    grants.set(id, [...(grants.get(id) ?? []), operation])
  }
  for (const [id, all] of grants) {
    const grant = lastLife(all)
    if (grant !== undefined) collectors.set(id, new Collector(id, grant, all.length > 1))
  }
  for (const operation of history.operations) {
    for (const id of leasesOf(operation)) collectors.get(id)?.add(operation)
  }
  for (const [revision, maker] of order.madeBy) {
    const { request } = maker
    if (request.type !== 'lease-revoke') continue
    const all = order.alternatives.get(revision) ?? [maker]
    if (all.some((one) => one.request.type !== 'lease-revoke')) continue
    collectors.get(request.lease)?.end(revision, order.seen[revision] ?? Infinity)
  }
  return [...collectors.values()].map((one) => one.life())
}

/** The grant after which there was no other. */
function lastLife(grants: readonly Operation[]): Operation | undefined {
  const last = grants.reduce((a, b) => (b.calledAt > a.calledAt ? b : a))
  if (grants.length === 1) return last
  const isCertain = grants.every(({ outcome }) => outcome.type === 'ok')
  const isApart = grants.every((one) => one === last || one.returnedAt < last.calledAt)
  return isCertain && isApart ? last : undefined
}

/** 0: the server chose it, and the answer is lost. */
export function grantedId({ request, outcome }: Operation): bigint {
  if (outcome.type === 'ok' && outcome.result.type === 'lease-grant') {
    const { lease } = outcome.result
    if (lease !== undefined) return lease
  }
  return request.type === 'lease-grant' ? request.lease : 0n
}

function leasesOf({ request }: Operation): bigint[] {
  switch (request.type) {
    case 'lease-keep-alive':
    case 'lease-time-to-live':
    case 'lease-revoke':
    case 'lock':
    case 'proclaim':
      return [request.lease]
    case 'put':
    case 'txn': {
      const leases = [...leavesOf(request)].flatMap((leaf) =>
        leaf.type === 'put' && leaf.lease !== undefined ? [leaf.lease] : [],
      )
      return [...new Set(leases)]
    }
    default:
      return []
  }
}

class Collector {
  readonly id: bigint
  /** What was called before it was granted may be about an earlier lease of the same id. */
  readonly #askedAt: number
  readonly #grantedAt: number
  readonly #grant: Operation
  readonly #ttl: number
  readonly #renewals: Operation[] = []
  readonly #maybeRenewals: Operation[] = []
  readonly #gone: LeaseSight[] = []
  readonly #expired: LeaseSight[] = []
  readonly #alive: LeaseSight[] = []
  readonly #remaining: (LeaseSight & { readonly ttl: number })[] = []
  #revokeCalledAt = Infinity
  #endRevision: number | undefined

  /** `isAgain`: the id had a life before. */
  constructor(id: bigint, grant: Operation, isAgain: boolean) {
    this.id = id
    this.#askedAt = isAgain ? grant.calledAt : -Infinity
    this.#grantedAt = isAgain ? grant.returnedAt : -Infinity
    this.#grant = grant
    const { request, outcome } = grant
    const asked = request.type === 'lease-grant' ? request.ttl : 0
    const isGranted = outcome.type === 'ok' && outcome.result.type === 'lease-grant'
    this.#ttl = isGranted ? outcome.result.ttl : asked
    ;(isGranted ? this.#renewals : this.#maybeRenewals).push(grant)
  }

  add(operation: Operation): void {
    const { request, outcome, calledAt, returnedAt, id } = operation
    // What is over cannot have touched this life; a call under way may have.
    if (outcome.type !== 'unknown' && returnedAt < this.#askedAt) return
    if (calledAt < this.#grantedAt && request.type !== 'lease-revoke') {
      if (request.type === 'lease-keep-alive') this.#maybeRenewals.push(operation)
      return
    }
    const sight: LeaseSight = {
      at: returnedAt,
      calledAt,
      what: `the answer to operation ${id}`,
      operations: [id],
    }
    if (request.type === 'lease-revoke') {
      if (outcome.type !== 'failed') this.#revokeCalledAt = Math.min(this.#revokeCalledAt, calledAt)
      if (outcome.type === 'ok') this.#gone.push(sight)
    }
    if (outcome.type === 'failed') {
      const uses = request.type === 'txn' ? leasesOf(operation).length : 1
      if (outcome.error === 'lease-not-found' && uses === 1) this.#gone.push(sight)
      return
    }
    if (request.type === 'lease-keep-alive' && outcome.type === 'unknown') {
      this.#maybeRenewals.push(operation)
    }
    if (outcome.type !== 'ok') return
    const { result } = outcome
    if (result.type === 'lease-keep-alive') {
      if (result.ttl > 0) this.#renewals.push(operation)
      else this.#gone.push(sight)
    }
    if (result.type === 'lease-time-to-live')
      (result.ttl < 0 ? this.#expired : this.#alive).push(sight)
    if (result.type === 'lease-time-to-live' && result.ttl >= 0) {
      this.#remaining.push({ ...sight, ttl: result.ttl })
    }
    if (result.type === 'put') this.#alive.push(sight)
  }

  end(revision: number, seenAt: number): void {
    this.#endRevision = revision
    const what = `revision ${revision}, which deleted its keys,`
    this.#gone.push({ at: seenAt, calledAt: seenAt, what, operations: [] })
  }

  life(): LeaseLife {
    return {
      id: this.id,
      ttl: this.#ttl,
      grant: this.#grant,
      renewals: this.#renewals,
      maybeRenewals: this.#maybeRenewals,
      revokeCalledAt: this.#revokeCalledAt,
      gone: this.#gone,
      expired: this.#expired,
      alive: this.#alive,
      remaining: this.#remaining,
      endRevision: this.#endRevision,
    }
  }
}
