/**
 * What a history says about each lease: when it certainly lived, and when it was certainly gone.
 * Leases whose id was granted more than once are left out: nothing tells their lives apart.
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
  /** The revision that its end made, if it had keys. */
  readonly endRevision: number | undefined
}

export function leaseLives(history: History, order: RevisionOrder): LeaseLife[] {
  const collectors = new Map<bigint, Collector>()
  const doubtful = new Set<bigint>()
  for (const operation of history.operations) {
    const { request, outcome } = operation
    if (request.type !== 'lease-grant' || outcome.type === 'failed') continue
    const id = grantedId(operation)
    if (id === 0n) continue
    if (collectors.has(id)) doubtful.add(id)
    collectors.set(id, new Collector(id, operation))
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
  return [...collectors.values()].filter(({ id }) => !doubtful.has(id)).map((one) => one.life())
}

function grantedId({ request, outcome }: Operation): bigint {
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
  readonly #grant: Operation
  readonly #ttl: number
  readonly #renewals: Operation[] = []
  readonly #maybeRenewals: Operation[] = []
  readonly #gone: LeaseSight[] = []
  readonly #expired: LeaseSight[] = []
  readonly #alive: LeaseSight[] = []
  #revokeCalledAt = Infinity
  #endRevision: number | undefined

  constructor(id: bigint, grant: Operation) {
    this.id = id
    this.#grant = grant
    const { request, outcome } = grant
    const asked = request.type === 'lease-grant' ? request.ttl : 0
    const isGranted = outcome.type === 'ok' && outcome.result.type === 'lease-grant'
    this.#ttl = isGranted ? outcome.result.ttl : asked
    ;(isGranted ? this.#renewals : this.#maybeRenewals).push(grant)
  }

  add(operation: Operation): void {
    const { request, outcome, calledAt, returnedAt, id } = operation
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
      endRevision: this.#endRevision,
    }
  }
}
