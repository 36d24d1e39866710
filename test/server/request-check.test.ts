import { describe, expect, test } from 'vitest'

import type { RequestOp, TxnRequest } from '../../src/rpc/codec/etcdserverpb.ts'
import {
  checkDeleteRangeRequest,
  checkPutRequest,
  checkRangeRequest,
  checkTxnRequest,
} from '../../src/server/request-check.ts'
import {
  bytes,
  compareRequest,
  deleteOp,
  deleteRequest,
  k,
  putOp,
  putRequest,
  rangeOp,
  rangeRequest,
  txnOp,
  txnRequest,
} from './support/requests.ts'

const MAX_OPS = 128

function check(fields: Partial<TxnRequest>, maxOps = MAX_OPS): string | undefined {
  return checkTxnRequest(txnRequest(fields), maxOps)
}

describe('single requests', () => {
  test.each([
    [{ key: k('a') }, undefined],
    [{}, 'empty-key'],
    [{ rangeEnd: k('\0') }, 'empty-key'],
    [{ key: k('a'), sortOrder: 2, sortTarget: 4 }, undefined],
    [{ key: k('a'), sortOrder: 3 }, 'invalid-sort-option'],
    [{ key: k('a'), sortOrder: -1 }, 'invalid-sort-option'],
    [{ key: k('a'), sortTarget: 5 }, 'invalid-sort-option'],
    [{ key: k('a'), sortTarget: -1 }, 'invalid-sort-option'],
    [{ sortOrder: 3 }, 'empty-key'],
    [{ key: k('b'), rangeEnd: k('a'), limit: -1, revision: -1 }, undefined],
  ])('range %j: %s', (fields, error) => {
    expect(checkRangeRequest(rangeRequest(fields))).toBe(error)
  })

  test.each([
    ['a plain one', { key: k('a'), value: bytes('v'), lease: 5n }, undefined],
    ['no key', { value: bytes('v') }, 'empty-key'],
    ['a value to ignore', { key: k('a'), ignoreValue: true, value: bytes('v') }, 'value-provided'],
    ['no value to ignore', { key: k('a'), ignoreValue: true }, undefined],
    ['a lease to ignore', { key: k('a'), ignoreLease: true, lease: 5n }, 'lease-provided'],
    ['no lease to ignore', { key: k('a'), ignoreLease: true, value: bytes('v') }, undefined],
    [
      'both given and ignored',
      { key: k('a'), ignoreValue: true, ignoreLease: true, value: bytes('v'), lease: 5n },
      'value-provided',
    ],
    ['no key, and a value to ignore', { ignoreValue: true, value: bytes('v') }, 'empty-key'],
  ])('put with %s', (_name, fields, error) => {
    expect(checkPutRequest(putRequest(fields))).toBe(error)
  })

  test('delete needs a key', () => {
    expect(checkDeleteRangeRequest(deleteRequest({ key: k('a') }))).toBeUndefined()
    expect(checkDeleteRangeRequest(deleteRequest({ rangeEnd: k('\0') }))).toBe('empty-key')
  })
})

describe('the operations of a transaction', () => {
  const broken: [string, RequestOp, string][] = [
    ['an empty one', { request: undefined }, 'key-not-found'],
    ['a range without key', rangeOp({}), 'empty-key'],
    ['a range in no order', rangeOp({ key: k('a'), sortOrder: 7 }), 'invalid-sort-option'],
    ['a put without key', putOp(''), 'empty-key'],
    [
      'a put with both values',
      putOp('a', { ignoreValue: true, value: bytes('v') }),
      'value-provided',
    ],
    ['a put with both leases', putOp('a', { ignoreLease: true, lease: 1n }), 'lease-provided'],
    ['a delete without key', deleteOp(''), 'empty-key'],
    ['a compare without key', txnOp({ compare: [compareRequest({})] }), 'empty-key'],
  ]

  test.each(broken)('%s is refused in both branches and at every depth', (_name, op, error) => {
    expect(check({ success: [putOp('ok'), op] })).toBe(error)
    expect(check({ failure: [putOp('ok'), op] })).toBe(error)
    expect(check({ failure: [txnOp({ success: [txnOp({ failure: [op] })] })] })).toBe(error)
  })

  test('a compare without key is refused before any operation is looked at', () => {
    expect(check({ compare: [compareRequest({})], success: [{ request: undefined }] })).toBe(
      'empty-key',
    )
  })

  test('an operation that is not valid is reported before keys that meet', () => {
    expect(check({ success: [putOp('a'), putOp('a')], failure: [putOp('')] })).toBe('empty-key')
  })
})

