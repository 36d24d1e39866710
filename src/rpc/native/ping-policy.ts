/**
 * Which pings a client may send, as Go's gRPC server has it with etcd's settings: at least
 * `minTimeMs` apart, and without a call in flight hardly ever. What the server sends of its own
 * forgives all before.
 */

/** How often a client without calls may ping: never, practically. */
const IDLE_MIN_TIME_MS = 2 * 60 * 60 * 1000
const STRIKES_MAX = 2

export class PingPolicy {
  readonly #minTimeMs: number
  #lastMs = -Infinity
  #strikes = 0
  #isForgiven = false

  constructor(minTimeMs: number) {
    this.#minTimeMs = minTimeMs
  }

  /** Headers or data of a response went out. */
  forgive(): void {
    this.#isForgiven = true
  }

  /** False when the client has pinged too often. */
  allows(nowMs: number, hasCalls: boolean): boolean {
    const sinceLastMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (this.#isForgiven) {
      this.#isForgiven = false
      this.#strikes = 0
      return true
    }
    if (sinceLastMs < (hasCalls ? this.#minTimeMs : IDLE_MIN_TIME_MS)) this.#strikes++
    return this.#strikes <= STRIKES_MAX
  }
}
