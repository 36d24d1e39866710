/**
 * A leader: replicates its log (Raft §5.3), commits what a majority holds durably
 * (§5.4.2), and confirms reads (thesis §6.4).
 */

import type { Progress } from './progress.ts'
import { onProposal, onProposalRefused } from './proposals.ts'
import type { HandlerTable, Raft } from './raft.ts'
import { entryBytes } from './raft-log.ts'
import { endSnapshot, reviveSnapshot, startSnapshot } from './snapshots.ts'
import { maybeHandOver } from './transfer.ts'
import {
  NO_MEMBER,
  type Entry,
  type MemberId,
  type Message,
  type MsgAppResp,
  type MsgHeartbeatResp,
} from './types.ts'
import { onVoteRequest } from './votes.ts'

/**
 * Commits what a majority holds, but only once the newest of it is an entry of this term: an
 * older entry on a majority may still be overwritten (Raft §5.4.2, figure 8).
 */
export function maybeCommit(raft: Raft): void {
  const index = raft.tracker.committedIndex()
  if (index <= raft.log.committed || raft.log.term(index) !== raft.term) return
  raft.commitTo(index)
  raft.appendsDue = true
}

/** Sends every follower what it lacks, as far as its window allows. */
export function broadcastAppend(raft: Raft): void {
  if (!raft.appendsDue) return
  raft.appendsDue = false
  raft.tracker.eachPeer(raft.id, (id, progress) => {
    const probes = progress.state === 'StateProbe' && progress.match < raft.log.lastIndex
    const tells = progress.canBumpCommit(raft.log.committed)
    if (!maybeSendAppend(raft, id, progress, probes || tells)) return
    while (progress.next <= raft.log.lastIndex && maybeSendAppend(raft, id, progress, false)) {
      // The rest of a long log follows in further messages.
    }
  })
}

/** One MsgApp. Without entries only if `sendIfEmpty`. Returns whether it was sent. */
function maybeSendAppend(
  raft: Raft,
  to: MemberId,
  progress: Progress,
  sendIfEmpty: boolean,
): boolean {
  if (progress.paused) return false
  const { log } = raft
  const index = progress.next - 1
  const logTerm = log.term(index)
  if (logTerm === undefined) {
    startSnapshot(raft, to, progress)
    return false
  }
  const entries = nextEntries(raft, progress)
  if (entries.length === 0 && !sendIfEmpty) return false
  const commit = log.committed
  raft.send({ type: 'MsgApp', from: raft.id, to, term: raft.term, index, logTerm, entries, commit })
  progress.sent(entries.length, sizeOf(entries), commit)
  return true
}

function sizeOf(entries: readonly Entry[]): number {
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  return bytes
}

/** None when there are none, or when the window has no room for the next one. */
function nextEntries(raft: Raft, progress: Progress): Entry[] {
  const { log, config } = raft
  const { next, inflights } = progress
  if (next > log.lastIndex || (progress.state === 'StateReplicate' && inflights.full)) return []
  const entries = log.slice(
    next,
    log.lastIndex,
    Math.min(config.maxBytesPerMessage, inflights.room),
  )
  return sizeOf(entries) > inflights.room ? [] : entries
}

function onAppendResp(raft: Raft, message: MsgAppResp): void {
  const progress = raft.tracker.progress(message.from)
  if (progress === undefined) return
  progress.recentActive = true
  if (message.reject) onRejected(raft, progress, message)
  else onAccepted(raft, progress, message)
  maybeHandOver(raft, message.from)
}

/** Looks for the match from the other side too: the hint's term may be below any of this log's. */
function onRejected(raft: Raft, progress: Progress, message: MsgAppResp): void {
  const hint = raft.log.findConflictByTerm(message.rejectHint, message.logTerm)
  if (progress.maybeDecrease(message.index, hint)) raft.appendsDue = true
}

function onAccepted(raft: Raft, progress: Progress, message: MsgAppResp): void {
  if (message.index > raft.log.lastIndex) {
    raft.logger.error('ignored an answer beyond the log', { from: message.from })
    return
  }
  // Index 0 tells of no entry: it is the answer to a message of an earlier term.
  if (message.index === 0) return
  const found = progress.state === 'StateProbe' && progress.match === message.index
  if (!progress.maybeUpdate(message.index) && !found) return
  if (progress.state === 'StateProbe') progress.becomeReplicate()
  else if (progress.state === 'StateReplicate') progress.inflights.freeTo(message.index)
  else endSnapshot(raft, progress)
  raft.appendsDue = true
  maybeCommit(raft)
}

