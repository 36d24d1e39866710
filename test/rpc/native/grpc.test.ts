/** What gRPC asks of the engine beyond HTTP/2, in the words of Go's server. */

import { afterEach, describe, expect, test } from 'vitest'
import {
  defineBidi,
  defineUnary,
  type CallContext,
  type EngineOptions,
} from '../../../src/rpc/engine.ts'
import { NativeEngine } from '../../../src/rpc/native/native-engine.ts'
import { FLAG } from '../../../src/rpc/native/protocol.ts'
import { STATUS, StatusError } from '../../../src/rpc/status.ts'
import { collect, deferred, EngineHarness, TEXT_CODEC, type Status } from '../engine-harness.ts'
import { call, data, headers, message, RawClient, uint32 } from './raw-client.ts'

const UNARY = '/test.Text/Unary'
const ECHO = '/test.Text/Echo'
const HANG = '/test.Text/Hang'
const META = '/test.Text/Meta'

let harness: EngineHarness
let hanging: CallContext[]
let answer: (text: string) => void
let hangs: { readonly promise: Promise<void>; readonly resolve: () => void }

afterEach(() => harness.stop())

async function start(options: Partial<EngineOptions> = {}): Promise<RawClient> {
  hanging = []
  hangs = deferred()
  const methods = [
    defineUnary(UNARY, TEXT_CODEC, (text) => `${text}!`),
    defineUnary(META, TEXT_CODEC, (name, context) => String(context.metadata(name))),
    defineUnary(HANG, TEXT_CODEC, (_text, context) => {
      hanging.push(context)
      hangs.resolve()
      return new Promise<string>((resolve) => {
        answer = resolve
      })
    }),
    defineBidi(ECHO, TEXT_CODEC, (requests, responses) => {
      requests.onMessage((text) => {
        if (text === 'fail') responses.fail(new StatusError(STATUS.ABORTED, 'as you wish'))
        else responses.send(text)
      })
      requests.onEnd(() => responses.end())
    }),
  ]
  harness = await EngineHarness.start(
    (all, given) => new NativeEngine(all, given),
    methods,
    options,
  )
  return new RawClient(harness.socket()).greet()
}

