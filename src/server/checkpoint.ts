/**
 * The checkpoint: all replicated state but the MVCC records, at one applied index. With the
 * records up to its revision and the log behind its index it is the whole state of a member.
 */

import { pack, unpack } from 'msgpackr'
import type { LeaseState } from '../lease/lease-table.ts'
import type { Peer } from '../peer/ports.ts'
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
  /** The rolling hash of everything applied: equal on all members at the same applied index. */
  readonly stateHash: number
  /** It came from another member, and the log may not have reached it yet. */
  readonly installed: boolean
  /** Whom a member that joined a cluster was told of, until its log tells it more. */
  readonly joinedPeers?: readonly Peer[]
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
    stateHash: 0,
    installed: false,
  }
}

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  return pack(checkpoint)
}

/** What version 0.1.0 did not write yet, as it would have written it. */
const ADDED_FIELDS = { stateHash: 0, installed: false }

/** Undefined when the bytes are of a format this version does not know. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  const checkpoint: Checkpoint = { ...ADDED_FIELDS, ...(tryUnpack(bytes) as Checkpoint) }
  return checkpoint.format === CHECKPOINT_FORMAT ? checkpoint : undefined
}

function tryUnpack(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes)
  } catch {
    return undefined
  }
}
