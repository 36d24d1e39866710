/** A look at a member's Raft state from outside, for metrics, health checks and tests. */

import type { Progress, ProgressState } from './progress.ts'
import type { Raft } from './raft.ts'
import type { MemberId, Role } from './types.ts'

export interface ProgressStatus {
  readonly match: number
  readonly next: number
  readonly state: ProgressState
  readonly paused: boolean
  /** MsgApp with entries on their way, and the bytes of these entries. */
  readonly inflight: number
  readonly inflightBytes: number
  readonly recentActive: boolean
  /** It gets entries but does not vote in either half of the configuration. */
  readonly isLearner: boolean
}

export interface RaftStatus {
  readonly id: MemberId
  readonly role: Role
  readonly term: number
  readonly vote: MemberId
  readonly leader: MemberId
  readonly commit: number
  readonly applied: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly durable: number
  readonly voters: readonly MemberId[]
  /** Voters too, while the configuration is joint. */
  readonly votersOutgoing: readonly MemberId[]
  readonly learners: readonly MemberId[]
  /** Whom this leader hands the leadership over to, or NO_MEMBER. */
  readonly leadTransferee: MemberId
  /** By member, learners and this one included; empty unless this member leads. */
  readonly progress: ReadonlyMap<MemberId, ProgressStatus>
}

function progressStatus(progress: Progress, isLearner: boolean): ProgressStatus {
  const { match, next, state, paused, recentActive, inflights } = progress
  const inflight = inflights.count
  const inflightBytes = inflights.bytes
  return { match, next, state, paused, recentActive, isLearner, inflight, inflightBytes }
}

export function statusOf(raft: Raft): RaftStatus {
  const { id, role, term, vote, leader, leadTransferee, log, tracker } = raft
  const progress = new Map<MemberId, ProgressStatus>()
  if (role === 'leader') {
    for (const member of tracker.members) {
      const one = tracker.progress(member)
      if (one !== undefined) progress.set(member, progressStatus(one, !tracker.isVoter(member)))
    }
  }
  const { voters, votersOutgoing, learners } = tracker.confState
  return {
    id,
    role,
    term,
    vote,
    leader,
    commit: log.committed,
    applied: log.applied,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    durable: log.durable,
    voters,
    votersOutgoing,
    learners,
    leadTransferee,
    progress,
  }
}
