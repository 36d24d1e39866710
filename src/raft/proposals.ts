/**
 * The way of a proposal into the leader's log: appended here when this member leads, else passed
 * on to the leader in a MsgProp. A MsgProp is taken whole or refused whole, and a refusal always
 * comes back, so that the sender may propose again without the risk of doing it twice.
 */

import type { Raft } from './raft.ts'
import {
  NO_MEMBER,
  type EntryType,
  type MsgProp,
  type MsgPropRefused,
  type ProposedEntry,
} from './types.ts'

export type ProposeError =
  /** No leader is known, or this member is a candidate. */
  | 'no-leader'
  /** Too much payload waits to be committed. */
  | 'uncommitted-size'
  /**
   * A membership change is not applied yet, a joint configuration is about to be left, or this
   * term has committed nothing yet.
   */
  | 'pending-conf-change'
  /** There is no joint configuration to leave. */
  | 'not-joint'
  /** The leadership is being handed over. */
  | 'transferring'
  /** This member still leads, but was removed or is a learner now. */
  | 'removed'

/**
 * `index` when this member leads. Else `forwardId` of the message that carries it to the leader:
 * it gets its index there, or comes back in Ready.refusedProposals, or gets lost.
 */
export type ProposeResult =
  | { readonly ok: true; readonly index?: number; readonly forwardId?: number }
  | { readonly ok: false; readonly error: ProposeError }

/** The MsgProp of this turn, in Raft.messages, while more entries may join it. */
export interface OpenProposal {
  readonly forwardId: number
  readonly entries: ProposedEntry[]
  bytes: number
}

const EMPTY = new Uint8Array(0)

export function propose(raft: Raft, type: EntryType, data: Uint8Array): ProposeResult {
  if (raft.role === 'leader') {
    const confChange = type === 'EntryConfChange' ? data : undefined
    const error = reasonToRefuse(raft, data.length, confChange)
    return error === undefined
      ? { ok: true, index: append(raft, type, data) }
      : { ok: false, error }
  }
  if (raft.role !== 'follower' || raft.leader === NO_MEMBER) {
    return { ok: false, error: 'no-leader' }
  }
  return { ok: true, forwardId: forward(raft, { type, data }) }
}

/** For `bytes` of entries, one of which may be a membership change. */
function reasonToRefuse(
  raft: Raft,
  bytes: number,
  confChange: Uint8Array | undefined,
): ProposeError | undefined {
  if (!raft.promotable) return 'removed'
  if (raft.leadTransferee !== NO_MEMBER) return 'transferring'
  const waiting = raft.uncommittedBytes
  if (waiting > 0 && bytes > 0 && waiting + bytes > raft.config.maxUncommittedBytes) {
    return 'uncommitted-size'
  }
  return confChange === undefined ? undefined : reasonToKeepMembers(raft, confChange)
}

/** At most one membership change is not applied, and none is made before this term's first entry
 * is (Ongaro, raft-dev, 2015). */
function reasonToKeepMembers(raft: Raft, confChange: Uint8Array): ProposeError | undefined {
  if (raft.pendingConfIndex > raft.log.applied) return 'pending-conf-change'
  if (raft.tracker.confState.autoLeave) return 'pending-conf-change'
  return confChange.length === 0 && !raft.tracker.isJoint ? 'not-joint' : undefined
}

/** Appends to the leader's log. The followers hear of it with the next Ready. */
function append(raft: Raft, type: EntryType, data: Uint8Array): number {
  const index = raft.log.append(raft.term, type, data)
  raft.uncommittedBytes += data.length
  if (type === 'EntryConfChange') raft.pendingConfIndex = index
  raft.appendsDue = true
  return index
}

/**
 * A joint configuration that leaves itself is to be left: it is applied here, so it is committed,
 * and so is an entry of this term. True until leaveJoint() was called, and never again for it.
 */
export function mustLeaveJoint(raft: Raft): boolean {
  return (
    raft.role === 'leader' &&
    raft.tracker.confState.autoLeave &&
    raft.pendingConfIndex <= raft.log.applied &&
    raft.leadTransferee === NO_MEMBER
  )
}

export function leaveJoint(raft: Raft): void {
  const index = append(raft, 'EntryConfChange', EMPTY)
  raft.logger.info('leaves the joint configuration', { index })
}

/** All proposals of one turn travel in one message, as far as its size allows. */
function forward(raft: Raft, entry: ProposedEntry): number {
  const bytes = entry.data.length
  // Why: a membership change may be refused where the rest is not.
  const travelsAlone = entry.type === 'EntryConfChange'
  const { openProposal } = raft
  if (openProposal !== undefined && !travelsAlone) {
    if (openProposal.bytes + bytes <= raft.config.maxBytesPerMessage) {
      openProposal.entries.push(entry)
      openProposal.bytes += bytes
      return openProposal.forwardId
    }
  }
  const forwardId = raft.nextForwardId()
  const entries = [entry]
  raft.send({ type: 'MsgProp', from: raft.id, to: raft.leader, term: 0, forwardId, entries })
  raft.openProposal = travelsAlone ? undefined : { forwardId, entries, bytes }
  return forwardId
}

/** On a leader. */
export function onProposal(raft: Raft, message: MsgProp): void {
  const { entries } = message
  const bytes = entries.reduce((sum, { data }) => sum + data.length, 0)
  const confChange = entries.find(({ type }) => type === 'EntryConfChange')?.data
  const error = reasonToRefuse(raft, bytes, confChange)
  if (error !== undefined) refuse(raft, message, error)
  else for (const { type, data } of entries) append(raft, type, data)
}

/** Why not passed on: two members that each take the other for the leader would never stop. */
export function refuseProposal(raft: Raft, message: MsgProp): void {
  refuse(raft, message, 'not leader')
}

function refuse(raft: Raft, { from, forwardId }: MsgProp, reason: string): void {
  raft.logger.debug('refused forwarded proposals', { from, reason })
  raft.send({ type: 'MsgPropRefused', from: raft.id, to: from, term: 0, forwardId })
}

export function onProposalRefused(raft: Raft, message: MsgPropRefused): void {
  raft.refusedProposals.push(message.forwardId)
}
