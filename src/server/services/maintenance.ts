/** etcdserverpb.Maintenance: status, alarms, hashes and defragmentation of this member. */

import type { Logger } from '../../base/ports.ts'
import { NO_MEMBER } from '../../raft/types.ts'
import { defineUnary, type Method } from '../../rpc/engine.ts'
import {
  AlarmType,
  decodeAlarmRequest,
  decodeDefragmentRequest,
  decodeHashKVRequest,
  decodeHashRequest,
  decodeStatusRequest,
  encodeAlarmResponse,
  encodeDefragmentResponse,
  encodeHashKVResponse,
  encodeHashResponse,
  encodeStatusResponse,
  type AlarmRequest,
  type AlarmResponseInput,
  type DefragmentResponseInput,
  type HashKVRequest,
  type HashKVResponseInput,
  type HashResponseInput,
  type StatusResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import type { StateStore } from '../../storage/ports.ts'
import type { Alarm } from '../alarms.ts'
import type { Applier } from '../applier.ts'
import { errorText, etcdError } from '../errors.ts'
import type { Measure } from '../measure.ts'
import type { Proposer } from '../proposer.ts'
import type { RaftNode } from '../raft-node.ts'
import type { ResponseHeaders } from '../response-header.ts'
import type { Reader, SlicedReads } from '../sliced-reads.ts'
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
}

export class MaintenanceService {
  readonly #parts: MaintenanceParts

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
  }

  methods(): Method[] {
    return [
      defineUnary(
        '/etcdserverpb.Maintenance/Status',
        { decode: decodeStatusRequest, encode: encodeStatusResponse },
        () => this.status(),
      ),
      defineUnary(
        '/etcdserverpb.Maintenance/Alarm',
        { decode: decodeAlarmRequest, encode: encodeAlarmResponse },
        (request) => this.alarm(request),
      ),
      defineUnary(
        '/etcdserverpb.Maintenance/Hash',
        { decode: decodeHashRequest, encode: encodeHashResponse },
        (_request, context) => this.hash(context),
      ),
      defineUnary(
        '/etcdserverpb.Maintenance/HashKV',
        { decode: decodeHashKVRequest, encode: encodeHashKVResponse },
        (request, context) => this.hashKv(request, context),
      ),
      defineUnary(
        '/etcdserverpb.Maintenance/Defragment',
        { decode: decodeDefragmentRequest, encode: encodeDefragmentResponse },
        () => this.defragment(),
      ),
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
      isLearner: false,
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
    const { state, logger, measureDefragment } = this.#parts
    logger.info('starting defragment')
    await measureDefragment(() => state.defragment())
    logger.info('finished defragment')
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