/** Heartbeats carry no more commit index than the follower is known to have entries for. */
export function broadcastHeartbeat(raft: Raft): void {
  const { id, term } = raft
  const round = raft.readOnly.newestRound
  raft.tracker.eachPeer(id, (to, progress) => {
    const commit = Math.min(progress.match, raft.log.committed)
    raft.send({ type: 'MsgHeartbeat', from: id, to, term, commit, round })
  })
}

/**
 * The follower lives, so a probe may go out again, and so may an empty MsgApp to one with a full
 * window: if everything in the window got lost, its rejection starts the search anew.
 */
function onHeartbeatResp(raft: Raft, message: MsgHeartbeatResp): void {
  const progress = raft.tracker.progress(message.from)
  if (progress === undefined) return
  progress.recentActive = true
  progress.installing = message.installing
  if (progress.state === 'StateSnapshot') reviveSnapshot(raft, progress, message)
  progress.resume()
  if (progress.match < raft.log.lastIndex || progress.state === 'StateProbe') {
    maybeSendAppend(raft, message.from, progress, true)
  }
  if (message.round > progress.ackedRound && message.round <= raft.readOnly.newestRound) {
    progress.ackedRound = message.round
    completeReads(raft)
  }
  progress.ackedCommit = Math.max(progress.ackedCommit, message.commit)
  if (!raft.promotable) maybeStepDown(raft)
}

/**
 * A leader that was removed leads on, without a vote of its own and without new proposals, until
 * a majority of the others knows its whole log to be committed (thesis §4.2.2). Why not at once:
 * they would still count with this member, which refuses its vote to their shorter logs and may
 * not campaign itself.
 */
function maybeStepDown(raft: Raft): void {
  const { tracker, log, term } = raft
  if (tracker.knownCommitIndex() < log.lastIndex) return
  raft.logger.info('stepped down, since it was removed', { term })
  const heir = tracker.members.find((id) => {
    const progress = tracker.progress(id)
    if (!tracker.isVoter(id) || progress?.match !== log.lastIndex) return false
    return progress.ackedCommit >= log.lastIndex
  })
  // Nobody need wait for an election timeout.
  if (heir !== undefined) raft.send({ type: 'MsgTimeoutNow', from: raft.id, to: heir, term })
  raft.becomeFollower(term, NO_MEMBER)
}

/**
 * Starts a round for the reads that wait, unless nothing of this term is committed yet: until
 * then the commit index may be behind what the last leader acknowledged.
 */
export function startReads(raft: Raft): void {
  if (!raft.readOnly.hasWaiting || !raft.committedInTerm) return
  raft.readOnly.startRound(raft.log.committed)
  broadcastHeartbeat(raft)
  completeReads(raft)
}

/** Answers the rounds that a majority has confirmed. */
export function completeReads(raft: Raft): void {
  if (!raft.readOnly.hasRounds) return
  const confirmed = raft.tracker.confirmedRound(raft.id, raft.readOnly.newestRound)
  for (const { index, requests } of raft.readOnly.takeConfirmed(confirmed)) {
    for (const { from, context } of requests) {
      if (from === raft.id) raft.readStates.push({ index, context })
      else sendReadAnswer(raft, from, index, context)
    }
  }
}

function sendReadAnswer(raft: Raft, to: MemberId, index: number, context: string): void {
  const { id, term } = raft
  raft.send({ type: 'MsgReadIndexResp', from: id, to, term, index, context })
}

/** A second leader in one term cannot be. Whoever says so is not of this cluster. */
function onOtherLeader(raft: Raft, message: Message): void {
  raft.logger.error('ignored another leader of the same term', { from: message.from })
}

function ignore(): void {}

export const leaderHandlers: HandlerTable = {
  MsgProp: onProposal,
  MsgPropRefused: onProposalRefused,
  MsgApp: onOtherLeader,
  MsgHeartbeat: onOtherLeader,
  MsgAppResp: onAppendResp,
  MsgHeartbeatResp: onHeartbeatResp,
  MsgReadIndex(raft, message) {
    if (message.from === NO_MEMBER || message.from === raft.id) return
    raft.readOnly.add({ from: message.from, context: message.context })
  },
  MsgReadIndexResp: ignore,
  MsgTimeoutNow: onOtherLeader,
  MsgSnap: onOtherLeader,
  MsgVote: onVoteRequest,
  MsgPreVote: onVoteRequest,
  MsgVoteResp: ignore,
  MsgPreVoteResp: ignore,
}
