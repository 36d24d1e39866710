/** What the command was asked to do. */

import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { PROFILES, type ProfileName } from './fault-profiles.ts'
import type { PlanOptions } from './plan.ts'

export interface Options {
  readonly what: 'help' | 'one' | 'many' | 'plan'
  readonly from: number
  readonly count: number
  /** 0: in this process. */
  readonly workers: number
  readonly plan: PlanOptions
  readonly planFile: string
  readonly minimiseRuns: number
  readonly minimiseSeconds: number
  readonly stopAt: number
  readonly census: boolean
  readonly json: string | undefined
  readonly failures: string
}

export type Parsed =
  | { readonly ok: true; readonly options: Options }
  | { readonly ok: false; readonly message: string }

export const USAGE = `npm run sim -- [options]       schedules of the simulator

  --seed N                one schedule; when it fails: the smallest one, and a timeline
  --seeds N               so many schedules (500), each with the next seed
  --from N                the first seed (1)
  --plan FILE             the schedule in this file, as --failures saves it
  --workers N             processes (one less than there are cores); 0: all in this one

  --profile P             ${Object.keys(PROFILES).join(', ')}
  --duration-ms N         virtual time of faults; drawn for each seed when absent
  --stop-at N             ends after so many failures
  --minimise-runs N       tries to make a failing schedule smaller (400)
  --minimise-seconds N    and not longer than this (300)

  --census                prints for one schedule what happened in it
  --json FILE             writes the totals to this file
  --failures DIR          saves failing schedules here (${path.join(tmpdir(), 'quorate-sim')})
  --help                  prints this

Exit code 0: all is well. 1: a schedule failed, or of 500 and more none reached a state that has to be
reached. 2: the command was not understood.
`

class Refused extends Error {}

export function parseOptions(args: readonly string[]): Parsed {
  try {
    return { ok: true, options: read(args) }
  } catch (error) {
    if (!(error instanceof Refused || isUsageError(error))) throw error
    const [sentence] = error.message.split(/\.? *\n|\. /)
    return { ok: false, message: `${sentence}; --help says what there is` }
  }
}

function read(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      from: { type: 'string' },
      plan: { type: 'string' },
      workers: { type: 'string' },
      profile: { type: 'string' },
      'duration-ms': { type: 'string' },
      'stop-at': { type: 'string' },
      'minimise-runs': { type: 'string' },
      'minimise-seconds': { type: 'string' },
      census: { type: 'boolean', default: false },
      json: { type: 'string' },
      failures: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const whole = (name: keyof typeof values, least: number, absent: number): number => {
    const text = values[name]
    if (text === undefined) return absent
    const value = Number(text)
    if (typeof text === 'string' && /^\d+$/.test(text) && value >= least) return value
    throw new Refused(`--${name} takes a whole number from ${least} on, not ${String(text)}`)
  }
  const kinds = (['seed', 'seeds', 'plan'] as const).filter((name) => values[name] !== undefined)
  if (kinds.length > 1) throw new Refused(`--${kinds[0]} and --${kinds[1]} exclude each other`)
  if (values.seed !== undefined && values.from !== undefined) {
    throw new Refused('--seed and --from exclude each other')
  }
  const { profile } = values
  if (profile !== undefined && !isProfile(profile)) {
    throw new Refused(`there is no profile ${profile}`)
  }
  const durationMs = whole('duration-ms', 1000, 0)
  return {
    what: values.help
      ? 'help'
      : kinds[0] === 'plan'
        ? 'plan'
        : kinds[0] === 'seed'
          ? 'one'
          : 'many',
    from: whole(values.seed === undefined ? 'from' : 'seed', 0, 1),
    count: whole('seeds', 1, 500),
    workers: whole('workers', 0, Math.max(1, availableParallelism() - 1)),
    plan: {
      ...(profile !== undefined && { profile }),
      ...(durationMs > 0 && { durationMs }),
    },
    planFile: values.plan ?? '',
    minimiseRuns: whole('minimise-runs', 0, 400),
    minimiseSeconds: whole('minimise-seconds', 0, 300),
    stopAt: whole('stop-at', 1, Infinity),
    census: values.census,
    json: values.json,
    failures: values.failures ?? path.join(tmpdir(), 'quorate-sim'),
  }
}

function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name)
}

function isUsageError(error: unknown): error is Error {
  return (
    error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')
  )
}
