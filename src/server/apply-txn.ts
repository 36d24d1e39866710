/**
 * Put, DeleteRange and Txn against the store, as every member applies them.
 *
 * Everything is checked before the first write, so a request either happens whole or leaves no
 * trace. The result is a pure function of the store and the request: no clock, no local identity.
 */

import { assert } from '../base/assert.ts'
import { keyRange } from '../base/key-range.ts'
import type { Lease, LeaseTable } from '../lease/lease-table.ts'
import { decodeKeyValue, leaseOf, valueOf, type EncodedKeyValue } from '../mvcc/kv.ts'
import type { Commit, KeyVersion, Store } from '../mvcc/store.ts'
import type { RangeCursor } from '../mvcc/range-cursor.ts'
import type { WriteTransaction } from '../mvcc/write-transaction.ts'
import {
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  type Compare,
  type DeleteRangeRequest,
  type DeleteRangeResponseInput,
  type LeaseRevokeResponseInput,
  type PutRequest,
  type PutResponseInput,
  type RangeRequest,
  type RangeResponseInput,
  type RequestOp,
  type ResponseOpInput,
  type TxnRequest,
  type TxnResponseInput,
} from '../rpc/codec/etcdserverpb.ts'
import type { ErrorName } from './errors.ts'
import { executeRange, RangeExecution } from './range.ts'

/** What applying came to. `revision` is what the response header shows. */
export type Outcome<Response> =
  | { readonly ok: true; readonly revision: number; readonly response: Response }
  | { readonly ok: false; readonly error: ErrorName }

/** What the operations work on. */
export interface KvState {
  readonly store: Store
  readonly leases: LeaseTable
  /** Takes the changes of one transaction as soon as they are in the store. */
  onCommit(commit: Commit): void
}

export function applyPut(kv: KvState, request: PutRequest): Outcome<PutResponseInput> {
  const error = missingLease(kv, request) ?? missingPrevious(kv.store, request)
  if (error !== undefined) return { ok: false, error }
  const transaction = kv.store.beginWrite()
  return ended(kv, transaction, put(kv, transaction, request))
}

export function applyDeleteRange(
  kv: KvState,
  request: DeleteRangeRequest,
): Outcome<DeleteRangeResponseInput> {
  return write(kv, (transaction) => deleteRange(kv, transaction, request))
}

export function applyTxn(kv: KvState, request: TxnRequest): Outcome<TxnResponseInput> {
  const path = choosePath(kv.store, request)
  const error = checkPath(kv, path)
  if (error !== undefined) return { ok: false, error }
  return write(kv, (transaction) => executePath(kv, transaction, path))
}

/** Ends a lease and deletes its keys, all in one revision and in byte order. */
export function applyRevoke(kv: KvState, lease: Lease): Outcome<LeaseRevokeResponseInput> {
  const outcome = write(kv, (transaction) => {
    for (const key of kv.leases.keysOf(lease)) {
      transaction.deleteRange({ type: 'point', key })
      kv.leases.setLease(key, 0n)
    }
    return {}
  })
  kv.leases.revoke(lease.id)
  return outcome
}

function write<Response>(
  kv: KvState,
  execute: (transaction: WriteTransaction) => Response,
): Outcome<Response> {
  const transaction = kv.store.beginWrite()
  return ended(kv, transaction, execute(transaction))
}

function ended<Response>(
  kv: KvState,
  transaction: WriteTransaction,
  response: Response,
): Outcome<Response> {
  const commit = transaction.end()
  kv.onCommit(commit)
  return { ok: true, revision: commit.revision, response }
}

/** True when no branch can write, so that the transaction needs no entry in the log. */
export function isReadOnly(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every((op) => op.request?.case === 'requestRange')
}

/** True when a read-only transaction may be answered from the local state without a quorum. */
export function isSerializable(request: TxnRequest): boolean {
  return [...request.success, ...request.failure].every(
    (op) => op.request?.case === 'requestRange' && op.request.value.serializable,
  )
}

/** A read-only transaction whose branch is known: one execution for each range, in order. */
export interface ReadTxn {
  readonly revision: number
  readonly succeeded: boolean
  readonly executions: readonly RangeExecution[]
}

export type PreparedReadTxn =
  { readonly ok: true; readonly txn: ReadTxn } | { readonly ok: false; readonly error: ErrorName }

/** What a compare of a read-only transaction is stepped by, until it returns true. */
export type Steppable = Pick<RangeExecution, 'step'>

/**
 * Decides the branch of a read-only transaction on the state as it is now, and prepares its ranges
 * at that state's revision. `run` steps to the end, perhaps over several turns; the caller keeps
 * history from the compacted revision on meanwhile.
 */
