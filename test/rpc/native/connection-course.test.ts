/** What a connection does when time passes, with a clock and a socket of the test's own. */

import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { defineUnary, ENGINE_DEFAULTS } from '../../../src/rpc/engine.ts'
import { AdmissionRules } from '../../../src/rpc/native/admission-rules.ts'
import { Connection } from '../../../src/rpc/native/connection.ts'
import { DeadlineWheel } from '../../../src/rpc/native/deadline-wheel.ts'
import { FlushQueue } from '../../../src/rpc/native/flush-queue.ts'
import { staticTable } from '../../../src/rpc/native/header-table.ts'
import { HuffmanDecoder } from '../../../src/rpc/native/huffman.ts'
import { ERROR, FLAG, FRAME, PREFACE } from '../../../src/rpc/native/protocol.ts'
import { SlabPool } from '../../../src/rpc/native/slab-pool.ts'
import { recordingLogger, TEXT_CODEC } from '../engine-harness.ts'
import { data, frame, headers, message, settings } from './raw-client.ts'

class FakeSocket extends Duplex {
  bytes = Buffer.alloc(0)

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.bytes = Buffer.concat([this.bytes, chunk])
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    for (const { chunk } of chunks) this.bytes = Buffer.concat([this.bytes, chunk])
    done()
  }

  frames(): { type: number; payload: Buffer }[] {
    const frames: { type: number; payload: Buffer }[] = []
    for (let at = 0; at < this.bytes.length;) {
      const end = at + 9 + this.bytes.readUIntBE(at, 3)
      frames.push({ type: this.bytes[at + 3]!, payload: this.bytes.subarray(at + 9, end) })
      at = end
    }
    return frames
  }

  /** As if the client had sent it; in this turn. */
  receive(...parts: Buffer[]): void {
    this.emit('data', Buffer.concat(parts))
  }
}

const UNARY = '/test.Text/Unary'

function connect(): {
  socket: FakeSocket
  connection: Connection
  isGone: () => boolean
  deadlines: DeadlineWheel
} {
  const socket = new FakeSocket({ allowHalfOpen: true })
  const nowMs = (): number => 0
  const deadlines = new DeadlineWheel({ nowMs, schedule: () => undefined })
  let isGone = false
  const connection = new Connection(
    socket,
    {
      options: { logger: recordingLogger([]), maxReceiveBytes: 1000 },
      limits: ENGINE_DEFAULTS,
      admission: new AdmissionRules([defineUnary(UNARY, TEXT_CODEC, (text) => text)], []),
      deadlines,
      flushes: new FlushQueue(),
      staticFields: staticTable(),
      huffman: new HuffmanDecoder(),
      slabs: new SlabPool(),
      nowMs,
    },
    () => {
      isGone = true
    },
  )
  return { socket, connection, isGone: () => isGone, deadlines }
}

const goAways = (socket: FakeSocket): Buffer[] =>
  socket.frames().flatMap(({ type, payload }) => (type === FRAME.GOAWAY ? [payload] : []))

test('a client whose settings do not come in ten seconds is sent away', () => {
  const { socket, connection } = connect()
  socket.receive(PREFACE)
  connection.tick(9999)
  expect(goAways(socket)).toEqual([])
  connection.tick(10_000)
  expect(goAways(socket)[0]?.readUInt32BE(4)).toBe(ERROR.SETTINGS_TIMEOUT)
})

test('a client that does not close after a GOAWAY is closed a second later', () => {
  const { socket, connection } = connect()
  socket.receive(PREFACE, settings(), frame(FRAME.PUSH_PROMISE, 0, 1))
  expect(goAways(socket)[0]?.readUInt32BE(4)).toBe(ERROR.PROTOCOL_ERROR)
  socket.receive(frame(FRAME.PING, 0, 0, Buffer.alloc(8))) // is not looked at any more
  connection.tick(999)
  expect(socket.destroyed).toBe(false)
  connection.tick(1000)
  expect(socket.destroyed).toBe(true)
  expect(socket.frames().some(({ type }) => type === FRAME.PING)).toBe(false)
})

test('a client that does not answer the ping of a drain has a second for more calls', () => {
  const { socket, connection } = connect()
  socket.receive(PREFACE, settings())
  connection.drain()
  connection.flush()
  socket.receive(headers(1, '/none'))
  connection.tick(999)
  expect(goAways(socket)).toHaveLength(1)
  connection.tick(1000)
  expect(goAways(socket)[1]?.readUInt32BE(0)).toBe(1)
})

