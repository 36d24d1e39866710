/**
 * Rebuilds the key index from the backend at start. Two kinds of record are in the way and are
 * deleted: those newer than the checkpoint, which the Raft log brings again, and those that a cut
 * at the compacted revision had still to remove. The latter any subset may be left of, since
 * unsynced deletes survive a crash in no particular order; so the cut is finished here, where
 * every record passes anyway, and the index never sees a history with holes.
 *
 * Deleting is safe: the checkpoint that names the compacted revision is durable, being the one
 * that was just read.
 */

import { assert } from '../base/assert.ts'
import type { Key } from '../base/key.ts'
import type { Backend, BackendRecord } from '../base/ports.ts'
import type { RemovedRevision } from './compaction.ts'
import { decodeKeyValue, type KeyValue } from './kv.ts'
import { newestMain, restoredIndex, type KeyIndex } from './key-index.ts'
import { decodeRevision, encodeRevision, encodeRevisionParts, type Revision } from './revision.ts'
import { TreeIndex } from './tree-index.ts'

/** What the checkpoint knows of the store. */
export interface StoreMarks {
  readonly revision: number
  /** -1 when never compacted. */
  readonly compactedRevision: number
  /** The newest compaction whose cut was complete; -1 for none. */
  readonly finishedCompactRevision: number
}

/** Told of every put and delete kept, in revision order; lease 0n: the key has none (any more). */
export type LeaseObserver = (key: Key, lease: bigint) => void

export interface RestoredIndex {
  readonly index: TreeIndex
  /** Still in the backend and not in the index: to be deleted behind a barrier (compaction.ts). */
  readonly tombstones: readonly RemovedRevision[]
}

export async function restoreIndex(
  backend: Backend,
  marks: StoreMarks,
  onSlice?: () => Promise<void>,
  onLease?: LeaseObserver,
): Promise<RestoredIndex> {
  const restore = new IndexRestore(backend, marks, onLease)
  const start = encodeRevisionParts(0, 0, false)
  const end = encodeRevisionParts(Number.MAX_SAFE_INTEGER, 0, false)
  for await (const batch of backend.scan(start, end)) {
    for (const record of batch) restore.add(record)
    await onSlice?.()
  }
  restore.finish()
  return { index: restore.index, tombstones: restore.tombstones }
}

class IndexRestore {
  readonly index: TreeIndex
  readonly tombstones: RemovedRevision[]
  readonly #backend: Backend
  readonly #marks: StoreMarks
  readonly #onLease: LeaseObserver | undefined
  /** Keys whose newest entry so far is a tombstone below the compacted revision. */
  readonly #deadKeys: Set<Key>
  #cutFinished: boolean

  constructor(backend: Backend, marks: StoreMarks, onLease: LeaseObserver | undefined) {
    this.index = new TreeIndex()
    this.tombstones = []
    this.#backend = backend
    this.#marks = marks
    this.#onLease = onLease
    this.#deadKeys = new Set()
    this.#cutFinished = false
  }

  add(record: BackendRecord): void {
    const { revision, tombstone } = decodeRevision(record.key)
    if (revision.main > this.#marks.revision) {
      this.#backend.delete(record.key)
      return
    }
    const kv = decodeKeyValue(record.value)
    this.#onLease?.(kv.key, kv.lease)
    const known = this.index.get(kv.key)
    if (revision.main <= this.#marks.compactedRevision) {
      if (known !== undefined) this.#drop(known)
      this.#setOldest(kv, revision, tombstone)
      return
    }
    this.#finishCut()
    if (known === undefined) this.#setOldest(kv, revision, tombstone)
    else this.#addNext(kv, revision, tombstone)
  }

  finish(): void {
    this.#finishCut()
  }

  /** The one entry at or below the compacted revision that a key keeps, or its first after it. */
  #setOldest(kv: KeyValue, revision: Revision, tombstone: boolean): void {
    const { main, sub } = revision
    const isDead = tombstone && main < this.#marks.compactedRevision
    if (isDead) this.#deadKeys.add(kv.key)
    else this.#deadKeys.delete(kv.key)
    const version = tombstone ? 0 : kv.version
    this.index.set(kv.key, restoredIndex(main, sub, version, kv.createRevision))
  }

  /** An entry above the compacted revision follows on from the one before it without a gap. */
  #addNext(kv: KeyValue, { main, sub }: Revision, tombstone: boolean): void {
    if (tombstone) {
      this.index.tombstone(kv.key, main, sub)
      return
    }
    const previous = this.index.put(kv.key, main, sub)
    const version = previous === undefined ? 1 : previous.version + 1
    const createRevision = previous === undefined ? main : previous.createRevision
    if (kv.version === version && kv.createRevision === createRevision) return
    assert(false, 'no record is missing in the backend', {
      main,
      version: kv.version,
      expected: version,
    })
  }

  #finishCut(): void {
    if (this.#cutFinished) return
    this.#cutFinished = true
    for (const key of this.#deadKeys) {
      this.#drop(this.index.get(key)!)
      this.index.delete(key)
    }
    this.#deadKeys.clear()
  }

  #drop(index: KeyIndex): void {
    const main = newestMain(index)
    const sub = typeof index === 'number' ? 0 : index.sub
    const tombstone = typeof index !== 'number' && index.version === 0
    if (tombstone) this.tombstones.push({ main, sub })
    else this.#backend.delete(encodeRevision({ main, sub }))
  }
}
