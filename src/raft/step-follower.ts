/**
 * A follower: takes entries from its leader and passes reads on to it.
 */

import { onProposalRefused, refuseProposal } from './proposals.ts'
import type { HandlerTable, Raft } from './raft.ts'
import { onSnapshot } from './snapshots.ts'
import { onTimeoutNow } from './transfer.ts'
import { NO_MEMBER, type MsgApp, type MsgHeartbeat, type MsgReadIndexResp } from './types.ts'
import { onVoteRequest } from './votes.ts'

/** AppendEntries (Raft §5.3). */
export function onAppend(raft: Raft, message: MsgApp): void {
  const { log } = raft
  if (raft.offer !== undefined) return
  if (message.index < log.committed) {
    // All committed entries match; the leader may skip them.
    raft.accept(message.from, log.committed)
    return
  }
  const matched = log.maybeAppend(message.index, message.logTerm, message.entries)
  if (matched === undefined) {
    reject(raft, message)
    return
  }
  raft.commitTo(Math.min(message.commit, matched))
  raft.accept(message.from, matched)
}

/**
 * Fast back-up (Raft end of §5.3): the hint skips every entry of this log that cannot match, since
 * a match has a term of at most logTerm.
 *
 *   index   1 2 3 4 5 6
 *   leader  1 1 3 3 3 3     previous entry 6, term 3
 *   here    1 1 2 2 2       hint 5, term 2: the leader then knows that 2 is the last candidate
 */
function reject(raft: Raft, message: MsgApp): void {
  const { log } = raft
  const from = Math.min(message.index, log.lastIndex)
  const rejectHint = log.findConflictByTerm(from, message.logTerm)
  raft.send({
    type: 'MsgAppResp',
    from: raft.id,
    to: message.from,
    term: raft.term,
    index: message.index,
    reject: true,
    rejectHint,
    logTerm: log.term(rejectHint) ?? 0,
  })
}

/** The commit index of a heartbeat is never beyond what the leader knows to match here. */
export function onHeartbeat(raft: Raft, message: MsgHeartbeat): void {
  const { id, term, log } = raft
  const { from, round } = message
  if (message.commit > log.lastIndex) {
    raft.logger.error('ignored a commit index beyond the log', { from, commit: message.commit })
  } else if (raft.offer === undefined) {
    raft.commitTo(message.commit)
  }
  const installing = raft.offer !== undefined
  const commit = log.committed
  raft.send({ type: 'MsgHeartbeatResp', from: id, to: from, term, round, commit, installing })
}

export function forwardReads(raft: Raft): void {
  if (!raft.forwardedReads.hasWaiting || raft.leader === NO_MEMBER) return
  const context = raft.forwardedReads.startAttempt(raft.ticks)
  raft.send({ type: 'MsgReadIndex', from: raft.id, to: raft.leader, term: 0, context })
}

function onReadIndexResp(raft: Raft, message: MsgReadIndexResp): void {
  for (const context of raft.forwardedReads.takeAnswered(message.context)) {
    raft.readStates.push({ index: message.index, context })
  }
}

function ignore(): void {}

export const followerHandlers: HandlerTable = {
  MsgProp: refuseProposal,
  MsgPropRefused: onProposalRefused,
  MsgApp(raft, message) {
    raft.heardLeader(message.from)
    onAppend(raft, message)
  },
  MsgHeartbeat(raft, message) {
    raft.heardLeader(message.from)
    onHeartbeat(raft, message)
  },
  MsgVote: onVoteRequest,
  MsgPreVote: onVoteRequest,
  MsgVoteResp: ignore,
  MsgPreVoteResp: ignore,
  MsgAppResp: ignore,
  MsgHeartbeatResp: ignore,
  MsgReadIndex: ignore,
  MsgReadIndexResp: onReadIndexResp,
  MsgTimeoutNow: onTimeoutNow,
  MsgSnap(raft, message) {
    raft.heardLeader(message.from)
    onSnapshot(raft, message)
  },
}
