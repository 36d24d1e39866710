/**
 * A sorted map with string keys that also knows, for every subtree, how many of its values are
 * live and what the newest stamp in it is. What a value's liveness and stamp are is told by a
 * `Measure`; the MVCC index takes "is not deleted now" and "main revision last modified".
 *
 * It is a B+ tree. A branch keeps its children's aggregates beside them, so that counting reads
 * one array per level and a write of an existing key touches one slot per level:
 *
 *     Branch  keys      ['',  'f',  'q']     lower bound of each child, the first one unbounded
 *             children  [ •    •     • ]
 *             live      [ 41   60    12]
 *             newest    [ 907  812   915]
 *
 * Invariants: keys ascend; a child's keys lie in [keys[i], keys[i + 1]); all leaves have the same
 * depth; live and newest are exact; no node but an empty root is empty. A node that deletes have
 * left small merges with a neighbour when both fit into one.
 */

import { assert } from './assert.ts'
import type { Key } from './key.ts'

export interface Measure<V> {
  live(value: V): boolean
  /** Never goes down for a key while it is in the map. */
  stamp(value: V): number
}

const NODE_KEYS_MAX = 64
/** A node below this tries to merge with a neighbour. */
const NODE_KEYS_MIN = 16
/** Two neighbours merge up to here, so that the next insert does not split them again. */
const MERGED_KEYS_MAX = 48

class Leaf<V> {
  readonly keys: Key[]
  readonly values: V[]

  constructor(keys: Key[], values: V[]) {
    this.keys = keys
    this.values = values
  }
}

class Branch<V> {
  readonly keys: Key[]
  readonly children: Node<V>[]
  readonly live: number[]
  readonly newest: number[]

  constructor(keys: Key[], children: Node<V>[], live: number[], newest: number[]) {
    this.keys = keys
    this.children = children
    this.live = live
    this.newest = newest
  }
}

type Node<V> = Leaf<V> | Branch<V>

/** The first position whose key is >= key. */
function lowerBound(keys: readonly Key[], key: Key): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The child that holds `key`: the last whose lower bound is <= key. */
function childSlot(keys: readonly Key[], key: Key): number {
  let low = 1
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle]! <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

function insertAt<T>(items: T[], position: number, item: T): void {
  items.push(item)
  for (let i = items.length - 1; i > position; i--) items[i] = items[i - 1]!
  items[position] = item
}

function removeAt<T>(items: T[], position: number): void {
  for (let i = position + 1; i < items.length; i++) items[i - 1] = items[i]!
  items.pop()
}

function append<T>(items: T[], more: readonly T[]): void {
  for (let i = 0; i < more.length; i++) items.push(more[i]!)
}

function sum(numbers: readonly number[]): number {
  let total = 0
  for (let i = 0; i < numbers.length; i++) total += numbers[i]!
  return total
}

function largest(numbers: readonly number[]): number {
  let result = -Infinity
  for (let i = 0; i < numbers.length; i++) if (numbers[i]! > result) result = numbers[i]!
  return result
}

export class OrderedMap<V> {
  readonly #measure: Measure<V>
  #root: Node<V>
  #size: number
  #liveCount: number
  // Where the last `locate` ended: the branches from the root down with the slot taken in each,
  // the leaf, and the position in it. Kept in fields so that a put allocates nothing.
  readonly #path: Branch<V>[]
  readonly #slots: number[]
  #depth: number
  #leaf: Leaf<V>
  #position: number
  #found: boolean
  #locatedKey: Key | undefined

  constructor(measure: Measure<V>) {
    this.#measure = measure
    const leaf = new Leaf<V>([], [])
    this.#root = leaf
    this.#size = 0
    this.#liveCount = 0
    this.#path = []
    this.#slots = []
    this.#depth = 0
    this.#leaf = leaf
    this.#position = 0
    this.#found = false
    this.#locatedKey = undefined
  }

  get size(): number {
    return this.#size
  }

  get liveCount(): number {
    return this.#liveCount
  }

