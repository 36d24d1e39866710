/** The space quota: what a request may cost, and whether there is room for it. */

import type {
  LeaseGrantRequest,
  PutRequest,
  RequestOp,
  TxnRequest,
} from '../rpc/codec/etcdserverpb.ts'

/** What a key costs beside its bytes, as etcd reckons it: index, revision and record overhead. */
const KEY_OVERHEAD_BYTES = 256

/** What a lease costs. */
const LEASE_BYTES = 64

/** A request that may add to what is stored. */
export type GrowingRequest = PutRequest | TxnRequest | LeaseGrantRequest

/** An estimate of the bytes that the request adds; for a transaction, of its dearer branch. */
export function requestCost(request: GrowingRequest): number {
  if ('ttl' in request) return LEASE_BYTES
  return 'key' in request ? putCost(request) : txnCost(request)
}

function putCost(request: PutRequest): number {
  return KEY_OVERHEAD_BYTES + request.key.length + request.value.length
}

/** Total over the tree: a put hidden in a nested transaction counts like any other. */
function txnCost(request: TxnRequest): number {
  return Math.max(branchCost(request.success), branchCost(request.failure))
}

function branchCost(ops: readonly RequestOp[]): number {
  let cost = 0
  for (const { request } of ops) {
    if (request?.case === 'requestPut') cost += putCost(request.value)
    else if (request?.case === 'requestTxn') cost += txnCost(request.value)
  }
  return cost
}

/** True when a store of `usedBytes` has room for `cost` more under `quotaBytes`. */
export function hasRoom(usedBytes: number, cost: number, quotaBytes: number): boolean {
  return cost === 0 || usedBytes + cost < quotaBytes
}
