/** Locks and elections under random callers, against a queue that is a plain list. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LockResponseInput } from '../../src/rpc/codec/v3lockpb.ts'
import { RecipeBench, Observer, settle, type Call } from './support/recipe-bench.ts'
import { turns } from './support/doubles.ts'
import { text } from './support/requests.ts'

const RUNS = Number(process.env['QUORATE_TEST_RECIPE_RUNS'] ?? 100)
const LEASES = [1, 2, 3, 4, 5]

type Action = 'enter' | 'release' | 'go-away' | 'revoke'
interface Step {
  readonly action: Action
  readonly lease: number
  /** Turns of the event loop until the next step. */
  readonly pause: number
}

const steps = (pause: fc.Arbitrary<number>): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      action: fc.constantFrom<Action>('enter', 'enter', 'enter', 'release', 'go-away', 'revoke'),
      lease: fc.constantFrom(...LEASES),
      pause,
    }),
    { minLength: 5, maxLength: 40, size: 'max' },
  )

type AnyCall = Call<{ header?: { revision?: number | undefined } | undefined }>
type Enter = (bench: RecipeBench, lease: number) => AnyCall

const enterBy: Readonly<Record<string, Enter>> = {
  Lock: (bench, lease) => bench.lock('q', lease),
  Campaign: (bench, lease) => bench.campaign('q', lease, `v${lease}`),
}

async function withBench(run: (bench: RecipeBench) => Promise<void>): Promise<void> {
  const bench = await RecipeBench.start()
  try {
    for (const lease of LEASES) await bench.grant(lease)
    await run(bench)
  } finally {
    await bench.stop()
  }
}

/** The queue as it should be: leases, oldest first, and the calls that wait. */
class Model {
  queue: number[] = []
  readonly calls = new Map<number, AnyCall>()

  check(keys: readonly string[]): void {
    expect(keys).toEqual(this.queue.map((lease) => `q/${lease}`))
    for (const [lease, { outcome }] of this.calls) {
      const expected = this.queue[0] === lease ? 'object' : 'undefined'
      expect({ lease, outcome: typeof outcome }).toEqual({ lease, outcome: expected })
      if (outcome !== undefined) this.calls.delete(lease)
    }
  }

  remove(lease: number): void {
    this.queue = this.queue.filter((other) => other !== lease)
  }
}

async function doStep(
  bench: RecipeBench,
  { action, lease }: Step,
  model: Model,
  enter: Enter,
): Promise<void> {
  const waiting = model.calls.get(lease)
  switch (action) {
    case 'enter':
      if (waiting !== undefined) return
      model.calls.set(lease, enter(bench, lease))
      if (!model.queue.includes(lease)) model.queue.push(lease)
      return
    case 'go-away':
      if (waiting === undefined) return
      waiting.caller.goAway()
      break
    case 'release':
      await bench.delete(`q/${lease}`)
      break
    case 'revoke':
      await bench.revoke(lease)
      await bench.grant(lease)
      break
  }
  model.remove(lease)
  if (waiting === undefined) return
  model.calls.delete(lease)
  expect(await waiting.answered).toMatch(/^(1 context|2 mutex: session is|2 election: not leader)/)
}

describe.each(Object.keys(enterBy))('%s under random callers', (name) => {
  const enter = enterBy[name]
  if (enter === undefined) throw new Error('unreachable')

  test('grants in the order of entry, to one at a time, and keeps no place of who left', async () => {
    await fc.assert(
      fc.asyncProperty(steps(fc.constant(0)), async (all) => {
        await withBench(async (bench) => {
          const model = new Model()
          for (const step of all) {
            await doStep(bench, step, model, enter)
            await settle()
            model.check(await bench.keys('q'))
          }
        })
      }),
      { numRuns: RUNS },
    )
  })
})

test('whoever is answered by Lock holds the oldest key at the revision of the header', async () => {
  await fc.assert(
    fc.asyncProperty(steps(fc.nat({ max: 4 })), async (all) => {
      await withBench(async (bench) => {
        const calls: Call<LockResponseInput>[] = []
        for (const step of all) {
          const { lease, action, pause } = step
          if (action === 'enter') calls.push(bench.lock('q', lease))
          if (action === 'release') void bench.delete(`q/${lease}`)
          if (action === 'go-away') calls[lease]?.caller.goAway()
          if (action === 'revoke') void renew(bench, lease)
          await turns(pause)
        }
        await settle()
        for (const { outcome } of calls) {
          if (typeof outcome !== 'object') continue
          const [oldest] = await bench.queue('q', outcome.header?.revision ?? 0)
          expect(oldest?.key).toBe(outcome.key)
        }
        for (const { caller } of calls) caller.goAway()
        await settle()
        const held = calls.map(({ outcome }) => (typeof outcome === 'object' ? outcome.key : ''))
        for (const key of await bench.keys('q')) expect(held).toContain(key)
      })
    }),
    { numRuns: RUNS },
  )
})

test('Observe tells every leader and every value, in order, to slow readers too', async () => {
  await fc.assert(
    fc.asyncProperty(steps(fc.nat({ max: 4 })), fc.boolean(), async (all, reads) => {
      await withBench(async (bench) => {
        const observer = new Observer()
        observer.reads = reads
        bench.observe('q', observer)
        await settle()
        const first = await bench.revision()
        for (const { lease, action, pause } of all) {
          if (action === 'enter') void bench.campaign('q', lease, `v${pause}`)
          if (action === 'release') void bench.delete(`q/${lease}`)
          if (action === 'revoke') void renew(bench, lease)
          if (action === 'go-away') observer.drain()
          await turns(pause)
        }
        await settle()
        observer.reads = true
        observer.drain()
        for (let i = 0; i < 5; i++) await settle()
        expect(observer.story).toEqual(await history(bench, first))
      })
    }),
    { numRuns: RUNS },
  )
})

/** Two at once may come in each other's way. */
async function renew(bench: RecipeBench, lease: number): Promise<void> {
  await bench.revoke(lease).catch(() => undefined)
  await bench.grant(lease).catch(() => undefined)
}

/** Who led with what value, at each revision after `first` that changed it. */
async function history(bench: RecipeBench, first: number): Promise<string[]> {
  const story: string[] = []
  const last = await bench.revision()
  let told = ''
  for (let revision = first + 1; revision <= last; revision++) {
    const [leader] = await bench.queue('q', revision)
    const line = leader === undefined ? '' : `${leader.key}=${text(leader.value)}`
    const version = leader === undefined ? '' : `${line} ${leader.modRevision}`
    if (version !== told && leader !== undefined) story.push(`${line}@${revision}`)
    told = version
  }
  return story
}
