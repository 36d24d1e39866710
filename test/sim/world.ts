/**
 * Virtual time: one agenda of everything that will happen, in the order of its time.
 *
 *     setTimeout, setInterval, setImmediate, disks, network, clients ─► agenda ─► one step
 *                                            ▲                                     │
 *                                            └────────── microtasks, all ◄─────────┘
 *
 * A step is one turn of a real event loop, so that promises run between two steps as they do in
 * production, and nothing else does. Each step belongs to an owner: a life of a member, or the
 * world outside. What a member sets up while its step runs is its own; it waits while the member
 * is paused, runs at the member's clock rate, and is gone with the member.
 *
 * The order depends on the seed alone. The trace hash covers every step, so equal hashes mean equal
 * runs.
 */

import type { Clock } from '../../src/base/ports.ts'
import { Draws } from './draws.ts'

/** One life of a member, or the world outside. */
export class Owner implements Clock {
  readonly name: string
  readonly number: number
  isDead = false
  /** Its process is about to end: what it throws now is heard by nobody. */
  isDoomed = false
  readonly #world: World
  #rate = 1
  #localMs: number
  #sinceMs: number
  #waiting: Step[] | undefined
  readonly #jitter: Draws
  readonly #mourners = new Set<() => void>()

  constructor(world: World, name: string, number: number, startMs = 1000) {
    this.#world = world
    this.name = name
    this.number = number
    this.#localMs = startMs
    this.#sinceMs = world.nowMs
    this.#jitter = new Draws(world.seed, `turns ${name}`)
  }

  /** How long until its loop comes round. */
  turnMs(): number {
    return 0.002 + 0.05 * this.#jitter.fraction()
  }

  nowMs(): number {
    return this.#localMs + (this.#world.nowMs - this.#sinceMs) * this.#rate
  }

  get rate(): number {
    return this.#rate
  }

  /** How fast its clock goes, from now on. Timers that are already set keep their end. */
  setRate(rate: number): void {
    this.#localMs = this.nowMs()
    this.#sinceMs = this.#world.nowMs
    this.#rate = rate
  }

  /** Forward or back. Timers that are set keep their end. */
  jump(ms: number): void {
    this.#localMs += ms
  }

  get isPaused(): boolean {
    return this.#waiting !== undefined
  }

  pause(): void {
    this.#waiting ??= []
  }

  /** What was due meanwhile happens now, in its order. */
  resume(): void {
    const waiting = this.#waiting ?? []
    this.#waiting = undefined
    for (const { kind, run } of waiting) this.#world.after(this, 0, kind, run)
  }

  hold(step: Step): void {
    this.#waiting?.push(step)
  }

  die(): void {
    this.isDead = true
    this.#waiting = undefined
    for (const mourner of this.#mourners) mourner()
    this.#mourners.clear()
  }

  /** The returned function forgets it. */
  onDeath(mourner: () => void): () => void {
    this.#mourners.add(mourner)
    return () => this.#mourners.delete(mourner)
  }
}

export interface Step {
  readonly atMs: number
  readonly order: number
  readonly owner: Owner
  readonly kind: string
  readonly run: () => void
  isForgotten: boolean
}

/** Steps taken between two looks at real input and output. */
const STEPS_PER_TURN = 100
const STEPS_MAX = 10_000_000

const realSetImmediate = globalThis.setImmediate

export class World {
  readonly seed: number
  nowMs = 0
  steps = 0
  readonly outside: Owner
  /** Whose step runs, or ran last. */
  current: Owner
  /** Called after each step with what was thrown by it or by the promises it left behind. */
  onError: (owner: Owner, error: unknown) => void = () => undefined
  readonly #agenda: Step[] = []
  #order = 0
  #hash = 0x811c9dc5

  constructor(seed: number) {
    this.seed = seed
    this.outside = new Owner(this, 'world', 0, 0)
    this.current = this.outside
  }

  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Makes what was seen part of the trace. */
  note(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193)
    this.#hash ^= this.#hash >>> 15
  }

  noteText(text: string): void {
    for (let i = 0; i < text.length; i++) this.note(text.charCodeAt(i))
  }

  /** Any value without cycles. */
  noteValue(value: unknown): void {
    switch (typeof value) {
      case 'number':
        return this.note(Number.isInteger(value) ? value : Math.round(value * 1000))
      case 'string':
        return this.noteText(value)
      case 'bigint':
        return this.note(Number(BigInt.asIntN(32, value)))
      case 'object':
        if (value === null) return this.note(7)
        for (const name in value) {
          this.note(name.length)
          this.noteValue((value as Record<string, unknown>)[name])
        }
        return undefined
      default:
        return this.note(value === true ? 1 : 0)
    }
  }

  after(owner: Owner, delayMs: number, kind: string, run: () => void): Step {
    const atMs = this.nowMs + Math.max(0, delayMs)
    const step = { atMs, order: this.#order++, owner, kind, run, isForgotten: false }
    push(this.#agenda, step)
    return step
  }

  /** As soon as the owner's loop comes round: other things may come first. */
  soon(owner: Owner, kind: string, run: () => void): Step {
    return this.after(owner, owner.turnMs(), kind, run)
  }

  /** The rest of the step that runs is the owner's. */
  hand(owner: Owner, kind: string, run: () => void): void {
    if (owner.isDead) return
    if (owner.isPaused) {
      this.after(owner, 0, kind, run)
      return
    }
    this.current = owner
    run()
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(this.outside, ms, 'sleep', resolve))
  }

  /** Takes steps until the promise has settled. */
  async run(over: Promise<void>): Promise<void> {
    let isOver = false
    const end = (): void => void (isOver = true)
    over.then(end, end)
    await new Promise<void>((resolve, reject) => {
      let left = 0
      const turn = (): void => {
        // One step in each callback: the microtasks of a step run before the next callback.
        if (!isOver) this.#step(reject)
        if (--left > 0) return
        if (isOver) resolve()
        else queue()
      }
      const queue = (): void => {
        left = STEPS_PER_TURN
        for (let i = 0; i < STEPS_PER_TURN; i++) realSetImmediate(turn)
      }
      queue()
    })
    return over
  }

  #step(reject: (error: Error) => void): void {
    for (;;) {
      const step = pop(this.#agenda)
      if (step === undefined) return reject(new Error('nothing is left to happen'))
      const { owner, atMs, run, isForgotten } = step
      if (isForgotten || owner.isDead) continue
      this.nowMs = Math.max(this.nowMs, atMs)
      if (owner.isPaused) {
        owner.hold(step)
        continue
      }
      if (this.steps++ > STEPS_MAX) return reject(new Error('it takes too many steps'))
      this.current = owner
      this.note(Math.round(atMs * 1000))
      this.note(owner.number * 31 + step.kind.charCodeAt(0))
      try {
        run()
      } catch (error) {
        this.onError(this.current, error)
      }
      return
    }
  }
}

function isBefore(a: Step, b: Step): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** A binary heap. */
function push(heap: Step[], step: Step): void {
  let at = heap.length
  heap.push(step)
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!isBefore(step, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = step
}

function pop(heap: Step[]): Step | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
    if (!isBefore(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return first
}
