/** The engine as RFC 9113 sees it, section by section, over real sockets. */

import { afterEach, describe, expect, test } from 'vitest'
import {
  defineBidi,
  defineServerStream,
  defineUnary,
  type CallContext,
  type EngineOptions,
  type ResponseStream,
} from '../../../src/rpc/engine.ts'
import { NativeEngine } from '../../../src/rpc/native/native-engine.ts'
import { FLAG, FRAME, PREFACE, SETTING } from '../../../src/rpc/native/protocol.ts'
import { deferred, EngineHarness, TEXT_CODEC } from '../engine-harness.ts'
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
const HANG = '/test.Text/Hang'
const STREAM = '/test.Text/Stream'
const END = FLAG.END_STREAM
const LAST = FLAG.END_HEADERS | FLAG.END_STREAM

let harness: EngineHarness
/** Of the calls of HANG and STREAM, in their order. */
let contexts: CallContext[]
let streams: ResponseStream<string>[]
let onCall: () => void

afterEach(() => harness.stop())

async function serve(options: Partial<EngineOptions> = {}): Promise<void> {
  contexts = []
  streams = []
  onCall = () => undefined
  const methods = [
    defineUnary(UNARY, TEXT_CODEC, (text) => `${text}!`),
    defineUnary(HANG, TEXT_CODEC, (_text, context) => {
      contexts.push(context)
      onCall()
      return new Promise<string>((resolve) => context.onCancel(() => resolve('')))
    }),
    defineServerStream(STREAM, TEXT_CODEC, (_text, stream, context) => {
      contexts.push(context)
      streams.push(stream)
      onCall()
    }),
    defineBidi(ECHO, TEXT_CODEC, (requests, responses) => {
      requests.onMessage((text) => void responses.send(text))
      requests.onEnd(() => responses.end())
    }),
  ]
  harness = await EngineHarness.start(
    (all, given) => new NativeEngine(all, given),
    methods,
    options,
  )
}

async function start(
  options: Partial<EngineOptions> = {},
  ...pairs: (readonly [id: number, value: number])[]
): Promise<RawClient> {
  await serve(options)
  return another(...pairs)
}

function another(...pairs: (readonly [id: number, value: number])[]): RawClient {
  return new RawClient(harness.socket()).greet(...pairs)
}

/** Other clients are served all the same. */
async function expectHealthy(): Promise<void> {
  expect(await harness.client().call(UNARY, 'well')).toBe('well!')
}

describe('§3.4, the preface', () => {
  test('settings come first from both sides, and are acknowledged', async () => {
    const client = await start()
    const first = await client.ofType(FRAME.SETTINGS)
    expect(client.frames[0]).toBe(first)
    expect(first.flags).toBe(0)
    await client.frame(({ type, flags }) => type === FRAME.SETTINGS && flags === FLAG.ACK)
  })

  test('a client that begins with anything else is sent away', async () => {
    await serve()
    for (const bytes of [
      frame(FRAME.PING, 0, 0, Buffer.alloc(8)),
      frame(FRAME.SETTINGS, FLAG.ACK, 0),
    ]) {
      const client = new RawClient(harness.socket()).write(PREFACE, bytes)
      expect((await client.goAway()).code).toBe('PROTOCOL_ERROR')
      await client.closed()
    }
    await expectHealthy()
  })
})

