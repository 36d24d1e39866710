/**
 * The applier: replicated state, and the one place that changes it. Entries come in index order
 * and are applied synchronously; the outcome, errors included, is the same on every member.
 *
 * Invariant: everything here is a function of the entries applied so far. No clock, no randomness,
 * no local identity; nothing but `apply` writes.
 */

import { assert, AssertionError, unreachable } from '../base/assert.ts'
import type { Lease, LeaseTable } from '../lease/lease-table.ts'
import type { Commit, Store } from '../mvcc/store.ts'
import type { ConfChange, ConfChangeStep, ConfState, Entry, MemberId } from '../raft/types.ts'
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
  type AlarmRequest,
  type AlarmResponseInput,
  type CompactionRequest,
  type CompactionResponseInput,
  type LeaseCheckpointResponseInput,
  type LeaseGrantRequest,
  type LeaseGrantResponseInput,
  type LeaseRevokeResponseInput,
} from '../rpc/codec/etcdserverpb.ts'
import {
  ConfChange_Type as ConfChangeType,
  type ConfChange as EncodedConfChange,
  type InternalRequest,
  type LeaseCheckpoints,
  type LeaseRevocation,
} from '../rpc/codec/quoratepb.ts'
import { Alarms } from './alarms.ts'
import {
  applyDeleteRange,
  applyPut,
  applyRevoke,
  applyTxn,
  type KvState,
  type Outcome,
} from './apply-txn.ts'
import { CHECKPOINT_FORMAT, type Checkpoint } from './checkpoint.ts'
import { confChangeOf, requestOf } from './log-entry.ts'
import { Membership, type Member, type MembershipChange } from './membership.ts'
import { requestCost, type GrowingRequest } from './quota.ts'
import { StateHash, type StatePoint } from './state-hash.ts'

/** The outcome of one entry, addressed to the proposer that waits for it. */
export interface Applied {
  /** What was asked for, by the name of the request in the log: `put`, `leaseGrant`. */
  readonly operation: string
  readonly proposer: MemberId
  readonly requestId: number
  readonly outcome: Outcome<object>
}

export class Applier {
  readonly store: Store
  readonly leases: LeaseTable
  readonly membership: Membership
  readonly alarms: Alarms
  /** The rolling hash of everything applied; it keeps the last points, for comparison. */
  readonly stateHash: StateHash
  readonly #kv: KvState
  readonly #memberId: MemberId
  #appliedIndex: number
  #appliedTerm: number
  #confState: ConfState

