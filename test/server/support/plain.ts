/** Responses as the server makes them, in the model's form, so that the two can be compared. */

import { decodeKeyValue, type EncodedKeyValue } from '../../../src/mvcc/kv.ts'
import type {
  DeleteRangeResponseInput,
  PutResponseInput,
  RangeResponseInput,
  ResponseOpInput,
  TxnResponseInput,
} from '../../../src/rpc/codec/etcdserverpb.ts'
import type { Outcome } from '../../../src/server/apply-txn.ts'
import type { ModelKv, ModelOutcome, ModelRange, ModelResponse, ModelTxn } from '../model.ts'
import { text } from './requests.ts'

export function plainKv(encoded: EncodedKeyValue): ModelKv {
  const { key, value, createRevision, modRevision, version, lease } = decodeKeyValue(encoded)
  return { key, value: text(value), create: createRevision, mod: modRevision, version, lease }
}

export function plainRange({ kvs = [], more = false, count = 0 }: RangeResponseInput): ModelRange {
  return { kvs: kvs.map(plainKv), more, count }
}

export function plainPut({ prevKv }: PutResponseInput): { prevKv: ModelKv | undefined } {
  return { prevKv: prevKv === undefined ? undefined : plainKv(prevKv) }
}

export function plainDelete({ deleted = 0, prevKvs = [] }: DeleteRangeResponseInput): {
  deleted: number
  prevKvs: readonly ModelKv[]
} {
  return { deleted, prevKvs: prevKvs.map(plainKv) }
}

export function plainTxn({ succeeded = false, responses = [] }: TxnResponseInput): ModelTxn {
  return { succeeded, responses: responses.map(plainResponse) }
}

/** Inner headers are there and carry the revision alone; a nested transaction's carries nothing. */
function plainResponse({ response }: ResponseOpInput): ModelResponse {
  if (response === undefined) return { type: 'none' }
  const { value } = response
  const header = value.header ?? fail('an inner response has no header')
  const { revision, ...others } = header
  if (Object.keys(others).length > 0) fail('an inner header carries the revision alone')
  switch (response.case) {
    case 'responseRange':
      return { type: 'range', revision: revision ?? 0, range: plainRange(response.value) }
    case 'responsePut':
      return { type: 'put', revision: revision ?? 0, ...plainPut(response.value) }
    case 'responseDeleteRange':
      return { type: 'delete', revision: revision ?? 0, ...plainDelete(response.value) }
    case 'responseTxn':
      if (revision !== undefined) fail('the header of a nested transaction carries nothing')
      return { type: 'txn', txn: plainTxn(response.value) }
  }
}

export function plainOutcome<Response, Plain>(
  outcome: Outcome<Response>,
  plain: (response: Response) => Plain,
): ModelOutcome<Plain> {
  return outcome.ok ? { ...outcome, response: plain(outcome.response) } : outcome
}

function fail(text: string): never {
  throw new Error(text)
}
