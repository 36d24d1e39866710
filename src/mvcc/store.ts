/**
 * The multi-version store: every change of every key by revision in a backend, and an index of
 * them in memory. All of it is synchronous but for the walks over the whole backend; a caller
 * slices long reads by cursor and long cuts by step, and pins the history that it needs.
 *
 *     finishedCompact ≤ compacted ≤ pins ≤ current
 *
 * A state from another member, newer than this one, may take the place of everything here: see
 * `adopt`. The store object stays, and whoever holds it goes on with the new state.
 *
 * Invariants: currentRevision grows by exactly 1 with each transaction that wrote; no read looks
 * below a cut that has begun.
 */

import { assert } from '../base/assert.ts'
import type { KeyRange } from '../base/key-range.ts'
import type { Key } from '../base/key.ts'
import type { Backend } from '../base/ports.ts'
import { Compaction, type CompactionHost, type RemovedRevision } from './compaction.ts'
import { hashEverything, hashHistory, hashOfNothing } from './hash.ts'
import { historyOf, type HistoricChange } from './history.ts'
import type { KeyVersion } from './key-index.ts'
import type { EncodedKeyValue } from './kv.ts'
import { RangeCursor } from './range-cursor.ts'
import { RecordCache } from './record-cache.ts'
import { restoreIndex, type LeaseObserver, type StoreMarks } from './restore.ts'
import { encodeRevision, type Revision } from './revision.ts'
import { TreeIndex } from './tree-index.ts'
import { WriteTransaction } from './write-transaction.ts'

export type { Change, Commit } from './change.ts'
export type { KeyVersion } from './key-index.ts'
export type { LeaseObserver, StoreMarks } from './restore.ts'

export type RevisionCheck =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly error: 'compacted' | 'future' }

export type MarkCompactedResult =
  { readonly ok: true } | { readonly ok: false; readonly error: 'compacted' | 'future' }

export type HashResult =
  | {
      readonly ok: true
      readonly hash: number
      /** -1 when never compacted. */
      readonly compactRevision: number
      readonly hashRevision: number
    }
  | { readonly ok: false; readonly error: 'compacted' | 'future' }

/** Keeps history at and above a revision readable until released. */
export interface Pin {
  readonly revision: number
  /** May be called more than once. */
  release(): void
}

/** Memory for records that were read lately. */
const RECORD_CACHE_BYTES = 128 * 1024 * 1024

/** An empty store, as in etcd: the first write makes revision 2. */
const EMPTY: StoreMarks = { revision: 1, compactedRevision: -1, finishedCompactRevision: -1 }

export class Store {
  #backend: Backend
  #index: TreeIndex
  readonly #records: RecordCache
  readonly #pins: Set<Pin>
  readonly #onWriteEnd: (revision: number) => void
  #currentRevision: number
  #compactedRevision: number
  #finishedCompactRevision: number
  /** The newest revision that a cut has begun at: what lies below is not whole any more. */
  #cutRevision: number
  #isWriting: boolean
  #compaction: Compaction | undefined
  #generation: number

  /** A store over an empty backend; `restore` opens one that holds records. */
  constructor(backend: Backend, index = new TreeIndex(), marks = EMPTY) {
    this.#backend = backend
    this.#index = index
    this.#records = new RecordCache(RECORD_CACHE_BYTES)
    this.#pins = new Set()
    this.#onWriteEnd = (revision) => {
      assert(revision - this.#currentRevision <= 1, 'the revision grows by at most 1')
      this.#currentRevision = revision
      this.#isWriting = false
    }
    this.#currentRevision = marks.revision
    this.#compactedRevision = marks.compactedRevision
    this.#finishedCompactRevision = marks.finishedCompactRevision
    this.#cutRevision = marks.finishedCompactRevision
    this.#isWriting = false
    this.#compaction = undefined
    this.#generation = 0
  }

  /**
   * Opens the store as the checkpoint `marks` describes it. Deletes records newer than that (the
   * log brings them again) and finishes a cut that was under way, but for its tombstones: where
   * there are any, `compaction` has that rest.
   * `onSlice` is awaited between batches of the backend; `onLease` sees which key has which lease.
   */
  static async restore(
    backend: Backend,
    marks: StoreMarks,
    onSlice?: () => Promise<void>,
    onLease?: LeaseObserver,
  ): Promise<Store> {
    const { revision, compactedRevision, finishedCompactRevision } = marks
    assert(finishedCompactRevision <= compactedRevision, 'only a marked compaction is finished')
    assert(compactedRevision <= revision, 'the compacted revision is not in the future')
    const { index, tombstones } = await restoreIndex(backend, marks, onSlice, onLease)
    const store = new Store(backend, index, {
      ...marks,
      finishedCompactRevision: compactedRevision,
    })
    if (tombstones.length > 0) store.#finishLater(finishedCompactRevision, tombstones)
    return store
  }

