import { describe, expect, test } from 'vitest'

import type { CallContext, RequestStream, ResponseStream } from '../../src/rpc/engine.ts'
import type {
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponseInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import type { StatusError } from '../../src/rpc/status.ts'
import { etcdError } from '../../src/server/errors.ts'
import { KeepAliveStream } from '../../src/server/keep-alive-stream.ts'
import { turns } from './support/doubles.ts'

/** A stream of which the test is both the client and the lease loop. */
class Subject
  implements
    RequestStream<LeaseKeepAliveRequest>,
    ResponseStream<LeaseKeepAliveResponseInput>,
    CallContext
{
  readonly peerAddress = 'test:1'
  readonly cancelled = false
  /** Ids sent, and how the stream ended. */
  readonly sent: (bigint | string)[] = []
  readonly asked: bigint[] = []
  reads = true
  paused = false
  request: (request: LeaseKeepAliveRequest) => void = nothing
  halfClose: () => void = nothing
  drain: () => void = nothing
  cancel: () => void = nothing
  readonly #answers = new Map<bigint, (answer: LeaseKeepAliveResponseInput) => void>()
  readonly #refusals = new Map<bigint, (error: StatusError) => void>()

  constructor() {
    const stream = new KeepAliveStream(this, this, this, (id) => {
      this.asked.push(id)
      return new Promise((resolve, reject) => {
        this.#answers.set(id, resolve)
        this.#refusals.set(id, reject)
      })
    })
    expect(stream).toBeDefined()
  }

  ask(...ids: bigint[]): void {
    for (const id of ids) this.request({ id })
  }

  async answer(...ids: bigint[]): Promise<void> {
    for (const id of ids) this.#answers.get(id)?.({ id, ttl: 5 })
    await turns()
  }

  async refuse(id: bigint): Promise<void> {
    this.#refusals.get(id)?.(etcdError('timeout'))
    await turns()
  }

  onMessage(listener: (request: LeaseKeepAliveRequest) => void): void {
    this.request = listener
  }

  onEnd(listener: () => void): void {
    this.halfClose = listener
  }

  onDrain(listener: () => void): void {
    this.drain = listener
  }

  onCancel(listener: () => void): void {
    this.cancel = listener
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  send({ id }: LeaseKeepAliveResponseInput): boolean {
    this.sent.push(id ?? 0n)
    return this.reads
  }

  end(): void {
    this.sent.push('end')
  }

  fail(error: StatusError): void {
    this.sent.push(error.message)
  }

  metadata(): undefined {
    return undefined
  }
}

const nothing = (): void => undefined

describe('a keep-alive stream', () => {
  test('renews side by side and answers in the order of the requests', async () => {
    const subject = new Subject()
    subject.ask(1n, 2n, 3n)
    expect(subject.asked).toEqual([1n, 2n, 3n])
    await subject.answer(3n, 2n)
    expect(subject.sent).toEqual([])
    await subject.answer(1n)
    expect(subject.sent).toEqual([1n, 2n, 3n])
  })

  test('ends when the client has ended and everything is answered', async () => {
    const subject = new Subject()
    subject.ask(1n)
    subject.halfClose()
    expect(subject.sent).toEqual([])
    await subject.answer(1n)
    expect(subject.sent).toEqual([1n, 'end'])
  })

  test('without any request ends with the client', () => {
    const subject = new Subject()
    subject.halfClose()
    expect(subject.sent).toEqual(['end'])
  })

  test('a refusal ends it, after the answers that come before', async () => {
    const subject = new Subject()
    subject.ask(1n, 2n, 3n)
    await subject.refuse(2n)
    await subject.answer(3n)
    expect(subject.sent).toEqual([])
    await subject.answer(1n)
    expect(subject.sent).toEqual([1n, 'etcdserver: request timed out'])
    subject.ask(4n)
    expect(subject.asked).toEqual([1n, 2n, 3n])
  })

  test('sends nothing to a client that does not read, until it does', async () => {
    const subject = new Subject()
    subject.reads = false
    subject.ask(1n, 2n)
    await subject.answer(1n, 2n)
    expect(subject.sent).toEqual([1n])
    subject.reads = true
    subject.drain()
    expect(subject.sent).toEqual([1n, 2n])
  })

  test('is not read any further at a thousand unanswered requests', async () => {
    const subject = new Subject()
    const ids = Array.from({ length: 1000 }, (_, i) => BigInt(i + 1))
    subject.ask(...ids.slice(0, 999))
    expect(subject.paused).toBe(false)
    subject.ask(1000n)
    expect(subject.paused).toBe(true)
    await subject.answer(...ids.slice(0, 500))
    expect(subject.paused).toBe(true)
    await subject.answer(501n)
    expect(subject.paused).toBe(false)
  })

  test('says nothing any more once it is cancelled', async () => {
    const subject = new Subject()
    subject.ask(1n)
    subject.cancel()
    await subject.answer(1n)
    subject.halfClose()
    expect(subject.sent).toEqual([])
  })
})
