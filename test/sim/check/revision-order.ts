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
import type { History, KvEvent } from './history.ts'
import { KvModel, type Applied } from './kv-model.ts'
import { maximumMatching } from './matching.ts'
import { stepsOf, wrote, type OkStep, type Step, type Steps } from './steps.ts'
import {
  Compactions,
  firstSeen,
  Growth,
  sightsBesideCalls,
  sightsOfCalls,
  type Sight,
} from './timeline.ts'
import { problemOfError, type KnownOrder } from './order-errors.ts'
import { realTimeProblems } from './real-time.ts'
import type { Violation, ViolationKind } from './violation.ts'
import { Writers } from './writers.ts'

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
  readonly #writers: Writers
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
    this.#writers = new Writers(this.#steps)
    this.#sights = sightsBesideCalls(history)
    const sights = [...this.#sights, ...sightsOfCalls(history)]
    this.#compactions = new Compactions(history)
    this.#highestSeen = new Growth(sights)
    this.#last = this.#lastRevision(sights)
    this.#seen = firstSeen(sights, this.#last)
    this.#indexKnown()
    this.#evidence = new EvidenceOfGaps(history, (revision) => !this.#claims.has(revision))
  }

  run(): RevisionOrder {
    this.#read(1)
    for (let revision = 2; revision <= this.#last; revision++) {
      if (!this.#make(revision)) break
      this.#read(revision)
    }
    this.#matchGaps()
    this.#violations.push(...realTimeProblems(this.#steps, this.#madeBy, this.#sights))
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
  #candidates(revision: number, evidence: Evidence): readonly Step[] {
    const deciders = this.#deciders.get(revision) ?? NO_STEPS
    const leaseOf = (key: string): bigint | undefined =>
      this.#model.at(key, this.#model.revision)?.lease
    const { candidates, isByPut } = this.#writers.candidates(evidence.events, leaseOf)
    return isByPut ? candidates : [...deciders, ...candidates]
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
    const source = put && this.#writers.of(put.kv)
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

  #checkErrors(): void {
    const known: KnownOrder = {
      model: this.#model,
      madeBy: this.#madeBy,
      compactions: this.#compactions,
      highestSeen: this.#highestSeen,
      isWhole: this.#unknowns.length === 0,
    }
    for (const step of this.#steps.failed) {
      const problem = problemOfError(step, known)
      if (problem !== undefined) this.#found('wrong-error', `${step.what}: ${problem}`, [step.id])
    }
    for (const step of this.#steps.known) {
      this.#judgeCompacted(step, this.#compactions.doneBefore(step.calledAt))
    }
  }

  #found(kind: ViolationKind, sentence: string, operations: number[], revision?: number): void {
    this.#violations.push({ kind, sentence, operations, ...(revision ? { revision } : {}) })
  }
}

function push<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const items = map.get(key)
  if (items === undefined) map.set(key, [item])
  else items.push(item)
}
