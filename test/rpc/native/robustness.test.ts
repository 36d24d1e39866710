/** Clients that mean harm, or are broken: they are stopped, and others notice nothing. */

import fc from 'fast-check'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defineBidi, defineServerStream, defineUnary } from '../../../src/rpc/engine.ts'
import { NativeEngine } from '../../../src/rpc/native/native-engine.ts'
import { FLAG, FRAME, PREFACE, SETTING } from '../../../src/rpc/native/protocol.ts'
import { EngineHarness, TEXT_CODEC } from '../engine-harness.ts'
import {
  block,
  call,
  data,
  frame,
  headers,
  message,
  plain,
  RawClient,
  requestFields,
  settings,
  uint32,
} from './raw-client.ts'

const UNARY = '/test.Text/Unary'
const ECHO = '/test.Text/Echo'
const WATCH = '/test.Text/Watch'
const FLOOD = '/test.Text/Flood'

let harness: EngineHarness
let sentBytes: number
let isFloodHeld: boolean

beforeEach(async () => {
  sentBytes = 0
  isFloodHeld = false
  const methods = [
    defineUnary(UNARY, TEXT_CODEC, (text) => `${text}!`),
    defineBidi(ECHO, TEXT_CODEC, (requests, responses) => {
      requests.onMessage((text) => void responses.send(text))
      requests.onEnd(() => responses.end())
    }),
    defineServerStream(WATCH, TEXT_CODEC, (text, stream) => void stream.send(text)),
    // Sends as much as it may.
    defineServerStream(FLOOD, TEXT_CODEC, (_text, stream, context) => {
      const chunk = 'x'.repeat(16 * 1024)
      const fill = (): void => {
        while (sentBytes < 2 ** 30 && !context.cancelled) {
          sentBytes += chunk.length
          if (!stream.send(chunk)) break
        }
        isFloodHeld = sentBytes < 2 ** 30
      }
      stream.onDrain(fill)
      fill()
    }),
  ]
  harness = await EngineHarness.start((all, given) => new NativeEngine(all, given), methods, {
    keepaliveTimeoutMs: 10_000,
  })
})
afterEach(() => harness.stop())

function client(...pairs: (readonly [id: number, value: number])[]): RawClient {
  return new RawClient(harness.socket()).greet(...pairs)
}

const CANCEL = (streamId: number): Buffer => frame(FRAME.RST_STREAM, 0, streamId, uint32(8))

describe('floods end in ENHANCE_YOUR_CALM', () => {
  const PING = frame(FRAME.PING, 0, 0, Buffer.alloc(8))
  const floods: [string, number, (at: number) => Buffer][] = [
    [
      'rapid reset (CVE-2023-44487)',
      20_000,
      (at) => Buffer.concat([headers(2 * at + 1, UNARY), CANCEL(2 * at + 1)]),
    ],
    [
      'streams made to be reset by the server (CVE-2025-8671)',
      1000,
      (at) =>
        Buffer.concat([
          headers(2 * at + 1, ECHO),
          frame(FRAME.WINDOW_UPDATE, 0, 2 * at + 1, uint32(0)),
        ]),
    ],
    ['malformed requests', 1000, (at) => headers(2 * at + 1, UNARY, { Bad: 'x' })],
    ['empty settings (CVE-2019-9515)', 1000, () => settings()],
    ['pings (CVE-2019-9512)', 1000, () => PING],
    [
      'empty DATA (CVE-2019-9518)',
      20_000,
      (at) => (at === 0 ? headers(1, ECHO) : data(1, Buffer.alloc(0))),
    ],
    ['priorities (CVE-2019-9513)', 20_000, () => frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5))],
    ['unknown frames', 20_000, () => frame(99, 0, 0)],
    [
      'DATA on closed streams',
      20_000,
      (at) => (at === 0 ? call(1, UNARY, '') : data(1, Buffer.alloc(1))),
    ],
    [
      'empty CONTINUATION (CVE-2024-27316)',
      1000,
      (at) => (at === 0 ? headers(1, UNARY, {}, 0) : frame(FRAME.CONTINUATION, 0, 1)),
    ],
    [
      'endless CONTINUATION',
      100,
      (at) =>
        at === 0
          ? headers(1, UNARY, {}, 0)
          : frame(FRAME.CONTINUATION, 0, 1, block({ more: 'x'.repeat(16_000) })),
    ],
  ]
  test.each(floods)('%s', async (_name, count, frameAt) => {
    const attacker = client()
    const healthy = harness.client()
    expect(await healthy.call(UNARY, 'before')).toBe('before!')
    const frames: Buffer[] = []
    for (let at = 0; at < count; at++) frames.push(frameAt(at))
    attacker.write(...frames)
    expect((await attacker.goAway()).code).toBe('ENHANCE_YOUR_CALM')
    expect(await healthy.call(UNARY, 'after')).toBe('after!')
    await attacker.closed()
  })

  test('too many pings are told in the words that clients know', async () => {
    const attacker = client()
    attacker.write(...Array.from({ length: 5 }, () => PING))
    expect((await attacker.goAway()).text).toBe('too_many_pings')
    expect(attacker.frames.filter(({ type }) => type === FRAME.PING)).toHaveLength(3)
  })
})

