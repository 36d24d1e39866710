/** Who gets this member's vote, or would get it. */

import type { Raft } from './raft.ts'
import { NO_MEMBER, type MsgVote } from './types.ts'

/** The voting rule (Raft §5.2, §5.4.1), the same in every role, and for learners too. */
export function onVoteRequest(raft: Raft, message: MsgVote): void {
  const isPreVote = message.type === 'MsgPreVote'
  const free =
    raft.vote === message.from ||
    (raft.vote === NO_MEMBER && raft.leader === NO_MEMBER) ||
    (isPreVote && message.term > raft.term)
  const granted = free && raft.log.isUpToDate(message.index, message.logTerm)
  if (granted && !isPreVote) {
    raft.vote = message.from
    raft.restartElectionTimer()
  }
  answerVote(raft, message, granted)
}

export function answerVote(raft: Raft, message: MsgVote, granted: boolean): void {
  const { committed } = raft.log
  raft.send({
    type: message.type === 'MsgPreVote' ? 'MsgPreVoteResp' : 'MsgVoteResp',
    from: raft.id,
    to: message.from,
    // A granted pre-vote is for the term asked about; a refusal tells the term it comes from.
    term: granted ? message.term : raft.term,
    reject: !granted,
    commit: granted ? 0 : committed,
    commitTerm: granted ? 0 : (raft.log.term(committed) ?? 0),
  })
}
