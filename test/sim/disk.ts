/** When the writes of one disk are done: each takes its time, in order, and none during a stall. */

import type { DiskSchedule } from '../../src/storage/memory-raft-log-store.ts'
import { Draws } from './draws.ts'
import type { Owner, World } from './world.ts'

export class SimDisk {
  readonly #world: World
  readonly #draws: Draws
  readonly #usualMs: number
  #meanMs: number
  /** When everything that was begun is done. */
  #freeAtMs = 0
  #stalledUntilMs = 0
  #pending: { finish: () => void; owner: Owner }[] = []

  constructor(world: World, seed: number, name: string, meanMs: number) {
    this.#world = world
    this.#draws = new Draws(seed, `disk ${name}`)
    this.#usualMs = meanMs
    this.#meanMs = meanMs
  }

  get isBusy(): boolean {
    return this.#pending.length > 0
  }

  open(owner: Owner): DiskSchedule {
    return (finish) => {
      this.#pending.push({ finish, owner })
      const startMs = Math.max(this.#world.nowMs, this.#freeAtMs)
      this.#freeAtMs = startMs + this.#draws.exponential(this.#meanMs) + 0.001
      this.#plan(owner)
    }
  }

  stall(forMs: number): void {
    this.#stalledUntilMs = Math.max(this.#stalledUntilMs, this.#world.nowMs + forMs)
  }

  /** How long a write takes on average, from now on. */
  slow(meanMs: number): void {
    this.#meanMs = Math.max(this.#usualMs, meanMs)
  }

  heal(): void {
    this.#meanMs = this.#usualMs
    this.#stalledUntilMs = 0
    this.#freeAtMs = Math.min(this.#freeAtMs, this.#world.nowMs + this.#meanMs)
    const owner = this.#pending[0]?.owner
    for (let i = 0; i < this.#pending.length && owner !== undefined; i++) this.#plan(owner)
  }

  close(): void {
    this.#pending = []
    this.#freeAtMs = 0
  }

  #plan(owner: Owner): void {
    const atMs = Math.max(this.#freeAtMs, this.#stalledUntilMs)
    this.#world.after(owner, atMs - this.#world.nowMs, 'disk', () => this.#finish(owner))
  }

  #finish(owner: Owner): void {
    if (this.#world.nowMs < this.#stalledUntilMs) return this.#plan(owner)
    const done = this.#pending[0]
    if (done === undefined || done.owner !== owner) return
    this.#pending.shift()
    done.finish()
  }
}
