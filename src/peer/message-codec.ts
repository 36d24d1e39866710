/**
 * Raft messages on the wire. A frame is an array of messages, each an array that starts with its
 * tag. `from` and `to` are not sent: the handshake of the connection has settled them.
 *
 *     MsgApp            [1, term, index, logTerm, commit, runs, [data…]]
 *         runs: [count, term, type, …] one triple for neighbours of equal term and type
 *     MsgAppResp        [2, term, index, reject, rejectHint, logTerm]
 *     MsgVote           [3, term, index, logTerm, transfer]      MsgPreVote      [4, …]
 *     MsgVoteResp       [5, term, reject, commit, commitTerm]    MsgPreVoteResp  [6, …]
 *     MsgHeartbeat      [7, term, commit, round]
 *     MsgHeartbeatResp  [8, term, round, commit, installing]
 *     MsgProp           [9, forwardId, [type…], [data…]]
 *     MsgPropRefused    [10, forwardId]
 *     MsgReadIndex      [11, context]
 *     MsgReadIndexResp  [12, term, index, context]
 *     MsgTimeoutNow     [13, term]
 *     MsgSnap           [14, term, index, indexTerm, voters, votersOutgoing, learners,
 *                        learnersNext, autoLeave]     at the head of a snapshot alone
 *
 *     entry types: 0 EntryNormal, 1 EntryConfChange
 *
 * The entries of a MsgApp have no index on the wire: they follow the message's own. Decoding checks
 * everything that a message promises by itself; what does not hold is no message.
 */

import { assert, unreachable } from '../base/assert.ts'
import type {
  ConfState,
  Entry,
  EntryType,
  MemberId,
  Message,
  MsgApp,
  MsgProp,
  MsgSnap,
  ProposedEntry,
} from '../raft/types.ts'
import { isBytes, isCount, isFlag, isIdList, isText } from './field.ts'
import { unpackArray } from './packing.ts'

/** Every message but the one that travels at the head of a snapshot. */
export type StreamMessage = Exclude<Message, MsgSnap>

const MAX_MESSAGES_PER_FRAME = 1 << 16
const MAX_CONTEXT_LENGTH = 1024
/** Members in one list of a configuration. */
const MAX_MEMBERS = 1000

const ENTRY_TYPES: readonly EntryType[] = ['EntryNormal', 'EntryConfChange']

/** Whom a connection carries messages from, and to. */
export interface Route {
  readonly from: MemberId
  readonly to: MemberId
}

/** The value of a frame. */
export function packedMessages(messages: readonly StreamMessage[]): readonly unknown[] {
  return messages.map(packedMessage)
}

/** The messages in a frame's body; undefined when any of them is not one. */
export function decodeMessages(body: Uint8Array, route: Route): StreamMessage[] | undefined {
  const values = unpackArray(body)
  if (values === undefined || values.length > MAX_MESSAGES_PER_FRAME) return undefined
  const messages: StreamMessage[] = []
  for (const value of values) {
    const message = Array.isArray(value) ? messageOf(value, route) : undefined
    if (message === undefined) return undefined
    messages.push(message)
  }
  return messages
}

/**
 * What may be large and so has a stream of its own. All MsgApp go the same way, with entries or
 * without, so that none of them overtakes another.
 */
export function isBulk(message: StreamMessage): boolean {
  return message.type === 'MsgApp' || message.type === 'MsgProp'
}

/** About what a message takes in memory and on the wire. */
export function messageBytes(message: StreamMessage): number {
  let bytes = 64
  if (message.type === 'MsgApp' || message.type === 'MsgProp') {
    for (const { data } of message.entries) bytes += data.length + 8
  }
  return bytes
}

function packedMessage(message: StreamMessage): readonly unknown[] {
  switch (message.type) {
    case 'MsgApp':
      return packedAppend(message)
    case 'MsgAppResp': {
      const { term, index, reject, rejectHint, logTerm } = message
      return [2, term, index, reject, rejectHint, logTerm]
    }
    case 'MsgVote':
      return [3, message.term, message.index, message.logTerm, message.transfer]
    case 'MsgPreVote':
      return [4, message.term, message.index, message.logTerm, message.transfer]
    case 'MsgVoteResp':
      return [5, message.term, message.reject, message.commit, message.commitTerm]
    case 'MsgPreVoteResp':
      return [6, message.term, message.reject, message.commit, message.commitTerm]
    case 'MsgHeartbeat':
      return [7, message.term, message.commit, message.round]
    case 'MsgHeartbeatResp':
      return [8, message.term, message.round, message.commit, message.installing]
    case 'MsgProp':
      return packedProposals(message)
    case 'MsgPropRefused':
      return [10, message.forwardId]
    case 'MsgReadIndex':
      return [11, message.context]
    case 'MsgReadIndexResp':
      return [12, message.term, message.index, message.context]
    case 'MsgTimeoutNow':
      return [13, message.term]
    default:
      return unreachable(message)
  }
}

