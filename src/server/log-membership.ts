/**
 * Who will be in the cluster when a log has been applied to its end, told before it is. Changes
 * that will be refused when they are applied are left out by the same rules.
 */

import type { Entry } from '../raft/types.ts'
import { membershipChange } from './applier.ts'
import type { Checkpoint } from './checkpoint.ts'
import { confChangeOf } from './log-entry.ts'
import { Membership } from './membership.ts'

export interface LogMembership {
  readonly membership: Membership
  /** The end of the log is inside a joint configuration. */
  readonly isJoint: boolean
}

/** `entries` are those of the log; what the checkpoint has is not counted twice. */
export function membershipAtEnd(
  checkpoint: Pick<Checkpoint, 'clusterId' | 'membership' | 'appliedIndex' | 'confState'>,
  entries: readonly Entry[],
): LogMembership {
  const membership = new Membership(checkpoint.clusterId, checkpoint.membership)
  let isJoint = checkpoint.confState.votersOutgoing.length > 0
  for (const entry of entries) {
    if (entry.type !== 'EntryConfChange' || entry.index <= checkpoint.appliedIndex) continue
    if (entry.data.length === 0) {
      isJoint = false
      continue
    }
    const change = membershipChange(confChangeOf(entry), entry)
    if (membership.problemWith(change) === undefined) membership.apply(change)
  }
  return { membership, isJoint }
}
