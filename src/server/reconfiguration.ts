/**
 * What is checked before a change of the members is proposed: that the cluster will still have its
 * quorum afterwards. Decided from what this member sees now, so the answer may differ from one
 * member to another; what must not differ is checked again when the change is applied.
 *
 *   add voter      started voters   ≥ quorum of the voters and the newcomer
 *   add any        connected voters ≥ quorum of the voters and the newcomer, which counts as down
 *   remove voter   started voters without it ≥ quorum of the voters without it; and if it is up,
 *                  connected voters without it ≥ quorum of the voters without it
 *   promote        the learner has caught up; started voters and it ≥ quorum of the voters and it
 *
 * A lone voter may always add another.
 */

import type { Clock } from '../base/ports.ts'
import { majority } from '../raft/quorum.ts'
import type { MemberId, Role } from '../raft/types.ts'
import type { Membership } from './membership.ts'

/** What is needed of Raft's status. */
export interface ReplicationStatus {
  readonly id: MemberId
  readonly role: Role
  readonly lastIndex: number
  /** How much of the log each member has; empty unless this one leads. */
  readonly progress: ReadonlyMap<MemberId, { readonly match: number }>
}

export interface ReconfigurationPorts {
  readonly membership: Membership
  readonly raftStatus: () => ReplicationStatus
  /** Clock time since when both directions to this member have been connected, or undefined. */
  readonly activeSinceMs: (id: MemberId) => number | undefined
  readonly clock: Clock
}

export interface ReconfigurationOptions {
  readonly memberId: MemberId
  /** False leaves out everything but whether a learner is ready: --strict-reconfig-check. */
  readonly strict: boolean
}

/** As in etcd: a connection counts as healthy when it has lasted for longer than this. */
const HEALTHY_MS = 5000
/** As in etcd: how much of the leader's log a learner must have to be given a vote. */
const READY_SHARE = 0.9

export class Reconfiguration {
  readonly #ports: ReconfigurationPorts
  readonly #options: ReconfigurationOptions

  constructor(ports: ReconfigurationPorts, options: ReconfigurationOptions) {
    this.#ports = ports
    this.#options = options
  }

  mayAdd(newcomer: 'voter' | 'learner'): AddProblem | undefined {
    return this.#options.strict ? problemWithAdding(newcomer, this.#voters()) : undefined
  }

  /** An id that is not in the cluster passes where nothing is lost: applying refuses it. */
  mayRemove(id: MemberId): RemoveProblem | undefined {
    const { membership, activeSinceMs } = this.#ports
    const { memberId, strict } = this.#options
    const member = membership.get(id)
    if (!strict || member?.isLearner === true) return undefined
    const isUp = id === memberId || activeSinceMs(id) !== undefined
    return problemWithRemoving(id, member !== undefined && isUp, this.#voters())
  }

  /**
   * Only the leader can tell. Ask when everything that is committed has been applied. Whether the
   * member is one, and a learner, is for applying to answer: here it passes.
   */
  mayPromote(id: MemberId): PromoteProblem | undefined {
    const { membership, raftStatus, activeSinceMs } = this.#ports
    const status = raftStatus()
    if (status.role !== 'leader') return 'not-leader'
    if (membership.get(id)?.isLearner !== true) return undefined
    // Why: a learner that is gone would count towards the quorum as soon as it has a vote.
    if (activeSinceMs(id) === undefined || !hasCaughtUp(id, status)) return 'learner-not-ready'
    return this.#options.strict ? problemWithPromoting(this.#voters()) : undefined
  }

  #voters(): VoterHealth[] {
    const { membership, activeSinceMs, clock } = this.#ports
    const healthySinceMs = clock.nowMs() - HEALTHY_MS
    return membership.voters.map(({ id, name }) => {
      const sinceMs = activeSinceMs(id)
      const isConnected = sinceMs !== undefined && sinceMs < healthySinceMs
      return {
        id,
        isStarted: name !== '',
        isConnected: id === this.#options.memberId || isConnected,
      }
    })
  }
}

/** A voter as one member sees it. */
export interface VoterHealth {
  readonly id: MemberId
  /** It has a name: it has published itself, or is one of those that the cluster began with. */
  readonly isStarted: boolean
  /** It is this member, or has been connected to it for long enough. */
  readonly isConnected: boolean
}

export type AddProblem = 'member-not-enough-started' | 'unhealthy'
export type RemoveProblem = 'member-not-enough-started' | 'unhealthy'
export type PromoteProblem = 'not-leader' | 'learner-not-ready' | 'member-not-enough-started'

export function problemWithAdding(
  newcomer: 'voter' | 'learner',
  voters: readonly VoterHealth[],
): AddProblem | undefined {
  // Why: there must be a way from one member to more, though two need both to make a quorum.
  const isAlone = voters.length === 1
  const needed = majority(voters.length + 1)
  if (newcomer === 'voter' && startedCount(voters) < needed) {
    if (!isAlone || startedCount(voters) === 0) return 'member-not-enough-started'
  }
  return isAlone || connectedCount(voters) >= needed ? undefined : 'unhealthy'
}

/** `isUp`: the member to be removed is this one, or is connected to it, for however short. */
export function problemWithRemoving(
  id: MemberId,
  isUp: boolean,
  voters: readonly VoterHealth[],
): RemoveProblem | undefined {
  const others = voters.filter((voter) => voter.id !== id)
  if (startedCount(others) < majority(others.length)) return 'member-not-enough-started'
  // A member that is down is not part of the quorum that is at work: nothing is lost with it.
  if (!isUp) return undefined
  const left = connectedCount(voters) - 1
  return left >= majority(voters.length - 1) ? undefined : 'unhealthy'
}

export function problemWithPromoting(
  voters: readonly VoterHealth[],
): 'member-not-enough-started' | undefined {
  const isEnough = startedCount(voters) + 1 >= majority(voters.length + 1)
  return isEnough ? undefined : 'member-not-enough-started'
}

/** Whether the leader, whose status this is, knows that the member has most of its log. */
export function hasCaughtUp(id: MemberId, status: ReplicationStatus): boolean {
  const match = status.progress.get(id)?.match ?? 0
  const own = status.progress.get(status.id)?.match ?? status.lastIndex
  return match >= own * READY_SHARE
}

function startedCount(voters: readonly VoterHealth[]): number {
  return voters.filter((voter) => voter.isStarted).length
}

function connectedCount(voters: readonly VoterHealth[]): number {
  return voters.filter((voter) => voter.isConnected).length
}
