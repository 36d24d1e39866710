/** A member in a given state, and the messages that paper tests send to it. */

import type { Entry, MemberId, Message, Role } from '../../src/raft/types.ts'
import { bytes, confStateOf, Disk, Member, type Options } from './support/member.ts'

/** A member of 1..count whose log, already applied configuration included, has these terms. */
export function memberWith(terms: number[], count = 3, options: Options = {}, commit = 0): Member {
  const disk = new Disk()
  const ids = Array.from({ length: count }, (_, at) => String(at + 1))
  disk.confState = confStateOf(ids)
  const entries = terms.map((term, at): Entry => {
    return { index: at + 1, term, type: 'EntryNormal', data: bytes(`${at + 1}`) }
  })
  disk.write({ entries, hardState: { term: terms.at(-1) ?? 0, vote: '', commit } })
  return new Member('1', disk, options)
}

/** Everything the member wants to send, writes finished. */
export function drain(member: Member): Message[] {
  const messages: Message[] = []
  while (member.raw.hasReady() || member.writing !== undefined) {
    messages.push(...member.takeReady().messages)
    if (member.writing !== undefined) member.finishAppend()
  }
  return messages
}

export function voteRequest(from: MemberId, term: number, index: number, logTerm: number): Message {
  return { type: 'MsgVote', from, to: '1', term, index, logTerm, transfer: false }
}

export function grant(from: MemberId, term: number, reject = false): Message {
  return { type: 'MsgVoteResp', from, to: '1', term, reject, commit: 0, commitTerm: 0 }
}

export function append(
  term: number,
  index: number,
  logTerm: number,
  entries: readonly Entry[] = [],
  commit = 0,
): Message {
  return { type: 'MsgApp', from: '2', to: '1', term, index, logTerm, entries, commit }
}

export function accepted(from: MemberId, term: number, index: number): Message {
  return {
    type: 'MsgAppResp',
    from,
    to: '1',
    term,
    index,
    reject: false,
    rejectHint: 0,
    logTerm: 0,
  }
}

export function entry(index: number, term: number): Entry {
  return { index, term, type: 'EntryNormal', data: bytes(`${index}`) }
}

export function termsOf(member: Member): (number | undefined)[] {
  const { lastIndex } = member.raw.status()
  return Array.from({ length: lastIndex }, (_, at) => member.raw.entry(at + 1)?.term)
}

export function become(role: Role, member: Member): void {
  if (role === 'follower') return
  member.raw.campaign()
  drain(member)
  if (role !== 'leader') return
  member.raw.step(grant('2', member.raw.term))
  drain(member)
}
