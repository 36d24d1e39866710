/** Requests of the KV service, with every field set, that the server itself makes. */

import { EMPTY_KEY, type Key } from '../base/key.ts'
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  type Compare,
  type RangeRequest,
  type RequestOp,
} from '../rpc/codec/etcdserverpb.ts'

const RANGE: RangeRequest = {
  key: EMPTY_KEY,
  rangeEnd: EMPTY_KEY,
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
}

export function rangeRequest(fields: Partial<RangeRequest>): RangeRequest {
  return { ...RANGE, ...fields }
}

export function rangeOp(key: Key): RequestOp {
  return { request: { case: 'requestRange', value: rangeRequest({ key }) } }
}

export function putOp(key: Key, value: Uint8Array, lease: bigint): RequestOp {
  const put = { key, value, lease, prevKv: false, ignoreValue: false, ignoreLease: false }
  return { request: { case: 'requestPut', value: put } }
}

export function deleteOp(key: Key): RequestOp {
  const value = { key, rangeEnd: EMPTY_KEY, prevKv: false }
  return { request: { case: 'requestDeleteRange', value } }
}

/** Holds for a key created at that revision, for 0 when there is no such key. */
export function createdAt(key: Key, revision: number): Compare {
  return createdCompare(key, CompareResult.EQUAL, revision)
}

export function createdAfter(key: Key, revision: number): Compare {
  return createdCompare(key, CompareResult.GREATER, revision)
}

function createdCompare(key: Key, result: number, value: number): Compare {
  return {
    key,
    rangeEnd: EMPTY_KEY,
    target: CompareTarget.CREATE,
    result,
    targetUnion: { case: 'createRevision', value },
  }
}
