/**
 * Runs random schedules of a table of profiles. QUORATE_TEST_SEED repeats a run, QUORATE_TEST_RUNS
 * makes it longer, QUORATE_TEST_CENSUS=1 prints what happened in it how often.
 */

import fc from 'fast-check'
import { Census } from './census.ts'
import { profileOf, schedules, type Profile, type Schedule } from './profiles.ts'
import { Simulation } from './simulation.ts'

/** Lines of the history that are shown with a failure. */
const SHOWN_LINES = 60

export interface Outcome {
  readonly census: Census
  /** A run of the default length, after which everything rare must have happened. */
  readonly isWhole: boolean
}

function runOne(schedule: Schedule, profiles: Readonly<Record<string, Profile>>): Census {
  const census = new Census()
  const simulation = new Simulation(schedule, profileOf(schedule, profiles), census)
  simulation.run()
  const ticks = simulation.heal()
  census.count('schedule')
  census.count('step', simulation.queue.steps)
  census.count('entry committed', simulation.checker.history.lastIndex)
  census.count('tick of recovery', ticks)
  return census
}

/** The end of the history of a schedule that fails. */
function history(schedule: Schedule, profiles: Readonly<Record<string, Profile>>): string {
  const simulation = new Simulation(schedule, profileOf(schedule, profiles), new Census(), true)
  try {
    simulation.run()
    simulation.heal()
  } catch {
    // The failure itself is reported by fast-check.
  }
  return simulation.lines.slice(-SHOWN_LINES).join('\n')
}

export function runSchedules(profiles: Readonly<Record<string, Profile>>, runs: number): Outcome {
  const { QUORATE_TEST_SEED: seed, QUORATE_TEST_RUNS: ownRuns } = process.env
  const numRuns = ownRuns === undefined ? runs : Number(ownRuns)
  const total = new Census()
  const property = fc.property(schedules(profiles), (schedule) => {
    total.add(runOne(schedule, profiles))
  })
  const details = fc.check(property, {
    numRuns,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
  })
  if (details.failed) {
    const [schedule] = details.counterexample ?? []
    const lines = schedule === undefined ? '' : history(schedule, profiles)
    const cause = details.errorInstance
    const reason = cause instanceof Error ? cause.message : String(cause)
    const report = fc.defaultReportMessage(details)
    throw new Error(`${reason}\nQUORATE_TEST_SEED=${details.seed}\n${report}\n\n${lines}`, {
      cause,
    })
  }
  if (process.env['QUORATE_TEST_CENSUS'] !== undefined) console.log(total.toString())
  return { census: total, isWhole: numRuns >= runs }
}
