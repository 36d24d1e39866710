import { Registry } from 'prom-client'
import { beforeEach, describe, expect, test } from 'vitest'

import {
  defineBidi,
  defineServerStream,
  defineUnary,
  type CallContext,
  type Method,
} from '../../src/rpc/engine.ts'
import { CallGuard } from '../../src/server/call-guard.ts'
import type { ErrorName } from '../../src/server/errors.ts'

const CODEC = { decode: () => ({}), encode: () => new Uint8Array(0) }

let handled: string[]
let hasLeader: boolean
let isLearner: boolean
let refusal: ErrorName | undefined
let guard: CallGuard
beforeEach(() => {
  handled = []
  hasLeader = true
  isLearner = false
  refusal = undefined
  guard = new CallGuard({
    hasLeader: () => hasLeader,
    isLearner: () => isLearner,
    refusal: () => refusal,
  })
})

const METHODS: readonly Method[] = [
  defineUnary('/s/Unary', CODEC, () => {
    handled.push('unary')
    return {}
  }),
  defineServerStream('/s/Stream', CODEC, () => void handled.push('stream')),
  defineBidi('/s/Bidi', CODEC, () => void handled.push('bidi')),
]

/** Calls all three kinds of method; the errors that they throw, by their messages. */
function callAll(metadata: Readonly<Record<string, string>>): string[] {
  return METHODS.map((method) => call(method, metadata))
}

function call(
  method: Method,
  metadata: Readonly<Record<string, string>> = {},
  request: object = {},
): string {
  const context: CallContext = {
    metadata: (name) => metadata[name],
    peerAddress: 'test:1',
    cancelled: false,
    onCancel: () => undefined,
  }
  const guarded = guard.guard(method) as { handle(...given: unknown[]): unknown }
  try {
    const streams = method.kind === 'unary' ? [] : [{}]
    guarded.handle(request, ...streams, context)
    return 'ok'
  } catch (error) {
    return (error as Error).message
  }
}

const all = (outcome: string): string[] => [outcome, outcome, outcome]

describe('a call of any kind', () => {
  test('without metadata reaches its service', () => {
    expect(callAll({})).toEqual(all('ok'))
    expect(handled).toEqual(['unary', 'stream', 'bidi'])
  })

  test('that demands a leader is refused when there is none', () => {
    expect(callAll({ hasleader: 'true' })).toEqual(all('ok'))
    hasLeader = false
    handled = []
    expect(callAll({ hasleader: 'true' })).toEqual(all('etcdserver: no leader'))
    expect(handled).toEqual([])
    expect(callAll({})).toEqual(all('ok'))
    expect(callAll({ hasleader: 'false' })).toEqual(all('ok'))
  })

  test('of a version that is not UTF-8 is refused', () => {
    const refused = all('etcdserver: invalid client api version')
    expect(callAll({ 'client-api-version': '\xff\xfe' })).toEqual(refused)
    expect(handled).toEqual([])
    const version = Buffer.from('3.6·é', 'utf8').toString('latin1')
    expect(callAll({ 'client-api-version': version })).toEqual(all('ok'))
  })
})

describe('a learner', () => {
  const NOT_HERE = 'etcdserver: rpc not supported for learner'
  const callPath = (path: string, kind: Method['kind'], request: object = {}): string => {
    const method = METHODS.find((one) => one.kind === kind)!
    return call({ ...method, path }, {}, request)
  }
  beforeEach(() => {
    isLearner = true
  })

  test('serves what is here: its status, serializable ranges and its snapshot', () => {
    expect(callPath('/etcdserverpb.Maintenance/Status', 'unary')).toBe('ok')
    expect(callPath('/etcdserverpb.Maintenance/Snapshot', 'server-stream')).toBe('ok')
    expect(callPath('/etcdserverpb.KV/Range', 'unary', { serializable: true })).toBe('ok')
    expect(callPath('/etcdserverpb.KV/Range', 'unary', { serializable: false })).toBe(NOT_HERE)
    expect(handled.length).toBe(3)
  })

  test.each<[kind: Method['kind'], path: string]>([
    ['unary', '/etcdserverpb.KV/Put'],
    ['unary', '/etcdserverpb.Cluster/MemberList'],
    ['unary', '/etcdserverpb.Maintenance/HashKV'],
    ['unary', '/etcdserverpb.Maintenance/MoveLeader'],
    ['unary', '/v3lockpb.Lock/Lock'],
    ['unary', '/grpc.health.v1.Health/Check'],
    ['server-stream', '/etcdserverpb.KV/RangeStream'],
    ['bidi', '/etcdserverpb.Watch/Watch'],
    ['bidi', '/etcdserverpb.Lease/LeaseKeepAlive'],
  ])('does not serve %s %s, as etcd', (kind, path) => {
    expect(callPath(path, kind, { serializable: true })).toBe(NOT_HERE)
    expect(handled).toEqual([])
    isLearner = false
    expect(callPath(path, kind)).toBe('ok')
  })

  test('says so before it says that there is no leader', () => {
    hasLeader = false
    expect(callAll({ hasleader: 'true' })).toEqual(all(NOT_HERE))
  })
})

describe('a member in quarantine', () => {
  test.each<[path: string, isRefused: boolean]>([
    ['/etcdserverpb.KV/Range', true],
    ['/etcdserverpb.KV/RangeStream', true],
    ['/etcdserverpb.Watch/Watch', true],
    ['/etcdserverpb.Lease/LeaseTimeToLive', true],
    ['/v3lockpb.Lock/Lock', true],
    ['/v3electionpb.Election/Observe', true],
    ['/etcdserverpb.Maintenance/Status', false],
    ['/etcdserverpb.Maintenance/Alarm', false],
    ['/etcdserverpb.Cluster/MemberList', false],
    ['/grpc.health.v1.Health/Check', false],
  ])('%s is refused: %s', (path, isRefused) => {
    refusal = 'corrupt'
    const outcomes = METHODS.map((method) => call({ ...method, path }))
    expect(outcomes).toEqual(all(isRefused ? 'etcdserver: corrupt cluster' : 'ok'))
    refusal = undefined
    expect(METHODS.map((method) => call({ ...method, path }))).toEqual(all('ok'))
  })
})

describe('the count of requests', () => {
  async function counts(): Promise<string[]> {
    const registry = new Registry()
    guard.register(registry)
    const lines = (await registry.metrics()).split('\n')
    return lines.filter((line) => line.startsWith('etcd_server_client_requests_total{'))
  }

  test('is by kind and version', async () => {
    callAll({ 'client-api-version': '3.6' })
    callAll({ 'client-api-version': '3.6' })
    callAll({})
    expect(await counts()).toEqual([
      'etcd_server_client_requests_total{type="unary",client_api_version="3.6"} 2',
      'etcd_server_client_requests_total{type="stream",client_api_version="3.6"} 4',
      'etcd_server_client_requests_total{type="unary",client_api_version="unknown"} 1',
      'etcd_server_client_requests_total{type="stream",client_api_version="unknown"} 2',
    ])
  })

  test('does not grow without bound with versions that clients make up', async () => {
    for (let i = 0; i < 1000; i++) callAll({ 'client-api-version': `made-up-${i}` })
    const lines = await counts()
    expect(lines.length).toBeLessThan(100)
    const total = lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    expect(total).toBe(3000)
  })
})
