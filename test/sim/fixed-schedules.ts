/** The fixed part of what `npm run sim` does: the first seeds of each profile, five minutes each. */

import { expect, test } from 'vitest'
import { Census, type Rare } from './census.ts'
import type { ProfileName } from './fault-profiles.ts'
import { planOf } from './plan.ts'
import { runPlan, type RunResult } from './run.ts'

/** Of nine profiles: 306 schedules. */
const ALL = 34
const PER_PROFILE = Number(process.env['QUORATE_TEST_SIM_SCHEDULES'] ?? ALL)
const DURATION_MS = 300_000

/** `reached` is what has to happen in them, so that they are not idle. */
export function testProfile(profile: ProfileName, reached: readonly Rare[]): void {
  const census = new Census()

  test(`a cluster keeps its promises under faults of the profile ${profile}`, async () => {
    for (let seed = 1; seed <= PER_PROFILE; seed++) {
      const result = await runPlan(planOf(seed, { profile, durationMs: DURATION_MS }))
      census.add(result.census)
      expect(failure(result)).toBe('')
    }
  }, 600_000)

  test(`and what is rare happens under the profile ${profile}`, () => {
    const missing = reached.filter((what) => !census.counts.has(what))
    expect(PER_PROFILE < ALL ? [] : missing).toEqual([])
  })
}

/** Nothing, or what a person needs to repeat it. */
export function failure({ problems, plan, timeline, story }: RunResult): string {
  if (problems.length === 0) return ''
  const sentences = problems.map(({ kind, sentence }) => `${kind}: ${sentence}`)
  const options = `--profile ${plan.profile} --duration-ms ${plan.durationMs}`
  const command = `npm run sim -- --seed ${plan.seed} ${options}`
  return [...sentences, story, ...timeline, command].join('\n')
}
