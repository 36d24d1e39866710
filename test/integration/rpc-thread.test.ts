/** `--rpc-thread`: what is different when clients are served in a thread of their own. */

import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import type { Logger } from '../../src/base/ports.ts'
import type * as WireThreadModule from '../../src/rpc/bridge/wire-thread.ts'
import { defineUnary } from '../../src/rpc/engine.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { serverArguments, TestBed } from '../support/test-bed.ts'

const FLAG = '--rpc-thread=true'
const key = Buffer.from('key')

describe('clients in a thread of their own', () => {
  const bed = new TestBed()
  afterAll(() => bed.cleanUp())

  it.each(['native', 'grpc-js'])('calls, streams and HTTP, by the %s engine', async (engine) => {
    const node = await bed.startQuorate({ args: [FLAG, `--grpc-engine=${engine}`] })
    const client = new GrpcClient(node.endpoint)
    const watch = client.stream('Watch.Watch', { create_request: { key } })
    expect(await watch.next()).toMatchObject({ created: true })
    await client.ok('KV.Put', { key, value: Buffer.from('1') })
    expect(await watch.next()).toMatchObject({ events: [{ kv: { value: Buffer.from('1') } }] })
    const refused = await client.call('KV.Put', { key: Buffer.alloc(0) })
    expect(refused).toMatchObject({ ok: false, message: 'etcdserver: key is not provided' })

    expect(await (await fetch(`${node.clientUrl}/health`)).json()).toMatchObject({ health: 'true' })
    const metrics = await (await fetch(`${node.clientUrl}/metrics`)).text()
    const put = 'grpc_type="unary",grpc_service="etcdserverpb.KV",grpc_method="Put"'
    expect(metrics).toContain(`grpc_server_handled_total{${put},grpc_code="OK"} 1\n`)
    expect(metrics).toContain(`grpc_server_handled_total{${put},grpc_code="InvalidArgument"} 1\n`)

    expect((await node.stop()).code).toBe(0)
    expect(await watch.next()).toMatchObject({ message: 'etcdserver: server stopped' })
    client.close()
  })

  it('an address that is taken ends the start with the same sentence', async () => {
    const node = await bed.startQuorate({ args: [FLAG] })
    const { args } = await serverArguments(bed.temporaryDirectory(), {
      args: [FLAG, '--listen-client-urls', node.clientUrl],
    })
    const { result, child } = await bed.runQuorate(args)
    expect(result.code).toBe(1)
    expect(child.output).toContain(
      `cannot listen on ${node.endpoint}: address already in use; stop what listens there`,
    )
    await node.stop()
  })
})

it('what its thread does not survive is fatal', async () => {
  const path = fileURLToPath(new URL('../../dist/rpc/bridge/wire-thread.js', import.meta.url))
  const { WireThread } = (await import(path)) as typeof WireThreadModule
  const silent = () => undefined
  const stacks: string[] = []
  const logger: Logger = {
    debug: silent,
    info: silent,
    warn: silent,
    error: (_message, fields = {}) => stacks.push((fields['error'] as Error).stack ?? ''),
  }
  const codec = { decode: (bytes: Uint8Array) => bytes, encode: (bytes: Uint8Array) => bytes }
  const fatal = await new Promise<Error>((resolve) => {
    const wire = new WireThread({
      settings: {
        engine: 'native',
        engineSettings: { maxReceiveBytes: 1024 },
        metadataNames: [],
      },
      methods: [defineUnary('/test.Text/Unary', codec, (bytes) => bytes)],
      answerHttp: () => Promise.reject(new Error('nobody asks')),
      logger,
      onFatal: resolve,
    })
    void wire.listen({ host: '127.0.0.1', port: -1 }, {})
  })
  expect(fatal.message).toMatch(/^the thread that serves the clients has ended: .*port/)
  expect(stacks).toEqual([expect.stringContaining('listener.js')])
})