  /**
   * This store goes on with the state of `restored`, which was restored from the records that have
   * taken the place of this one's; nobody uses `restored` itself any more. A cut that was under way
   * here is over.
   *
   * The caller has seen to it that no read of several steps is under way: what such a read holds
   * belongs to the old state. Neither is a pin held, and a cursor, a history or a hash that goes on
   * all the same ends with an assertion. Nor was anything read between the moment when the records
   * were replaced and this call: index and records would not have belonged together.
   */
  adopt(restored: Store): void {
    const { currentRevision, compactedRevision } = restored
    assert(restored !== this, 'a store adopts another one')
    assert(!this.#isWriting && !restored.#isWriting, 'no state is adopted inside a transaction')
    assert(this.#pins.size === 0 && restored.#pins.size === 0, 'no pin outlives its state')
    if (currentRevision < this.#currentRevision || compactedRevision < this.#compactedRevision) {
      assert(false, 'an adopted state is not older', {
        currentRevision,
        compactedRevision,
        ownRevision: this.#currentRevision,
        ownCompactedRevision: this.#compactedRevision,
      })
    }
    this.#generation++
    this.#backend = restored.#backend
    this.#index = restored.#index
    this.#records.clear()
    this.#currentRevision = currentRevision
    this.#compactedRevision = compactedRevision
    this.#finishedCompactRevision = restored.#finishedCompactRevision
    this.#cutRevision = restored.#cutRevision
    this.#compaction?.supersede()
    this.#compaction = restored.#compaction
    this.#compaction?.handOver(this.#compactionHost())
  }

  /** How many states this store has adopted. */
  get generation(): number {
    return this.#generation
  }

  get currentRevision(): number {
    return this.#currentRevision
  }

  /** -1 when never compacted. */
  get compactedRevision(): number {
    return this.#compactedRevision
  }

  /** The newest compaction whose records are all gone from the backend; -1 for none. */
  get finishedCompactRevision(): number {
    return this.#finishedCompactRevision
  }

  /** Live keys. */
  get keyCount(): number {
    return this.#index.liveCount
  }

  /**
   * Which revision a request for `revision` reads: <= 0 means the current one; the compacted
   * revision itself is readable. Inside a transaction pass its readRevision as `current`.
   */
  checkRevision(revision: number, current = this.#currentRevision): RevisionCheck {
    if (revision > current) return { ok: false, error: 'future' }
    if (revision <= 0) return { ok: true, revision: current }
    if (revision < this.#compactedRevision) return { ok: false, error: 'compacted' }
    return { ok: true, revision }
  }

  versionAt(key: Key, revision: number): KeyVersion | undefined {
    this.#checkWhole(revision)
    return this.#index.versionAt(key, revision)
  }

  /** Live keys in the range at that revision, exactly. */
  count(range: KeyRange, revision: number): number {
    this.#checkWhole(revision)
    return this.#index.count(range, revision)
  }

  cursor(range: KeyRange, revision: number): RangeCursor {
    this.#checkWhole(revision)
    return new RangeCursor(this, range, revision)
  }

  /** Up to `max` versions with start <= key < end at that revision; what a cursor reads by. */
  versionsAt(start: Key, end: Key | undefined, revision: number, max: number): KeyVersion[] {
    this.#checkWhole(revision)
    return this.#index.versionsAt(start, end, revision, max)
  }

  /** The record of a version that the index gave. */
  record(revision: Revision): EncodedKeyValue {
    const { main, sub } = revision
    const kept = this.#records.get(main, sub)
    if (kept !== undefined) return kept
    const record = this.#backend.get(encodeRevision(revision))
    if (record === undefined) assert(false, 'a version has its record', { main, sub })
    this.#records.add(main, sub, record)
    return record
  }

  /** Changes with first <= main <= last, read back in revision order; pin `first` meanwhile. */
  history(first: number, last: number): AsyncGenerator<readonly HistoricChange[]> {
    this.#checkWhole(first)
    return historyOf(this.#backend, first, last, this.#generationCheck())
  }

  pin(revision: number): Pin {
    assert(revision >= this.#compactedRevision, 'what is compacted cannot be pinned', { revision })
    const pins = this.#pins
    const pin = { revision, release: () => void pins.delete(pin) }
    pins.add(pin)
    return pin
  }

  /** One at a time: the next may begin when this one has ended. */
  beginWrite(): WriteTransaction {
    assert(!this.#isWriting, 'one write transaction at a time')
    this.#isWriting = true
    return new WriteTransaction(
      this.#currentRevision + 1,
      this.#index,
      this.#backend,
      this.#onWriteEnd,
    )
  }

  /** From now on nothing below `revision` can be read; the records go with `compaction`. */
  markCompacted(revision: number): MarkCompactedResult {
    assert(!this.#isWriting, 'no compaction inside a write transaction')
    if (revision <= this.#compactedRevision) return { ok: false, error: 'compacted' }
    if (revision > this.#currentRevision) return { ok: false, error: 'future' }
    this.#compactedRevision = revision
    return { ok: true }
  }

  /**
   * The pending cut, or undefined when there is none. Its target is fixed when it is made: a
   * later `markCompacted` takes another one after it. Step it only when a checkpoint with a
   * compacted revision >= its target is durable; pass what the checkpoint has as
   * `durableRevision` when marks may have come after it.
   */
  compaction(durableRevision = this.#compactedRevision): Compaction | undefined {
    if (this.#compaction !== undefined) return this.#compaction
    const target = Math.min(durableRevision, this.#compactedRevision)
    if (target <= this.#finishedCompactRevision) return undefined
    this.#compaction = new Compaction(target, this.#index, this.#backend, this.#compactionHost())
    return this.#compaction
  }

  #finishLater(finishedCompactRevision: number, tombstones: readonly RemovedRevision[]): void {
    const target = this.#compactedRevision
    const host = this.#compactionHost()
    this.#finishedCompactRevision = Math.min(finishedCompactRevision, target - 1)
    this.#compaction = Compaction.rest(target, tombstones, this.#index, this.#backend, host)
  }

  #compactionHost(): CompactionHost {
    return {
      isPinnedBelow: (revision) => this.#isPinnedBelow(revision),
      onCutBegun: (revision) => (this.#cutRevision = revision),
      onCutFinished: (revision) => {
        this.#finishedCompactRevision = revision
        this.#compaction = undefined
      },
    }
  }

  /**
   * HashKV at `revision`, or at the current one for 0. As in etcd a negative revision is not an
   * error: nothing is older, and the hash is that of no records. `onSlice` is awaited between
   * batches.
   */
  async hash(revision: number, onSlice: () => Promise<void>): Promise<HashResult> {
    const compactRevision = this.#compactedRevision
    if (revision < 0) {
      return { ok: true, hash: hashOfNothing(), compactRevision, hashRevision: revision }
    }
    const checked = this.checkRevision(revision)
    if (!checked.ok) return checked
    const bounds = { revision: checked.revision, compactedRevision: compactRevision }
    const pin = this.pin(bounds.compactedRevision)
    try {
      const hash = await hashHistory(this.#backend, this.#index, bounds, this.#guarded(onSlice))
      return { ok: true, hash, compactRevision, hashRevision: checked.revision }
    } finally {
      pin.release()
    }
  }

  /** A checksum over all records as they are, superseded ones that wait for the cut included. */
  hashAll(onSlice: () => Promise<void>): Promise<number> {
    return hashEverything(this.#backend, this.#guarded(onSlice))
  }

  /** The key index, for checks and tests. */
  get index(): TreeIndex {
    return this.#index
  }

  /** Fails when a state was adopted since. */
  #generationCheck(): () => void {
    const generation = this.#generation
    return () => assert(generation === this.#generation, 'no read outlives the state it began in')
  }

  #guarded(onSlice: () => Promise<void>): () => Promise<void> {
    const check = this.#generationCheck()
    return async () => {
      await onSlice()
      check()
    }
  }

  #isPinnedBelow(revision: number): boolean {
    for (const pin of this.#pins) if (pin.revision < revision) return true
    return false
  }

  #checkWhole(revision: number): void {
    if (revision >= this.#cutRevision) return
    assert(false, 'no read below a cut', { revision, cutRevision: this.#cutRevision })
  }
}
