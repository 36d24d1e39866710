import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { LogFields, Logger } from '../../src/base/ports.ts'
import {
  AutoCompactor,
  type AutoCompaction,
  type CompactionOutcome,
} from '../../src/server/auto-compactor.ts'
import { turns } from './support/doubles.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

interface Compaction {
  readonly atMs: number
  readonly revision: number
}

/** An auto compactor whose clock starts at 0 and whose revision the test sets. */
class Harness {
  readonly compactor: AutoCompactor
  readonly compactions: Compaction[] = []
  readonly lines: (readonly [level: string, message: string, fields: LogFields])[] = []
  isLeader = true
  revision = 1
  /** Sets the revision as time goes by, when given. */
  revisionAt: ((ms: number) => number) | undefined
  outcome: CompactionOutcome | Promise<CompactionOutcome> = { ok: true }
  #nowMs = 0

  constructor(compaction: AutoCompaction) {
    const log =
      (level: string) =>
      (message: string, fields: LogFields = {}): void =>
        void this.lines.push([level, message, fields])
    const logger: Logger = {
      debug: log('debug'),
      info: log('info'),
      warn: log('warn'),
      error: log('error'),
    }
    this.compactor = new AutoCompactor(compaction, {
      logger,
      currentRevision: () => this.revision,
      isLeader: () => this.isLeader,
      compact: async (revision) => {
        this.compactions.push({ atMs: this.#nowMs, revision })
        return this.outcome
      },
    })
  }

  /** Ticks until `ms`, `stepMs` apart, with time for each compaction to end. */
  async run(ms: number, stepMs: number): Promise<void> {
    for (; this.#nowMs <= ms; this.#nowMs += stepMs) {
      const before = this.compactions.length
      this.revision = this.revisionAt?.(this.#nowMs) ?? this.revision
      this.compactor.tick(this.#nowMs)
      if (this.compactions.length > before) await turns()
    }
  }
}

describe('revision mode', () => {
  test('compacts every five minutes, to the current revision less the retention', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revisionAt = (ms) => 100 + ms / MINUTE
    await harness.run(15 * MINUTE, 1000)
    expect(harness.compactions).toEqual([
      { atMs: 5 * MINUTE, revision: 95 },
      { atMs: 10 * MINUTE, revision: 100 },
      { atMs: 15 * MINUTE, revision: 105 },
    ])
  })

  test('does not while there are not more revisions than to keep', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 9
    await harness.run(5 * MINUTE, 1000)
    harness.revision = 10
    await harness.run(10 * MINUTE, 1000)
    expect(harness.compactions).toEqual([])
    harness.revision = 11
    await harness.run(15 * MINUTE, 1000)
    expect(harness.compactions).toEqual([{ atMs: 15 * MINUTE, revision: 1 }])
  })

  test('does not again to the same revision', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 50
    await harness.run(30 * MINUTE, 1000)
    expect(harness.compactions).toHaveLength(1)
  })

  test('tells what it does', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 50
    await harness.run(5 * MINUTE, 1000)
    const fields = { revision: 40, 'revision-compaction-retention': 10 }
    expect(harness.lines).toEqual([
      ['info', 'starting auto revision compaction', fields],
      ['info', 'completed auto revision compaction', { ...fields, 'took-ms': 0 }],
    ])
  })

  test('tries a failed one again five minutes later, and says so', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 50
    harness.outcome = { ok: false, error: 'timeout' }
    await harness.run(5 * MINUTE, 1000)
    expect(harness.lines.at(-1)).toEqual([
      'warn',
      'failed auto revision compaction',
      {
        revision: 40,
        'revision-compaction-retention': 10,
        'retry-interval-ms': 5 * MINUTE,
        error: 'timeout',
      },
    ])
    harness.outcome = { ok: true }
    await harness.run(20 * MINUTE, 1000)
    expect(harness.compactions).toEqual([
      { atMs: 5 * MINUTE, revision: 40 },
      { atMs: 10 * MINUTE, revision: 40 },
    ])
  })

  test('is content when someone else has compacted', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 50
    harness.outcome = { ok: false, error: 'compacted' }
    await harness.run(30 * MINUTE, 1000)
    expect(harness.compactions).toHaveLength(1)
    expect(harness.lines.at(-1)?.[1]).toBe('completed auto revision compaction')
  })

  test('leaves it to the leader', async () => {
    const harness = new Harness({ mode: 'revision', retention: 10 })
    harness.revision = 50
    harness.isLeader = false
    await harness.run(11 * MINUTE, 1000)
    expect(harness.compactions).toEqual([])
    harness.isLeader = true
    await harness.run(30 * MINUTE, 1000)
    expect(harness.compactions).toEqual([{ atMs: 15 * MINUTE, revision: 40 }])
  })
})

