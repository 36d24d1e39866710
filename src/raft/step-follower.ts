/**
 * A follower: takes entries from its leader and passes proposals and reads on to it.
 */

import type { HandlerTable, Raft } from './raft.ts'
import { NO_MEMBER, type MsgApp, type MsgHeartbeat, type MsgProp } from './types.ts'
import type { MsgReadIndexResp, ProposedEntry } from './types.ts'

/** AppendEntries (Raft §5.3). */
export function onAppend(raft: Raft, message: MsgApp): void {
  const { log } = raft
  if (message.index < log.committed) {
    // All committed entries match; the leader may skip them.
    accept(raft, message, log.committed)
    return
  }
  const matched = log.maybeAppend(message.index, message.logTerm, message.entries)
  if (matched === undefined) {
    reject(raft, message)
    return
  }
  raft.commitTo(Math.min(message.commit, matched))
  accept(raft, message, matched)
}

function accept(raft: Raft, message: MsgApp, index: number): void {
  raft.send({
    type: 'MsgAppResp',
    from: raft.id,
    to: message.from,
    term: raft.term,
    index,
    reject: false,
    rejectHint: 0,
    logTerm: 0,
  })
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
  raft.commitTo(message.commit)
  const { id, term } = raft
  const { from, round } = message
  const commit = raft.log.committed
  raft.send({ type: 'MsgHeartbeatResp', from: id, to: from, term, round, commit })
}

/** Why not passed on: two members that each take the other for the leader would never stop. */
export function refuseProposal(raft: Raft, message: MsgProp): void {
  raft.logger.debug('dropped a proposal, since it does not lead', { from: message.from })
}

/** Passes a proposal of this member on. All of one turn travel in one message. */
export function forwardProposal(raft: Raft, entry: ProposedEntry): boolean {
  if (raft.role !== 'follower' || raft.leader === NO_MEMBER) return false
  if (raft.openProposal === undefined) {
    const entries = [entry]
    raft.openProposal = entries
    raft.send({ type: 'MsgProp', from: raft.id, to: raft.leader, term: 0, entries })
  } else {
    raft.openProposal.push(entry)
  }
  return true
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
  MsgApp(raft, message) {
    raft.heardLeader(message.from)
    onAppend(raft, message)
  },
  MsgHeartbeat(raft, message) {
    raft.heardLeader(message.from)
    onHeartbeat(raft, message)
  },
  MsgVote: (raft, message) => raft.onVoteRequest(message),
  MsgPreVote: (raft, message) => raft.onVoteRequest(message),
  MsgVoteResp: ignore,
  MsgPreVoteResp: ignore,
  MsgAppResp: ignore,
  MsgHeartbeatResp: ignore,
  MsgReadIndex: ignore,
  MsgReadIndexResp: onReadIndexResp,
}
