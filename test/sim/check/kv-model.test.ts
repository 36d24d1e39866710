import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type * as wire from '../../../src/rpc/codec/etcdserverpb.ts'
import { checkTxnRequest } from '../../../src/server/request-check.ts'
import { Model, type ModelKv, type ModelResponse } from '../../server/model.ts'
import {
  arbitraryCompaction,
  arbitraryDelete,
  arbitraryPut,
  arbitraryRange,
  arbitraryTxn,
  LEASES,
  resolve,
} from '../../server/support/arbitrary-requests.ts'
import { k, rangeRequest, text } from '../../server/support/requests.ts'
import type {
  Compare,
  DeleteRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  TxnOperation,
  TxnOperationResult,
  TxnRequest,
} from './history.ts'
import { EVERYTHING, KvModel, type StoreRequest } from './kv-model.ts'

type Operation =
  | { readonly type: 'put'; readonly request: wire.PutRequest }
  | { readonly type: 'range'; readonly request: wire.RangeRequest }
  | { readonly type: 'delete'; readonly request: wire.DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: wire.TxnRequest }
  | { readonly type: 'compact'; readonly revision: number }

const as = <Type extends string>(type: Type) => fc.constant(type)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: as('put'), request: arbitraryPut }) },
  { weight: 6, arbitrary: fc.record({ type: as('range'), request: arbitraryRange }) },
  { weight: 2, arbitrary: fc.record({ type: as('delete'), request: arbitraryDelete }) },
  { weight: 8, arbitrary: fc.record({ type: as('txn'), request: arbitraryTxn() }) },
  { weight: 1, arbitrary: fc.record({ type: as('compact'), revision: arbitraryCompaction }) },
)

describe('against the model of the server’s tests', () => {
  test('every answer is the same, tried first or not, and can be taken back', () => {
    fc.assert(
      fc.property(fc.array(operation, { minLength: 5, maxLength: 50 }), (operations) => {
        const reference = new Model(LEASES)
        const model = new KvModel()
        for (const lease of LEASES) model.apply({ type: 'lease-grant', lease, ttl: 60 })
        for (const one of operations) runBoth(reference, model, one)
        takeBack(reference, model)
      }),
      { numRuns: 150 },
    )
  })
})

function runBoth(reference: Model, model: KvModel, symbolic: Operation): void {
  const marks = { current: reference.revision, compacted: Math.max(reference.compacted, 0) }
  const one = resolve(symbolic, marks)
  if (one.type === 'txn') {
    if (checkTxnRequest(one.request, 128) !== undefined || isOdd(one.request)) return
  }
  if (one.type === 'range' && isOddRange(one.request)) return
  const request = requestOf(one)
  const attempt = model.attempt(request)
  const actual = model.apply(request)
  expect(attempt).toEqual(actual)
  const expected = outcomeOf(reference, one)
  if (!expected.ok) {
    expect(actual).toEqual({ ok: false, error: NAMES[expected.error] ?? expected.error })
    return
  }
  if (!actual.ok) expect.fail(`${actual.error} instead of an answer`)
  expect(actual.revision).toBe(expected.revision)
  expect(actual.result).toEqual(expected.result)
}

const NAMES: Readonly<Record<string, string>> = { future: 'future-revision' }

type Expected =
  | { readonly ok: true; readonly revision: number; readonly result: unknown }
  | { readonly ok: false; readonly error: string }

function outcomeOf(reference: Model, one: Operation): Expected {
  switch (one.type) {
    case 'put': {
      const outcome = reference.put(one.request)
      if (!outcome.ok) return outcome
      return { ...outcome, result: resultOf({ type: 'put', revision: 0, ...outcome.response }) }
    }
    case 'range': {
      const outcome = reference.range(one.request)
      if (!outcome.ok) return outcome
      return {
        ...outcome,
        result: resultOf({ type: 'range', revision: 0, range: outcome.response }),
      }
    }
    case 'delete': {
      const outcome = reference.deleteRange(one.request)
      if (!outcome.ok) return outcome
      return { ...outcome, result: resultOf({ type: 'delete', revision: 0, ...outcome.response }) }
    }
    case 'txn': {
      const outcome = reference.txn(one.request)
      return outcome.ok
        ? { ...outcome, result: resultOf({ type: 'txn', txn: outcome.response }) }
        : outcome
    }
    case 'compact': {
      // The server's model has nothing compacted at -1, this one at 0.
      if (one.revision <= 0) return { ok: false, error: 'compacted' }
      const outcome = reference.compact(one.revision)
      return outcome.ok ? { ...outcome, result: { type: 'compact' } } : outcome
    }
  }
}