describe('messages', () => {
  test('may be cut into DATA frames anywhere', async () => {
    const client = await start()
    const whole = message('hello world')
    let streamId = 1
    for (let first = 0; first <= whole.length; first++) {
      const second = Math.min(whole.length, first + 3)
      client.write(
        headers(streamId, UNARY),
        data(streamId, whole.subarray(0, first)),
        data(streamId, whole.subarray(first, second)),
        data(streamId, whole.subarray(second)),
        data(streamId, Buffer.alloc(0), FLAG.END_STREAM),
      )
      expect((await client.trailers(streamId))['grpc-status']).toBe('0')
      expect(client.dataOf(streamId)).toEqual(message('hello world!'))
      streamId += 2
    }
  })

  test('several may share a frame, and one may lie across two', async () => {
    const client = await start()
    const all = Buffer.concat(['a', 'bcd', '', 'e'.repeat(40_000), 'f'].map(message))
    client.write(headers(1, ECHO))
    for (let at = 0; at < all.length; at += 10_007)
      client.write(data(1, all.subarray(at, at + 10_007)))
    client.write(data(1, Buffer.alloc(0), FLAG.END_STREAM))
    expect((await client.trailers(1))['grpc-status']).toBe('0')
    expect(client.dataOf(1)).toEqual(all)
  })

  test.each([
    ['none', Buffer.alloc(0)],
    ['one cut short', message('abc').subarray(0, 6)],
    ['a prefix cut short', message('abc').subarray(0, 3)],
    ['two', Buffer.concat([message('a'), message('b')])],
  ])('a unary request of %s is INTERNAL', async (_name, body) => {
    const client = await start()
    client.write(headers(1, UNARY), data(1, body, FLAG.END_STREAM))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.INTERNAL))
  })

  test('a stream that ends inside of a message is INTERNAL too', async () => {
    const client = await start()
    client.write(headers(1, ECHO), data(1, message('abc').subarray(0, 7), FLAG.END_STREAM))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.INTERNAL))
  })

  test('a request that ends with its headers has no message', async () => {
    const client = await start()
    client.write(headers(1, UNARY, {}, FLAG.END_HEADERS | FLAG.END_STREAM))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.INTERNAL))
    client.write(headers(3, ECHO, {}, FLAG.END_HEADERS | FLAG.END_STREAM))
    expect((await client.trailers(3))['grpc-status']).toBe(String(STATUS.OK))
  })

  test('one above the limit is refused by its prefix, before it comes', async () => {
    const client = await start({ maxReceiveBytes: 1000 })
    const prefix = Buffer.concat([Buffer.of(0), uint32(1001)])
    client.write(headers(1, UNARY), data(1, prefix))
    expect(await client.trailers(1)).toMatchObject({
      'grpc-status': String(STATUS.RESOURCE_EXHAUSTED),
      'grpc-message': 'grpc: received message larger than max (1001 vs. 1000)',
    })
    expect(await client.reset(1)).toBe('NO_ERROR')
    client.write(headers(3, UNARY), data(3, prefix.subarray(0, 3)), data(3, prefix.subarray(3)))
    expect((await client.trailers(3))['grpc-status']).toBe(String(STATUS.RESOURCE_EXHAUSTED))
  })

  test('a compressed one without a known encoding is INTERNAL', async () => {
    const client = await start()
    const compressed = Buffer.from(message('abc'))
    compressed[0] = 1
    client.write(headers(1, UNARY), data(1, compressed, FLAG.END_STREAM))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.INTERNAL))
    client.write(
      headers(3, UNARY),
      data(3, compressed.subarray(0, 4)),
      data(3, compressed.subarray(4)),
    )
    expect((await client.trailers(3))['grpc-status']).toBe(String(STATUS.INTERNAL))
  })
})

describe('headers', () => {
  test('a compression that is not there is UNIMPLEMENTED, and the client hears which are', async () => {
    const client = await start()
    client.write(headers(1, UNARY, { 'grpc-encoding': 'gzip' }))
    expect(await client.trailers(1)).toEqual({
      ':status': '200',
      'content-type': 'application/grpc',
      'grpc-status': String(STATUS.UNIMPLEMENTED),
      'grpc-message': 'grpc: Decompressor is not installed for grpc-encoding "gzip"',
      'grpc-accept-encoding': 'identity',
    })
    client.write(headers(3, UNARY, { 'grpc-encoding': 'identity' }), data(3, message('a'), 1))
    expect((await client.trailers(3))['grpc-status']).toBe('0')
  })

  test.each([
    [{ ':method': 'GET' }, '405'],
    [{ 'content-type': 'application/json' }, '415'],
    [{ 'content-type': 'application/grpc-web' }, '415'],
  ])('%j is refused with HTTP status %s', async (more, status) => {
    const client = await start()
    client.write(headers(1, UNARY, more))
    expect((await client.trailers(1))[':status']).toBe(status)
  })

  test('above the limits they are RESOURCE_EXHAUSTED, and the connection lives on', async () => {
    const client = await start({ maxHeaderBytes: 1000 })
    client.write(headers(1, UNARY, { long: 'x'.repeat(1000) }))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.RESOURCE_EXHAUSTED))
    client.write(call(3, UNARY, 'a'))
    expect((await client.trailers(3))['grpc-status']).toBe('0')
  })

  test('binary metadata comes decoded, one char per byte', async () => {
    const client = await start()
    client.write(headers(1, META, { 'key-bin': 'aGk=' }), data(1, message('key-bin'), 1))
    await client.trailers(1)
    expect(client.dataOf(1)).toEqual(message('hi'))
  })
})

