/** etcdserverpb.Maintenance: status, alarms, hashes and defragmentation, the leader's office. */

import type { Logger } from '../../base/ports.ts'
import { NO_MEMBER, type MemberId } from '../../raft/types.ts'
import { defineUnary, type Method } from '../../rpc/engine.ts'
import {
  AlarmType,
  MaintenanceService as Rpc,
  type AlarmRequest,
  type AlarmResponseInput,
  type DefragmentResponseInput,
  type HashKVRequest,
  type HashKVResponseInput,
  type HashResponseInput,
  type MoveLeaderRequest,
  type MoveLeaderResponseInput,
  type StatusResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import type { StateStore } from '../../storage/ports.ts'
import type { Alarm } from '../alarms.ts'
import type { Applier } from '../applier.ts'
import { errorText, etcdError, type ErrorName } from '../errors.ts'
import type { Measure } from '../measure.ts'
import type { Proposer } from '../proposer.ts'
import type { RaftNode } from '../raft-node.ts'
import type { ResponseHeaders } from '../response-header.ts'
import { SERVER_READER, type Reader, type SlicedReads } from '../sliced-reads.ts'
import { ETCD_VERSION, STORAGE_VERSION } from '../version.ts'

export interface MaintenanceParts {
  readonly applier: Applier
  readonly raftNode: RaftNode
  readonly proposer: Proposer
  readonly state: StateStore
  readonly headers: ResponseHeaders
  readonly logger: Logger
  readonly quotaBytes: number
  readonly reads: SlicedReads
  readonly measureHash: Measure
  readonly measureDefragment: Measure
  /**
   * Hands the leader's office over and resolves when the other member is known to lead, or with
   * 'transfer-timeout' when it does not come to that. Never rejects.
   */
  readonly transferLeadership: (to: MemberId) => Promise<TransferOutcome>
}

export type TransferOutcome =
  { readonly ok: true } | { readonly ok: false; readonly error: ErrorName }

export class MaintenanceService {
  readonly #parts: MaintenanceParts

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
  }

  methods(): Method[] {
    const { status, alarm, hash, hashKV, defragment, moveLeader } = Rpc
    return [
      defineUnary(status.path, status.codec, () => this.status()),
      defineUnary(alarm.path, alarm.codec, (request) => this.alarm(request)),
      defineUnary(hash.path, hash.codec, (_request, context) => this.hash(context)),
      defineUnary(hashKV.path, hashKV.codec, (request, context) => this.hashKv(request, context)),
      defineUnary(defragment.path, defragment.codec, () => this.defragment()),
      defineUnary(moveLeader.path, moveLeader.codec, (request) => this.moveLeader(request)),
    ]
  }

  async status(): Promise<StatusResponseInput> {
    const { applier, raftNode, state, headers, quotaBytes } = this.#parts
    const dbSize = await state.diskBytes()
    const errors = applier.alarms.list().map(describeAlarm)
    if (raftNode.leader === NO_MEMBER) errors.unshift(errorText('no-leader'))
    return {
      header: headers.at(applier.store.currentRevision),
      version: ETCD_VERSION,
      dbSize,
      leader: raftNode.leader,
      raftIndex: raftNode.committedIndex,
      raftTerm: raftNode.term,
      raftAppliedIndex: applier.appliedIndex,
      errors,
      dbSizeInUse: Math.min(dbSize, state.bytesInUse),
      isLearner: applier.isLearner,
      storageVersion: STORAGE_VERSION,
      dbSizeQuota: Number.isFinite(quotaBytes) ? quotaBytes : -1,
      downgradeInfo: {},
    }
  }

  async alarm(request: AlarmRequest): Promise<AlarmResponseInput> {
    const { proposer, headers } = this.#parts
    const outcome = await proposer.propose<AlarmResponseInput>({ case: 'alarm', value: request })
    if (!outcome.ok) throw etcdError(outcome.error)
    return { header: headers.at(outcome.revision), ...outcome.response }
  }

  async hash(reader: Reader): Promise<HashResponseInput> {
    const { applier, headers, reads } = this.#parts
    const header = headers.at(applier.store.currentRevision)
    const hash = await reads.run(reader, (giveWay) => applier.store.hashAll(giveWay))
    return { header, hash }
  }

  async hashKv(request: HashKVRequest, reader: Reader): Promise<HashKVResponseInput> {
    const { applier, headers, reads, measureHash } = this.#parts
    const revision = applier.store.currentRevision
    const result = await measureHash(() =>
      reads.run(reader, (giveWay) => applier.store.hash(request.revision, giveWay)),
    )
    if (!result.ok) throw etcdError(result.error)
    const { hash, compactRevision, hashRevision } = result
    return { header: headers.at(revision), hash, compactRevision, hashRevision }
  }

  async defragment(): Promise<DefragmentResponseInput> {
    const { state, logger, reads, measureDefragment } = this.#parts
    logger.info('starting defragment')
    // Among the reads, so that no other state takes this one's place meanwhile.
    await measureDefragment(() => reads.run(SERVER_READER, () => state.defragment()))
    logger.info('finished defragment')
    return {}
  }

  /** As in etcd the leader itself must be asked: nobody forwards this. */
  async moveLeader({ targetId }: MoveLeaderRequest): Promise<MoveLeaderResponseInput> {
    const { applier, raftNode, headers, transferLeadership } = this.#parts
    if (raftNode.leader !== headers.memberId) throw etcdError('not-leader')
    const target = applier.membership.get(targetId)
    if (target === undefined || target.isLearner) throw etcdError('bad-leader-transferee')
    const outcome = await transferLeadership(targetId)
    if (!outcome.ok) throw etcdError(outcome.error)
    return {}
  }
}

const ALARM_NAMES = new Map<number, string>(
  Object.entries(AlarmType).map(([name, type]) => [type, name]),
)

/** As etcd prints an alarm, the trailing space included. */
function describeAlarm(alarm: Alarm): string {
  const type = ALARM_NAMES.get(alarm.type) ?? String(alarm.type)
  return `memberID:${BigInt(`0x${alarm.memberId}`)} alarm:${type} `
}
