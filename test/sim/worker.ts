/** Runs the schedules that it is given, one after another, in a process of its own. */

import { planOf, type PlanOptions } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'

export interface Job {
  readonly seed: number
  readonly options: PlanOptions
}

/** `cpuMs` is this process's, so that it says the same on a busy machine. */
export type JobResult = Omit<RunResult, 'history'> & { readonly cpuMs: number }

if (process.send !== undefined) {
  process.on('message', (job: Job) => {
    void runJob(job).then((result) => process.send?.(result))
  })
}

export async function runJob({ seed, options }: Job): Promise<JobResult> {
  const start = process.cpuUsage()
  const { history: _, ...result } = await runPlan(planOf(seed, options))
  const { user, system } = process.cpuUsage(start)
  return { ...result, cpuMs: (user + system) / 1000 }
}
