/** Feeds the watchers that are behind: reads history for them, in rounds, and gives way between. */

import type { CatchUpRound } from '../mvcc/catch-up-round.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import { nextTurn } from './turn.ts'

export class WatchFeeder {
  readonly #hub: WatchHub
  #running: Promise<void> | undefined
  #stopped = false
  #paused = false

  constructor(hub: WatchHub) {
    this.#hub = hub
    hub.onHungry(() => this.#start())
  }

  /** Resolves when no history is being read, and none will be until `resume`. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#running
  }

  resume(): void {
    this.#paused = false
    if (this.#hub.hasHungry) this.#start()
  }

  /** Resolves when no history is being read any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  get #isHalted(): boolean {
    return this.#stopped || this.#paused
  }

  #start(): void {
    if (this.#isHalted) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#hub.hasHungry) this.#start()
    })
  }

  async #run(): Promise<void> {
    // Why first: a watcher turns hungry in the middle of other work.
    await nextTurn()
    while (!this.#isHalted) {
      const round = this.#hub.beginRound()
      if (round === undefined) return
      await this.#feed(round)
      this.#hub.endRound(round)
      await nextTurn()
    }
  }

  async #feed(round: CatchUpRound): Promise<void> {
    if (round.needsHistory) {
      for await (const batch of round.history()) {
        round.push(batch)
        await this.#step(round)
        if (round.isEmpty || this.#isHalted) return
      }
      round.endHistory()
    }
    await this.#step(round)
  }

  async #step(round: CatchUpRound): Promise<void> {
    while (round.step() && !this.#isHalted) await nextTurn()
  }
}