  /** `store` and `leases` are as they were at the checkpoint. */
  constructor(
    store: Store,
    leases: LeaseTable,
    checkpoint: Checkpoint,
    onCommit: (commit: Commit) => void,
  ) {
    this.store = store
    this.leases = leases
    this.membership = new Membership(checkpoint.clusterId, checkpoint.membership)
    this.alarms = new Alarms(checkpoint.alarms)
    this.#memberId = checkpoint.memberId
    this.#appliedIndex = checkpoint.appliedIndex
    this.#appliedTerm = checkpoint.appliedTerm
    this.#confState = checkpoint.confState
    this.stateHash = new StateHash(statePoint(checkpoint))
    this.#kv = {
      store,
      leases,
      onCommit: (commit) => {
        this.stateHash.change(commit)
        onCommit(commit)
      },
    }
  }

  get appliedIndex(): number {
    return this.#appliedIndex
  }

  /** The term of the last entry applied. */
  get appliedTerm(): number {
    return this.#appliedTerm
  }

  /** The configuration that Raft votes with, as of the applied index. */
  get confState(): ConfState {
    return this.#confState
  }

  /** Whether this member gets everything but has no vote; false while it is not in the cluster. */
  get isLearner(): boolean {
    return this.membership.get(this.#memberId)?.isLearner === true
  }

  /** Undefined for entries that nobody proposed through a request, such as a leader's no-op. */
  applyNormal(entry: Entry): Applied | undefined {
    this.#advance(entry)
    if (entry.data.length === 0) {
      this.#end(entry)
      return undefined
    }
    const { proposer, requestId, request } = requestOf(entry)
    const outcome = this.#applyRequest(request, entry)
    const operation = request?.case ?? ''
    this.#end(entry, operation, outcome)
    return { operation, proposer, requestId, outcome }
  }

  /**
   * `applyToRaft` changes the configuration that Raft votes with and returns the new one. It is
   * called only for a change of votes that can be made. Undefined for an entry that nobody proposed
   * through a request: the members that a cluster starts with, or the end of a joint configuration.
   */
  applyConfChange(
    entry: Entry,
    applyToRaft: (change: ConfChange) => ConfState,
  ): Applied | undefined {
    this.#advance(entry)
    if (entry.data.length === 0) {
      this.#confState = applyToRaft({ steps: [], transition: 'auto' })
      this.#end(entry)
      return undefined
    }
    const encoded = confChangeOf(entry)
    const outcome = this.#applyMembershipChange(membershipChange(encoded, entry), applyToRaft)
    const operation = 'confChange'
    this.#end(entry, operation, outcome)
    const { proposer, requestId } = encoded
    return requestId === 0 ? undefined : { operation, proposer, requestId, outcome }
  }

  /**
   * Takes the state that another member sent in place of this one's. The store and the leases are
   * adopted where they are kept.
   */
  adopt(checkpoint: Checkpoint): void {
    const { appliedIndex, appliedTerm, clusterId } = checkpoint
    assert(clusterId === this.membership.clusterId, 'a state came from another cluster', {
      clusterId,
    })
    if (appliedIndex <= this.#appliedIndex) {
      assert(false, 'a state that is not newer took the place of this one', {
        appliedIndex,
        before: this.#appliedIndex,
      })
    }
    this.#appliedIndex = appliedIndex
    this.#appliedTerm = appliedTerm
    this.#confState = checkpoint.confState
    this.stateHash.reset(statePoint(checkpoint))
    this.membership.adopt(checkpoint.membership)
    this.alarms.adopt(checkpoint.alarms)
  }

  /** The state at the applied index, to be saved. Plain data: later entries do not change it. */
  checkpoint(): Checkpoint {
    return {
      format: CHECKPOINT_FORMAT,
      clusterId: this.membership.clusterId,
      memberId: this.#memberId,
      appliedIndex: this.#appliedIndex,
      appliedTerm: this.#appliedTerm,
      confState: this.#confState,
      revision: this.store.currentRevision,
      compactedRevision: this.store.compactedRevision,
      finishedCompactRevision: this.store.finishedCompactRevision,
      membership: this.membership.state(),
      alarms: this.alarms.list(),
      leases: this.leases.state(),
      stateHash: this.stateHash.value,
      installed: false,
    }
  }

  #advance(entry: Entry): void {
    if (entry.index !== this.#appliedIndex + 1 || entry.term < this.#appliedTerm) {
      assert(false, 'entries are applied in order', {
        index: entry.index,
        term: entry.term,
        appliedIndex: this.#appliedIndex,
        appliedTerm: this.#appliedTerm,
      })
    }
    this.#appliedIndex = entry.index
    this.#appliedTerm = entry.term
  }

  #end(entry: Entry, operation = '', outcome?: Outcome<object>): void {
    const result = outcome === undefined || outcome.ok ? 'ok' : outcome.error
    this.stateHash.endEntry(entry, operation, result, this.store.currentRevision)
  }

  #applyRequest(request: InternalRequest['request'], entry: Entry): Outcome<object> {
    switch (request?.case) {
      case 'put':
        return this.#refuse(request.value) ?? applyPut(this.#kv, request.value)
      case 'deleteRange':
        return this.#refuse() ?? applyDeleteRange(this.#kv, request.value)
      case 'txn':
        return this.#refuse(request.value) ?? applyTxn(this.#kv, request.value)
      case 'leaseGrant':
        return this.#refuse(request.value) ?? this.#applyLeaseGrant(request.value, entry)
      case 'leaseRevoke':
        return this.#refuse() ?? this.#applyLeaseRevoke(request.value, entry)
      case 'leaseCheckpoint':
        return this.#applyLeaseCheckpoint(request.value, entry)
      case 'compaction':
        return this.#refuse() ?? this.#applyCompaction(request.value)
      case 'alarm':
        return this.#applyAlarm(request.value)
      case 'memberAttributes': {
        const { memberId, name, clientUrls } = request.value
        this.membership.publish(memberId, name, clientUrls)
        return this.#done({})
      }
      case 'clusterVersion':
        this.membership.setClusterVersion(request.value.version)
        return this.#done({})
      case undefined:
        throw new AssertionError('an entry holds no request that this version knows')
      default:
        return unreachable(request)
    }
  }

  /** A corrupt cluster changes nothing any more; one without space stores nothing more. */
  #refuse(growing?: GrowingRequest): Outcome<never> | undefined {
    if (this.alarms.isActive(AlarmType.CORRUPT)) return { ok: false, error: 'corrupt' }
    if (growing === undefined || !this.alarms.isActive(AlarmType.NOSPACE)) return undefined
    return requestCost(growing) > 0 ? { ok: false, error: 'no-space' } : undefined
  }

  /** A change that cannot be made changes nothing, on any member. */
  #applyMembershipChange(
    change: MembershipChange,
    applyToRaft: (change: ConfChange) => ConfState,
  ): Outcome<{ readonly members: readonly Member[] }> {
    const error = this.membership.problemWith(change)
    if (error !== undefined) return { ok: false, error }
    const step = voteStep(change)
    if (step !== undefined) {
      this.#confState = applyToRaft({ steps: [step], transition: 'auto' })
    }
    this.membership.apply(change)
    return this.#done({ members: this.membership.members })
  }

  #applyLeaseGrant(
    { id, ttl }: LeaseGrantRequest,
    { index }: Entry,
  ): Outcome<LeaseGrantResponseInput> {
    const granted = this.leases.grant(id, ttl, index)
    return granted.ok ? this.#done({ id, ttl }) : granted
  }

  #applyLeaseRevoke(
    { lease: id, term, grantIndex }: LeaseRevocation,
    entry: Entry,
  ): Outcome<LeaseRevokeResponseInput> {
    const hasExpired = grantIndex !== 0
    // What a leader found expired counts in its own term only: the next one gives more time.
    if (hasExpired && term !== entry.term) return { ok: false, error: 'leader-changed' }
    const lease = this.#lease(id, grantIndex)
    return lease === undefined
      ? { ok: false, error: 'lease-not-found' }
      : applyRevoke(this.#kv, lease)
  }

  #applyLeaseCheckpoint(
    { term, leases }: LeaseCheckpoints,
    entry: Entry,
  ): Outcome<LeaseCheckpointResponseInput> {
    if (term !== entry.term) return { ok: false, error: 'leader-changed' }
    for (const { lease, grantIndex, remainingTtl } of leases) {
      if (this.#lease(lease, grantIndex) !== undefined) this.leases.checkpoint(lease, remainingTtl)
    }
    return this.#done({})
  }

  /** The lease that the entry at `grantIndex` granted, if it still exists; 0 for any. */
  #lease(id: bigint, grantIndex: number): Lease | undefined {
    const lease = this.leases.get(id)
    return grantIndex === 0 || lease?.grantIndex === grantIndex ? lease : undefined
  }

  #applyCompaction(request: CompactionRequest): Outcome<CompactionResponseInput> {
    const marked = this.store.markCompacted(request.revision)
    return marked.ok ? this.#done({}) : marked
  }

  #applyAlarm(request: AlarmRequest): Outcome<AlarmResponseInput> {
    const alarm = { memberId: request.memberId, type: request.alarm }
    switch (request.action) {
      case AlarmAction.GET:
        return this.#alarmsDone(this.alarms.list(request.alarm))
      case AlarmAction.ACTIVATE:
        if (request.alarm === AlarmType.NONE) return this.#done({})
        this.alarms.activate(alarm)
        return this.#alarmsDone([alarm])
      case AlarmAction.DEACTIVATE:
        return this.#alarmsDone(this.alarms.deactivate(alarm) ? [alarm] : [])
      default:
        return this.#done({})
    }
  }

  #alarmsDone(
    alarms: readonly { memberId: MemberId; type: number }[],
  ): Outcome<AlarmResponseInput> {
    return this.#done({
      alarms: alarms.map(({ memberId, type }) => ({ memberId, alarm: type })),
    })
  }

  #done<Response>(response: Response): Outcome<Response> {
    return { ok: true, revision: this.store.currentRevision, response }
  }
}

