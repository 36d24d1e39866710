/**
 * Linearizability by the order of revisions. Every write has a revision of its own and every answer
 * tells at which revision it was made, so the order is known and only has to be confirmed:
 *
 *     position   2·r  the write of revision r        2·r + 1  whoever was answered at r
 *
 *     1. each revision has one write: the answered one, or one of unknown outcome that fits
 *     2. nobody was answered before somebody in front of him had called
 *     3. replayed in this order, a store gives every answer
 *
 * 2 is complete: an order that respects time exists exactly when no later position returned before
 * an earlier one was called, because within a position the calls can be sorted by time.
 */

import { difference, eventsText, sameEvent, sameEvents } from './differences.ts'
import { EvidenceOfGaps, type Evidence } from './evidence.ts'
import { within, type History, type KvEvent } from './history.ts'
import { KvModel, type Applied } from './kv-model.ts'
import { maximumMatching } from './matching.ts'
import { leavesOf, stepsOf, wrote, type OkStep, type Step, type Steps } from './steps.ts'
import {
  Compactions,
  firstSeen,
  Growth,
  sightsBesideCalls,
  sightsOfCalls,
  type Sight,
} from './timeline.ts'
import type { Violation, ViolationKind } from './violation.ts'

/** The order that was found, for the checks that build on it. */
export interface RevisionOrder {
  readonly violations: readonly Violation[]
  /** What could not be decided. */
  readonly unknowns: readonly string[]
  /** The store after the last revision that is known; every earlier state can be read from it. */
  readonly model: KvModel
  /** Changes by revision, up to the model's. */
  readonly log: readonly (readonly KvEvent[])[]
  /** Who made a revision. */
  readonly madeBy: ReadonlyMap<number, Step>
  /** All who may have made a revision, where more than one may have. */
  readonly alternatives: ReadonlyMap<number, readonly Step[]>
  /** When a revision was first seen by anybody. */
  readonly seen: Float64Array
  readonly highestSeen: Growth
  readonly compactions: Compactions
  readonly steps: Steps
}

export function checkRevisionOrder(history: History): RevisionOrder {
  return new OrderCheck(history).run()
}

interface Gap {
  readonly revision: number
  readonly evidence: Evidence
  readonly candidates: readonly Step[]
}

const NO_STEPS: readonly Step[] = []

class OrderCheck {
  readonly #violations: Violation[] = []
  readonly #unknowns: string[] = []
  readonly #steps: Steps
  readonly #sights: readonly Sight[]
  readonly #model = new KvModel({ checksLeases: false })
  readonly #log: (readonly KvEvent[])[] = [[], []]
  readonly #madeBy = new Map<number, Step>()
  /** Which revision a step was taken for. */
  readonly #usedFor = new Map<Step, number>()
  readonly #alternatives = new Map<number, readonly Step[]>()
  readonly #claims = new Map<number, OkStep>()
  /** Answered at a revision without having made it, or without telling. */
  readonly #readers = new Map<number, OkStep[]>()
  readonly #deciders = new Map<number, OkStep[]>()
  readonly #writersOf = new Map<string, Step[]>()
  readonly #deleters: Step[] = []
  readonly #gaps: Gap[] = []
  readonly #evidence: EvidenceOfGaps
  readonly #seen: Float64Array
  readonly #highestSeen: Growth
  readonly #compactions: Compactions
  readonly #last: number
  /** By what was answered at revisions below. */
  #compacted = 0

