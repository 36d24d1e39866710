/** Runs the schedules that it is given, one after another, in a process of its own. */

import { planOf, type PlanOptions } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'

export interface Job {
  readonly seed: number
  readonly options: PlanOptions
}

export type JobResult = Omit<RunResult, 'history'> & { readonly tookMs: number }

if (process.send !== undefined) {
  process.on('message', (job: Job) => {
    void runJob(job).then((result) => process.send?.(result))
  })
}

export async function runJob({ seed, options }: Job): Promise<JobResult> {
  const startMs = performance.now()
  const { history: _, ...result } = await runPlan(planOf(seed, options))
  return { ...result, tookMs: performance.now() - startMs }
}
