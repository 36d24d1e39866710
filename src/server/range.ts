/**
 * The execution of a Range over the store, at one revision, in slices.
 *
 * What decides which keys are returned (filters, order, limit) is read from the key index alone,
 * except an order by value; the records of the chosen keys are fetched last. A RangeExecution is
 * stepped until it is done: at once inside a transaction, slice by slice for a client's read, so
 * that a range over a million keys holds up nobody. Whoever steps it over several turns pins the
 * revision meanwhile.
 */

import { assert } from '../base/assert.ts'
import { keyRange, type KeyRange } from '../base/key-range.ts'
import { valueOf, withoutValue, type EncodedKeyValue } from '../mvcc/kv.ts'
import type { RangeCursor } from '../mvcc/range-cursor.ts'
import type { KeyVersion, Store } from '../mvcc/store.ts'
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type RangeRequest,
} from '../rpc/codec/etcdserverpb.ts'

/** Records that are fetched in one step, about: half a millisecond's copying. */
const STEP_BYTES = 1024 * 1024

/** A RangeResponse without its header. */
export interface RangeResult {
  readonly kvs: EncodedKeyValue[]
  readonly more: boolean
  readonly count: number
}

export class RangeExecution {
  readonly #store: Store
  readonly #request: RangeRequest
  readonly #range: KeyRange
  readonly revision: number
  readonly #cursor: RangeCursor | undefined
  readonly #collectMax: number
  readonly #kvs: EncodedKeyValue[] = []
  #chosen: KeyVersion[] = []
  #more = false
  #collected = false
  /** Keys of the range that were looked at. */
  #visited = 0
  /** The values of `#chosen`, while it is to be ordered by them. */
  #sortValues: Uint8Array[] = []
  #isChosen = false

  /** `revision` is a readable one, already resolved: never 0 or less. */
  constructor(store: Store, request: RangeRequest, revision: number) {
    this.#store = store
    this.#request = request
    this.#range = keyRange(request.key, request.rangeEnd)
    this.revision = revision
    this.#cursor = request.countOnly ? undefined : store.cursor(this.#range, revision)
    this.#collectMax = collectMax(request)
  }

  /** Works on at most `maxKeys` keys, fewer when their records are long; true when the result is complete. */
  step(maxKeys: number): boolean {
    if (this.#cursor === undefined) return true
    if (!this.#collected) {
      this.#collect(this.#cursor, maxKeys)
      if (!this.#collected) return false
    }
    if (!this.#isChosen) {
      if (!this.#readSortValues(maxKeys)) return false
      this.#choose()
      if (this.#chosen.length > maxKeys) return false
    }
    return this.#fetch(maxKeys)
  }

  result(): RangeResult {
    const count = this.#count()
    return { kvs: this.#kvs, more: this.#more, count }
  }

  /** A walk that went to the end of the range has counted it. */
  #count(): number {
    if (this.#cursor?.isDone === true) return this.#visited
    return this.#store.count(this.#range, this.revision)
  }

  #collect(cursor: RangeCursor, maxKeys: number): void {
    const wanted = Math.min(maxKeys, this.#collectMax - this.#chosen.length)
    const versions = cursor.next(wanted)
    this.#visited += versions.length
    for (const version of versions) {
      if (passesFilters(this.#request, version)) this.#chosen.push(version)
    }
    this.#collected = cursor.isDone || this.#chosen.length >= this.#collectMax
  }

  /** An order by value needs the values first; true when they are all there. */
  #readSortValues(maxKeys: number): boolean {
    if (this.#request.sortTarget !== SortTarget.VALUE) return true
    const end = Math.min(this.#chosen.length, this.#sortValues.length + maxKeys)
    for (const version of this.#chosen.slice(this.#sortValues.length, end)) {
      this.#sortValues.push(valueOf(this.#store.record(version.modRevision)))
    }
    return end === this.#chosen.length
  }

  #choose(): void {
    const { limit } = this.#request
    this.#isChosen = true
    sortVersions(this.#request, this.#chosen, this.#sortValues)
    this.#sortValues = []
    if (limit > 0 && this.#chosen.length > limit) {
      this.#chosen.length = limit
      this.#more = true
    }
  }

  #fetch(maxKeys: number): boolean {
    const start = this.#kvs.length
    const end = Math.min(this.#chosen.length, start + maxKeys)
    let bytes = 0
    for (let i = start; i < end && bytes < STEP_BYTES; i++) {
      const version = this.#chosen[i]
      assert(version !== undefined, 'a chosen version is missing')
      const record = this.#store.record(version.modRevision)
      bytes += record.length
      this.#kvs.push(this.#request.keysOnly ? withoutValue(record) : record)
    }
    return this.#kvs.length === this.#chosen.length
  }
}

/** Runs a range to its end in this turn. */
export function executeRange(store: Store, request: RangeRequest, revision: number): RangeResult {
  const execution = new RangeExecution(store, request, revision)
  while (!execution.step(Number.MAX_SAFE_INTEGER)) continue
  return execution.result()
}

/**
 * How many matching keys have to be looked at. An explicit order or a filter needs all of them,
 * but for ascending keys, which is the order of the walk. One more than the limit tells `more`.
 *
 * As in etcd, a target other than KEY without an order sorts only the first limit + 1 keys.
 */
function collectMax(request: RangeRequest): number {
  const naturalOrder =
    request.sortOrder === SortOrder.NONE ||
    (request.sortOrder === SortOrder.ASCEND && request.sortTarget === SortTarget.KEY)
  const sortsPrefix = request.sortTarget !== SortTarget.KEY && hasFilters(request)
  if (request.limit <= 0 || !naturalOrder || sortsPrefix) return Number.MAX_SAFE_INTEGER
  return request.limit + 1
}

function hasFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  )
}

function passesFilters(request: RangeRequest, version: KeyVersion): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const modRevision = version.modRevision.main
  const { createRevision } = version
  return (
    (maxModRevision === 0 || modRevision <= maxModRevision) &&
    (minModRevision === 0 || modRevision >= minModRevision) &&
    (maxCreateRevision === 0 || createRevision <= maxCreateRevision) &&
    (minCreateRevision === 0 || createRevision >= minCreateRevision)
  )
}

/** Sorts in place where the order of keys is not what was asked; equal ones stay in key order. */
function sortVersions(
  request: RangeRequest,
  versions: KeyVersion[],
  values: readonly Uint8Array[],
): void {
  const { sortTarget, sortOrder } = request
  const sign = sortOrder === SortOrder.DESCEND ? -1 : 1
  switch (sortTarget) {
    case SortTarget.KEY:
      if (sign === -1) versions.reverse()
      return
    case SortTarget.VERSION:
      versions.sort((a, b) => sign * (a.version - b.version))
      return
    case SortTarget.CREATE:
      versions.sort((a, b) => sign * (a.createRevision - b.createRevision))
      return
    case SortTarget.MOD:
      versions.sort((a, b) => sign * (a.modRevision.main - b.modRevision.main))
      return
    case SortTarget.VALUE:
      sortByValue(versions, values, sign)
      return
  }
}

function sortByValue(versions: KeyVersion[], values: readonly Uint8Array[], sign: number): void {
  const pairs = versions.map((version, i) => ({ version, value: values[i] ?? NO_VALUE }))
  pairs.sort((a, b) => sign * Buffer.compare(a.value, b.value))
  for (const [i, { version }] of pairs.entries()) versions[i] = version
}

const NO_VALUE = new Uint8Array(0)
