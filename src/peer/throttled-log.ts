/** Warnings that others can cause as often as they like: each message once in a while, counted. */

import type { Clock, LogFields, Logger } from '../base/ports.ts'

const INTERVAL_MS = 10_000
/** Keys told apart; while so many are fresh, nothing is said about others. */
const MAX_KEYS = 100

interface Told {
  atMs: number
  suppressed: number
}

export class ThrottledLog {
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #told = new Map<string, Told>()

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger
    this.#clock = clock
  }

  /** `key` tells apart what is counted together. */
  warn(key: string, message: string, fields: LogFields): void {
    const told = this.#told.get(key)
    const nowMs = this.#clock.nowMs()
    if (told !== undefined && nowMs - told.atMs < INTERVAL_MS) {
      told.suppressed++
      return
    }
    if (told === undefined && !this.#hasRoom(nowMs)) return
    this.#told.set(key, { atMs: nowMs, suppressed: 0 })
    const suppressed = told?.suppressed ?? 0
    this.#logger.warn(message, suppressed > 0 ? { ...fields, suppressed } : fields)
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#told.size < MAX_KEYS) return true
    for (const [key, { atMs }] of this.#told) {
      if (nowMs - atMs >= INTERVAL_MS) this.#told.delete(key)
    }
    return this.#told.size < MAX_KEYS
  }
}
