import { describe, expect, test } from 'vitest'

import { ReadIndex, type ReadIndexSource } from '../../src/server/read-index.ts'
import { isSettled, ManualClock } from './support/doubles.ts'

const TIMEOUT_MS = 7000

class Source implements ReadIndexSource {
  readonly asked: string[] = []
  gatherings = 0
  appliedIndex = 10
  isHeldUp = false

  onGathering(): void {
    this.gatherings++
  }

  readIndex(context: string): void {
    this.asked.push(context)
  }

  attempt(i: number): string {
    const context = this.asked[i]
    if (context === undefined) throw new Error('there was no such attempt')
    return context
  }
}

function setUp(): { source: Source; clock: ManualClock; reads: ReadIndex } {
  const source = new Source()
  const clock = new ManualClock()
  return { source, clock, reads: new ReadIndex(source, clock, TIMEOUT_MS) }
}

function answer(reads: ReadIndex, context: string, index: number): void {
  reads.onReadStates([{ context, index }])
  reads.onApplied()
}

describe('rounds', () => {
  test('all reads of one turn share one, and its gathering is announced once', async () => {
    const { source, reads } = setUp()
    const waits = [reads.wait(), reads.wait(), reads.wait()]
    expect(source.gatherings).toBe(1)
    expect(source.asked).toEqual([])
    reads.flush()
    expect(source.asked).toHaveLength(1)
    answer(reads, source.attempt(0), 10)
    expect(await Promise.all(waits)).toEqual(['ready', 'ready', 'ready'])
  })

  test('a read that comes after the question went out waits for the next one', async () => {
    const { source, reads } = setUp()
    const first = reads.wait()
    reads.flush()
    const second = reads.wait()
    expect(source.gatherings).toBe(2)
    answer(reads, source.attempt(0), 10)
    expect(await first).toBe('ready')
    expect(await isSettled(second)).toBe(false)
    reads.flush()
    expect(source.attempt(1)).not.toBe(source.attempt(0))
    answer(reads, source.attempt(1), 10)
    expect(await second).toBe('ready')
  })

  test('nothing is asked when nobody reads', () => {
    const { source, reads } = setUp()
    reads.flush()
    expect(source.asked).toEqual([])
  })

  test('under way at the same time end each by its own answer', async () => {
    const { source, reads } = setUp()
    const first = reads.wait()
    reads.flush()
    const second = reads.wait()
    reads.flush()
    answer(reads, source.attempt(1), 10)
    expect(await second).toBe('ready')
    expect(await isSettled(first)).toBe(false)
  })
})

describe('the answer', () => {
  test('is waited for until its index is applied', async () => {
    const { source, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    answer(reads, source.attempt(0), 12)
    source.appliedIndex = 11
    reads.onApplied()
    expect(await isSettled(waiting)).toBe(false)
    source.appliedIndex = 12
    reads.onApplied()
    expect(await waiting).toBe('ready')
  })

  test('of another question does not count', async () => {
    const { reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    answer(reads, 'somebody else’s', 1)
    expect(await isSettled(waiting)).toBe(false)
  })
})

describe('a round without an answer', () => {
  test('is asked again after 500 ms, with a fresh id each time', async () => {
    const { source, clock, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    clock.advance(499)
    reads.expire()
    expect(source.asked).toHaveLength(1)
    clock.advance(1)
    reads.expire()
    expect(source.asked).toHaveLength(2)
    clock.advance(500)
    reads.expire()
    expect(new Set(source.asked).size).toBe(3)
    expect(reads.slowCount).toBe(2)
    answer(reads, source.attempt(2), 10)
    expect(await waiting).toBe('ready')
  })

  test('does not take the late answer to an earlier attempt', async () => {
    const { source, clock, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    clock.advance(500)
    reads.expire()
    answer(reads, source.attempt(0), 1)
    expect(await isSettled(waiting)).toBe(false)
    answer(reads, source.attempt(1), 10)
    expect(await waiting).toBe('ready')
  })

  test('times out, counted from the read and not from the last attempt', async () => {
    const { clock, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    for (let ms = 500; ms < TIMEOUT_MS; ms += 500) {
      clock.advance(500)
      reads.expire()
    }
    expect(await isSettled(waiting)).toBe(false)
    clock.advance(500)
    reads.expire()
    expect(await waiting).toBe('timeout')
    expect(reads.failedCount).toBe(1)
  })
})

test('a round whose answer has come but is not applied is not asked again, and times out', async () => {
  const { source, clock, reads } = setUp()
  const waiting = reads.wait()
  reads.flush()
  answer(reads, source.attempt(0), 99)
  clock.advance(600)
  reads.expire()
  expect(source.asked).toHaveLength(1)
  clock.advance(TIMEOUT_MS)
  reads.expire()
  expect(await waiting).toBe('timeout')
})

test('stopping ends all waits, gathered or asked, and those to come', async () => {
  const { source, reads } = setUp()
  const asked = reads.wait()
  reads.flush()
  const gathered = reads.wait()
  reads.stop()
  expect(await Promise.all([asked, gathered, reads.wait()])).toEqual([
    'stopped',
    'stopped',
    'stopped',
  ])
  reads.flush()
  expect(source.asked).toHaveLength(1)
})

describe('what holds reads up', () => {
  test('keeps the answer back until it is over, even when nothing is applied then', async () => {
    const { source, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    source.isHeldUp = true
    answer(reads, source.asked[0] ?? '', 10)
    expect(await isSettled(waiting)).toBe(false)
    source.isHeldUp = false
    reads.expire()
    expect(await waiting).toBe('ready')
  })
})

describe('another leader', () => {
  test('is asked what the one before has not answered, under a new id', async () => {
    const { source, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    reads.onLeader()
    expect(new Set(source.asked).size).toBe(2)
    answer(reads, source.asked[0] ?? '', 10)
    expect(await isSettled(waiting)).toBe(false)
    answer(reads, source.asked[1] ?? '', 10)
    expect(await waiting).toBe('ready')
  })

  test('is not asked what has been confirmed and only waits to be applied', async () => {
    const { source, reads } = setUp()
    const waiting = reads.wait()
    reads.flush()
    answer(reads, source.asked[0] ?? '', 11)
    reads.onLeader()
    expect(source.asked).toHaveLength(1)
    source.appliedIndex = 11
    reads.onApplied()
    expect(await waiting).toBe('ready')
  })
})
