import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import type {
  AlarmResponseInput,
  CompactionResponseInput,
  HashKVResponseInput,
  PutResponseInput,
  RangeResponseInput,
  StatusResponseInput,
  TxnResponseInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { AlarmRequest_AlarmAction, AlarmType } from '../../src/rpc/codec/etcdserverpb.ts'
import { STATUS } from '../../src/rpc/status.ts'
import { CLUSTER_ID, MEMBER_ID } from './support/member.ts'
import { plainRange, plainTxn } from './support/plain.ts'
import {
  bytes,
  compareRequest,
  deleteRequest,
  k,
  putOp,
  putRequest,
  rangeOp,
  rangeRequest,
  txnRequest,
} from './support/requests.ts'
import { newDisks, TestServer } from './support/test-server.ts'

const EVERYTHING = { key: k('\0'), rangeEnd: k('\0') }
/** More than what is read in one slice. */
const MANY_KEYS = 1000

let server: TestServer
beforeEach(async () => {
  server = await TestServer.start(newDisks(), undefined, {
    maxTxnOps: 4,
    quotaBytes: 200_000,
    maxRequestBytes: 100_000,
  })
})
afterEach(() => server.server.stop())

function put(key: string, value = 'v'): Promise<PutResponseInput> {
  return server.call('KV.Put', putRequest({ key: k(key), value: bytes(value) }))
}

async function range(fields: Parameters<typeof rangeRequest>[0]): Promise<RangeResponseInput> {
  return server.call('KV.Range', rangeRequest(fields))
}

function compact(revision: number, physical = false): Promise<CompactionResponseInput> {
  return server.call('KV.Compact', { revision, physical })
}

async function putMany(): Promise<void> {
  const keys = Array.from({ length: MANY_KEYS }, (_, i) => `k${10_000 + i}`)
  await Promise.all(keys.map((key) => put(key)))
}

describe('KV', () => {
  test('a header tells cluster, member, term and revision', async () => {
    expect(await put('a')).toMatchObject({
      header: { clusterId: CLUSTER_ID, memberId: MEMBER_ID, revision: 2, raftTerm: 2 },
    })
  })

  test('the header of a range shows the current revision, whatever was asked for', async () => {
    await put('a', 'old')
    await put('a', 'new')
    const old = await range({ key: k('a'), revision: 2 })
    expect(old.header?.revision).toBe(3)
    expect(plainRange(old).kvs[0]?.value).toBe('old')
  })

  test('a read sees every write that was answered before it', async () => {
    for (let i = 0; i < 20; i++) {
      await put('a', String(i))
      expect(plainRange(await range({ key: k('a') })).kvs[0]?.value).toBe(String(i))
    }
  })

  test('a large range is answered at one revision while others write and compact', async () => {
    await putMany()
    const reading = range({ ...EVERYTHING, serializable: true })
    const writing = Promise.all([
      put('k10999x'),
      server.call('KV.DeleteRange', deleteRequest(EVERYTHING)),
      compact(MANY_KEYS + 2, true),
    ])
    const response = await reading
    expect(response.header?.revision).toBe(MANY_KEYS + 1)
    expect(plainRange(response).kvs).toHaveLength(MANY_KEYS)
    expect(response.count).toBe(MANY_KEYS)
    await writing
    expect((await range(EVERYTHING)).count).toBe(0)
  })

  test('a transaction of ranges alone makes no entry in the log', async () => {
    await put('a')
    const applied = async (): Promise<number | undefined> =>
      (await server.call<StatusResponseInput>('Maintenance.Status', {})).raftAppliedIndex
    const before = await applied()
    const read = txnRequest({
      compare: [compareRequest({ key: k('a'), targetUnion: { case: 'version', value: 1 } })],
      success: [rangeOp(EVERYTHING)],
    })
    const response = await server.call<TxnResponseInput>('KV.Txn', read)
    expect(response.header?.revision).toBe(2)
    expect(plainTxn(response)).toMatchObject({
      succeeded: true,
      responses: [{ revision: 2, range: { count: 1 } }],
    })
    expect(await applied()).toBe(before)
    await server.call('KV.Txn', txnRequest({ success: [putOp('b')] }))
    expect(await applied()).toBe((before ?? 0) + 1)
  })

  test.each<[string, string, object, number, string]>([
    ['an empty key', 'KV.Put', putRequest({}), STATUS.INVALID_ARGUMENT, 'key is not provided'],
    ['an empty key', 'KV.Range', rangeRequest({}), STATUS.INVALID_ARGUMENT, 'key is not provided'],
    ['an empty key', 'KV.DeleteRange', deleteRequest({}), STATUS.INVALID_ARGUMENT, 'key is not'],
    [
      'too many operations',
      'KV.Txn',
      txnRequest({ success: ['a', 'b', 'c', 'd', 'e'].map((key) => putOp(key)) }),
      STATUS.INVALID_ARGUMENT,
      'too many operations in txn request',
    ],
    [
      'a lease that is not there',
      'KV.Put',
      putRequest({ key: k('a'), lease: 5n }),
      STATUS.NOT_FOUND,
      'requested lease not found',
    ],
    [
      'a future revision',
      'KV.Range',
      rangeRequest({ key: k('a'), revision: 9 }),
      STATUS.OUT_OF_RANGE,
      'mvcc: required revision is a future revision',
    ],
    [
      'a compaction in the future',
      'KV.Compact',
      { revision: 9, physical: false },
      STATUS.OUT_OF_RANGE,
      'mvcc: required revision is a future revision',
    ],
    [
      'a request that is too large',
      'KV.Put',
      putRequest({ key: k('a'), value: new Uint8Array(100_000) }),
      STATUS.INVALID_ARGUMENT,
      'request is too large',
    ],
  ])('%s is an error of %s', async (_name, method, request, code, message) => {
    await expect(server.call(method, request)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(`etcdserver: ${message}`) as unknown,
    })
  })

  test('what is compacted cannot be read or compacted again, the revision itself can be read', async () => {
    for (const value of ['1', '2', '3']) await put('a', value)
    expect(await compact(3)).toMatchObject({ header: { revision: 4 } })
    const compacted = { message: 'etcdserver: mvcc: required revision has been compacted' }
    await expect(range({ key: k('a'), revision: 2 })).rejects.toMatchObject(compacted)
    await expect(compact(3)).rejects.toMatchObject(compacted)
    expect(plainRange(await range({ key: k('a'), revision: 3 })).kvs[0]?.value).toBe('2')
  })

  test('a physical compaction answers when the records are gone', async () => {
    const disks = newDisks()
    const other = await TestServer.start(disks)
    for (let i = 0; i < 5; i++) await other.call('KV.Put', putRequest({ key: k('a') }))
    await other.call('KV.Compact', { revision: 6, physical: true })
    expect(disks.state.records().size).toBe(1)
    await other.server.stop()
  })
})

