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

const CODEC = { decode: () => ({}), encode: () => new Uint8Array(0) }

let handled: string[]
let hasLeader: boolean
let guard: CallGuard
beforeEach(() => {
  handled = []
  hasLeader = true
  guard = new CallGuard(() => hasLeader)
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
  const context: CallContext = {
    metadata: (name) => metadata[name],
    peerAddress: 'test:1',
    cancelled: false,
    onCancel: () => undefined,
  }
  return METHODS.map((method) => {
    const guarded = guard.guard(method) as { handle(...given: unknown[]): unknown }
    try {
      const streams = method.kind === 'unary' ? [] : [{}]
      guarded.handle({}, ...streams, context)
      return 'ok'
    } catch (error) {
      return (error as Error).message
    }
  })
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
