/**
 * The checks that need no state: what a request must satisfy before it is proposed or read.
 * Order matters where two rules could apply, because clients see which one won.
 */

import type { Key } from '../base/key.ts'
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  type TxnRequest,
} from '../rpc/codec/etcdserverpb.ts'
import type { ErrorName } from './errors.ts'
import { DeletedKeys } from './deleted-keys.ts'

export function checkRangeRequest(request: RangeRequest): ErrorName | undefined {
  if (request.key.length === 0) return 'empty-key'
  const { sortOrder, sortTarget } = request
  if (sortOrder < SortOrder.NONE || sortOrder > SortOrder.DESCEND) return 'invalid-sort-option'
  if (sortTarget < SortTarget.KEY || sortTarget > SortTarget.VALUE) return 'invalid-sort-option'
  return undefined
}

export function checkPutRequest(request: PutRequest): ErrorName | undefined {
  if (request.key.length === 0) return 'empty-key'
  if (request.ignoreValue && request.value.length > 0) return 'value-provided'
  if (request.ignoreLease && request.lease !== 0n) return 'lease-provided'
  return undefined
}

export function checkDeleteRangeRequest(request: DeleteRangeRequest): ErrorName | undefined {
  return request.key.length === 0 ? 'empty-key' : undefined
}

/**
 * Checks a transaction tree. Each level may hold `maxOps` compares, successes or failures,
 * whichever is the most; what a level uses is taken from its children's allowance, which also
 * bounds the depth.
 */
export function checkTxnRequest(request: TxnRequest, maxOps: number): ErrorName | undefined {
  return (
    checkOps(request, maxOps) ?? checkOverlaps(request.success) ?? checkOverlaps(request.failure)
  )
}

function checkOps(request: TxnRequest, maxOps: number): ErrorName | undefined {
  const { compare, success, failure } = request
  const used = Math.max(compare.length, success.length, failure.length)
  if (used > maxOps) return 'too-many-ops'
  if (compare.some((one) => one.key.length === 0)) return 'empty-key'
  for (const op of [...success, ...failure]) {
    const error = checkOp(op, maxOps - used)
    if (error !== undefined) return error
  }
  return undefined
}

function checkOp(op: RequestOp, maxOps: number): ErrorName | undefined {
  const request = op.request
  switch (request?.case) {
    case 'requestRange':
      return checkRangeRequest(request.value)
    case 'requestPut':
      return checkPutRequest(request.value)
    case 'requestDeleteRange':
      return checkDeleteRangeRequest(request.value)
    case 'requestTxn':
      return checkOps(request.value, maxOps)
    case undefined:
      return 'key-not-found'
  }
}

interface Touched {
  readonly puts: Set<Key>
  readonly deletes: DeletedKeys
}

function checkOverlaps(ops: readonly RequestOp[]): ErrorName | undefined {
  return collectTouched(ops) === undefined ? 'duplicate-key' : undefined
}

/**
 * What a branch puts and deletes, or undefined when one key would be put twice, or put and
 * deleted. The two branches of a nested transaction exclude each other, so both may touch a key.
 */
function collectTouched(ops: readonly RequestOp[]): Touched | undefined {
  const puts = new Set<Key>()
  const deletes = new DeletedKeys()
  for (const { request } of ops) {
    if (request?.case === 'requestDeleteRange') deletes.add(request.value)
  }
  for (const { request } of ops) {
    if (request?.case !== 'requestTxn') continue
    const success = collectTouched(request.value.success)
    const failure = collectTouched(request.value.failure)
    if (success === undefined || failure === undefined) return undefined
    for (const branch of [success, failure]) {
      for (const key of branch.puts) {
        const inOtherBranch = branch === failure && success.puts.has(key)
        if ((puts.has(key) && !inOtherBranch) || deletes.has(key)) return undefined
      }
      for (const key of branch.puts) puts.add(key)
    }
    deletes.addAll(success.deletes)
    deletes.addAll(failure.deletes)
  }
  for (const { request } of ops) {
    if (request?.case !== 'requestPut') continue
    const { key } = request.value
    if (puts.has(key) || deletes.has(key)) return undefined
    puts.add(key)
  }
  return { puts, deletes }
}
