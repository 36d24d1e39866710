/**
 * Schedules against one mutant, one after another, until one of them catches it. One that fails
 * without the mutant too does not count.
 */

import { fork, type ChildProcess } from 'node:child_process'
import type { PlanOptions } from '../plan.ts'
import type { Problem } from '../run.ts'
import type { Job, JobResult } from '../worker.ts'
import { catcherOf } from './catcher.ts'
import type { Mutant } from './mutant.ts'
import { mutatedBuild } from './mutated-build.ts'

/** A schedule that takes so long does not come to its end. */
const PATIENCE_MS = 180_000
const DURATION_MS = 15_000

export type Outcome =
  | {
      readonly type: 'caught'
      readonly schedules: number
      readonly seed: number
      readonly profile: string
      readonly by: string
      readonly sentence: string
    }
  | { readonly type: 'survived'; readonly schedules: number }

export interface TrialOptions {
  readonly from: number
  readonly schedulesMax: number
}

export async function tryMutant(mutant: Mutant, options: TrialOptions): Promise<Outcome> {
  const { worker, remove } = mutatedBuild(mutant)
  let mutated = start(worker)
  const plan: PlanOptions = {
    durationMs: DURATION_MS,
    ...(mutant.profile !== undefined && { profile: mutant.profile }),
  }
  try {
    for (let done = 1; done <= options.schedulesMax; done++) {
      const seed = options.from + done - 1
      const job = { seed, options: plan }
      const { problems, profile } = await runIn(mutated, job)
      const [problem] = problems
      if (problem === undefined) continue
      if (done === 1 && problem.kind === 'process-ended') {
        throw new Error(`${mutant.name} does not even start: ${problem.sentence}`)
      }
      if (await failsAnyway(job, problem)) {
        // It may be at it still, and one process has one world.
        mutated.kill('SIGKILL')
        mutated = start(worker)
        continue
      }
      const by = catcherOf(problem)
      const sentence = problem.sentence.split('\n')[0] ?? ''
      return { type: 'caught', schedules: done, seed, profile, by, sentence }
    }
    return { type: 'survived', schedules: options.schedulesMax }
  } finally {
    mutated.kill('SIGKILL')
    remove()
  }
}

function start(worker: URL): ChildProcess {
  const stdio = ['ignore', 'ignore', 'ignore', 'ipc'] as const
  return fork(worker, { serialization: 'advanced', stdio: [...stdio] })
}

/** Whether the schedule goes wrong in the same way without the mutant. */
async function failsAnyway(job: Job, { kind }: Problem): Promise<boolean> {
  const plain = start(new URL('../worker.js', import.meta.url))
  const { problems } = await runIn(plain, job)
  plain.kill('SIGKILL')
  return problems.some((problem) => problem.kind === kind)
}

interface Verdict {
  readonly problems: readonly Problem[]
  readonly profile: string
}

function runIn(child: ChildProcess, job: Job): Promise<Verdict> {
  return new Promise((resolve) => {
    const end = (verdict: Verdict): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      resolve(verdict)
    }
    const fail = (kind: string, sentence: string): void =>
      end({ problems: [{ kind, sentence }], profile: job.options.profile ?? 'any' })
    const onMessage = ({ problems, plan }: JobResult): void =>
      end({ problems, profile: plan.profile })
    const onExit = (code: number | null): void =>
      fail('process-ended', `the simulator ended with code ${code}`)
    const timer = setTimeout(() => fail('hangs', 'the schedule has no end'), PATIENCE_MS)
    child.on('message', onMessage)
    child.on('exit', onExit)
    child.send(job)
  })
}
