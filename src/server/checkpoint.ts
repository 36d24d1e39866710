/**
 * The checkpoint: all replicated state but the MVCC records, at one applied index. With the
 * records up to its revision and the log behind its index it is the whole state of a member.
 */

import { pack, unpack } from 'msgpackr'
import { assert } from '../base/assert.ts'
import type { LeaseState } from '../lease/lease-table.ts'
import { isCount, isFlag, isHexId, isId } from '../peer/field.ts'
import type { Peer } from '../peer/ports.ts'
import type { ConfState, MemberId } from '../raft/types.ts'
import type { Alarm } from './alarms.ts'
import type { Member, MembershipState } from './membership.ts'

export interface Checkpoint {
  readonly format: typeof CHECKPOINT_FORMAT
  readonly clusterId: string
  readonly memberId: MemberId
  readonly appliedIndex: number
  readonly appliedTerm: number
  readonly confState: ConfState
  readonly revision: number
  /** -1 when nothing was ever compacted. */
  readonly compactedRevision: number
  /** Below `compactedRevision` while its records are still being cut. */
  readonly finishedCompactRevision: number
  readonly membership: MembershipState
  readonly alarms: readonly Alarm[]
  readonly leases: readonly LeaseState[]
  /** The rolling hash of everything applied: equal on all members at the same applied index. */
  readonly stateHash: number
  /** It came from another member, and the log may not have reached it yet. */
  readonly installed: boolean
  /** Whom a member that joined a cluster was told of, until its log tells it more. */
  readonly joinedPeers?: readonly Peer[]
}

export const CHECKPOINT_FORMAT = 1

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

/** What a member starts from that has applied nothing. */
export function initialCheckpoint(clusterId: string, memberId: MemberId): Checkpoint {
  return {
    format: CHECKPOINT_FORMAT,
    clusterId,
    memberId,
    appliedIndex: 0,
    appliedTerm: 0,
    confState: EMPTY_CONF_STATE,
    revision: 1,
    compactedRevision: -1,
    finishedCompactRevision: -1,
    membership: { members: [], removed: [], clusterVersion: '' },
    alarms: [],
    leases: [],
    stateHash: 0,
    installed: false,
  }
}

/** Asserts what `decodeCheckpoint` asks for: a member must be able to start from what it wrote. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  assert(isCheckpoint(checkpoint), 'a checkpoint can be read again')
  return pack(checkpoint)
}

/** What version 0.1.0 did not write yet, as it would have written it. */
const ADDED_FIELDS = { stateHash: 0, installed: false }

/**
 * Undefined when the bytes are of a format this version does not know, or are no checkpoint at all:
 * they may come from another member, and what they say is about to be what this one is.
 */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | undefined {
  const checkpoint: Checkpoint = { ...ADDED_FIELDS, ...(tryUnpack(bytes) as Checkpoint) }
  return isCheckpoint(checkpoint) ? checkpoint : undefined
}

function tryUnpack(bytes: Uint8Array): unknown {
  try {
    return unpack(bytes)
  } catch {
    return undefined
  }
}

type Fields<Type> = { readonly [Name in keyof Type]: unknown }

/** Whether every field is of its kind, and history in order; nothing else that they say together. */
function isCheckpoint(value: Fields<Checkpoint>): boolean {
  const { revision, compactedRevision, finishedCompactRevision, confState, membership } = value
  return (
    value.format === CHECKPOINT_FORMAT &&
    isId(value.clusterId) &&
    isId(value.memberId) &&
    [value.appliedIndex, value.appliedTerm, value.stateHash].every(isCount) &&
    isHistory(finishedCompactRevision, compactedRevision, revision) &&
    isObject<ConfState>(confState, isConfState) &&
    isObject<MembershipState>(membership, isMembership) &&
    isListOf<Alarm>(value.alarms, isAlarm) &&
    isListOf<LeaseState>(value.leases, isLease) &&
    isFlag(value.installed) &&
    (value.joinedPeers === undefined ||
      isListOf<Peer>(value.joinedPeers, ({ id, urls }) => isId(id) && isTexts(urls)))
  )
}

/** Nothing is cut that is not compacted, nothing compacted that is not there. */
function isHistory(finished: unknown, compacted: unknown, revision: unknown): boolean {
  const isMark = (value: unknown): value is number => value === -1 || isCount(value)
  const areNumbers = isMark(finished) && isMark(compacted) && isCount(revision)
  return areNumbers && finished <= compacted && compacted <= revision
}

function isConfState({ autoLeave, ...lists }: Fields<ConfState>): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = lists
  const areLists = [voters, votersOutgoing, learners, learnersNext].every(
    (ids) => Array.isArray(ids) && ids.every(isId),
  )
  return areLists && isFlag(autoLeave)
}

function isMembership({ members, removed, clusterVersion }: Fields<MembershipState>): boolean {
  return (
    isListOf<Member>(members, isMember) &&
    Array.isArray(removed) &&
    removed.every(isId) &&
    typeof clusterVersion === 'string'
  )
}

function isMember({ id, name, peerUrls, clientUrls, isLearner }: Fields<Member>): boolean {
  const areTexts = typeof name === 'string' && isTexts(peerUrls) && isTexts(clientUrls)
  return isId(id) && areTexts && isFlag(isLearner)
}

/** A client may name any member, no member too, and any type, also one that this version lacks. */
function isAlarm({ memberId, type }: Fields<Alarm>): boolean {
  return isHexId(memberId) && Number.isSafeInteger(type)
}

function isLease({ id, ttl, grantIndex, remainingTtl }: Fields<LeaseState>): boolean {
  return typeof id === 'bigint' && [ttl, grantIndex, remainingTtl].every(isCount)
}

function isListOf<Item>(value: unknown, fits: (item: Fields<Item>) => boolean): boolean {
  return Array.isArray(value) && value.every((item: unknown) => isObject(item, fits))
}

function isObject<Type>(value: unknown, fits: (fields: Fields<Type>) => boolean): boolean {
  return typeof value === 'object' && value !== null && fits(value as Fields<Type>)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
