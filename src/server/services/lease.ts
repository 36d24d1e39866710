/** etcdserverpb.Lease: granting, revoking, keeping alive and looking up leases. */

import type { LeaseIds } from '../../lease/lease-ids.ts'
import type { LeaseTable } from '../../lease/lease-table.ts'
import type { Store } from '../../mvcc/store.ts'
import { defineBidi, defineUnary, type Method } from '../../rpc/engine.ts'
import {
  decodeLeaseGrantRequest,
  decodeLeaseKeepAliveRequest,
  decodeLeaseLeasesRequest,
  decodeLeaseRevokeRequest,
  decodeLeaseTimeToLiveRequest,
  encodeLeaseGrantResponse,
  encodeLeaseKeepAliveResponse,
  encodeLeaseLeasesResponse,
  encodeLeaseRevokeResponse,
  encodeLeaseTimeToLiveResponse,
  type LeaseGrantRequest,
  type LeaseGrantResponseInput,
  type LeaseKeepAliveResponseInput,
  type LeaseLeasesResponseInput,
  type LeaseRevokeRequest,
  type LeaseRevokeResponseInput,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import { etcdError } from '../errors.ts'
import { KeepAliveStream } from '../keep-alive-stream.ts'
import type { LeaseLoop } from '../lease-loop.ts'
import type { Proposer } from '../proposer.ts'
import type { ResponseHeaders } from '../response-header.ts'
import type { SpaceGuard } from '../space-guard.ts'

/** Seconds, as in etcd. */
const SESSION_TTL = 60

export interface LeaseParts {
  readonly store: Store
  readonly leases: LeaseTable
  readonly loop: LeaseLoop
  readonly ids: LeaseIds
  readonly proposer: Proposer
  readonly spaceGuard: SpaceGuard
  readonly headers: ResponseHeaders
}

export class LeaseService {
  readonly #parts: LeaseParts

  constructor(parts: LeaseParts) {
    this.#parts = parts
  }

  methods(): Method[] {
    return [
      defineUnary(
        '/etcdserverpb.Lease/LeaseGrant',
        { decode: decodeLeaseGrantRequest, encode: encodeLeaseGrantResponse },
        (request) => this.grant(request),
      ),
      defineUnary(
        '/etcdserverpb.Lease/LeaseRevoke',
        { decode: decodeLeaseRevokeRequest, encode: encodeLeaseRevokeResponse },
        (request) => this.revoke(request),
      ),
      defineBidi(
        '/etcdserverpb.Lease/LeaseKeepAlive',
        { decode: decodeLeaseKeepAliveRequest, encode: encodeLeaseKeepAliveResponse },
        (requests, responses, context) =>
          new KeepAliveStream(requests, responses, context, (id) => this.keepAlive(id)),
      ),
      defineUnary(
        '/etcdserverpb.Lease/LeaseTimeToLive',
        { decode: decodeLeaseTimeToLiveRequest, encode: encodeLeaseTimeToLiveResponse },
        (request) => this.timeToLive(request),
      ),
      defineUnary(
        '/etcdserverpb.Lease/LeaseLeases',
        { decode: decodeLeaseLeasesRequest, encode: encodeLeaseLeasesResponse },
        () => this.leases(),
      ),
    ]
  }

  /** The id and the TTL are settled before the proposal, so that every member grants the same. */
  async grant(request: LeaseGrantRequest): Promise<LeaseGrantResponseInput> {
    const { proposer, loop, spaceGuard, headers } = this.#parts
    if (!spaceGuard.hasRoom(request)) return spaceGuard.refuse()
    const id = request.id === 0n ? this.#freeId() : request.id
    const value = { id, ttl: Math.max(request.ttl, loop.minimumTtl) }
    const outcome = await proposer.propose<LeaseGrantResponseInput>({ case: 'leaseGrant', value })
    if (!outcome.ok) throw etcdError(outcome.error)
    return { ...outcome.response, header: headers.at(outcome.revision) }
  }

  /**
   * The lease to contend with for a lock or an election: the given one, or for 0n a new one. As in
   * etcd nobody here renews or revokes either: that is the caller's, who finds the id in the key
   * that it is answered.
   */
  async session(lease: bigint): Promise<bigint> {
    if (lease !== 0n) return lease
    const { id } = await this.grant({ id: 0n, ttl: SESSION_TTL })
    return id ?? 0n
  }

  async revoke({ id }: LeaseRevokeRequest): Promise<LeaseRevokeResponseInput> {
    const { proposer, headers } = this.#parts
    const value = { lease: id, term: 0, grantIndex: 0 }
    const outcome = await proposer.propose({ case: 'leaseRevoke', value })
    if (!outcome.ok) throw etcdError(outcome.error)
    return { header: headers.at(outcome.revision) }
  }

  /**
   * A lease that is not there, or not any more, is no error: it has 0 seconds. The header is made
   * first, so that no client sees a lease alive at a revision that it was gone at.
   */
  async keepAlive(id: bigint): Promise<LeaseKeepAliveResponseInput> {
    const { store, loop, headers } = this.#parts
    const header = headers.at(store.currentRevision)
    const renewed = await loop.renew(id)
    if (renewed.ok) return { header, id, ttl: renewed.ttl }
    if (renewed.error !== 'lease-not-found') throw etcdError(renewed.error)
    return { header, id, ttl: 0 }
  }

  async timeToLive({ id, keys }: LeaseTimeToLiveRequest): Promise<LeaseTimeToLiveResponseInput> {
    const { store, leases, loop, headers } = this.#parts
    const found = await loop.lookUp(id)
    if (!found.ok) throw etcdError(found.error)
    const header = headers.at(store.currentRevision)
    const { lease, remainingMs } = found
    if (lease === undefined) return { header, id, ttl: -1 }
    const ttl = Math.max(Math.trunc(remainingMs / 1000), 0)
    const attached = keys ? leases.keysOf(lease) : []
    return { header, id, ttl, grantedTtl: lease.ttl, keys: attached }
  }

  leases(): LeaseLeasesResponseInput {
    const { store, loop, headers } = this.#parts
    const leases = loop.list().map(({ id }) => ({ id }))
    return { header: headers.at(store.currentRevision), leases }
  }

  #freeId(): bigint {
    const { ids, leases } = this.#parts
    let id = ids.next()
    while (leases.has(id)) id = ids.next()
    return id
  }
}