  constructor(history: History) {
    this.#steps = stepsOf(history)
    this.#sights = sightsBesideCalls(history)
    const sights = [...this.#sights, ...sightsOfCalls(history)]
    this.#compactions = new Compactions(history)
    this.#highestSeen = new Growth(sights)
    this.#last = this.#lastRevision(sights)
    this.#seen = firstSeen(sights, this.#last)
    this.#indexKnown()
    this.#indexUnknown()
    this.#evidence = new EvidenceOfGaps(history, (revision) => !this.#claims.has(revision))
  }

  run(): RevisionOrder {
    this.#read(1)
    for (let revision = 2; revision <= this.#last; revision++) {
      if (!this.#make(revision)) break
      this.#read(revision)
    }
    this.#matchGaps()
    this.#checkRealTime()
    this.#checkErrors()
    return {
      violations: this.#violations,
      unknowns: this.#unknowns,
      model: this.#model,
      log: this.#log,
      madeBy: this.#madeBy,
      alternatives: this.#alternatives,
      seen: this.#seen,
      highestSeen: this.#highestSeen,
      compactions: this.#compactions,
      steps: this.#steps,
    }
  }

  /** The highest revision anybody saw; nothing absurd, because all up to it are gone through. */
  #lastRevision(sights: readonly Sight[]): number {
    let highest = 1
    for (const { revision } of sights) if (revision > highest) highest = revision
    const { known, unknown } = this.#steps
    const asked = unknown.length + known.filter((step) => wrote(step) !== false).length
    const possible = 2 * asked + 100
    if (highest <= possible) return highest
    const witness = sights.find(({ revision }) => revision > possible)
    this.#found(
      'unexplained-write',
      `${witness?.what} shows revision ${highest}, but only ${asked} writes were asked for`,
      [],
      highest,
    )
    return possible
  }

  #indexKnown(): void {
    for (const step of this.#steps.known) {
      const { revision } = step.outcome
      const hasWritten = wrote(step)
      if (hasWritten === true) this.#claim(step, revision)
      else push(hasWritten === undefined ? this.#deciders : this.#readers, revision, step)
    }
  }

