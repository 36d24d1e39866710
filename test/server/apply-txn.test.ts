import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  applyDeleteRange,
  applyPut,
  applyTxn,
  isReadOnly,
  isSerializable,
  prepareReadTxn,
  type Steppable,
  readTxnResponse,
} from '../../src/server/apply-txn.ts'
import { RangeExecution } from '../../src/server/range.ts'
import { checkTxnRequest } from '../../src/server/request-check.ts'
import type {
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { Model, type ModelOutcome, type ModelTxn } from './model.ts'
import {
  arbitraryCompaction,
  arbitraryDelete,
  arbitraryPut,
  arbitraryRange,
  arbitraryReadTxn,
  arbitraryTxn,
  LEASES,
  resolve,
} from './support/arbitrary-requests.ts'
import { MemoryKv } from './support/memory-kv.ts'
import { plainDelete, plainOutcome, plainPut, plainRange, plainTxn } from './support/plain.ts'
import {
  bytes,
  compareRequest,
  deleteOp,
  k,
  putOp,
  putRequest,
  rangeOp,
  rangeRequest,
  txnOp,
  txnRequest,
} from './support/requests.ts'

type Operation =
  | { readonly type: 'put'; readonly request: PutRequest }
  | { readonly type: 'delete'; readonly request: DeleteRangeRequest }
  | { readonly type: 'txn'; readonly request: TxnRequest }
  | { readonly type: 'read-txn'; readonly request: TxnRequest; readonly slice: number }
  | { readonly type: 'range'; readonly request: RangeRequest; readonly slice: number }
  | { readonly type: 'compact'; readonly revision: number }
  | { readonly type: 'cut'; readonly keys: number }
  | { readonly type: 'restart' }

const slice = fc.integer({ min: 1, max: 4 })
const as = <Type extends string>(type: Type) => fc.constant(type)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: as('put'), request: arbitraryPut }) },
  { weight: 3, arbitrary: fc.record({ type: as('delete'), request: arbitraryDelete }) },
  { weight: 8, arbitrary: fc.record({ type: as('txn'), request: arbitraryTxn() }) },
  { weight: 3, arbitrary: fc.record({ type: as('read-txn'), request: arbitraryReadTxn, slice }) },
  { weight: 8, arbitrary: fc.record({ type: as('range'), request: arbitraryRange, slice }) },
  { weight: 1, arbitrary: fc.record({ type: as('compact'), revision: arbitraryCompaction }) },
  { weight: 2, arbitrary: fc.record({ type: as('cut'), keys: slice }) },
  { weight: 1, arbitrary: fc.record({ type: as('restart') }) },
)

describe('against the model', () => {
  test('every response and every error is the model’s, and a failure leaves no trace', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 10, maxLength: 60 }),
        async (operations) => {
          const kv = new MemoryKv(LEASES)
          const model = new Model(LEASES)
          for (const one of operations) await runBoth(kv, model, one)
          compareHistories(kv, model)
        },
      ),
      { numRuns: 400 },
    )
  })
})

async function runBoth(kv: MemoryKv, model: Model, operation: Operation): Promise<void> {
  if (operation.type === 'restart') return kv.restart()
  if (operation.type === 'cut') return void kv.store.compaction()?.step(operation.keys)
  const marks = { current: model.revision, compacted: model.compacted }
  const before = await kv.fingerprint()
  const [actual, expected] = await execute(kv, model, resolve(operation, marks))
  expect(actual).toEqual(expected)
  expect(kv.store.currentRevision).toBe(model.revision)
  if (!expected.ok) expect(await kv.fingerprint()).toEqual(before)
}

async function execute(
  kv: MemoryKv,
  model: Model,
  operation: Exclude<Operation, { type: 'cut' | 'restart' }>,
): Promise<[ModelOutcome<unknown>, ModelOutcome<unknown>]> {
  switch (operation.type) {
    case 'put':
      return [plainOutcome(applyPut(kv, operation.request), plainPut), model.put(operation.request)]
    case 'delete':
      return [
        plainOutcome(applyDeleteRange(kv, operation.request), plainDelete),
        model.deleteRange(operation.request),
      ]
    case 'txn': {
      const error = checkTxnRequest(operation.request, 128)
      if (error !== undefined) return [refused(error), refused(error)]
      return [plainOutcome(applyTxn(kv, operation.request), plainTxn), model.txn(operation.request)]
    }
    case 'read-txn':
      return [await readTxn(kv, operation.request, operation.slice), model.txn(operation.request)]
    case 'range':
      return [range(kv, operation.request, operation.slice), model.range(operation.request)]
    case 'compact': {
      const marked = kv.store.markCompacted(operation.revision)
      const revision = kv.store.currentRevision
      const actual = marked.ok ? { ok: true as const, revision, response: {} } : marked
      return [actual, model.compact(operation.revision)]
    }
  }
}

