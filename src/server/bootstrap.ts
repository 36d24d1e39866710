/**
 * Bootstrap: from a data directory to a member that is ready to take its first Ready.
 *
 *   new directory, new cluster:  log ◄─ the first members as committed changes (term 1), the same
 *                                entries on each of them
 *                                state ◄─ an empty checkpoint, which completes the directory
 *   new directory, joining:      state ◄─ an empty checkpoint; the leader sends everything else
 *   known one:      checkpoint ─► drop newer records ─► rebuild the index ─► replay the log behind it
 *
 * A checkpoint that another member sent may have got ahead of the log: then the log begins anew
 * behind it.
 */

import type { Key } from '../base/key.ts'
import type { Backend, Clock, Logger, Random } from '../base/ports.ts'
import { LeaseTable } from '../lease/lease-table.ts'
import { Store } from '../mvcc/store.ts'
import type { Peer } from '../peer/ports.ts'
import { RawNode } from '../raft/raw-node.ts'
import { NO_MEMBER, type Entry } from '../raft/types.ts'
import { ConfChange_Type as ConfChangeType, encodeConfChange } from '../rpc/codec/quoratepb.ts'
import type { RaftLogStore, RecoveredLog, StateStore } from '../storage/ports.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
  type Checkpoint,
} from './checkpoint.ts'
import { removedMessage, standAlone } from './forced-cluster.ts'
import type { ClusterIdentity, FoundingMember, Origin, QueryCluster } from './join.ts'
import { membershipAtEnd } from './log-membership.ts'
import { RecountingBackend } from './recounting-backend.ts'
import { nextTurn } from './turn.ts'

export interface BootstrapOptions {
  /** Called at most once, and only for a new directory: one that is known knows where it belongs. */
  readonly origin: () => Promise<Origin>
  /** Who the settings say that this is; a known directory that says otherwise is right. */
  readonly expected?: ClusterIdentity | undefined
  /** Makes this member of a known directory the only one. Nothing for a new directory. */
  readonly forceNewCluster: boolean
  /** Lets a forced start find out that others are at work; without it, it goes ahead. */
  readonly query?: QueryCluster
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly preVote: boolean
  /** Of one message between members; 1 MiB when left out. */
  readonly maxBytesPerMessage?: number
  /** Messages of entries on their way to one member; 512 when left out. */
  readonly maxInflightMessages?: number
  readonly random: Random
  readonly clock: Clock
  readonly logger: Logger
}

/** The disk as it was found. */
export interface OpenedStorage {
  readonly log: RaftLogStore
  readonly recoveredLog: RecoveredLog
  readonly state: StateStore
  /** Undefined in a new directory. */
  readonly recoveredCheckpoint: Uint8Array | undefined
}

export interface Bootstrapped {
  readonly checkpoint: Checkpoint
  readonly store: Store
  readonly leases: LeaseTable
  readonly raw: RawNode
  /** The last index of the log: start-up is over when it is applied. */
  readonly lastIndex: number
  /** The other members, as far as this one can know before it has heard of them. */
  readonly initialPeers: readonly Peer[]
}

export type BootstrapResult =
  | { readonly ok: true; readonly member: Bootstrapped }
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

/** Sizes of Raft's windows, as etcd sets them. */
const MAX_BYTES_PER_MESSAGE = 1024 * 1024
const MAX_INFLIGHT_MESSAGES = 512
const MAX_UNCOMMITTED_BYTES = 1024 * 1024 * 1024
/** Ours: etcd bounds the messages alone. */
const MAX_INFLIGHT_BYTES = 64 * 1024 * 1024

export async function bootstrap(
  storage: OpenedStorage,
  options: BootstrapOptions,
): Promise<BootstrapResult> {
  const loaded = await loadOrCreate(storage, options)
  if (!loaded.ok) return loaded
  const { checkpoint, log } = loaded
  const startMs = options.clock.nowMs()
  const { store, leases } = await restoreState(new RecountingBackend(storage.state), checkpoint)
  options.logger.info('restored the store from the checkpoint', {
    'checkpoint-index': checkpoint.appliedIndex,
    revision: store.currentRevision,
    keys: store.keyCount,
    leases: leases.size,
    'took-ms': Math.round(options.clock.nowMs() - startMs),
  })
  const raw = newRawNode(checkpoint, log, options)
  const lastIndex = log.entries.at(-1)?.index ?? checkpoint.appliedIndex
  const initialPeers = peersOf(checkpoint, log)
  return { ok: true, member: { checkpoint, store, leases, raw, lastIndex, initialPeers } }
}

