/**
 * `npm run sim`: schedules of the simulator, from seeds.
 *
 *     npm run sim -- --seed N                     one schedule, with its timeline when it fails
 *     npm run sim -- --seeds 10000 --workers 4    many, from --from on (1)
 */

import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Census } from './census.ts'
import { minimise } from './minimise.ts'
import { PROFILES, type ProfileName } from './fault-plan.ts'
import { planOf, type PlanOptions } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'
import type { Job, JobResult } from './worker.ts'

/** From so many schedules on, everything rare must have happened. */
const WHOLE = 500
const FAILURES_SHOWN = 5

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string' },
    profile: { type: 'string' },
    'duration-ms': { type: 'string' },
    'minimise-runs': { type: 'string', default: '80' },
    census: { type: 'boolean', default: false },
    'stop-at': { type: 'string' },
  },
})

function planOptions(): PlanOptions {
  const { profile } = values
  const durationMs = values['duration-ms']
  if (profile !== undefined && !Object.hasOwn(PROFILES, profile)) {
    throw new Error(`there is no profile ${profile}: ${Object.keys(PROFILES).join(', ')}`)
  }
  return {
    ...(profile !== undefined && { profile: profile as ProfileName }),
    ...(durationMs !== undefined && { durationMs: Number(durationMs) }),
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function printCensus(census: Census): void {
  const sorted = [...census.counts].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [what, count] of sorted) print(`${String(count).padStart(12)}  ${what}`)
}

/** The seed, what is wrong, the smallest schedule found and what happened in it. */
async function explain(result: RunResult): Promise<void> {
  const [problem] = result.problems
  const kind = problem?.kind ?? ''
  print(`\nseed ${result.plan.seed} fails: ${kind}\n  ${problem?.sentence ?? ''}`)
  const runs = Number(values['minimise-runs'])
  const { result: smallest, runs: used } = await minimise(result, runs)
  print(`\nthe smallest schedule found in ${used} runs:`)
  print(JSON.stringify(smallest.plan))
  for (const { sentence, ...one } of smallest.problems.slice(0, 10))
    print(`  ${one.kind}: ${sentence}`)
  if (smallest.story !== '') print(`\n${smallest.story}`)
  print(`\nwhat happened last, at each member:\n${smallest.timeline.join('\n')}`)
  print(`\nrepeat it with: npm run sim -- --seed ${result.plan.seed}`)
}

async function runOne(seed: number): Promise<void> {
  const startMs = performance.now()
  const result = await runPlan(planOf(seed, planOptions()))
  const tookMs = performance.now() - startMs
  const { steps, virtualMs, traceHash, plan } = result
  print(
    `seed ${seed} (${plan.profile}): ${steps} steps, ${Math.round(virtualMs / 1000)} virtual seconds in ${Math.round(tookMs)} ms, trace ${traceHash}`,
  )
  if (values.census) {
    const census = new Census()
    census.add(result.census)
    printCensus(census)
  }
  if (result.problems.length === 0) return print('no problems')
  await explain(result)
  process.exitCode = 1
}

async function runMany(from: number, count: number, workers: number): Promise<void> {
  const startMs = performance.now()
  const census = new Census()
  const failed: JobResult[] = []
  const options = planOptions()
  const stopAt = Number(values['stop-at'] ?? Infinity)
  let next = from
  let steps = 0
  let virtualMs = 0
  let busyMs = 0
  let done = 0
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = fork(new URL('./worker.js', import.meta.url), { serialization: 'advanced' })
      const give = (): void => {
        if (next >= from + count || failed.length >= stopAt) {
          worker.disconnect()
          resolve()
          return
        }
        const job: Job = { seed: next++, options }
        worker.send(job)
      }
      worker.on('message', (result: JobResult) => {
        done++
        steps += result.steps
        virtualMs += result.virtualMs
        busyMs += result.tookMs
        census.add(result.census)
        if (result.problems.length > 0) {
          failed.push(result)
          const [problem] = result.problems
          const sentence = problem?.sentence.split('\n')[0] ?? ''
          print(`seed ${result.plan.seed} (${result.plan.profile}) ${problem?.kind}: ${sentence}`)
        }
        if (done % 500 === 0) print(`${done} schedules, ${failed.length} failed`)
        give()
      })
      worker.on('error', reject)
      worker.on('exit', (code) => {
        if (code !== 0) reject(new Error(`a worker ended with code ${code}`))
      })
      give()
    })
  await Promise.all(Array.from({ length: workers }, work))
  const tookS = (performance.now() - startMs) / 1000
  const perHour = Math.round((done / (busyMs / 1000)) * 3600)
  print(
    `${done} schedules, ${failed.length} failed, ${(virtualMs / 3_600_000).toFixed(1)} virtual hours, ${steps} steps in ${tookS.toFixed(0)} s with ${workers} workers`,
  )
  print(`per core: ${Math.round(steps / (busyMs / 1000))} steps/s, ${perHour} schedules/hour`)
  printCensus(census)
  if (done >= WHOLE && census.missing.length > 0) {
    print(`never reached: ${census.missing.join('; ')}`)
    process.exitCode = 1
  }
  for (const { plan } of failed.slice(0, FAILURES_SHOWN)) await explain(await runPlan(plan))
  if (failed.length > 0) process.exitCode = 1
}

if (values.seed !== undefined) await runOne(Number(values.seed))
else {
  const workers = Number(values.workers ?? Math.max(1, availableParallelism() - 1))
  await runMany(Number(values.from), Number(values.seeds ?? 500), workers)
}
