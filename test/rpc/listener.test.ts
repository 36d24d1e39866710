import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { Agent, get, type IncomingMessage } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { defineBidi, defineUnary } from '../../src/rpc/engine.ts'
import { GrpcJsEngine } from '../../src/rpc/grpc-js-engine.ts'
import { Listener, type ListenerLimits } from '../../src/rpc/listener.ts'
import { collect, deferred, EngineHarness, recordingLogger, TEXT_CODEC } from './engine-harness.ts'

const ECHO = defineBidi('/test.Text/Echo', TEXT_CODEC, (requests, responses) => {
  requests.onMessage((text) => void responses.send(text))
  requests.onEnd(() => responses.end())
})
const UNARY = defineUnary('/test.Text/Unary', TEXT_CODEC, (text: string) => text)

let harness: EngineHarness | undefined
afterEach(async () => {
  await harness?.stop()
  harness = undefined
})

async function serve(limits: Partial<ListenerLimits> = {}): Promise<EngineHarness> {
  harness = await EngineHarness.start(
    (methods, options) => new GrpcJsEngine(methods, options),
    [ECHO, UNARY],
    {},
    limits,
  )
  return harness
}

async function read(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

function httpGet(port: number, path: string, agent?: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent }, resolve).on('error', reject)
  })
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const chunks = await response.toArray()
  return Buffer.concat(chunks as Buffer[]).toString()
}

test('one port answers gRPC and HTTP/1.1', async () => {
  const { listener, client } = bound(await serve())
  expect(await client().call('/test.Text/Unary', 'grpc')).toBe('grpc')
  expect(await bodyOf(await httpGet(listener.port, '/health'))).toBe('GET /health\n')
})

test('a connection whose first bytes come one by one is recognised', async () => {
  const socket = (await serve()).socket()
  const answer = read(socket)
  for (const character of 'GET /slow HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n') {
    socket.write(character)
    await new Promise(setImmediate)
  }
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK.*GET \/slow\n/s)

  const http2 = harness!.socket()
  const settings = once(http2, 'data')
  for (const character of 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n') {
    http2.write(character)
    await new Promise(setImmediate)
  }
  const [data] = (await settings) as [Buffer]
  expect(data[3]).toBe(4) // a SETTINGS frame
})

