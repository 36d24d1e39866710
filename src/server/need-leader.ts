/**
 * Streams whose clients asked not to be left without a leader (metadata `hasleader`): where there
 * has been none for three election timeouts, they are to end, as in etcd.
 */

import type { Clock } from '../base/ports.ts'

const LEADERLESS_ELECTIONS = 3

export class NeedLeader<Call> {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #calls = new Set<Call>()
  #leaderlessSinceMs: number | undefined

  constructor(clock: Clock, electionMs: number) {
    this.#clock = clock
    this.#limitMs = LEADERLESS_ELECTIONS * electionMs
  }

  add(call: Call): void {
    this.#calls.add(call)
  }

  delete(call: Call): void {
    this.#calls.delete(call)
  }

  /** Called at every heartbeat. Those whose time is over, once each. */
  takeOverdue(hasLeader: boolean): Call[] {
    const nowMs = this.#clock.nowMs()
    if (hasLeader) this.#leaderlessSinceMs = undefined
    else this.#leaderlessSinceMs ??= nowMs
    if (this.#leaderlessSinceMs === undefined) return []
    if (nowMs - this.#leaderlessSinceMs < this.#limitMs) return []
    const overdue = [...this.#calls]
    this.#calls.clear()
    return overdue
  }
}
