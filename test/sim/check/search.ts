/**
 * Linearizability by search: is there any order of the calls, each between its call and its return,
 * in which a store gives every answer? It is told of no order, so it judges revisions as well as
 * values. The algorithm is Wing and Gong's with Lowe's memory of configurations: try a call that
 * nothing unfinished returned before, go on, take it back when stuck; a configuration (which calls
 * were placed, and the state) that was left once is not entered again.
 *
 * Calls of unknown outcome are placed at any time after their call, or never; they are tried last.
 *
 * Where every call is about one key and none about revisions, each key is searched by itself, and
 * revisions are ignored. Otherwise all calls are one search, in which a revision that is already
 * above one that is still to be answered ends a branch at once.
 */

import { difference } from './differences.ts'
import {
  isSerializable,
  type Compare,
  type FinalState,
  type History,
  type KeyValue,
  type Result,
} from './history.ts'
import { EVERYTHING, KvModel, type Applied, type StoreRequest } from './kv-model.ts'
import { isOk, leavesOf, stepsOf, wrote, type OkStep, type Step } from './steps.ts'
import type { Violation } from './violation.ts'

export interface SearchOptions {
  /** Configurations to enter before giving up. */
  readonly maxVisited?: number
  /** The final states are the cluster's, so each is one more read. */
  readonly converged?: boolean
  /** 'whole' never searches keys by themselves. */
  readonly partition?: 'auto' | 'whole'
}

export type SearchVerdict =
  | { readonly type: 'linearizable'; readonly visited: number }
  | { readonly type: 'violated'; readonly visited: number; readonly violation: Violation }
  /** The budget was used up. */
  | { readonly type: 'unknown'; readonly visited: number }

const MAX_VISITED = 1_000_000

export function searchLinearization(history: History, options: SearchOptions = {}): SearchVerdict {
  const { maxVisited = MAX_VISITED, converged = false, partition = 'auto' } = options
  const { known, failed, unknown } = stepsOf(history)
  const finals = converged ? history.finals.map((final, i) => finalRead(final, -1 - i)) : []
  const refused = failed.filter(({ request }) => !isSerializable(request))
  const steps: Step[] = [...known, ...refused, ...finals, ...unknown]
  const keys =
    partition === 'auto' ? keysOf(steps.filter((step) => !finals.includes(step))) : undefined
  if (keys === undefined) return new Search(steps, exactRules(known), maxVisited).run()
  let visited = 0
  for (const key of keys) {
    const ofKey = steps.filter(({ request }) => isAbout(request, key))
    for (const final of finals) ofKey.push(narrowed(final, key))
    const verdict = new Search(ofKey, VALUE_RULES, maxVisited - visited).run()
    visited += verdict.visited
    if (verdict.type !== 'linearizable') return { ...verdict, visited }
  }
  return { type: 'linearizable', visited }
}

function finalRead({ member, at, revision, kvs }: FinalState, id: number): Step {
  const result: Result = { type: 'range', kvs, count: kvs.length }
  return {
    id,
    what: `the final state of ${member}`,
    request: { type: 'range', ...EVERYTHING },
    calledAt: at,
    returnedAt: at,
    outcome: { type: 'ok', revision, result },
  }
}

/** What differs between a search of everything and of one key. */
interface Rules {
  fits(step: OkStep, applied: Extract<Applied, { ok: true }>): boolean
  /** The highest revision that the state may have while the step is still to come. */
  ceiling(step: Step): number
  /** Whether an answered call is known to have made the revision. */
  readonly claims?: (revision: number) => boolean
  /** Two states with the same name are the same; undefined: the calls placed so far name it. */
  stateName(model: KvModel): string | undefined
}

/** A range may ask for an old revision, so states are the same only with the same history. */
function exactRules(known: readonly OkStep[]): Rules {
  const claimed = new Set(known.filter((step) => wrote(step) === true).map(revisionOf))
  return { ...EXACT_RULES, claims: (revision) => claimed.has(revision) }
}

function revisionOf({ outcome }: OkStep): number {
  return outcome.revision
}