describe('§4 and §6, frames that end the connection', () => {
  const cases: [string, string, Buffer][] = [
    ['§4.2: a frame above the maximum', 'FRAME_SIZE_ERROR', frame(0, 0, 1, Buffer.alloc(16_385))],
    ['§6.1: DATA on stream 0', 'PROTOCOL_ERROR', data(0, message('x'))],
    ['§6.1: DATA on an idle stream', 'PROTOCOL_ERROR', data(7, message('x'))],
    [
      '§6.1: more padding than payload',
      'PROTOCOL_ERROR',
      Buffer.concat([headers(1, UNARY), data(1, Buffer.of(9, 1, 2), FLAG.PADDED)]),
    ],
    [
      '§6.1: a padded frame without a length',
      'FRAME_SIZE_ERROR',
      Buffer.concat([headers(1, UNARY), data(1, Buffer.alloc(0), FLAG.PADDED)]),
    ],
    ['§6.2: HEADERS on stream 0', 'PROTOCOL_ERROR', headers(0, UNARY)],
    ['§5.1.1: HEADERS on an even stream', 'PROTOCOL_ERROR', headers(2, UNARY)],
    [
      '§5.1.1: HEADERS on an id that was passed over',
      'PROTOCOL_ERROR',
      Buffer.concat([headers(5, UNARY), headers(3, UNARY)]),
    ],
    [
      '§6.2: HEADERS with more padding than payload',
      'PROTOCOL_ERROR',
      frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.PADDED, 1, Buffer.of(200, 0x82)),
    ],
    [
      '§6.2: HEADERS too short for their priority',
      'PROTOCOL_ERROR',
      frame(FRAME.HEADERS, FLAG.END_HEADERS | FLAG.PRIORITY, 1, Buffer.of(0, 0)),
    ],
    ['§6.3: PRIORITY on stream 0', 'PROTOCOL_ERROR', frame(FRAME.PRIORITY, 0, 0, Buffer.alloc(5))],
    [
      '§6.3: PRIORITY of a wrong size',
      'FRAME_SIZE_ERROR',
      frame(FRAME.PRIORITY, 0, 1, Buffer.alloc(4)),
    ],
    ['§6.4: RST_STREAM on stream 0', 'PROTOCOL_ERROR', frame(FRAME.RST_STREAM, 0, 0, uint32(8))],
    [
      '§6.4: RST_STREAM on an idle stream',
      'PROTOCOL_ERROR',
      frame(FRAME.RST_STREAM, 0, 1, uint32(8)),
    ],
    [
      '§6.4: RST_STREAM of a wrong size',
      'FRAME_SIZE_ERROR',
      frame(FRAME.RST_STREAM, 0, 1, Buffer.alloc(3)),
    ],
    ['§6.5: SETTINGS on a stream', 'PROTOCOL_ERROR', frame(FRAME.SETTINGS, 0, 1)],
    [
      '§6.5: SETTINGS of a wrong size',
      'FRAME_SIZE_ERROR',
      frame(FRAME.SETTINGS, 0, 0, Buffer.alloc(5)),
    ],
    [
      '§6.5: an ACK with content',
      'FRAME_SIZE_ERROR',
      frame(FRAME.SETTINGS, FLAG.ACK, 0, Buffer.alloc(6)),
    ],
    ['§6.5.2: ENABLE_PUSH of 2', 'PROTOCOL_ERROR', settings([SETTING.ENABLE_PUSH, 2])],
    [
      '§6.5.2: a window above 2^31-1',
      'FLOW_CONTROL_ERROR',
      settings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31]),
    ],
    [
      '§6.5.2: frames below the minimum',
      'PROTOCOL_ERROR',
      settings([SETTING.MAX_FRAME_SIZE, 16_383]),
    ],
    [
      '§6.5.2: frames above the maximum',
      'PROTOCOL_ERROR',
      settings([SETTING.MAX_FRAME_SIZE, 2 ** 24]),
    ],
    ['§6.6: PUSH_PROMISE', 'PROTOCOL_ERROR', frame(FRAME.PUSH_PROMISE, 4, 1, Buffer.alloc(8))],
    ['§6.7: PING on a stream', 'PROTOCOL_ERROR', frame(FRAME.PING, 0, 1, Buffer.alloc(8))],
    ['§6.7: PING of a wrong size', 'FRAME_SIZE_ERROR', frame(FRAME.PING, 0, 0, Buffer.alloc(7))],
    ['§6.8: GOAWAY on a stream', 'PROTOCOL_ERROR', frame(FRAME.GOAWAY, 0, 1, Buffer.alloc(8))],
    [
      '§6.8: GOAWAY of a wrong size',
      'FRAME_SIZE_ERROR',
      frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(7)),
    ],
    [
      '§6.9: a connection window grown by 0',
      'PROTOCOL_ERROR',
      frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(0)),
    ],
    [
      '§6.9: WINDOW_UPDATE of a wrong size',
      'FRAME_SIZE_ERROR',
      frame(FRAME.WINDOW_UPDATE, 0, 0, Buffer.alloc(3)),
    ],
    [
      '§6.9: WINDOW_UPDATE of an idle stream',
      'PROTOCOL_ERROR',
      frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(1)),
    ],
    [
      '§6.9.1: a connection window above 2^31-1',
      'FLOW_CONTROL_ERROR',
      frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(2 ** 31 - 1)),
    ],
    ['§6.10: CONTINUATION of nothing', 'PROTOCOL_ERROR', frame(FRAME.CONTINUATION, 4, 1, '82')],
    [
      '§6.10: another frame inside of a header block',
      'PROTOCOL_ERROR',
      Buffer.concat([headers(1, UNARY, {}, 0), frame(FRAME.PING, 0, 0, Buffer.alloc(8))]),
    ],
    [
      "§6.10: another stream's CONTINUATION inside of a header block",
      'PROTOCOL_ERROR',
      Buffer.concat([headers(1, UNARY, {}, 0), frame(FRAME.CONTINUATION, 4, 3, '82')]),
    ],
    [
      '§4.3: a header block that can not be decoded',
      'COMPRESSION_ERROR',
      frame(FRAME.HEADERS, 4, 1, 'ff80'),
    ],
  ]
  test.each(cases)('%s is %s', async (_name, code, bytes) => {
    const client = await start()
    client.write(bytes)
    expect((await client.goAway()).code).toBe(code)
    await client.closed()
    await expectHealthy()
  })

  test('the calls of the connection are cancelled', async () => {
    const client = await start()
    const isCalled = deferred()
    onCall = isCalled.resolve
    client.write(call(1, HANG, ''))
    await isCalled.promise
    client.write(frame(FRAME.PUSH_PROMISE, 4, 1, Buffer.alloc(8)))
    await client.goAway()
    expect(contexts[0]!.cancelled).toBe(true)
  })

  test('unknown frames, settings and flags are ignored', async () => {
    const client = await start()
    client.write(
      frame(99, 0xff, 5, Buffer.alloc(10)),
      settings([0x99, 1]),
      frame(FRAME.PRIORITY, 0, 3, Buffer.alloc(5)),
      frame(FRAME.GOAWAY, 0, 0, Buffer.alloc(8)),
      call(1, UNARY, 'a'),
    )
    expect((await client.trailers(1))['grpc-status']).toBe('0')
  })
})

