/**
 * Wing and Gong's search with Lowe's memory of configurations: try a call that nothing unfinished
 * returned before, go on, take it back when stuck; a configuration (which calls were placed, and the
 * state) that was left once is not entered again.
 *
 * Calls of unknown outcome are optional: placed at any time after their call, or never. They are
 * tried last. A call that changes nothing and can come next comes next: moved here from where it was
 * in any order, it leaves the others where they were. Of those that write, the one with the lowest
 * hint is tried first; which orders are right is not decided by that.
 */

import { CallList } from './call-list.ts'
import { Fingerprint } from './fingerprint.ts'
import type { KeyValue } from './history.ts'
import { KvModel, type Applied } from './kv-model.ts'
import type { Hints } from './hints.ts'
import type { SearchRules } from './search-rules.ts'
import type { SearchStep } from './search-steps.ts'
import { isOk, leavesOf, wrote, type Step } from './steps.ts'

/** A state that calls can lead to, and which of the optional ones were among them. */
export interface Configuration {
  readonly kvs: readonly KeyValue[]
  readonly leases: ReadonlyMap<bigint, number>
  readonly happened: ReadonlySet<SearchStep>
  /** Equal for equal states. */
  readonly state: string
}

export const INITIAL: Configuration = {
  kvs: [],
  leases: new Map(),
  happened: new Set(),
  state: '',
}

export type LinearizerVerdict =
  /** With 'all': every configuration at the end. */
  | { readonly type: 'linearizable'; readonly ends: readonly Configuration[] }
  | { readonly type: 'stuck'; readonly placed: number; readonly stuck: readonly SearchStep[] }
  | { readonly type: 'exhausted' }

interface Frame {
  /** The likely ones; once none of them led on, the others too. */
  candidates: readonly number[]
  hasUnlikely: boolean
  next: number
  /** The call placed from here, while it is. */
  placed: number
  readonly name: number
}

const NONE = -1

export class Linearizer {
  /** By call. */
  readonly #steps: readonly SearchStep[]
  readonly #rules: SearchRules
  readonly #calls: CallList
  readonly #isPlaced: Uint8Array
  readonly #isRequired: Uint8Array
  /** Steps that have to be placed, by call. */
  readonly #required: readonly number[]
  /** The same, by the revision they wait for. */
  readonly #byCeiling: readonly number[]
  readonly #ceilings: Float64Array
  readonly #rankByCall: Int32Array
  readonly #rankByCeiling: Int32Array
  readonly #optionalPlaced: number[] = []
  readonly #hints: Float64Array
  /** What to try first. */
  readonly #ranks: Float64Array
  /** Calls of which one step is placed. */
  readonly #decided = new Set<Step>()
  readonly #seen = new Set<string>()
  readonly #names = new Map<string, number>()
  readonly #fingerprint: Fingerprint
  #model = new KvModel()
  #remaining: number
  /** Where to look for the first required one that is not placed. */
  #firstOpen = 0
  #lowest = 0
  #best = -1
  #stuck: readonly number[] = []

