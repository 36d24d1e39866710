import { Registry } from 'prom-client'
import { beforeEach, describe, expect, test } from 'vitest'

import { STATUS } from '../../src/rpc/status.ts'
import { CallMetrics } from '../../src/server/call-metrics.ts'

const PUT = '/etcdserverpb.KV/Put'
const STREAM = '/etcdserverpb.KV/RangeStream'
const WATCH = '/etcdserverpb.Watch/Watch'

let registry: Registry
let calls: CallMetrics
beforeEach(() => {
  registry = new Registry()
  calls = new CallMetrics()
  calls.register(registry)
})

/** The samples of one metric, by what stands between the braces. */
async function samples(name: string): Promise<Record<string, number>> {
  const text = await registry.metrics()
  const found: Record<string, number> = {}
  for (const [, metric, labels, value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    if (metric === name) found[labels ?? ''] = Number(value)
  }
  return found
}

const labels = (type: string, service: string, method: string): string =>
  `grpc_type="${type}",grpc_service="${service}",grpc_method="${method}"`

describe('calls', () => {
  test('are counted when they start, by kind and method', async () => {
    calls.onStarted(PUT, 'unary')
    calls.onStarted(PUT, 'unary')
    calls.onStarted(STREAM, 'server-stream')
    calls.onStarted(WATCH, 'bidi')
    expect(await samples('grpc_server_started_total')).toEqual({
      [labels('unary', 'etcdserverpb.KV', 'Put')]: 2,
      [labels('server_stream', 'etcdserverpb.KV', 'RangeStream')]: 1,
      [labels('bidi_stream', 'etcdserverpb.Watch', 'Watch')]: 1,
    })
  })

  test('are counted when they end, by code as well', async () => {
    calls.onFinished(PUT, 'unary', STATUS.OK)
    calls.onFinished(PUT, 'unary', STATUS.OK)
    calls.onFinished(PUT, 'unary', STATUS.UNAVAILABLE)
    const put = labels('unary', 'etcdserverpb.KV', 'Put')
    expect(await samples('grpc_server_handled_total')).toEqual({
      [`${put},grpc_code="OK"`]: 2,
      [`${put},grpc_code="Unavailable"`]: 1,
    })
  })

  test.each(Object.entries(STATUS))('%s has the name that Go gives it', async (name, code) => {
    calls.onFinished(PUT, 'unary', code)
    const [line] = Object.keys(await samples('grpc_server_handled_total'))
    const words = name.toLowerCase().split('_')
    const camelCase = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
    expect(line).toContain(
      `grpc_code="${code === STATUS.OK ? 'OK' : camelCase.replace('Cancelled', 'Canceled')}"`,
    )
  })

  test('with a code that gRPC does not know count as Unknown', async () => {
    calls.onFinished(PUT, 'unary', 99)
    const [line] = Object.keys(await samples('grpc_server_handled_total'))
    expect(line).toContain('grpc_code="Unknown"')
  })

  test('add up their bytes', async () => {
    calls.onReceived(PUT, 'unary', 100)
    calls.onSent(PUT, 'unary', 10)
    calls.onReceived(STREAM, 'server-stream', 5)
    calls.onSent(STREAM, 'server-stream', 400)
    calls.onSent(STREAM, 'server-stream', 600)
    expect(await samples('etcd_network_client_grpc_received_bytes_total')).toEqual({ '': 105 })
    expect(await samples('etcd_network_client_grpc_sent_bytes_total')).toEqual({ '': 1010 })
  })

  test('are counted by message, while a stream is still open', async () => {
    calls.onReceived(STREAM, 'server-stream', 5)
    for (let i = 0; i < 3; i++) calls.onSent(STREAM, 'server-stream', 1)
    const stream = labels('server_stream', 'etcdserverpb.KV', 'RangeStream')
    expect(await samples('grpc_server_msg_received_total')).toEqual({ [stream]: 1 })
    expect(await samples('grpc_server_msg_sent_total')).toEqual({ [stream]: 3 })
  })

  test('are counted on between two scrapes, not twice', async () => {
    calls.onStarted(PUT, 'unary')
    await registry.metrics()
    await registry.metrics()
    calls.onStarted(PUT, 'unary')
    expect(Object.values(await samples('grpc_server_started_total'))).toEqual([2])
  })
})
