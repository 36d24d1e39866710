/**
 * Random requests of the KV service. Revisions are drawn relative to marks of the store that are
 * known only when the request runs; `resolve` turns them into numbers.
 *
 *     999_995 = current - 5       2_000_001 = compacted + 1       small numbers are themselves
 */

import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../../src/rpc/codec/etcdserverpb.ts'
import { bytes, compareRequest, deleteRequest, k, putRequest, rangeRequest } from './requests.ts'

const CURRENT = 1_000_000
const COMPACTED = 2_000_000

export interface Marks {
  readonly current: number
  readonly compacted: number
}

/** The same request with its relative revisions as numbers. */
export function resolve<T>(request: T, marks: Marks): T {
  if (typeof request === 'number') return resolveNumber(request, marks) as T
  if (typeof request !== 'object' || request === null || request instanceof Uint8Array) {
    return request
  }
  if (Array.isArray(request)) return request.map((item: unknown) => resolve(item, marks)) as T
  const entries = Object.entries(request).map(([name, value]) => [name, resolve(value, marks)])
  return Object.fromEntries(entries) as T
}

function resolveNumber(value: number, { current, compacted }: Marks): number {
  if (value > COMPACTED - CURRENT / 2) return value - COMPACTED + compacted
  return value > CURRENT / 2 ? value - CURRENT + current : value
}

const key = fc
  .constantFrom('a', 'a\0', 'aa', 'ab', 'b', 'b/1', '\0', '\xff', '\xff\xff', 'c')
  .map(k)
const value = fc.constantFrom('', 'v', 'w', 'vv', '\0', '\xff').map(bytes)
/** The leases that exist are 1 and 7; 5 does not. */
export const LEASES: readonly bigint[] = [1n, 7n]
const lease = fc.constantFrom(0n, 0n, 0n, 1n, 7n, 5n)
const seldom = fc.constantFrom(false, false, false, false, false, true)
const often = fc.boolean()

const interval = fc.oneof(
  { weight: 3, arbitrary: key.map((one) => ({ key: one, rangeEnd: k('') })) },
  { weight: 3, arbitrary: fc.record({ key, rangeEnd: key }) },
  { weight: 1, arbitrary: key.map((one) => ({ key: one, rangeEnd: k('\0') })) },
  { weight: 2, arbitrary: fc.constant({ key: k('\0'), rangeEnd: k('\0') }) },
)

const near = (mark: number, min: number, max: number): Arbitrary<number> =>
  fc.integer({ min: mark + min, max: mark + max })

const readRevision = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: near(CURRENT, -6, 0) },
  { weight: 2, arbitrary: near(COMPACTED, -2, 2) },
  { weight: 1, arbitrary: fc.constantFrom(-1, -2, CURRENT + 1) },
)

const filter = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: near(CURRENT, -8, 1) },
)

export const arbitraryPut: Arbitrary<PutRequest> = fc
  .record({ key, value, lease, prevKv: often, ignoreValue: seldom, ignoreLease: seldom })
  .map((fields) =>
    putRequest({
      ...fields,
      value: fields.ignoreValue ? bytes('') : fields.value,
      lease: fields.ignoreLease ? 0n : fields.lease,
    }),
  )

export const arbitraryDelete: Arbitrary<DeleteRangeRequest> = fc
  .tuple(interval, often)
  .map(([bounds, prevKv]) => deleteRequest({ ...bounds, prevKv }))

export const arbitraryRange: Arbitrary<RangeRequest> = fc
  .record({
    bounds: interval,
    limit: fc.constantFrom(0, 0, 1, 2, 3, 100, -1),
    revision: readRevision,
    sortOrder: fc.constantFrom(0, 0, 1, 2),
    sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
    keysOnly: seldom,
    countOnly: seldom,
    minModRevision: filter,
    maxModRevision: filter,
    minCreateRevision: filter,
    maxCreateRevision: filter,
  })
  .map(({ bounds, ...fields }) => rangeRequest({ ...bounds, ...fields }))

const operand: Arbitrary<Compare['targetUnion']> = fc.oneof(
  fc.constant(undefined),
  fc.integer({ min: 0, max: 3 }).map((count) => ({ case: 'version' as const, value: count })),
  near(CURRENT, -6, 0).map((revision) => ({ case: 'createRevision' as const, value: revision })),
  near(CURRENT, -6, 0).map((revision) => ({ case: 'modRevision' as const, value: revision })),
  value.map((one) => ({ case: 'value' as const, value: one })),
  lease.map((one) => ({ case: 'lease' as const, value: one })),
)

const TARGETS = ['version', 'createRevision', 'modRevision', 'value', 'lease']

const arbitraryCompare: Arbitrary<Compare> = fc
  .record({
    bounds: interval,
    targetUnion: operand,
    otherTarget: fc.option(fc.constantFrom(0, 1, 2, 3, 4, 9), { freq: 6 }),
    result: fc.constantFrom(0, 1, 2, 3, 0, 1, 2, 3, 4),
  })
  .map(({ bounds, targetUnion, otherTarget, result }) => {
    const fitting = targetUnion === undefined ? 0 : TARGETS.indexOf(targetUnion.case)
    return compareRequest({
      ...bounds,
      result,
      target: otherTarget ?? fitting,
      ...(targetUnion === undefined ? {} : { targetUnion }),
    })
  })

function arbitraryOp(depth: number): Arbitrary<RequestOp> {
  const op = <Case extends string, Value>(name: Case, request: Arbitrary<Value>) =>
    request.map((one) => ({ request: { case: name, value: one } }))
  const range: Arbitrary<RequestOp> = op('requestRange', arbitraryRange)
  const put: Arbitrary<RequestOp> = op('requestPut', arbitraryPut)
  const remove: Arbitrary<RequestOp> = op('requestDeleteRange', arbitraryDelete)
  const flat = [
    { weight: 4, arbitrary: put },
    { weight: 3, arbitrary: range },
    { weight: 2, arbitrary: remove },
  ]
  if (depth === 0) return fc.oneof(...flat)
  const nested: Arbitrary<RequestOp> = op('requestTxn', arbitraryTxn(depth - 1))
  return fc.oneof(...flat, { weight: 2, arbitrary: nested })
}

export function arbitraryTxn(depth = 2): Arbitrary<TxnRequest> {
  const ops = fc.array(arbitraryOp(depth), { maxLength: 4 })
  const compare = fc.array(arbitraryCompare, { maxLength: 2 })
  return fc.record({ compare, success: ops, failure: ops })
}

/** A transaction of ranges alone. */
export const arbitraryReadTxn: Arbitrary<TxnRequest> = fc.record({
  compare: fc.array(arbitraryCompare, { maxLength: 2 }),
  success: readOps(),
  failure: readOps(),
})

function readOps(): Arbitrary<RequestOp[]> {
  const range = arbitraryRange.map((one) => ({
    request: { case: 'requestRange' as const, value: one },
  }))
  return fc.array(range, { maxLength: 3 })
}

export const arbitraryCompaction: Arbitrary<number> = fc.oneof(
  { weight: 6, arbitrary: near(CURRENT, -5, 0) },
  { weight: 2, arbitrary: near(COMPACTED, -1, 2) },
  { weight: 1, arbitrary: fc.constantFrom(-1, 0, CURRENT + 1) },
)
