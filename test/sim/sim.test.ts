/**
 * A fixed part of what `npm run sim` does: some schedules of every profile, those that failed once,
 * and that a schedule repeats exactly.
 */

import { describe, expect, test } from 'vitest'
import { Census, type Rare } from './census.ts'
import { minimise } from './minimise.ts'
import { PROFILES, type ProfileName } from './fault-plan.ts'
import { planOf, type Plan } from './plan.ts'
import { REGRESSIONS } from './regressions.ts'
import { runPlan, type RunResult } from './run.ts'

const PER_PROFILE = Number(process.env['QUORATE_TEST_SIM_SCHEDULES'] ?? 10)
const DURATION_MS = 12_000

/** What even these few short schedules reach. */
const REACHED: readonly Rare[] = [
  'leader change',
  'snapshot installed',
  'append in flight torn off by a crash',
  'append in flight kept by a crash',
  'unsynced state lost in a crash',
  'majority lost and recovered',
  'member paused while it led',
  'disk stalled longer than an election timeout',
  'one-way cut',
  'message lost',
  'member removed',
  'member replaced',
  'voter added',
  'write of unknown outcome that took effect',
  'lease expired after a leader change',
  'lock waited for',
  'read of a compacted revision refused',
  'watch ended by a compaction',
  'slow watch that caught up',
  'watch resumed on another member',
  'restart that replayed the log',
]

/** Nothing, or what a person needs to repeat it. */
function failure({ problems, plan, timeline, story }: RunResult): string {
  if (problems.length === 0) return ''
  const sentences = problems.map(({ kind, sentence }) => `${kind}: ${sentence}`)
  return [
    ...sentences,
    story,
    ...timeline,
    `npm run sim -- --seed ${plan.seed} --profile ${plan.profile} --duration-ms ${plan.durationMs}`,
  ].join('\n')
}

describe('a cluster of whole servers keeps its promises', () => {
  const census = new Census()

  for (const profile of Object.keys(PROFILES) as ProfileName[]) {
    test(`under faults of the profile ${profile}`, async () => {
      for (let seed = 1; seed <= PER_PROFILE; seed++) {
        const result = await runPlan(planOf(seed, { profile, durationMs: DURATION_MS }))
        census.add(result.census)
        expect(failure(result)).toBe('')
      }
    }, 120_000)
  }

  test('and the schedules are such that what is rare happens', () => {
    expect(REACHED.filter((what) => !census.counts.has(what))).toEqual([])
  })

  for (const { what, plan } of REGRESSIONS) {
    test(`no more: ${what}`, async () => {
      expect(failure(await runPlan(plan))).toBe('')
    }, 120_000)
  }
})

describe('the simulator', () => {
  const plan = planOf(7, { profile: 'mixed', durationMs: 4000 })

  test('does the same again for the same seed, and something else for another one', async () => {
    const first = await runPlan(plan)
    const other = await runPlan(planOf(8, { profile: 'mixed', durationMs: 4000 }))
    const again = await runPlan(planOf(7, { profile: 'mixed', durationMs: 4000 }))
    expect(again.traceHash).toBe(first.traceHash)
    expect(again.steps).toBe(first.steps)
    expect(again.history).toEqual(first.history)
    expect(other.traceHash).not.toBe(first.traceHash)
  }, 60_000)

  test('does the same when real time passes differently, and leaves the timers as they were', async () => {
    const { setTimeout: before } = globalThis
    const first = await runPlan(plan)
    expect(globalThis.setTimeout).toBe(before)
    const busy = setInterval(() => {
      const endMs = performance.now() + 15
      while (performance.now() < endMs);
    }, 20)
    const again = await runPlan(plan)
    clearInterval(busy)
    expect(again.traceHash).toBe(first.traceHash)
  }, 60_000)

  test('draws a plan from the seed alone', () => {
    expect(planOf(5)).toEqual(planOf(5))
    expect(planOf(6)).not.toEqual({ ...planOf(5), seed: 6 })
  })

  test('makes a failing schedule smaller while it fails in the same way', async () => {
    // Nobody can be well when calls have to be answered before anybody leads.
    const broken: Plan = { ...plan, clients: plan.clients.slice(0, 2), logMs: 100_000 }
    const result = await runPlan(broken)
    expect(result.problems[0]?.kind).toBe('not-live')
    const { result: smallest, runs } = await minimise(result, 12)
    expect(runs).toBeLessThanOrEqual(12)
    expect(smallest.problems[0]?.kind).toBe('not-live')
    expect(smallest.plan.faults.length).toBeLessThan(Math.max(1, broken.faults.length))
    expect(smallest.timeline.length).toBeGreaterThan(0)
  }, 60_000)
})
