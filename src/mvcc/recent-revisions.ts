/**
 * The newest revisions in memory, with what they changed: a watcher that has fallen behind by a
 * little catches up from here, without the disk and without a turn of the event loop in between.
 *
 * Invariant: the revisions are consecutive, and the last one is the newest there is.
 */

import { assert } from '../base/assert.ts'
import type { Change, Commit } from './change.ts'
import { WatchEvent } from './watch-event.ts'

/** All changes of one main revision, in order. */
export interface RevisionEvents {
  readonly revision: number
  readonly events: readonly WatchEvent[]
}

/** A revision as its commit told of it. Most are never looked at: events are made when they are. */
export class CommittedRevision implements RevisionEvents {
  readonly revision: number
  /** Of all its changes. */
  readonly recordBytes: number
  readonly #changes: readonly Change[]
  #events: readonly WatchEvent[] | undefined

  constructor({ revision, changes }: Commit) {
    let recordBytes = 0
    for (const { record } of changes) recordBytes += record.length
    this.revision = revision
    this.recordBytes = recordBytes
    this.#changes = changes
  }

  get events(): readonly WatchEvent[] {
    this.#events ??= this.#changes.map((change) => new WatchEvent(this.revision, change, false))
    return this.#events
  }
}

export class RecentRevisions {
  /** A ring: revision r stands at r modulo its length. */
  readonly #ring: (CommittedRevision | undefined)[]
  readonly #bytesMax: number
  #first: number
  #next: number
  #bytes: number

  /**
   * Empty; `next` is the revision that comes first. At most `revisionsMax` are kept, and at most
   * `bytesMax` of records but for the newest revision, which is kept whatever its size.
   */
  constructor(next: number, revisionsMax: number, bytesMax: number) {
    this.#ring = Array.from({ length: revisionsMax })
    this.#bytesMax = bytesMax
    this.#first = next
    this.#next = next
    this.#bytes = 0
  }

  /** The oldest revision kept; one behind the newest when there is none. */
  get first(): number {
    return this.#first
  }

  push(revision: CommittedRevision): void {
    assert(revision.revision === this.#next, 'revisions come one after the other')
    if (this.#next - this.#first === this.#ring.length) this.#drop()
    this.#ring[this.#next++ % this.#ring.length] = revision
    this.#bytes += revision.recordBytes
    while (this.#bytes > this.#bytesMax && this.#next - this.#first > 1) this.#drop()
  }

  /** The revision, or undefined when it is not kept, or still to come. */
  get(revision: number): RevisionEvents | undefined {
    if (revision < this.#first || revision >= this.#next) return undefined
    return this.#ring[revision % this.#ring.length]
  }

  #drop(): void {
    const at = this.#first++ % this.#ring.length
    this.#bytes -= this.#ring[at]!.recordBytes
    this.#ring[at] = undefined
  }
}
