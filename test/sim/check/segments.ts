/**
 * The search of one part of a history, cut at its quiet moments:
 *
 *     a ├──┤   ├────┤ c  │  d ├───┤          no answered call is open at the cut, so all before it
 *       b ├──────┤       │      ├─────┤ e    come before all after it
 *
 * What came before matters only by the states it can have led to, and by the calls of unknown
 * outcome that may be still to come: both are carried over a cut, as a set of configurations. Of two
 * with the same state the one with more still to come can do all that the other can, so only it is
 * kept.
 */

import type { Hints } from './hints.ts'
import { INITIAL, Linearizer, type Configuration } from './linearizer.ts'
import type { SearchRules } from './search-rules.ts'
import type { SearchStep } from './search-steps.ts'
import type { Violation } from './violation.ts'

export type PartVerdict = { readonly visited: number; readonly segments: number } & (
  | { readonly type: 'linearizable' | 'unknown' }
  | { readonly type: 'violated'; readonly violation: Violation }
)

export interface SegmentOptions {
  /** Configurations to enter before giving up; in a search of several parts, in all together. */
  readonly maxVisited: number
  /**
   * Fewer steps are not worth a cut, nor are fewer than the pairs that have to be carried over it; 16
   * when absent, and with Infinity nothing is cut.
   */
  readonly segmentSteps?: number
}

const SEGMENT_STEPS = 16
/** With more calls of unknown outcome pending there are too many states to carry. */
const PENDING_MAX = 4
const CARRIED_MAX = 16
/** To find all states at a cut; then the cut is given up. */
const SEGMENT_VISITED_MAX = 2000

export function searchSegments(
  steps: readonly SearchStep[],
  rules: SearchRules,
  hints: Hints,
  options: SegmentOptions,
): PartVerdict {
  return new PartSearch(steps, rules, hints, options).run()
}

class PartSearch {
  readonly #rules: SearchRules
  readonly #hints: Hints
  readonly #maxVisited: number
  readonly #segmentSteps: number
  /** By call. */
  readonly #required: readonly SearchStep[]
  /** Those that may be still to come. */
  #optional: readonly SearchStep[]
  #starts: readonly Configuration[] = [INITIAL]
  #visited = 0
  #segments = 0

  constructor(
    steps: readonly SearchStep[],
    rules: SearchRules,
    hints: Hints,
    { maxVisited, segmentSteps = SEGMENT_STEPS }: SegmentOptions,
  ) {
    this.#segmentSteps = segmentSteps
    this.#rules = rules
    this.#hints = hints
    this.#maxVisited = maxVisited
    const sorted = [...steps].sort((a, b) => a.calledAt - b.calledAt)
    this.#required = sorted.filter(({ outcome }) => outcome.type !== 'unknown')
    this.#optional = sorted.filter(({ outcome }) => outcome.type === 'unknown')
  }

  run(): PartVerdict {
    let from = 0
    for (let to = this.#nextCut(from); to < this.#required.length; to = this.#nextCut(from)) {
      const verdict = this.#carryOver(from, to)
      if (verdict === 'given-up') break
      if (verdict !== undefined) return verdict
      from = to
    }
    return this.#finish(from)
  }

  get #counts(): { visited: number; segments: number } {
    return { visited: this.#visited, segments: this.#segments }
  }

  /** The first step behind the next cut; the number of steps when there is none. */
  #nextCut(from: number): number {
    const { length } = this.#required
    if (this.#rules.sameState === 'path') return length
    const enough = Math.max(this.#segmentSteps, this.#starts[0]?.kvs.length ?? 0)
    let returnedAt = -Infinity
    for (let i = from; i < length; i++) {
      const { calledAt } = this.#required[i]!
      const isQuiet = calledAt > returnedAt && i - from >= enough
      if (isQuiet) return this.#pendingAt(calledAt).length > PENDING_MAX ? length : i
      returnedAt = Math.max(returnedAt, this.#required[i]!.returnedAt)
    }
    return length
  }

  #pendingAt(time: number): SearchStep[] {
    return this.#optional.filter(({ calledAt }) => calledAt < time)
  }

  /** Searches a segment for all states at its end. */
  #carryOver(from: number, to: number): PartVerdict | 'given-up' | undefined {
    const optional = this.#pendingAt(this.#required[to]!.calledAt)
    const linearizer = new Linearizer(
      [...this.#required.slice(from, to), ...optional],
      this.#rules,
      this.#hints,
    )
    const budget = Math.min(SEGMENT_VISITED_MAX, this.#maxVisited - this.#visited)
    const verdict = linearizer.run(this.#starts, 'all', budget)
    this.#visited += linearizer.visited
    if (verdict.type === 'exhausted') return 'given-up'
    this.#segments++
    if (verdict.type === 'stuck') return this.#violated(from + verdict.placed, verdict.stuck)
    const ends = withoutDominated(verdict.ends)
    if (ends.length > CARRIED_MAX) return 'given-up'
    this.#starts = ends
    this.#optional = this.#optional.filter((step) => !ends.every((end) => isOver(step, end)))
    return undefined
  }

  #finish(from: number): PartVerdict {
    const optional = this.#pendingAt(Infinity)
    const linearizer = new Linearizer(
      [...this.#required.slice(from), ...optional],
      this.#rules,
      this.#hints,
    )
    const verdict = linearizer.run(this.#starts, 'first', this.#maxVisited - this.#visited)
    this.#visited += linearizer.visited
    this.#segments++
    if (verdict.type === 'stuck') return this.#violated(from + verdict.placed, verdict.stuck)
    return { ...this.#counts, type: verdict.type === 'exhausted' ? 'unknown' : 'linearizable' }
  }

  #violated(placed: number, stuck: readonly SearchStep[]): PartVerdict {
    const some = stuck.slice(0, 5).map(({ what }) => what)
    const sentence = `no order of the calls gives all answers: after ${placed} of ${this.#required.length} none of ${stuck.length} can come next (${some.join('; ')})`
    const operations = stuck.map(({ id }) => id).filter((id) => id >= 0)
    const violation: Violation = { kind: 'not-linearizable', sentence, operations }
    return { ...this.#counts, type: 'violated', violation }
  }
}

/** Whether it has happened, or another one of which only one can. */
function isOver(step: SearchStep, { happened }: Configuration): boolean {
  if (happened.has(step)) return true
  if (step.oneOf === undefined) return false
  return [...happened].some(({ oneOf }) => oneOf === step.oneOf)
}

function withoutDominated(all: readonly Configuration[]): Configuration[] {
  const byState = new Map<string, Configuration[]>()
  for (const one of [...all].sort((a, b) => a.happened.size - b.happened.size)) {
    const kept = byState.get(one.state) ?? []
    byState.set(one.state, kept)
    if (!kept.some((other) => isSubset(other.happened, one.happened))) kept.push(one)
  }
  return [...byState.values()].flat()
}

function isSubset<Item>(a: ReadonlySet<Item>, b: ReadonlySet<Item>): boolean {
  for (const item of a) if (!b.has(item)) return false
  return true
}
