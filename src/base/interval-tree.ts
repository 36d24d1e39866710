/**
 * Intervals of keys, asked which of them hold a key: an AVL tree ordered by (start, end), each
 * node with the greatest end below it, so that a search passes over the parts that end too early.
 * O(log n + found). Values with equal intervals share a node.
 *
 * Invariants: heights of siblings differ by at most 1; `maxEnd` is the greatest end in the subtree,
 * undefined (no upper bound) being greater than any key; no node is without values.
 */

import type { Key } from './key.ts'

interface Node<T> {
  start: Key
  /** First key behind the interval; undefined: no upper bound. */
  end: Key | undefined
  values: Set<T>
  left: Node<T> | undefined
  right: Node<T> | undefined
  height: number
  maxEnd: Key | undefined
}

export class IntervalTree<T> {
  #root: Node<T> | undefined
  #size: number

  constructor() {
    this.#root = undefined
    this.#size = 0
  }

  /** Pairs of interval and value. */
  get size(): number {
    return this.#size
  }

  /** Levels of nodes, for tests. */
  get height(): number {
    return heightOf(this.#root)
  }

  /** Adds [start, end) with `value`; false when that very pair is in already. */
  add(start: Key, end: Key | undefined, value: T): boolean {
    const before = this.#size
    this.#root = this.#insert(this.#root, start, end, value)
    return this.#size > before
  }

  /** False when the pair is not in. */
  delete(start: Key, end: Key | undefined, value: T): boolean {
    const before = this.#size
    this.#root = this.#remove(this.#root, start, end, value)
    return this.#size < before
  }

  /** Appends to `found` the values whose interval holds `key`, by interval. */
  collect(key: Key, found: T[]): void {
    collectFrom(this.#root, key, found)
  }

  #insert(node: Node<T> | undefined, start: Key, end: Key | undefined, value: T): Node<T> {
    if (node === undefined) {
      this.#size++
      const values = new Set([value])
      return { start, end, values, left: undefined, right: undefined, height: 1, maxEnd: end }
    }
    const order = compare(start, end, node)
    if (order === 0) {
      if (!node.values.has(value)) this.#size++
      node.values.add(value)
      return node
    }
    if (order < 0) node.left = this.#insert(node.left, start, end, value)
    else node.right = this.#insert(node.right, start, end, value)
    return balanced(node)
  }

  #remove(
    node: Node<T> | undefined,
    start: Key,
    end: Key | undefined,
    value: T,
  ): Node<T> | undefined {
    if (node === undefined) return undefined
    const order = compare(start, end, node)
    if (order < 0) node.left = this.#remove(node.left, start, end, value)
    else if (order > 0) node.right = this.#remove(node.right, start, end, value)
    else {
      if (!node.values.delete(value)) return node
      this.#size--
      if (node.values.size > 0) return node
      return withoutRoot(node)
    }
    return balanced(node)
  }
}

function compare<T>(start: Key, end: Key | undefined, node: Node<T>): number {
  if (start !== node.start) return start < node.start ? -1 : 1
  if (end === node.end) return 0
  return isGreaterEnd(end, node.end) ? 1 : -1
}

function isGreaterEnd(a: Key | undefined, b: Key | undefined): boolean {
  if (b === undefined) return false
  return a === undefined || a > b
}

function collectFrom<T>(node: Node<T> | undefined, key: Key, found: T[]): void {
  if (node === undefined || !endsBehind(node.maxEnd, key)) return
  collectFrom(node.left, key, found)
  if (node.start > key) return
  if (endsBehind(node.end, key)) for (const value of node.values) found.push(value)
  collectFrom(node.right, key, found)
}

function endsBehind(end: Key | undefined, key: Key): boolean {
  return end === undefined || key < end
}

/** The subtree when its root has gone: the next node in order takes its place. */
function withoutRoot<T>({ left, right }: Node<T>): Node<T> | undefined {
  if (left === undefined) return right
  if (right === undefined) return left
  const { first, rest } = takeFirst(right)
  first.left = left
  first.right = rest
  return balanced(first)
}

function takeFirst<T>(node: Node<T>): { first: Node<T>; rest: Node<T> | undefined } {
  if (node.left === undefined) return { first: node, rest: node.right }
  const { first, rest } = takeFirst(node.left)
  node.left = rest
  return { first, rest: balanced(node) }
}

function heightOf<T>(node: Node<T> | undefined): number {
  return node === undefined ? 0 : node.height
}

function leaning<T>(node: Node<T>): number {
  return heightOf(node.left) - heightOf(node.right)
}

/** The node, or the one that takes its place, with height and maxEnd as its children have them. */
function balanced<T>(node: Node<T>): Node<T> {
  const { left, right } = node
  const lean = heightOf(left) - heightOf(right)
  if (lean > 1 && left !== undefined) {
    return rotateRight(node, leaning(left) < 0 ? rotateLeft(left, left.right) : left)
  }
  if (lean < -1 && right !== undefined) {
    return rotateLeft(node, leaning(right) > 0 ? rotateRight(right, right.left) : right)
  }
  return updated(node)
}

/** `top`, which stands for the node's left child, takes the node's place. */
function rotateRight<T>(node: Node<T>, top: Node<T> | undefined): Node<T> {
  if (top === undefined) return updated(node)
  node.left = top.right
  top.right = updated(node)
  return updated(top)
}

function rotateLeft<T>(node: Node<T>, top: Node<T> | undefined): Node<T> {
  if (top === undefined) return updated(node)
  node.right = top.left
  top.left = updated(node)
  return updated(top)
}

function updated<T>(node: Node<T>): Node<T> {
  const { left, right } = node
  node.height = 1 + Math.max(heightOf(left), heightOf(right))
  node.maxEnd = node.end
  if (left !== undefined && isGreaterEnd(left.maxEnd, node.maxEnd)) node.maxEnd = left.maxEnd
  if (right !== undefined && isGreaterEnd(right.maxEnd, node.maxEnd)) node.maxEnd = right.maxEnd
  return node
}