describe('§5.1 and §8, streams', () => {
  test('§5.1: DATA behind the end of a request is STREAM_CLOSED', async () => {
    const client = await start()
    client.write(call(1, HANG, ''), data(1, message('more')))
    expect(await client.reset(1)).toBe('STREAM_CLOSED')
    await expectHealthy()
  })

  test('§5.1: DATA on a stream that was ended is STREAM_CLOSED, once', async () => {
    const client = await start()
    client.write(call(1, UNARY, 'a'))
    await client.trailers(1)
    client.write(data(1, message('b')), data(1, message('c')), call(3, UNARY, 'd'))
    await client.trailers(3)
    expect(client.frames.filter(({ type }) => type === FRAME.RST_STREAM)).toHaveLength(1)
    expect(await client.reset(1)).toBe('STREAM_CLOSED')
  })

  test('§5.1: HEADERS on a stream that was ended end the connection', async () => {
    const client = await start()
    client.write(call(1, UNARY, 'a'), headers(1, UNARY))
    expect((await client.goAway()).code).toBe('STREAM_CLOSED')
  })

  test('§5.1: what was on its way when the server reset a stream is ignored', async () => {
    const client = await start()
    client.write(headers(1, '/nothing/here'))
    expect(await client.reset(1)).toBe('NO_ERROR')
    client.write(
      data(1, message('late')),
      frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(5)),
      frame(FRAME.HEADERS, LAST, 1, block({ late: 'trailer' })),
      frame(FRAME.RST_STREAM, 0, 1, uint32(8)),
      call(3, UNARY, 'a'),
    )
    expect((await client.trailers(3))['grpc-status']).toBe('0')
    expect(client.frames.filter(({ type }) => type === FRAME.RST_STREAM)).toHaveLength(1)
  })

  test('§5.1.2: calls above the limit are refused, and may come again', async () => {
    const client = await start({ maxConcurrentStreams: 2 })
    const { payload } = await client.ofType(FRAME.SETTINGS)
    expect(payload.includes(Buffer.from('000300000002', 'hex'))).toBe(true)
    client.write(call(1, HANG, ''), call(3, HANG, ''), call(5, UNARY, 'a'))
    expect(await client.reset(5)).toBe('REFUSED_STREAM')
    client.write(frame(FRAME.RST_STREAM, 0, 1, uint32(8)))
    client.write(call(7, UNARY, 'a'))
    expect((await client.trailers(7))['grpc-status']).toBe('0')
  })

  test.each([
    ['without a path', { ':path': '' }],
    ['with an uppercase name', { Token: 'x' }],
    ['with a content-length that is no number', { 'content-length': 'x' }],
  ])('§8.1.1: a request %s is PROTOCOL_ERROR', async (_name, more) => {
    const client = await start()
    client.write(headers(1, UNARY, more), call(3, UNARY, 'a'))
    expect(await client.reset(1)).toBe('PROTOCOL_ERROR')
    expect((await client.trailers(3))['grpc-status']).toBe('0')
  })

  test.each([
    [7, 'longer', END],
    [5, 'shorter', END],
    [5, 'longer before its end', 0],
  ])('§8.1.1: content-length %d of a request that is %s', async (length, _name, flags) => {
    const client = await start()
    client.write(
      headers(1, HANG, { 'content-length': String(length) }),
      data(1, message('x'), flags),
    )
    expect(await client.reset(1)).toBe('PROTOCOL_ERROR')
  })

  test('§8.1.1: a content-length that is right', async () => {
    const client = await start()
    client.write(
      headers(1, UNARY, { 'content-length': '8' }),
      data(1, message('abc').subarray(0, 4)),
      data(1, message('abc').subarray(4), END),
    )
    expect((await client.trailers(1))['grpc-status']).toBe('0')
  })

  test('§8.1: trailers of the client end its request', async () => {
    const client = await start()
    client.write(
      headers(1, UNARY),
      data(1, message('a')),
      frame(FRAME.HEADERS, LAST, 1, block({ some: 'trailer' })),
    )
    expect((await client.trailers(1))['grpc-status']).toBe('0')
  })

  test.each([
    ['without the end of the request', FLAG.END_HEADERS, block({ some: 'trailer' })],
    ['with pseudo fields', LAST, block(requestFields(UNARY))],
  ])('§8.1: trailers %s are PROTOCOL_ERROR', async (_name, flags, bytes) => {
    const client = await start()
    client.write(headers(1, HANG), frame(FRAME.HEADERS, flags, 1, bytes))
    expect(await client.reset(1)).toBe('PROTOCOL_ERROR')
  })

  test('§6.2 and §6.1: padding and priority are passed over', async () => {
    const client = await start()
    const fields = block(requestFields(UNARY))
    const padded = Buffer.concat([Buffer.of(3), Buffer.alloc(5), fields, Buffer.alloc(3)])
    const flags = FLAG.END_HEADERS | FLAG.PADDED | FLAG.PRIORITY
    client.write(frame(FRAME.HEADERS, flags, 1, padded))
    const body = Buffer.concat([Buffer.of(4), message('padded'), Buffer.alloc(4)])
    client.write(data(1, body, FLAG.PADDED | END))
    await client.trailers(1)
    expect(client.dataOf(1)).toEqual(message('padded!'))
  })

  test('§6.10: a header block in pieces', async () => {
    const client = await start()
    const fields = block(requestFields(UNARY))
    client.write(
      frame(FRAME.HEADERS, 0, 1, fields.subarray(0, 10)),
      frame(FRAME.CONTINUATION, 0, 1, fields.subarray(10, 10)),
      frame(FRAME.CONTINUATION, 0, 1, fields.subarray(10, 30)),
      frame(FRAME.CONTINUATION, FLAG.END_HEADERS, 1, fields.subarray(30)),
      data(1, message('a'), END),
    )
    await client.trailers(1)
    expect(client.dataOf(1)).toEqual(message('a!'))
  })

  test('§4.3: the table is kept in step by requests that are refused', async () => {
    const client = await start()
    const insertion = Buffer.concat([Buffer.of(0x40), plain('content-type'), plain('text/plain')])
    const { 'content-type': _type, ...fields } = requestFields(UNARY)
    const grpc = Buffer.concat([Buffer.of(0x40), plain('content-type'), plain('application/grpc')])
    client.write(
      frame(
        FRAME.HEADERS,
        LAST,
        1,
        Buffer.concat([block({ ...fields, Bad: 'x' }), insertion, grpc]),
      ),
      frame(FRAME.HEADERS, FLAG.END_HEADERS, 3, Buffer.concat([block(fields), Buffer.of(0xbe)])),
      data(3, message('a'), END),
    )
    expect(await client.reset(1)).toBe('PROTOCOL_ERROR')
    expect((await client.trailers(3))['grpc-status']).toBe('0')
  })

  test('§8.1: a response before the end of the request releases the client', async () => {
    const client = await start()
    client.write(headers(1, '/test.Text/Nothing'))
    expect((await client.trailers(1))['grpc-status']).toBe('12')
    expect(await client.reset(1)).toBe('NO_ERROR')
  })

  test('a client that closes its connection cancels its calls', async () => {
    const client = await start()
    const isCalled = deferred()
    const isCancelled = deferred()
    onCall = () => {
      contexts[0]!.onCancel(isCancelled.resolve)
      isCalled.resolve()
    }
    client.write(call(1, HANG, ''))
    await isCalled.promise
    client.socket.end()
    await isCancelled.promise
  })
})

