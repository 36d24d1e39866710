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
import { StoredFields } from './kv.ts'
import {
  isLive,
  newestMain,
  restoredIndex,
  withPut,
  withTombstone,
  type KeyIndex,
} from './key-index.ts'
import { decodeRevision, encodeRevision, type Revision } from './revision.ts'
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
  for await (const batch of backend.readAll()) {
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
  /** Of the record that is being added. */
  readonly #kv: StoredFields
  #cutFinished: boolean

  constructor(backend: Backend, marks: StoreMarks, onLease: LeaseObserver | undefined) {
    this.index = new TreeIndex()
    this.tombstones = []
    this.#backend = backend
    this.#marks = marks
    this.#onLease = onLease
    this.#deadKeys = new Set()
    this.#kv = new StoredFields()
    this.#cutFinished = false
  }

  add(record: BackendRecord): void {
    const { revision, tombstone } = decodeRevision(record.key)
    if (revision.main > this.#marks.revision) {
      this.#backend.delete(record.key)
      return
    }
    const kv = this.#kv
    kv.read(record.value)
    this.#onLease?.(kv.key, kv.lease)
    const isBehindCut = revision.main > this.#marks.compactedRevision
    if (isBehindCut) this.#finishCut()
    const known = this.index.locate(kv.key)
    if (known !== undefined && isBehindCut) {
      this.#addNext(known, revision, tombstone)
      return
    }
    if (known !== undefined) this.#drop(known)
    this.#setOldest(known, revision, tombstone)
  }

  finish(): void {
    this.#finishCut()
  }

  /** The one entry at or below the compacted revision that a key keeps, or its first after it. */
  #setOldest(known: KeyIndex | undefined, { main, sub }: Revision, tombstone: boolean): void {
    const { key, version, createRevision } = this.#kv
    const isDead = tombstone && main < this.#marks.compactedRevision
    if (isDead) this.#deadKeys.add(key)
    else if (known !== undefined) this.#deadKeys.delete(key)
    const wasLive = known !== undefined && isLive(known)
    this.index.place(restoredIndex(main, sub, tombstone ? 0 : version, createRevision), wasLive)
  }

  /** An entry above the compacted revision follows on from the one before it without a gap. */
  #addNext(known: KeyIndex, { main, sub }: Revision, tombstone: boolean): void {
    const wasLive = isLive(known)
    if (tombstone) {
      this.index.place(withTombstone(known, main, sub), wasLive)
      return
    }
    const next = withPut(known, main, sub)
    this.index.place(next, wasLive)
    const { version, createRevision } = this.#kv
    if (next.version === version && next.created === createRevision) return
    assert(false, 'no record is missing in the backend', {
      main,
      version,
      expected: next.version,
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
