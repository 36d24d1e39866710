import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { decodeCheckpoint } from '../../src/server/checkpoint.ts'
import { Snapshotter } from '../../src/server/snapshotter.ts'
import { MemoryStateStore } from '../../src/storage/memory-state-store.ts'
import { requestEntry } from './support/arbitrary-entries.ts'
import { isSettled, recordingLogger, turns } from './support/doubles.ts'
import { Member } from './support/member.ts'
import { k, putRequest } from './support/requests.ts'
import { snapshotterOptions } from './support/snapshotter.ts'

const CATCH_UP = 5000

/** A member with a snapshotter whose disk does one step when the test says so. */
class Harness {
  readonly member: Member
  readonly snapshotter: Snapshotter
  /** How far the log was compacted, call by call, beside the checkpoint durable at that time. */
  readonly compactions: { readonly index: number; readonly durable: number }[] = []
  readonly #steps: (() => void)[] = []

  constructor(member: Member, snapshotCount: number) {
    this.member = member
    const state = new MemoryStateStore(member.disk, (finish) => void this.#steps.push(finish))
    this.snapshotter = new Snapshotter(
      member.applier,
      state,
      async (index) => void this.compactions.push({ index, durable: this.durableOnDisk }),
      snapshotterOptions({ snapshotCount }),
      recordingLogger(),
    )
  }

  static async start(snapshotCount = 10): Promise<Harness> {
    return new Harness(await Member.start(), snapshotCount)
  }

  get durableOnDisk(): number {
    const { checkpoint } = this.member.disk
    if (checkpoint === undefined) return 0
    return decodeCheckpoint(checkpoint)?.appliedIndex ?? 0
  }

  get saving(): boolean {
    return this.#steps.length > 0
  }

  apply(count: number): void {
    const { applier } = this.member
    for (let i = 0; i < count; i++) {
      const value = putRequest({ key: k(`k${i % 10}`) })
      this.member.apply(requestEntry({ case: 'put', value }, applier.appliedIndex + 1))
    }
    this.snapshotter.onApplied()
  }

  async diskStep(): Promise<void> {
    this.#steps.shift()?.()
    await turns()
  }

  async finishSave(): Promise<void> {
    while (this.saving) await this.diskStep()
  }
}

describe('when it saves', () => {
  test('as soon as as many entries as asked for are applied since the last checkpoint', async () => {
    const harness = await Harness.start(10)
    harness.apply(9)
    expect(harness.saving).toBe(false)
    harness.apply(1)
    expect(harness.saving).toBe(true)
    await harness.finishSave()
    expect(harness.snapshotter.durableIndex).toBe(10)
    harness.apply(9)
    expect(harness.saving).toBe(false)
    harness.apply(1)
    await harness.finishSave()
    expect(harness.durableOnDisk).toBe(20)
  })

  test('counts from the checkpoint that the member started from', async () => {
    const first = await Harness.start(10)
    first.apply(8)
    await first.member.save()
    const again = new Harness(await Member.start(first.member.disk), 10)
    expect(again.snapshotter.durableIndex).toBe(8)
    again.apply(9)
    expect(again.saving).toBe(false)
    again.apply(1)
    expect(again.saving).toBe(true)
  })

  test('one at a time, whatever is applied meanwhile', async () => {
    const harness = await Harness.start(10)
    harness.apply(10)
    harness.apply(30)
    await harness.diskStep()
    harness.apply(30)
    await harness.finishSave()
    expect(harness.snapshotter.durableIndex).toBe(10)
    harness.apply(1)
    await harness.finishSave()
    expect(harness.snapshotter.durableIndex).toBe(71)
  })
})

describe('the durable index', () => {
  test('moves only when barrier and record are on disk', async () => {
    const harness = await Harness.start(10)
    harness.apply(10)
    expect(harness.snapshotter.durableIndex).toBe(0)
    await harness.diskStep()
    expect(harness.snapshotter.durableIndex).toBe(0)
    await harness.diskStep()
    expect(harness.snapshotter.durableIndex).toBe(10)
  })
})

describe('the log', () => {
  test('is compacted behind the checkpoint, with what a slow member needs kept', async () => {
    const harness = await Harness.start(CATCH_UP)
    harness.apply(CATCH_UP)
    await harness.finishSave()
    expect(harness.compactions).toEqual([])
    harness.apply(CATCH_UP)
    expect(harness.compactions).toEqual([])
    await harness.finishSave()
    expect(harness.compactions).toEqual([{ index: CATCH_UP, durable: 2 * CATCH_UP }])
  })

  test('is never compacted beyond the durable checkpoint, wherever the disk stops', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 3, maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 12, maxLength: 12 }),
        async (batches, steps) => {
          const harness = await Harness.start(1000)
          for (const [i, batch] of batches.entries()) {
            harness.apply(batch)
            for (let step = 0; step < (steps[i] ?? 0); step++) await harness.diskStep()
          }
          for (const { index, durable } of harness.compactions) {
            expect(index).toBeLessThanOrEqual(durable - CATCH_UP)
          }
        },
      ),
      { numRuns: 15 },
    )
  })
})