describe('what looks like a flood and is none', () => {
  test('12,000 watches opened and cancelled on one connection while another goes on', async () => {
    const one = client([SETTING.INITIAL_WINDOW_SIZE, 2 ** 30])
    one.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(2 ** 30)), headers(1, ECHO))
    let echoed = 0
    for (let batch = 0; batch < 40; batch++) {
      const ids = Array.from({ length: 300 }, (_, i) => 3 + 2 * (batch * 300 + i))
      one.write(...ids.map((id) => call(id, WATCH, 'created')))
      await one.frame(({ type, streamId }) => type === FRAME.DATA && streamId === ids.at(-1))
      one.write(...ids.map(CANCEL), data(1, message(`event ${batch}`)))
      echoed += message(`event ${batch}`).length
      await one.frame(() => one.bytesOf(1) === echoed)
    }
    expect(one.frames.some(({ type }) => type === FRAME.GOAWAY)).toBe(false)
    expect(harness.finished).toHaveLength(12_000)
  })

  test('5,000 watches cancelled before they were answered, within ten seconds', async () => {
    const one = client()
    one.write(headers(1, ECHO))
    for (let at = 1; at <= 5000; at++) one.write(headers(2 * at + 1, WATCH), CANCEL(2 * at + 1))
    one.write(data(1, message('still here')))
    await one.frame(() => one.bytesOf(1) > 0)
    expect(one.frames.some(({ type }) => type === FRAME.GOAWAY)).toBe(false)
  })

  test('node:http2 as a client, with many streams at once', async () => {
    const session = connectHttp2(`http://127.0.0.1:${harness.listener.port}`)
    const all = Array.from({ length: 300 }, async (_, i) => {
      const request = session.request({
        ':method': 'POST',
        ':path': UNARY,
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'test',
        number: String(i),
      })
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => void chunks.push(chunk))
      request.end(message(`text ${i}`))
      const [trailers] = (await once(request, 'trailers')) as [Record<string, string>]
      expect(trailers['grpc-status']).toBe('0')
      expect(Buffer.concat(chunks)).toEqual(message(`text ${i}!`))
    })
    await Promise.all(all)
    session.destroy()
  })
})

describe('memory is bounded', () => {
  test('a client that gives no room holds a stream at a few windows', async () => {
    const slow = client([SETTING.INITIAL_WINDOW_SIZE, 0])
    slow.write(call(1, FLOOD, ''))
    await slow.ofType(FRAME.HEADERS, 1)
    await slow.roundTrip(1)
    expect(isFloodHeld).toBe(true)
    expect(sentBytes).toBeLessThan(256 * 1024)
    expect(await harness.client().call(UNARY, 'other')).toBe('other!')
  })

  test('a client that gives endless room and reads nothing holds its streams too', async () => {
    const slow = client([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31 - 1])
    slow.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1 - 65_535)))
    await slow.roundTrip(1)
    slow.socket.pause()
    slow.write(...Array.from({ length: 20 }, (_, i) => call(2 * i + 1, FLOOD, '')))
    const healthy = harness.client()
    for (let i = 0; i < 50; i++) expect(await healthy.call(UNARY, 'other')).toBe('other!')
    expect(isFloodHeld).toBe(true)
    // The system's own buffers take a few megabytes.
    expect(sentBytes).toBeLessThan(32 * 1024 * 1024)
    slow.socket.resume()
    await slow.frame(() => sentBytes > 64 * 1024 * 1024)
  })

  test('a client that asks on and on and reads nothing is not read any more', async () => {
    const deaf = client()
    await deaf.roundTrip(1)
    deaf.socket.pause()
    const asks = Buffer.concat(
      Array.from({ length: 100 }, () => frame(FRAME.HEADERS, 5, 1, block(requestFields('/none')))),
    )
    let streamId = 1
    const writeMore = (): boolean => {
      const bytes = Buffer.from(asks)
      for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
        bytes.writeUInt32BE(streamId, at + 5)
        streamId += 2
      }
      return deaf.socket.write(bytes)
    }
    // Each turn of another client gives the server time to read.
    const healthy = harness.client()
    let stalledTurns = 0
    while (stalledTurns < 50) {
      if (deaf.socket.writableLength < 4 * 1024 * 1024) writeMore()
      else stalledTurns++
      await healthy.call(UNARY, 'turn')
    }
    expect(deaf.socket.writableLength).toBeGreaterThanOrEqual(4 * 1024 * 1024)
    const before = deaf.frames.length
    deaf.socket.resume()
    await deaf.frame(() => deaf.frames.length > before + 1000)
  })

  test('messages that never end are too many at 64 MiB', async () => {
    const hoarder = client()
    const piece = Buffer.alloc(16_384)
    piece.writeUInt32BE(2 * 1024 * 1024, 1)
    const isRefused = (): boolean =>
      hoarder.blocks.some(({ fields }) =>
        fields.some(({ name, value }) => name === 'grpc-status' && value === '8'),
      )
    let heldBytes = 0
    for (let id = 1; !isRefused(); id += 4) {
      hoarder.write(headers(id, UNARY), data(id, piece))
      for (let i = 1; i < 120; i++) hoarder.write(data(id, Buffer.alloc(16_384)))
      heldBytes += 120 * 16_384
      hoarder.write(call(id + 2, UNARY, 'so far'))
      await hoarder.trailers(id + 2)
    }
    expect(heldBytes).toBeGreaterThan(32 * 1024 * 1024)
    expect(heldBytes).toBeLessThan(70 * 1024 * 1024)
    expect(await harness.client().call(UNARY, 'other')).toBe('other!')
  })

  test('a table entry named over and over does not multiply (HPACK bomb)', async () => {
    const bomber = client()
    const insertion = Buffer.concat([Buffer.of(0x40), plain('bomb'), plain('x'.repeat(4000))])
    const bomb = Buffer.concat([block(requestFields(ECHO)), insertion, Buffer.alloc(12_000, 0xbe)])
    for (let i = 0; i < 100; i++) {
      bomber.write(frame(FRAME.HEADERS, FLAG.END_HEADERS, 2 * i + 1, bomb))
    }
    expect((await bomber.trailers(199))['grpc-status']).toBe('8')
  })
})