const EXACT_RULES: Rules = {
  fits: ({ outcome }, applied) =>
    applied.revision === outcome.revision &&
    (outcome.result === undefined || difference(outcome.result, applied.result) === undefined),
  ceiling: ({ outcome }) => (outcome.type === 'ok' ? outcome.revision : Infinity),
  stateName: () => undefined,
}

const VALUE_RULES: Rules = {
  fits: ({ outcome }, applied) =>
    outcome.result === undefined ||
    difference(withoutRevisions(outcome.result), withoutRevisions(applied.result)) === undefined,
  ceiling: () => Infinity,
  stateName: (model) =>
    model
      .live(EVERYTHING, model.revision)
      .map(({ value, version, lease }) => `${version} ${lease} ${value}`)
      .join(),
}

interface Frame {
  /** Those with an answer; once none of them led on, the others too. */
  candidates: readonly number[]
  hasOptional: boolean
  next: number
  /** The call placed from here, while it is. */
  placed: number
  readonly name: number
}

const NONE = -1

class Search {
  readonly #steps: readonly Step[]
  readonly #rules: Rules
  readonly #maxVisited: number
  readonly #model = new KvModel()
  /** Calls and returns by time, as a linked list: entry 2i is the call of step i, 2i + 1 its return. */
  readonly #after: Int32Array
  readonly #before: Int32Array
  readonly #isPlaced: Uint8Array
  /** Steps that have to be placed, by call. */
  readonly #required: readonly number[]
  /** The same, by the revision they wait for. */
  readonly #byCeiling: readonly number[]
  readonly #rankByCall: Int32Array
  readonly #rankByCeiling: Int32Array
  readonly #optionalPlaced: number[] = []
  readonly #ceilings: Float64Array
  readonly #seen = new Set<string>()
  readonly #names = new Map<string, number>()
  #remaining: number
  /** Where to look for the first required one that is not placed. */
  #firstOpen = 0
  #lowest = 0
  /** The leases that live, while it is known. */
  #aliveText: string | undefined
  #best = 0
  #stuck: readonly number[] = []

  constructor(steps: readonly Step[], rules: Rules, maxVisited: number) {
    this.#steps = [...steps].sort((a, b) => a.calledAt - b.calledAt)
    this.#rules = rules
    this.#maxVisited = maxVisited
    const count = this.#steps.length
    this.#after = new Int32Array(2 * count + 1)
    this.#before = new Int32Array(2 * count + 1)
    this.#isPlaced = new Uint8Array(count)
    this.#ceilings = Float64Array.from(this.#steps, (step) => rules.ceiling(step))
    this.#required = [...this.#steps.keys()].filter((i) => this.#isRequired(i))
    this.#byCeiling = this.#required.toSorted((a, b) => this.#ceilings[a]! - this.#ceilings[b]!)
    this.#rankByCall = ranks(this.#required, count)
    this.#rankByCeiling = ranks(this.#byCeiling, count)
    this.#remaining = this.#required.length
    this.#link()
  }

