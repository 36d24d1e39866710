/** Both sides of a bridge with an engine played by the test, parcel by parcel. */

import { expect, test } from 'vitest'
import type { Pending } from '../../../src/base/pending.ts'
import { Back } from '../../../src/rpc/bridge/back.ts'
import { Carrier, type ParcelPort } from '../../../src/rpc/bridge/carrier.ts'
import { ENTRY, WINDOW_BYTES } from '../../../src/rpc/bridge/entry.ts'
import { Front } from '../../../src/rpc/bridge/front.ts'
import { readParcel } from '../../../src/rpc/bridge/parcel.ts'
import {
  defineBidi,
  defineServerStream,
  defineUnary,
  type CallContext,
  type Method,
  type RequestStream,
  type ResponseStream,
} from '../../../src/rpc/engine.ts'
import { STATUS, type StatusError } from '../../../src/rpc/status.ts'
import { deferred, recordingLogger, TEXT_CODEC } from '../engine-harness.ts'

/** A bridge on which parcels lie until they are delivered. */
class Bridge {
  readonly #toBack = new Lane()
  readonly #toFront = new Lane()
  readonly proxies: Method[]
  readonly callNumbers = new Set<number>()

  constructor(methods: readonly Method[]) {
    const front = new Front(this.#toBack.carrierFor(this.#toFront), [])
    this.#toBack.onParcel = (parcel) => {
      readParcel(parcel, (kind, call) => kind === ENTRY.OPEN && this.callNumbers.add(call))
    }
    const back = this.#toFront.carrierFor(this.#toBack)
    void new Back(methods, back, [], { logger: recordingLogger([]) })
    this.proxies = front.methods(methods.map(({ kind, path }) => ({ kind, path })))
  }

  /** Until nothing lies on it, promises included. */
  async settle(): Promise<void> {
    do {
      await new Promise(setImmediate)
    } while (this.#toBack.deliver() || this.#toFront.deliver())
  }
}

/** What is sent here lies here until it is delivered to the carrier at the other end. */
class Lane implements ParcelPort {
  #parcels: ArrayBuffer[] = []
  #receiver: Carrier | undefined
  onParcel: ((parcel: ArrayBuffer) => void) | undefined

  /** The carrier that sends here and receives from `incoming`. */
  carrierFor(incoming: Lane): Carrier {
    const carrier = new Carrier({ port: this, plan: (flush) => queueMicrotask(flush) })
    incoming.#receiver = carrier
    return carrier
  }

  postMessage(parcel: ArrayBuffer): void {
    this.onParcel?.(parcel)
    this.#parcels.push(parcel)
  }

  deliver(): boolean {
    const parcels = this.#parcels
    this.#parcels = []
    for (const parcel of parcels) this.#receiver?.receive(parcel)
    return parcels.length > 0
  }
}

/** The context and streams of one call, as an engine has them; the client is the test. */
class EngineCall implements CallContext, RequestStream<unknown>, ResponseStream<unknown> {
  readonly peerAddress = 'client:1'
  readonly received: string[] = []
  last: Buffer | undefined
  receivedBytes = 0
  status: number | undefined
  /** Said to whoever sends. */
  hasRoom = true
  isPaused = false
  cancelled = false
  #onMessage: ((request: Buffer) => void) | undefined
  #onEnd: (() => void) | undefined
  #onCancel: (() => void) | undefined
  #onDrain: (() => void) | undefined

