/**
 * --force-new-cluster: the way out when a majority is lost for good. The log of the survivor is
 * taken for committed, and gets entries behind it that leave nobody but this member.
 */

import type { Entry, MemberId } from '../raft/types.ts'
import { ConfChange_Type as ConfChangeType, encodeConfChange } from '../rpc/codec/quoratepb.ts'
import type { RaftLogStore, RecoveredLog } from '../storage/ports.ts'
import type { Checkpoint } from './checkpoint.ts'
import { findRunning, type QueryCluster } from './join.ts'
import { membershipAtEnd, type LogMembership } from './log-membership.ts'
import type { Member } from './membership.ts'

export type StoodAlone =
  /** As it is on disk now. */
  | { readonly ok: true; readonly log: RecoveredLog }
  /** One sentence for the operator; nothing was written. */
  | { readonly ok: false; readonly message: string }

/**
 * Disaster recovery: what the log has is kept, all of it, since nobody is left who could say what
 * was committed, and a client may have been told that it was. etcd drops what it does not know to
 * be committed; here a commit index is written with the next append only, so that would lose more.
 */
export async function standAlone(
  log: RaftLogStore,
  recovered: RecoveredLog,
  checkpoint: Checkpoint,
  query: QueryCluster | undefined,
): Promise<StoodAlone> {
  const { memberId, clusterId, appliedIndex } = checkpoint
  const { hardState, entries } = recovered
  const last = { index: entries.at(-1)?.index ?? appliedIndex, term: hardState.term }
  const atEnd = membershipAtEnd(checkpoint, entries)
  if (atEnd.membership.isRemoved(memberId)) {
    return { ok: false, message: removedMessage(checkpoint) }
  }
  const forced = entriesToStandAlone(memberId, atEnd, last)
  if (!forced.ok) {
    const message = `member ${memberId} has not been in its cluster yet: it has nothing to start a new one from`
    return { ok: false, message }
  }
  const others = atEnd.membership.members.filter(({ id }) => id !== memberId)
  const running = query === undefined ? undefined : await findRunning(others, clusterId, query)
  if (running !== undefined) return { ok: false, message: runningMessage(running) }
  const commit = forced.entries.at(-1)?.index ?? last.index
  const all = [...entries, ...forced.entries]
  const found = { ...recovered, entries: all, hardState: { ...hardState, commit } }
  if (forced.entries.length > 0 || commit > hardState.commit) {
    await log.append({ entries: forced.entries, hardState: found.hardState })
  }
  return { ok: true, log: found }
}

/** Why a member that its cluster has removed does not start. */
export function removedMessage({ memberId, clusterId }: Checkpoint): string {
  return (
    `member ${memberId} has been permanently removed from cluster ${clusterId}: remove its data ` +
    'directory before a new member is started in its place'
  )
}

/**
 * Why refuse, where etcd goes ahead: members that run end for good when they hear that they were
 * removed. So a flag that was forgotten in a service file would take down a whole new cluster.
 */
function runningMessage({ id, peerUrls }: Member): string {
  return (
    `--force-new-cluster would remove member ${id}, which is running at ${peerUrls.join(',')}: ` +
    'stop it first, or start without the flag'
  )
}

type ForcedEntries =
  | { readonly ok: true; readonly entries: readonly Entry[] }
  /** There is nothing that could be kept. */
  | { readonly ok: false; readonly error: 'not-a-member' }

/**
 * What has to follow the log's last entry so that `self` alone is left, with a vote: nothing when
 * that is so already. They are valid in this order: a voter remains at every step.
 */
function entriesToStandAlone(
  self: MemberId,
  { membership, isJoint }: LogMembership,
  last: Pick<Entry, 'index' | 'term'>,
): ForcedEntries {
  const member = membership.get(self)
  if (member === undefined) return { ok: false, error: 'not-a-member' }
  const changes: Uint8Array[] = []
  if (isJoint) changes.push(new Uint8Array(0))
  if (member.isLearner) changes.push(changeOf(ConfChangeType.PROMOTE, self))
  for (const { id } of membership.members) {
    if (id !== self) changes.push(changeOf(ConfChangeType.REMOVE, id))
  }
  const entries = changes.map((data, i): Entry => ({
    index: last.index + 1 + i,
    term: last.term,
    type: 'EntryConfChange',
    data,
  }))
  return { ok: true, entries }
}

function changeOf(type: ConfChangeType, id: MemberId): Uint8Array {
  return encodeConfChange({ type, member: { id } })
}