describe('deadlines', () => {
  test('one that passes ends the call and tells its handler', async () => {
    const client = await start()
    client.write(headers(1, HANG, { 'grpc-timeout': '20m' }), data(1, message(''), 1))
    await hangs.promise
    const cancelled = deferred()
    hanging[0]!.onCancel(cancelled.resolve)
    await cancelled.promise
    expect(await client.trailers(1)).toMatchObject({
      'grpc-status': String(STATUS.DEADLINE_EXCEEDED),
      'grpc-message': 'context deadline exceeded',
    })
    expect(harness.finished.map(({ code }) => code)).toEqual([STATUS.DEADLINE_EXCEEDED])
    answer('too late')
    client.write(call(3, UNARY, 'a'))
    await client.trailers(3)
    expect(client.dataOf(1)).toHaveLength(0)
  })

  test('one that passes before the request has come ends the call too', async () => {
    const client = await start()
    client.write(headers(1, UNARY, { 'grpc-timeout': '1m' }))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.DEADLINE_EXCEEDED))
  })

  test('one that is not understood is INTERNAL', async () => {
    const client = await start()
    client.write(headers(1, UNARY, { 'grpc-timeout': '5 seconds' }))
    expect(await client.trailers(1)).toMatchObject({
      'grpc-status': String(STATUS.INTERNAL),
      'grpc-message': 'malformed grpc-timeout: "5 seconds"',
    })
  })

  test('a stream whose messages wait for room ends all the same', async () => {
    await start()
    const client = new RawClient(harness.socket()).greet([4, 10])
    client.write(headers(1, ECHO, { 'grpc-timeout': '50m' }), data(1, message('x'.repeat(100))))
    expect((await client.trailers(1))['grpc-status']).toBe(String(STATUS.DEADLINE_EXCEEDED))
    expect(client.dataOf(1)).toHaveLength(10)
  })
})

describe('the end of a call', () => {
  test('a failure without messages is one HEADERS frame', async () => {
    const client = await start()
    client.write(headers(1, ECHO), data(1, message('fail')))
    expect(await client.trailers(1)).toEqual({
      ':status': '200',
      'content-type': 'application/grpc',
      'grpc-status': '10',
      'grpc-message': 'as you wish',
    })
  })

  test('an answer to a call that was cancelled goes nowhere', async () => {
    const client = await start()
    client.write(call(1, HANG, ''))
    await hangs.promise
    client.write(Buffer.from('0000040300000000010000000' + '8', 'hex'))
    await client.roundTrip(1)
    expect(hanging[0]!.cancelled).toBe(true)
    answer('nobody listens')
    client.write(call(3, UNARY, 'a'))
    await client.trailers(3)
    expect(client.frames.some(({ streamId }) => streamId === 1)).toBe(false)
  })

  test('handlers that go on without their call count as calls', async () => {
    const client = await start({ maxConcurrentStreams: 1 })
    client.write(call(1, HANG, ''))
    await hangs.promise
    client.write(Buffer.from('00000403000000000100000008', 'hex'), call(3, UNARY, 'a'))
    expect(await client.reset(3)).toBe('REFUSED_STREAM')
    answer('done')
    await client.roundTrip(2)
    client.write(call(5, UNARY, 'a'))
    expect((await client.trailers(5))['grpc-status']).toBe('0')
  })

  test('the answers of one turn leave in one packet', async () => {
    const client = await start()
    await client.roundTrip(3)
    let chunks = 0
    client.socket.on('data', () => void chunks++)
    client.write(...Array.from({ length: 50 }, (_, i) => call(2 * i + 1, UNARY, 'a')))
    await client.trailers(99)
    expect(chunks).toBeLessThanOrEqual(2)
  })

  test('what comes before a failure arrives before it, with grpc-js on the other side', async () => {
    await start()
    const stream = harness.client().bidi(ECHO)
    const ended = collect(stream)
    stream.write(Buffer.from('one'))
    stream.write(Buffer.from('fail'))
    const expected: Status = { code: STATUS.ABORTED, message: 'as you wish' }
    expect(await ended).toEqual({ messages: ['one'], status: expected })
  })
})
