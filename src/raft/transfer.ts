/**
 * Handing the leadership over (thesis §3.10). The leader takes no proposals, brings the target's
 * log up to its own and tells it to campaign at once. The target's term then ends its own. If that
 * does not happen within an election timeout, the leader goes on as before.
 */

import type { Raft } from './raft.ts'
import { NO_MEMBER, type MemberId, type MsgTimeoutNow } from './types.ts'

export type TransferResult =
  | { readonly ok: true }
  | { readonly ok: false; readonly error: 'not-leader' | 'not-voter' | 'self' }

/** Another target replaces the one before; the same one goes on as it was. */
export function startTransfer(raft: Raft, to: MemberId): TransferResult {
  if (raft.role !== 'leader') return { ok: false, error: 'not-leader' }
  if (to === raft.id) return { ok: false, error: 'self' }
  if (!raft.tracker.isVoter(to)) return { ok: false, error: 'not-voter' }
  if (raft.leadTransferee === to) return { ok: true }
  raft.logger.info('hands the leadership over', { to, term: raft.term })
  raft.leadTransferee = to
  raft.transferTicks = 0
  raft.appendsDue = true
  maybeHandOver(raft, to)
  return { ok: true }
}

/** The target has been heard of: if it has the whole log, it is its turn. */
export function maybeHandOver(raft: Raft, from: MemberId): void {
  if (from !== raft.leadTransferee) return
  if (raft.tracker.progress(from)?.match !== raft.log.lastIndex) return
  raft.send({ type: 'MsgTimeoutNow', from: raft.id, to: from, term: raft.term })
}

export function tickTransfer(raft: Raft): void {
  if (raft.leadTransferee === NO_MEMBER) return
  raft.transferTicks++
  if (raft.transferTicks >= raft.config.electionTicks) abortTransfer(raft, 'not answered')
}

export function abortTransfer(raft: Raft, reason: string): void {
  raft.logger.warn('keeps the leadership', { to: raft.leadTransferee, reason })
  raft.leadTransferee = NO_MEMBER
}

/** The target's part. The message of a leader that is not this term's is of no use. */
export function onTimeoutNow(raft: Raft, message: MsgTimeoutNow): void {
  if (raft.leader !== NO_MEMBER && raft.leader !== message.from) return
  const { log } = raft
  // It may be about to apply the very change that made the leader hand over.
  if (log.hasConfChange(log.applied + 1, log.committed)) raft.campaignDue = true
  else raft.campaign(true)
}

/** Entries have been applied: what a leader asked for may be possible now. */
export function maybeTakeOver(raft: Raft): void {
  const { log } = raft
  if (!raft.campaignDue || log.hasConfChange(log.applied + 1, log.committed)) return
  raft.campaignDue = false
  raft.campaign(true)
}
