/** The record of what clients asked and were told, by the clock of this process. */

import type { Operation, Outcome, Request } from '../sim/check/history.ts'
import { outcomeOf } from '../sim/outcome.ts'
import type { ChaosClient } from './client.ts'

const READS = new Set(['range', 'lease-time-to-live'])

export class Recorder {
  readonly operations: Operation[] = []
  /** Of all that was answered. */
  highestRevision = 1
  readonly #pending = new Map<number, Omit<Operation, 'outcome' | 'returnedAt'>>()
  readonly #startedAt = performance.now()
  #ids = 0

  /** Milliseconds since the run began. */
  get now(): number {
    return performance.now() - this.#startedAt
  }

  async perform(
    who: string,
    member: string,
    client: ChaosClient,
    request: Request,
    timeoutMs: number,
  ): Promise<Outcome> {
    const id = ++this.#ids
    const call = { id, client: who, member, calledAt: this.now, request }
    this.#pending.set(id, call)
    const answer = await client.ask(request, timeoutMs)
    this.#pending.delete(id)
    const outcome = outcomeOf(request, answer)
    if (outcome.type === 'ok') {
      this.highestRevision = Math.max(this.highestRevision, outcome.revision)
    }
    this.operations.push({ ...call, returnedAt: this.now, outcome })
    return outcome
  }

  /** What was called and not answered yet. */
  get unanswered(): Operation[] {
    const returnedAt = this.now
    return [...this.#pending.values()].map((one) => ({
      ...one,
      returnedAt,
      outcome: { type: 'unknown' },
    }))
  }

  /** Answered calls per second in the last second. */
  get rate(): number {
    const from = this.now - 1000
    let count = 0
    for (let i = this.operations.length - 1; i >= 0; i--) {
      const { returnedAt, outcome } = this.operations[i]!
      if (returnedAt < from) break
      if (outcome.type === 'ok') count++
    }
    return count
  }

  /** The longest time in which no write was answered, in [from, to]. */
  longestGapMs(from: number, to: number): number {
    let last = from
    let longest = 0
    for (const { returnedAt, outcome, request } of this.operations) {
      if (returnedAt < from || returnedAt > to) continue
      if (outcome.type !== 'ok' || READS.has(request.type)) continue
      longest = Math.max(longest, returnedAt - last)
      last = returnedAt
    }
    return Math.max(longest, to - last)
  }

  /** Calls that were sent, writes that were answered, and those of which nobody knows what became. */
  get counts(): { readonly operations: number; acknowledged: number; unknown: number } {
    let acknowledged = 0
    let unknown = 0
    let operations = 0
    for (const { outcome, request } of this.operations) {
      if (outcome.type !== 'failed' || outcome.error !== 'refused') operations++
      if (READS.has(request.type)) continue
      if (outcome.type === 'ok') acknowledged++
      if (outcome.type === 'unknown') unknown++
    }
    return { operations, acknowledged, unknown }
  }
}
