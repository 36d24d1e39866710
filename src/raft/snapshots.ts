/**
 * Bringing a member up to date whose next entry is compacted (Raft §7).
 *
 *   leader                                 follower
 *   StateSnapshot, named in snapshotsDue
 *       ---- the state, on its way by other means ---->  all there, checked
 *   reportSnapshot(ok)                     step(MsgSnap): an offer, the log is frozen
 *                                          Ready.snapshot, once nothing is under way
 *                                          ... the state is put in place ...
 *                                          snapshotInstalled(): the log starts anew
 *       <---- MsgAppResp(index) ----------
 *   StateReplicate
 *
 * Every step may get lost. What then gets the follower going again is its answers to heartbeats:
 * they tell its commit index, and when none comes of it in time, the leader starts over.
 *
 * Invariant (follower): from the offer on, until snapshotInstalled(), no entry comes in, nothing
 * commits and no election starts here. So the offer stays right: what it is for is still missing.
 */

import { assert } from '../base/assert.ts'
import { membersOf } from './conf-change.ts'
import type { Progress } from './progress.ts'
import type { Raft } from './raft.ts'
import {
  NO_MEMBER,
  type MemberId,
  type MsgHeartbeatResp,
  type MsgSnap,
  type SnapshotMetadata,
} from './types.ts'

/** How long the leader waits for word of an installation before it starts over, in election timeouts. */
const PATIENCE = 5

export interface SnapshotOffer {
  readonly snapshot: SnapshotMetadata
  /** Ready.snapshot carried it. */
  handedOut: boolean
}

/** A leader lacks entries that the member needs. One that is silent or busy gets nothing yet. */
export function startSnapshot(raft: Raft, to: MemberId, progress: Progress): void {
  if (!progress.recentActive || progress.installing) {
    progress.pause()
    return
  }
  raft.logger.info('follower needs compacted entries', { id: to, next: progress.next })
  progress.becomeSnapshot()
  if (!raft.snapshotsDue.includes(to)) raft.snapshotsDue.push(to)
}

export function reportSnapshot(raft: Raft, id: MemberId, ok: boolean): void {
  const progress = raft.role === 'leader' ? raft.tracker.progress(id) : undefined
  if (progress?.state !== 'StateSnapshot') return
  if (ok && !progress.snapshotAnswered) {
    progress.snapshotSentTick = raft.ticks
    return
  }
  progress.becomeProbe()
  // After a failure the next answer to a heartbeat starts it anew.
  if (ok) raft.appendsDue = true
  else progress.pause()
}

/** In StateSnapshot: the member's log has grown. Whether the leader's log can help it from here. */
export function endSnapshot(raft: Raft, progress: Progress): void {
  if (progress.match + 1 >= raft.log.firstIndex) progress.becomeReplicate()
  // The entries behind the snapshot were compacted meanwhile: it takes another one.
  else if (progress.snapshotSentTick !== undefined) progress.becomeProbe()
}

/** In StateSnapshot: the answer to a heartbeat may tell that the answer to the snapshot is lost. */
export function reviveSnapshot(raft: Raft, progress: Progress, message: MsgHeartbeatResp): void {
  const { log } = raft
  const { commit } = message
  if (commit + 1 >= log.firstIndex && commit <= log.lastIndex) {
    // What it knows to be committed may not be on its disk yet, so it is only asked for.
    progress.probeFrom(commit)
    return
  }
  const sentTick = progress.snapshotSentTick
  if (sentTick === undefined) return
  if (message.installing) {
    progress.snapshotSentTick = raft.ticks
    return
  }
  if (raft.ticks - sentTick >= PATIENCE * raft.config.electionTicks) progress.becomeProbe()
}

/** A follower: the state is here, and may be put in place of this one. */
export function onSnapshot(raft: Raft, message: MsgSnap): void {
  const { log } = raft
  const { snapshot } = message
  const { index, term } = snapshot
  if (raft.offer !== undefined) {
    raft.logger.warn('ignored a snapshot, since one is being installed', { index })
  } else if (index <= log.committed) {
    raft.accept(message.from, log.committed)
  } else if (log.term(index) === term) {
    raft.commitTo(index)
    raft.accept(message.from, index)
  } else if (!membersOf(snapshot.confState).includes(raft.id)) {
    raft.logger.warn('ignored a snapshot without this member', { index })
  } else {
    raft.logger.info('takes a snapshot', { index, term, from: message.from })
    raft.offer = { snapshot, handedOut: false }
  }
}

/** The state is in place and durable. */
export function finishSnapshot(raft: Raft): void {
  const { offer } = raft
  assert(offer?.handedOut === true, 'no snapshot is being installed')
  const { index, term, confState } = offer.snapshot
  raft.offer = undefined
  raft.log.restore(index, term)
  raft.tracker.restore(confState, index + 1)
  if (raft.leader !== NO_MEMBER) raft.accept(raft.leader, index)
}
