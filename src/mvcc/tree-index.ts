/**
 * The key index: every key that has a version or a tombstone, with the revisions of each. It
 * lives in memory and is rebuilt from the backend at start. Invariant: for each entry of each key
 * the backend holds exactly one record, and no others.
 */

import { assert } from '../base/assert.ts'
import type { KeyRange } from '../base/key-range.ts'
import { rangeEnd, rangeStart } from '../base/key-range.ts'
import type { Key } from '../base/key.ts'
import { OrderedMap } from '../base/ordered-map.ts'
import {
  cutIndex,
  entriesOf,
  isLive,
  isLiveAt,
  newestMain,
  versionAt,
  withPut,
  withTombstone,
  type DropRevision,
  type KeyIndex,
  type KeyVersion,
} from './key-index.ts'

const MEASURE = { live: isLive, stamp: newestMain }

export class TreeIndex {
  readonly #keys: OrderedMap<KeyIndex>

  constructor() {
    this.#keys = new OrderedMap<KeyIndex>(MEASURE)
  }

  /** Keys that are not deleted now. */
  get liveCount(): number {
    return this.#keys.liveCount
  }

  /** Keys with any entry, also those of which only tombstones and history are left. */
  get size(): number {
    return this.#keys.size
  }

  get(key: Key): KeyIndex | undefined {
    return this.#keys.get(key)
  }

  /** For restore alone: the key's entries, and its place for a `place` that follows directly. */
  locate(key: Key): KeyIndex | undefined {
    return this.#keys.locate(key)
  }

  /** For restore alone: the entries of the key that was located, which were live or not. */
  place(index: KeyIndex, wasLive: boolean): void {
    this.#keys.place(index, wasLive)
  }

  delete(key: Key): void {
    this.#keys.delete(key)
  }

  /** Adds a put and returns the version it replaces. */
  put(key: Key, main: number, sub: number): KeyVersion | undefined {
    const index = this.#keys.locate(key)
    if (index === undefined) {
      this.#keys.place(withPut(undefined, main, sub), false)
      return undefined
    }
    const wasLive = isLive(index)
    const previous = versionAt(index, key, Infinity)
    this.#keys.place(withPut(index, main, sub), wasLive)
    return previous
  }

  /** Adds a tombstone; the key must be live. */
  tombstone(key: Key, main: number, sub: number): void {
    const index = this.#keys.locate(key)
    assert(index !== undefined, 'a tombstone is put on a known key')
    this.#keys.place(withTombstone(index, main, sub), true)
  }

  versionAt(key: Key, revision: number): KeyVersion | undefined {
    const index = this.#keys.get(key)
    return index === undefined ? undefined : versionAt(index, key, revision)
  }

  count(range: KeyRange, revision: number): number {
    if (range.type === 'point') {
      const index = this.#keys.get(range.key)
      return index !== undefined && isLiveAt(index, revision) ? 1 : 0
    }
    if (range.type === 'half-open' && range.end <= range.start) return 0
    const start = range.type === 'all' ? undefined : rangeStart(range)
    return this.#keys.countLive(start, rangeEnd(range), revision, isLiveAt)
  }

  /** Up to `max` versions visible at `revision` with start <= key < end, in key order. */
  versionsAt(start: Key, end: Key | undefined, revision: number, max: number): KeyVersion[] {
    const found: KeyVersion[] = []
    if (max < 1 || (end !== undefined && end <= start)) return found
    const visit = (key: Key, index: KeyIndex): boolean => {
      const version = versionAt(index, key, revision)
      if (version !== undefined) found.push(version)
      return found.length < max
    }
    this.#keys.ascend(start, end, visit, revision)
    return found
  }

  /**
   * Cuts keys >= start at `revision`, telling `drop` each revision removed, until it has looked at
   * `max` keys or removed `max` revisions (all of a key's at once). Returns where to go on, or
   * undefined after the last key.
   */
  cut(start: Key, revision: number, max: number, drop: DropRevision): Key | undefined {
    const emptied: Key[] = []
    let work = 0
    let next: Key | undefined
    const dropAndCount: DropRevision = (main, sub, tombstone) => {
      work++
      drop(main, sub, tombstone)
    }
    this.#keys.ascend(start, undefined, (key, index) => {
      if (work >= max) {
        next = key
        return false
      }
      work++
      // A cut changes neither liveness nor the newest revision of a key that stays.
      if (cutIndex(index, revision, dropAndCount) === undefined) emptied.push(key)
      return true
    })
    for (const key of emptied) this.#keys.delete(key)
    return next
  }

  /** Every key with its entries, in key order. For checks and tests. */
  dump(): { key: Key; entries: ReturnType<typeof entriesOf> }[] {
    const keys: { key: Key; entries: ReturnType<typeof entriesOf> }[] = []
    this.#keys.ascend(undefined, undefined, (key, index) => {
      keys.push({ key, entries: entriesOf(index) })
      return true
    })
    return keys
  }

  /** Asserts the invariants of the tree. For tests. */
  verify(): void {
    this.#keys.verify()
  }
}