describe('§5.2 and §6.9, flow control', () => {
  const kilobytes = (count: number): string => 'x'.repeat(count * 1024)

  test("the client's windows are obeyed, stream and connection", async () => {
    const client = await start({}, [SETTING.INITIAL_WINDOW_SIZE, 100])
    const isCalled = deferred()
    onCall = isCalled.resolve
    client.write(call(1, STREAM, ''))
    await isCalled.promise
    streams[0]!.send(kilobytes(100))
    streams[0]!.end()
    await client.ofType(FRAME.DATA, 1)
    client.write(call(3, UNARY, 'small'))
    await client.trailers(3)
    expect(client.dataOf(1)).toHaveLength(100)
    const total = 100 * 1024 + 5
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(total)))
    client.write(call(5, UNARY, ''))
    await client.frame(() => client.dataOf(1).length + client.dataOf(3).length >= 65_535)
    expect(client.dataOf(1).length + client.dataOf(3).length).toBe(65_535)
    expect(client.frames.some((one) => one.streamId === 1 && one.flags === LAST)).toBe(false)
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(total)))
    expect((await client.trailers(1))['grpc-status']).toBe('0')
    expect((await client.trailers(5))['grpc-status']).toBe('0')
    expect(client.dataOf(1)).toHaveLength(total)
  })

  test('small answers wait too when the connection has no room', async () => {
    const client = await start()
    client.write(...Array.from({ length: 100 }, (_, i) => call(2 * i + 1, UNARY, kilobytes(1))))
    const total = (): number =>
      Array.from({ length: 100 }, (_, i) => client.bytesOf(2 * i + 1)).reduce((a, b) => a + b)
    await client.frame(() => total() >= 65_535)
    expect(total()).toBe(65_535)
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(100_000)))
    await client.trailers(199)
    await client.frame(() => total() === 100 * 1030)
  })

  test('nothing more is sent of a stream that the client has reset', async () => {
    const client = await start({}, [SETTING.INITIAL_WINDOW_SIZE, 1_000_000])
    const isCalled = deferred()
    onCall = isCalled.resolve
    client.write(call(1, STREAM, ''))
    await isCalled.promise
    streams[0]!.send(kilobytes(100))
    await client.frame(() => client.bytesOf(1) === 65_535)
    client.write(frame(FRAME.RST_STREAM, 0, 1, uint32(8)))
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(500_000)), call(3, UNARY, 'a'))
    await client.trailers(3)
    expect(client.bytesOf(1)).toBe(65_535)
  })

  test('frames are no larger than the client takes', async () => {
    const client = await start({}, [SETTING.INITIAL_WINDOW_SIZE, 10_000_000])
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 0, uint32(10_000_000)))
    client.write(call(1, UNARY, kilobytes(100)))
    await client.trailers(1)
    client.write(settings([SETTING.MAX_FRAME_SIZE, 32_768]), call(3, UNARY, kilobytes(100)))
    await client.trailers(3)
    const largest = (id: number): number =>
      Math.max(
        ...client.frames
          .filter(({ type, streamId }) => type === 0 && streamId === id)
          .map(({ payload }) => payload.length),
      )
    expect(largest(1)).toBe(16_384)
    expect(largest(3)).toBe(32_768)
  })

  test('§6.9.2: settings change the windows of open streams, also below zero', async () => {
    const client = await start({}, [SETTING.INITIAL_WINDOW_SIZE, 1000])
    const isCalled = deferred()
    onCall = isCalled.resolve
    client.write(call(1, STREAM, ''))
    await isCalled.promise
    streams[0]!.send(kilobytes(3))
    streams[0]!.end()
    await client.ofType(FRAME.DATA, 1)
    client.write(settings([SETTING.INITIAL_WINDOW_SIZE, 10]))
    client.write(frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(990)), call(3, UNARY, ''))
    await client.trailers(3)
    expect(client.dataOf(1)).toHaveLength(1000)
    client.write(settings([SETTING.INITIAL_WINDOW_SIZE, 3000]))
    await client.trailers(1)
    expect(client.dataOf(1)).toHaveLength(3 * 1024 + 5)
  })

  test('§6.9.2: a setting that makes a stream window too large is FLOW_CONTROL_ERROR', async () => {
    const client = await start()
    client.write(
      headers(1, ECHO),
      frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(2 ** 31 - 1 - 65_535)),
      settings([SETTING.INITIAL_WINDOW_SIZE, 65_536]),
    )
    expect((await client.goAway()).code).toBe('FLOW_CONTROL_ERROR')
  })

  test('§6.9: a stream window grown by 0 or too far resets the stream', async () => {
    const client = await start()
    client.write(headers(1, ECHO), frame(FRAME.WINDOW_UPDATE, 0, 1, uint32(0)))
    expect(await client.reset(1)).toBe('PROTOCOL_ERROR')
    client.write(headers(3, ECHO), frame(FRAME.WINDOW_UPDATE, 0, 3, uint32(2 ** 31 - 1)))
    expect(await client.reset(3)).toBe('FLOW_CONTROL_ERROR')
    await expectHealthy()
  })

  test('room on a stream is given back while its message comes', async () => {
    const client = await start()
    const piece = Buffer.alloc(16_384)
    piece.writeUInt32BE(2 * 1024 * 1024, 1)
    client.write(headers(1, HANG), data(1, piece))
    for (let i = 1; i < 50; i++) client.write(data(1, Buffer.alloc(16_384)))
    const { payload } = await client.ofType(FRAME.WINDOW_UPDATE, 1)
    expect(payload.readUInt32BE(0)).toBe(512 * 1024)
  })

  test('a paused handler gives no room, and what is sent nevertheless resets the stream', async () => {
    await serve()
    await harness.stop()
    let resume: () => void = () => undefined
    const received: number[] = []
    const pausing = defineBidi(ECHO, TEXT_CODEC, (requests) => {
      resume = () => requests.resume()
      requests.pause()
      requests.onMessage((text) => void received.push(text.length))
    })
    harness = await EngineHarness.start((all, given) => new NativeEngine(all, given), [pausing])
    const client = another()
    const piece = message('x'.repeat(16_379))
    client.write(headers(1, ECHO))
    for (let i = 0; i < 64; i++) client.write(data(1, piece))
    await client.roundTrip(1)
    expect(received).toEqual([])
    const updates = (): number =>
      client.frames.filter(({ type, streamId }) => type === FRAME.WINDOW_UPDATE && streamId === 1)
        .length
    expect(updates()).toBe(0)
    resume()
    await client.ofType(FRAME.WINDOW_UPDATE, 1)
    expect(received).toHaveLength(64)
    const second = another()
    second.write(headers(1, ECHO))
    for (let i = 0; i < 65; i++) second.write(data(1, piece))
    expect(await second.reset(1)).toBe('FLOW_CONTROL_ERROR')
  })

  test('large requests go on and on: room is given back on both levels', async () => {
    await serve({ maxReceiveBytes: 40_000_000 })
    const text = kilobytes(30_000)
    const result = (await harness.client().call(UNARY, text)) as string
    expect(result.length).toBe(text.length + 1)
  })
})