function packedAppend(message: MsgApp): readonly unknown[] {
  const { term, index, logTerm, commit, entries } = message
  const runs: number[] = []
  const data: Uint8Array[] = []
  let last: Entry | undefined
  for (const entry of entries) {
    if (entry.index !== index + data.length + 1) {
      assert(false, 'entries of a MsgApp follow its index', { index, entry: entry.index })
    }
    if (last?.term === entry.term && last.type === entry.type) {
      runs[runs.length - 3] = (runs[runs.length - 3] ?? 0) + 1
    } else {
      runs.push(1, entry.term, ENTRY_TYPES.indexOf(entry.type))
    }
    data.push(entry.data)
    last = entry
  }
  return [1, term, index, logTerm, commit, runs, data]
}

function packedProposals({ forwardId, entries }: MsgProp): readonly unknown[] {
  const types = entries.map((entry) => ENTRY_TYPES.indexOf(entry.type))
  return [9, forwardId, types, entries.map((entry) => entry.data)]
}

type Decoder = (fields: readonly unknown[], route: Route) => StreamMessage | undefined

/** By tag; each gets an array of exactly `length` values. */
const DECODERS: readonly ({ readonly length: number; readonly decode: Decoder } | undefined)[] = [
  undefined,
  { length: 7, decode: appendOf },
  { length: 6, decode: appendResponseOf },
  { length: 5, decode: (fields, route) => voteOf('MsgVote', fields, route) },
  { length: 5, decode: (fields, route) => voteOf('MsgPreVote', fields, route) },
  { length: 5, decode: (fields, route) => voteResponseOf('MsgVoteResp', fields, route) },
  { length: 5, decode: (fields, route) => voteResponseOf('MsgPreVoteResp', fields, route) },
  { length: 4, decode: heartbeatOf },
  { length: 5, decode: heartbeatResponseOf },
  { length: 4, decode: proposalsOf },
  { length: 2, decode: refusalOf },
  { length: 2, decode: readIndexOf },
  { length: 4, decode: readIndexResponseOf },
  { length: 2, decode: timeoutNowOf },
]

function messageOf(fields: readonly unknown[], route: Route): StreamMessage | undefined {
  const tag = fields[0]
  const decoder = isCount(tag) ? DECODERS[tag] : undefined
  if (decoder === undefined || fields.length !== decoder.length) return undefined
  return decoder.decode(fields, route)
}

function appendOf(fields: readonly unknown[], { from, to }: Route): MsgApp | undefined {
  const [, term, index, logTerm, commit, runs, data] = fields
  if (!isCount(term) || !isCount(index) || !isCount(logTerm) || !isCount(commit)) return undefined
  if (!Array.isArray(runs) || !Array.isArray(data)) return undefined
  if (!isCount(index + data.length)) return undefined
  const entries = entriesOf(index, logTerm, term, runs, data)
  if (entries === undefined) return undefined
  return { type: 'MsgApp', from, to, term, index, logTerm, entries, commit }
}

/** Contiguous after `index`, with terms that do not go down from `lowTerm` nor beyond `highTerm`. */
function entriesOf(
  index: number,
  lowTerm: number,
  highTerm: number,
  runs: readonly unknown[],
  data: readonly unknown[],
): Entry[] | undefined {
  if (runs.length % 3 !== 0) return undefined
  const entries: Entry[] = []
  let least = Math.max(lowTerm, 1)
  for (let run = 0; run < runs.length; run += 3) {
    const [count, term, type] = [runs[run], runs[run + 1], entryTypeOf(runs[run + 2])]
    if (!isCount(count) || !isCount(term) || type === undefined) return undefined
    if (count === 0 || count > data.length - entries.length) return undefined
    if (term < least || term > highTerm) return undefined
    least = term
    for (let i = 0; i < count; i++) {
      const bytes: unknown = data[entries.length]
      if (!isBytes(bytes)) return undefined
      entries.push({ index: index + entries.length + 1, term, type, data: bytes })
    }
  }
  return entries.length === data.length ? entries : undefined
}

function entryTypeOf(value: unknown): EntryType | undefined {
  return isCount(value) ? ENTRY_TYPES[value] : undefined
}

function appendResponseOf(
  fields: readonly unknown[],
  { from, to }: Route,
): StreamMessage | undefined {
  const [, term, index, reject, rejectHint, logTerm] = fields
  if (!isCount(term) || !isCount(index) || !isFlag(reject)) return undefined
  if (!isCount(rejectHint) || !isCount(logTerm)) return undefined
  return { type: 'MsgAppResp', from, to, term, index, reject, rejectHint, logTerm }
}

