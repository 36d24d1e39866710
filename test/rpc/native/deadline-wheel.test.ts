import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  DeadlineWheel,
  NO_SLOT,
  type Timed,
  type WheelTimer,
} from '../../../src/rpc/native/deadline-wheel.ts'

/** How late a deadline may be. */
const LATE_MS = 20

class FakeTimer implements WheelTimer {
  #nowMs = 12_345.6
  #dueMs = Infinity
  #listener: (() => void) | undefined
  schedules = 0

  nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, listener: () => void): void {
    this.schedules++
    this.#dueMs = this.#nowMs + delayMs
    this.#listener = listener
  }

  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    while (this.#dueMs <= endMs) {
      this.#nowMs = this.#dueMs
      this.#dueMs = Infinity
      this.#listener?.()
    }
    this.#nowMs = endMs
  }
}

class Deadline implements Timed {
  deadlineMs = 0
  deadlineSlot = NO_SLOT
  nextTimed: Timed | undefined
  previousTimed: Timed | undefined
  firedMs: number | undefined
  readonly #timer: WheelTimer
  onFired: () => void = () => undefined

  constructor(timer: WheelTimer) {
    this.#timer = timer
  }

  onDeadline(): void {
    expect(this.firedMs).toBe(undefined)
    this.firedMs = this.#timer.nowMs()
    this.onFired()
  }
}

describe('the deadline wheel', () => {
  test('every deadline passes in its time, and none that was cleared', () => {
    const act = fc.oneof(
      fc.record({ type: fc.constant('set' as const), ms: fc.oneof(fc.nat(100), fc.nat(60_000)) }),
      fc.record({ type: fc.constant('clear' as const), pick: fc.nat(100) }),
      fc.record({ type: fc.constant('wait' as const), ms: fc.oneof(fc.nat(50), fc.nat(20_000)) }),
    )
    fc.assert(
      fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
        const timer = new FakeTimer()
        const wheel = new DeadlineWheel(timer)
        const all: { deadline: Deadline; dueMs: number; isCleared: boolean }[] = []
        for (const one of acts) {
          if (one.type === 'set') {
            const deadline = new Deadline(timer)
            all.push({ deadline, dueMs: timer.nowMs() + one.ms, isCleared: false })
            wheel.set(deadline, one.ms)
          } else if (one.type === 'clear') {
            const picked = all[one.pick % Math.max(1, all.length)]
            if (picked === undefined) continue
            wheel.clear(picked.deadline)
            picked.isCleared = picked.deadline.firedMs === undefined
          } else timer.advance(one.ms)
        }
        timer.advance(100_000)
        expect(wheel.count).toBe(0)
        for (const { deadline, dueMs, isCleared } of all) {
          if (isCleared) expect(deadline.firedMs).toBe(undefined)
          else {
            expect(deadline.firedMs).toBeGreaterThanOrEqual(dueMs)
            expect(deadline.firedMs).toBeLessThanOrEqual(dueMs + LATE_MS)
          }
        }
      }),
    )
  })

  test('a deadline may clear others of its slot, and set new ones', () => {
    const timer = new FakeTimer()
    const wheel = new DeadlineWheel(timer)
    const [first, second, third] = [new Deadline(timer), new Deadline(timer), new Deadline(timer)]
    const clearOther = (other: Deadline) => () => {
      wheel.clear(other)
      if (third.deadlineSlot === NO_SLOT) wheel.set(third, 5)
    }
    first.onFired = clearOther(second)
    second.onFired = clearOther(first)
    wheel.set(first, 10)
    wheel.set(second, 10)
    timer.advance(100)
    expect([first.firedMs, second.firedMs].filter((at) => at !== undefined)).toHaveLength(1)
    expect(third.firedMs).not.toBe(undefined)
  })

  test('calls that end in time cost no timers of their own', () => {
    const timer = new FakeTimer()
    const wheel = new DeadlineWheel(timer)
    for (let i = 0; i < 10_000; i++) {
      const deadline = new Deadline(timer)
      wheel.set(deadline, 5000)
      timer.advance(1)
      wheel.clear(deadline)
    }
    expect(timer.schedules).toBeLessThan(20)
  })
})
