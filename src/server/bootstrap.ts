/**
 * Bootstrap: from a data directory to a member that is ready to take its first Ready.
 *
 *   new directory:  log ◄─ the initial members as committed configuration changes (term 1)
 *                   state ◄─ an empty checkpoint, which completes the directory
 *   known one:      checkpoint ─► drop newer records ─► rebuild the index ─► replay the log behind it
 */

import type { Key } from '../base/key.ts'
import type { Backend, Clock, Logger, Random } from '../base/ports.ts'
import { LeaseTable } from '../lease/lease-table.ts'
import { Store } from '../mvcc/store.ts'
import { RawNode } from '../raft/raw-node.ts'
import { NO_MEMBER, type Entry, type MemberId } from '../raft/types.ts'
import { ConfChange_Type as ConfChangeType, encodeConfChange } from '../rpc/codec/quoratepb.ts'
import type { RaftLogStore, RecoveredLog, StateStore } from '../storage/ports.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
  type Checkpoint,
} from './checkpoint.ts'
import { RecountingBackend } from './recounting-backend.ts'
import { nextTurn } from './turn.ts'

export interface InitialMember {
  readonly id: MemberId
  readonly name: string
  readonly peerUrls: readonly string[]
}

export interface BootstrapOptions {
  readonly clusterId: string
  readonly memberId: MemberId
  /** Every member that the new cluster starts with, this one included. */
  readonly initialMembers: readonly InitialMember[]
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly preVote: boolean
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
}

export type BootstrapResult =
  | { readonly ok: true; readonly member: Bootstrapped }
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

/** Sizes of Raft's windows, as etcd sets them. */
const MAX_BYTES_PER_MESSAGE = 1024 * 1024
const MAX_INFLIGHT_MESSAGES = 512
const MAX_UNCOMMITTED_BYTES = 1024 * 1024 * 1024

export async function bootstrap(
  storage: OpenedStorage,
  options: BootstrapOptions,
): Promise<BootstrapResult> {
  const loaded = await loadOrCreate(storage, options)
  if (!loaded.ok) return loaded
  const { checkpoint, log } = loaded
  const gap = findGap(checkpoint, log)
  if (gap !== undefined) return { ok: false, message: gap }
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
  return { ok: true, member: { checkpoint, store, leases, raw, lastIndex } }
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
  const { recoveredCheckpoint, recoveredLog } = storage
  if (recoveredCheckpoint === undefined) return create(storage, options)
  const checkpoint = decodeCheckpoint(recoveredCheckpoint)
  if (checkpoint === undefined) {
    const message =
      'the checkpoint in the data directory has a format that this version cannot read'
    return { ok: false, message }
  }
  return { ok: true, checkpoint, log: recoveredLog }
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
  let recovered = recoveredLog
  if (recovered.entries.length === 0) {
    const entries = options.initialMembers.map(initialEntry)
    const hardState = { term: 1, vote: NO_MEMBER, commit: entries.length }
    await log.append({ entries, hardState })
    recovered = { ...recovered, entries, hardState }
  }
  const checkpoint = initialCheckpoint(options.clusterId, options.memberId)
  await state.saveCheckpoint(encodeCheckpoint(checkpoint))
  return { ok: true, checkpoint, log: recovered }
}

/** As etcd: the configuration a cluster starts with is entries 1..n of its log, in term 1. */
function initialEntry(member: InitialMember, i: number): Entry {
  const { id, name, peerUrls } = member
  const data = encodeConfChange({
    type: ConfChangeType.ADD_VOTER,
    member: { id, name, peerUrls, clientUrls: [], isLearner: false },
  })
  return { index: i + 1, term: 1, type: 'EntryConfChange', data }
}

/** Entries between the checkpoint and the end of the log must be there: they were acknowledged. */
function findGap(checkpoint: Checkpoint, { compacted, entries }: RecoveredLog): string | undefined {
  const { appliedIndex } = checkpoint
  const last = entries.at(-1)?.index ?? compacted
  if (compacted > appliedIndex) {
    return `the Raft log starts behind index ${compacted}, but the checkpoint ends at ${appliedIndex}: entries between them are missing`
  }
  if (last < appliedIndex) {
    return `the Raft log ends at index ${last}, before the checkpoint's ${appliedIndex}: its newest entries are missing`
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
    maxBytesPerMessage: MAX_BYTES_PER_MESSAGE,
    maxInflightMessages: MAX_INFLIGHT_MESSAGES,
    maxUncommittedBytes: MAX_UNCOMMITTED_BYTES,
    random: options.random,
    logger: options.logger,
    initial: {
      hardState,
      confState: checkpoint.confState,
      applied: checkpoint.appliedIndex,
      ...logStart(checkpoint, log),
    },
  })
}

interface LogStart {
  /** The entry before the first of `entries`, and its term, which log matching needs there. */
  readonly snapshotIndex: number
  readonly snapshotTerm: number
  readonly entries: readonly Entry[]
}

/** Where a log was compacted, its first entry is given up to stand for what is behind it. */
function logStart(checkpoint: Checkpoint, { compacted, entries }: RecoveredLog): LogStart {
  const { appliedIndex, appliedTerm } = checkpoint
  const first = entries[0]
  if (compacted === 0) return { snapshotIndex: 0, snapshotTerm: 0, entries }
  if (first === undefined || first.index > appliedIndex) {
    return { snapshotIndex: appliedIndex, snapshotTerm: appliedTerm, entries }
  }
  return { snapshotIndex: first.index, snapshotTerm: first.term, entries: entries.slice(1) }
}
