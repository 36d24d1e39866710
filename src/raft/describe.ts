/**
 * One stable line of text for each thing that Raft hands around, for logs and for the interaction
 * scripts. An entry is index/term, so `3/2 "x"` is the entry x of term 2 at index 3.
 */

import type {
  ConfState,
  Entry,
  HardState,
  MemberId,
  Message,
  ProposedEntry,
  Ready,
  SnapshotMetadata,
  SoftState,
} from './types.ts'
import { unreachable } from '../base/assert.ts'
import { NO_MEMBER } from './types.ts'

/** Longer data is cut, so that a line stays a line. */
const SHOWN_BYTES = 32

function describeData(data: Uint8Array): string {
  let text = ''
  for (const byte of data.subarray(0, SHOWN_BYTES)) {
    const printable = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return data.length > SHOWN_BYTES ? `"${text}"+${data.length - SHOWN_BYTES}` : `"${text}"`
}

function describeProposed(entry: ProposedEntry): string {
  const mark = entry.type === 'EntryConfChange' ? 'conf ' : ''
  return `${mark}${describeData(entry.data)}`
}

export function describeEntry(entry: Entry): string {
  return `${entry.index}/${entry.term} ${describeProposed(entry)}`
}

export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`
}

function describeMember(id: MemberId): string {
  return id === NO_MEMBER ? 'none' : id
}

export function describeHardState(state: HardState): string {
  return `term=${state.term} vote=${describeMember(state.vote)} commit=${state.commit}`
}

export function describeSoftState(state: SoftState): string {
  return `${state.role} leader=${describeMember(state.leader)}`
}

/** Parts of a configuration that are empty are not shown. */
export function describeConfState(state: ConfState): string {
  const parts = [`voters=(${state.voters.join(' ')})`]
  if (state.votersOutgoing.length > 0) parts.push(`outgoing=(${state.votersOutgoing.join(' ')})`)
  if (state.learners.length > 0) parts.push(`learners=(${state.learners.join(' ')})`)
  if (state.learnersNext.length > 0) parts.push(`learners-next=(${state.learnersNext.join(' ')})`)
  if (state.autoLeave) parts.push('auto-leave')
  return parts.join(' ')
}

export function describeSnapshot(snapshot: SnapshotMetadata): string {
  return `${snapshot.index}/${snapshot.term} ${describeConfState(snapshot.confState)}`
}

function describeBody(message: Message): string {
  switch (message.type) {
    case 'MsgProp':
      return `id=${message.forwardId} [${message.entries.map(describeProposed).join(', ')}]`
    case 'MsgPropRefused':
      return `id=${message.forwardId}`
    case 'MsgApp': {
      const { index, logTerm, commit, entries } = message
      return `prev=${index}/${logTerm} commit=${commit} ${describeEntries(entries)}`
    }
    case 'MsgAppResp': {
      const { index, reject, rejectHint, logTerm } = message
      return reject ? `index=${index} rejected hint=${rejectHint}/${logTerm}` : `index=${index}`
    }
    case 'MsgVote':
    case 'MsgPreVote':
      return `last=${message.index}/${message.logTerm}${message.transfer ? ' transfer' : ''}`
    case 'MsgVoteResp':
    case 'MsgPreVoteResp':
      return message.reject ? `rejected commit=${message.commit}/${message.commitTerm}` : 'granted'
    case 'MsgHeartbeat':
      return `commit=${message.commit} round=${message.round}`
    case 'MsgHeartbeatResp': {
      const { commit, round, installing } = message
      return `commit=${commit} round=${round}${installing ? ' installing' : ''}`
    }
    case 'MsgReadIndex':
      return `context=${message.context}`
    case 'MsgReadIndexResp':
      return `index=${message.index} context=${message.context}`
    case 'MsgTimeoutNow':
      return ''
    case 'MsgSnap':
      return describeSnapshot(message.snapshot)
    default:
      return unreachable(message)
  }
}

export function describeMessage(message: Message): string {
  const { from, to, type, term } = message
  const head = term === 0 ? `${from}->${to} ${type}` : `${from}->${to} ${type} term=${term}`
  return `${head} ${describeBody(message)}`.trimEnd()
}

/** One line per part that is there; none for an empty Ready. */
export function describeReady(ready: Ready): string[] {
  const lines: string[] = []
  if (ready.softState !== undefined) lines.push(`role: ${describeSoftState(ready.softState)}`)
  if (ready.append !== undefined) {
    const { entries, hardState } = ready.append
    if (hardState !== undefined) lines.push(`write: ${describeHardState(hardState)}`)
    if (entries.length > 0) lines.push(`write: ${describeEntries(entries)}`)
  }
  for (const message of ready.messages) lines.push(`send: ${describeMessage(message)}`)
  if (ready.committedEntries.length > 0) {
    lines.push(`apply: ${describeEntries(ready.committedEntries)}`)
  }
  for (const { index, context } of ready.readStates) lines.push(`read: ${context} at ${index}`)
  for (const id of ready.refusedProposals) lines.push(`refused: proposals id=${id}`)
  for (const id of ready.snapshotsDue) lines.push(`snapshot due: ${id}`)
  if (ready.snapshot !== undefined) lines.push(`install: ${describeSnapshot(ready.snapshot)}`)
  return lines
}
