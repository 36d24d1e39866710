/**
 * Why a request may have timed out, told as etcd tells it: an election went on while it waited,
 * or the members that it needed were not connected all the time.
 */

import type { Clock } from '../base/ports.ts'
import { NO_MEMBER, type MemberId } from '../raft/types.ts'
import { majority } from '../raft/quorum.ts'
import type { ErrorName } from './errors.ts'

export interface TimeoutCausePorts {
  readonly clock: Clock
  readonly memberId: MemberId
  readonly electionMs: number
  readonly leader: () => MemberId
  readonly voters: () => readonly MemberId[]
  /** Clock time since when the member has been connected, or undefined. */
  readonly activeSinceMs: (id: MemberId) => number | undefined
}

export type TimeoutError = Extract<
  ErrorName,
  'timeout' | 'timeout-leader-fail' | 'timeout-connection-lost'
>

export class TimeoutCause {
  readonly #ports: TimeoutCausePorts
  #electedMs: number | undefined

  constructor(ports: TimeoutCausePorts) {
    this.#ports = ports
  }

  /** Called whenever the leader that is known changes. */
  onLeader(leader: MemberId): void {
    if (leader !== NO_MEMBER) this.#electedMs = this.#ports.clock.nowMs()
  }

  /** For a request that began to wait at `startMs` and has been given up now. */
  of(startMs: number): TimeoutError {
    if (this.#waitedForElection(startMs)) return 'timeout-leader-fail'
    const leader = this.#ports.leader()
    if (leader === NO_MEMBER) return 'timeout'
    const connected =
      leader === this.#ports.memberId ? this.#quorumSince(startMs) : this.#since(leader, startMs)
    return connected ? 'timeout' : 'timeout-connection-lost'
  }

  /** The leader before was lost about two election timeouts before this one was elected. */
  #waitedForElection(startMs: number): boolean {
    const electedMs = this.#electedMs
    if (electedMs === undefined) return false
    return startMs > electedMs - 2 * this.#ports.electionMs && startMs < electedMs
  }

  #quorumSince(startMs: number): boolean {
    const voters = this.#ports.voters()
    const connected = voters.filter((id) => this.#since(id, startMs)).length
    return connected >= majority(voters.length)
  }

  #since(id: MemberId, startMs: number): boolean {
    if (id === this.#ports.memberId) return true
    const activeMs = this.#ports.activeSinceMs(id)
    return activeMs !== undefined && activeMs <= startMs
  }
}