  get(key: Key): V | undefined {
    let node = this.#root
    while (node instanceof Branch) node = node.children[childSlot(node.keys, key)]!
    const position = lowerBound(node.keys, key)
    return node.keys[position] === key ? node.values[position] : undefined
  }

  set(key: Key, value: V): void {
    const old = this.locate(key)
    this.place(value, old !== undefined && this.#measure.live(old))
  }

  /** The value of `key`, and remembers its place for a `place` that follows directly. */
  locate(key: Key): V | undefined {
    let node = this.#root
    let depth = 0
    while (node instanceof Branch) {
      const slot = childSlot(node.keys, key)
      this.#path[depth] = node
      this.#slots[depth] = slot
      depth++
      node = node.children[slot]!
    }
    this.#depth = depth
    this.#leaf = node
    this.#position = lowerBound(node.keys, key)
    this.#found = node.keys[this.#position] === key
    this.#locatedKey = key
    return this.#found ? node.values[this.#position] : undefined
  }

  /**
   * Stores `value` under the key that was located last, without a second search. The old value
   * may have been changed in place and passed again, so the caller says whether it was live.
   */
  place(value: V, wasLive: boolean): void {
    const key = this.#locatedKey
    assert(key !== undefined, 'place without locate')
    this.#locatedKey = undefined
    const gained = (this.#measure.live(value) ? 1 : 0) - (wasLive ? 1 : 0)
    const stamp = this.#measure.stamp(value)
    for (let level = 0; level < this.#depth; level++) {
      const branch = this.#path[level]!
      const slot = this.#slots[level]!
      if (gained !== 0) branch.live[slot] = branch.live[slot]! + gained
      if (stamp > branch.newest[slot]!) branch.newest[slot] = stamp
    }
    this.#liveCount += gained
    if (this.#found) {
      this.#leaf.values[this.#position] = value
      return
    }
    this.#size++
    insertAt(this.#leaf.keys, this.#position, key)
    insertAt(this.#leaf.values, this.#position, value)
    if (this.#leaf.keys.length > NODE_KEYS_MAX) this.#splitPath()
  }

  /** Returns whether the key was there. */
  delete(key: Key): boolean {
    const value = this.locate(key)
    this.#locatedKey = undefined
    if (!this.#found) return false
    const lost = this.#measure.live(value as V) ? 1 : 0
    removeAt(this.#leaf.keys, this.#position)
    removeAt(this.#leaf.values, this.#position)
    this.#size--
    this.#liveCount -= lost
    this.#refreshPath(this.#measure.stamp(value as V), lost)
    this.#mergePath()
    return true
  }

  /**
   * The number of values in [start, end) that were live at `stamp`: subtrees not modified since
   * then answer with their live count, the others ask `liveAt` for each value.
   */
  countLive(
    start: Key | undefined,
    end: Key | undefined,
    stamp: number,
    liveAt: (value: V, stamp: number) => boolean,
  ): number {
    return this.#count(this.#root, start, end, stamp, liveAt)
  }

  /**
   * Visits entries with key >= start (and < end) in key order until `visit` returns false. With
   * `stamp` given, subtrees that hold nothing live and were not modified after it are passed
   * over. The map must not change meanwhile.
   */
  ascend(
    start: Key | undefined,
    end: Key | undefined,
    visit: (key: Key, value: V) => boolean,
    stamp = -Infinity,
  ): void {
    this.#walk(this.#root, start, end, visit, stamp)
  }

  /** Asserts every invariant of the tree, in time linear in its size. For tests. */
  verify(): void {
    const totals = this.#verifyNode(this.#root, undefined, undefined)
    assert(totals.size === this.#size, 'size is exact', { counted: totals.size, kept: this.#size })
    assert(totals.live === this.#liveCount, 'live count is exact')
  }

  #count(
    node: Node<V>,
    start: Key | undefined,
    end: Key | undefined,
    stamp: number,
    liveAt: (value: V, stamp: number) => boolean,
  ): number {
    let total = 0
    if (node instanceof Leaf) {
      const last = end === undefined ? node.keys.length : lowerBound(node.keys, end)
      for (let i = start === undefined ? 0 : lowerBound(node.keys, start); i < last; i++) {
        if (liveAt(node.values[i]!, stamp)) total++
      }
      return total
    }
    const first = start === undefined ? 0 : childSlot(node.keys, start)
    const last = end === undefined ? node.children.length - 1 : childSlot(node.keys, end)
    for (let i = first; i <= last; i++) {
      const childStart = i === first ? start : undefined
      const childEnd = i === last ? end : undefined
      const whole = childStart === undefined && childEnd === undefined
      if (whole && node.newest[i]! <= stamp) total += node.live[i]!
      else total += this.#count(node.children[i]!, childStart, childEnd, stamp, liveAt)
    }
    return total
  }

  #walk(
    node: Node<V>,
    start: Key | undefined,
    end: Key | undefined,
    visit: (key: Key, value: V) => boolean,
    stamp: number,
  ): boolean {
    if (node instanceof Leaf) {
      const last = end === undefined ? node.keys.length : lowerBound(node.keys, end)
      for (let i = start === undefined ? 0 : lowerBound(node.keys, start); i < last; i++) {
        if (!visit(node.keys[i]!, node.values[i]!)) return false
      }
      return true
    }
    const first = start === undefined ? 0 : childSlot(node.keys, start)
    const last = end === undefined ? node.children.length - 1 : childSlot(node.keys, end)
    for (let i = first; i <= last; i++) {
      if (node.live[i] === 0 && node.newest[i]! <= stamp) continue
      const childStart = i === first ? start : undefined
      const childEnd = i === last ? end : undefined
      if (!this.#walk(node.children[i]!, childStart, childEnd, visit, stamp)) return false
    }
    return true
  }

  #splitPath(): void {
    let right: Node<V> = this.#splitLeaf()
    let left: Node<V> = this.#leaf
    let separator = right.keys[0]!
    for (let level = this.#depth - 1; level >= 0; level--) {
      const branch = this.#path[level]!
      const slot = this.#slots[level]!
      this.#setAggregates(branch, slot)
      insertAt(branch.keys, slot + 1, separator)
      insertAt<Node<V>>(branch.children, slot + 1, right)
      insertAt(branch.live, slot + 1, 0)
      insertAt(branch.newest, slot + 1, 0)
      this.#setAggregates(branch, slot + 1)
      if (branch.keys.length <= NODE_KEYS_MAX) return
      right = splitBranch(branch, slot + 1)
      left = branch
      separator = right.keys[0]!
    }
    const root = new Branch<V>([left.keys[0]!, separator], [left, right], [0, 0], [0, 0])
    this.#setAggregates(root, 0)
    this.#setAggregates(root, 1)
    this.#root = root
  }

  #splitLeaf(): Leaf<V> {
    const leaf = this.#leaf
    const at = splitPoint(leaf.keys.length, this.#position)
    return new Leaf(leaf.keys.splice(at), leaf.values.splice(at))
  }

  #liveOf(node: Node<V>): number {
    if (node instanceof Branch) return sum(node.live)
    let live = 0
    for (const value of node.values) if (this.#measure.live(value)) live++
    return live
  }

  #newestOf(node: Node<V>): number {
    if (node instanceof Branch) return largest(node.newest)
    let newest = -Infinity
    for (const value of node.values) {
      const stamp = this.#measure.stamp(value)
      if (stamp > newest) newest = stamp
    }
    return newest
  }

  #setAggregates(branch: Branch<V>, slot: number): void {
    const child = branch.children[slot]!
    branch.live[slot] = this.#liveOf(child)
    branch.newest[slot] = this.#newestOf(child)
  }

  /** After an entry with `stamp` left the located leaf. */
  #refreshPath(stamp: number, liveLost: number): void {
    for (let level = this.#depth - 1; level >= 0; level--) {
      const branch = this.#path[level]!
      const slot = this.#slots[level]!
      branch.live[slot] = branch.live[slot]! - liveLost
      if (branch.newest[slot] === stamp)
        branch.newest[slot] = this.#newestOf(branch.children[slot]!)
    }
  }

  /** After a delete: drops nodes that became empty, merges those that became small. */
  #mergePath(): void {
    for (let level = this.#depth - 1; level >= 0; level--) {
      const branch = this.#path[level]!
      const slot = this.#slots[level]!
      const keyCount = branch.children[slot]!.keys.length
      if (keyCount >= NODE_KEYS_MIN) break
      if (keyCount === 0) removeChild(branch, slot)
      else if (!this.#maybeMerge(branch, slot)) this.#maybeMerge(branch, slot - 1)
    }
    while (this.#root instanceof Branch && this.#root.children.length < 2) {
      this.#root = this.#root.children[0] ?? new Leaf<V>([], [])
    }
  }

  /** Merges the children at `slot` and `slot + 1` into one when they fit. */
  #maybeMerge(branch: Branch<V>, slot: number): boolean {
    const left = branch.children[slot]
    const right = branch.children[slot + 1]
    if (left === undefined || right === undefined) return false
    if (left.keys.length + right.keys.length > MERGED_KEYS_MAX) return false
    if (left instanceof Branch && right instanceof Branch) {
      // The lower bound of the right node's first child may have gone stale in the node itself.
      right.keys[0] = branch.keys[slot + 1]!
      append(left.children, right.children)
      append(left.live, right.live)
      append(left.newest, right.newest)
    } else if (left instanceof Leaf && right instanceof Leaf) {
      append(left.values, right.values)
    }
    append(left.keys, right.keys)
    branch.live[slot] = branch.live[slot]! + branch.live[slot + 1]!
    branch.newest[slot] = Math.max(branch.newest[slot]!, branch.newest[slot + 1]!)
    removeChild(branch, slot + 1)
    return true
  }

  #verifyNode(
    node: Node<V>,
    start: Key | undefined,
    end: Key | undefined,
  ): { size: number; live: number; newest: number; height: number } {
    const isRoot = node === this.#root
    assert(node.keys.length <= NODE_KEYS_MAX, 'a node is not overfull')
    assert(isRoot || node.keys.length > 0, 'a node is not empty')
    if (node instanceof Leaf) {
      node.keys.forEach((key, i) => {
        assert(i === 0 || node.keys[i - 1]! < key, 'keys ascend')
        assert(start === undefined || start <= key, 'a key is not below its node')
        assert(end === undefined || key < end, 'a key is not above its node')
      })
      assert(node.values.length === node.keys.length, 'a value for each key')
      const live = this.#liveOf(node)
      return { size: node.keys.length, live, newest: this.#newestOf(node), height: 0 }
    }
    assert(!isRoot || node.children.length > 1, 'a root branch has two children')
    const totals = { size: 0, live: 0, newest: -Infinity, height: -1 }
    node.children.forEach((child, i) => {
      const inside = this.#verifyNode(
        child,
        i === 0 ? start : node.keys[i],
        node.keys[i + 1] ?? end,
      )
      assert(inside.live === node.live[i], 'live of a child is exact')
      assert(inside.newest === node.newest[i], 'newest of a child is exact')
      assert(totals.height === -1 || totals.height === inside.height, 'leaves have one depth')
      totals.size += inside.size
      totals.live += inside.live
      totals.newest = Math.max(totals.newest, inside.newest)
      totals.height = inside.height
    })
    return { ...totals, height: totals.height + 1 }
  }
}

function removeChild<V>(branch: Branch<V>, slot: number): void {
  removeAt(branch.keys, slot)
  removeAt(branch.children, slot)
  removeAt(branch.live, slot)
  removeAt(branch.newest, slot)
}

/** Keys that arrive in order leave full nodes behind them; others leave halves. */
function splitPoint(length: number, inserted: number): number {
  return inserted === length - 1 ? length - 1 : length >>> 1
}

function splitBranch<V>(branch: Branch<V>, inserted: number): Branch<V> {
  const at = splitPoint(branch.keys.length, inserted)
  return new Branch(
    branch.keys.splice(at),
    branch.children.splice(at),
    branch.live.splice(at),
    branch.newest.splice(at),
  )
}
