/**
 * Parts of a history that have nothing to do with each other, so that each can be searched by
 * itself: keys and leases are joined by every call that writes several of them or decides one by
 * another. A range is a read of each part that it reaches: that its parts were read at one moment
 * is then not judged.
 */

import { within, type Interval, type KeyValue, type RangeRequest } from './history.ts'
import type { StoreRequest } from './kv-model.ts'
import type { SearchStep } from './search-steps.ts'
import { kvsOf, leavesOf } from './steps.ts'

/** The smallest first. */
export function componentsOf(steps: readonly SearchStep[]): SearchStep[][] {
  const partition = new Partition(steps)
  const byRoot = new Map<string, SearchStep[]>()
  const add = (root: string, step: SearchStep): void => {
    const component = byRoot.get(root)
    if (component === undefined) byRoot.set(root, [step])
    else component.push(step)
  }
  for (const step of steps) {
    const { request } = step
    if (request.type !== 'range') add(partition.rootOf(request), step)
    else for (const [root, part] of partition.partsOf(step, request)) add(root, part)
  }
  return [...byRoot.values()].sort((a, b) => a.length - b.length)
}

class Partition {
  readonly #parent = new Map<string, string>()
  /** Every key that is named or shown, in order. */
  readonly #keys: readonly string[]
  readonly #keysOfInterval = new Map<string, readonly string[]>()

  constructor(steps: readonly SearchStep[]) {
    this.#keys = [...keysNamed(steps)].sort()
    for (const { request } of steps) if (request.type !== 'range') this.#join(request)
  }

  rootOf(request: StoreRequest): string {
    const [first] = this.#nodesOf(request)
    return this.#find(first ?? 'nothing')
  }

  /** The step as each part sees it. */
  *partsOf(step: SearchStep, request: RangeRequest): Generator<[string, SearchStep]> {
    const roots = new Set(this.#keysIn(request).map((key) => this.#find(keyNode(key))))
    const [only] = roots
    if (roots.size === 1) yield [only!, step]
    if (roots.size < 2 || request.countOnly) return
    const { outcome } = step
    if (outcome.type !== 'ok' || outcome.result?.type !== 'range') return
    const kvsOfRoot = new Map<string, KeyValue[]>([...roots].map((root) => [root, []]))
    for (const kv of outcome.result.kvs) kvsOfRoot.get(this.#find(keyNode(kv.key)))?.push(kv)
    for (const [root, kvs] of kvsOfRoot) {
      const result = { type: 'range', kvs, count: kvs.length } as const
      yield [root, { ...step, outcome: { ...outcome, result } }]
    }
  }

  #join(request: StoreRequest): void {
    let first: string | undefined
    for (const node of this.#nodesOf(request)) {
      const root = this.#find(node)
      if (first === undefined) first = root
      else if (root !== first) this.#parent.set(root, first)
    }
  }

  *#nodesOf(request: StoreRequest): Generator<string> {
    if (request.type === 'txn') for (const one of comparesOf(request)) yield* this.#nodesIn(one)
    for (const leaf of leavesOf(request)) {
      if ('key' in leaf) yield* this.#nodesIn(leaf)
      if ('lease' in leaf && leaf.lease) yield `lease ${leaf.lease}`
    }
  }

  #nodesIn(interval: Interval): string[] {
    const nodes = this.#keysIn(interval).map(keyNode)
    return nodes.length === 0 ? [`no key from ${interval.key}`] : nodes
  }

  #keysIn(interval: Interval): readonly string[] {
    const { key, rangeEnd = '' } = interval
    if (rangeEnd === '') return [key]
    const name = `${key}\u{ffff}${rangeEnd}`
    const known = this.#keysOfInterval.get(name)
    if (known !== undefined) return known
    const keys = this.#keys.filter((one) => within(interval, one))
    this.#keysOfInterval.set(name, keys)
    return keys
  }

  #find(node: string): string {
    let root = node
    for (let up = this.#parent.get(root); up !== undefined; up = this.#parent.get(root)) root = up
    for (let at = node; at !== root;) {
      const next = this.#parent.get(at)!
      this.#parent.set(at, root)
      at = next
    }
    return root
  }
}

function keyNode(key: string): string {
  return `key ${key}`
}

function keysNamed(steps: readonly SearchStep[]): Set<string> {
  const keys = new Set<string>()
  for (const { request, outcome } of steps) {
    const compares = request.type === 'txn' ? comparesOf(request) : []
    for (const one of [...compares, ...leavesOf(request)]) {
      if ('key' in one && !('rangeEnd' in one && one.rangeEnd)) keys.add(one.key)
    }
    if (outcome.type !== 'ok' || outcome.result === undefined) continue
    for (const { key } of kvsOf(outcome.result)) keys.add(key)
  }
  return keys
}

function* comparesOf(request: StoreRequest): Generator<Interval> {
  if (request.type !== 'txn') return
  yield* request.compares
  for (const op of [...request.success, ...request.failure]) yield* comparesOf(op)
}
