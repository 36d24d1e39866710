/**
 * What a message must fulfil whatever the state of its receiver, so that no message of a broken
 * or hostile program breaks an invariant here.
 */

import { isValidConfState } from './conf-change.ts'
import { NO_MEMBER, type Message, type MsgApp, type MsgProp } from './types.ts'

/** Terms and indexes beyond are refused: they leave no room to count on. */
const LIMIT = 2 ** 52

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= LIMIT
}

/** Behind the entry before, contiguous, terms that never go down nor beyond the message's. */
function areEntriesInOrder({ index, logTerm, term, entries }: MsgApp): boolean {
  let last = index
  let lastTerm = logTerm
  for (const entry of entries) {
    const inOrder = entry.index === last + 1 && entry.term >= lastTerm
    if (!inOrder || !Number.isSafeInteger(entry.term)) return false
    last = entry.index
    lastTerm = entry.term
  }
  return lastTerm <= term
}

function isProposalInOrder({ forwardId, entries }: MsgProp): boolean {
  const changes = entries.some(({ type }) => type === 'EntryConfChange')
  if (!Number.isSafeInteger(forwardId) || entries.length === 0) return false
  return !changes || entries.length === 1
}

function isBodyInOrder(message: Message): boolean {
  switch (message.type) {
    case 'MsgProp':
      return isProposalInOrder(message)
    case 'MsgPropRefused':
      return Number.isSafeInteger(message.forwardId)
    case 'MsgApp':
      return (
        message.term > 0 &&
        isCount(message.index) &&
        isCount(message.logTerm) &&
        isCount(message.commit) &&
        areEntriesInOrder(message)
      )
    case 'MsgAppResp':
      return isCount(message.index) && isCount(message.rejectHint) && isCount(message.logTerm)
    case 'MsgVote':
    case 'MsgPreVote':
      return message.term > 0 && isCount(message.index) && isCount(message.logTerm)
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return isCount(message.commit) && isCount(message.commitTerm)
    case 'MsgHeartbeat':
      return message.term > 0 && isCount(message.commit) && isCount(message.round)
    case 'MsgHeartbeatResp':
      return isCount(message.commit) && isCount(message.round)
    case 'MsgReadIndex':
      return true
    case 'MsgReadIndexResp':
      return isCount(message.index)
    case 'MsgTimeoutNow':
      return message.term > 0
    case 'MsgSnap': {
      const { index, term, confState } = message.snapshot
      const marks = isCount(index) && isCount(term) && index > 0 && term > 0 && term <= message.term
      return marks && confState.voters.length > 0 && isValidConfState(confState)
    }
    default:
      // Not of this version: nothing here knows what it asks for.
      return false
  }
}

export function isInOrder(message: Message): boolean {
  return message.from !== NO_MEMBER && isCount(message.term) && isBodyInOrder(message)
}