describe('periodic mode', () => {
  test('of less than an hour compacts once a retention, to the revision sampled that long ago', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: 10 * MINUTE })
    harness.revisionAt = (ms) => 100 + ms / MINUTE
    await harness.run(30 * MINUTE, 1000)
    expect(harness.compactions).toEqual([
      { atMs: 10 * MINUTE, revision: 100 },
      { atMs: 20 * MINUTE, revision: 109 },
      { atMs: 30 * MINUTE, revision: 119 },
    ])
  })

  test('of more than an hour compacts hourly, after a first whole retention', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: 24 * HOUR })
    harness.revisionAt = (ms) => 1000 + (10 * ms) / HOUR
    await harness.run(26 * HOUR, MINUTE)
    expect(harness.compactions).toEqual([
      { atMs: 24 * HOUR, revision: 1000 },
      { atMs: 25 * HOUR, revision: 1009 },
      { atMs: 26 * HOUR, revision: 1019 },
    ])
  })

  test('compacts when there is something new to forget', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: HOUR })
    harness.revision = 100
    await harness.run(5 * HOUR, MINUTE)
    expect(harness.compactions).toEqual([{ atMs: HOUR, revision: 100 }])
    harness.revision = 200
    await harness.run(8 * HOUR, MINUTE)
    // First sampled at 5:06, that is the oldest of eleven samples from 6:06 on, after that look.
    expect(harness.compactions.slice(1)).toEqual([{ atMs: 6 * HOUR + 12 * MINUTE, revision: 200 }])
  })

  test('tells what it does', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: HOUR })
    await harness.run(HOUR, MINUTE)
    const fields = { revision: 1, 'compact-period-ms': HOUR }
    expect(harness.lines).toEqual([
      ['info', 'starting auto periodic compaction', fields],
      ['info', 'completed auto periodic compaction', { ...fields, 'took-ms': 0 }],
    ])
  })

  test('tries a failed one again after a tenth of the interval, to what is due by then', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: 10 * MINUTE })
    harness.revisionAt = (ms) => 100 + ms / MINUTE
    harness.outcome = { ok: false, error: 'timeout' }
    await harness.run(12 * MINUTE, 1000)
    const [, message, fields] = harness.lines.at(-1) ?? []
    expect(message).toBe('failed auto periodic compaction')
    expect(fields).toMatchObject({ 'retry-interval-ms': MINUTE, error: 'timeout' })
    harness.outcome = { ok: true }
    await harness.run(23 * MINUTE, 1000)
    expect(harness.compactions).toEqual([
      { atMs: 10 * MINUTE, revision: 100 },
      { atMs: 11 * MINUTE, revision: 100 },
      { atMs: 12 * MINUTE, revision: 101 },
      { atMs: 13 * MINUTE, revision: 102 },
      { atMs: 23 * MINUTE, revision: 112 },
    ])
  })

  test('samples on who does not lead, so that a new leader is ready to compact', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: HOUR })
    harness.isLeader = false
    harness.revisionAt = (ms) => 100 + ms / MINUTE
    await harness.run(3 * HOUR + MINUTE, MINUTE)
    expect(harness.compactions).toEqual([])
    harness.isLeader = true
    await harness.run(3 * HOUR + 6 * MINUTE, MINUTE)
    expect(harness.compactions).toEqual([{ atMs: 3 * HOUR + 6 * MINUTE, revision: 220 }])
  })

  test('waits for a slow compaction and goes on from its end', async () => {
    const harness = new Harness({ mode: 'periodic', retentionMs: 10 * MINUTE })
    harness.revisionAt = (ms) => 100 + ms / MINUTE
    let finish: (outcome: CompactionOutcome) => void = () => undefined
    harness.outcome = new Promise((resolve) => (finish = resolve))
    await harness.run(25 * MINUTE, 1000)
    expect(harness.compactions).toHaveLength(1)
    finish({ ok: true })
    await turns()
    harness.outcome = { ok: true }
    await harness.run(36 * MINUTE, 1000)
    expect(harness.lines[1]?.[2]).toMatchObject({ 'took-ms': 15 * MINUTE })
    expect(harness.compactions.slice(1).map(({ atMs }) => atMs)).toEqual([35 * MINUTE])
  })

  test('never forgets what is younger than the retention, and in time what is older', async () => {
    const steps = fc.array(
      fc.record({
        tenths: fc.integer({ min: 1, max: 40 }),
        isLeader: fc.boolean(),
        ok: fc.boolean(),
      }),
      { minLength: 1, maxLength: 12 },
    )
    const retention = fc.constantFrom(5000, 10 * MINUTE, HOUR, 90 * MINUTE, 7 * HOUR)
    await fc.assert(
      fc.asyncProperty(retention, steps, async (retentionMs, phases) => {
        const lookMs = Math.min(retentionMs, HOUR) / 10
        const harness = new Harness({ mode: 'periodic', retentionMs })
        harness.revisionAt = (ms) => 1 + ms
        let endMs = 0
        for (const { tenths, isLeader, ok } of phases) {
          harness.isLeader = isLeader
          harness.outcome = ok ? { ok } : { ok, error: 'timeout' }
          endMs += tenths * lookMs
          await harness.run(endMs, lookMs / 2)
        }
        harness.isLeader = true
        harness.outcome = { ok: true }
        await harness.run(endMs + retentionMs + 20 * lookMs, lookMs / 2)
        for (const { atMs, revision } of harness.compactions) {
          expect(revision).toBeLessThanOrEqual(Math.max(1, 1 + atMs - retentionMs))
        }
        const { revision } = harness.compactions.at(-1) ?? { revision: 0 }
        expect(revision).toBeGreaterThanOrEqual(1 + endMs - lookMs)
      }),
      { numRuns: 60 },
    )
  })
})

test('does nothing after it was stopped, not even the end of what is under way', async () => {
  const harness = new Harness({ mode: 'revision', retention: 10 })
  harness.revision = 50
  let finish: (outcome: CompactionOutcome) => void = () => undefined
  harness.outcome = new Promise((resolve) => (finish = resolve))
  await harness.run(5 * MINUTE, 1000)
  harness.compactor.stop()
  finish({ ok: false, error: 'stopped' })
  await turns()
  harness.revision = 90
  await harness.run(30 * MINUTE, 1000)
  expect(harness.compactions).toHaveLength(1)
  expect(harness.lines).toHaveLength(1)
})