  #claim(step: OkStep, revision: number): void {
    const other = this.#claims.get(revision)
    if (revision < 2) {
      this.#found('wrong-response', `${step.what} wrote revision ${revision}`, [step.id])
      return
    }
    if (other === undefined) {
      this.#claims.set(revision, step)
      return
    }
    this.#found(
      'revision-claimed-twice',
      `revision ${revision} was answered to two writes: ${other.what} and ${step.what}`,
      [other.id, step.id],
      revision,
    )
  }

  #indexUnknown(): void {
    for (const step of [...this.#steps.known, ...this.#steps.unknown]) {
      for (const leaf of leavesOf(step.request)) {
        if (leaf.type !== 'put') continue
        push(this.#writersOf, writeName(leaf.key, leaf.ignoreValue ? undefined : leaf.value), step)
      }
    }
    for (const step of this.#steps.unknown) {
      const leaves = [...leavesOf(step.request)]
      if (leaves.some(({ type }) => type === 'delete' || type === 'lease-revoke')) {
        this.#deleters.push(step)
      }
    }
  }

  /** Applies what made the revision; false when that cannot be known. */
  #make(revision: number): boolean {
    const step = this.#claims.get(revision)
    if (step === undefined) return this.#makeGap(revision)
    const applied = this.#model.apply(step.request)
    this.#judge(step, applied)
    if (applied.ok && applied.events.length > 0) this.#record(revision, step, applied.events)
    else this.#skip(revision, step, this.#evidence.at(revision).events)
    return true
  }

  #record(revision: number, step: Step | undefined, events: readonly KvEvent[]): void {
    this.#log[revision] = events
    if (step === undefined) return
    this.#madeBy.set(revision, step)
    this.#usedFor.set(step, revision)
  }

  /** A revision that is not the model's: whatever is known of it is taken as it is. */
  #skip(revision: number, step: Step | undefined, events: readonly KvEvent[]): void {
    this.#model.force(events)
    this.#record(revision, step, events)
  }

  #makeGap(revision: number): boolean {
    const evidence = this.#evidence.at(revision)
    const asked = this.#candidates(revision, evidence)
    const fitting = asked.filter((step) => this.#fits(step, evidence))
    const inTime = fitting.filter((step) => step.calledAt <= this.#seen[revision]!)
    const options = inTime.filter((step) => this.#isFree(step))
    if (evidence.type === 'partial' && this.#effects(options).size > 1) {
      const some = options.map(({ what }) => what).slice(0, 3)
      this.#unknowns.push(
        `too little shows what made revision ${revision}: ${options.length} calls of unknown outcome may have (${some.join('; ')}), so nothing is checked from there on`,
      )
      return false
    }
    const chosen = options.find((step) => !this.#usedFor.has(step)) ?? options[0] ?? inTime[0]
    if (chosen === undefined) {
      this.#unexplained(revision, evidence, fitting)
      this.#skip(revision, undefined, evidence.events)
      return true
    }
    const equal = inTime.filter((step) => this.#effects([step, chosen]).size === 1)
    const applied = this.#model.apply(chosen.request)
    if (!applied.ok) throw new Error('what was tried before fails now')
    this.#record(revision, chosen, applied.events)
    if (equal.length > 1) this.#alternatives.set(revision, equal)
    this.#gaps.push({ revision, evidence, candidates: equal })
    return true
  }

  /** Who may have made a revision, the likeliest first: by what it put, or by what it deleted. */
  #candidates(revision: number, { events }: Evidence): readonly Step[] {
    const deciders = this.#deciders.get(revision) ?? NO_STEPS
    const put = events.find(({ type }) => type === 'put')
    if (put !== undefined) return this.#unknownWriters(put)
    const deleted = events.find(({ type }) => type === 'delete')
    if (deleted === undefined) return [...deciders, ...byCall(this.#steps.unknown)]
    const { key } = deleted.kv
    const lease = this.#model.at(key, this.#model.revision)?.lease
    const deleters = this.#deleters.filter((step) =>
      [...leavesOf(step.request)].some(
        (leaf) =>
          (leaf.type === 'delete' && within(leaf, key)) ||
          (leaf.type === 'lease-revoke' && leaf.lease === lease),
      ),
    )
    return [...deciders, ...byCall(deleters)]
  }

  #unknownWriters({ kv }: KvEvent): readonly Step[] {
    const named = this.#writersOf.get(writeName(kv.key, kv.value)) ?? NO_STEPS
    const keeping = this.#writersOf.get(writeName(kv.key, undefined)) ?? NO_STEPS
    return byCall([...named, ...keeping].filter(({ outcome }) => outcome.type === 'unknown'))
  }

  /** Not yet needed for another revision, or perhaps not needed there. */
  #isFree(step: Step): boolean {
    const revision = this.#usedFor.get(step)
    return revision === undefined || this.#alternatives.has(revision)
  }

  /** The different things that the steps would do. */
  #effects(steps: readonly Step[]): Set<string> {
    const texts = steps.map((step) => {
      const applied = this.#model.attempt(step.request)
      return applied.ok ? eventsText(applied.events) : ''
    })
    return new Set(texts)
  }

  #fits(step: Step, { type, events }: Evidence): boolean {
    const applied = this.#model.attempt(step.request)
    if (!applied.ok || applied.events.length === 0) return false
    if (type === 'full') return sameEvents(applied.events, events)
    return events.every((event) => applied.events.some((one) => sameEvent(one, event)))
  }

  #unexplained(revision: number, { events }: Evidence, tooLate: readonly Step[]): void {
    const shown = eventsText(events)
    const [late] = tooLate
    if (late !== undefined) {
      this.#found(
        'real-time-order',
        `revision ${revision} (${shown}) was seen at ${this.#seen[revision]}, but ${late.what}, which alone can have made it, was called at ${late.calledAt}`,
        [late.id],
        revision,
      )
      return
    }
    const put = events.find(({ type }) => type === 'put')
    const source = put && this.#writersOf.get(writeName(put.kv.key, put.kv.value))?.[0]
    if (source !== undefined) {
      this.#found(
        'applied-twice',
        `revision ${revision} is ${shown}, which only ${source.what} put, and that is at another revision or does something else`,
        [source.id],
        revision,
      )
      return
    }
    const partial = this.#partOfLease(events)
    this.#found(
      partial === undefined ? 'unexplained-write' : 'lease-partial',
      partial ?? `no call that may have happened made revision ${revision}: ${shown}`,
      [],
      revision,
    )
  }

  /** A lease's end takes all its keys in one revision. */
  #partOfLease(events: readonly KvEvent[]): string | undefined {
    const leases = new Set(
      events.map(({ type, kv }) =>
        type === 'put' ? undefined : this.#model.at(kv.key, this.#model.revision)?.lease,
      ),
    )
    const [lease] = leases
    if (leases.size !== 1 || lease === undefined) return undefined
    const applied = this.#model.attempt({ type: 'lease-revoke', lease })
    if (!applied.ok || applied.events.length <= events.length) return undefined
    return `of lease ${lease}'s ${applied.events.length} keys only ${events.length} ended together: ${eventsText(events)}`
  }

  /** Answers made at this revision without making it. */
  #read(revision: number): void {
    const readers = this.#readers.get(revision) ?? []
    for (const step of readers) {
      this.#judge(step, this.#model.attempt(step.request))
      this.#judgeCompacted(step, this.#compacted)
    }
    for (const { request } of readers) {
      if (request.type === 'compact') this.#compacted = Math.max(this.#compacted, request.revision)
    }
    for (const step of this.#deciders.get(revision) ?? []) {
      if (this.#madeBy.get(revision) === step) continue
      const applied = this.#model.attempt(step.request)
      if (!applied.ok || applied.events.length === 0) continue
      this.#found(
        'wrong-response',
        `${step.what} was answered at revision ${revision}, where it had to delete ${eventsText(applied.events)}, and did not`,
        [step.id],
        revision,
      )
    }
  }

  #judgeCompacted(step: OkStep, compacted: number): void {
    const { request, id, what } = step
    const { revision = 0 } = request.type === 'range' || request.type === 'compact' ? request : {}
    if (revision <= 0 || revision > compacted) return
    if (request.type === 'range' && revision === compacted) return
    const kind = request.type === 'range' ? 'read-of-compacted' : 'wrong-response'
    this.#found(kind, `${what} was answered, but ${compacted} was compacted before`, [id])
  }

  #judge(step: OkStep, applied: Applied): void {
    const { revision, result } = step.outcome
    const problem = applied.ok
      ? result && difference(result, applied.result)
      : `it was answered, but had to fail: ${applied.error}`
    if (problem === undefined) return
    this.#found(
      'wrong-response',
      `${step.what} at revision ${revision}: ${problem}`,
      [step.id],
      revision,
    )
  }

  /** One call may explain several revisions: whether each revision can have its own. */
  #matchGaps(): void {
    const matched = maximumMatching(this.#gaps.map(({ candidates }) => candidates))
    for (const [i, { revision, evidence, candidates }] of this.#gaps.entries()) {
      const step = matched[i]
      if (step !== undefined) {
        this.#madeBy.set(revision, step)
        continue
      }
      const [one] = candidates
      this.#found(
        'applied-twice',
        `revision ${revision} (${eventsText(evidence.events)}) and others can all only be ${one?.what}`,
        candidates.map(({ id }) => id),
        revision,
      )
    }
  }

  #checkRealTime(): void {
    const items = this.#positions()
    items.sort((a, b) => a.position - b.position)
    let latest: Placed | undefined
    let pending: Placed | undefined
    let position = 0
    for (const item of items) {
      if (item.position > position) {
        position = item.position
        latest = pending
      }
      if (latest !== undefined && item.returnedAt < latest.calledAt) this.#outOfOrder(item, latest)
      if (pending === undefined || item.calledAt > pending.calledAt) pending = item
    }
  }

  #outOfOrder(later: Placed, earlier: Placed): void {
    const revision = later.position >> 1
    const isLocal = later.isSerializable
    this.#found(
      isLocal ? 'serializable-from-the-future' : 'real-time-order',
      `${later.what} had its answer, of revision ${revision}, at ${later.returnedAt}, but ${earlier.what}, of revision ${earlier.position >> 1}, was called at ${earlier.calledAt}`,
      [later.id, earlier.id].filter((id) => id >= 0),
      revision,
    )
  }

  #positions(): Placed[] {
    const items: Placed[] = []
    for (const step of this.#steps.known) {
      const { id, what, calledAt, returnedAt, outcome } = step
      const isWrite = wrote(step) === true || this.#madeBy.get(outcome.revision) === step
      const position = 2 * outcome.revision + (isWrite ? 0 : 1)
      items.push({ id, what, calledAt, returnedAt, position, isSerializable: false })
    }
    for (const [revision, step] of this.#madeBy) {
      if (step.outcome.type === 'unknown') {
        items.push({ ...step, position: 2 * revision, isSerializable: false })
      }
    }
    for (const { id, what, returnedAt, outcome } of this.#steps.serializable) {
      const position = 2 * outcome.revision + 1
      items.push({ id, what, calledAt: -Infinity, returnedAt, position, isSerializable: true })
    }
    for (const { at, revision, what } of this.#sights) {
      const position = 2 * revision + 1
      items.push({
        id: -1,
        what,
        calledAt: -Infinity,
        returnedAt: at,
        position,
        isSerializable: false,
      })
    }
    return items
  }

  #checkErrors(): void {
    for (const step of this.#steps.failed) {
      const problem = this.#problemOfError(step)
      if (problem !== undefined) this.#found('wrong-error', `${step.what}: ${problem}`, [step.id])
    }
    for (const step of this.#steps.known) {
      this.#judgeCompacted(step, this.#compactions.doneBefore(step.calledAt))
    }
  }

  #problemOfError({ request, outcome, calledAt, returnedAt }: Step): string | undefined {
    if (outcome.type !== 'failed') return undefined
    const revisions = [...leavesOf(request)].flatMap((leaf) =>
      leaf.type === 'range' || leaf.type === 'compact' ? [leaf.revision ?? 0] : [],
    )
    if (outcome.error === 'compacted') {
      const possible = this.#compactions.possibleAt(returnedAt)
      const lowest = Math.min(...revisions.filter((one) => one > 0))
      const isPossible = request.type === 'compact' ? lowest <= possible : lowest < possible
      return isPossible ? undefined : `compacted, but at most ${possible} was`
    }
    if (outcome.error === 'future-revision') {
      const seen = Math.max(1, this.#highestSeen.before(calledAt))
      const isOld = request.type === 'range' && request.serializable === true
      if (isOld || Math.max(...revisions) > seen) return undefined
      return `a future revision, but ${seen} had been seen before`
    }
    if (outcome.error !== 'key-not-found') return undefined
    const from = this.#highestSeen.before(calledAt)
    let isUnknownFurther = this.#unknowns.length > 0
    for (let revision = Math.max(from, 1); revision <= this.#model.revision; revision++) {
      const made = this.#madeBy.get(revision)
      if (revision > from && made !== undefined && made.calledAt > returnedAt) {
        isUnknownFurther = false
        break
      }
      for (const leaf of leavesOf(request)) {
        if (leaf.type !== 'put' || !(leaf.ignoreValue || leaf.ignoreLease)) continue
        if (this.#model.at(leaf.key, revision) === undefined) return undefined
      }
    }
    // Where the order is not known to its end, the key may be missing there.
    if (isUnknownFurther) return undefined
    return 'the key is said to be missing, but it was there all the time'
  }

  #found(kind: ViolationKind, sentence: string, operations: number[], revision?: number): void {
    this.#violations.push({ kind, sentence, operations, ...(revision ? { revision } : {}) })
  }
}

interface Placed {
  readonly id: number
  readonly what: string
  readonly calledAt: number
  readonly returnedAt: number
  readonly position: number
  readonly isSerializable: boolean
}

function byCall(steps: readonly Step[]): readonly Step[] {
  return [...steps].sort((a, b) => a.calledAt - b.calledAt)
}

/** Undefined value: a put that keeps the key's value. */
function writeName(key: string, value: string | undefined): string {
  return value === undefined ? `${key}\u{ffff}` : `${key}\u{fffe}${value}`
}

function push<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const items = map.get(key)
  if (items === undefined) map.set(key, [item])
  else items.push(item)
}