  run(): SearchVerdict {
    const frames = [this.#frame(0)]
    while (this.#remaining > 0) {
      const frame = frames.at(-1)
      if (frame === undefined) return this.#violated()
      if (frame.placed !== NONE) this.#takeBack(frame)
      const name = this.#placeNext(frame)
      if (name === undefined) frames.pop()
      else frames.push(this.#frame(name))
      if (this.#seen.size > this.#maxVisited) return { type: 'unknown', visited: this.#seen.size }
    }
    return { type: 'linearizable', visited: this.#seen.size }
  }

  #isRequired(i: number): boolean {
    return this.#steps[i]!.outcome.type !== 'unknown'
  }

  #link(): void {
    const head = 2 * this.#steps.length
    const entries: number[] = []
    for (const [i, { returnedAt }] of this.#steps.entries()) {
      entries.push(2 * i)
      if (returnedAt !== Infinity) entries.push(2 * i + 1)
    }
    const time = (entry: number): number => {
      const step = this.#steps[entry >> 1]!
      return entry % 2 === 0 ? step.calledAt : step.returnedAt
    }
    // At the same time calls come before returns: those two calls are concurrent.
    entries.sort((a, b) => time(a) - time(b) || (a % 2) - (b % 2) || a - b)
    let last = head
    for (const entry of entries) {
      this.#after[last] = entry
      this.#before[entry] = last
      last = entry
    }
    this.#after[last] = head
    this.#before[head] = last
  }

  #frame(name: number): Frame {
    const candidates = this.#callable(true)
    const placedCount = this.#required.length - this.#remaining
    if (placedCount >= this.#best) {
      this.#best = placedCount
      this.#stuck = candidates
    }
    return { candidates, hasOptional: false, next: 0, placed: NONE, name }
  }

  /** What may come next: the calls before the first return. */
  #callable(isRequired: boolean): number[] {
    const head = 2 * this.#steps.length
    const calls: number[] = []
    for (let entry = this.#after[head]!; entry !== head; entry = this.#after[entry]!) {
      if (entry % 2 === 1) break
      if (this.#isRequired(entry >> 1) === isRequired) calls.push(entry >> 1)
    }
    return calls
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
      this.#lift(i)
      const hasWritten = applied.ok && applied.events.length > 0
      const name = hasWritten ? this.#name(frame.name, i) : frame.name
      if (this.#isWithinReach() && this.#enter(name)) {
        frame.placed = i
        return name
      }
      this.#unlift(i)
      if (applied.ok) this.#model.undo()
    }
    return undefined
  }

  #hasNext(frame: Frame): boolean {
    if (frame.next === frame.candidates.length && !frame.hasOptional) {
      frame.candidates = [...frame.candidates, ...this.#callable(false)]
      frame.hasOptional = true
    }
    return frame.next < frame.candidates.length
  }

  #fits(i: number, applied: Applied, candidates: readonly number[]): boolean {
    const step = this.#steps[i]!
    if (step.outcome.type === 'failed') return !applied.ok && applied.error === step.outcome.error
    if (!applied.ok) return false
    if (isOk(step)) return this.#rules.fits(step, applied)
    if (applied.events.length > 0) return !this.#rules.claims?.(applied.revision)
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
    const { compacted, leases } = this.#model
    if (this.#aliveText === undefined)
      this.#aliveText = [...leases.keys()].map(String).sort().join()
    const state = this.#rules.stateName(this.#model) ?? name
    const text = `${this.#placedText()}:${compacted}:${this.#aliveText}:${state}`
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
    const placed = [...this.#optionalPlaced].sort((a, b) => a - b)
    for (let at = this.#firstOpen; behind > 0; at++) {
      if (isPlaced[required[at]!] !== 1) continue
      placed.push(required[at]!)
      behind--
    }
    return `${this.#firstOpen}:${placed.join()}`
  }

  /** The calls that wrote something, in their order, as a number. */
  #name(before: number, i: number): number {
    const path = `${before},${i}`
    const known = this.#names.get(path)
    if (known !== undefined) return known
    const name = this.#names.size + 1
    this.#names.set(path, name)
    return name
  }

  #takeBack(frame: Frame): void {
    const i = frame.placed
    frame.placed = NONE
    this.#unlift(i)
    if (this.#steps[i]!.outcome.type !== 'failed') this.#model.undo()
  }

  #lift(i: number): void {
    this.#isPlaced[i] = 1
    this.#forgetAlive(i)
    if (this.#isRequired(i)) this.#remaining--
    else this.#optionalPlaced.push(i)
    this.#unlink(2 * i)
    if (this.#steps[i]!.returnedAt !== Infinity) this.#unlink(2 * i + 1)
  }

  #unlift(i: number): void {
    if (this.#steps[i]!.returnedAt !== Infinity) this.#relink(2 * i + 1)
    this.#relink(2 * i)
    this.#isPlaced[i] = 0
    this.#forgetAlive(i)
    if (!this.#isRequired(i)) {
      this.#optionalPlaced.pop()
      return
    }
    this.#remaining++
    this.#firstOpen = Math.min(this.#firstOpen, this.#rankByCall[i]!)
    this.#lowest = Math.min(this.#lowest, this.#rankByCeiling[i]!)
  }

  #forgetAlive(i: number): void {
    if (this.#steps[i]!.request.type.startsWith('lease-')) this.#aliveText = undefined
  }

  #unlink(entry: number): void {
    this.#after[this.#before[entry]!] = this.#after[entry]!
    this.#before[this.#after[entry]!] = this.#before[entry]!
  }