test('several requests on one HTTP/1.1 connection are answered in order', async () => {
  const socket = (await serve()).socket()
  const answer = read(socket)
  socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.write('GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect((await answer).match(/GET \/\d/g)).toEqual(['GET /1', 'GET /2', 'GET /3'])
})

test('a client that says nothing, or not enough, is closed after the sniff timeout', async () => {
  const { listener, socket } = bound(await serve({ sniffTimeoutMs: 50 }))
  const silent = socket()
  const partial = socket()
  partial.write('PRI * HT')
  silent.resume()
  partial.resume()
  await Promise.all([once(silent, 'close'), once(partial, 'close')])
  await vi.waitFor(() => expect(listener.connectionCount).toBe(0))
})

test('a connection that was recognised in time is not closed by the sniff timeout', async () => {
  const { client } = bound(await serve({ sniffTimeoutMs: 20 }))
  const stream = client().bidi('/test.Text/Echo')
  const ended = collect(stream)
  stream.write(Buffer.from('a'))
  await once(stream, 'data')
  const other = harness!.socket()
  other.resume()
  await once(other, 'close') // so much later
  stream.end()
  expect((await ended).status.code).toBe(0)
})

test('a connection that is reset before it is recognised disturbs nobody', async () => {
  const { listener, socket, client } = bound(await serve())
  const reset = socket()
  await once(reset, 'connect')
  reset.write('PRI')
  const other = client()
  for (let i = 0; i < 5; i++) await other.call('/test.Text/Unary', 'meanwhile it is read')
  reset.resetAndDestroy()
  await vi.waitFor(() => expect(listener.connectionCount).toBe(1))
  expect(await other.call('/test.Text/Unary', 'x')).toBe('x')
})

test('request headers that never end are cut off', async () => {
  const { socket } = bound(await serve({ headersTimeoutMs: 50 }))
  const slow = socket()
  slow.write('GET / HTTP/1.1\r\nHost: x\r\n')
  expect(await read(slow)).toMatch(/^HTTP\/1\.1 4\d\d /)
})

test('connections above the limit are refused, those below are served', async () => {
  const { listener, socket } = bound(await serve({ maxConnections: 2 }))
  const keep = new Agent({ keepAlive: true })
  await bodyOf(await httpGet(listener.port, '/', keep))
  const second = socket()
  second.write('GET')
  await once(second, 'connect')
  for (let i = 0; i < 3; i++) {
    const refused = socket()
    refused.resume()
    await once(refused, 'close')
  }
  expect(harness!.log.map(({ message }) => message)).toEqual([
    'connection refused: too many are open',
  ])
  expect(await bodyOf(await httpGet(listener.port, '/again', keep))).toBe('GET /again\n')
  keep.destroy()
})

test('a port that is taken is reported with its code', async () => {
  const other = createServer()
  other.listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const logger = recordingLogger([])
  const engine = new GrpcJsEngine([], { logger, maxReceiveBytes: 1 })
  const result = await Listener.listen(
    { host: '127.0.0.1', port },
    { engine, logger, onRequest: () => undefined },
  )
  expect(result).toMatchObject({ ok: false, code: 'EADDRINUSE' })
  other.close()
})

test('what comes before a held listener opens waits, and is served then', async () => {
  const logger = recordingLogger([])
  const engine = new GrpcJsEngine([], { logger, maxReceiveBytes: 1 })
  const result = await Listener.listen(
    { host: '127.0.0.1', port: 0 },
    { engine, logger, isHeld: true, onRequest: (_request, response) => response.end('late') },
  )
  if (!result.ok) throw new Error(result.message)
  const { listener } = result
  const keep = new Agent({ keepAlive: true })
  let isAnswered = false
  const early = httpGet(listener.port, '/', keep).then((answer) => {
    isAnswered = true
    return answer
  })
  const gone = connect(listener.port, '127.0.0.1')
  await once(gone, 'connect')
  await vi.waitUntil(() => listener.connectionCount === 2)
  expect(isAnswered).toBe(false)
  gone.destroy()
  listener.open()
  expect(await bodyOf(await early)).toBe('late')
  expect(await bodyOf(await httpGet(listener.port, '/', keep))).toBe('late')
  keep.destroy()
  await listener.close(1000)
})

test('close ends idle and undecided connections at once', async () => {
  const { listener, client, socket } = bound(await serve())
  const keep = new Agent({ keepAlive: true })
  await bodyOf(await httpGet(listener.port, '/', keep))
  await client().call('/test.Text/Unary', '')
  const undecided = socket()
  await once(undecided, 'connect')
  const startMs = performance.now()
  await listener.close(20_000)
  expect(performance.now() - startMs).toBeLessThan(10_000)
  expect(listener.connectionCount).toBe(0)
  keep.destroy()
})

test('close waits for an HTTP/1.1 request in flight', async () => {
  const logger = recordingLogger([])
  const engine = new GrpcJsEngine([], { logger, maxReceiveBytes: 1 })
  const arrived = deferred()
  const release = deferred()
  const result = await Listener.listen(
    { host: '127.0.0.1', port: 0 },
    {
      engine,
      logger,
      onRequest: (_request, response) => {
        arrived.resolve()
        void release.promise.then(() => response.end('done'))
      },
    },
  )
  if (!result.ok) throw new Error(result.message)
  const keep = new Agent({ keepAlive: true })
  const answer = httpGet(result.listener.port, '/', keep)
  await arrived.promise
  const closed = result.listener.close(20_000)
  release.resolve()
  expect(await bodyOf(await answer)).toBe('done')
  await closed
  keep.destroy()
})

test('close destroys what is left after the grace period', async () => {
  const { listener, client } = bound(await serve())
  const stream = client().bidi('/test.Text/Echo')
  const ended = collect(stream)
  stream.write(Buffer.from('a'))
  await once(stream, 'data')
  await listener.close(30)
  expect((await ended).status.code).toBe(14)
  await expect(
    new Promise((resolve, reject) => {
      connect(listener.port, '127.0.0.1').on('connect', resolve).on('error', reject)
    }),
  ).rejects.toThrow()
})

function bound(started: EngineHarness): Pick<EngineHarness, 'listener'> & {
  readonly client: () => ReturnType<EngineHarness['client']>
  readonly socket: () => Socket
} {
  return {
    listener: started.listener,
    client: () => started.client(),
    socket: () => started.socket(),
  }
}