export async function prepareReadTxn(
  store: Store,
  request: TxnRequest,
  run: (execution: Steppable) => Promise<void>,
): Promise<PreparedReadTxn> {
  const revision = store.currentRevision
  let succeeded = true
  for (const compare of request.compare) {
    const execution = new CompareExecution(store, compare, revision)
    await run(execution)
    succeeded = execution.holds
    if (!succeeded) break
  }
  const executions: RangeExecution[] = []
  for (const { request: op } of succeeded ? request.success : request.failure) {
    assert(op?.case === 'requestRange', 'a read-only transaction holds ranges alone')
    const error = unreadableRevision(store, op.value.revision, revision)
    if (error !== undefined) return { ok: false, error }
    executions.push(new RangeExecution(store, op.value, readRevision(op.value, revision)))
  }
  return { ok: true, txn: { revision, succeeded, executions } }
}

/** The response to a read-only transaction whose executions are all done. */
export function readTxnResponse({ revision, succeeded, executions }: ReadTxn): TxnResponseInput {
  const responses = executions.map((execution): ResponseOpInput => {
    const value = { header: { revision }, ...execution.result() }
    return { response: { case: 'responseRange', value } }
  })
  return { succeeded, responses }
}

/** The branch that a transaction takes, and those that its nested ones take, in order. */
interface Path {
  readonly succeeded: boolean
  readonly ops: readonly RequestOp[]
  readonly nested: readonly Path[]
}

/** Every compare of the tree is evaluated here, on the state before the transaction. */
function choosePath(store: Store, request: TxnRequest): Path {
  const succeeded = request.compare.every((compare) => holds(store, compare))
  const ops = succeeded ? request.success : request.failure
  const nested: Path[] = []
  for (const { request: op } of ops) {
    if (op?.case === 'requestTxn') nested.push(choosePath(store, op.value))
  }
  return { succeeded, ops, nested }
}

function holds(store: Store, compare: Compare): boolean {
  const execution = new CompareExecution(store, compare, store.currentRevision)
  while (!execution.step(COMPARE_BATCH)) continue
  return execution.holds
}

function checkPath(kv: KvState, path: Path): ErrorName | undefined {
  let nested = 0
  for (const { request } of path.ops) {
    const error = checkPathOp(kv, request, () => path.nested[nested++])
    if (error !== undefined) return error
  }
  return undefined
}

function checkPathOp(
  kv: KvState,
  request: RequestOp['request'],
  nextNested: () => Path | undefined,
): ErrorName | undefined {
  switch (request?.case) {
    case 'requestRange':
      return unreadableRevision(kv.store, request.value.revision)
    case 'requestPut':
      return missingPrevious(kv.store, request.value) ?? missingLease(kv, request.value)
    case 'requestTxn': {
      const path = nextNested()
      assert(path !== undefined, 'a nested transaction has a path')
      return checkPath(kv, path)
    }
    case 'requestDeleteRange':
    case undefined:
      return undefined
  }
}

/** Inside a transaction etcd takes 0 alone for "now"; a negative revision counts as compacted. */
function unreadableRevision(
  store: Store,
  revision: number,
  current = store.currentRevision,
): ErrorName | undefined {
  if (revision === 0) return undefined
  if (revision > current) return 'future'
  return revision < store.compactedRevision ? 'compacted' : undefined
}

function executePath(kv: KvState, transaction: WriteTransaction, path: Path): TxnResponseInput {
  let nested = 0
  const responses = path.ops.map(({ request }): ResponseOpInput => {
    switch (request?.case) {
      case 'requestRange': {
        const value = range(kv.store, request.value, transaction.readRevision)
        return { response: { case: 'responseRange', value } }
      }
      case 'requestPut': {
        const header = { revision: transaction.revision }
        const value = { header, ...put(kv, transaction, request.value) }
        return { response: { case: 'responsePut', value } }
      }
      case 'requestDeleteRange': {
        const deleted = deleteRange(kv, transaction, request.value)
        const value = { header: { revision: transaction.readRevision }, ...deleted }
        return { response: { case: 'responseDeleteRange', value } }
      }
      case 'requestTxn': {
        const taken = path.nested[nested++]
        assert(taken !== undefined, 'a nested transaction has a path')
        const value = { header: {}, ...executePath(kv, transaction, taken) }
        return { response: { case: 'responseTxn', value } }
      }
      case undefined:
        return {}
    }
  })
  return { succeeded: path.succeeded, responses }
}

function range(store: Store, request: RangeRequest, revision: number): RangeResponseInput {
  const result = executeRange(store, request, readRevision(request, revision))
  return { header: { revision }, ...result }
}

function readRevision(request: RangeRequest, current: number): number {
  return request.revision > 0 ? request.revision : current
}

