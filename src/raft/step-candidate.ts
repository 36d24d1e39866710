/**
 * Elections (Raft §5.2, pre-vote of thesis §9.6): how one starts, and what a candidate does with
 * the messages that come meanwhile.
 */

import { onAppend, onHeartbeat, refuseProposal } from './step-follower.ts'
import type { HandlerTable, Raft } from './raft.ts'
import { NO_MEMBER, type Message, type MsgVoteResp } from './types.ts'

/**
 * Starts an election, unless this member leads, is no voter, or has still to apply a membership
 * change that it knows to be committed.
 */
export function campaign(raft: Raft): void {
  if (raft.role === 'leader') return
  const { log } = raft
  if (!raft.promotable || log.hasConfChange(log.applied + 1, log.committed)) {
    raft.logger.debug('does not campaign', { voter: raft.promotable })
    return
  }
  const alone = raft.tracker.voters.length === 1
  if (raft.config.preVote && !alone) startPreVote(raft)
  else startVote(raft)
}

function startPreVote(raft: Raft): void {
  raft.becomePreCandidate()
  // A pre-vote promises nothing, so this member's own counts without being written.
  raft.tracker.recordVote(raft.id, true)
  requestVotes(raft, 'MsgPreVote', raft.term + 1)
}

/** The candidate's own vote counts when it is durable: it is a message to itself. */
function startVote(raft: Raft): void {
  raft.becomeCandidate()
  const { id, term } = raft
  raft.send({ type: 'MsgVoteResp', from: id, to: id, term, reject: false })
  requestVotes(raft, 'MsgVote', term)
}

function requestVotes(raft: Raft, type: 'MsgVote' | 'MsgPreVote', term: number): void {
  const { id, log } = raft
  const index = log.lastIndex
  const logTerm = log.lastTerm
  raft.tracker.eachPeer(id, (to) => raft.send({ type, from: id, to, term, index, logTerm }))
}

function onPreVoteResp(raft: Raft, message: MsgVoteResp): void {
  if (!message.reject && message.term !== raft.term + 1) return
  const result = raft.tracker.recordVote(message.from, !message.reject)
  if (result === 'won') startVote(raft)
  else if (result === 'lost') raft.becomeFollower(raft.term, NO_MEMBER)
}

function onVoteResp(raft: Raft, message: MsgVoteResp): void {
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
  MsgApp(raft, message) {
    followLeader(raft, message)
    onAppend(raft, message)
  },
  MsgHeartbeat(raft, message) {
    followLeader(raft, message)
    onHeartbeat(raft, message)
  },
  MsgVote: (raft, message) => raft.onVoteRequest(message),
  MsgPreVote: (raft, message) => raft.onVoteRequest(message),
  MsgVoteResp: ignore,
  MsgPreVoteResp: ignore,
  MsgAppResp: ignore,
  MsgHeartbeatResp: ignore,
  MsgReadIndex: ignore,
  MsgReadIndexResp: ignore,
}

export const candidateHandlers: HandlerTable = { ...commonHandlers, MsgVoteResp: onVoteResp }

export const preCandidateHandlers: HandlerTable = {
  ...commonHandlers,
  MsgPreVoteResp: onPreVoteResp,
}
