/**
 * Who leads an election: the candidate with the oldest key. What Leader and Observe say is held
 * against the keys that were there at the revision that they name; an observation misses no leader
 * and no value of one (but what was compacted before it was told), and never goes back, nor does
 * the next one of the same client. That a campaign was won, lock-checks.ts judges.
 */

import { kvText, sameKv } from './differences.ts'
import type { History, KeyValue, Observation, Operation } from './history.ts'
import type { RevisionOrder } from './revision-order.ts'
import { contendersOf, describeOperation } from './steps.ts'
import type { Violation, ViolationKind } from './violation.ts'

/** From this revision on, until the next one. */
interface Reign {
  readonly revision: number
  readonly kv: KeyValue | undefined
}

export function checkElections(history: History, order: RevisionOrder): Violation[] {
  return new ElectionCheck(history, order).run()
}

class ElectionCheck {
  readonly #history: History
  readonly #order: RevisionOrder
  readonly #reigns = new Map<string, readonly Reign[]>()

  constructor(history: History, order: RevisionOrder) {
    this.#history = history
    this.#order = order
  }

  run(): Violation[] {
    const { operations, observations } = this.#history
    return [
      ...operations.flatMap((operation) => this.#answerProblem(operation)),
      ...observations.flatMap((observation) => this.#toldProblems(observation)),
      ...this.#wentBack(),
    ]
  }

  #answerProblem(operation: Operation): Violation[] {
    const { id, request, outcome } = operation
    if (request.type === 'leader' && outcome.type === 'ok' && outcome.result.type === 'leader') {
      return this.#leaderProblem(request.name, outcome.revision, outcome.result.kv, {
        what: describeOperation(operation),
        operations: [id],
      })
    }
    if (outcome.type !== 'failed') return []
    const isTrueAt = this.#truthOf(operation)
    if (isTrueAt === undefined || this.#mayBe(operation, isTrueAt)) return []
    const sentence = `${describeOperation(operation)} was refused (${outcome.error}), which was never so`
    return [{ kind: 'election-wrong-error', sentence, operations: [id] }]
  }

  /** At which revisions an error is right; undefined when it is not about elections. */
  #truthOf({ request, outcome }: Operation): ((revision: number) => boolean) | undefined {
    if (outcome.type !== 'failed') return undefined
    if (request.type === 'leader' && outcome.error === 'no-leader') {
      return (revision) => this.#leaderAt(request.name, revision) === undefined
    }
    if (request.type === 'proclaim' && outcome.error === 'not-leader') {
      const { key } = request
      const { model } = this.#order
      return (revision) => model.at(key, revision)?.createRevision !== request.revision
    }
    return undefined
  }

  /** Whether it is so at one of the revisions that the call can have met. */
  #mayBe(operation: Operation, isTrueAt: (revision: number) => boolean): boolean {
    const { model, madeBy, highestSeen, unknowns } = this.#order
    const from = Math.max(1, highestSeen.before(operation.calledAt))
    for (let revision = from; revision <= model.revision; revision++) {
      const made = madeBy.get(revision)
      const isLater = made !== undefined && made.calledAt > operation.returnedAt
      if (revision > from && isLater) return false
      if (isTrueAt(revision)) return true
    }
    // Where the order is not known to its end, it may be so there.
    return unknowns.length > 0
  }

  #toldProblems({ id, name, client, told }: Observation): Violation[] {
    const problems: Violation[] = []
    let last: number | undefined
    for (const { revision, kv, at } of told) {
      const what = `observation ${id} of ${client}`
      problems.push(...this.#leaderProblem(name, revision, kv, { what, operations: [] }))
      const missed = last === undefined ? undefined : this.#missed(name, last, revision, at)
      if (missed !== undefined) {
        const sentence = `${what} was not told of ${kvText(missed.kv)}, which led ${name} from revision ${missed.revision} on, between ${last} and ${revision}`
        problems.push(found('election-missed-leader', sentence, [], missed.revision))
      }
      last = revision
    }
    return problems
  }

  #missed(name: string, after: number, before: number, at: number): Reign | undefined {
    // Where anything that was not heard may be compacted, it goes on with the present.
    if (this.#order.compactions.possibleAt(at) > after) return undefined
    return this.#reignsOf(name).find(
      ({ revision, kv }) => kv !== undefined && revision > after && revision < before,
    )
  }

  #leaderProblem(
    name: string,
    revision: number,
    kv: KeyValue,
    { what, operations }: { readonly what: string; readonly operations: number[] },
  ): Violation[] {
    if (revision > this.#order.model.revision) return []
    const leader = this.#leaderAt(name, revision)
    if (leader !== undefined && sameKv(leader, kv)) return []
    const sentence = `${what} said that ${kvText(kv)} leads at revision ${revision}, where ${kvText(leader)} does`
    return [found('election-wrong-leader', sentence, operations, revision)]
  }

  /** Each call of Observe begins with what is so by then, and goes on from there. */
  #wentBack(): Violation[] {
    const { highestSeen } = this.#order
    return this.#history.observations.flatMap(({ id, client, calledAt, told }): Violation[] => {
      let before = highestSeen.before(calledAt)
      for (const { revision } of told) {
        if (revision < before) {
          const sentence = `observation ${id} of ${client} was told of revision ${revision} after ${before}`
          return [found('election-went-back', sentence, [], revision)]
        }
        before = revision + 1
      }
      return []
    })
  }

  #leaderAt(name: string, revision: number): KeyValue | undefined {
    return this.#reignsOf(name).findLast((reign) => reign.revision <= revision)?.kv
  }

  #reignsOf(name: string): readonly Reign[] {
    const known = this.#reigns.get(name)
    if (known !== undefined) return known
    const { log, model } = this.#order
    const interval = contendersOf(name)
    const reigns: Reign[] = []
    for (const [revision, events = []] of log.entries()) {
      if (!events.some(({ kv }) => kv.key >= interval.key && kv.key < interval.rangeEnd)) continue
      const [first, ...others] = model.live(interval, revision)
      const kv = others.reduce(older, first)
      const last = reigns.at(-1)?.kv
      const isSame = kv === undefined ? last === undefined : last !== undefined && sameKv(last, kv)
      if (!isSame) reigns.push({ revision, kv })
    }
    this.#reigns.set(name, reigns)
    return reigns
  }
}

function older(a: KeyValue | undefined, b: KeyValue): KeyValue {
  return a === undefined || b.createRevision < a.createRevision ? b : a
}

function found(
  kind: ViolationKind,
  sentence: string,
  operations: readonly number[],
  revision: number,
): Violation {
  return { kind, sentence, operations, revision }
}
