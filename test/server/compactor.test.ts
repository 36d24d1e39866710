import { describe, expect, test } from 'vitest'

import { decodeCheckpoint } from '../../src/server/checkpoint.ts'
import { Compactor } from '../../src/server/compactor.ts'
import { Snapshotter } from '../../src/server/snapshotter.ts'
import { MemoryStateStore } from '../../src/storage/memory-state-store.ts'
import { requestEntry } from './support/arbitrary-entries.ts'
import { isSettled, ManualClock, recordingLogger, turns, turnsUntil } from './support/doubles.ts'
import { Member } from './support/member.ts'
import { k, putRequest } from './support/requests.ts'
import { snapshotterOptions } from './support/snapshotter.ts'

class Harness {
  readonly member: Member
  readonly compactor: Compactor
  readonly #steps: (() => void)[] = []

  constructor(member: Member) {
    this.member = member
    const logger = recordingLogger()
    const state = new MemoryStateStore(member.disk, (finish) => void this.#steps.push(finish))
    const forget = async (): Promise<void> => undefined
    const snapshotter = new Snapshotter(member.applier, state, forget, snapshotterOptions(), logger)
    this.compactor = new Compactor(member.applier.store, snapshotter, new ManualClock(), logger)
  }

  /** `keys` keys, each put `versions` times. */
  static async filled(keys: number, versions: number): Promise<Harness> {
    const harness = new Harness(await Member.start())
    for (let i = 0; i < keys * versions; i++) harness.put(`k${100_000 + (i % keys)}`)
    return harness
  }

  get store(): Member['applier']['store'] {
    return this.member.applier.store
  }

  get records(): number {
    return this.member.disk.records().size
  }

  /** The compacted revision of the checkpoint on disk. */
  get durable(): number {
    const { checkpoint } = this.member.disk
    return (checkpoint && decodeCheckpoint(checkpoint)?.compactedRevision) ?? -1
  }

  put(key: string): void {
    this.#apply({ case: 'put', value: putRequest({ key: k(key) }) })
  }

  compact(revision: number): void {
    this.#apply({ case: 'compaction', value: { revision, physical: false } })
    this.compactor.schedule()
  }

  get diskWaits(): boolean {
    return this.#steps.length > 0
  }

  async diskStep(): Promise<void> {
    this.#steps.shift()?.()
    await turns()
  }

  /** Lets the disk do all that comes until the condition holds. */
  async runUntil(condition: () => boolean): Promise<void> {
    await turnsUntil(() => {
      this.#steps.shift()?.()
      return condition()
    })
  }

  #apply(request: Parameters<typeof requestEntry>[0]): void {
    this.member.apply(requestEntry(request, this.member.applier.appliedIndex + 1))
  }
}

describe('the cut', () => {
  test('begins only when a checkpoint that knows of the compaction is on disk', async () => {
    const harness = await Harness.filled(3, 3)
    harness.compact(10)
    await turns(5)
    expect(harness.records).toBe(9)
    await harness.diskStep()
    await turns(5)
    expect([harness.records, harness.durable]).toEqual([9, -1])
    await harness.diskStep()
    await turnsUntil(() => harness.store.finishedCompactRevision === 10)
    expect([harness.records, harness.durable]).toEqual([3, 10])
  })

  test('stops at what the checkpoint knows when a later compaction is applied meanwhile', async () => {
    const harness = await Harness.filled(3, 3)
    harness.compact(4)
    await harness.diskStep()
    harness.compact(10)
    while (harness.diskWaits && harness.durable < 4) await harness.diskStep()
    expect(harness.durable).toBe(4)
    await turnsUntil(() => harness.store.finishedCompactRevision >= 4)
    expect(harness.store.finishedCompactRevision).toBe(4)
    expect(harness.records).toBe(9)
    await harness.runUntil(() => harness.store.finishedCompactRevision === 10)
    expect([harness.records, harness.durable]).toEqual([3, 10])
  })

  test('of a compaction applied while another is being cut follows it', async () => {
    const harness = await Harness.filled(2000, 2)
    harness.compact(2001)
    await harness.runUntil(() => harness.durable === 2001)
    harness.compact(4001)
    await harness.runUntil(() => harness.store.finishedCompactRevision === 4001)
    expect([harness.records, harness.durable]).toEqual([2000, 4001])
  })

  test('is done in slices, with turns for others between them', async () => {
    const harness = await Harness.filled(2000, 2)
    harness.compact(4001)
    await harness.runUntil(() => harness.durable === 4001)
    const sizes = new Set<number>()
    await turnsUntil(() => {
      sizes.add(harness.records)
      return harness.store.finishedCompactRevision === 4001
    })
    expect(sizes.size).toBeGreaterThan(2)
  })

  test('waits for the readers of what it would remove', async () => {
    const harness = await Harness.filled(3, 3)
    const pin = harness.store.pin(5)
    harness.compact(10)
    await harness.runUntil(() => harness.durable === 10)
    await turns(20)
    expect(harness.records).toBe(9)
    pin.release()
    await turnsUntil(() => harness.store.finishedCompactRevision === 10)
    expect(harness.records).toBe(3)
  })

  test('that is not finished is resumed after a restart', async () => {
    const before = await Harness.filled(2000, 2)
    before.compact(4001)
    await before.runUntil(() => before.records < 4000)
    const stopped = before.compactor.stop()
    await before.runUntil(() => true)
    await stopped
    expect(before.store.finishedCompactRevision).toBe(-1)
    expect(before.records).toBeGreaterThan(2000)
    before.member.disk.crash()
    const after = new Harness(await Member.start(before.member.disk))
    after.compactor.schedule()
    await after.runUntil(() => after.store.finishedCompactRevision === 4001)
    expect(after.records).toBe(2000)
    expect(after.store.keyCount).toBe(2000)
  })
})

describe('finished', () => {
  test('resolves at once when nothing is due', async () => {
    const harness = await Harness.filled(1, 2)
    await harness.compactor.finished()
    expect(harness.diskWaits).toBe(false)
  })

  test('resolves when all that was compacted before the call is gone', async () => {
    const harness = await Harness.filled(3, 3)
    harness.compact(10)
    const finished = harness.compactor.finished()
    expect(await isSettled(finished)).toBe(false)
    await harness.runUntil(() => harness.store.finishedCompactRevision === 10)
    await finished
    expect(harness.records).toBe(3)
  })

  test('does not wait for compactions that come later', async () => {
    const harness = await Harness.filled(3, 3)
    harness.compact(4)
    const finished = harness.compactor.finished()
    await harness.runUntil(() => harness.store.finishedCompactRevision === 4)
    harness.compact(10)
    await finished
    expect(harness.store.finishedCompactRevision).toBe(4)
  })
})

describe('stopping', () => {
  test('ends a cut that waits for a reader, and whoever waits for its end', async () => {
    const harness = await Harness.filled(3, 3)
    harness.store.pin(5)
    harness.compact(10)
    const finished = harness.compactor.finished()
    await harness.runUntil(() => harness.durable === 10)
    await harness.compactor.stop()
    await finished
    expect(harness.records).toBe(9)
  })

  test('leaves later compactions for the next start', async () => {
    const harness = await Harness.filled(3, 3)
    await harness.compactor.stop()
    harness.compact(10)
    await turns(5)
    expect(harness.diskWaits).toBe(false)
  })
})