/** The store as the checkpoint has it, and the leases with the keys that the store knows. */
export async function restoreState(
  backend: Backend,
  checkpoint: Checkpoint,
): Promise<{ readonly store: Store; readonly leases: LeaseTable }> {
  const leaseOfKey = new Map<Key, bigint>()
  const store = await Store.restore(backend, checkpoint, nextTurn, (key, lease) => {
    if (lease === 0n) leaseOfKey.delete(key)
    else leaseOfKey.set(key, lease)
  })
  return { store, leases: new LeaseTable(checkpoint.leases, leaseOfKey) }
}

type Loaded =
  | {
      readonly ok: true
      readonly checkpoint: Checkpoint
      readonly log: RecoveredLog
    }
  | { readonly ok: false; readonly message: string }

async function loadOrCreate(storage: OpenedStorage, options: BootstrapOptions): Promise<Loaded> {
  const { recoveredCheckpoint } = storage
  if (recoveredCheckpoint === undefined) return create(storage, options)
  const checkpoint = decodeCheckpoint(recoveredCheckpoint)
  if (checkpoint === undefined) {
    const message =
      'the checkpoint in the data directory has a format that this version cannot read'
    return { ok: false, message }
  }
  if (checkpoint.membership.removed.includes(checkpoint.memberId)) {
    return { ok: false, message: removedMessage(checkpoint) }
  }
  return restart(storage, checkpoint, options)
}

/**
 * The checkpoint is written last: a crash before it leaves a directory that has acknowledged
 * nothing, and the next start comes here again.
 */
async function create(
  { log, recoveredLog, state }: OpenedStorage,
  options: BootstrapOptions,
): Promise<Loaded> {
  if (recoveredLog.compacted > 0) {
    const message = 'the checkpoint is missing from the data directory, and its log is not complete'
    return { ok: false, message }
  }
  const origin = await options.origin()
  if (!origin.ok) return origin
  const { clusterId, memberId } = origin
  logStart(options.logger, 'starting local member', origin)
  let recovered = recoveredLog
  if (origin.type === 'founded' && recovered.entries.length === 0) {
    const entries = initialEntries(origin.members)
    const hardState = { term: 1, vote: NO_MEMBER, commit: entries.length }
    await log.append({ entries, hardState })
    recovered = { ...recovered, entries, hardState }
  }
  const initial = initialCheckpoint(clusterId, memberId)
  const checkpoint =
    origin.type === 'joined'
      ? { ...initial, joinedPeers: otherPeers(origin.members, memberId) }
      : initial
  await state.saveCheckpoint(encodeCheckpoint(checkpoint))
  return { ok: true, checkpoint, log: recovered }
}

async function restart(
  { log, recoveredLog }: OpenedStorage,
  checkpoint: Checkpoint,
  options: BootstrapOptions,
): Promise<Loaded> {
  const { logger, expected, forceNewCluster } = options
  const found = checkpoint.installed
    ? await followInstalled(log, recoveredLog, checkpoint)
    : recoveredLog
  const gap = findGap(checkpoint, found)
  if (gap !== undefined) return { ok: false, message: gap }
  warnOfOtherIdentity(checkpoint, expected, logger)
  if (!forceNewCluster) {
    logStart(logger, 'restarting local member', checkpoint, found.hardState.commit)
    return { ok: true, checkpoint, log: found }
  }
  const alone = await standAlone(log, found, checkpoint, options.query)
  if (!alone.ok) return alone
  logStart(logger, 'forcing restart member', checkpoint, alone.log.hardState.commit)
  return { ok: true, checkpoint, log: alone.log }
}

/**
 * A crash between the installation of a state and the end of the log before it leaves a log that
 * may not reach that state, or is of another history. To raise the term is safe: no vote of this
 * member in a term it had not written has ever left it.
 */
async function followInstalled(
  log: RaftLogStore,
  recovered: RecoveredLog,
  { appliedIndex, appliedTerm }: Checkpoint,
): Promise<RecoveredLog> {
  let found = recovered
  if (found.compacted < appliedIndex && termAt(found, appliedIndex) !== appliedTerm) {
    await log.reset(appliedIndex)
    found = { ...found, entries: [], compacted: appliedIndex }
  }
  if (found.hardState.term < appliedTerm) {
    const hardState = { term: appliedTerm, vote: NO_MEMBER, commit: appliedIndex }
    await log.append({ entries: [], hardState })
    found = { ...found, hardState }
  }
  return found
}

function termAt({ entries }: RecoveredLog, index: number): number | undefined {
  const first = entries[0]?.index ?? 0
  return entries[index - first]?.term
}

