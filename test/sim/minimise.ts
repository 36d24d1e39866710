/**
 * Makes a failing schedule smaller while it fails in the same way. What is left out changes nothing
 * that others draw (draws.ts), so most of what did not matter can go:
 *
 *     what comes after the failure ─► kinds of faults ─► faults ─► watchers ─► clients ─► operations
 *            ▲                                                                                │
 *            └──────── again, until nothing goes any more ◄─ members ◄─ simpler parameters ◄──┘
 */

import type { FaultKind } from './fault.ts'
import type { ClientPlan, Plan } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'

export interface MinimiseLimits {
  readonly runs: number
  readonly milliseconds: number
}

export interface Minimised {
  readonly result: RunResult
  readonly runs: number
}

export async function minimise(failing: RunResult, limits: MinimiseLimits): Promise<Minimised> {
  const minimiser = new Minimiser(failing, limits)
  await minimiser.run()
  return { result: minimiser.best, runs: minimiser.runs }
}

/** An operation is a round of a client. */
interface Round {
  readonly client: number
  readonly round: number
}

class Minimiser {
  best: RunResult
  runs = 0
  readonly #kind: string | undefined
  readonly #runsMax: number
  readonly #endMs: number

  constructor(failing: RunResult, { runs, milliseconds }: MinimiseLimits) {
    this.best = failing
    this.#kind = failing.problems[0]?.kind
    this.#runsMax = runs
    this.#endMs = performance.now() + milliseconds
  }

  async run(): Promise<void> {
    let size = Infinity
    while (this.#size() < size && !this.#isOver) {
      size = this.#size()
      await this.#shorten()
      await this.#dropFaults()
      await this.#dropEach(this.#plan.watchers, (watchers) => ({ ...this.#plan, watchers }))
      await this.#dropEach(this.#plan.clients, (clients) => ({ ...this.#plan, clients }))
      await this.#dropEach(this.#rounds(), (rounds) => this.#withRounds(rounds))
      await this.#simplify()
      await this.#dropMembers()
    }
  }

  get #plan(): Plan {
    return this.best.plan
  }

  get #isOver(): boolean {
    return this.runs >= this.#runsMax || performance.now() >= this.#endMs
  }

  #size(): number {
    const { faults, watchers, members, durationMs } = this.#plan
    const sum = faults.length + watchers.length + this.#rounds().length + members
    return sum + durationMs / 1e9
  }

  /** Whether it still fails like that: then it is the best so far. */
  async #try(plan: Plan): Promise<boolean> {
    if (this.#isOver) return false
    this.runs++
    const result = await runPlan(plan)
    if (!result.problems.some(({ kind }) => kind === this.#kind)) return false
    this.best = result
    return true
  }

  /** What has been done is all that is done; what came later than the failure goes. */
  async #shorten(): Promise<void> {
    const { virtualMs } = this.best
    const faults = this.#plan.faults.filter(({ atMs }) => atMs <= virtualMs)
    await this.#try({ ...this.#withRounds(this.#rounds()), faults })
    for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      const durationMs = Math.round(this.#plan.durationMs * share)
      const early = this.#plan.faults.filter(({ atMs }) => atMs < durationMs)
      if (durationMs < 500) continue
      const busy = this.#plan.busy.filter(({ fromMs }) => fromMs < durationMs)
      if (await this.#try({ ...this.#plan, durationMs, busy, faults: early })) return
    }
  }

  async #dropFaults(): Promise<void> {
    const kinds = new Set<FaultKind>(this.#plan.faults.map(({ kind }) => kind))
    for (const one of kinds) {
      await this.#try({
        ...this.#plan,
        faults: this.#plan.faults.filter(({ kind }) => kind !== one),
      })
    }
    await this.#dropEach(this.#plan.faults, (faults) => ({ ...this.#plan, faults }))
  }

  #rounds(): Round[] {
    return this.best.rounds.flatMap(({ client, rounds }) =>
      rounds.map((round) => ({ client, round })),
    )
  }

  #withRounds(rounds: readonly Round[]): Plan {
    const clients = this.#plan.clients.map((client): ClientPlan => {
      const own = rounds.filter((one) => one.client === client.number)
      return { ...client, only: own.map(({ round }) => round) }
    })
    return { ...this.#plan, clients: clients.filter(({ only }) => only?.length !== 0) }
  }

  async #simplify(): Promise<void> {
    const watchers = this.#plan.watchers.map((watcher) => ({ ...watcher, bustle: 0, readMs: 0 }))
    const changes: Partial<Plan>[] = [
      { loss: 0 },
      { latencyMs: 0.5 },
      { logMs: 0.1 },
      { stateMs: 0.1 },
      { snapshotCount: 1000 },
      { catchUpEntries: 50 },
      { preVote: true },
      { initialAdvance: true },
      { quotaBytes: 0 },
      { watchers },
    ]
    for (const change of changes) {
      const isNew = Object.entries(change).some(
        ([name, value]) => JSON.stringify(this.#plan[name as keyof Plan]) !== JSON.stringify(value),
      )
      if (isNew) await this.#try({ ...this.#plan, ...change })
    }
  }

  async #dropMembers(): Promise<void> {
    while (this.#plan.members > 1) {
      if (!(await this.#try({ ...this.#plan, members: this.#plan.members - 1 }))) return
    }
  }

  /** Ever smaller parts of a list are left out. */
  async #dropEach<T>(all: readonly T[], planWith: (rest: readonly T[]) => Plan): Promise<void> {
    let list = all
    for (let size = Math.ceil(list.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < list.length && !this.#isOver;) {
        const rest = list.toSpliced(at, size)
        if (await this.#try(planWith(rest))) list = rest
        else at += size
      }
    }
  }
}
