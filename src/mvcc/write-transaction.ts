/**
 * One write transaction: all its changes share the main revision after the current one and are
 * told apart by sub. They are in the index and the backend as soon as they are made, so reads
 * inside the transaction see them at `readRevision`, and readers at the current revision do not.
 * There is no rollback: whoever writes has checked everything before the first change.
 */

import { assert } from '../base/assert.ts'
import type { KeyRange } from '../base/key-range.ts'
import { rangeEnd, rangeStart } from '../base/key-range.ts'
import type { Key } from '../base/key.ts'
import type { Backend } from '../base/ports.ts'
import type { Change, Commit } from './change.ts'
import type { KeyVersion } from './key-index.ts'
import { encodeDeletion, encodeFields, encodeTombstone } from './kv.ts'
import { encodeRevisionParts } from './revision.ts'
import type { TreeIndex } from './tree-index.ts'

export class WriteTransaction {
  /** The main revision of what this transaction writes. */
  readonly revision: number
  readonly #index: TreeIndex
  readonly #backend: Backend
  readonly #onEnd: (revision: number) => void
  #changes: Change[]
  #ended: boolean

  constructor(
    revision: number,
    index: TreeIndex,
    backend: Backend,
    onEnd: (revision: number) => void,
  ) {
    this.revision = revision
    this.#index = index
    this.#backend = backend
    this.#onEnd = onEnd
    this.#changes = []
    this.#ended = false
  }

  get hasWritten(): boolean {
    return this.#changes.length > 0
  }

  /** Where reads inside the transaction look: its own revision once it has written. */
  get readRevision(): number {
    return this.hasWritten ? this.revision : this.revision - 1
  }

  /** Copies `value` into the record. A lease of 0n attaches none. */
  put(key: Key, value: Uint8Array, lease: bigint): void {
    this.#checkOpen()
    assert(key.length > 0, 'a stored key is not empty')
    const main = this.revision
    const sub = this.#changes.length
    const previous = this.#index.put(key, main, sub)
    const createRevision = previous === undefined ? main : previous.createRevision
    const version = previous === undefined ? 1 : previous.version + 1
    const record = encodeFields(key, createRevision, main, version, value, lease)
    this.#backend.put(encodeRevisionParts(main, sub, false), record)
    this.#add(
      previous === undefined
        ? { type: 'put', key, record }
        : { type: 'put', key, record, previous: previous.modRevision },
    )
  }

  /** Deletes every live key in the range; returns what they were, in key order. */
  deleteRange(range: KeyRange): readonly KeyVersion[] {
    this.#checkOpen()
    const end = rangeEnd(range)
    const deleted = this.#index.versionsAt(rangeStart(range), end, this.readRevision, Infinity)
    for (const version of deleted) this.#delete(version)
    return deleted
  }

  /** Makes the changes current. Nothing may be called after it. */
  end(): Commit {
    this.#checkOpen()
    this.#ended = true
    const revision = this.readRevision
    this.#onEnd(revision)
    return { revision, changes: this.#changes }
  }

  #delete({ key, modRevision }: KeyVersion): void {
    const main = this.revision
    const sub = this.#changes.length
    this.#index.tombstone(key, main, sub)
    this.#backend.put(encodeRevisionParts(main, sub, true), encodeTombstone(key))
    const record = encodeDeletion(key, main)
    this.#add({ type: 'delete', key, record, previous: modRevision })
  }

  #add(change: Change): void {
    // Most transactions change one key, and the first push to an empty list makes room for 17.
    if (this.#changes.length === 0) this.#changes = [change]
    else this.#changes.push(change)
  }

  #checkOpen(): void {
    assert(!this.#ended, 'a transaction is not used after its end')
  }
}
