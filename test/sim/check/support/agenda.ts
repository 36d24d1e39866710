/** Virtual time: actions run in the order of their times, and may plan more. */

import { Heap } from '../../../../src/base/heap.ts'

interface Planned {
  rank: number
  slot: number
  readonly action: () => void
}

export class Agenda {
  readonly #planned = new Heap<Planned>()
  #now = 0

  get now(): number {
    return this.#now
  }

  at(time: number, action: () => void): void {
    this.#planned.push({ rank: Math.max(time, this.#now), slot: -1, action })
  }

  after(delay: number, action: () => void): void {
    this.at(this.#now + delay, action)
  }

  /** Until nothing is planned. */
  run(): void {
    for (let next = this.#planned.first; next !== undefined; next = this.#planned.first) {
      this.#planned.remove(next)
      this.#now = next.rank
      next.action()
    }
  }
}