function refused(error: string): ModelOutcome<never> {
  return { ok: false, error }
}

async function readTxn(
  kv: MemoryKv,
  request: TxnRequest,
  maxKeys: number,
): Promise<ModelOutcome<ModelTxn>> {
  const run = async (execution: Steppable): Promise<void> => {
    while (!execution.step(maxKeys)) await Promise.resolve()
  }
  const prepared = await prepareReadTxn(kv.store, request, run)
  if (!prepared.ok) return prepared
  for (const execution of prepared.txn.executions) await run(execution)
  const response = plainTxn(readTxnResponse(prepared.txn))
  return { ok: true, revision: prepared.txn.revision, response }
}

function range(kv: MemoryKv, request: RangeRequest, maxKeys: number): ModelOutcome<unknown> {
  const checked = kv.store.checkRevision(request.revision)
  if (!checked.ok) return checked
  const execution = new RangeExecution(kv.store, request, checked.revision)
  while (!execution.step(maxKeys)) continue
  const response = plainRange(execution.result())
  return { ok: true, revision: kv.store.currentRevision, response }
}

/** Everything, at every revision that is still readable, and which lease has which keys. */
function compareHistories(kv: MemoryKv, model: Model): void {
  kv.leases.checkConsistency()
  const live = model.rangeAt(rangeRequest({ key: k('\0'), rangeEnd: k('\0') }), model.revision).kvs
  for (const lease of kv.leases.all()) {
    const keys = live.filter((one) => one.lease === lease.id).map(({ key }) => key)
    expect(kv.leases.keysOf(lease)).toEqual(keys)
  }
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
  for (let revision = Math.max(model.compacted, 1); revision <= model.revision; revision++) {
    const at = { ...request, revision }
    expect(range(kv, at, 3)).toEqual(model.range(at))
  }
}

describe('puts and deletes', () => {
  test('a put reports its commit, with the version it replaced', () => {
    const kv = new MemoryKv()
    applyPut(kv, putRequest({ key: k('a') }))
    applyPut(kv, putRequest({ key: k('a') }))
    expect(kv.commits.map(({ revision }) => revision)).toEqual([2, 3])
    expect(kv.commits[1]?.changes).toMatchObject([{ type: 'put', previous: { main: 2, sub: 0 } }])
  })

  test('an unknown lease is reported before a missing key in a put, and after it in a transaction', () => {
    const kv = new MemoryKv([1n])
    const both = { lease: 5n, ignoreValue: true }
    expect(applyPut(kv, putRequest({ key: k('a'), ...both }))).toEqual({
      ok: false,
      error: 'lease-not-found',
    })
    expect(applyTxn(kv, txnRequest({ success: [putOp('a', both)] }))).toEqual({
      ok: false,
      error: 'key-not-found',
    })
  })
})

