/**
 * The state hash: one number that stands for everything applied so far. Members that have applied
 * the same entries with the same effects have the same hash at the same index; one whose effects
 * were ever different has another hash from there on, for good.
 *
 *     hash(i) = crc32c(changes of entry i, then its index, term, operation, outcome, revision;
 *                      continued from hash(i - 1))
 *
 * Why for good: equal bytes take different checksums to different checksums, so nothing that is
 * applied later hides a difference.
 *
 * It covers what applying does, not what the disk does to it later.
 *
 * Invariant: what goes into the hash is the same in every version that may run in one cluster.
 * Whoever changes it lets an applied entry switch all members over at the same index.
 */

import { assert } from '../base/assert.ts'
import { crc32c } from '../base/crc32c.ts'
import type { Commit } from '../mvcc/change.ts'
import type { Entry } from '../raft/types.ts'

/** The state as it is when the entry at `index`, of term `term`, has been applied. */
export interface StatePoint {
  readonly index: number
  readonly term: number
  readonly hash: number
}

/** Of a member that has applied nothing. */
export const INITIAL_POINT: StatePoint = { index: 0, term: 0, hash: 0 }

/** Points kept: most of a second's entries under full load, in 192 KiB. */
const POINTS_KEPT = 16_384

const COMMIT = 1
const PUT = 2
const DELETE = 3
const END = 4
const END_WITH_DATA = 5

/** The longest fixed part, two texts included. */
const SCRATCH_BYTES = 256
const TEXT_MAX = 64

export class StateHash {
  readonly #hashes: Uint32Array
  readonly #terms: Float64Array
  readonly #scratch: Uint8Array
  #used: number
  #hash: number
  #index: number
  #oldestIndex: number
  /** The entry being applied has changed keys. */
  #hasChanges: boolean

  /** Goes on from `start`, as a checkpoint saved it. `pointsKept` is a power of two. */
  constructor(start: StatePoint = INITIAL_POINT, pointsKept = POINTS_KEPT) {
    this.#hashes = new Uint32Array(pointsKept)
    this.#terms = new Float64Array(pointsKept)
    this.#scratch = new Uint8Array(SCRATCH_BYTES)
    this.#used = 0
    this.#hash = start.hash
    this.#index = start.index
    this.#oldestIndex = start.index
    this.#hasChanges = false
    this.reset(start)
  }

  /** The index of the last entry that ended. */
  get index(): number {
    return this.#index
  }

  /** After the last entry that ended: what a checkpoint saves. An unsigned 32-bit number. */
  get value(): number {
    return this.#hashes[this.#slot(this.#index)] ?? 0
  }

  /** The newest point. */
  get newest(): StatePoint {
    return this.#point(this.#index)
  }

  /** The point at `index`; undefined when it is not applied yet or no longer kept. */
  at(index: number): StatePoint | undefined {
    return index > this.#index || index < this.#oldestIndex ? undefined : this.#point(index)
  }

  /** What the entry being applied wrote, transaction by transaction. */
  change(commit: Commit): void {
    if (commit.changes.length === 0) return
    this.#hasChanges = true
    this.#addByte(COMMIT)
    this.#addNumber(commit.revision)
    this.#addNumber(commit.changes.length)
    for (const { type, record } of commit.changes) {
      this.#addByte(type === 'put' ? PUT : DELETE)
      this.#addNumber(record.length)
      this.#mixScratch()
      this.#hash = crc32c(record, this.#hash)
    }
  }

  /**
   * `entry` has been applied. `operation` is the request's name in the log ('' for a no-op),
   * `outcome` is 'ok' or the tag of the error, `revision` the store's current one afterwards. An
   * entry that changed no key counts with all its bytes.
   */
  endEntry(entry: Entry, operation: string, outcome: string, revision: number): void {
    const { index, term, data } = entry
    if (index !== this.#index + 1) {
      assert(false, 'entries are hashed in order', { index, hashed: this.#index })
    }
    this.#addByte(this.#hasChanges ? END : END_WITH_DATA)
    this.#addNumber(index)
    this.#addNumber(term)
    this.#addNumber(revision)
    this.#addText(operation)
    this.#addText(outcome)
    if (!this.#hasChanges) this.#addNumber(data.length)
    this.#mixScratch()
    if (!this.#hasChanges) this.#hash = crc32c(data, this.#hash)
    this.#hasChanges = false
    this.#append(index, term)
  }

  /** A state that came whole from another member takes the place of this one. */
  reset(start: StatePoint): void {
    this.#used = 0
    this.#hash = start.hash
    this.#oldestIndex = start.index
    this.#hasChanges = false
    this.#append(start.index, start.term)
  }

  #append(index: number, term: number): void {
    const slot = this.#slot(index)
    this.#hashes[slot] = this.#hash
    this.#terms[slot] = term
    this.#index = index
    this.#oldestIndex = Math.max(this.#oldestIndex, index - this.#hashes.length + 1)
  }

  #point(index: number): StatePoint {
    const slot = this.#slot(index)
    return { index, term: this.#terms[slot] ?? 0, hash: this.#hashes[slot] ?? 0 }
  }

  #slot(index: number): number {
    return index & (this.#hashes.length - 1)
  }

  #mixScratch(): void {
    this.#hash = crc32c(this.#scratch.subarray(0, this.#used), this.#hash)
    this.#used = 0
  }

  #addByte(byte: number): void {
    this.#scratch[this.#used++] = byte
  }

  /** Eight bytes. */
  #addNumber(value: number): void {
    this.#addHalf(value >>> 0)
    this.#addHalf(Math.floor(value / 2 ** 32))
  }

  #addHalf(value: number): void {
    const scratch = this.#scratch
    scratch[this.#used++] = value
    scratch[this.#used++] = value >>> 8
    scratch[this.#used++] = value >>> 16
    scratch[this.#used++] = value >>> 24
  }

  #addText(text: string): void {
    if (text.length > TEXT_MAX) assert(false, 'a name that is hashed is short', { text })
    this.#addByte(text.length)
    for (let i = 0; i < text.length; i++) this.#addByte(text.charCodeAt(i))
  }
}
