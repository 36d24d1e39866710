/**
 * What a client of one node can see of the gRPC API besides the meaning of KV requests: identity,
 * headers, status, limits, and what is not served.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GrpcClient, loadMethods } from '../support/grpc-client.ts'
import type { Message } from '../support/grpc-client.ts'
import { servedMethods } from '../support/served-methods.ts'
import type { RunningServer } from '../support/test-bed.ts'
import { DEFAULT_CLUSTER_ID, DEFAULT_MEMBER_ID, TestBed } from '../support/test-bed.ts'

const MEMBER_ID = BigInt(`0x${DEFAULT_MEMBER_ID}`).toString()
const CLUSTER_ID = BigInt(`0x${DEFAULT_CLUSTER_ID}`).toString()

const NOT_FOUND = 5
const INVALID_ARGUMENT = 3
const RESOURCE_EXHAUSTED = 8
const UNIMPLEMENTED = 12

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const put = (key: string, value: string | Buffer): Message => ({
  key: bytes(key),
  value: typeof value === 'string' ? bytes(value) : value,
})

describe('one node as a gRPC client sees it', () => {
  const bed = new TestBed()
  let node: RunningServer
  let client: GrpcClient

  beforeAll(async () => {
    node = await bed.startQuorate()
    client = new GrpcClient(node.endpoint)
  })
  afterAll(async () => {
    client.close()
    await bed.cleanUp()
  })

  describe('identity', () => {
    it('the default name, peer URL and token give the ids that etcd gives', async () => {
      const { header } = await client.ok('KV.Range', { key: bytes('a') })
      expect(header).toMatchObject({ cluster_id: CLUSTER_ID, member_id: MEMBER_ID })
    })

    it('the member list has the one member with its name and URLs', async () => {
      for (const linearizable of [false, true]) {
        const { members } = await client.ok('Cluster.MemberList', { linearizable })
        expect(members).toEqual([
          {
            ID: MEMBER_ID,
            name: 'default',
            peerURLs: ['http://localhost:2380'],
            clientURLs: [node.clientUrl],
            isLearner: false,
          },
        ])
      }
    })

    it('another token gives another cluster and member', async () => {
      const other = await bed.startQuorate({ args: ['--initial-cluster-token', 'other'] })
      const otherClient = new GrpcClient(other.endpoint)
      const { header } = await otherClient.ok('KV.Range', { key: bytes('a') })
      otherClient.close()
      expect(header.member_id).not.toBe(MEMBER_ID)
      expect(header.cluster_id).not.toBe(CLUSTER_ID)
      await other.stop()
    })
  })

  describe('response headers', () => {
    const full = (revision: number): Message => ({
      cluster_id: CLUSTER_ID,
      member_id: MEMBER_ID,
      revision: String(revision),
      raft_term: expect.stringMatching(/^[1-9]\d*$/),
    })

    it('carry the revision of the write, or the current one for everything else', async () => {
      const { header } = await client.ok('KV.Put', put('header', '1'))
      const first = Number(header.revision)
      expect(header).toEqual(full(first))
      const calls: [method: string, request: Message, revision: number][] = [
        ['KV.Put', put('header', '2'), first + 1],
        ['KV.Range', { key: bytes('header'), revision: first }, first + 1],
        ['KV.Range', { key: bytes('header'), serializable: true }, first + 1],
        ['KV.DeleteRange', { key: bytes('no such key') }, first + 1],
        ['KV.DeleteRange', { key: bytes('header') }, first + 2],
        ['KV.Txn', {}, first + 2],
        ['KV.Txn', { success: [{ request_put: put('header', '3') }] }, first + 3],
        ['KV.Compact', { revision: first }, first + 3],
        ['Maintenance.Status', {}, first + 3],
        ['Maintenance.Alarm', {}, first + 3],
        ['Maintenance.HashKV', {}, first + 3],
        ['Maintenance.HashKV', { revision: first + 1 }, first + 3],
        ['Cluster.MemberList', { linearizable: true }, 0],
      ]
      for (const [method, request, revision] of calls) {
        const response = await client.ok(method, request)
        expect({ method, header: response['header'] }).toEqual({ method, header: full(revision) })
      }
    })

    it('are absent from Defragment', async () => {
      expect(await client.ok('Maintenance.Defragment', {})).toEqual({ header: null })
    })

    it('inside a transaction carry the revision alone, and nothing in a nested transaction', async () => {
      const { header } = await client.ok('KV.Range', { key: bytes('a') })
      const begin = Number(header.revision)
      const only = (revision: number): Message => ({
        cluster_id: '0',
        member_id: '0',
        revision: String(revision),
        raft_term: '0',
      })
      const read = { request_range: { key: bytes('nested') } }
      const { responses } = await client.ok('KV.Txn', {
        success: [
          read,
          { request_delete_range: { key: bytes('no such key') } },
          { request_put: put('nested', '1') },
          read,
          { request_txn: { success: [read] } },
        ],
      })
      const headerOf = (op: Message): Message => op[op['response']].header
      expect(responses.map(headerOf)).toEqual([
        only(begin),
        only(begin),
        only(begin + 1),
        only(begin + 1),
        only(0),
      ])
      expect(headerOf(responses[4].response_txn.responses[0])).toEqual(only(begin + 1))
    })
  })

  it('Status tells version, sizes, leader, indexes and quota', async () => {
    const status = await client.ok('Maintenance.Status', {})
    expect(status).toMatchObject({
      version: expect.stringMatching(/^3\.6\.\d+$/),
      leader: MEMBER_ID,
      errors: [],
      isLearner: false,
      storageVersion: '3.6.0',
      dbSizeQuota: '2147483648',
      downgradeInfo: { enabled: false, targetVersion: '' },
    })
    expect(Number(status['dbSize'])).toBeGreaterThan(0)
    expect(Number(status['dbSizeInUse'])).toBeGreaterThan(0)
    expect(Number(status['dbSizeInUse'])).toBeLessThanOrEqual(Number(status['dbSize']))
    expect(status['raftTerm']).toBe(status['header'].raft_term)
    expect(Number(status['raftAppliedIndex'])).toBeGreaterThan(0)
    expect(Number(status['raftIndex'])).toBeGreaterThanOrEqual(Number(status['raftAppliedIndex']))
    const { header } = await client.ok('KV.Put', put('status', '1'))
    const after = await client.ok('Maintenance.Status', {})
    expect(after['header'].revision).toBe(header.revision)
    expect(Number(after['raftIndex'])).toBeGreaterThan(Number(status['raftIndex']))
  })

  describe('what is not served', () => {
    const served = new Set(servedMethods())
    const others = [...loadMethods()].filter(([path]) => !served.has(path))

    it('the list of what is served names methods of the .proto files', () => {
      expect(servedMethods().filter((path) => !loadMethods().has(path))).toEqual([])
    })

    it.each(others.map(([path, definition]) => ({ path, definition })))(
      '$path is UNIMPLEMENTED',
      async ({ path, definition }) => {
        if (definition.requestStream || definition.responseStream) {
          const status = await client.stream(path, {}).ended
          expect(status).toMatchObject({ code: UNIMPLEMENTED })
        } else {
          expect(await client.call(path, {})).toMatchObject({ ok: false, code: UNIMPLEMENTED })
        }
      },
    )

    it('an unknown service and an unknown method are told by name', async () => {
      expect(await client.raw('/no.such.Service/Method', Buffer.alloc(0))).toEqual({
        ok: false,
        code: UNIMPLEMENTED,
        message: 'unknown service no.such.Service',
      })
      expect(await client.raw('/etcdserverpb.KV/NoSuchMethod', Buffer.alloc(0))).toEqual({
        ok: false,
        code: UNIMPLEMENTED,
        message: 'unknown method NoSuchMethod for service etcdserverpb.KV',
      })
    })
  })

  describe('limits', () => {
    const MIB = 1024 * 1024
    const putOf = (size: number): Message => put('large', Buffer.alloc(size, 0x61))

    it('a request just under 1.5 MiB is served and read back', async () => {
      await client.ok('KV.Put', putOf(1.5 * MIB - 512))
      const { kvs } = await client.ok('KV.Range', { key: bytes('large') })
      expect(kvs[0].value.length).toBe(1.5 * MIB - 512)
    })

    it.each([1.5 * MIB, 1.75 * MIB, 2 * MIB - 512])(
      'a put of %i bytes is refused as too large by the server itself',
      async (size) => {
        expect(await client.call('KV.Put', putOf(size))).toEqual({
          ok: false,
          code: INVALID_ARGUMENT,
          message: 'etcdserver: request is too large',
        })
      },
    )

    it.each([2 * MIB + 1, 20 * MIB])(
      'a put of %i bytes is refused by the transport, and the connection lives on',
      async (size) => {
        const result = await client.call('KV.Put', putOf(size))
        expect(result).toMatchObject({ ok: false, code: RESOURCE_EXHAUSTED })
        await client.ok('KV.Range', { key: bytes('a') })
      },
    )

    it('--max-request-bytes moves both limits', async () => {
      const small = await bed.startQuorate({ args: ['--max-request-bytes', '10000'] })
      const smallClient = new GrpcClient(small.endpoint)
      await smallClient.ok('KV.Put', putOf(9000))
      expect(await smallClient.call('KV.Put', putOf(10_000))).toMatchObject({
        message: 'etcdserver: request is too large',
      })
      expect(await smallClient.call('KV.Put', putOf(600_000))).toMatchObject({
        code: RESOURCE_EXHAUSTED,
      })
      smallClient.close()
      await small.stop()
    })

    const puts = (count: number): Message[] =>
      Array.from({ length: count }, (_, n) => ({ request_put: put(`op/${n}`, 'v') }))
    const tooMany = {
      ok: false,
      code: INVALID_ARGUMENT,
      message: 'etcdserver: too many operations in txn request',
    }

    it('a transaction has at most 128 operations in one list', async () => {
      await client.ok('KV.Txn', { success: puts(128), failure: puts(128) })
      expect(await client.call('KV.Txn', { success: puts(129) })).toEqual(tooMany)
      expect(await client.call('KV.Txn', { failure: puts(129) })).toEqual(tooMany)
    })

    it('--max-txn-ops moves that limit', async () => {
      const small = await bed.startQuorate({ args: ['--max-txn-ops', '3'] })
      const smallClient = new GrpcClient(small.endpoint)
      await smallClient.ok('KV.Txn', { success: puts(3) })
      expect(await smallClient.call('KV.Txn', { success: puts(4) })).toEqual(tooMany)
      smallClient.close()
      await small.stop()
    })
  })

  it('malformed bytes end the call and not the connection', async () => {
    const result = await client.raw('/etcdserverpb.KV/Put', Buffer.from([0x0a, 0xff, 0x01]))
    expect(result).toMatchObject({ ok: false, code: 13 })
    await client.ok('KV.Range', { key: bytes('a') })
  })

  // etcd takes a deletion with an open end for an empty interval when it looks for keys that are
  // both put and deleted in one transaction, accepts the transaction, and ends itself later.
  it('a transaction that deletes from a key on and puts a key there does no harm', async () => {
    const own = await bed.startQuorate()
    const ownClient = new GrpcClient(own.endpoint)
    await ownClient.ok('KV.Put', put('k', '1'))
    const rest = { request_delete_range: { key: bytes('a'), range_end: bytes('\x00') } }
    const kept = { request_put: { key: bytes('k'), ignore_value: true } }
    await ownClient.call('KV.Txn', { success: [rest, kept] })
    await ownClient.call('KV.Txn', { success: [rest, { request_put: put('k', '2') }] })
    const before = await ownClient.ok('KV.Range', { key: bytes('k') })
    await ownClient.ok('KV.Compact', { revision: before['header'].revision, physical: true })
    const after = await ownClient.ok('KV.Range', { key: bytes('k') })
    expect(after['kvs']).toEqual(before['kvs'])
    expect(after['count']).toBe('1')
    ownClient.close()

    await own.kill9()
    const again = await bed.startQuorate({ dataDirectory: own.dataDirectory })
    const clientAgain = new GrpcClient(again.endpoint)
    expect((await clientAgain.ok('KV.Range', { key: bytes('k') }))['kvs']).toEqual(before['kvs'])
    clientAgain.close()
    await again.stop()
  })

  describe('grpc.health.v1', () => {
    const CHECK = '/grpc.health.v1.Health/Check'
    const WATCH = '/grpc.health.v1.Health/Watch'

    it('Check answers SERVING for the server as a whole and NOT_FOUND for a service it lacks', async () => {
      expect(await client.ok(CHECK, {})).toEqual({ status: 'SERVING' })
      expect(await client.call(CHECK, { service: 'no.such.Service' })).toEqual({
        ok: false,
        code: NOT_FOUND,
        message: 'unknown service',
      })
    })

    it('Watch tells the state at once and stays open', async () => {
      const stream = client.stream(WATCH, {})
      expect(await stream.next()).toEqual({ status: 'SERVING' })
      stream.cancel()
      const unknown = client.stream(WATCH, { service: 'no.such.Service' })
      expect(await unknown.next()).toEqual({ status: 'SERVICE_UNKNOWN' })
      unknown.cancel()
    })
  })
})