test('a client that answers the ping of a drain has known: the calls in flight are the last', () => {
  const { socket, connection } = connect()
  socket.receive(PREFACE, settings(), headers(1, UNARY))
  connection.drain()
  connection.flush()
  const ping = socket.frames().find(({ type }) => type === FRAME.PING)!
  socket.receive(frame(FRAME.PING, FLAG.ACK, 0, Buffer.alloc(8))) // the answer to another
  connection.flush()
  expect(goAways(socket)).toHaveLength(1)
  socket.receive(frame(FRAME.PING, FLAG.ACK, 0, ping.payload))
  connection.flush()
  expect(goAways(socket)[1]?.readUInt32BE(0)).toBe(1)
  expect(socket.writableEnded).toBe(false)
  // The last call ends: what comes behind it is not looked at any more.
  const reset = frame(FRAME.RST_STREAM, 0, 1, Buffer.of(0, 0, 0, 8))
  socket.receive(reset, frame(FRAME.PING, 0, 0, Buffer.alloc(8)))
  expect(socket.writableEnded).toBe(true)
  connection.flush()
  expect(socket.frames().filter(({ type }) => type === FRAME.PING)).toHaveLength(1)
})

test('a client that ends its half of the connection ends all of it', async () => {
  const { socket, isGone } = connect()
  socket.receive(PREFACE, settings())
  socket.push(null)
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  expect(isGone()).toBe(true)
})

test('a silent client is pinged after two hours, and closed 20 seconds later', () => {
  const { socket, connection } = connect()
  socket.receive(PREFACE, settings())
  connection.tick(0)
  const pings = (): number => {
    connection.flush()
    return socket.frames().filter(({ type }) => type === FRAME.PING).length
  }
  connection.tick(2 * 3_600_000 - 1)
  expect(pings()).toBe(0)
  connection.tick(2 * 3_600_000)
  expect(pings()).toBe(1)
  connection.tick(2 * 3_600_000 + 19_999)
  expect(socket.destroyed).toBe(false)
  connection.tick(2 * 3_600_000 + 20_000)
  expect(socket.destroyed).toBe(true)
})

test('whoever owns the connection hears of its end', async () => {
  const { connection, isGone } = connect()
  connection.destroy()
  await new Promise(setImmediate)
  expect(isGone()).toBe(true)
})

test('the deadline of a call does not outlive it, however it ends', () => {
  const { socket, deadlines } = connect()
  socket.receive(PREFACE, settings())
  for (let id = 1; id <= 7; id += 2) socket.receive(headers(id, UNARY, { 'grpc-timeout': '10S' }))
  expect(deadlines.count).toBe(4)
  socket.receive(data(1, message('answered'), FLAG.END_STREAM))
  expect(deadlines.count).toBe(3)
  socket.receive(data(3, message('cut short').subarray(0, 7), FLAG.END_STREAM))
  expect(deadlines.count).toBe(2)
  socket.receive(frame(FRAME.RST_STREAM, 0, 5, Buffer.of(0, 0, 0, 8)))
  expect(deadlines.count).toBe(1)
  socket.receive(frame(FRAME.PUSH_PROMISE, 0, 1))
  expect(deadlines.count).toBe(0)
})

test('answers given while sockets are read leave when all are read, or when they are many', async () => {
  const { socket } = connect()
  socket.receive(PREFACE, settings())
  await new Promise(setImmediate)
  const before = socket.bytes.length
  socket.receive(headers(1, UNARY), data(1, message('one'), FLAG.END_STREAM))
  await new Promise<void>((resolve) => {
    process.nextTick(resolve)
  })
  socket.receive(headers(3, UNARY), data(3, message('two'), FLAG.END_STREAM))
  expect(socket.bytes.length).toBe(before)
  await new Promise(setImmediate)
  const answered = socket.frames().filter(({ type }) => type === FRAME.DATA)
  expect(answered).toHaveLength(2)
  const flushed = socket.bytes.length
  for (let id = 5; socket.bytes.length === flushed; id += 2) {
    expect(id).toBeLessThan(20_000)
    socket.receive(headers(id, '/none'))
  }
  expect(socket.bytes.length - flushed).toBeGreaterThan(200 * 1024)
})
