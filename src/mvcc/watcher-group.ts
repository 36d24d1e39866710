/**
 * Watchers by what they watch, so that a change costs what the watchers it concerns cost, and not
 * what there are.
 */

import { rangeEnd, rangeStart } from '../base/key-range.ts'
import { IntervalTree } from '../base/interval-tree.ts'
import type { Key } from '../base/key.ts'
import type { Watcher } from './watcher.ts'

export class WatcherGroup {
  readonly #points: Map<Key, Set<Watcher>>
  readonly #ranges: IntervalTree<Watcher>
  #size: number

  constructor() {
    this.#points = new Map()
    this.#ranges = new IntervalTree()
    this.#size = 0
  }

  get size(): number {
    return this.#size
  }

  add(watcher: Watcher): void {
    const { range } = watcher.options
    this.#size++
    if (range.type !== 'point') {
      this.#ranges.add(rangeStart(range), rangeEnd(range), watcher)
      return
    }
    const known = this.#points.get(range.key)
    if (known === undefined) this.#points.set(range.key, new Set([watcher]))
    else known.add(watcher)
  }

  delete(watcher: Watcher): void {
    const { range } = watcher.options
    this.#size--
    if (range.type !== 'point') {
      this.#ranges.delete(rangeStart(range), rangeEnd(range), watcher)
      return
    }
    const known = this.#points.get(range.key)
    known?.delete(watcher)
    if (known?.size === 0) this.#points.delete(range.key)
  }

  /** Those who watch the key. A list of its own: the group may change while it is gone through. */
  matching(key: Key): readonly Watcher[] {
    const points = this.#points.get(key)
    const found = points === undefined ? [] : [...points]
    if (this.#ranges.size > 0) this.#ranges.collect(key, found)
    return found
  }
}
