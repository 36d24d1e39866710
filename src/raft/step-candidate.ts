/**
 * Elections (Raft §5.2, pre-vote of thesis §9.6): how one starts, and what a candidate does with
 * the messages that come meanwhile.
 */

import { onProposalRefused, refuseProposal } from './proposals.ts'
import type { HandlerTable, Raft } from './raft.ts'
import { onSnapshot } from './snapshots.ts'
import { onAppend, onHeartbeat } from './step-follower.ts'
import { NO_MEMBER, type Message, type MsgVoteResp } from './types.ts'
import { onVoteRequest } from './votes.ts'

/**
 * Starts an election, unless this member leads, is no voter, is about to take a snapshot, or has
 * still to apply a membership change that it knows to be committed. `transfer`: the leader asked
 * for it, so there is no trial run, and nobody holds it up for the sake of that leader.
 */
export function campaign(raft: Raft, transfer: boolean): void {
  if (raft.role === 'leader') return
  const { log } = raft
  if (!raft.promotable || log.hasConfChange(log.applied + 1, log.committed)) {
    raft.logger.debug('does not campaign', { promotable: raft.promotable })
    return
  }
  const alone = raft.tracker.isOnlyVoter(raft.id)
  if (raft.config.preVote && !alone && !transfer) startPreVote(raft)
  else startVote(raft, transfer)
}

function startPreVote(raft: Raft): void {
  raft.becomePreCandidate()
  // A pre-vote promises nothing, so this member's own counts without being written.
  raft.tracker.recordVote(raft.id, true)
  requestVotes(raft, 'MsgPreVote', raft.term + 1, false)
}

/** The candidate's own vote counts when it is durable: it is a message to itself. */
function startVote(raft: Raft, transfer: boolean): void {
  raft.becomeCandidate()
  const { id, term } = raft
  const granted = { reject: false, commit: 0, commitTerm: 0 }
  raft.send({ type: 'MsgVoteResp', from: id, to: id, term, ...granted })
  requestVotes(raft, 'MsgVote', term, transfer)
}

function requestVotes(
  raft: Raft,
  type: 'MsgVote' | 'MsgPreVote',
  term: number,
  transfer: boolean,
): void {
  const { id, log, tracker } = raft
  const index = log.lastIndex
  const logTerm = log.lastTerm
  tracker.eachPeer(id, (to) => {
    if (!tracker.isVoter(to)) return
    raft.send({ type, from: id, to, term, index, logTerm, transfer })
  })
}

/**
 * Who refuses may know more to be committed here. If that is a membership change, this election
 * goes by a configuration that is over. Returns whether it does.
 */
function learnCommit(raft: Raft, { commit, commitTerm }: MsgVoteResp): boolean {
  const { log } = raft
  if (commit <= log.committed || log.term(commit) !== commitTerm) return false
  raft.commitTo(commit)
  if (!log.hasConfChange(log.applied + 1, log.committed)) return false
  raft.becomeFollower(raft.term, NO_MEMBER)
  return true
}

function onPreVoteResp(raft: Raft, message: MsgVoteResp): void {
  if (!message.reject && message.term !== raft.term + 1) return
  if (learnCommit(raft, message)) return
  const result = raft.tracker.recordVote(message.from, !message.reject)
  if (result === 'won') startVote(raft, false)
  else if (result === 'lost') raft.becomeFollower(raft.term, NO_MEMBER)
}

function onVoteResp(raft: Raft, message: MsgVoteResp): void {
  if (learnCommit(raft, message)) return
  const result = raft.tracker.recordVote(message.from, !message.reject)
  if (result === 'won') raft.becomeLeader()
  else if (result === 'lost') raft.becomeFollower(raft.term, NO_MEMBER)
}

/** Somebody else won this term. */
function followLeader(raft: Raft, message: Message): void {
  raft.becomeFollower(message.term, message.from)
}

function ignore(): void {}

const commonHandlers: HandlerTable = {
  MsgProp: refuseProposal,
  MsgPropRefused: onProposalRefused,
  MsgApp(raft, message) {
    followLeader(raft, message)
    onAppend(raft, message)
  },
  MsgHeartbeat(raft, message) {
    followLeader(raft, message)
    onHeartbeat(raft, message)
  },
  MsgVote: onVoteRequest,
  MsgPreVote: onVoteRequest,
  MsgVoteResp: ignore,
  MsgPreVoteResp: ignore,
  MsgAppResp: ignore,
  MsgHeartbeatResp: ignore,
  MsgReadIndex: ignore,
  MsgReadIndexResp: ignore,
  MsgTimeoutNow: ignore,
  MsgSnap(raft, message) {
    followLeader(raft, message)
    onSnapshot(raft, message)
  },
}

export const candidateHandlers: HandlerTable = { ...commonHandlers, MsgVoteResp: onVoteResp }

export const preCandidateHandlers: HandlerTable = {
  ...commonHandlers,
  MsgPreVoteResp: onPreVoteResp,
}
