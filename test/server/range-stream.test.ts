import { describe, expect, test } from 'vitest'

import type { CallContext, ResponseStream } from '../../src/rpc/engine.ts'
import type { RangeRequest, RangeStreamResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import { applyPut } from '../../src/server/apply-txn.ts'
import { checkStreamable, streamRange } from '../../src/server/range-stream.ts'
import type { ModelKv } from './model.ts'
import { isSettled, turns } from './support/doubles.ts'
import { MemoryKv } from './support/memory-kv.ts'
import { plainKv } from './support/plain.ts'
import { bytes, k, putRequest, rangeRequest } from './support/requests.ts'

/** A client that reads when the test says so. */
class Client implements ResponseStream<RangeStreamResponseInput> {
  readonly messages: RangeStreamResponseInput[] = []
  ended = false
  reads = true
  #onDrain: (() => void) | undefined
  #onCancel: (() => void)[] = []
  readonly context: CallContext = {
    metadata: () => undefined,
    peerAddress: 'test:1',
    cancelled: false,
    onCancel: (listener) => void this.#onCancel.push(listener),
  }

  send(message: RangeStreamResponseInput): boolean {
    this.messages.push(message)
    return this.reads
  }

  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }

  drain(): void {
    this.#onDrain?.()
  }

  cancel(): void {
    Object.assign(this.context, { cancelled: true })
    for (const listener of this.#onCancel) listener()
  }

  end(): void {
    this.ended = true
  }

  fail(): void {
    throw new Error('the stream does not fail')
  }

  get chunks(): ModelKv[][] {
    return this.messages.map(({ rangeResponse }) => (rangeResponse?.kvs ?? []).map(plainKv))
  }
}

const HEADER = { revision: 77 }

function filled(count: number, valueBytes = 1): MemoryKv {
  const kv = new MemoryKv()
  for (let i = 0; i < count; i++) {
    const value = bytes('v'.repeat(valueBytes))
    applyPut(kv, putRequest({ key: k(`k${10_000 + i}`), value }))
  }
  return kv
}

function start(
  kv: MemoryKv,
  client: Client,
  fields: Partial<RangeRequest> = {},
  maxBytes = 1_000_000,
): Promise<void> {
  const { store } = kv
  const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), ...fields })
  const { context } = client
  const target = { header: HEADER, maxBytes, stream: client, context }
  return streamRange(store, request, request.revision || store.currentRevision, target)
}

describe('what can be streamed', () => {
  test.each<[Partial<RangeRequest>, string | undefined]>([
    [{}, undefined],
    [{ sortTarget: 4 }, undefined],
    [{ sortOrder: 1, sortTarget: 0 }, undefined],
    [{ sortOrder: 2, sortTarget: 0 }, 'range-stream-sort'],
    [{ sortOrder: 1, sortTarget: 3 }, 'range-stream-sort'],
    [{ minModRevision: 1 }, 'range-stream-filter'],
    [{ maxModRevision: 1 }, 'range-stream-filter'],
    [{ minCreateRevision: 1 }, 'range-stream-filter'],
    [{ maxCreateRevision: 1 }, 'range-stream-filter'],
  ])('%j gives %s', (fields, error) => {
    expect(checkStreamable(rangeRequest(fields))).toBe(error)
  })
})

describe('a stream', () => {
  test('its chunks are disjoint and in order, and together they are the range', async () => {
    const client = new Client()
    await start(filled(2500), client)
    const keys = client.chunks.flat().map(({ key }) => key)
    expect(keys).toEqual(Array.from({ length: 2500 }, (_, i) => `k${10_000 + i}`))
    expect(client.chunks.length).toBeGreaterThan(5)
    expect(client.ended).toBe(true)
  })

  test('only its last message has header, more and count', async () => {
    const client = new Client()
    await start(filled(100), client, { limit: 60 })
    const last = client.messages.pop()
    expect(last?.rangeResponse).toMatchObject({ header: HEADER, more: true, count: 100 })
    expect(client.messages.length).toBeGreaterThan(1)
    for (const { rangeResponse } of client.messages) {
      expect(Object.keys(rangeResponse ?? {})).toEqual(['kvs'])
    }
  })

  test.each([
    [59, 60, false],
    [60, 60, false],
    [61, 60, true],
  ])('of %i keys and limit %i has more: %s', async (count, limit, more) => {
    const client = new Client()
    await start(filled(count), client, { limit })
    expect(client.chunks.flat()).toHaveLength(Math.min(count, limit))
    expect(client.messages.at(-1)?.rangeResponse).toMatchObject({ more, count })
  })

  test('of an empty range, or one that only counts, is one message', async () => {
    const empty = new Client()
    await start(filled(0), empty)
    expect(empty.messages).toEqual([{ rangeResponse: { header: HEADER, more: false, count: 0 } }])
    const counting = new Client()
    await start(filled(30), counting, { countOnly: true, limit: 3 })
    expect(counting.messages).toEqual([
      { rangeResponse: { header: HEADER, more: false, count: 30 } },
    ])
  })

  test('of keys only has no values', async () => {
    const client = new Client()
    await start(filled(3, 100), client, { keysOnly: true })
    expect(client.chunks.flat().map(({ value }) => value)).toEqual(['', '', ''])
  })

  test('starts with ten keys and grows its chunks while they stay small', async () => {
    const client = new Client()
    await start(filled(100), client)
    expect(client.chunks.map((chunk) => chunk.length)).toEqual([10, 20, 40, 30, 0])
  })

  test('shrinks its chunks when they are too large', async () => {
    const client = new Client()
    await start(filled(20, 1000), client, {}, 3000)
    expect(client.chunks.map((chunk) => chunk.length).slice(0, 4)).toEqual([10, 5, 2, 2])
  })

  test('reads at its revision while others write', async () => {
    const kv = filled(50)
    const client = new Client()
    const streaming = start(kv, client)
    for (let i = 0; i < 50; i++) applyPut(kv, putRequest({ key: k(`k${10_000 + i}x`) }))
    kv.store.markCompacted(kv.store.currentRevision)
    expect(kv.store.compaction()?.step(1)).toBe('blocked')
    await streaming
    expect(client.chunks.flat()).toHaveLength(50)
    expect(client.messages.at(-1)?.rangeResponse?.count).toBe(50)
    expect(kv.store.compaction()?.step(1)).toBe('progress')
  })

  test('sends nothing more to a client that does not read, until it drains', async () => {
    const client = new Client()
    client.reads = false
    const streaming = start(filled(50), client)
    await turns(10)
    expect(client.messages).toHaveLength(1)
    client.drain()
    await turns(10)
    expect(client.messages).toHaveLength(2)
    expect(await isSettled(streaming)).toBe(false)
    client.reads = true
    client.drain()
    await streaming
    expect(client.chunks.flat()).toHaveLength(50)
  })

  test('gives way between two messages', async () => {
    const client = new Client()
    const streaming = start(filled(50), client)
    expect(client.messages).toHaveLength(1)
    await Promise.resolve()
    expect(client.messages).toHaveLength(1)
    await streaming
  })

  test('of a client that went away ends without another word and lets its revision go', async () => {
    const kv = filled(50)
    const client = new Client()
    client.reads = false
    const streaming = start(kv, client)
    await turns(2)
    client.cancel()
    await streaming
    expect(client.messages).toHaveLength(1)
    expect(client.ended).toBe(false)
    applyPut(kv, putRequest({ key: k('z') }))
    kv.store.markCompacted(kv.store.currentRevision)
    expect(kv.store.compaction()?.step(1)).toBe('progress')
  })
})
