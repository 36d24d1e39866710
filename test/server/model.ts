/**
 * A model of etcd's key-value store that can be checked by reading: all changes ever made, in one
 * list, and every question answered by walking it. Nothing is indexed and nothing is forgotten; a
 * compaction is a number. Values and keys are latin1 text, so that counterexamples can be read.
 */

import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { text } from './support/requests.ts'

export interface ModelKv {
  readonly key: string
  readonly value: string
  readonly create: number
  readonly mod: number
  readonly version: number
  readonly lease: bigint
}

interface Change {
  readonly revision: number
  readonly key: string
  /** Undefined for a delete. */
  readonly kv: ModelKv | undefined
}

export interface ModelRange {
  readonly kvs: readonly ModelKv[]
  readonly more: boolean
  readonly count: number
}

export type ModelResponse =
  | { readonly type: 'range'; readonly revision: number; readonly range: ModelRange }
  | { readonly type: 'put'; readonly revision: number; readonly prevKv: ModelKv | undefined }
  | {
      readonly type: 'delete'
      readonly revision: number
      readonly deleted: number
      readonly prevKvs: readonly ModelKv[]
    }
  | { readonly type: 'txn'; readonly txn: ModelTxn }
  | { readonly type: 'none' }

export interface ModelTxn {
  readonly succeeded: boolean
  readonly responses: readonly ModelResponse[]
}

export type ModelOutcome<Response> =
  | { readonly ok: true; readonly revision: number; readonly response: Response }
  | { readonly ok: false; readonly error: string }

/** The state just before a write transaction, and how far it has come. */
interface Writing {
  readonly revision: number
  wrote: boolean
}

export class Model {
  readonly #changes: Change[] = []
  readonly #leases: ReadonlySet<bigint>
  revision = 1
  compacted = -1

  constructor(leases: readonly bigint[] = []) {
    this.#leases = new Set(leases)
  }

  put(request: PutRequest): ModelOutcome<{ prevKv: ModelKv | undefined }> {
    if (!this.#hasLease(request)) return { ok: false, error: 'lease-not-found' }
    if (!this.#hasPrevious(request)) return { ok: false, error: 'key-not-found' }
    return this.#write((writing) => ({ prevKv: this.#put(request, writing) }))
  }

  deleteRange(
    request: DeleteRangeRequest,
  ): ModelOutcome<{ deleted: number; prevKvs: readonly ModelKv[] }> {
    return this.#write((writing) => this.#delete(request, writing))
  }

  txn(request: TxnRequest): ModelOutcome<ModelTxn> {
    const choices = new Map<TxnRequest, boolean>()
    this.#choose(request, choices)
    const error = this.#checkTxn(request, choices)
    if (error !== undefined) return { ok: false, error }
    return this.#write((writing) => this.#txn(request, choices, writing))
  }

  compact(revision: number): ModelOutcome<object> {
    if (revision <= this.compacted) return { ok: false, error: 'compacted' }
    if (revision > this.revision) return { ok: false, error: 'future' }
    this.compacted = revision
    return { ok: true, revision: this.revision, response: {} }
  }

  /** Range as a client asks for it, outside of transactions. */
  range(request: RangeRequest): ModelOutcome<ModelRange> {
    const { revision } = request
    if (revision > this.revision) return { ok: false, error: 'future' }
    if (revision > 0 && revision < this.compacted) return { ok: false, error: 'compacted' }
    const response = this.rangeAt(request, revision > 0 ? revision : this.revision)
    return { ok: true, revision: this.revision, response }
  }

  rangeAt(request: RangeRequest, revision: number): ModelRange {
    const all = this.#live(request, revision)
    const count = all.length
    if (request.countOnly) return { kvs: [], more: false, count }
    const found = sorted(request, filtered(request, fetched(request, all)))
    const limit = request.limit > 0 ? request.limit : found.length
    const kvs = found.slice(0, limit).map((kv) => (request.keysOnly ? { ...kv, value: '' } : kv))
    return { kvs, more: found.length > limit, count }
  }

  #write<Response>(execute: (writing: Writing) => Response): ModelOutcome<Response> {
    const writing = { revision: this.revision + 1, wrote: false }
    const response = execute(writing)
    if (writing.wrote) this.revision = writing.revision
    return { ok: true, revision: this.revision, response }
  }

  #put(request: PutRequest, writing: Writing): ModelKv | undefined {
    const { key } = request
    const previous = this.#at(key, writing.revision)
    const value = request.ignoreValue ? (previous?.value ?? '') : text(request.value)
    const lease = request.ignoreLease ? (previous?.lease ?? 0n) : request.lease
    const create = previous?.create ?? writing.revision
    const version = (previous?.version ?? 0) + 1
    const kv = { key, value, create, mod: writing.revision, version, lease }
    this.#changes.push({ revision: writing.revision, key, kv })
    writing.wrote = true
    return request.prevKv ? previous : undefined
  }

