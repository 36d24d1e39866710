/** What many schedules come to. */

import { Census } from './census.ts'
import type { Problem } from './run.ts'
import type { JobResult } from './worker.ts'

export interface Failure {
  readonly seed: number
  readonly profile: string
  readonly kind: string
  readonly sentence: string
  /** Where the schedule is saved. */
  readonly file: string
}

export class Totals {
  readonly census = new Census()
  readonly failures: Failure[] = []
  schedules = 0
  steps = 0
  virtualMs = 0
  /** Of all workers together. */
  cpuMs = 0
  #traces = 0
  readonly #startMs = performance.now()

  add({ steps, virtualMs, cpuMs, census, traceHash }: Omit<JobResult, 'plan' | 'problems'>): void {
    this.schedules++
    this.steps += steps
    this.virtualMs += virtualMs
    this.cpuMs += cpuMs
    this.census.add(census)
    this.#traces ^= Number.parseInt(traceHash, 16)
  }

  fail(seed: number, profile: string, problem: Problem, file: string): Failure {
    const [sentence = ''] = problem.sentence.split('\n')
    const failure = { seed, profile, kind: problem.kind, sentence, file }
    this.failures.push(failure)
    return failure
  }

  /** Equal for equal runs of the same schedules, in whatever order. */
  get traces(): string {
    return (this.#traces >>> 0).toString(16).padStart(8, '0')
  }

  lines(workers: number): string[] {
    const { schedules, steps, virtualMs, cpuMs, failures } = this
    const hours = (virtualMs / 3_600_000).toFixed(1)
    const seconds = (performance.now() - this.#startMs) / 1000
    const busy = Math.max(0.001, cpuMs / 1000)
    return [
      `${schedules} schedules, ${failures.length} failed, ${hours} virtual hours, ${steps} steps in ${seconds.toFixed(0)} s with ${workers} workers, traces ${this.traces}`,
      `in an hour of one core: ${Math.round((schedules / busy) * 3600)} schedules, at ${Math.round(steps / busy)} steps/s`,
    ]
  }

  censusLines(): string[] {
    const sorted = [...this.census.counts].sort(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([what, count]) => `${String(count).padStart(12)}  ${what}`)
  }

  toJson(from: number): string {
    const { schedules, steps, virtualMs, cpuMs, failures, traces, census } = this
    const totals = {
      from,
      schedules,
      steps,
      virtualHours: virtualMs / 3_600_000,
      cpuSeconds: cpuMs / 1000,
      traces,
      failures,
      neverReached: census.missing,
      census: Object.fromEntries([...census.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
    }
    return `${JSON.stringify(totals, undefined, 2)}\n`
  }
}