describe('the quota', () => {
  const full = { code: STATUS.RESOURCE_EXHAUSTED }

  test('once passed raises the alarm, which stops writes until it is taken back', async () => {
    const alarm = (action: number): Promise<AlarmResponseInput> =>
      server.call('Maintenance.Alarm', { action, memberId: '', alarm: AlarmType.NONE })
    for (const key of ['a', 'b']) await put(key, 'v'.repeat(90_000))
    await expect(put('c', 'v'.repeat(60_000))).rejects.toMatchObject(full)
    await expect(put('c')).rejects.toMatchObject(full)
    expect(await alarm(AlarmRequest_AlarmAction.GET)).toMatchObject({
      alarms: [{ memberId: MEMBER_ID, alarm: AlarmType.NOSPACE }],
    })
    const { errors } = await server.call<StatusResponseInput>('Maintenance.Status', {})
    expect(errors).toEqual(['memberID:1 alarm:NOSPACE '])
    await server.call('KV.DeleteRange', deleteRequest({ key: k('a') }))
    await compact(4, true)
    const value = {
      action: AlarmRequest_AlarmAction.DEACTIVATE,
      memberId: MEMBER_ID,
      alarm: AlarmType.NOSPACE,
    }
    await server.call('Maintenance.Alarm', value)
    expect(await put('c', 'v'.repeat(60_000))).toMatchObject({ header: { revision: 5 } })
  })
})

describe('a corrupt cluster', () => {
  test('answers no reads and takes no writes', async () => {
    await put('a')
    const value = {
      action: AlarmRequest_AlarmAction.ACTIVATE,
      memberId: MEMBER_ID,
      alarm: AlarmType.CORRUPT,
    }
    await server.call('Maintenance.Alarm', value)
    const corrupt = { code: STATUS.DATA_LOSS, message: 'etcdserver: corrupt cluster' }
    await expect(put('a')).rejects.toMatchObject(corrupt)
    await expect(range({ key: k('a') })).rejects.toMatchObject(corrupt)
    await expect(range({ key: k('a'), serializable: true })).rejects.toMatchObject(corrupt)
    const read = txnRequest({ success: [rangeOp({ key: k('a') })] })
    await expect(server.call('KV.Txn', read)).rejects.toMatchObject(corrupt)
  })
})

describe('HashKV', () => {
  test('is the same before and after a restart, and while a cut is under way', async () => {
    const disks = newDisks()
    const first = await TestServer.start(disks)
    for (let i = 0; i < 20; i++) await first.call('KV.Put', putRequest({ key: k(`k${i % 7}`) }))
    await first.call('KV.Compact', { revision: 15, physical: false })
    const hash = (of: TestServer): Promise<HashKVResponseInput> =>
      of.call('Maintenance.HashKV', { revision: 0 })
    const early = await hash(first)
    await first.call('KV.Put', putRequest({ key: k('later') }))
    const again = await first.call<HashKVResponseInput>('Maintenance.HashKV', { revision: 21 })
    expect(again.hash).toBe(early.hash)
    const late = await hash(first)
    await first.server.stop()
    const second = await TestServer.start(disks)
    const restarted = await hash(second)
    expect(early).toMatchObject({ compactRevision: 15, hashRevision: 21 })
    expect(restarted).toMatchObject({ hash: late.hash, compactRevision: 15, hashRevision: 22 })
    await second.server.stop()
  })
})