describe('connections that say nothing', () => {
  test('a client that leaves a ping unanswered is closed', async () => {
    await harness.stop()
    harness = await EngineHarness.start((all, given) => new NativeEngine(all, given), [], {
      keepaliveMs: 40,
      keepaliveTimeoutMs: 40,
    })
    const silent = client()
    const ping = await silent.ofType(FRAME.PING)
    expect(ping.flags).toBe(0)
    await silent.closed()
  })

  test('a client that answers its pings stays', async () => {
    await harness.stop()
    harness = await EngineHarness.start((all, given) => new NativeEngine(all, given), [], {
      keepaliveMs: 20,
      keepaliveTimeoutMs: 400,
    })
    const alive = client()
    for (let count = 1; count <= 5; count++) {
      const pings = () =>
        alive.frames.filter(({ type, flags }) => type === FRAME.PING && flags === 0)
      await alive.frame(() => pings().length >= count)
      alive.write(frame(FRAME.PING, FLAG.ACK, 0, pings().at(-1)!.payload))
    }
    expect(alive.isClosed).toBe(false)
  })
})

describe('nonsense', () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc
      .record({
        type: fc.nat(11),
        flags: fc.nat(63),
        streamId: fc.nat(9),
        payload: fc.uint8Array({ maxLength: 60 }),
      })
      .map((one) => frame(one.type, one.flags, one.streamId, one.payload)),
    fc.constantFrom(
      headers(1, UNARY),
      headers(3, ECHO),
      headers(5, UNARY, {}, 0),
      call(7, UNARY, 'x'),
      call(9, WATCH, 'x'),
      data(3, message('y')),
      data(3, message('zz').subarray(0, 6)),
      CANCEL(3),
      settings([4, 5]),
      settings([1, 0]),
      frame(FRAME.WINDOW_UPDATE, 0, 3, uint32(10)),
      frame(FRAME.CONTINUATION, 4, 5, block({ a: 'b' })),
    ),
  )

  test('of any kind reaches no healthy client', async () => {
    const healthy = harness.client()
    const stream = healthy.bidi(ECHO)
    stream.on('error', () => undefined)
    await fc.assert(
      fc.asyncProperty(
        fc.array(junk, { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (parts, isReset) => {
          const socket = harness.socket()
          const closed = new Promise((resolve) => socket.once('close', resolve))
          socket.resume()
          socket.write(Buffer.concat([PREFACE, settings(), ...parts]))
          const echoed = once(stream, 'data')
          stream.write(Buffer.from('still here'))
          const [echo] = (await echoed) as [Buffer]
          expect(echo.toString()).toBe('still here')
          if (isReset) socket.resetAndDestroy()
          else socket.end()
          await closed
        },
      ),
      { numRuns: 300 },
    )
    stream.end()
    expect(await healthy.call(UNARY, 'end')).toBe('end!')
    expect(harness.log.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('leaves nothing behind', async () => {
    for (let i = 0; i < 50; i++) {
      const one = client()
      one.write(headers(1, ECHO), frame(FRAME.PUSH_PROMISE, 0, 1))
      await one.closed()
    }
    await harness.engine.drain()
    expect(harness.listener.connectionCount).toBe(0)
    expect(harness.finished).toHaveLength(50)
  })
})
