/** What every engine must do, as a suite over a factory. */

import { Metadata } from '@grpc/grpc-js'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Pending } from '../../src/base/pending.ts'
import {
  defineBidi,
  defineServerStream,
  defineUnary,
  type CallContext,
  type EngineOptions,
  type Method,
  type ResponseStream,
} from '../../src/rpc/engine.ts'
import { STATUS, StatusError } from '../../src/rpc/status.ts'
import {
  collect,
  deferred,
  EngineHarness,
  TEXT_CODEC,
  type EngineFactory,
  type Status,
} from './engine-harness.ts'

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export function engineConformance(name: string, factory: EngineFactory): void {
  describe(`the ${name} engine`, () => {
    let harness: EngineHarness | undefined
    afterEach(async () => {
      await harness?.stop()
      harness = undefined
    })

    async function serve(
      methods: readonly Method[],
      options?: Partial<EngineOptions>,
    ): Promise<EngineHarness> {
      harness = await EngineHarness.start(factory, methods, options)
      return harness
    }

    const unary = (handle: (text: string, context: CallContext) => string | Promise<string>) =>
      defineUnary('/test.Text/Unary', TEXT_CODEC, handle)
    const serverStream = (
      handle: (text: string, stream: ResponseStream<string>, context: CallContext) => void,
    ) => defineServerStream('/test.Text/Stream', TEXT_CODEC, handle)
    const echo = defineBidi('/test.Text/Echo', TEXT_CODEC, (requests, responses) => {
      requests.onMessage((text) => void responses.send(text))
      requests.onEnd(() => responses.end())
    })

    describe('unary calls', () => {
      test('a plain value and a promise are both answered', async () => {
        const { client } = bind(
          await serve([
            unary((text) => `now ${text}`),
            defineUnary('/test.Text/Later', TEXT_CODEC, (text) => Promise.resolve(`later ${text}`)),
          ]),
        )
        const connection = client()
        expect(await connection.call('/test.Text/Unary', 'a')).toBe('now a')
        expect(await connection.call('/test.Text/Later', 'b')).toBe('later b')
      })

      test('empty requests and responses are messages too', async () => {
        const { client } = bind(await serve([unary((text) => text)]))
        expect(await client().call('/test.Text/Unary', '')).toBe('')
      })

      test('a StatusError, thrown or rejected, is its code and exact message', async () => {
        const error = new StatusError(STATUS.NOT_FOUND, 'etcdserver: 100% of "ключ" is missing')
        const { client } = bind(
          await serve([
            unary(() => {
              throw error
            }),
            defineUnary('/test.Text/Later', TEXT_CODEC, () => Promise.reject(error)),
          ]),
        )
        const expected: Status = { code: STATUS.NOT_FOUND, message: error.message }
        const connection = client()
        expect(await connection.call('/test.Text/Unary', '')).toEqual(expected)
        expect(await connection.call('/test.Text/Later', '')).toEqual(expected)
      })

      test('anything else thrown is UNKNOWN, without its text, and logged', async () => {
        const { client, log } = bind(
          await serve([
            unary((text) => {
              if (text === 'throw') throw new TypeError('secret')
              return text
            }),
          ]),
        )
        const connection = client()
        const result = (await connection.call('/test.Text/Unary', 'throw')) as Status
        expect(result.code).toBe(STATUS.UNKNOWN)
        expect(result.message).not.toContain('secret')
        expect(log.filter(({ level }) => level === 'error')).toHaveLength(1)
        expect(await connection.call('/test.Text/Unary', 'next')).toBe('next')
      })

      test('a response that cannot be encoded is UNKNOWN and logged', async () => {
        const codec = {
          ...TEXT_CODEC,
          encode: (): Uint8Array => {
            throw new Error('no')
          },
        }
        const { client, log } = bind(
          await serve([defineUnary('/test.Text/Unary', codec, (text) => text)]),
        )
        const result = (await client().call('/test.Text/Unary', '')) as Status
        expect(result.code).toBe(STATUS.UNKNOWN)
        expect(log).toHaveLength(1)
      })

      test('metadata is read by lowercase name, the first of several values', async () => {
        const { client } = bind(
          await serve([
            unary((_text, context) =>
              [context.metadata('token'), context.metadata('absent')].map(String).join(),
            ),
          ]),
        )
        const metadata = new Metadata()
        metadata.add('Token', 'first')
        metadata.add('token', 'second')
        const result = await client().call('/test.Text/Unary', '', { metadata })
        expect(result).toMatch(/^first(, second)?,undefined$/)
      })

      test('the peer address is host:port', async () => {
        const { client } = bind(await serve([unary((_text, { peerAddress }) => peerAddress)]))
        expect(await client().call('/test.Text/Unary', '')).toMatch(/^127\.0\.0\.1:\d+$/)
      })

      test('a large response arrives whole', async () => {
        const { client } = bind(await serve([unary((text) => text.repeat(8 * 1024 * 1024))]))
        const result = await client().call('/test.Text/Unary', 'x')
        expect(result).toHaveLength(8 * 1024 * 1024)
      })

      test('a thousand concurrent calls on one connection are all answered', async () => {
        const { client } = bind(
          await serve([
            unary(async (text) => {
              await new Promise(setImmediate)
              return text
            }),
          ]),
        )
        const connection = client()
        const texts = Array.from({ length: 1000 }, (_, i) => `call ${i}`)
        const results = await Promise.all(
          texts.map((text) => connection.call('/test.Text/Unary', text)),
        )
        expect(results).toEqual(texts)
      })
    })

    describe('pending values', () => {
      const PATH = '/test.Text/Unary'
      const ANSWERS: Readonly<Record<string, (pending: Pending<string>) => void>> = {
        value: (pending) => pending.succeed('told'),
        error: (pending) => pending.fail(new StatusError(STATUS.NOT_FOUND, 'not here')),
        bug: (pending) => pending.fail(new TypeError('secret')),
        'no text': (pending) => pending.succeed(undefined as unknown as string),
      }
      const expected = async (client: ReturnType<EngineHarness['client']>): Promise<void> => {
        const told = await Promise.all(Object.keys(ANSWERS).map((text) => client.call(PATH, text)))
        expect(told[0]).toBe('told')
        expect(told[1]).toEqual({ code: STATUS.NOT_FOUND, message: 'not here' })
        for (const status of told.slice(2) as Status[]) {
          expect(status.code).toBe(STATUS.UNKNOWN)
          expect(status.message).not.toContain('secret')
        }
      }

      test('that are there when the handler returns are answered, failures too', async () => {
        const { client, log } = bind(
          await serve([
            defineUnary(PATH, TEXT_CODEC, (text) => {
              const pending = new Pending<string>()
              ANSWERS[text]!(pending)
              return pending
            }),
          ]),
        )
        await expected(client())
        expect(log.filter(({ level }) => level === 'error')).toHaveLength(2)
      })

      test('that come later are answered, all of one turn, failures too', async () => {
        const waiting: (() => void)[] = []
        const { client, finished } = bind(
          await serve([
            defineUnary(PATH, TEXT_CODEC, (text) => {
              const pending = new Pending<string>()
              waiting.push(() => ANSWERS[text]!(pending))
              if (waiting.length === Object.keys(ANSWERS).length) {
                setImmediate(() => waiting.forEach((settle) => settle()))
              }
              return pending
            }),
          ]),
        )
        await expected(client())
        expect(finished).toHaveLength(4)
      })

      test('that come when the client has gone are nobody’s, and the connection goes on', async () => {
        const pending = new Pending<string>()
        const cancelled = deferred()
        const { client, finished, log } = bind(
          await serve([
            defineUnary(PATH, TEXT_CODEC, (text, context) => {
              if (text === 'next') return text
              context.onCancel(() => cancelled.resolve())
              return pending
            }),
          ]),
        )
        const connection = client()
        const status = (await connection.call(PATH, 'x', { deadlineMs: 80 })) as Status
        expect(status.code).toBe(STATUS.DEADLINE_EXCEEDED)
        await cancelled.promise
        pending.succeed('late')
        expect(await connection.call(PATH, 'next')).toBe('next')
        expect(finished).toHaveLength(2)
        expect(log).toEqual([])
      })
    })

    describe('cancellation', () => {
      test('a client that cancels is told to the handler once', async () => {
        const seen = deferred<CallContext>()
        const cancelled = deferred()
        let times = 0
        const { client, finished } = bind(
          await serve([
            serverStream((_text, stream, context) => {
              stream.send('started')
              context.onCancel(() => {
                times++
                cancelled.resolve()
              })
              seen.resolve(context)
            }),
          ]),
        )
        const stream = client().serverStream('/test.Text/Stream', '')
        const ended = collect(stream)
        const context = await seen.promise
        expect(context.cancelled).toBe(false)
        stream.cancel()
        await cancelled.promise
        expect(context.cancelled).toBe(true)
        let atOnce = false
        context.onCancel(() => {
          atOnce = true
        })
        expect(atOnce).toBe(true)
        expect((await ended).status.code).toBe(STATUS.CANCELLED)
        expect(finished.map(({ code }) => code)).toEqual([STATUS.CANCELLED])
        expect(times).toBe(1)
      })

      test('a connection that breaks cancels its calls', async () => {
        const seen = deferred()
        const cancelled = deferred()
        const { client } = bind(
          await serve([
            unary((_text, context) => {
              context.onCancel(() => cancelled.resolve())
              seen.resolve()
              return new Promise<string>(() => undefined)
            }),
          ]),
        )
        const connection = client()
        void connection.call('/test.Text/Unary', '')
        await seen.promise
        connection.close()
        harness!.engine.close()
        await cancelled.promise
      })

      test('a deadline that passes cancels the call', async () => {
        const cancelled = deferred()
        const { client, finished } = bind(
          await serve([
            unary((_text, context) => {
              context.onCancel(() => cancelled.resolve())
              return new Promise<string>(() => undefined)
            }),
          ]),
        )
        const result = (await client().call('/test.Text/Unary', '', { deadlineMs: 80 })) as Status
        expect(result.code).toBe(STATUS.DEADLINE_EXCEEDED)
        await cancelled.promise
        expect([STATUS.CANCELLED, STATUS.DEADLINE_EXCEEDED]).toContain(finished[0]!.code)
      })

      test('a call that has ended is not cancelled afterwards', async () => {
        let isCancelled = false
        const { client } = bind(
          await serve([
            unary((text, context) => {
              context.onCancel(() => {
                isCancelled = true
              })
              return text
            }),
          ]),
        )
        const connection = client()
        await connection.call('/test.Text/Unary', '')
        connection.close()
        await harness!.listener.close(5000)
        expect(isCancelled).toBe(false)
      })
    })

    describe('streams', () => {
      test('a server stream brings its messages in order, then OK', async () => {
        const { client } = bind(
          await serve([
            serverStream((text, stream) => {
              for (let i = 0; i < 50; i++) stream.send(`${text} ${i}`)
              stream.end()
            }),
          ]),
        )
        const { messages, status } = await collect(client().serverStream('/test.Text/Stream', 'm'))
        expect(messages).toEqual(Array.from({ length: 50 }, (_, i) => `m ${i}`))
        expect(status.code).toBe(STATUS.OK)
      })

      test('what was sent before a failure arrives before the status', async () => {
        const { client } = bind(
          await serve([
            serverStream((_text, stream) => {
              stream.send('one')
              stream.fail(new StatusError(STATUS.UNAVAILABLE, 'etcdserver: no leader'))
              expect(stream.send('after the end')).toBe(false)
              stream.end()
            }),
          ]),
        )
        const { messages, status } = await collect(client().serverStream('/test.Text/Stream', ''))
        expect(messages).toEqual(['one'])
        expect(status).toEqual({ code: STATUS.UNAVAILABLE, message: 'etcdserver: no leader' })
      })

      test('a handler that throws ends its stream', async () => {
        const { client, log } = bind(
          await serve([
            serverStream(() => {
              throw new Error('bug')
            }),
            defineBidi('/test.Text/Bidi', TEXT_CODEC, (requests) => {
              requests.onMessage(() => {
                throw new StatusError(STATUS.ABORTED, 'stop')
              })
            }),
          ]),
        )
        const connection = client()
        const first = await collect(connection.serverStream('/test.Text/Stream', ''))
        expect(first.status.code).toBe(STATUS.UNKNOWN)
        expect(log).toHaveLength(1)
        const bidi = connection.bidi('/test.Text/Bidi')
        const second = collect(bidi)
        bidi.write(Buffer.from('x'))
        expect((await second).status).toEqual({ code: STATUS.ABORTED, message: 'stop' })
      })

      test('a slow reader stops the sender after a bounded number of bytes', async () => {
        const kilobyte = 'x'.repeat(1024)
        const count = 8000
        let sent = 0
        let falses = 0
        const firstFalse = deferred()
        const { client } = bind(
          await serve([
            serverStream((_text, stream) => {
              const sendMore = (): void => {
                while (sent < count) {
                  sent++
                  if (stream.send(kilobyte)) continue
                  falses++
                  firstFalse.resolve()
                  return
                }
                stream.end()
              }
              stream.onDrain(sendMore)
              sendMore()
            }),
            unary((text) => text),
          ]),
        )
        const session = connectHttp2(`http://127.0.0.1:${harness!.listener.port}`)
        const stream = session.request({
          ':method': 'POST',
          ':path': '/test.Text/Stream',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        stream.pause()
        stream.end(Buffer.alloc(5))
        await firstFalse.promise
        // Others are served meanwhile, and a few round trips give the sender time to go too far.
        const other = client()
        for (let i = 0; i < 20; i++) await other.call('/test.Text/Unary', '')
        expect(sent).toBeLessThan(1000)
        let received = 0
        stream.on('data', (chunk: Buffer) => {
          received += chunk.length
        })
        stream.resume()
        const [trailers] = (await once(stream, 'trailers')) as [Record<string, string>]
        expect(trailers['grpc-status']).toBe('0')
        expect(received).toBe(count * (1024 + 5))
        expect(falses).toBeGreaterThan(10)
        session.destroy()
      })

      test('a bidirectional stream echoes and ends when the client has ended', async () => {
        const { client, finished } = bind(await serve([echo]))
        const stream = client().bidi('/test.Text/Echo')
        const ended = collect(stream)
        const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`)
        for (const text of texts) stream.write(Buffer.from(text))
        stream.end()
        const { messages, status } = await ended
        expect(messages).toEqual(texts)
        expect(status.code).toBe(STATUS.OK)
        expect(finished).toHaveLength(1)
        expect(finished[0]!.receivedBytes).toBe(texts.join('').length)
        expect(finished[0]!.sentBytes).toBe(texts.join('').length)
      })

      test('the server may end a bidirectional stream before the client does', async () => {
        const method = defineBidi('/test.Text/Bidi', TEXT_CODEC, (requests, responses) => {
          requests.onMessage((text) => {
            responses.send(text)
            responses.end()
          })
        })
        const { client } = bind(await serve([method]))
        const stream = client().bidi('/test.Text/Bidi')
        const ended = collect(stream)
        stream.write(Buffer.from('only'))
        const { messages, status } = await ended
        expect(messages).toEqual(['only'])
        expect(status.code).toBe(STATUS.OK)
      })

      test('a paused request stream brings nothing until it is resumed', async () => {
        const received: string[] = []
        const first = deferred()
        const all = deferred()
        let resume: () => void = () => undefined
        const method = defineBidi('/test.Text/Bidi', TEXT_CODEC, (requests) => {
          resume = () => requests.resume()
          requests.onMessage((text) => {
            received.push(text)
            if (received.length === 1) requests.pause()
            if (received.length === 1) first.resolve()
            if (received.length === 3) all.resolve()
          })
        })
        const { client } = bind(await serve([method, unary((text) => text)]))
        const connection = client()
        const stream = connection.bidi('/test.Text/Bidi')
        stream.on('error', () => undefined)
        for (const text of ['a', 'b', 'c']) stream.write(Buffer.from(text))
        await first.promise
        for (let i = 0; i < 5; i++) await connection.call('/test.Text/Unary', '')
        expect(received).toEqual(['a'])
        resume()
        await all.promise
        expect(received).toEqual(['a', 'b', 'c'])
        stream.cancel()
      })
    })

    describe('room for requests', () => {
      test('does not run out for a handler that pauses at every one', async () => {
        const method = defineBidi('/test.Text/Bidi', TEXT_CODEC, (requests, responses) => {
          requests.onMessage((text) => {
            requests.pause()
            setImmediate(() => {
              requests.resume()
              responses.send(String(text.length))
            })
          })
        })
        const { client } = bind(await serve([method]))
        const stream = client().bidi('/test.Text/Bidi')
        stream.on('error', () => undefined)
        // Each fills a frame, and together they are more than a stream's window.
        const text = Buffer.alloc(16 * 1024 - 5, 'x')
        for (let i = 0; i < 100; i++) {
          stream.write(text)
          await once(stream, 'data')
        }
        stream.cancel()
      })
    })

    describe('bad requests', () => {
      test('unknown methods and services are UNIMPLEMENTED in the words of Go', async () => {
        const { client } = bind(
          await serve([unary((text) => text)], { services: ['etcdserverpb.Auth'] }),
        )
        const connection = client()
        const messageOf = async (path: string): Promise<string> => {
          const status = (await connection.call(path, 'x')) as Status
          expect(status.code).toBe(STATUS.UNIMPLEMENTED)
          return status.message
        }
        expect(await messageOf('/test.Text/Nothing')).toBe(
          'unknown method Nothing for service test.Text',
        )
        expect(await messageOf('/etcdserverpb.Auth/UserAdd')).toBe(
          'unknown method UserAdd for service etcdserverpb.Auth',
        )
        expect(await messageOf('/test.Other/Unary')).toBe('unknown service test.Other')
        expect(await messageOf('/Unary')).toBe('malformed method name: "/Unary"')
        const stream = connection.bidi('/test.Text/Nothing')
        expect((await collect(stream)).status.code).toBe(STATUS.UNIMPLEMENTED)
        expect(await connection.call('/test.Text/Unary', 'still here')).toBe('still here')
      })

      test('malformed messages are INTERNAL and leave the connection alone', async () => {
        const { client } = bind(await serve([unary((text) => text), echo]))
        const connection = client()
        const healthy = connection.bidi('/test.Text/Echo')
        healthy.on('error', () => undefined)
        healthy.write(Buffer.from('before'))
        await once(healthy, 'data')
        const result = (await connection.call('/test.Text/Unary', Buffer.of(0xff))) as Status
        expect(result.code).toBe(STATUS.INTERNAL)
        expect(result.message).toMatch(/^grpc: error unmarshalling request: not text$/)
        const stream = connection.bidi('/test.Text/Echo')
        const ended = collect(stream)
        stream.write(Buffer.from('fine'))
        stream.write(Buffer.of(0xff))
        const { messages, status } = await ended
        expect(messages).toEqual(['fine'])
        expect(status.code).toBe(STATUS.INTERNAL)
        healthy.write(Buffer.from('after'))
        const [data] = (await once(healthy, 'data')) as [Buffer]
        expect(data.toString()).toBe('after')
        healthy.end()
      })

      test('whoever serves a stream hears that a malformed message has ended it', async () => {
        const cancelled = deferred<boolean>()
        const method = defineBidi('/test.Text/Bidi', TEXT_CODEC, (requests, responses, context) => {
          requests.onMessage((text) => responses.send(text))
          context.onCancel(() => cancelled.resolve(context.cancelled))
        })
        const { client } = bind(await serve([method]))
        const stream = client().bidi('/test.Text/Bidi')
        const ended = collect(stream)
        stream.write(Buffer.of(0xff))
        expect((await ended).status.code).toBe(STATUS.INTERNAL)
        expect(await cancelled.promise).toBe(true)
      })

      test('a request above the limit is RESOURCE_EXHAUSTED, one at the limit is not', async () => {
        const { client } = bind(
          await serve([unary((text) => String(text.length))], { maxReceiveBytes: 100_000 }),
        )
        const connection = client()
        expect(await connection.call('/test.Text/Unary', 'x'.repeat(100_000))).toBe('100000')
        const result = (await connection.call('/test.Text/Unary', 'x'.repeat(100_001))) as Status
        expect(result.code).toBe(STATUS.RESOURCE_EXHAUSTED)
        expect(result.message).toMatch(/eceived message larger than max \(100001 vs\.? 100000\)/)
        expect(await connection.call('/test.Text/Unary', 'next')).toBe('4')
      })

      test('headers above the limits are refused, and the server lives on', async () => {
        const { client } = bind(await serve([unary((text) => text)]))
        for (const [pairs, length] of [
          [100, 1],
          [2, 20_000],
        ] as const) {
          const metadata = new Metadata()
          for (let i = 0; i < pairs; i++) metadata.set(`name-${i}`, 'x'.repeat(length))
          const result = await client().call('/test.Text/Unary', 'x', { metadata })
          expect(result).not.toBe('x')
        }
        expect(await client().call('/test.Text/Unary', 'x')).toBe('x')
      })

      test('a message cut short by the end of the request is an error', async () => {
        await serve([unary((text) => text)])
        const session = connectHttp2(`http://127.0.0.1:${harness!.listener.port}`)
        const request = session.request({
          ':method': 'POST',
          ':path': '/test.Text/Unary',
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        request.end(Buffer.of(0, 0, 0, 0, 9, 1))
        const [headers] = (await once(request, 'response')) as [Record<string, string>]
        expect(headers['grpc-status']).not.toBe('0')
        session.destroy()
      })

      test('a request that is not gRPC is refused with 415', async () => {
        await serve([unary((text) => text)])
        const session = connectHttp2(`http://127.0.0.1:${harness!.listener.port}`)
        const request = session.request({ ':method': 'POST', ':path': '/test.Text/Unary' })
        request.end('{}')
        const [headers] = (await once(request, 'response')) as [Record<string, string>]
        expect(headers[':status']).toBe(415)
        session.destroy()
      })

      test('garbage on neighbouring connections does not disturb a stream', async () => {
        const { client } = bind(await serve([echo]))
        const stream = client().bidi('/test.Text/Echo')
        const ended = collect(stream)
        stream.write(Buffer.from('first'))
        await once(stream, 'data')
        const garbage = [
          `${PREFACE}this is no frame at all, not even nearly`,
          Buffer.concat([Buffer.from(PREFACE), Buffer.alloc(4096, 0xff)]),
          // SETTINGS, then HEADERS with an impossible compression index
          Buffer.concat([
            Buffer.from(PREFACE),
            Buffer.from('000000040000000000', 'hex'),
            Buffer.from('000004010500000001ffffffff', 'hex'),
          ]),
          // DATA on a stream that was never opened
          Buffer.concat([
            Buffer.from(PREFACE),
            Buffer.from('000000040000000000', 'hex'),
            Buffer.from('0000010000000000070a', 'hex'),
          ]),
          'GET / HTTP/1.1\r\nno colon here\r\n\r\n',
          `GET / HTTP/1.1\r\nlong: ${'x'.repeat(100_000)}\r\n\r\n`,
          Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'),
          Buffer.alloc(10_000),
        ]
        for (const bytes of garbage) {
          const socket = harness!.socket()
          const refused = closedOrGoaway(socket)
          socket.write(bytes)
          await refused
          stream.write(Buffer.from('between'))
          await once(stream, 'data')
        }
        const reset = harness!.socket()
        reset.write(PREFACE)
        await once(reset, 'data')
        reset.resetAndDestroy()
        stream.write(Buffer.from('last'))
        await once(stream, 'data')
        stream.end()
        const { messages, status } = await ended
        expect(messages).toEqual(['first', ...garbage.map(() => 'between'), 'last'])
        expect(status.code).toBe(STATUS.OK)
      })
    })

    describe('shutdown', () => {
      test('drain lets the calls in flight end and refuses new connections', async () => {
        const arrived = deferred()
        const release = deferred()
        const { client } = bind(
          await serve([
            unary(async (text) => {
              arrived.resolve()
              await release.promise
              return text
            }),
          ]),
        )
        const inFlight = client().call('/test.Text/Unary', 'in flight')
        await arrived.promise
        let isDrained = false
        const drained = harness!.engine.drain().then(() => {
          isDrained = true
        })
        const late = (await client().call('/test.Text/Unary', 'late')) as Status
        expect(late.code).toBe(STATUS.UNAVAILABLE)
        expect(isDrained).toBe(false)
        release.resolve()
        expect(await inFlight).toBe('in flight')
        await drained
      })

      test('drain ends idle connections', async () => {
        const { client } = bind(await serve([unary((text) => text)]))
        await client().call('/test.Text/Unary', '')
        await harness!.engine.drain()
        expect(harness!.listener.connectionCount).toBe(0)
      })

      test('close ends what is left', async () => {
        const arrived = deferred()
        const { client } = bind(
          await serve([
            unary(() => {
              arrived.resolve()
              return new Promise<string>(() => undefined)
            }),
          ]),
        )
        const call = client().call('/test.Text/Unary', '')
        await arrived.promise
        const drained = harness!.engine.drain()
        harness!.engine.close()
        await drained
        expect(((await call) as Status).code).toBe(STATUS.UNAVAILABLE)
      })
    })

    test('the observer sees every call begin and end, with its bytes', async () => {
      const { client, started, finished } = bind(await serve([unary((text) => `${text}${text}`)]))
      await client().call('/test.Text/Unary', 'abc')
      expect(started).toEqual(['/test.Text/Unary'])
      expect(finished).toEqual([
        { path: '/test.Text/Unary', code: STATUS.OK, receivedBytes: 3, sentBytes: 6 },
      ])
    })
  })
}

const GOAWAY = 7

/** The server closes the connection, or says that it is done with it. */
function closedOrGoaway(socket: Socket): Promise<void> {
  let received = Buffer.alloc(0)
  return new Promise((resolve) => {
    socket.on('close', () => resolve())
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
        if (received[at + 3] === GOAWAY) resolve()
      }
    })
  })
}

function bind(harness: EngineHarness): Pick<EngineHarness, 'log' | 'started' | 'finished'> & {
  readonly client: () => ReturnType<EngineHarness['client']>
} {
  const { log, started, finished } = harness
  return { log, started, finished, client: () => harness.client() }
}