describe('take', () => {
  test('saves at once, however few entries there are', async () => {
    const harness = await Harness.start(1000)
    harness.apply(3)
    const taken = harness.snapshotter.take()
    await harness.finishSave()
    await taken
    expect(harness.durableOnDisk).toBe(3)
  })

  test('has nothing to do when all that is applied is saved', async () => {
    const harness = await Harness.start(10)
    harness.apply(10)
    await harness.finishSave()
    await harness.snapshotter.take()
    expect(harness.saving).toBe(false)
  })

  test('is not content with a checkpoint under way that began before the index asked for', async () => {
    const harness = await Harness.start(10)
    harness.apply(10)
    harness.apply(2)
    const taken = harness.snapshotter.take()
    await harness.diskStep()
    await harness.diskStep()
    expect(harness.durableOnDisk).toBe(10)
    expect(await isSettled(taken)).toBe(false)
    await harness.finishSave()
    await taken
    expect(harness.durableOnDisk).toBe(12)
  })

  test('asked for twice at once needs one checkpoint', async () => {
    const harness = await Harness.start(1000)
    harness.apply(3)
    const both = Promise.all([harness.snapshotter.take(), harness.snapshotter.take()])
    await harness.diskStep()
    await harness.diskStep()
    await both
    expect(harness.saving).toBe(false)
  })
})

test('stopping waits for the checkpoint under way', async () => {
  const harness = await Harness.start(10)
  harness.apply(10)
  const stopped = harness.snapshotter.pause()
  expect(await isSettled(stopped)).toBe(false)
  await harness.finishSave()
  await stopped
})

describe('entries that weigh much', () => {
  const MIB = 1024 * 1024

  test('are checkpointed by their bytes, and few of them are kept', async () => {
    const harness = await Harness.start(10_000)
    for (let i = 0; i < 6; i++) {
      harness.snapshotter.onEntry(64 * MIB)
      harness.apply(1)
      expect(harness.saving).toBe(true)
      while (harness.saving) await harness.diskStep()
      await turns(2)
    }
    const { appliedIndex } = harness.member.applier
    expect(harness.durableOnDisk).toBe(appliedIndex)
    expect(harness.compactions.at(-1)?.index).toBe(appliedIndex - 1)
    for (const { index, durable } of harness.compactions) expect(index).toBeLessThanOrEqual(durable)
  })

  test('count from the last checkpoint, however small the steps to it were', async () => {
    const harness = await Harness.start(10_000)
    let checkpoints = 0
    for (let i = 0; i < 130; i++) {
      harness.snapshotter.onEntry(MIB)
      harness.apply(1)
      if (harness.saving) checkpoints++
      while (harness.saving) await harness.diskStep()
    }
    expect(checkpoints).toBe(2)
    expect(harness.compactions.at(-1)?.index).toBe(harness.durableOnDisk - 64)
  })

  test('below the limits change nothing', async () => {
    const harness = await Harness.start(10_000)
    harness.snapshotter.onEntry(63 * MIB)
    harness.apply(1)
    expect(harness.saving).toBe(false)
    expect(harness.compactions).toEqual([])
  })
})
