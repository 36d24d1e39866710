/**
 * etcd's key-value store as its answers define it: one call at a time, every version kept, and the
 * last calls undoable, so that a checker can try one and take it back.
 *
 * Invariant: a call that fails, or changes nothing, leaves the revision; every other one makes
 * exactly one.
 */

import type {
  Compare,
  Failure,
  KeyValue,
  KvEvent,
  PutRequest,
  RangeRequest,
  RangeResult,
  Request,
  Result,
  TxnOperation,
  TxnOperationResult,
  TxnRequest,
  TxnResult,
} from './history.ts'
import { VersionedKeys } from './versioned-keys.ts'

export const EVERYTHING = { key: '\0', rangeEnd: '\0' } as const

/** The requests that a store by itself can answer. */
export type StoreRequest = Exclude<
  Request,
  { readonly type: 'lock' | 'unlock' | 'proclaim' | 'leader' | 'alarm' | 'lease-time-to-live' }
>

export type Applied =
  | {
      readonly ok: true
      /** The header's. */
      readonly revision: number
      readonly result: Result
      /** In the order in which they were made; none when it wrote nothing. */
      readonly events: readonly KvEvent[]
    }
  | { readonly ok: false; readonly error: Failure }

interface Undo {
  readonly mark: number
  readonly revision: number
  readonly compacted: number
  /** A lease to be put back, or taken away when its ttl is undefined. */
  readonly lease?: { readonly id: bigint; readonly ttl: number | undefined }
}

export class KvModel {
  readonly #keys = new VersionedKeys()
  readonly #leases = new Map<bigint, number>()
  readonly #checksLeases: boolean
  readonly #undos: Undo[] = []
  #events: KvEvent[] = []
  revision = 1
  compacted = 0

  /** Without `checksLeases` every lease exists, for a replay that cannot know when one ended. */
  constructor({ checksLeases = true } = {}) {
    this.#checksLeases = checksLeases
  }

  get leases(): ReadonlyMap<bigint, number> {
    return this.#leases
  }