function resultOf(response: ModelResponse): TxnOperationResult {
  switch (response.type) {
    case 'put':
      return response.prevKv ? { type: 'put', prevKv: kvOf(response.prevKv) } : { type: 'put' }
    case 'range': {
      const { kvs, more, count } = response.range
      return { type: 'range', kvs: kvs.map(kvOf), count, ...(more ? { more } : {}) }
    }
    case 'delete': {
      const { deleted, prevKvs } = response
      return { type: 'delete', deleted, ...(prevKvs.length ? { prevKvs: prevKvs.map(kvOf) } : {}) }
    }
    case 'txn': {
      const { succeeded, responses } = response.txn
      return { type: 'txn', succeeded, responses: responses.map(resultOf) }
    }
    case 'none':
      throw new Error('an operation that is none is refused before')
  }
}

function kvOf({ key, value, create, mod, version, lease }: ModelKv): KeyValue {
  const kv = { key, value, createRevision: create, modRevision: mod, version }
  return lease === 0n ? kv : { ...kv, lease }
}

/** Back to the beginning, step by step, with the state of each revision on the way. */
function takeBack(reference: Model, model: KvModel): void {
  const stateAt = (revision: number): KeyValue[] => {
    const everything = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
    return reference.rangeAt(everything, revision).kvs.map(kvOf)
  }
  for (;;) {
    expect(model.live(EVERYTHING, model.revision)).toEqual(stateAt(model.revision))
    if (model.revision === 1) return
    model.undo()
  }
}

function requestOf(one: Operation): StoreRequest {
  switch (one.type) {
    case 'put':
      return putOf(one.request)
    case 'range':
      return rangeOf(one.request)
    case 'delete':
      return deleteOf(one.request)
    case 'txn':
      return txnOf(one.request)
    case 'compact':
      return one
  }
}

function putOf({ key, value, lease, ...flags }: wire.PutRequest): PutRequest {
  return { type: 'put', key, value: text(value), lease, ...flags }
}

function deleteOf({ key, rangeEnd, prevKv }: wire.DeleteRangeRequest): DeleteRequest {
  return { type: 'delete', key, rangeEnd, prevKv }
}

const ORDERS = [undefined, 'ascend', 'descend'] as const
const SORT_TARGETS = [undefined, 'version', 'create', 'mod', 'value'] as const

function rangeOf({ sortOrder, sortTarget, ...fields }: wire.RangeRequest): RangeRequest {
  const order = ORDERS[sortOrder]
  const target = SORT_TARGETS[sortTarget]
  return { type: 'range', ...fields, ...(order && { order }), ...(target && { target }) }
}

function txnOf({ compare, success, failure }: wire.TxnRequest): TxnRequest {
  return {
    type: 'txn',
    compares: compare.map(compareOf),
    success: success.map(operationOf),
    failure: failure.map(operationOf),
  }
}

function operationOf({ request }: wire.RequestOp): TxnOperation {
  switch (request?.case) {
    case 'requestPut':
      return putOf(request.value)
    case 'requestRange':
      return rangeOf(request.value)
    case 'requestDeleteRange':
      return deleteOf(request.value)
    case 'requestTxn':
      return txnOf(request.value)
    case undefined:
      throw new Error('an operation that is none is refused before')
  }
}

const RESULTS = ['equal', 'greater', 'less', 'not-equal'] as const
const TARGETS = ['version', 'create', 'mod', 'value', 'lease'] as const
const OPERANDS = ['version', 'createRevision', 'modRevision', 'value', 'lease'] as const

function compareOf({ key, rangeEnd, result, target, targetUnion }: wire.Compare): Compare {
  const given = targetUnion?.case === OPERANDS[target] ? targetUnion?.value : undefined
  const common = { key, rangeEnd, result: RESULTS[result]! }
  const name = TARGETS[target]!
  if (name === 'value') {
    return { ...common, target: name, operand: given instanceof Uint8Array ? text(given) : '' }
  }
  if (name === 'lease') return { ...common, target: name, lease: BigInt(Number(given ?? 0)) }
  return { ...common, target: name, operand: Number(given ?? 0) }
}

/** What a history has no words for: numbers outside of etcd's enumerations. */
function isOdd({ compare, success, failure }: wire.TxnRequest): boolean {
  if (compare.some(({ result, target }) => !RESULTS[result] || !TARGETS[target])) return true
  return [...success, ...failure].some(({ request }) => {
    if (request?.case === 'requestTxn') return isOdd(request.value)
    return request?.case === 'requestRange' && isOddRange(request.value)
  })
}

/** An order by key needs no target, and a target that comes without an order is ascending. */
function isOddRange({ revision }: wire.RangeRequest): boolean {
  return revision < 0
}
