/** The last things that happened at each member and to the world, for who reads a failure. */

import type { LogFields, Logger } from '../../src/base/ports.ts'
import type { Census } from './census.ts'
import type { World } from './world.ts'

const KEPT = 4000

export class Timeline {
  readonly #world: World
  readonly #census: Census
  #lines: { readonly who: string; readonly text: string }[] = []

  constructor(world: World, census: Census) {
    this.#world = world
    this.#census = census
  }

  add(who: string, what: string): void {
    const atMs = this.#world.nowMs.toFixed(1).padStart(10)
    this.#lines.push({ who, text: `${atMs}  ${who.padEnd(6)} ${what}` })
    if (this.#lines.length > 2 * KEPT) this.#lines = this.#lines.slice(-KEPT)
  }

  /** The last lines of each, in the order of time. */
  last(count: number): string[] {
    const left = new Map<string, number>()
    const chosen = this.#lines.toReversed().filter(({ who }) => {
      const used = left.get(who) ?? 0
      left.set(who, used + 1)
      return used < count
    })
    return chosen.toReversed().map(({ text }) => text)
  }

  /** `onMessage` is told of each. */
  logger(name: string, onMessage: (message: string, fields: LogFields) => void): Logger {
    const record = (message: string, fields: LogFields = {}): void => {
      this.#observe(message)
      onMessage(message, fields)
      const values = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`)
      this.add(name, [message, ...values].join(' '))
    }
    return { debug: () => undefined, info: record, warn: record, error: record }
  }

  #observe(message: string): void {
    this.#census.tally(`log: ${message.replace(/[0-9a-f]{16}/g, 'ID').replace(/\d+/g, 'N')}`)
  }
}