  constructor(steps: readonly SearchStep[], rules: SearchRules, hints: Hints) {
    this.#steps = [...steps].sort((a, b) => a.calledAt - b.calledAt)
    this.#rules = rules
    this.#calls = new CallList(this.#steps)
    const count = this.#steps.length
    this.#isPlaced = new Uint8Array(count)
    this.#isRequired = Uint8Array.from(this.#steps, ({ outcome }) =>
      Number(outcome.type !== 'unknown'),
    )
    this.#hints = Float64Array.from(this.#steps, (step) => hints.of(step))
    this.#ranks = Float64Array.from(this.#steps, (step, i) => rankOf(step, this.#hints[i]!))
    this.#ceilings = Float64Array.from(this.#steps, (step) => rules.ceiling(step))
    this.#required = [...this.#steps.keys()].filter((i) => this.#isRequired[i] === 1)
    this.#byCeiling = this.#required.toSorted((a, b) => this.#ceilings[a]! - this.#ceilings[b]!)
    this.#rankByCall = ranks(this.#required, count)
    this.#rankByCeiling = ranks(this.#byCeiling, count)
    this.#remaining = this.#required.length
    this.#fingerprint = new Fingerprint(rules.sameState === 'values-and-versions')
  }

  /** Configurations that were entered. */
  get visited(): number {
    return this.#seen.size
  }

  /** `mode` 'all' goes on after the first end, for all that the start can lead to. */
  run(
    starts: readonly Configuration[],
    mode: 'first' | 'all',
    maxVisited: number,
  ): LinearizerVerdict {
    const ends = new Map<string, Configuration>()
    for (const start of starts) {
      const undo = this.#begin(start)
      const isDone = this.#search(mode, maxVisited, ends)
      undo()
      if (!isDone) return { type: 'exhausted' }
      if (mode === 'first' && ends.size > 0) break
    }
    if (ends.size > 0) return { type: 'linearizable', ends: [...ends.values()] }
    const stuck = this.#stuck.map((i) => this.#steps[i]!)
    return { type: 'stuck', placed: Math.max(0, this.#best), stuck }
  }

  /** Gives what ends it again. */
  #begin({ kvs, leases, happened }: Configuration): () => void {
    this.#model = new KvModel()
    this.#fingerprint.clear()
    for (const [lease, ttl] of leases) {
      this.#model.apply({ type: 'lease-grant', lease, ttl })
      this.#fingerprint.addLease(lease)
    }
    for (const kv of kvs) {
      this.#model.force([{ type: 'put', kv }])
      this.#fingerprint.addKv(kv)
    }
    const before = [...this.#steps.keys()].filter((i) => happened.has(this.#steps[i]!))
    for (const i of before) this.#lift(i)
    return () => {
      for (const i of before.toReversed()) this.#unlift(i)
    }
  }

  /** False when the budget is used up. */
  #search(mode: 'first' | 'all', maxVisited: number, ends: Map<string, Configuration>): boolean {
    if (this.#remaining === 0) {
      this.#addEnd(ends)
      return true
    }
    const frames = [this.#frame(0)]
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      if (frame.placed !== NONE) this.#takeBack(frame)
      const name = this.#placeNext(frame)
      if (name === undefined) frames.pop()
      else if (this.#remaining > 0) frames.push(this.#frame(name))
      else this.#addEnd(ends)
      const isEnough = mode === 'first' && ends.size > 0
      if (isEnough || this.#seen.size > maxVisited) {
        while (frames.length > 0) {
          const left = frames.pop()!
          if (left.placed !== NONE) this.#takeBack(left)
        }
        return isEnough
      }
    }
    return true
  }

  #addEnd(ends: Map<string, Configuration>): void {
    const state = this.#fingerprint.text
    const name = `${state}:${this.#optionalText()}`
    if (ends.has(name)) return
    const happened = new Set(this.#optionalPlaced.map((i) => this.#steps[i]!))
    const kvs = this.#model.live({ key: '\0', rangeEnd: '\0' }, this.#model.revision)
    ends.set(name, { kvs, leases: new Map(this.#model.leases), happened, state })
  }

  #frame(name: number): Frame {
    const candidates = this.#likely()
    const placedCount = this.#required.length - this.#remaining
    if (placedCount > this.#best) {
      this.#best = placedCount
      this.#stuck = candidates.filter((i) => this.#isRequired[i] === 1)
    }
    return { candidates, hasUnlikely: false, next: 0, placed: NONE, name }
  }

  /** Those with an answer, and those without that probably were among them, in their order. */
  #likely(): number[] {
    const calls = [...this.#calls.callable()].filter((i) => !this.#isExcluded(i))
    let last = -Infinity
    for (const i of calls) {
      if (this.#isRequired[i] === 1 && this.#hints[i]! > last) last = this.#hints[i]!
    }
    const likely = calls.filter((i) => this.#isRequired[i] === 1 || this.#hints[i]! <= last)
    return likely.sort((a, b) => this.#ranks[a]! - this.#ranks[b]!)
  }

  /** The others; first what a likely one may be waiting for. */
  #unlikely(likely: readonly number[]): number[] {
    const calls = [...this.#calls.callable()].filter((i) => !this.#isExcluded(i))
    const rest = calls.filter((i) => !likely.includes(i))
    const isNeeded = (i: number): boolean =>
      likely.some((other) => isNeededBy(this.#steps[i]!, this.#steps[other]!))
    const ranked = rest.map((i) => ({ i, rank: isNeeded(i) ? -1 : this.#ranks[i]! }))
    return ranked.sort((a, b) => a.rank - b.rank).map(({ i }) => i)
  }

  #isExcluded(i: number): boolean {
    const { oneOf } = this.#steps[i]!
    return oneOf !== undefined && this.#decided.has(oneOf)
  }

  /** Places the next call that can come here; the name of where that leads, if one can. */
  #placeNext(frame: Frame): number | undefined {
    while (this.#hasNext(frame)) {
      const i = frame.candidates[frame.next++]!
      const applied = this.#model.apply(this.#steps[i]!.request)
      if (!this.#fits(i, applied, frame.candidates)) {
        if (applied.ok) this.#model.undo()
        continue
      }
      if (this.#isRequired[i] === 1 && changesNothing(this.#steps[i]!, applied)) settle(frame)
      this.#lift(i)
      this.#fingerprint.apply(this.#steps[i]!.request, applied)
      const hasWritten = applied.ok && applied.events.length > 0
      const name = hasWritten ? this.#name(frame.name, i) : frame.name
      if (this.#isWithinReach() && this.#enter(name)) {
        frame.placed = i
        return name
      }
      this.#undo(i)
    }
    return undefined
  }

  #hasNext(frame: Frame): boolean {
    if (frame.next === frame.candidates.length && !frame.hasUnlikely) {
      const others = this.#unlikely(frame.candidates)
      if (others.length > 0) frame.candidates = [...frame.candidates, ...others]
      frame.hasUnlikely = true
    }
    return frame.next < frame.candidates.length
  }

  #fits(i: number, applied: Applied, candidates: readonly number[]): boolean {
    const step = this.#steps[i]!
    if (step.outcome.type === 'failed') return !applied.ok && applied.error === step.outcome.error
    if (!applied.ok) return false
    if (isOk(step)) return this.#rules.fits(step, applied)
    if (applied.events.length > 0) return !this.#rules.claims(applied.revision)
    // What writes nothing can wait until somebody needs it.
    return candidates.some((other) => isNeededBy(step, this.#steps[other]!))
  }

  /** No call that is still to come was answered at a lower revision than there is now. */
  #isWithinReach(): boolean {
    if (this.#remaining === 0) return true
    while (this.#isPlaced[this.#byCeiling[this.#lowest]!] === 1) this.#lowest++
    return this.#model.revision <= this.#ceilings[this.#byCeiling[this.#lowest]!]!
  }

  /** Whether the configuration is new. */
  #enter(name: number): boolean {
    const state =
      this.#rules.sameState === 'path'
        ? `${name}:${this.#model.compacted}:${this.#fingerprint.leasesText}`
        : this.#fingerprint.text
    const text = `${this.#placedText()}:${state}`
    if (this.#seen.has(text)) return false
    this.#seen.add(text)
    return true
  }

  /** All required ones up to the first open one are placed, and few behind it. */
  #placedText(): string {
    const required = this.#required
    const isPlaced = this.#isPlaced
    while (isPlaced[required[this.#firstOpen]!] === 1) this.#firstOpen++
    let behind = required.length - this.#remaining - this.#firstOpen
    const placed: number[] = []
    for (let at = this.#firstOpen; behind > 0; at++) {
      if (isPlaced[required[at]!] !== 1) continue
      placed.push(required[at]!)
      behind--
    }
    return `${this.#firstOpen}:${placed.join()}:${this.#optionalText()}`
  }

  #optionalText(): string {
    return this.#optionalPlaced.toSorted((a, b) => a - b).join()
  }

  /** The calls that wrote something, in their order, as a number. */
  #name(before: number, i: number): number {
    if (this.#rules.sameState !== 'path') return 0
    const path = `${before},${i}`
    const known = this.#names.get(path)
    if (known !== undefined) return known
    const name = this.#names.size + 1
    this.#names.set(path, name)
    return name
  }

  #takeBack(frame: Frame): void {
    this.#undo(frame.placed)
    frame.placed = NONE
  }

  #undo(i: number): void {
    this.#unlift(i)
    this.#fingerprint.undo()
    if (this.#steps[i]!.outcome.type !== 'failed') this.#model.undo()
  }

  #lift(i: number): void {
    this.#isPlaced[i] = 1
    if (this.#isRequired[i] === 1) this.#remaining--
    else this.#optionalPlaced.push(i)
    const { oneOf } = this.#steps[i]!
    if (oneOf !== undefined) this.#decided.add(oneOf)
    this.#calls.takeOut(i)
  }

  #unlift(i: number): void {
    this.#calls.putBack(i)
    this.#isPlaced[i] = 0
    const { oneOf } = this.#steps[i]!
    if (oneOf !== undefined) this.#decided.delete(oneOf)
    if (this.#isRequired[i] === 0) {
      this.#optionalPlaced.pop()
      return
    }
    this.#remaining++
    this.#firstOpen = Math.min(this.#firstOpen, this.#rankByCall[i]!)
    this.#lowest = Math.min(this.#lowest, this.#rankByCeiling[i]!)
  }
}

/** No other call has to be tried. */
function settle(frame: Frame): void {
  frame.next = frame.candidates.length
  frame.hasUnlikely = true
}

function changesNothing({ request: { type } }: Step, applied: Applied): boolean {
  if (!applied.ok) return true
  if (type === 'lease-grant' || type === 'lease-revoke' || type === 'compact') return false
  return applied.events.length === 0
}

/** What changes nothing comes as soon as it can. */
function rankOf(step: Step, hint: number): number {
  if (hint === Infinity) return Number.MAX_VALUE
  if (!isOk(step)) return hint
  const isLease = step.request.type.startsWith('lease-')
  const isSight = step.request.type === 'lease-keep-alive'
  return isSight || (!isLease && wrote(step) === false) ? -1 : hint
}

function ranks(items: readonly number[], count: number): Int32Array {
  const rankOf = new Int32Array(count)
  for (const [rank, item] of items.entries()) rankOf[item] = rank
  return rankOf
}

/** Whether a call that writes nothing may be what another one's answer depends on. */
function isNeededBy({ request }: Step, other: Step): boolean {
  const { outcome } = other
  const error = outcome.type === 'failed' ? outcome.error : undefined
  if (request.type === 'compact') return error === 'compacted'
  if (request.type !== 'lease-grant' && request.type !== 'lease-revoke') return false
  if (error !== undefined && !error.startsWith('lease-')) return false
  if (request.type === 'lease-revoke' && error === undefined) {
    const needs = other.request.type
    if (needs !== 'lease-grant' && needs !== 'lease-keep-alive') return false
  }
  for (const leaf of leavesOf(other.request)) {
    if ('lease' in leaf && leaf.lease === request.lease) return other.request !== request
  }
  return false
}