  #relink(entry: number): void {
    this.#after[this.#before[entry]!] = entry
    this.#before[this.#after[entry]!] = entry
  }

  #violated(): SearchVerdict {
    const stuck = this.#stuck.map((i) => this.#steps[i]!)
    const some = stuck.slice(0, 5).map(({ what }) => what)
    const sentence = `no order of the calls gives all answers: after ${this.#best} of ${this.#required.length} none of ${stuck.length} can come next (${some.join('; ')})`
    const operations = stuck.map(({ id }) => id).filter((id) => id >= 0)
    return {
      type: 'violated',
      visited: this.#seen.size,
      violation: { kind: 'not-linearizable', sentence, operations },
    }
  }
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
    if (other.request.type !== 'lease-grant') return false
  }
  for (const leaf of leavesOf(other.request)) {
    if ('lease' in leaf && leaf.lease === request.lease) return other.request !== request
  }
  return false
}

/** The keys, when every step is about one alone and none about revisions. */
function keysOf(steps: readonly Step[]): Set<string> | undefined {
  const keys = new Set<string>()
  for (const { request } of steps) {
    const own = new Set<string>()
    for (const name of namesIn(request)) {
      if (name === undefined) return undefined
      own.add(name)
    }
    if (own.size !== 1) return undefined
    for (const key of own) keys.add(key)
  }
  return keys
}

function isAbout(request: StoreRequest, key: string): boolean {
  return [...namesIn(request)].includes(key)
}

/** The keys that a request names; undefined stands for everything that is more than one key. */
function* namesIn(request: StoreRequest): Generator<string | undefined> {
  switch (request.type) {
    case 'put':
      yield request.lease === undefined ? request.key : undefined
      return
    case 'delete':
      yield pointOf(request)
      return
    case 'range': {
      const { revision, minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } =
        request
      const bounds = [
        revision,
        minModRevision,
        maxModRevision,
        minCreateRevision,
        maxCreateRevision,
      ]
      yield bounds.every((bound) => !bound) ? pointOf(request) : undefined
      return
    }
    case 'txn':
      for (const compare of request.compares) yield pointOfCompare(compare)
      for (const op of request.success) yield* namesIn(op)
      for (const op of request.failure) yield* namesIn(op)
      return
    default:
      yield undefined
  }
}

function pointOf({ key, rangeEnd = '' }: { key: string; rangeEnd?: string }): string | undefined {
  return rangeEnd === '' ? key : undefined
}

/** Of revisions only whether there is one at all may be asked. */
function pointOfCompare(compare: Compare): string | undefined {
  const { target } = compare
  const isOfRevision = target === 'create' || target === 'mod'
  if (isOfRevision && (compare.operand !== 0 || compare.result === 'less')) return undefined
  return target === 'lease' ? undefined : pointOf(compare)
}

function narrowed(final: Step, key: string): Step {
  const { outcome } = final
  if (outcome.type !== 'ok' || outcome.result?.type !== 'range') throw new Error('no final read')
  const kvs = outcome.result.kvs.filter((kv) => kv.key === key)
  const result: Result = { type: 'range', kvs, count: kvs.length }
  return { ...final, request: { type: 'range', key }, outcome: { ...outcome, result } }
}

function withoutRevisions(result: Result): Result {
  const plain = (kv: KeyValue): KeyValue => ({ ...kv, createRevision: 0, modRevision: 0 })
  switch (result.type) {
    case 'put':
      return result.prevKv === undefined ? result : { ...result, prevKv: plain(result.prevKv) }
    case 'range':
      return { ...result, kvs: result.kvs.map(plain) }
    case 'delete':
      return { ...result, prevKvs: (result.prevKvs ?? []).map(plain) }
    case 'txn':
      return {
        ...result,
        responses: result.responses.map((one) => withoutRevisions(one) as typeof one),
      }
    default:
      return result
  }
}
