/**
 * The deadlines of all calls of an engine, in a wheel of coarse slots: setting and clearing one is
 * a few assignments, and there is one timer in all.
 *
 *     slot:  0   1   2   3 ...  511      a deadline further away than one turn of the wheel
 *            │       └ a ⇄ b             waits in its slot until its time has come
 *
 * A deadline passes up to one slot late, never early.
 */

/** What has a deadline. The wheel owns these fields while it is set. */
export interface Timed {
  deadlineMs: number
  deadlineSlot: number
  nextTimed: Timed | undefined
  previousTimed: Timed | undefined
  onDeadline(): void
}

/** The value of `deadlineSlot` while no deadline is set. */
export const NO_SLOT = -1

const SLOT_COUNT = 512
const SLOT_MS = 16

export interface WheelTimer {
  nowMs(): number
  /** Calls `listener` once after `delayMs`; a later call replaces an earlier one. */
  schedule(delayMs: number, listener: () => void): void
}

export class DeadlineWheel {
  readonly #timer: WheelTimer
  readonly #heads = Array.from<Timed | undefined>({ length: SLOT_COUNT })
  readonly #onTimer = (): void => this.#advance()
  #count = 0
  /** Slots before this tick are done. A tick is a slot of endless time. */
  #doneTick: number
  /** The tick that the timer is set for; Infinity when it is not. */
  #timerTick = Infinity

  constructor(timer: WheelTimer) {
    this.#timer = timer
    this.#doneTick = Math.floor(timer.nowMs() / SLOT_MS)
  }

  get count(): number {
    return this.#count
  }

  set(timed: Timed, delayMs: number): void {
    const nowMs = this.#timer.nowMs()
    timed.deadlineMs = nowMs + delayMs
    // The first tick that begins at the deadline or after it.
    const tick = Math.max(this.#doneTick, Math.ceil(timed.deadlineMs / SLOT_MS))
    this.#link(timed, tick % SLOT_COUNT)
    if (tick < this.#timerTick) this.#setTimer(tick, nowMs)
  }

  clear(timed: Timed): void {
    if (timed.deadlineSlot === NO_SLOT) return
    const { nextTimed: next, previousTimed: previous } = timed
    if (previous === undefined) this.#heads[timed.deadlineSlot] = next
    else previous.nextTimed = next
    if (next !== undefined) next.previousTimed = previous
    timed.nextTimed = undefined
    timed.previousTimed = undefined
    timed.deadlineSlot = NO_SLOT
    this.#count--
  }

  #link(timed: Timed, slot: number): void {
    const head = this.#heads[slot]
    timed.deadlineSlot = slot
    timed.previousTimed = undefined
    timed.nextTimed = head
    if (head !== undefined) head.previousTimed = timed
    this.#heads[slot] = timed
    this.#count++
  }

  #advance(): void {
    this.#timerTick = Infinity
    const nowMs = this.#timer.nowMs()
    const nowTick = Math.floor(nowMs / SLOT_MS)
    const last = Math.min(nowTick, this.#doneTick + SLOT_COUNT - 1)
    const first = this.#doneTick
    this.#doneTick = nowTick + 1
    for (let tick = first; tick <= last; tick++) this.#expire(tick % SLOT_COUNT, nowMs)
    this.#setNextTimer(nowMs)
  }

  #expire(slot: number, nowMs: number): void {
    let timed = this.#heads[slot]
    const due: Timed[] = []
    for (; timed !== undefined; timed = timed.nextTimed) {
      if (timed.deadlineMs <= nowMs) due.push(timed)
    }
    for (const one of due) {
      if (one.deadlineSlot !== slot) continue // cleared by one before it
      this.clear(one)
      one.onDeadline()
    }
  }

  #setNextTimer(nowMs: number): void {
    if (this.#count === 0) return
    for (let tick = this.#doneTick; tick < this.#doneTick + SLOT_COUNT; tick++) {
      if (this.#heads[tick % SLOT_COUNT] === undefined) continue
      if (tick < this.#timerTick) this.#setTimer(tick, nowMs)
      return
    }
  }

  #setTimer(tick: number, nowMs: number): void {
    this.#timerTick = tick
    // Timers may come a little early: a millisecond more spares an empty turn.
    this.#timer.schedule(Math.max(1, Math.ceil(tick * SLOT_MS - nowMs) + 1), this.#onTimer)
  }
}

/** A wheel timer over the event loop, which it does not keep alive. */
export function loopTimer(): WheelTimer {
  let timeout: NodeJS.Timeout | undefined
  return {
    nowMs: () => performance.now(),
    schedule: (delayMs, listener) => {
      clearTimeout(timeout)
      timeout = setTimeout(listener, Math.min(delayMs, 2 ** 31 - 1))
      timeout.unref()
    },
  }
}