  #delete(
    request: DeleteRangeRequest,
    writing: Writing,
  ): { deleted: number; prevKvs: readonly ModelKv[] } {
    const { revision } = writing
    const live = this.#live(request, revision)
    for (const { key } of live) this.#changes.push({ revision, key, kv: undefined })
    if (live.length > 0) writing.wrote = true
    return { deleted: live.length, prevKvs: request.prevKv ? live : [] }
  }

  #txn(request: TxnRequest, choices: Map<TxnRequest, boolean>, writing: Writing): ModelTxn {
    const succeeded = choices.get(request) === true
    const ops = succeeded ? request.success : request.failure
    return { succeeded, responses: ops.map((op) => this.#op(op, choices, writing)) }
  }

  #op(
    { request: op }: RequestOp,
    choices: Map<TxnRequest, boolean>,
    writing: Writing,
  ): ModelResponse {
    switch (op?.case) {
      case 'requestRange': {
        const revision = writing.wrote ? writing.revision : this.revision
        const readAt = op.value.revision > 0 ? op.value.revision : revision
        return { type: 'range', revision, range: this.rangeAt(op.value, readAt) }
      }
      case 'requestPut': {
        const prevKv = this.#put(op.value, writing)
        return { type: 'put', revision: writing.revision, prevKv }
      }
      case 'requestDeleteRange': {
        const done = this.#delete(op.value, writing)
        return {
          type: 'delete',
          revision: writing.wrote ? writing.revision : this.revision,
          ...done,
        }
      }
      case 'requestTxn':
        return { type: 'txn', txn: this.#txn(op.value, choices, writing) }
      case undefined:
        return { type: 'none' }
    }
  }

  /** Every compare of the tree sees the state before the transaction. */
  #choose(request: TxnRequest, choices: Map<TxnRequest, boolean>): void {
    choices.set(
      request,
      request.compare.every((compare) => this.#holds(compare)),
    )
    for (const { request: op } of [...request.success, ...request.failure]) {
      if (op?.case === 'requestTxn') this.#choose(op.value, choices)
    }
  }

  #holds(compare: Compare): boolean {
    const live = this.#live(compare, this.revision)
    if (live.length > 0) return live.every((kv) => compares(compare, kv))
    if (compare.target === 3) return false
    return compares(compare, { key: '', value: '', create: 0, mod: 0, version: 0, lease: 0n })
  }

  #checkTxn(request: TxnRequest, choices: Map<TxnRequest, boolean>): string | undefined {
    for (const { request: op } of choices.get(request) === true
      ? request.success
      : request.failure) {
      const error = this.#checkOp(op, choices)
      if (error !== undefined) return error
    }
    return undefined
  }

  #checkOp(op: RequestOp['request'], choices: Map<TxnRequest, boolean>): string | undefined {
    if (op?.case === 'requestTxn') return this.#checkTxn(op.value, choices)
    if (op?.case === 'requestPut') {
      if (!this.#hasPrevious(op.value)) return 'key-not-found'
      if (!this.#hasLease(op.value)) return 'lease-not-found'
    }
    if (op?.case === 'requestRange' && op.value.revision !== 0) {
      if (op.value.revision > this.revision) return 'future'
      if (op.value.revision < this.compacted) return 'compacted'
    }
    return undefined
  }

  #hasLease({ lease }: PutRequest): boolean {
    return lease === 0n || this.#leases.has(lease)
  }

  #hasPrevious({ key, ignoreValue, ignoreLease }: PutRequest): boolean {
    return (!ignoreValue && !ignoreLease) || this.#at(key, this.revision) !== undefined
  }

  #at(key: string, revision: number): ModelKv | undefined {
    const changes = this.#changes.filter((one) => one.key === key && one.revision <= revision)
    return changes.at(-1)?.kv
  }

  #live(interval: { key: string; rangeEnd: string }, revision: number): ModelKv[] {
    const keys = new Set(this.#changes.map(({ key }) => key).filter((key) => within(interval, key)))
    const kvs = [...keys].sort().map((key) => this.#at(key, revision))
    return kvs.filter((kv) => kv !== undefined)
  }
}

function within({ key: start, rangeEnd }: { key: string; rangeEnd: string }, key: string): boolean {
  if (rangeEnd === '') return key === start
  return key >= start && (rangeEnd === '\0' || key < rangeEnd)
}

function filtered(request: RangeRequest, kvs: readonly ModelKv[]): ModelKv[] {
  const above = (bound: number, value: number): boolean => bound === 0 || value >= bound
  const below = (bound: number, value: number): boolean => bound === 0 || value <= bound
  return kvs.filter(
    ({ mod, create }) =>
      above(request.minModRevision, mod) &&
      below(request.maxModRevision, mod) &&
      above(request.minCreateRevision, create) &&
      below(request.maxCreateRevision, create),
  )
}

/** Without an order and filters etcd fetches one key more than the limit, and sorts only those. */
function fetched(request: RangeRequest, kvs: readonly ModelKv[]): readonly ModelKv[] {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const filters = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision]
  const fetchesAll = request.sortOrder !== 0 || filters.some((bound) => bound !== 0)
  return fetchesAll || request.limit <= 0 ? kvs : kvs.slice(0, request.limit + 1)
}

/** Equal ones stay in key order, whichever way the order goes. */
function sorted(request: RangeRequest, kvs: readonly ModelKv[]): ModelKv[] {
  const field = (['key', 'version', 'create', 'mod', 'value'] as const)[request.sortTarget] ?? 'key'
  const sign = request.sortOrder === 2 ? -1 : 1
  return [...kvs].sort((a, b) => (a[field] < b[field] ? -sign : a[field] > b[field] ? sign : 0))
}

/** An operand that was given for another target counts as zero. */
function compares({ target, result, targetUnion }: Compare, kv: ModelKv): boolean {
  const fields = ['version', 'create', 'mod', 'value', 'lease'] as const
  const cases = ['version', 'createRevision', 'modRevision', 'value', 'lease'] as const
  const field = fields[target]
  const given = targetUnion?.case === cases[target] ? targetUnion?.value : undefined
  const operand = given instanceof Uint8Array ? text(given) : (given ?? (target === 3 ? '' : 0))
  const left = field === undefined ? 0 : kv[field]
  const right = field === undefined ? 0 : operand
  // Why not ===: a lease is a bigint and meets the number 0 where no operand was given.
  const equal = !(left < right) && !(left > right)
  return [equal, left > right, left < right, !equal][result] ?? true
}
