/**
 * The applier: replicated state, and the one place that changes it. Entries come in index order
 * and are applied synchronously; the outcome, errors included, is the same on every member.
 *
 * Invariant: everything here is a function of the entries applied so far. No clock, no randomness,
 * no local identity; nothing but `apply` writes.
 */

import { assert, AssertionError, unreachable } from '../base/assert.ts'
import type { Commit, Store } from '../mvcc/store.ts'
import type { ConfChange, ConfState, Entry, MemberId } from '../raft/types.ts'
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
  type AlarmRequest,
  type AlarmResponseInput,
  type CompactionRequest,
  type CompactionResponseInput,
  type PutRequest,
  type TxnRequest,
} from '../rpc/codec/etcdserverpb.ts'
import {
  ConfChange_Type as ConfChangeType,
  decodeConfChange,
  decodeInternalRequest,
  type InternalRequest,
} from '../rpc/codec/quoratepb.ts'
import { Alarms } from './alarms.ts'
import { applyDeleteRange, applyPut, applyTxn, type KvState, type Outcome } from './apply-txn.ts'
import { CHECKPOINT_FORMAT, type Checkpoint } from './checkpoint.ts'
import { Membership } from './membership.ts'
import { requestCost } from './quota.ts'

/** The outcome of one entry, addressed to the proposer that waits for it. */
export interface Applied {
  readonly proposer: MemberId
  readonly requestId: number
  readonly outcome: Outcome<object>
}

export class Applier {
  readonly store: Store
  readonly membership: Membership
  readonly alarms: Alarms
  readonly #kv: KvState
  readonly #memberId: MemberId
  #appliedIndex: number
  #appliedTerm: number
  #confState: ConfState

  /** `store` has been restored to the checkpoint's revision. */
  constructor(store: Store, checkpoint: Checkpoint, onCommit: (commit: Commit) => void) {
    this.store = store
    // Why: until leases can be granted, none exists that a put could name.
    this.#kv = { store, onCommit, hasLease: () => false }
    this.membership = new Membership(checkpoint.clusterId, checkpoint.membership)
    this.alarms = new Alarms(checkpoint.alarms)
    this.#memberId = checkpoint.memberId
    this.#appliedIndex = checkpoint.appliedIndex
    this.#appliedTerm = checkpoint.appliedTerm
    this.#confState = checkpoint.confState
  }

  get appliedIndex(): number {
    return this.#appliedIndex
  }

  /** Undefined for entries that nobody proposed through a request, such as a leader's no-op. */
  applyNormal(entry: Entry): Applied | undefined {
    this.#advance(entry)
    if (entry.data.length === 0) return undefined
    const internal = decodeInternalRequest(entry.data)
    const outcome = this.#applyRequest(internal.request)
    return { proposer: internal.proposer, requestId: internal.requestId, outcome }
  }

  /** `applyToRaft` changes the configuration that Raft votes with and returns the new one. */
  applyConfChange(entry: Entry, applyToRaft: (change: ConfChange) => ConfState): void {
    this.#advance(entry)
    const { type, member } = decodeConfChange(entry.data)
    assert(member !== undefined, 'a configuration change names no member', { index: entry.index })
    switch (type) {
      case ConfChangeType.ADD_VOTER: {
        const { id, name, peerUrls, clientUrls, isLearner } = member
        this.membership.add({ id, name, peerUrls, clientUrls, isLearner })
        this.#confState = applyToRaft({ type: 'add', id })
        return
      }
      case ConfChangeType.REMOVE:
        this.membership.remove(member.id)
        this.#confState = applyToRaft({ type: 'remove', id: member.id })
        return
      default:
        assert(false, 'a configuration change of an unknown type', { type, index: entry.index })
    }
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

  #applyRequest(request: InternalRequest['request']): Outcome<object> {
    switch (request?.case) {
      case 'put':
        return this.#refuse(request.value) ?? applyPut(this.#kv, request.value)
      case 'deleteRange':
        return this.#refuse() ?? applyDeleteRange(this.#kv, request.value)
      case 'txn':
        return this.#refuse(request.value) ?? applyTxn(this.#kv, request.value)
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
  #refuse(growing?: PutRequest | TxnRequest): Outcome<never> | undefined {
    if (this.alarms.isActive(AlarmType.CORRUPT)) return { ok: false, error: 'corrupt' }
    if (growing === undefined || !this.alarms.isActive(AlarmType.NOSPACE)) return undefined
    return requestCost(growing) > 0 ? { ok: false, error: 'no-space' } : undefined
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