describe('the number of operations', () => {
  const compares = (count: number): TxnRequest['compare'] =>
    Array.from({ length: count }, () => compareRequest({ key: k('a') }))
  const ranges = (count: number): RequestOp[] =>
    Array.from({ length: count }, () => rangeOp({ key: k('a') }))

  test.each([
    ['compares', (count: number) => ({ compare: compares(count) })],
    ['successes', (count: number) => ({ success: ranges(count) })],
    ['failures', (count: number) => ({ failure: ranges(count) })],
  ])('%s may be as many as allowed', (_name, build) => {
    expect(check(build(MAX_OPS))).toBeUndefined()
    expect(check(build(MAX_OPS + 1))).toBe('too-many-ops')
  })

  test('the lists of one level do not add up', () => {
    const fields = { compare: compares(3), success: ranges(3), failure: ranges(3) }
    expect(check(fields, 3)).toBeUndefined()
  })

  test.each([
    ['success', (ops: RequestOp[]) => ({ success: ops })],
    ['failure', (ops: RequestOp[]) => ({ failure: ops })],
  ])('a level leaves to those in its %s what it does not use itself', (_name, build) => {
    const nested = (inner: number): Partial<TxnRequest> =>
      build([txnOp({ success: ranges(inner) }), ...ranges(2)])
    expect(check(nested(5), 8)).toBeUndefined()
    expect(check(nested(6), 8)).toBe('too-many-ops')
  })

  test('a level takes the longest of its lists from those below, compares included', () => {
    const nested = { compare: compares(4), success: [txnOp({ success: ranges(3) })] }
    expect(check(nested, 7)).toBeUndefined()
    expect(check(nested, 6)).toBe('too-many-ops')
  })

  test('siblings each have the whole of what is left', () => {
    const fields = { success: [txnOp({ success: ranges(3) }), txnOp({ success: ranges(3) })] }
    expect(check(fields, 5)).toBeUndefined()
  })

  test('which bounds the depth', () => {
    const deep = (depth: number): Partial<TxnRequest> =>
      depth === 0 ? {} : { success: [txnOp(deep(depth - 1))] }
    expect(check(deep(4), 4)).toBeUndefined()
    expect(check(deep(5), 4)).toBe('too-many-ops')
  })

  test('too many operations are reported before what is wrong with one of them', () => {
    expect(check({ success: [...ranges(2), putOp('')] }, 2)).toBe('too-many-ops')
  })
})

describe('keys that meet in one branch', () => {
  const both = (fields: RequestOp[]): (string | undefined)[] => [
    check({ success: fields }),
    check({ failure: fields }),
  ]
  const refused = ['duplicate-key', 'duplicate-key']
  const fine = [undefined, undefined]
  const inSuccess = (...ops: RequestOp[]): RequestOp => txnOp({ success: ops })
  const inFailure = (...ops: RequestOp[]): RequestOp => txnOp({ failure: ops })

  test.each<[string, RequestOp[], boolean]>([
    ['two puts of one key', [putOp('a'), putOp('a')], false],
    ['puts of two keys', [putOp('a'), putOp('b')], true],
    ['put, then delete of the key', [putOp('a'), deleteOp('a')], false],
    ['delete of the key, then put', [deleteOp('a'), putOp('a')], false],
    ['delete of another key', [deleteOp('a'), putOp('a\0')], true],
    ['put at the start of a deleted range', [deleteOp('a', 'c'), putOp('a')], false],
    ['put inside a deleted range', [deleteOp('a', 'c'), putOp('bb')], false],
    ['put at the end of a deleted range', [deleteOp('a', 'c'), putOp('c')], true],
    ['put before a deleted range', [deleteOp('b', 'c'), putOp('a')], true],
    ['put in a reversed range', [deleteOp('c', 'a'), putOp('b')], true],
    // As etcd compares them, one zero byte is the smallest end, and such a delete meets nothing.
    ['put behind a delete without upper bound', [deleteOp('a', '\0'), putOp('b')], true],
    ['put and delete of everything', [deleteOp('\0', '\0'), putOp('b')], true],
    ['two deletes that overlap', [deleteOp('a', 'c'), deleteOp('b', 'd')], true],
    ['two deletes of one key', [deleteOp('a'), deleteOp('a')], true],
    ['put and range of one key', [putOp('a'), rangeOp({ key: k('a') })], true],
    ['put here and in a nested then-branch', [putOp('a'), inSuccess(putOp('a'))], false],
    ['put here and in a nested else-branch', [inFailure(putOp('a')), putOp('a')], false],
    ['delete here, put nested', [inSuccess(putOp('a')), deleteOp('a')], false],
    ['delete here, put nested in else', [deleteOp('a'), inFailure(putOp('a'))], false],
    ['put here, delete nested', [putOp('b'), inSuccess(deleteOp('a', 'c'))], false],
    ['put here, delete nested in else', [inFailure(deleteOp('a', 'c')), putOp('b')], false],
    ['two nested deletes', [inSuccess(deleteOp('a')), inSuccess(deleteOp('a'))], true],
    ['two nested puts', [inSuccess(putOp('a')), inSuccess(putOp('a'))], false],
    ['two nested puts in else', [inFailure(putOp('a')), inFailure(putOp('a'))], false],
    ['nested delete, then nested put', [inSuccess(deleteOp('a')), inSuccess(putOp('a'))], false],
    // etcd looks at the deletes before a nested transaction, not at those of later ones.
    ['nested put, then nested delete', [inSuccess(putOp('a')), inSuccess(deleteOp('a'))], true],
    [
      'the same put in both branches of one nested transaction',
      [txnOp({ success: [putOp('a')], failure: [putOp('a')] })],
      true,
    ],
    [
      'put in one and delete in the other branch of one nested transaction',
      [txnOp({ success: [putOp('a')], failure: [deleteOp('a')] })],
      true,
    ],
    [
      'put in both branches of a nested transaction and in another one before',
      [inSuccess(putOp('a')), txnOp({ success: [putOp('b')], failure: [putOp('a')] })],
      false,
    ],
    ['two puts inside a nested then-branch', [inSuccess(putOp('a'), putOp('a'))], false],
    ['two puts inside a nested else-branch', [inFailure(putOp('a'), deleteOp('a'))], false],
    ['put here and two levels down', [putOp('a'), inSuccess(inFailure(putOp('a')))], false],
  ])('%s', (_name, ops, allowed) => {
    expect(both(ops)).toEqual(allowed ? fine : refused)
  })

  test('the two branches of the transaction itself may touch the same keys', () => {
    expect(check({ success: [putOp('a')], failure: [putOp('a')] })).toBeUndefined()
    expect(check({ success: [putOp('a')], failure: [deleteOp('a')] })).toBeUndefined()
  })
})
