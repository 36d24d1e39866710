/** `npm run sim`: schedules of the simulator, from seeds or from a file. `--help` has the options. */

import { writeFileSync } from 'node:fs'
import { minimise } from './minimise.ts'
import { parseOptions, USAGE, type Options } from './options.ts'
import { planOf, type Plan } from './plan.ts'
import { Pool, type Ending } from './pool.ts'
import { runPlan, type RunResult } from './run.ts'
import { loadPlan, savePlan } from './saved-plan.ts'
import { Totals } from './totals.ts'

/** From so many schedules on, everything rare must have happened: the rarest is one in 450. */
const WHOLE = 3000
const EXPLAINED = 3
const TOLD_EVERY = 500

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** The seed, what is wrong, the smallest schedule found and what happened in it. */
async function explain(result: RunResult, options: Options): Promise<void> {
  const [problem] = result.problems
  const { seed } = result.plan
  print(`\nseed ${seed} fails: ${problem?.kind}\n  ${problem?.sentence ?? ''}`)
  const { minimiseRuns: runs, minimiseSeconds, failures } = options
  const { result: smallest, runs: used } = await minimise(result, {
    runs,
    milliseconds: minimiseSeconds * 1000,
  })
  const what = `${problem?.kind}: ${problem?.sentence.split('\n')[0] ?? ''}`
  const { plan, traceHash } = smallest
  const file = savePlan(failures, `seed-${seed}-small`, { what, traceHash, plan })
  print(`\nthe smallest schedule found in ${used} runs, ${sizeOf(smallest)}:`)
  print(JSON.stringify(plan))
  for (const { sentence, kind } of smallest.problems.slice(0, 10)) print(`  ${kind}: ${sentence}`)
  if (smallest.story !== '') print(`\n${smallest.story}`)
  print(`\nwhat happened last, at each member:\n${smallest.timeline.join('\n')}`)
  print(`\nrepeat the small one with: npm run sim -- --plan ${file}`)
}

function sizeOf({ plan, history }: RunResult): string {
  const { members, clients, watchers, faults } = plan
  return `${history.operations.length} operations of ${clients.length} clients, ${watchers.length} watchers, ${faults.length} faults, ${members} members`
}

async function runOne(plan: Plan, options: Options): Promise<boolean> {
  const startMs = performance.now()
  const result = await runPlan(plan)
  const tookMs = Math.round(performance.now() - startMs)
  const { steps, virtualMs, traceHash } = result
  print(
    `seed ${plan.seed} (${plan.profile}): ${steps} steps, ${Math.round(virtualMs / 1000)} virtual seconds in ${tookMs} ms, trace ${traceHash}`,
  )
  const totals = new Totals()
  totals.add({ ...result, cpuMs: tookMs })
  if (options.census) for (const line of totals.censusLines()) print(line)
  const [problem] = result.problems
  if (problem !== undefined) {
    const file = savePlan(options.failures, `seed-${plan.seed}`, whatFailed(result))
    totals.fail(plan.seed, plan.profile, problem, file)
    await explain(result, options)
  } else print('no problems')
  if (options.json !== undefined) writeFileSync(options.json, totals.toJson(plan.seed))
  return problem === undefined
}

function whatFailed({ plan, problems, traceHash }: Omit<RunResult, 'history'>): {
  what: string
  traceHash: string
  plan: Plan
} {
  const [problem] = problems
  return { what: `${problem?.kind}: ${problem?.sentence.split('\n')[0]}`, traceHash, plan }
}

async function runMany(options: Options): Promise<boolean> {
  const { from, count, workers, stopAt } = options
  const totals = new Totals()
  let seed = from
  const pool = new Pool({
    workers,
    next: () =>
      seed < from + count && totals.failures.length < stopAt
        ? { seed: seed++, options: options.plan }
        : undefined,
    onEnding: (ending) => {
      note(ending, totals, options)
      if (totals.schedules % TOLD_EVERY !== 0) return
      print(`${totals.schedules} schedules, ${totals.failures.length} failed`)
    },
  })
  let isInterrupted = false
  const interrupt = (): void => {
    isInterrupted = true
    print('interrupted: this is what there is so far')
    pool.stop()
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  await pool.run()
  process.off('SIGINT', interrupt)
  process.off('SIGTERM', interrupt)
  for (const line of [...totals.lines(workers), ...totals.censusLines()]) print(line)
  if (options.json !== undefined) writeFileSync(options.json, totals.toJson(from))
  for (const { seed: failed, kind, file } of totals.failures) {
    print(`failed: seed ${failed}, ${kind}, saved as ${file}`)
  }
  const { missing } = totals.census
  const isEmpty = totals.schedules >= WHOLE && missing.length > 0
  if (isEmpty) print(`never reached: ${missing.join('; ')}`)
  if (!isInterrupted) await explainFirst(totals, options)
  return totals.failures.length === 0 && !isEmpty && !isInterrupted
}

function note(ending: Ending, totals: Totals, { plan: options, failures }: Options): void {
  if (ending.type === 'done') {
    const { result } = ending
    totals.add(result)
    const [problem] = result.problems
    if (problem === undefined) return
    const { seed, profile } = result.plan
    const file = savePlan(failures, `seed-${seed}`, whatFailed(result))
    const { kind, sentence } = totals.fail(seed, profile, problem, file)
    return print(`seed ${seed} (${profile}) ${kind}: ${sentence}`)
  }
  const { job, sentence } = ending
  const plan = planOf(job.seed, options)
  const what = `process-ended: ${sentence}`
  const file = savePlan(failures, `seed-${job.seed}`, { what, plan })
  totals.schedules++
  totals.fail(job.seed, plan.profile, { kind: 'process-ended', sentence }, file)
  print(`seed ${job.seed} (${plan.profile}) ${what}`)
}

/** Those that end the process are not run in this one. */
async function explainFirst(totals: Totals, options: Options): Promise<void> {
  const explicable = totals.failures.filter(({ kind }) => kind !== 'process-ended')
  for (const { seed } of explicable.slice(0, EXPLAINED)) {
    await explain(await runPlan(planOf(seed, options.plan)), options)
  }
}

async function main(): Promise<number> {
  const parsed = parseOptions(process.argv.slice(2))
  if (!parsed.ok) {
    process.stderr.write(`${parsed.message}\n`)
    return 2
  }
  const { options } = parsed
  if (options.what === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  if (options.what === 'many') return (await runMany(options)) ? 0 : 1
  if (options.what === 'one')
    return (await runOne(planOf(options.from, options.plan), options)) ? 0 : 1
  let plan: Plan
  try {
    plan = loadPlan(options.planFile).plan
  } catch (error) {
    process.stderr.write(`${options.planFile}: ${(error as Error).message}\n`)
    return 2
  }
  return (await runOne(plan, options)) ? 0 : 1
}

process.exitCode = await main()
