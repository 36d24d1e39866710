/**
 * The newest revisions in memory, with what they changed: a watcher that has fallen behind by a
 * little catches up from here, without the disk and without a turn of the event loop in between.
 *
 * Invariant: the revisions are consecutive, and the last one is the newest there is.
 */

import { assert } from '../base/assert.ts'
import type { WatchEvent } from './watch-event.ts'

/** All changes of one main revision, in order. */
export interface RevisionEvents {
  readonly revision: number
  readonly events: readonly WatchEvent[]
}

export class RecentRevisions {
  /** A ring: revision r stands at r modulo its length. */
  readonly #ring: (RevisionEvents | undefined)[]
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

  push(revision: RevisionEvents): void {
    assert(revision.revision === this.#next, 'revisions come one after the other')
    if (this.#next - this.#first === this.#ring.length) this.#drop()
    this.#ring[this.#next++ % this.#ring.length] = revision
    this.#bytes += bytesOf(revision)
    while (this.#bytes > this.#bytesMax && this.#next - this.#first > 1) this.#drop()
  }

  /** The revision, or undefined when it is not kept, or still to come. */
  get(revision: number): RevisionEvents | undefined {
    if (revision < this.#first || revision >= this.#next) return undefined
    return this.#ring[revision % this.#ring.length]
  }

  #drop(): void {
    const at = this.#first++ % this.#ring.length
    this.#bytes -= bytesOf(this.#ring[at]!)
    this.#ring[at] = undefined
  }
}

function bytesOf({ events }: RevisionEvents): number {
  let bytes = 0
  for (const event of events) bytes += event.recordBytes
  return bytes
}
