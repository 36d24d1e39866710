/**
 * The load generator's connection against node:http2, an implementation that is not ours and that
 * answers with Huffman strings and a dynamic table.
 */

import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { callOnce } from '../../../bench/load-generator/call.ts'
import { GrpcConnection } from '../../../bench/load-generator/connection.ts'
import {
  FrameReader,
  connectionPreface,
  encodeFrame,
  encodeSettings,
  encodeWindowUpdate,
  frameFlag,
  frameType,
} from '../../../bench/load-generator/frames.ts'
import { encodeRequest } from '../../../bench/load-generator/request.ts'

const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0)) close()
})

type Answer = (stream: http2.ServerHttp2Stream, path: string, body: Buffer) => void

async function connectTo(
  answer: Answer,
  settings: http2.Settings = {},
): Promise<{ connection: GrpcConnection; sessions: http2.ServerHttp2Session[] }> {
  const server = http2.createServer({ settings })
  const sessions: http2.ServerHttp2Session[] = []
  server.on('session', (session) => sessions.push(session))
  server.on('stream', (stream, headers) => {
    const parts: Buffer[] = []
    stream.on('data', (part: Buffer) => parts.push(part))
    stream.on('end', () => answer(stream, String(headers[':path']), Buffer.concat(parts)))
    stream.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connection = await GrpcConnection.connect(
    '127.0.0.1',
    (server.address() as AddressInfo).port,
  )
  closers.push(() => {
    connection.close()
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { connection, sessions }
}

/** Answers as a gRPC server does: headers, the message, trailers. */
function answerOk(stream: http2.ServerHttp2Stream, message: Buffer): void {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': '' }))
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([prefix, message]))
}

test('a call carries its path and message, and brings the answer back', async () => {
  const { connection } = await connectTo((stream, path, body) =>
    answerOk(stream, Buffer.concat([Buffer.from(`${path} `), body.subarray(5)])),
  )
  for (const text of ['one', 'two', 'three']) {
    const { message } = await callOnce(connection, '/test.Echo/Say', Buffer.from(text))
    expect(message.toString()).toBe(`/test.Echo/Say ${text}`)
  }
})

test('an error status in a trailers-only answer is reported with its message', async () => {
  const { connection } = await connectTo((stream) =>
    stream.respond(
      { ':status': 200, 'grpc-status': '11', 'grpc-message': 'has been compacted' },
      { endStream: true },
    ),
  )
  await expect(callOnce(connection, '/a/b', Buffer.alloc(0))).rejects.toThrow(
    'status 11: has been compacted',
  )
})

test('a large answer arrives whole', async () => {
  const bytes = 3_000_000
  const { connection } = await connectTo((stream) => answerOk(stream, Buffer.alloc(bytes, 7)))
  const { message } = await callOnce(connection, '/a/b', Buffer.alloc(0))
  expect(message.equals(Buffer.alloc(bytes, 7))).toBe(true)
})

test('calls beyond the stream limit wait and are then answered, each once', async () => {
  let open = 0
  let mostOpen = 0
  const { connection } = await connectTo(
    (stream) => {
      mostOpen = Math.max(mostOpen, ++open)
      stream.on('close', () => open--)
      answerOk(stream, Buffer.alloc(10))
    },
    { maxConcurrentStreams: 5 },
  )
  const calls = Array.from({ length: 100 }, () => callOnce(connection, '/a/b', Buffer.alloc(10)))
  const results = await Promise.all(calls)
  expect(results.map((result) => result.bytes)).toEqual(Array(100).fill(15))
  expect(mostOpen).toBeLessThanOrEqual(5)
})

test("a call beyond the connection's send window waits for it to open", async () => {
  // A server of bare frames that keeps its first window, 65,535 bytes, shut. After 7 calls of 9,005
  // bytes it sends a PING: what comes before the answer is all that the client dares to send.
  const seen: string[] = []
  const server = net.createServer((socket) => {
    const reader = new FrameReader((type, flags) => {
      if (type === frameType.data && seen.push('data') === 7) {
        socket.write(encodeFrame(frameType.ping, 0, 0, Buffer.alloc(8)))
      }
      if (type !== frameType.ping || flags !== frameFlag.ack) return
      seen.push('pong')
      socket.write(encodeWindowUpdate(0, 9005))
    })
    socket.write(encodeSettings([]))
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      reader.push(chunk.subarray(connectionPreface.length))
      socket.on('data', (next) => {
        reader.push(next)
        if (seen.length >= 9) socket.destroy()
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const connection = await GrpcConnection.connect('127.0.0.1', port)
  closers.push(() => {
    connection.close()
    server.close()
  })
  const calls = Array.from({ length: 8 }, () => callOnce(connection, '/a/b', Buffer.alloc(9000)))
  await Promise.allSettled(calls)
  expect(seen).toEqual([...Array<string>(7).fill('data'), 'pong', 'data'])
})

test('a PING is answered wherever the output buffer ends', async () => {
  const bufferBytes = 65_536
  const settingsAckBytes = 9
  const emptyCallBytes = encodeRequest('/a/b', 'bench', Buffer.alloc(0)).frames.length
  for (let left = 0; left <= 24; left += 4) {
    const { connection, sessions } = await connectTo((stream) => answerOk(stream, Buffer.alloc(1)))
    const calls = 5
    const messageBytes = bufferBytes - settingsAckBytes - left - calls * emptyCallBytes
    for (let call = 0; call < calls; call++) {
      const size = Math.floor((messageBytes + call) / calls)
      await callOnce(connection, '/a/b', Buffer.alloc(size))
    }
    await new Promise((resolve, reject) =>
      sessions[0]!.ping((error) => (error === null ? resolve(true) : reject(error))),
    )
    await callOnce(connection, '/a/b', Buffer.alloc(0))
  }
})

test('calls in flight end as unavailable when the server goes away', async () => {
  const { connection } = await connectTo((stream) => stream.session?.destroy())
  await expect(callOnce(connection, '/a/b', Buffer.alloc(0))).rejects.toThrow('status 14')
  await expect(callOnce(connection, '/a/b', Buffer.alloc(0))).rejects.toThrow('status 14')
  expect(connection.isClosed).toBe(true)
})

test('a reset stream fails its call alone', async () => {
  const { connection } = await connectTo((stream, path) => {
    if (path === '/bad') stream.close(http2.constants.NGHTTP2_CANCEL)
    else answerOk(stream, Buffer.from('fine'))
  })
  const bad = callOnce(connection, '/bad', Buffer.alloc(0))
  const good = callOnce(connection, '/good', Buffer.alloc(0))
  await expect(bad).rejects.toThrow('reset')
  expect((await good).message.toString()).toBe('fine')
})

test('a request that does not fit one frame is refused when it is made', () => {
  expect(() => encodeRequest('/a/b', 'bench', Buffer.alloc(16_384))).toThrow('fits one frame')
})