/** What is on disk counts. But whoever sees another cluster than they meant should be told why. */
function warnOfOtherIdentity(
  { clusterId, memberId }: Checkpoint,
  expected: ClusterIdentity | undefined,
  logger: Logger,
): void {
  if (expected === undefined) return
  if (expected.clusterId === clusterId && expected.memberId === memberId) return
  logger.warn('the data directory belongs to another member than the initial cluster names', {
    'cluster-id': clusterId,
    'local-member-id': memberId,
    'initial-cluster-id': expected.clusterId,
    'initial-member-id': expected.memberId,
  })
}

function logStart(
  logger: Logger,
  message: string,
  { clusterId, memberId }: ClusterIdentity,
  commit = 0,
): void {
  logger.info(message, {
    'cluster-id': clusterId,
    'local-member-id': memberId,
    'commit-index': commit,
  })
}

function peersOf(checkpoint: Checkpoint, { entries }: RecoveredLog): Peer[] {
  const { memberId, joinedPeers = [] } = checkpoint
  const { membership } = membershipAtEnd(checkpoint, entries)
  const untold = joinedPeers.filter(
    ({ id }) => membership.get(id) === undefined && !membership.isRemoved(id),
  )
  return [...otherPeers(membership.members, memberId), ...untold]
}

function otherPeers(
  members: readonly { readonly id: string; readonly peerUrls: readonly string[] }[],
  self: string,
): Peer[] {
  return members.filter(({ id }) => id !== self).map(({ id, peerUrls }) => ({ id, urls: peerUrls }))
}

/**
 * As etcd: the configuration a cluster starts with is entries 1..n of its log, in term 1. Each of
 * the first members writes them by itself, so they must come out equal everywhere: ordered by id.
 */
function initialEntries(members: readonly FoundingMember[]): Entry[] {
  const ordered = members.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return ordered.map(({ id, name, peerUrls }, i) => ({
    index: i + 1,
    term: 1,
    type: 'EntryConfChange',
    data: encodeConfChange({
      type: ConfChangeType.ADD_VOTER,
      member: { id, name, peerUrls, clientUrls: [], isLearner: false },
    }),
  }))
}

/** Entries between the checkpoint and the end of the log must be there: they were acknowledged. */
function findGap(
  { appliedIndex, appliedTerm, joinedPeers }: Checkpoint,
  { compacted, entries, hardState }: RecoveredLog,
): string | undefined {
  const last = entries.at(-1)?.index ?? compacted
  // Who joined gets its first entries from the leader; a founder has them before its checkpoint.
  if (last === 0 && joinedPeers === undefined) {
    return 'the Raft log is empty: the entries that founded the cluster are missing'
  }
  if (compacted > appliedIndex) {
    return `the Raft log starts behind index ${compacted}, but the checkpoint ends at ${appliedIndex}: entries between them are missing`
  }
  if (last < appliedIndex) {
    return `the Raft log ends at index ${last}, before the checkpoint's ${appliedIndex}: its newest entries are missing`
  }
  if (hardState.term < appliedTerm) {
    return `the Raft log is in term ${hardState.term}, before the checkpoint's ${appliedTerm}: its newest state is missing`
  }
  return undefined
}

function newRawNode(checkpoint: Checkpoint, log: RecoveredLog, options: BootstrapOptions): RawNode {
  const { hardState } = log
  return new RawNode({
    id: checkpoint.memberId,
    electionTicks: options.electionTicks,
    heartbeatTicks: options.heartbeatTicks,
    preVote: options.preVote,
    checkQuorum: true,
    maxBytesPerMessage: options.maxBytesPerMessage ?? MAX_BYTES_PER_MESSAGE,
    maxInflightMessages: options.maxInflightMessages ?? MAX_INFLIGHT_MESSAGES,
    maxInflightBytes: MAX_INFLIGHT_BYTES,
    maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
    random: options.random,
    logger: options.logger,
    initial: {
      hardState,
      confState: checkpoint.confState,
      applied: checkpoint.appliedIndex,
      ...beginningOf(checkpoint, log),
    },
  })
}

interface LogBeginning {
  /** The entry before the first of `entries`, and its term, which log matching needs there. */
  readonly snapshotIndex: number
  readonly snapshotTerm: number
  readonly entries: readonly Entry[]
}

/** Where a log was compacted, its first entry is given up to stand for what is behind it. */
function beginningOf(checkpoint: Checkpoint, { compacted, entries }: RecoveredLog): LogBeginning {
  const { appliedIndex, appliedTerm } = checkpoint
  const first = entries[0]
  if (compacted === 0) return { snapshotIndex: 0, snapshotTerm: 0, entries }
  if (first === undefined || first.index > appliedIndex) {
    return { snapshotIndex: appliedIndex, snapshotTerm: appliedTerm, entries }
  }
  return { snapshotIndex: first.index, snapshotTerm: first.term, entries: entries.slice(1) }
}
