/**
 * What was known when. Revisions only grow, so whoever has shown a revision has shown that all up
 * to it exist.
 */

import type { History } from './history.ts'

export interface Sight {
  readonly at: number
  readonly revision: number
  readonly what: string
}

/** Everything that shows that a revision exists, but the calls of clients. */
export function sightsBesideCalls(history: History): Sight[] {
  const sights: Sight[] = []
  for (const { id, responses } of history.watches) {
    for (const { at, revision, type, events = [] } of responses) {
      const shown = Math.max(revision, ...events.map(({ kv }) => kv.modRevision))
      if (shown > 0 && type !== 'canceled')
        sights.push({ at, revision: shown, what: `watch ${id}` })
    }
  }
  for (const { id, told } of history.observations) {
    for (const { at, revision } of told) sights.push({ at, revision, what: `observation ${id}` })
  }
  for (const { member, at, revision } of history.finals) {
    sights.push({ at, revision, what: `the final state of ${member}` })
  }
  return sights
}

export function sightsOfCalls(history: History): Sight[] {
  const sights: Sight[] = []
  for (const { id, returnedAt, outcome } of history.operations) {
    if (outcome.type !== 'ok') continue
    sights.push({ at: returnedAt, revision: outcome.revision, what: `operation ${id}` })
  }
  return sights
}

/** A number that only grows, by time. */
export class Growth {
  readonly #times: number[] = []
  readonly #highest: number[] = []

  constructor(points: readonly { readonly at: number; readonly revision: number }[]) {
    let highest = 0
    for (const { at, revision } of [...points].sort((a, b) => a.at - b.at)) {
      if (revision <= highest) continue
      highest = revision
      this.#times.push(at)
      this.#highest.push(highest)
    }
  }

  /** The highest that was reached before the time; 0 when nothing was. */
  before(time: number): number {
    return this.#at((at) => at < time)
  }

  /** The same, at the time itself too. */
  until(time: number): number {
    return this.#at((at) => at <= time)
  }

  #at(isIn: (at: number) => boolean): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isIn(this.#times[middle]!)) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.#highest[low - 1]!
  }
}

/** For each revision up to `last`, when something first showed it or a later one. */
export function firstSeen(sights: readonly Sight[], last: number): Float64Array {
  const seen = new Float64Array(last + 2).fill(Infinity)
  for (const { at, revision } of sights) {
    const slot = Math.min(revision, last + 1)
    if (slot >= 0 && at < seen[slot]!) seen[slot] = at
  }
  for (let r = last; r >= 0; r--) seen[r] = Math.min(seen[r]!, seen[r + 1]!)
  return seen
}

/** Which compactions were certainly done, and which may have been. */
export class Compactions {
  readonly #done: Growth
  readonly #requested: Growth
  readonly #revisions = new Set<number>()

  constructor(history: History) {
    const done: { at: number; revision: number }[] = []
    const requested: { at: number; revision: number }[] = []
    for (const { request, outcome, calledAt, returnedAt } of history.operations) {
      if (outcome.type === 'failed' && outcome.error === 'compacted' && request.type === 'range') {
        done.push({ at: returnedAt, revision: (request.revision ?? 0) + 1 })
      }
      if (request.type !== 'compact' || outcome.type === 'failed') continue
      const { revision } = request
      this.#revisions.add(revision)
      requested.push({ at: calledAt, revision })
      if (outcome.type === 'ok') done.push({ at: returnedAt, revision })
    }
    this.#done = new Growth(done)
    this.#requested = new Growth(requested)
  }

  /** Up to where was compacted for certain before the time; 0 when nothing was. */
  doneBefore(time: number): number {
    return this.#done.before(time)
  }

  /** The highest that may be compacted at the time; 0 when none may. */
  possibleAt(time: number): number {
    return this.#requested.until(time)
  }

  wasRequested(revision: number): boolean {
    return this.#revisions.has(revision)
  }
}