function voteOf(
  type: 'MsgVote' | 'MsgPreVote',
  fields: readonly unknown[],
  { from, to }: Route,
): StreamMessage | undefined {
  const [, term, index, logTerm, transfer] = fields
  if (!isCount(term) || !isCount(index) || !isCount(logTerm) || !isFlag(transfer)) return undefined
  return { type, from, to, term, index, logTerm, transfer }
}

function voteResponseOf(
  type: 'MsgVoteResp' | 'MsgPreVoteResp',
  fields: readonly unknown[],
  { from, to }: Route,
): StreamMessage | undefined {
  const [, term, reject, commit, commitTerm] = fields
  if (!isCount(term) || !isFlag(reject)) return undefined
  if (!isCount(commit) || !isCount(commitTerm)) return undefined
  return { type, from, to, term, reject, commit, commitTerm }
}

function heartbeatOf(fields: readonly unknown[], { from, to }: Route): StreamMessage | undefined {
  const [, term, commit, round] = fields
  if (!isCount(term) || !isCount(commit) || !isCount(round)) return undefined
  return { type: 'MsgHeartbeat', from, to, term, commit, round }
}

function heartbeatResponseOf(
  fields: readonly unknown[],
  { from, to }: Route,
): StreamMessage | undefined {
  const [, term, round, commit, installing] = fields
  if (!isCount(term) || !isCount(round) || !isCount(commit)) return undefined
  if (!isFlag(installing)) return undefined
  return { type: 'MsgHeartbeatResp', from, to, term, round, commit, installing }
}

function proposalsOf(fields: readonly unknown[], { from, to }: Route): MsgProp | undefined {
  const [, forwardId, types, data] = fields
  if (!isCount(forwardId) || !Array.isArray(types) || !Array.isArray(data)) return undefined
  if (types.length !== data.length || data.length === 0) return undefined
  const entries: ProposedEntry[] = []
  for (const [i, bytes] of (data as readonly unknown[]).entries()) {
    const type = entryTypeOf(types[i])
    if (type === undefined || !isBytes(bytes)) return undefined
    entries.push({ type, data: bytes })
  }
  return { type: 'MsgProp', from, to, term: 0, forwardId, entries }
}

function refusalOf([, forwardId]: readonly unknown[], route: Route): StreamMessage | undefined {
  if (!isCount(forwardId)) return undefined
  return { type: 'MsgPropRefused', from: route.from, to: route.to, term: 0, forwardId }
}

function readIndexOf([, context]: readonly unknown[], route: Route): StreamMessage | undefined {
  if (!isText(context, MAX_CONTEXT_LENGTH)) return undefined
  return { type: 'MsgReadIndex', from: route.from, to: route.to, term: 0, context }
}

function readIndexResponseOf(
  fields: readonly unknown[],
  { from, to }: Route,
): StreamMessage | undefined {
  const [, term, index, context] = fields
  if (!isCount(term) || !isCount(index) || !isText(context, MAX_CONTEXT_LENGTH)) return undefined
  return { type: 'MsgReadIndexResp', from, to, term, index, context }
}

function timeoutNowOf([, term]: readonly unknown[], route: Route): StreamMessage | undefined {
  if (!isCount(term)) return undefined
  return { type: 'MsgTimeoutNow', from: route.from, to: route.to, term }
}

const TAG_SNAPSHOT = 14

export function packedSnapshotMessage(message: MsgSnap): readonly unknown[] {
  const { index, term, confState } = message.snapshot
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = confState
  const lists = [voters, votersOutgoing, learners, learnersNext]
  return [TAG_SNAPSHOT, message.term, index, term, ...lists, autoLeave]
}

export function snapshotMessageOf(value: unknown, { from, to }: Route): MsgSnap | undefined {
  if (!Array.isArray(value) || value.length !== 9 || value[0] !== TAG_SNAPSHOT) return undefined
  const [, term, index, indexTerm] = value as readonly unknown[]
  if (!isCount(term) || !isCount(index) || !isCount(indexTerm)) return undefined
  const confState = confStateOf(value.slice(4))
  if (confState === undefined || indexTerm > term) return undefined
  return { type: 'MsgSnap', from, to, term, snapshot: { index, term: indexTerm, confState } }
}

function confStateOf(fields: readonly unknown[]): ConfState | undefined {
  const [voters, votersOutgoing, learners, learnersNext, autoLeave] = fields
  if (!isIdList(voters, MAX_MEMBERS) || !isIdList(votersOutgoing, MAX_MEMBERS)) return undefined
  if (!isIdList(learners, MAX_MEMBERS) || !isIdList(learnersNext, MAX_MEMBERS)) return undefined
  if (!isFlag(autoLeave)) return undefined
  return { voters, votersOutgoing, learners, learnersNext, autoLeave }
}
