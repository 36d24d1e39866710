/**
 * Makes a failing schedule smaller while it fails in the same way: kinds of faults first, then
 * single faults, clients, watchers, time.
 */

import type { FaultKind } from './fault-plan.ts'
import type { Plan } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'

export interface Minimised {
  readonly result: RunResult
  readonly runs: number
}

export async function minimise(failing: RunResult, maxRuns: number): Promise<Minimised> {
  const kind = failing.problems[0]?.kind
  let best = failing
  let runs = 0
  const tries = async (plan: Plan): Promise<boolean> => {
    if (runs >= maxRuns) return false
    runs++
    const result = await runPlan(plan)
    if (!result.problems.some((problem) => problem.kind === kind)) return false
    best = result
    return true
  }
  await shorten(() => best, tries)
  const kinds = [...new Set(best.plan.faults.map((fault) => fault.kind))]
  for (const one of kinds) await tries(withoutKind(best.plan, one))
  await dropEach(
    () => best.plan.faults,
    (faults) => tries({ ...best.plan, faults }),
  )
  await dropEach(
    () => best.plan.watchers,
    (watchers) => tries({ ...best.plan, watchers }),
  )
  await dropEach(
    () => best.plan.clients,
    (clients) => tries({ ...best.plan, clients }),
  )
  for (const change of [{ loss: 0 }, { latencyMs: 0.5 }, { logMs: 0.1 }, { stateMs: 0.1 }]) {
    await tries({ ...best.plan, ...change })
  }
  await shorten(() => best, tries)
  return { result: best, runs }
}

function withoutKind(plan: Plan, kind: FaultKind): Plan {
  return { ...plan, faults: plan.faults.filter((fault) => fault.kind !== kind) }
}

/** Ever smaller parts of a list are left out. */
async function dropEach<T>(
  list: () => readonly T[],
  tries: (rest: readonly T[]) => Promise<boolean>,
): Promise<void> {
  for (let size = Math.ceil(list().length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < list().length;) {
      const rest = list().toSpliced(at, size)
      if (!(await tries(rest))) at += size
    }
  }
}

async function shorten(
  best: () => RunResult,
  tries: (plan: Plan) => Promise<boolean>,
): Promise<void> {
  for (const share of [0.25, 0.5, 0.75]) {
    const { plan } = best()
    const durationMs = Math.round(plan.durationMs * share)
    const faults = plan.faults.filter(({ atMs }) => atMs < durationMs)
    if (durationMs >= 1000 && (await tries({ ...plan, durationMs, faults }))) return
  }
}