describe('§6.7 and §6.8, pings and the end', () => {
  test('a ping is answered with what it brought', async () => {
    const client = await start()
    client.write(frame(FRAME.PING, 0, 0, Buffer.from('whatever')))
    const answer = await client.ofType(FRAME.PING)
    expect([answer.flags, answer.payload.toString()]).toEqual([FLAG.ACK, 'whatever'])
  })

  test('pings between answers are never too many', async () => {
    const client = await start()
    for (let id = 1; id < 40; id += 2) {
      client.write(call(id, UNARY, 'a'))
      await client.trailers(id)
      client.write(frame(FRAME.PING, 0, 0, Buffer.alloc(8, id)))
      await client.frame(({ type, payload }) => type === FRAME.PING && payload[0] === id)
    }
    expect(client.isClosed).toBe(false)
  })

  test('drain: what comes before the ping is answered is served, what comes later is not', async () => {
    const client = await start()
    client.write(call(1, HANG, ''))
    await client.roundTrip(1)
    const drained = harness.engine.drain()
    const first = await client.ofType(FRAME.GOAWAY)
    expect(first.payload.readUInt32BE(0)).toBe(2 ** 31 - 1)
    client.write(call(3, UNARY, 'a'))
    expect((await client.trailers(3))['grpc-status']).toBe('0')
    const ping = await client.frame(({ type, flags }) => type === FRAME.PING && flags === 0)
    client.write(frame(FRAME.PING, FLAG.ACK, 0, ping.payload))
    const second = await client.frame((one) => one.type === FRAME.GOAWAY && one !== first)
    expect(second.payload.readUInt32BE(0)).toBe(3)
    client.write(call(5, UNARY, 'late'), frame(FRAME.RST_STREAM, 0, 1, uint32(8)))
    await client.closed()
    await drained
    expect(client.frames.some(({ streamId }) => streamId === 5)).toBe(false)
  })

  test('drain waits for the last connection', async () => {
    const busy = await start()
    const isCalled = deferred()
    onCall = isCalled.resolve
    busy.write(call(1, HANG, ''))
    await isCalled.promise
    const pong = async (client: RawClient): Promise<void> => {
      const ping = await client.frame(({ type, flags }) => type === FRAME.PING && flags === 0)
      client.write(frame(FRAME.PING, FLAG.ACK, 0, ping.payload))
    }
    const idle = another()
    await idle.ofType(FRAME.SETTINGS)
    let isDrained = false
    const drained = harness.engine.drain().then(() => {
      isDrained = true
    })
    await Promise.all([pong(busy), pong(idle)])
    await idle.closed()
    while (harness.listener.connectionCount > 1) await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(isDrained).toBe(false)
    busy.write(frame(FRAME.RST_STREAM, 0, 1, uint32(8)))
    await drained
  })

  test('drain goes on without a client that does not answer its ping', async () => {
    const client = await start({ keepaliveTimeoutMs: 40 })
    await client.roundTrip(1)
    await harness.engine.drain()
    expect(client.isClosed || client.frames.some(({ type }) => type === FRAME.GOAWAY)).toBe(true)
  })
})
