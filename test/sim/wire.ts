/** Requests of a history as the API's messages, and the answers back. */

import { decodeKeyValue } from '../../src/mvcc/kv.ts'
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmType,
  type AlarmRequest,
  type AlarmResponseInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import type {
  CompactionRequest,
  CompareInput,
  DeleteRangeResponseInput,
  PutResponseInput,
  RangeResponseInput,
  RequestOp,
  ResponseOpInput,
  TxnResponseInput,
  WatchResponse as WireWatchResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import {
  bytes,
  compareRequest,
  deleteRequest,
  k,
  putRequest,
  rangeRequest,
  text,
  txnRequest,
} from '../server/support/requests.ts'
import type {
  Compare,
  DeleteRequest,
  Failure,
  KeyValue,
  KvEvent,
  PutRequest,
  RangeRequest,
  Request,
  Result,
  TxnOperation,
  TxnOperationResult,
  TxnRequest,
  WatchResponse,
} from './check/history.ts'

const NOBODY = '0000000000000000'

type CompactRequest = Extract<Request, { type: 'compact' }>

export interface WireCall {
  readonly method: string
  readonly message: object
}

export function wireCall(request: Exclude<Request, { type: 'lease-keep-alive' }>): WireCall {
  switch (request.type) {
    case 'put':
      return { method: 'KV.Put', message: putMessage(request) }
    case 'range':
      return { method: 'KV.Range', message: rangeMessage(request) }
    case 'delete':
      return { method: 'KV.DeleteRange', message: deleteMessage(request) }
    case 'txn':
      return { method: 'KV.Txn', message: txnMessage(request) }
    case 'compact':
      return { method: 'KV.Compact', message: compactMessage(request) }
    case 'lease-grant':
      return { method: 'Lease.LeaseGrant', message: { id: request.lease, ttl: request.ttl } }
    case 'lease-revoke':
      return { method: 'Lease.LeaseRevoke', message: { id: request.lease } }
    case 'lease-time-to-live':
      return { method: 'Lease.LeaseTimeToLive', message: { id: request.lease, keys: false } }
    case 'lock': {
      const { name, lease, value } = request
      if (value === undefined) {
        return { method: '/v3lockpb.Lock/Lock', message: { name: k(name), lease } }
      }
      return electionCall('Campaign', { name: k(name), lease, value: bytes(value) })
    }
    case 'unlock': {
      const { key, revision: rev } = request
      if (rev === undefined) return { method: '/v3lockpb.Lock/Unlock', message: { key: k(key) } }
      return electionCall('Resign', { leader: { name: k(''), key: k(key), rev, lease: 0n } })
    }
    case 'proclaim': {
      const { key, revision: rev, lease, value } = request
      const leader = { name: k(''), key: k(key), rev, lease }
      return electionCall('Proclaim', { leader, value: bytes(value) })
    }
    case 'leader':
      return electionCall('Leader', { name: k(request.name) })
    case 'alarm':
      return { method: 'Maintenance.Alarm', message: alarmMessage(request.disarms) }
  }
}

function electionCall(name: string, message: object): WireCall {
  return { method: `/v3electionpb.Election/${name}`, message }
}

function alarmMessage(disarms: string | undefined): AlarmRequest {
  return disarms === undefined
    ? { action: AlarmAction.GET, memberId: NOBODY, alarm: AlarmType.NONE }
    : { action: AlarmAction.DEACTIVATE, memberId: disarms, alarm: AlarmType.NOSPACE }
}

function compactMessage({ revision, physical = false }: CompactRequest): CompactionRequest {
  return { revision, physical }
}

function putMessage({ key, value, ...options }: PutRequest): ReturnType<typeof putRequest> {
  const { lease = 0n, prevKv = false, ignoreValue = false, ignoreLease = false } = options
  return putRequest({
    key: k(key),
    value: bytes(ignoreValue ? '' : value),
    lease,
    prevKv,
    ignoreValue,
    ignoreLease,
  })
}

const ORDERS = { ascend: 1, descend: 2 } as const
const TARGETS = { version: 1, create: 2, mod: 3, value: 4 } as const

function rangeMessage(request: RangeRequest): ReturnType<typeof rangeRequest> {
  const { key, rangeEnd = '', revision = 0, limit = 0, serializable = false } = request
  const { keysOnly = false, countOnly = false, order, target } = request
  const { minModRevision = 0, maxModRevision = 0 } = request
  const { minCreateRevision = 0, maxCreateRevision = 0 } = request
  return rangeRequest({
    key: k(key),
    rangeEnd: k(rangeEnd),
    revision,
    limit,
    serializable,
    keysOnly,
    countOnly,
    sortOrder: order === undefined ? 0 : ORDERS[order],
    sortTarget: target === undefined ? 0 : TARGETS[target],
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  })
}

function deleteMessage({
  key,
  rangeEnd = '',
  prevKv = false,
}: DeleteRequest): ReturnType<typeof deleteRequest> {
  return deleteRequest({ key: k(key), rangeEnd: k(rangeEnd), prevKv })
}

function txnMessage({ compares, success, failure }: TxnRequest): ReturnType<typeof txnRequest> {
  return txnRequest({
    compare: compares.map(compareMessage),
    success: success.map(opMessage),
    failure: failure.map(opMessage),
  })
}

function opMessage(operation: TxnOperation): RequestOp {
  switch (operation.type) {
    case 'put':
      return { request: { case: 'requestPut', value: putMessage(operation) } }
    case 'range':
      return { request: { case: 'requestRange', value: rangeMessage(operation) } }
    case 'delete':
      return { request: { case: 'requestDeleteRange', value: deleteMessage(operation) } }
    case 'txn':
      return { request: { case: 'requestTxn', value: txnMessage(operation) } }
  }
}

const RESULTS = { equal: 0, greater: 1, less: 2, 'not-equal': 3 } as const

function compareMessage(compare: Compare): ReturnType<typeof compareRequest> {
  return compareRequest({
    key: k(compare.key),
    rangeEnd: k(compare.rangeEnd ?? ''),
    result: RESULTS[compare.result],
    ...targetOf(compare),
  })
}

function targetOf(compare: Compare): {
  target: number
  targetUnion: Exclude<CompareInput['targetUnion'], undefined>
} {
  switch (compare.target) {
    case 'version':
      return { target: 0, targetUnion: { case: 'version', value: compare.operand } }
    case 'create':
      return { target: 1, targetUnion: { case: 'createRevision', value: compare.operand } }
    case 'mod':
      return { target: 2, targetUnion: { case: 'modRevision', value: compare.operand } }
    case 'value':
      return { target: 3, targetUnion: { case: 'value', value: bytes(compare.operand) } }
    case 'lease':
      return { target: 4, targetUnion: { case: 'lease', value: compare.lease } }
  }
}

interface Answered {
  readonly header?: { readonly revision?: number | undefined } | undefined
  readonly ttl?: number | undefined
  readonly key?: string | undefined
  /** Of a campaign. */
  readonly leader?: { readonly key: string; readonly rev: number } | undefined
  /** Who leads. */
  readonly kv?: Uint8Array | undefined
}

export function answerOf(
  request: Request,
  response: object,
): { readonly revision: number; readonly result: Result } {
  const { header, ttl = 0, key = '', leader, kv } = response as Answered
  const revision = header?.revision ?? 0
  switch (request.type) {
    case 'compact':
    case 'lease-revoke':
    case 'unlock':
    case 'proclaim':
      return { revision, result: { type: request.type } }
    case 'lease-grant':
    case 'lease-keep-alive':
    case 'lease-time-to-live':
      return { revision, result: { type: request.type, ttl } }
    case 'lock':
      if (leader === undefined) return { revision, result: { type: 'lock', key } }
      return { revision, result: { type: 'lock', key: leader.key, createRevision: leader.rev } }
    case 'leader':
      return { revision, result: { type: 'leader', kv: kvOf(kv ?? new Uint8Array(0)) } }
    case 'alarm':
      return { revision, result: { type: 'alarm', withoutSpace: withoutSpace(response) } }
    default:
      return { revision, result: operationResult(request, response) }
  }
}

function operationResult(request: TxnOperation, response: object): TxnOperationResult {
  switch (request.type) {
    case 'put': {
      const { prevKv } = response as PutResponseInput
      return prevKv === undefined ? { type: 'put' } : { type: 'put', prevKv: kvOf(prevKv) }
    }
    case 'range': {
      const { kvs = [], count = 0, more = false } = response as RangeResponseInput
      const result = { type: 'range', kvs: kvs.map(kvOf), count } as const
      return more ? { ...result, more } : result
    }
    case 'delete': {
      const { deleted = 0, prevKvs = [] } = response as DeleteRangeResponseInput
      if (prevKvs.length === 0) return { type: 'delete', deleted }
      return { type: 'delete', deleted, prevKvs: prevKvs.map(kvOf) }
    }
    case 'txn': {
      const { succeeded = false, responses = [] } = response as TxnResponseInput
      const asked = succeeded ? request.success : request.failure
      return {
        type: 'txn',
        succeeded,
        responses: asked.map((one, i) => operationResult(one, responseOf(responses[i]))),
      }
    }
  }
}

function responseOf(response: ResponseOpInput | undefined): object {
  return response?.response?.value ?? {}
}

export function kvOf(record: Uint8Array): KeyValue {
  const { key, value, createRevision, modRevision, version, lease } = decodeKeyValue(record)
  const kv = { key, value: text(value), createRevision, modRevision, version }
  return lease === 0n ? kv : { ...kv, lease }
}

function withoutSpace({ alarms = [] }: AlarmResponseInput): string[] {
  return alarms.flatMap(({ alarm, memberId = NOBODY }) =>
    alarm === AlarmType.NOSPACE ? [memberId] : [],
  )
}

/** What a refusal says; undefined when it leaves open whether the request took effect. */
export function failureOf(message: string): Failure | undefined {
  if (message.includes('has been compacted')) return 'compacted'
  if (message.includes('future revision')) return 'future-revision'
  if (message.includes('lease not found')) return 'lease-not-found'
  if (message.includes('lease already exists')) return 'lease-exists'
  if (message.includes('key not found')) return 'key-not-found'
  if (message.includes('database space exceeded')) return 'no-space'
  if (message === 'election: no leader') return 'no-leader'
  if (message === 'election: not leader') return 'not-leader'
  if (message.includes('rpc not supported for learner')) return 'refused'
  if (message.includes('too many requests')) return 'refused'
  return undefined
}

export function watchResponseOf(response: WireWatchResponse, at: number): WatchResponse {
  const { header, created, canceled, compactRevision, fragment, events } = response
  const type = canceled
    ? 'canceled'
    : created
      ? 'created'
      : events.length > 0
        ? 'events'
        : 'progress'
  return {
    at,
    revision: header?.revision ?? 0,
    type,
    ...(events.length > 0 && { events: events.map(eventOf) }),
    ...(fragment && { fragment }),
    ...(compactRevision > 0 && { compactRevision }),
  }
}

function eventOf({ type, kv, prevKv }: WireWatchResponse['events'][number]): KvEvent {
  const none = new Uint8Array(0)
  const event = { type: type === 0 ? 'put' : 'delete', kv: kvOf(kv ?? none) } as const
  return prevKv === undefined ? event : { ...event, prevKv: kvOf(prevKv) }
}
