/**
 * A binary min-heap whose items know their place in it, so that any of them can be taken out or
 * moved in O(log n). An item is in at most one heap at a time; who needs an object in two queues
 * gives it two nodes.
 *
 *     slot 0           3
 *                    /   \
 *     slots 1, 2    7     4        items[slot].rank >= items[parent].rank
 *                  / \
 *     slots 3, 4  9   8            items[slot].slot === slot
 */

import { assert } from './assert.ts'

export interface HeapItem {
  /** Lower comes first. Changed through `setRank` alone while the item is in a heap. */
  rank: number
  /** Kept by the heap: the place of the item, or -1 while it is in none. */
  slot: number
}

export class Heap<Item extends HeapItem> {
  readonly #items: Item[] = []

  get size(): number {
    return this.#items.length
  }

  /** An item of the lowest rank, or undefined when the heap is empty. */
  get first(): Item | undefined {
    return this.#items[0]
  }

  has(item: Item): boolean {
    return item.slot !== -1 && this.#items[item.slot] === item
  }

  push(item: Item): void {
    assert(item.slot === -1, 'an item is in one heap at most')
    this.#items.push(item)
    this.#up(item, this.#items.length - 1)
  }

  remove(item: Item): void {
    assert(this.has(item), 'only what is in the heap is removed')
    const last = this.#items.pop()
    if (last !== undefined && last !== item) this.#place(last, item.slot)
    item.slot = -1
  }

  /** Gives an item of the heap another rank. */
  setRank(item: Item, rank: number): void {
    assert(this.has(item), 'only what is in the heap is moved')
    item.rank = rank
    this.#place(item, item.slot)
  }

  clear(): void {
    for (const item of this.#items) item.slot = -1
    this.#items.length = 0
  }

  /** Puts the item where it belongs on the path through `slot`, which is free or its own. */
  #place(item: Item, slot: number): void {
    const parent = slot > 0 ? this.#items[(slot - 1) >> 1] : undefined
    if (parent !== undefined && parent.rank > item.rank) this.#up(item, slot)
    else this.#down(item, slot)
  }

  #up(item: Item, from: number): void {
    let slot = from
    while (slot > 0) {
      const parent = this.#items[(slot - 1) >> 1]
      if (parent === undefined || parent.rank <= item.rank) break
      this.#set(slot, parent)
      slot = (slot - 1) >> 1
    }
    this.#set(slot, item)
  }

  #down(item: Item, from: number): void {
    let slot = from
    for (;;) {
      const child = this.#lowerChild(slot)
      if (child === undefined || child.rank >= item.rank) break
      const next = child.slot
      this.#set(slot, child)
      slot = next
    }
    this.#set(slot, item)
  }

  #lowerChild(slot: number): Item | undefined {
    const left = this.#items[2 * slot + 1]
    const right = this.#items[2 * slot + 2]
    if (left === undefined || right === undefined) return left
    return right.rank < left.rank ? right : left
  }

  #set(slot: number, item: Item): void {
    this.#items[slot] = item
    item.slot = slot
  }
}
