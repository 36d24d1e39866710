/**
 * The keys that the deletes of a transaction cover, as the duplicate check sees them: single keys
 * in a set, intervals merged into an ordered list of disjoint ones, so that a transaction of very
 * many operations is checked in n log n.
 *
 * As etcd compares them here, a range_end of one zero byte is not "no upper bound": such a delete
 * covers nothing, and a transaction may delete from a key on and put a key behind it.
 */

import type { Key } from '../base/key.ts'

interface Interval {
  readonly start: Key
  /** Not inside. */
  readonly end: Key
}

export class DeletedKeys {
  readonly #keys = new Set<Key>()
  #intervals: Interval[] = []
  /** Whether `#intervals` is ordered and disjoint. */
  #isMerged = true

  add({ key, rangeEnd }: { readonly key: Key; readonly rangeEnd: Key }): void {
    if (rangeEnd.length === 0) {
      this.#keys.add(key)
    } else if (key < rangeEnd) {
      this.#intervals.push({ start: key, end: rangeEnd })
      this.#isMerged = false
    }
  }

  addAll(other: DeletedKeys): void {
    for (const key of other.#keys) this.#keys.add(key)
    if (other.#intervals.length === 0) return
    for (const interval of other.#intervals) this.#intervals.push(interval)
    this.#isMerged = false
  }

  has(key: Key): boolean {
    if (this.#keys.has(key)) return true
    if (this.#intervals.length === 0) return false
    if (!this.#isMerged) this.#merge()
    const interval = this.#lastStartingAtOrBefore(key)
    return interval !== undefined && key < interval.end
  }

  #merge(): void {
    const merged: Interval[] = []
    for (const next of this.#intervals.sort((a, b) => (a.start < b.start ? -1 : 1))) {
      const last = merged.at(-1)
      if (last === undefined || last.end < next.start) merged.push(next)
      else if (last.end < next.end) merged[merged.length - 1] = { start: last.start, end: next.end }
    }
    this.#intervals = merged
    this.#isMerged = true
  }

  #lastStartingAtOrBefore(key: Key): Interval | undefined {
    let low = 0
    let high = this.#intervals.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const interval = this.#intervals[middle]
      if (interval !== undefined && interval.start <= key) low = middle + 1
      else high = middle
    }
    return this.#intervals[low - 1]
  }
}