function put(
  { store, leases }: KvState,
  transaction: WriteTransaction,
  request: PutRequest,
): PutResponseInput {
  const { key } = request
  let { value, lease } = request
  let prevKv: EncodedKeyValue | undefined
  if (request.prevKv || request.ignoreValue || request.ignoreLease) {
    const previous = store.versionAt(key, transaction.readRevision)
    if (previous !== undefined) {
      const record = store.record(previous.modRevision)
      const kv = decodeKeyValue(record)
      if (request.ignoreValue) value = kv.value
      if (request.ignoreLease) lease = kv.lease
      if (request.prevKv) prevKv = record
    }
  }
  transaction.put(key, value, lease)
  leases.setLease(key, lease)
  return { prevKv }
}

function deleteRange(
  { store, leases }: KvState,
  transaction: WriteTransaction,
  request: DeleteRangeRequest,
): DeleteRangeResponseInput {
  const deleted = transaction.deleteRange(keyRange(request.key, request.rangeEnd))
  for (const { key } of deleted) leases.setLease(key, 0n)
  const prevKvs = request.prevKv ? deleted.map((version) => store.record(version.modRevision)) : []
  return { deleted: deleted.length, prevKvs }
}

function missingLease(kv: KvState, request: PutRequest): ErrorName | undefined {
  return request.lease !== 0n && !kv.leases.has(request.lease) ? 'lease-not-found' : undefined
}

function missingPrevious(store: Store, request: PutRequest): ErrorName | undefined {
  if (!request.ignoreValue && !request.ignoreLease) return undefined
  const previous = store.versionAt(request.key, store.currentRevision)
  return previous === undefined ? 'key-not-found' : undefined
}

const COMPARE_BATCH = 128

/** A compare on its way through its interval: it holds when every key there satisfies it. */
class CompareExecution {
  readonly #store: Store
  readonly #compare: Compare
  readonly #cursor: RangeCursor
  #hasSeenKeys = false
  #holds = true

  constructor(store: Store, compare: Compare, revision: number) {
    this.#store = store
    this.#compare = compare
    this.#cursor = store.cursor(keyRange(compare.key, compare.rangeEnd), revision)
  }

  /** Known when `step` has returned true. */
  get holds(): boolean {
    return this.#holds
  }

  /** Looks at up to `maxKeys` keys; true when the outcome is known. */
  step(maxKeys: number): boolean {
    const versions = this.#cursor.next(maxKeys)
    if (versions.length === 0) {
      if (!this.#hasSeenKeys) this.#holds = holdsForAbsent(this.#compare)
      return true
    }
    this.#hasSeenKeys = true
    this.#holds = versions.every((version) => holdsFor(this.#store, this.#compare, version))
    return !this.#holds
  }
}

/** An absent key compares as all zeros, but no statement about its value is true. */
function holdsForAbsent(compare: Compare): boolean {
  if (compare.target === CompareTarget.VALUE) return false
  return satisfies(compare, compareNumbers(BigInt(0), integerOperand(compare)))
}

function holdsFor(store: Store, compare: Compare, version: KeyVersion): boolean {
  switch (compare.target) {
    case CompareTarget.VERSION:
      return satisfies(compare, compareNumbers(version.version, integerOperand(compare)))
    case CompareTarget.CREATE:
      return satisfies(compare, compareNumbers(version.createRevision, integerOperand(compare)))
    case CompareTarget.MOD:
      return satisfies(compare, compareNumbers(version.modRevision.main, integerOperand(compare)))
    case CompareTarget.VALUE:
      return satisfies(
        compare,
        Buffer.compare(valueOf(stored(store, version)), valueOperand(compare)),
      )
    case CompareTarget.LEASE:
      return satisfies(
        compare,
        compareNumbers(leaseOf(stored(store, version)), integerOperand(compare)),
      )
    default:
      return satisfies(compare, 0)
  }
}

function stored(store: Store, version: KeyVersion): EncodedKeyValue {
  return store.record(version.modRevision)
}

const NO_VALUE = new Uint8Array(0)

/** The operand for the target; one given for another target counts as not given. */
function valueOperand({ targetUnion }: Compare): Uint8Array {
  return targetUnion?.case === 'value' ? targetUnion.value : NO_VALUE
}

function integerOperand({ target, targetUnion }: Compare): number | bigint {
  if (targetUnion === undefined || targetUnion.case === 'value') return 0
  return targetUnion.case === OPERAND_OF_TARGET[target] ? targetUnion.value : 0
}

const OPERAND_OF_TARGET: Readonly<Record<number, string>> = {
  [CompareTarget.VERSION]: 'version',
  [CompareTarget.CREATE]: 'createRevision',
  [CompareTarget.MOD]: 'modRevision',
  [CompareTarget.LEASE]: 'lease',
}

function compareNumbers(left: number | bigint, right: number | bigint): number {
  if (left < right) return -1
  return left > right ? 1 : 0
}

function satisfies(compare: Compare, order: number): boolean {
  switch (compare.result) {
    case CompareResult.EQUAL:
      return order === 0
    case CompareResult.GREATER:
      return order > 0
    case CompareResult.LESS:
      return order < 0
    case CompareResult.NOT_EQUAL:
      return order !== 0
    default:
      return true
  }
}
