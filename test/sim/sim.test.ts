/**
 * The simulator itself: schedules that failed once, that a schedule repeats exactly, wherever it
 * runs, and that a failing one is made small. The schedules of each profile are in profiles/.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { busyMs } from './busy-times.ts'
import { PROFILES } from './fault-profiles.ts'
import { failure } from './fixed-schedules.ts'
import { minimise } from './minimise.ts'
import { parseOptions } from './options.ts'
import { planOf, type Plan } from './plan.ts'
import { regressions } from './regressions.ts'
import { runPlan } from './run.ts'
import { loadPlan, savePlan } from './saved-plan.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const BUILD = path.join(ROOT, 'dist-bench/sim/test/sim/cli.js')
const OPTIONS = { profile: 'mixed', durationMs: 4000 } as const

for (const { what, plan } of regressions()) {
  test(`what failed once is well: ${what}`, async () => {
    expect(failure(await runPlan(plan))).toBe('')
  }, 120_000)
}

test('every profile has its schedules in npm test', () => {
  const files = readdirSync(new URL('./profiles/', import.meta.url)).sort()
  const wanted = Object.keys(PROFILES).map((name) => `${name}.test.ts`)
  expect(files).toEqual(wanted.sort())
})

function inOwnProcess(nodeArgs: readonly string[]): string {
  const args = ['--seed', '7', '--profile', OPTIONS.profile]
  const duration = ['--duration-ms', String(OPTIONS.durationMs)]
  const all = [...nodeArgs, BUILD, ...args, ...duration]
  const { stdout } = spawnSync(process.execPath, all, { encoding: 'utf8' })
  return /trace ([0-9a-f]{8})/.exec(stdout)?.[1] ?? stdout
}

describe('a schedule', () => {
  const plan = planOf(7, OPTIONS)

  test('does the same again for the same seed, and something else for another one', async () => {
    const first = await runPlan(plan)
    const other = await runPlan(planOf(8, OPTIONS))
    const again = await runPlan(planOf(7, OPTIONS))
    expect(again.traceHash).toBe(first.traceHash)
    expect(again.steps).toBe(first.steps)
    expect(again.history).toEqual(first.history)
    expect(other.traceHash).not.toBe(first.traceHash)
  }, 60_000)

  test('does the same in other processes, whatever the order of their hash tables', async () => {
    const { status, stdout } = spawnSync(process.execPath, ['scripts/sim.mjs', '--help'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect(stdout).toContain('--seed N')
    expect(status).toBe(0)
    const { traceHash } = await runPlan(plan)
    expect(inOwnProcess(['--hash-seed=1'])).toBe(traceHash)
    expect(inOwnProcess(['--hash-seed=77', '--max-semi-space-size=1'])).toBe(traceHash)
  }, 120_000)

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

  test('is drawn from the seed alone', () => {
    expect(planOf(5)).toEqual(planOf(5))
    expect(planOf(6)).not.toEqual({ ...planOf(5), seed: 6 })
  })

  test('of many minutes is busy for less than one', () => {
    for (let seed = 1; seed < 100; seed++) {
      const { busy } = planOf(seed, { durationMs: 600_000 })
      expect(busyMs(busy)).toBeLessThan(60_000)
      expect(busyMs(busy)).toBeGreaterThan(5000)
      expect(busy.at(-1)?.toMs).toBeLessThanOrEqual(600_001)
      busy.slice(1).forEach(({ fromMs }, i) => expect(fromMs).toBeGreaterThanOrEqual(busy[i]!.toMs))
    }
  })

  test('goes the same way when what its clients did is all that they may do', async () => {
    const first = await runPlan(plan)
    const only = new Map(first.rounds.map(({ client, rounds }) => [client, rounds]))
    const clients = plan.clients.map((one) => ({ ...one, only: only.get(one.number) ?? [] }))
    const again = await runPlan({ ...plan, clients })
    expect(again.traceHash).toBe(first.traceHash)
  }, 60_000)

  test('goes the same way after it was saved', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'quorate-sim-'))
    const { traceHash } = await runPlan(plan)
    const loaded = loadPlan(savePlan(folder, 'seed-7', { what: 'a test', plan }))
    rmSync(folder, { recursive: true })
    expect((await runPlan(loaded.plan)).traceHash).toBe(traceHash)
  }, 60_000)

  test('that fails is made smaller while it fails in the same way', async () => {
    // Nobody can be well when calls have to be answered before anybody leads.
    const broken: Plan = { ...plan, clients: plan.clients.slice(0, 2), logMs: 100_000 }
    const result = await runPlan(broken)
    expect(result.problems[0]?.kind).toBe('not-live')
    const limits = { runs: 40, milliseconds: 60_000 }
    const { result: smallest, runs } = await minimise(result, limits)
    expect(runs).toBeLessThanOrEqual(40)
    expect(smallest.problems[0]?.kind).toBe('not-live')
    expect(smallest.plan.faults).toEqual([])
    expect(smallest.plan.clients).toEqual([])
    expect(smallest.plan.watchers).toEqual([])
    expect(smallest.timeline.length).toBeGreaterThan(0)
  }, 90_000)
})

describe('the command', () => {
  test.each([
    ['--nope'],
    ['--seed', 'x'],
    ['--seed', '-1'],
    ['--seed', '1', '--seeds', '2'],
    ['--profile', 'gentle'],
    ['--workers', '1.5'],
    ['--seeds'],
    ['more'],
  ])('refuses %s %s with one sentence', (...args) => {
    const parsed = parseOptions(args)
    const message = parsed.ok ? '' : parsed.message
    expect(message).toMatch(/^[^\n]+; --help says what there is$/)
  })

  test('takes what is said about seeds, and has defaults for the rest', () => {
    const parsed = parseOptions(['--seeds', '20', '--from', '7', '--workers', '0'])
    const options = parsed.ok ? parsed.options : undefined
    expect(options).toMatchObject({ what: 'many', count: 20, from: 7, workers: 0, plan: {} })
  })
})