describe('transactions', () => {
  test('a transaction that changes nothing leaves the revision', () => {
    const kv = new MemoryKv()
    const outcome = applyTxn(kv, txnRequest({ success: [deleteOp('a'), deleteOp('b', 'c')] }))
    expect(outcome).toMatchObject({ ok: true, revision: 1 })
    expect(kv.commits).toEqual([{ revision: 1, changes: [] }])
  })

  test('all writes of a transaction are one commit, in order', () => {
    const kv = new MemoryKv()
    const nested = txnOp({ success: [putOp('n')] })
    applyTxn(kv, txnRequest({ success: [putOp('z'), nested, putOp('a')] }))
    expect(kv.commits.map(({ changes }) => changes.map(({ key }) => key))).toEqual([
      ['z', 'n', 'a'],
    ])
    expect(kv.store.currentRevision).toBe(2)
  })

  test('no compare sees a write of its own transaction', () => {
    const kv = new MemoryKv()
    const absent = compareRequest({ key: k('a'), target: 0 })
    const nested = txnOp({ compare: [absent], success: [putOp('was-absent')] })
    const outcome = applyTxn(kv, txnRequest({ success: [putOp('a'), nested] }))
    expect(outcome.ok && plainTxn(outcome.response).responses[1]).toMatchObject({
      txn: { succeeded: true },
    })
  })

  test('a compare over an interval larger than a batch looks at its last key', () => {
    const kv = new MemoryKv()
    for (let i = 0; i < 256; i++) applyPut(kv, putRequest({ key: k(`k${1000 + i}`) }))
    const once = compareRequest({
      key: k('k'),
      rangeEnd: k('l'),
      targetUnion: { case: 'version', value: 1 },
    })
    const succeeded = (): unknown => {
      const outcome = applyTxn(kv, txnRequest({ compare: [once] }))
      return outcome.ok && outcome.response.succeeded
    }
    expect(succeeded()).toBe(true)
    applyPut(kv, putRequest({ key: k('k1255') }))
    expect(succeeded()).toBe(false)
  })

  test('a failure in the branch not taken does not matter', () => {
    const kv = new MemoryKv()
    const future = rangeOp({ key: k('a'), revision: 99 })
    const outcome = applyTxn(kv, txnRequest({ success: [putOp('a')], failure: [future] }))
    expect(outcome.ok).toBe(true)
  })

  test('a failure anywhere on the path stops every write of it', async () => {
    const kv = new MemoryKv()
    const before = await kv.fingerprint()
    const nested = txnOp({ success: [rangeOp({ key: k('a'), revision: 99 })] })
    const outcome = applyTxn(kv, txnRequest({ success: [putOp('a'), nested] }))
    expect(outcome).toEqual({ ok: false, error: 'future' })
    expect(await kv.fingerprint()).toEqual(before)
    expect(kv.commits).toEqual([])
  })

  test('a range behind a put of the same transaction sees it, an older revision does not', () => {
    const kv = new MemoryKv()
    applyPut(kv, putRequest({ key: k('a'), value: bytes('old') }))
    const outcome = applyTxn(
      kv,
      txnRequest({
        success: [
          putOp('a', { value: bytes('new') }),
          rangeOp({ key: k('a') }),
          rangeOp({ key: k('a'), revision: 2 }),
        ],
      }),
    )
    expect(outcome.ok && plainTxn(outcome.response).responses).toMatchObject([
      { revision: 3 },
      { revision: 3, range: { kvs: [{ value: 'new', mod: 3, version: 2 }] } },
      { revision: 3, range: { kvs: [{ value: 'old', mod: 2, version: 1 }] } },
    ])
  })
})

describe('read-only transactions', () => {
  const read = rangeOp({ key: k('a') })
  const serial = rangeOp({ key: k('a'), serializable: true })

  test('are those of ranges alone, in both branches', () => {
    expect(isReadOnly(txnRequest({}))).toBe(true)
    expect(isReadOnly(txnRequest({ success: [read], failure: [serial] }))).toBe(true)
    for (const op of [putOp('a'), deleteOp('a'), txnOp({}), { request: undefined }]) {
      expect(isReadOnly(txnRequest({ success: [read, op] }))).toBe(false)
      expect(isReadOnly(txnRequest({ failure: [op] }))).toBe(false)
    }
  })

  test('are serializable when all their ranges are', () => {
    expect(isSerializable(txnRequest({ success: [serial], failure: [serial] }))).toBe(true)
    expect(isSerializable(txnRequest({ success: [serial], failure: [read] }))).toBe(false)
  })

  test('answer from the state they began in, whatever is written while they run', async () => {
    const kv = new MemoryKv()
    for (const key of ['a', 'b', 'c']) applyPut(kv, putRequest({ key: k(key) }))
    const all = rangeOp({ key: k('\0'), rangeEnd: k('\0') })
    let written = 0
    const run = async (execution: Steppable): Promise<void> => {
      while (!execution.step(1)) {
        applyPut(kv, putRequest({ key: k(`b${written++}`) }))
        await Promise.resolve()
      }
    }
    const compare = [compareRequest({ key: k('\0'), rangeEnd: k('\0'), target: 1, result: 1 })]
    const request = txnRequest({ compare, success: [all, all] })
    const prepared = await prepareReadTxn(kv.store, request, run)
    if (!prepared.ok) throw new Error(prepared.error)
    for (const execution of prepared.txn.executions) await run(execution)
    const { responses } = plainTxn(readTxnResponse(prepared.txn))
    expect(written).toBeGreaterThan(3)
    expect(responses[1]).toEqual(responses[0])
    expect(responses[0]).toMatchObject({ revision: 4, range: { count: 3 } })
  })
})
