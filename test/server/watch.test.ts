import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { keyFromText, type Key } from '../../src/base/key.ts'
import { Store } from '../../src/mvcc/store.ts'
import { WatchHub } from '../../src/mvcc/watch-hub.ts'
import {
  decodeWatchResponse,
  encodeWatchRequest,
  encodeWatchResponse,
  type WatchCreateRequestInput,
  type WatchResponse,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { decodeKeyValue } from '../../src/rpc/codec/mvccpb.ts'
import type { CallContext, RequestStream, ResponseStream } from '../../src/rpc/engine.ts'
import { STATUS, type StatusError } from '../../src/rpc/status.ts'
import { ResponseHeaders } from '../../src/server/response-header.ts'
import { WatchService } from '../../src/server/services/watch.ts'
import { WatchFeeder } from '../../src/server/watch-feeder.ts'
import { MemoryBackend } from '../support/memory-backend.ts'
import { ManualClock, seededRandom, turns } from './support/doubles.ts'
import { CLUSTER_ID, MEMBER_ID } from './support/member.ts'

/** A client on a call of Watch, with an engine that takes as much as the test lets it. */
class Client implements RequestStream<Uint8Array>, ResponseStream<Uint8Array>, CallContext {
  readonly received: WatchResponse[] = []
  readonly messages: Uint8Array[] = []
  failed: StatusError | undefined
  isPaused = false
  reads = true
  cancelled = false
  readonly peerAddress = 'client:1'
  #onMessage: (bytes: Uint8Array) => void = () => undefined
  #onDrain: () => void = () => undefined
  #onCancel: () => void = () => undefined
  #onEnd: () => void = () => undefined
  readonly #metadata: Readonly<Record<string, string>>

  constructor(service: WatchService, metadata: Readonly<Record<string, string>> = {}) {
    this.#metadata = metadata
    service.watch(this, this, this)
  }

  metadata(name: string): string | undefined {
    return this.#metadata[name]
  }
  onCancel(listener: () => void): void {
    this.#onCancel = listener
  }
  onMessage(listener: (bytes: Uint8Array) => void): void {
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
  send(bytes: Uint8Array): boolean {
    this.messages.push(bytes)
    this.received.push(decodeWatchResponse(bytes))
    return this.reads
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  end(): void {
    throw new Error('a watch never ends well')
  }
  fail(error: StatusError): void {
    this.failed = error
  }

  create(fields: WatchCreateRequestInput = {}): void {
    const value = { key: keyFromText('a'), ...fields }
    this.raw(encodeWatchRequest({ requestUnion: { case: 'createRequest', value } }))
  }
  cancelWatch(watchId: bigint): void {
    const value = { watchId }
    this.raw(encodeWatchRequest({ requestUnion: { case: 'cancelRequest', value } }))
  }
  progress(): void {
    this.raw(encodeWatchRequest({ requestUnion: { case: 'progressRequest', value: {} } }))
  }
  raw(bytes: Uint8Array): void {
    this.#onMessage(bytes)
  }
  goAway(): void {
    this.cancelled = true
    this.#onCancel()
  }
  halfClose(): void {
    this.#onEnd()
  }
  drain(): void {
    this.reads = true
    this.#onDrain()
  }
  take(): WatchResponse[] {
    return this.received.splice(0)
  }
}

class Setting {
  readonly store = new Store(new MemoryBackend())
  readonly hub = new WatchHub(this.store)
  readonly feeder = new WatchFeeder(this.hub)
  readonly clock = new ManualClock()
  readonly service = new WatchService(
    this.hub,
    new ResponseHeaders(CLUSTER_ID, MEMBER_ID, () => 7),
    {
      fragmentBytes: 1000 + 512 * 1024,
      progressNotifyIntervalMs: 1000,
      electionMs: 1000,
      clock: this.clock,
      random: seededRandom(),
    },
  )

  put(value: string, keys: readonly string[] = ['a']): void {
    const transaction = this.store.beginWrite()
    for (const key of keys) transaction.put(keyFromText(key), Buffer.from(value), 0n)
    this.hub.onCommit(transaction.end())
  }

  counts(): number[] {
    return [this.hub.streamCount, this.hub.watcherCount, this.hub.waitingBytes]
  }
}

const valuesOf = (responses: readonly WatchResponse[]): string[] =>
  responses.flatMap(({ events }) =>
    events.map(({ kv }) => Buffer.from(decodeKeyValue(kv!).value).toString()),
  )

test('every response has a header with ids, term and revision; only a compaction shows revision 0', async () => {
  const setting = new Setting()
  for (let i = 0; i < 4; i++) setting.put('x')
  setting.store.markCompacted(4)
  const client = new Client(setting.service)
  client.create()
  client.create({ startRevision: 2 })
  client.create({ startRevision: -1 })
  client.create({ rangeEnd: keyFromText('A') })
  client.progress()
  client.cancelWatch(0n)
  await turns(3)
  const header = { clusterId: CLUSTER_ID, memberId: MEMBER_ID, raftTerm: 7, revision: 5 }
  const none = {
    created: false,
    canceled: false,
    compactRevision: 0,
    cancelReason: '',
    fragment: false,
    events: [],
  }
  expect(client.take()).toEqual([
    { ...none, header, watchId: 0n, created: true },
    { ...none, header, watchId: 1n, created: true },
    {
      ...none,
      header: { ...header, revision: 0 },
      watchId: 1n,
      canceled: true,
      compactRevision: 4,
    },
    {
      ...none,
      header,
      watchId: -1n,
      created: true,
      canceled: true,
      cancelReason: 'etcdserver: mvcc: required revision has been compacted',
    },
    {
      ...none,
      header,
      watchId: -1n,
      created: true,
      canceled: true,
      cancelReason: 'mvcc: watcher range is empty',
    },
    { ...none, header, watchId: -1n },
    { ...none, header, watchId: 0n, canceled: true },
  ])
})

test('a response with events is, byte for byte, what the codec would have written', async () => {
  const setting = new Setting()
  const client = new Client(setting.service)
  client.create({ watchId: 300n, prevKv: true })
  setting.put('1')
  setting.put('2')
  await turns(2)
  const bytes = client.messages.at(-1)!
  expect(decodeWatchResponse(bytes).events).toHaveLength(2)
  expect(Buffer.from(bytes)).toEqual(Buffer.from(encodeWatchResponse(decodeWatchResponse(bytes))))
})

test('streams that watch alike are sent the very same bytes', async () => {
  const setting = new Setting()
  const clients = [new Client(setting.service), new Client(setting.service)]
  for (const client of clients) client.create()
  setting.put('1')
  await turns(2)
  expect(clients[1]!.messages.at(-1)).toBe(clients[0]!.messages.at(-1))
})

describe('fragments', () => {
  const LIMIT = 1000 + 512 * 1024
  const KEYS = Array.from({ length: 7 }, (_, i) => `a${i}`)

  async function watchLarge(fragment: boolean): Promise<Client> {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create({ key: keyFromText('a'), rangeEnd: keyFromText('b'), fragment })
    setting.put('x'.repeat(200_000), KEYS)
    await turns(2)
    return client
  }

  test('are below the limit, and every one but the last says that there is more', async () => {
    const client = await watchLarge(true)
    const pieces = client.received.slice(1)
    expect(pieces.map(({ fragment }) => fragment)).toEqual([true, true, true, false])
    expect(pieces.flatMap(({ events }) => events)).toHaveLength(KEYS.length)
    for (const bytes of client.messages.slice(1)) expect(bytes.length).toBeLessThan(LIMIT)
  })

  test('are not made unless asked for, however large the response', async () => {
    const client = await watchLarge(false)
    expect(client.received.slice(1).map(({ events }) => events.length)).toEqual([KEYS.length])
    expect(client.messages[1]!.length).toBeGreaterThan(LIMIT)
  })
})

describe('a client that does not read', () => {
  test('is sent nothing more, is not read from, and hears all once it reads again', async () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create()
    await turns(2)
    client.reads = false
    setting.put('0')
    await turns(2)
    expect([client.messages.length, client.isPaused]).toEqual([2, true])
    for (let i = 1; i < 1000; i++) setting.put(`${i} ${'x'.repeat(1000)}`)
    await turns(2)
    expect(client.messages.length).toBe(2)
    expect(setting.hub.waitingBytes).toBeLessThanOrEqual(256 * 1024)
    client.drain()
    await turns(30)
    expect(client.isPaused).toBe(false)
    const numbers = valuesOf(client.take()).map((value) => Number(value.split(' ')[0]))
    expect(numbers).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  test('does not hold up another', async () => {
    const setting = new Setting()
    const stuck = new Client(setting.service)
    const reader = new Client(setting.service)
    for (const client of [stuck, reader]) client.create()
    await turns(2)
    stuck.reads = false
    for (let i = 0; i < 500; i++) {
      setting.put('x'.repeat(1000))
      await turns()
    }
    await turns(2)
    expect(valuesOf(reader.take())).toHaveLength(500)
  })
})

describe('the end of a call', () => {
  test('the client goes away: its watches go too', async () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create()
    setting.put('1')
    client.goAway()
    await turns(2)
    setting.put('2')
    expect(setting.counts()).toEqual([0, 0, 0])
    expect(client.messages).toEqual([])
  })

  test('the client closes its side alone: it goes on hearing', async () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create()
    client.halfClose()
    setting.put('1')
    await turns(2)
    expect(valuesOf(client.take())).toEqual(['1'])
  })

  test('a malformed request ends the call with INTERNAL, and its watches', () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create()
    client.raw(Buffer.from([0x0a, 0x05]))
    expect(client.failed?.code).toBe(STATUS.INTERNAL)
    expect(setting.counts()).toEqual([0, 0, 0])
    client.create()
    expect(setting.counts()).toEqual([0, 0, 0])
  })

  test('a request of no known kind is passed over', async () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.raw(new Uint8Array(0))
    client.create()
    await turns(2)
    expect(client.take()).toHaveLength(1)
  })

  test('the server stops: UNAVAILABLE for those who watch and those who come', () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create()
    setting.service.stop()
    expect(client.failed).toMatchObject({
      code: STATUS.UNAVAILABLE,
      message: 'etcdserver: server stopped',
    })
    expect(setting.counts()).toEqual([0, 0, 0])
    expect(() => new Client(setting.service)).toThrow('server stopped')
  })

  test('three election timeouts without a leader end the calls that asked for one', () => {
    const setting = new Setting()
    const asked = new Client(setting.service, { hasleader: 'true' })
    const other = new Client(setting.service)
    setting.service.tick(false)
    setting.clock.advance(2999)
    setting.service.tick(false)
    setting.service.tick(true)
    setting.service.tick(false)
    setting.clock.advance(2999)
    setting.service.tick(false)
    expect(asked.failed).toBeUndefined()
    setting.clock.advance(1)
    setting.service.tick(false)
    expect(asked.failed).toMatchObject({
      code: STATUS.UNAVAILABLE,
      message: 'etcdserver: no leader',
    })
    expect(other.failed).toBeUndefined()
  })
})

describe('progress notifications', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('come to a quiet watch that wants them, every interval and up to a tenth more', () => {
    const setting = new Setting()
    const client = new Client(setting.service)
    client.create({ progressNotify: true })
    client.create({ key: keyFromText('b') })
    vi.advanceTimersByTime(999)
    client.take()
    vi.advanceTimersByTime(102)
    expect(client.take().map(({ watchId, events }) => [watchId, events.length])).toEqual([[0n, 0]])
    setting.put('1')
    vi.advanceTimersByTime(1101)
    expect(valuesOf(client.take())).toEqual(['1'])
    vi.advanceTimersByTime(1101)
    expect(client.take()[0]?.header?.revision).toBe(2)
    client.goAway()
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('the key is not given: the byte zero is watched', async () => {
  const setting = new Setting()
  const client = new Client(setting.service)
  client.create({ key: '' as Key, rangeEnd: '\0' as Key })
  setting.put('1', ['zzz'])
  await turns(2)
  expect(valuesOf(client.take())).toEqual(['1'])
})
