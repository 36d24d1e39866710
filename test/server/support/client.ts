/** What clients ask of a member, in few words. */

import { decodeKeyValue } from '../../../src/mvcc/kv.ts'
import type {
  DeleteRangeResponseInput,
  HashKVResponseInput,
  LeaseGrantResponseInput,
  LeaseKeepAliveResponseInput,
  LeaseLeasesResponseInput,
  LeaseTimeToLiveResponseInput,
  PutResponseInput,
  RangeResponseInput,
} from '../../../src/rpc/codec/etcdserverpb.ts'
import type { Member } from '../../../src/server/membership.ts'
import { bytes, deleteRequest, k, putRequest, rangeRequest, text } from './requests.ts'
import type { TestMember } from './test-cluster.ts'

export function put(
  { test }: TestMember,
  key: string,
  value = key,
  lease = 0n,
): Promise<PutResponseInput> {
  return test.call('KV.Put', putRequest({ key: k(key), value: bytes(value), lease }))
}

export function remove({ test }: TestMember, key: string): Promise<DeleteRangeResponseInput> {
  return test.call('KV.DeleteRange', deleteRequest({ key: k(key) }))
}

/** All keys with their values, as "key=value", in order. */
export async function contents({ test }: TestMember, serializable = false): Promise<string[]> {
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), serializable })
  const { kvs = [] } = await test.call<RangeResponseInput>('KV.Range', request)
  return kvs.map((kv) => {
    const { key, value } = decodeKeyValue(kv)
    return `${key}=${text(value)}`
  })
}

export function compact({ test }: TestMember, revision: number): Promise<object> {
  return test.call('KV.Compact', { revision, physical: false })
}

export function grant(
  { test }: TestMember,
  id: number,
  ttl: number,
): Promise<LeaseGrantResponseInput> {
  return test.call('Lease.LeaseGrant', { id: BigInt(id), ttl })
}

export function timeToLive(
  { test }: TestMember,
  id: number,
): Promise<LeaseTimeToLiveResponseInput> {
  return test.call('Lease.LeaseTimeToLive', { id: BigInt(id), keys: true })
}

export async function hashKv({ test }: TestMember, revision = 0): Promise<HashKVResponseInput> {
  return test.call('Maintenance.HashKV', { revision })
}

export function moveLeader({ test }: TestMember, targetId: string): Promise<object> {
  return test.call('Maintenance.MoveLeader', { targetId })
}

export interface AddedMember {
  readonly member: Member
  /** All of them, it included. */
  readonly members: readonly Member[]
}

export function addMember(
  { test }: TestMember,
  peerUrl: string,
  isLearner = false,
): Promise<AddedMember> {
  return test.call('Cluster.MemberAdd', { peerUrls: [peerUrl], isLearner })
}

/** The seconds that it has from now on, 0 when it is gone. */
export function keepAlive({ test }: TestMember, id: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const requests = {
      onMessage: (listener: (request: object) => void) => listener({ id: BigInt(id) }),
      onEnd: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
    }
    const responses = {
      send: ({ ttl = 0 }: LeaseKeepAliveResponseInput) => {
        resolve(ttl)
        return true
      },
      onDrain: () => undefined,
      end: () => reject(new Error('ended without an answer')),
      fail: reject,
    }
    test.bidi('Lease.LeaseKeepAlive', requests, responses)
  })
}

/** In the order in which they are listed. */
export async function leaseIds({ test }: TestMember): Promise<string[]> {
  const { leases = [] } = await test.call<LeaseLeasesResponseInput>('Lease.LeaseLeases', {})
  return leases.map(({ id }) => String(id))
}

export function removeMember({ test }: TestMember, id: string): Promise<object> {
  return test.call('Cluster.MemberRemove', { id })
}

export function promoteMember({ test }: TestMember, id: string): Promise<object> {
  return test.call('Cluster.MemberPromote', { id })
}