  metadata(): undefined {
    return undefined
  }
  onCancel(listener: () => void): void {
    this.#onCancel = listener
  }
  onMessage(listener: (request: unknown) => void): void {
    this.#onMessage = listener
  }
  onEnd(listener: () => void): void {
    this.#onEnd = listener
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  send(response: unknown): boolean {
    const bytes = response as Buffer
    this.received.push(bytes.toString())
    this.last = bytes
    this.receivedBytes += bytes.length
    return this.hasRoom
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  end(): void {
    this.status = STATUS.OK
  }
  fail(error: StatusError): void {
    this.status = error.code
  }

  request(text: string): void {
    this.#onMessage?.(Buffer.from(text))
  }
  halfClose(): void {
    this.#onEnd?.()
  }
  cancel(): void {
    this.cancelled = true
    this.#onCancel?.()
  }
  drain(): void {
    this.hasRoom = true
    this.#onDrain?.()
  }
}

function unary(proxy: Method | undefined, text: string, call = new EngineCall()): Promise<string> {
  if (proxy?.kind !== 'unary') throw new Error('not a unary method')
  const answer = proxy.handle(Buffer.from(text), call) as Pending<Buffer>
  return answer.promise().then(
    (bytes) => bytes.toString(),
    (error: StatusError) => `${error.code} ${error.message}`,
  )
}

function serverStream(proxy: Method | undefined): EngineCall {
  if (proxy?.kind !== 'server-stream') throw new Error('not a server stream')
  const call = new EngineCall()
  proxy.handle(Buffer.from(''), call, call)
  return call
}

function bidi(proxy: Method | undefined): EngineCall {
  if (proxy?.kind !== 'bidi') throw new Error('not a bidirectional method')
  const call = new EngineCall()
  proxy.handle(call, call, call)
  return call
}

const KIB = 'x'.repeat(1024)

test('a stream sends no more than a window ahead of a client that does not read', async () => {
  let sent = 0
  const bridge = new Bridge([
    defineServerStream('/s', TEXT_CODEC, (_request, stream) => {
      const fill = (): void => {
        do sent++
        while (stream.send(KIB) && sent < 1000)
        if (sent >= 1000) stream.end()
      }
      stream.onDrain(fill)
      fill()
    }),
  ])
  const call = serverStream(bridge.proxies[0])
  call.hasRoom = false
  await bridge.settle()
  expect(call.receivedBytes).toBeGreaterThan(WINDOW_BYTES - 2048)
  expect(call.receivedBytes).toBeLessThan(WINDOW_BYTES + 2048)

  call.drain()
  await bridge.settle()
  expect(call.received).toHaveLength(1000)
  expect(call.status).toBe(STATUS.OK)
})

test('a window is refilled before it is empty, so that a fast reader never waits', async () => {
  const drains: number[] = []
  let stream: ResponseStream<string> | undefined
  const bridge = new Bridge([
    defineServerStream('/s', TEXT_CODEC, (_request, given) => {
      stream = given
      given.onDrain(() => drains.push(1))
    }),
  ])
  const call = serverStream(bridge.proxies[0])
  await bridge.settle()
  for (let i = 0; i < 40; i++) {
    expect(stream!.send(KIB)).toBe(true)
    await bridge.settle()
  }
  expect(stream!.send('y'.repeat(WINDOW_BYTES))).toBe(false)
  await bridge.settle()
  expect(drains).toEqual([1])
  expect(call.received).toHaveLength(41)
})

test('a handler that pauses holds its client up, and gets everything when it goes on', async () => {
  const got: string[] = []
  let requests: RequestStream<string> | undefined
  const bridge = new Bridge([
    defineBidi('/b', TEXT_CODEC, (given, responses) => {
      requests = given
      given.onMessage((text) => got.push(text))
      given.onEnd(() => responses.end())
      given.pause()
    }),
  ])
  const call = bidi(bridge.proxies[0])
  let sent = 0
  while (!call.isPaused) call.request(`${sent++} ${KIB}`)
  await bridge.settle()
  expect(got).toEqual([])
  expect(call.isPaused).toBe(true)
  expect(sent * 1024).toBeLessThan(WINDOW_BYTES + 2048)

  requests!.resume()
  await bridge.settle()
  expect(got).toHaveLength(sent)
  expect(call.isPaused).toBe(false)
  call.request('last')
  call.halfClose()
  await bridge.settle()
  expect(got.at(-1)).toBe('last')
  expect(call.status).toBe(STATUS.OK)
})

test('the end of a cancelled call is known when its handler has ended, not before', async () => {
  const handler = deferred<string>()
  let context: CallContext | undefined
  const bridge = new Bridge([
    defineUnary('/u', TEXT_CODEC, (_text, given) => {
      context = given
      return handler.promise
    }),
    defineUnary('/echo', TEXT_CODEC, (text) => text),
  ])
  const call = new EngineCall()
  const ended = unary(bridge.proxies[0], '', call)
  let isEnded = false
  void ended.then(() => (isEnded = true))
  await bridge.settle()
  call.cancel()
  await bridge.settle()
  expect(context!.cancelled).toBe(true)
  expect(isEnded).toBe(false)

  // Its number is not given to another call meanwhile.
  const other = unary(bridge.proxies[1], 'other')
  await bridge.settle()
  expect(await other).toBe('other')
  handler.resolve('late')
  await bridge.settle()
  expect(await ended).toBe(`${STATUS.CANCELLED} `)
})

test('what meets its end on the bridge means nothing to the next call of the same number', async () => {
  const cancelled: string[] = []
  const bridge = new Bridge([
    defineUnary('/u', TEXT_CODEC, (text, context) => {
      context.onCancel(() => cancelled.push(text))
      return text === 'slow' ? deferred<string>().promise : text
    }),
    defineBidi('/b', TEXT_CODEC, (_requests, responses) => responses.end()),
  ])
  const stream = bidi(bridge.proxies[1])
  // The other side has ended the stream; these are on their way to it.
  stream.request('too late')
  stream.halfClose()
  stream.cancel()
  await bridge.settle()
  expect(stream.status).toBe(STATUS.OK)
  const slow = new EngineCall()
  void unary(bridge.proxies[0], 'slow', slow)
  await bridge.settle()
  stream.cancel()
  await bridge.settle()
  expect(cancelled).toEqual([])
  slow.cancel()
  await bridge.settle()
  expect(cancelled).toEqual(['slow'])
})

test('the number of a call that has ended is used again', async () => {
  const bridge = new Bridge([defineUnary('/u', TEXT_CODEC, (text) => text)])
  for (let i = 0; i < 20; i++) {
    const answers = [unary(bridge.proxies[0], `a${i}`), unary(bridge.proxies[0], `b${i}`)]
    await bridge.settle()
    expect(await Promise.all(answers)).toEqual([`a${i}`, `b${i}`])
  }
  expect(bridge.callNumbers).toEqual(new Set([0, 1]))
})

test('a stream that is cancelled ends behind the bridge, and sends nothing any more', async () => {
  let stream: ResponseStream<string> | undefined
  const bridge = new Bridge([
    defineServerStream('/s', TEXT_CODEC, (_request, given) => {
      stream = given
    }),
  ])
  const call = serverStream(bridge.proxies[0])
  await bridge.settle()
  call.cancel()
  await bridge.settle()
  expect(stream!.send('late')).toBe(false)
  await bridge.settle()
  expect(call.received).toEqual([])
})

test('one message to a thousand streams is one, and keeps nothing else in memory', async () => {
  const streams: ResponseStream<Uint8Array>[] = []
  const codec = { decode: (bytes: Uint8Array) => bytes, encode: (bytes: Uint8Array) => bytes }
  const bridge = new Bridge([
    defineServerStream('/s', codec, (_request, stream) => void streams.push(stream)),
  ])
  const calls = Array.from({ length: 1000 }, () => serverStream(bridge.proxies[0]))
  await bridge.settle()
  const event = Buffer.from('event')
  for (const stream of streams) stream.send(event)
  await bridge.settle()
  expect(new Set(calls.map(({ last }) => last)).size).toBe(1)
  expect(calls[0]!.received).toEqual(['event'])
  expect(calls[0]!.last!.buffer.byteLength).toBeLessThanOrEqual(Buffer.poolSize)
})