export function membershipChange(
  { type, member, maxLearners }: EncodedConfChange,
  { index }: Entry,
): MembershipChange {
  assert(member !== undefined, 'a configuration change names no member', { index })
  const { id, peerUrls } = member
  switch (type) {
    case ConfChangeType.ADD_VOTER:
      return { type: 'add-voter', member: { ...member, isLearner: false } }
    case ConfChangeType.ADD_LEARNER:
      return { type: 'add-learner', member: { ...member, isLearner: true }, maxLearners }
    case ConfChangeType.PROMOTE:
      return { type: 'promote', id }
    case ConfChangeType.UPDATE:
      return { type: 'update', id, peerUrls }
    case ConfChangeType.REMOVE:
      return { type: 'remove', id }
    default:
      throw new AssertionError('a configuration change of an unknown type', { type, index })
  }
}

/** What a change does to the votes. */
function voteStep(change: MembershipChange): ConfChangeStep | undefined {
  switch (change.type) {
    case 'add-voter':
      return { type: 'add-voter', id: change.member.id }
    case 'add-learner':
      return { type: 'add-learner', id: change.member.id }
    case 'promote':
      return { type: 'add-voter', id: change.id }
    case 'remove':
      return { type: 'remove', id: change.id }
    case 'update':
      return undefined
  }
}

function statePoint({ appliedIndex, appliedTerm, stateHash }: Checkpoint): StatePoint {
  return { index: appliedIndex, term: appliedTerm, hash: stateHash }
}