  apply(request: StoreRequest): Applied {
    const undo = { mark: this.#keys.mark, revision: this.revision, compacted: this.compacted }
    this.#events = []
    const result = this.#execute(request)
    if (typeof result === 'string') return { ok: false, error: result }
    const lease = this.#changeLease(request)
    this.#undos.push(lease === undefined ? undo : { ...undo, lease })
    if (this.#events.length > 0) this.revision++
    return { ok: true, revision: this.revision, result, events: this.#events }
  }

  /** Takes the last successful call back. */
  undo(): void {
    const undo = this.#undos.pop()
    if (undo === undefined) throw new Error('nothing to undo')
    this.#keys.undoTo(undo.mark)
    this.revision = undo.revision
    this.compacted = undo.compacted
    if (undo.lease === undefined) return
    const { id, ttl } = undo.lease
    if (ttl === undefined) this.#leases.delete(id)
    else this.#leases.set(id, ttl)
  }

  /** What the call would come to now. */
  attempt(request: StoreRequest): Applied {
    const applied = this.apply(request)
    if (applied.ok) this.undo()
    return applied
  }

  /** The next revision, whatever made it. */
  force(events: readonly KvEvent[]): void {
    this.#undos.push({
      mark: this.#keys.mark,
      revision: this.revision,
      compacted: this.compacted,
    })
    this.revision++
    for (const { type, kv } of events) {
      this.#keys.write(kv.key, this.revision, type === 'put' ? kv : undefined)
    }
  }

  at(key: string, revision: number): KeyValue | undefined {
    return this.#keys.at(key, revision)
  }

  live(interval: { key: string; rangeEnd?: string }, revision: number): KeyValue[] {
    return this.#keys.live(interval, revision)
  }

  /** A range or a transaction of ranges, as it is answered when the store is at `revision`. */
  readAt(request: RangeRequest | TxnRequest, revision: number): Result {
    if (request.type === 'range') return this.#range(request, revision)
    const succeeded = request.compares.every((compare) => this.#holds(compare, revision))
    const ops = succeeded ? request.success : request.failure
    const responses = ops.map((op) => {
      if (op.type === 'put' || op.type === 'delete') throw new Error('not a read')
      return this.readAt(op, revision) as TxnOperationResult
    })
    return { type: 'txn', succeeded, responses }
  }

  #execute(request: StoreRequest): Result | Failure {
    switch (request.type) {
      case 'put':
        return this.#missingLease(request) ?? this.#missingPrevious(request) ?? this.#put(request)
      case 'range':
        return this.#unreadable(request) ?? this.#range(request, this.revision)
      case 'delete':
        return this.#delete(request)
      case 'txn': {
        const choices = new Map<TxnRequest, boolean>()
        this.#choose(request, choices)
        return this.#txnFailure(request, choices) ?? this.#txn(request, choices)
      }
      case 'compact':
        if (request.revision <= this.compacted) return 'compacted'
        if (request.revision > this.revision) return 'future-revision'
        this.compacted = request.revision
        return { type: 'compact' }
      case 'lease-grant':
        if (this.#leases.has(request.lease)) return 'lease-exists'
        return { type: 'lease-grant', ttl: request.ttl }
      case 'lease-revoke':
        if (this.#checksLeases && !this.#leases.has(request.lease)) return 'lease-not-found'
        for (const { key, lease } of this.#keys.live(EVERYTHING, this.revision)) {
          if (lease === request.lease) this.#deleteKey(key)
        }
        return { type: 'lease-revoke' }
      case 'lease-keep-alive':
        return { type: 'lease-keep-alive', ttl: this.#leases.get(request.lease) ?? 0 }
    }
  }

  #changeLease(request: StoreRequest): Undo['lease'] {
    if (request.type === 'lease-grant') {
      this.#leases.set(request.lease, request.ttl)
      return { id: request.lease, ttl: undefined }
    }
    if (request.type !== 'lease-revoke') return undefined
    const ttl = this.#leases.get(request.lease)
    this.#leases.delete(request.lease)
    return { id: request.lease, ttl }
  }

  /** The revision a range inside a transaction sees: its own one once something is written. */
  get #readRevision(): number {
    return this.#events.length > 0 ? this.revision + 1 : this.revision
  }

  #put(request: PutRequest): TxnOperationResult {
    const { key } = request
    const revision = this.revision + 1
    const previous = this.#keys.at(key, revision)
    const value = request.ignoreValue ? (previous?.value ?? '') : request.value
    const lease = (request.ignoreLease ? previous?.lease : request.lease) ?? 0n
    const kv: KeyValue = {
      key,
      value,
      createRevision: previous?.createRevision ?? revision,
      modRevision: revision,
      version: (previous?.version ?? 0) + 1,
      ...(lease === 0n ? {} : { lease }),
    }
    this.#keys.write(key, revision, kv)
    this.#events.push(previous ? { type: 'put', kv, prevKv: previous } : { type: 'put', kv })
    return request.prevKv && previous ? { type: 'put', prevKv: previous } : { type: 'put' }
  }

  #delete(request: Extract<TxnOperation, { type: 'delete' }>): TxnOperationResult {
    const live = this.#keys.live(request, this.revision + 1)
    for (const { key } of live) this.#deleteKey(key)
    const deleted = live.length
    return request.prevKv && deleted > 0
      ? { type: 'delete', deleted, prevKvs: live }
      : { type: 'delete', deleted }
  }

