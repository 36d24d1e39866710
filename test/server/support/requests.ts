/** Requests with every field set, as the codec decodes them, from the few that a test cares for. */

import { EMPTY_KEY, type Key } from '../../../src/base/key.ts'
import type {
  Compare,
  CompareInput,
  DeleteRangeRequest,
  DeleteRangeRequestInput,
  PutRequest,
  PutRequestInput,
  RangeRequest,
  RangeRequestInput,
  RequestOp,
  TxnRequest,
} from '../../../src/rpc/codec/etcdserverpb.ts'

type Given<Input> = { [Field in keyof Input]?: Exclude<Input[Field], undefined> }

/** Latin1 text: one character per byte. */
export function k(text: string): Key {
  return text as Key
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

export function text(value: Uint8Array): string {
  return Buffer.from(value).toString('latin1')
}

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

export function rangeRequest(fields: Given<RangeRequestInput>): RangeRequest {
  return { ...RANGE, ...fields }
}

export function putRequest(fields: Given<PutRequestInput>): PutRequest {
  return {
    key: EMPTY_KEY,
    value: new Uint8Array(0),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...fields,
  }
}

export function deleteRequest(fields: Given<DeleteRangeRequestInput>): DeleteRangeRequest {
  return { key: EMPTY_KEY, rangeEnd: EMPTY_KEY, prevKv: false, ...fields }
}

export function compareRequest(fields: Given<CompareInput>): Compare {
  return {
    result: 0,
    target: 0,
    key: EMPTY_KEY,
    rangeEnd: EMPTY_KEY,
    targetUnion: undefined,
    ...fields,
  }
}

export function txnRequest(fields: Partial<TxnRequest>): TxnRequest {
  return { compare: [], success: [], failure: [], ...fields }
}

export function rangeOp(fields: Given<RangeRequestInput>): RequestOp {
  return { request: { case: 'requestRange', value: rangeRequest(fields) } }
}

export function putOp(key: string, fields: Given<PutRequestInput> = {}): RequestOp {
  return { request: { case: 'requestPut', value: putRequest({ key: k(key), ...fields }) } }
}

export function deleteOp(key: string, rangeEnd = '', prevKv = false): RequestOp {
  const value = deleteRequest({ key: k(key), rangeEnd: k(rangeEnd), prevKv })
  return { request: { case: 'requestDeleteRange', value } }
}

export function txnOp(fields: Partial<TxnRequest>): RequestOp {
  return { request: { case: 'requestTxn', value: txnRequest(fields) } }
}
