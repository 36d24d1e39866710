/**
 * The checkpoint: all replicated state but the MVCC records, at one applied index. With the
 * records up to its revision and the log behind its index it is the whole state of a member.
 */

import { pack, unpack } from 'msgpackr'
import type { LeaseState } from '../lease/lease-table.ts'
import type { ConfState, MemberId } from '../raft/types.ts'
import type { Alarm } from './alarms.ts'
import type { MembershipState } from './membership.ts'

export interface Checkpoint {
  readonly format: typeof CHECKPOINT_FORMAT
  readonly clusterId: string
  readonly memberId: MemberId
  readonly appliedIndex: number
  readonly appliedTerm: number
  readonly confState: ConfState
  readonly revision: number
  /** -1 when nothing was ever compacted. */
  readonly compactedRevision: number
  /** Below `compactedRevision` while its records are still being cut. */
  readonly finishedCompactRevision: number
  readonly membership: MembershipState
  readonly alarms: readonly Alarm[]
  readonly leases: readonly LeaseState[]
}

export const CHECKPOINT_FORMAT = 1

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

/** What a member starts from that has applied nothing. */
export function initialCheckpoint(clusterId: string, memberId: MemberId): Checkpoint {
  return {
    format: CHECKPOINT_FORMAT,
    clusterId,
    memberId,
    appliedIndex: 0,
    appliedTerm: 0,
    confState: EMPTY_CONF_STATE,
    revision: 1,
    compactedRevision: -1,
    finishedCompactRevision: -1,
    membership: { members: [], removed: [], clusterVersion: '' },
    alarms: [],
    leases: [],
  }
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  return pack(checkpoint)
}

/** Undefined when the bytes are of a format this version does not know. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  const checkpoint = unpack(bytes) as Checkpoint
  return checkpoint.format === CHECKPOINT_FORMAT ? checkpoint : undefined
}