  #deleteKey(key: string): void {
    const revision = this.revision + 1
    const prevKv = this.#keys.at(key, revision)
    const kv = { key, value: '', createRevision: 0, modRevision: revision, version: 0 }
    this.#keys.write(key, revision, undefined)
    this.#events.push(prevKv ? { type: 'delete', kv, prevKv } : { type: 'delete', kv })
  }

  #range(request: RangeRequest, current: number): RangeResult {
    const { revision = 0, limit = 0 } = request
    const all = this.#keys.live(request, revision > 0 ? revision : current)
    const count = all.length
    if (request.countOnly) return { type: 'range', kvs: [], count }
    const found = sorted(request, filtered(request, fetched(request, all)))
    const isCut = limit > 0 && found.length > limit
    const chosen = isCut ? found.slice(0, limit) : found
    const kvs = request.keysOnly ? chosen.map((kv) => ({ ...kv, value: '' })) : chosen
    return isCut ? { type: 'range', kvs, count, more: true } : { type: 'range', kvs, count }
  }

  #txn(request: TxnRequest, choices: ReadonlyMap<TxnRequest, boolean>): TxnResult {
    const succeeded = choices.get(request) === true
    const ops = succeeded ? request.success : request.failure
    const responses = ops.map((op): TxnOperationResult => {
      if (op.type === 'put') return this.#put(op)
      if (op.type === 'delete') return this.#delete(op)
      if (op.type === 'range') return this.#range(op, this.#readRevision)
      return this.#txn(op, choices)
    })
    return { type: 'txn', succeeded, responses }
  }

  /** Every compare of the tree sees the state before the transaction. */
  #choose(request: TxnRequest, choices: Map<TxnRequest, boolean>): void {
    choices.set(
      request,
      request.compares.every((compare) => this.#holds(compare, this.revision)),
    )
    for (const op of request.success) if (op.type === 'txn') this.#choose(op, choices)
    for (const op of request.failure) if (op.type === 'txn') this.#choose(op, choices)
  }

  #holds(compare: Compare, revision: number): boolean {
    const live = this.#keys.live(compare, revision)
    if (live.length > 0) return live.every((kv) => holdsFor(compare, kv))
    return compare.target !== 'value' && holdsFor(compare, ABSENT)
  }

  #txnFailure(request: TxnRequest, choices: ReadonlyMap<TxnRequest, boolean>): Failure | undefined {
    for (const op of choices.get(request) === true ? request.success : request.failure) {
      const failure = this.#operationFailure(op, choices)
      if (failure !== undefined) return failure
    }
    return undefined
  }

  #operationFailure(
    op: TxnOperation,
    choices: ReadonlyMap<TxnRequest, boolean>,
  ): Failure | undefined {
    if (op.type === 'txn') return this.#txnFailure(op, choices)
    if (op.type === 'put') return this.#missingPrevious(op) ?? this.#missingLease(op)
    return op.type === 'range' ? this.#unreadable(op) : undefined
  }

  #missingLease({ lease = 0n }: PutRequest): Failure | undefined {
    if (!this.#checksLeases || lease === 0n || this.#leases.has(lease)) return undefined
    return 'lease-not-found'
  }

  #missingPrevious({ key, ignoreValue, ignoreLease }: PutRequest): Failure | undefined {
    if (!ignoreValue && !ignoreLease) return undefined
    return this.#keys.at(key, this.revision) === undefined ? 'key-not-found' : undefined
  }

  #unreadable({ revision = 0 }: RangeRequest): Failure | undefined {
    if (revision > this.revision) return 'future-revision'
    return revision > 0 && revision < this.compacted ? 'compacted' : undefined
  }
}

const ABSENT: KeyValue = { key: '', value: '', createRevision: 0, modRevision: 0, version: 0 }

function holdsFor(compare: Compare, kv: KeyValue): boolean {
  switch (compare.target) {
    case 'version':
      return satisfies(compare.result, kv.version, compare.operand)
    case 'create':
      return satisfies(compare.result, kv.createRevision, compare.operand)
    case 'mod':
      return satisfies(compare.result, kv.modRevision, compare.operand)
    case 'value':
      return satisfies(compare.result, kv.value, compare.operand)
    case 'lease':
      return satisfies(compare.result, kv.lease ?? 0n, compare.lease)
  }
}

function satisfies<T>(result: Compare['result'], left: T, right: T): boolean {
  switch (result) {
    case 'equal':
      return left === right
    case 'greater':
      return left > right
    case 'less':
      return left < right
    case 'not-equal':
      return left !== right
  }
}

function hasFilters(request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  return Boolean(minModRevision || maxModRevision || minCreateRevision || maxCreateRevision)
}

/** Without an order and filters etcd fetches one key more than the limit, and sorts only those. */
function fetched(request: RangeRequest, kvs: KeyValue[]): KeyValue[] {
  const { order, limit = 0 } = request
  if (order !== undefined || limit <= 0 || hasFilters(request)) return kvs
  return kvs.slice(0, limit + 1)
}

function filtered(request: RangeRequest, kvs: KeyValue[]): KeyValue[] {
  if (!hasFilters(request)) return kvs
  const isIn = (value: number, min = 0, max = 0): boolean =>
    (min === 0 || value >= min) && (max === 0 || value <= max)
  return kvs.filter(
    ({ modRevision, createRevision }) =>
      isIn(modRevision, request.minModRevision, request.maxModRevision) &&
      isIn(createRevision, request.minCreateRevision, request.maxCreateRevision),
  )
}

const FIELD = {
  version: 'version',
  create: 'createRevision',
  mod: 'modRevision',
  value: 'value',
} as const

/** Equal ones stay in key order, whichever way the order goes. */
function sorted(request: RangeRequest, kvs: KeyValue[]): KeyValue[] {
  const { order, target } = request
  if (target === undefined && order !== 'descend') return kvs
  const field = target === undefined ? 'key' : FIELD[target]
  const sign = order === 'descend' ? -1 : 1
  return kvs.toSorted((a, b) => (a[field] < b[field] ? -sign : a[field] > b[field] ? sign : 0))
}
