/** Watch over a real connection: etcdctl, the npm client etcd3, and bare gRPC. */

import { Etcd3, type IKeyValue } from 'etcd3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { GrpcClient, type Message, type TestStream } from '../support/grpc-client.ts'
import { findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed, type RunningServer } from '../support/test-bed.ts'

const etcdctl = findEtcdctl()

const bed = new TestBed()
let node: RunningServer
let client: GrpcClient
beforeAll(async () => {
  node = await bed.startQuorate({ args: ['--watch-progress-notify-interval', '150ms'] })
  client = new GrpcClient(node.endpoint)
})
afterAll(async () => {
  client.close()
  await bed.cleanUp()
})

async function put(key: string, value: string | Buffer = 'v'): Promise<number> {
  const response = await client.ok('KV.Put', { key: Buffer.from(key), value: Buffer.from(value) })
  return Number(response['header'].revision)
}

const create = (key: string, fields: Message = {}): Message => ({
  create_request: { key: Buffer.from(key), ...fields },
})

async function next(stream: TestStream): Promise<Message> {
  const message = await stream.next()
  if ('code' in message) throw new Error(`the stream ended: ${JSON.stringify(message)}`)
  return message
}

const valuesOf = ({ events }: Message): string[] =>
  events.map((event: Message) => event['kv'].value.toString())

describe('a stream', () => {
  it('carries many watches, and a connection many streams', async () => {
    const streams = Array.from({ length: 20 }, () => client.stream('Watch.Watch'))
    for (const stream of streams) {
      for (let i = 0; i < 20; i++) stream.write(create(`many/${i}`))
      for (let i = 0; i < 20; i++) expect((await next(stream))['watch_id']).toBe(String(i))
    }
    for (let i = 0; i < 20; i++) await put(`many/${i}`, String(i))
    for (const stream of streams) {
      for (let i = 0; i < 20; i++) {
        const message = await next(stream)
        expect([message['watch_id'], ...valuesOf(message)]).toEqual([String(i), String(i)])
      }
      stream.cancel()
    }
  })

  it('is told of progress every interval while it is quiet', async () => {
    const revision = await put('quiet')
    const stream = client.stream('Watch.Watch', create('quiet', { progress_notify: true }))
    expect((await next(stream))['created']).toBe(true)
    for (let i = 0; i < 3; i++) {
      const { header, watch_id: id, events } = await next(stream)
      expect([Number(header.revision), id, events]).toEqual([revision, '0', []])
    }
    stream.cancel()
  })

  it('hears of large transactions in fragments below the limit when it asks for them', async () => {
    const whole = client.stream('Watch.Watch', create('big', { range_end: Buffer.from('bih') }))
    const parts = client.stream(
      'Watch.Watch',
      create('big', { range_end: Buffer.from('bih'), fragment: true }),
    )
    await Promise.all([next(whole), next(parts)])
    // More than fits one response, so first many large keys, then one deletion with them all.
    const names = Array.from({ length: 3 }, (_, i) => `big/${i}`)
    for (const name of names) {
      await put(name, Buffer.alloc(1_000_000))
      await Promise.all([next(whole), next(parts)])
    }
    const past = create('big', {
      range_end: Buffer.from('bih'),
      fragment: true,
      prev_kv: true,
      watch_id: '7',
    })
    parts.write(past)
    await next(parts)
    await client.ok('KV.DeleteRange', { key: Buffer.from('big'), range_end: Buffer.from('bih') })
    const deletes = await next(whole)
    expect(deletes['events']).toHaveLength(3)
    const pieces: Message[] = []
    while (pieces.length === 0 || pieces.at(-1)!['fragment'] === true) {
      const piece = await next(parts)
      if (piece['watch_id'] === '7') pieces.push(piece)
    }
    expect(pieces.map(({ events }) => events.length)).toEqual([2, 1])
    for (const stream of [whole, parts]) stream.cancel()
  })

  it('that ended leaves no watcher behind', async () => {
    const stream = client.stream('Watch.Watch', create('gone'))
    await next(stream)
    stream.cancel()
    await stream.ended
    await expect
      .poll(async () => await metric('etcd_debugging_mvcc_watcher_total'), { timeout: 5000 })
      .toBe(0)
    expect(await metric('etcd_debugging_mvcc_watch_stream_total')).toBe(0)
    expect(await metric('etcd_debugging_mvcc_events_total')).toBeGreaterThan(0)
  })
})

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${node.clientUrl}/metrics`)).text()
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
}

describe('streams that never read', () => {
  const STREAMS = 100
  const EVENTS = 6000

  it(
    `cost a bounded amount of memory, and lose nothing of ${EVENTS} events`,
    { timeout: 60_000 },
    async () => {
      const clients = Array.from({ length: 10 }, () => new GrpcClient(node.endpoint))
      const before = await metric('process_resident_memory_bytes')
      const first = (await put('slow/first')) + 1
      const streams: TestStream[] = []
      for (let i = 0; i < STREAMS; i++) {
        const stream = clients[i % clients.length]!.stream(
          'Watch.Watch',
          create('slow', { range_end: Buffer.from('slox') }),
        )
        await next(stream)
        stream.pause()
        streams.push(stream)
      }
      const value = Buffer.alloc(1024, 'x')
      for (let i = 0; i < EVENTS; i += 50) {
        await Promise.all(
          Array.from({ length: 50 }, async (_, j) => await put(`slow/${i + j}`, value)),
        )
      }
      expect(await metric('etcd_debugging_mvcc_slow_watcher_total')).toBe(STREAMS)
      const grown = (await metric('process_resident_memory_bytes')) - before
      // Unbounded, it would be more than 600 MB.
      expect(grown).toBeLessThan(STREAMS * 256 * 1024 + 150 * 1024 * 1024)
      const heard = streams.map(async (stream) => {
        stream.resume()
        for (let revision = first; revision < first + EVENTS;) {
          for (const event of (await next(stream))['events']) {
            if (Number(event.kv.mod_revision) !== revision) throw new Error(`not ${revision}`)
            revision++
          }
        }
        stream.cancel()
      })
      await Promise.all(heard)
      for (const each of clients) each.close()
    },
  )
})

it('a stop of the server ends the streams at once, with UNAVAILABLE', async () => {
  const other = await bed.startQuorate()
  const watching = new GrpcClient(other.endpoint)
  const stream = watching.stream('Watch.Watch', create('a'))
  await next(stream)
  const stopped = other.stop()
  expect(await stream.ended).toEqual({ code: 14, message: 'etcdserver: server stopped' })
  const { code, tookMs } = await stopped
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(2000)
  watching.close()
})

it('a watch that begins before the restart of a server hears the history from disk', async () => {
  const first = await bed.startQuorate()
  const writer = new GrpcClient(first.endpoint)
  for (let i = 0; i < 300; i++) {
    await writer.ok('KV.Put', { key: Buffer.from('k'), value: Buffer.from(String(i)) })
  }
  writer.close()
  await first.stop()
  const second = await bed.startQuorate({ dataDirectory: first.dataDirectory })
  const reader = new GrpcClient(second.endpoint)
  const stream = reader.stream('Watch.Watch', create('k', { start_revision: '2', prev_kv: true }))
  await next(stream)
  const values: string[] = []
  const previous: string[] = []
  while (values.length < 300) {
    const { events } = await next(stream)
    for (const { kv, prev_kv: before } of events) {
      values.push(kv.value.toString())
      previous.push(before?.value.toString() ?? '')
    }
  }
  expect(values).toEqual(Array.from({ length: 300 }, (_, i) => String(i)))
  expect(previous).toEqual(['', ...values.slice(0, -1)])
  reader.close()
})

describe.skipIf(isMissing(etcdctl))(suiteName('etcdctl watch', etcdctl), () => {
  const start = (args: readonly string[], stdin?: string): Child =>
    bed.track(
      new Child(programOf(etcdctl).path, ['--endpoints', node.endpoint, 'watch', ...args], {
        env: { ETCDCTL_API: '3' },
        ...(stdin === undefined ? {} : { stdin, holdsStdin: true }),
      }),
    )

  it('prints what a prefix sees, with previous values, from a revision on', async () => {
    const revision = await put('ctl/a', '1')
    await put('ctl/b', '2')
    await put('ctl/a', '3')
    await client.ok('KV.DeleteRange', { key: Buffer.from('ctl/b') })
    const child = start(['ctl/', '--prefix', '--prev-kv', `--rev=${revision}`])
    await child.waitForOutput(/DELETE\nctl\/b\n2\nctl\/b\n/, 10_000)
    expect(child.stdout.toString()).toBe(
      'PUT\nctl/a\n1\nPUT\nctl/b\n2\nPUT\nctl/a\n1\nctl/a\n3\nDELETE\nctl/b\n2\nctl/b\n\n',
    )
    await put('ctl/c', '4')
    await child.waitForOutput(/ctl\/c\n4\n/, 10_000)
    await child.kill9()
  })

  it('prints JSON with the header, and a range by its end', async () => {
    const child = start(['ran/a', 'ran/c', '-w', 'json', '--rev=1'])
    await put('ran/c')
    const revision = await put('ran/b', 'x')
    await child.waitForOutput(/"Events":\[\{/, 10_000)
    const line = child.stdout
      .toString()
      .split('\n')
      .find((text) => text.includes('"Events":[{'))!
    const message = JSON.parse(line)
    expect(message.Events).toHaveLength(1)
    expect(message.Events[0].kv.mod_revision).toBe(revision)
    expect(message.Header.revision).toBeGreaterThanOrEqual(revision)
    await child.kill9()
  })

  it('runs a command for every event', async () => {
    const revision = await put('exec/key', 'va lue')
    const child = start([
      'exec/key',
      `--rev=${revision}`,
      '--',
      'sh',
      '-c',
      'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $ETCD_WATCH_REVISION"',
    ])
    await child.waitForOutput(
      new RegExp(`"PUT" "exec/key" "va lue" ${revision}`.replaceAll('"', '"?')),
      10_000,
    )
    await child.kill9()
  })

  it('interactive: several watches and progress from standard input', async () => {
    const revision = await put('inter/a', '1')
    const child = start(['-i'], `watch inter/a --rev=${revision}\n`)
    await child.waitForOutput(/PUT\ninter\/a\n1\n/, 10_000)
    child.write(`watch inter/ --prefix --rev=${revision}\n`)
    await child.waitForOutput(/(PUT\ninter\/a\n1\n){2}/, 10_000)
    child.write('progress\n')
    await child.waitForOutput(/progress notify: \d+/, 10_000)
    const told = /progress notify: (\d+)/.exec(child.output)?.[1]
    expect(Number(told)).toBeGreaterThanOrEqual(revision)
    await child.kill9()
  })

  it('ends with an error when the revision is compacted', async () => {
    const revision = await put('com/a', '1')
    await put('com/a', '2')
    await client.ok('KV.Compact', { revision: String(revision + 1) })
    const child = start(['com/a', `--rev=${revision}`])
    await child.waitForOutput(/compacted/, 10_000)
    expect((await child.waitForExit(10_000)).code).not.toBe(0)
  })
})

describe('the etcd3 client', () => {
  let etcd3: Etcd3
  beforeAll(() => void (etcd3 = new Etcd3({ hosts: node.clientUrl })))
  afterAll(() => etcd3.close())

  it('a watcher on a prefix hears puts and deletes with previous values, until cancelled', async () => {
    const watcher = await etcd3.watch().prefix('e3/').withPreviousKV().create()
    const heard: string[] = []
    const done = new Promise<void>((resolve) => {
      watcher.on('put', (kv: IKeyValue, previous?: IKeyValue) => {
        heard.push(
          `put ${kv.key.toString()} ${kv.value.toString()} ${previous?.value.toString() ?? '-'}`,
        )
      })
      watcher.on('delete', (kv: IKeyValue, previous?: IKeyValue) => {
        heard.push(`delete ${kv.key.toString()} ${previous?.value.toString() ?? '-'}`)
        resolve()
      })
    })
    await etcd3.put('e3/a').value('1')
    await etcd3.put('e3/a').value('2')
    await etcd3.put('other').value('3')
    await etcd3.delete().key('e3/a')
    await done
    expect(heard).toEqual(['put e3/a 1 -', 'put e3/a 2 1', 'delete e3/a 2'])
    await watcher.cancel()
  })

  it('a watcher from a revision on, deaf to deletes, hears the puts of the past', async () => {
    const { header } = await etcd3.put('past').value('1')
    await etcd3.delete().key('past')
    await etcd3.put('past').value('2')
    const watcher = await etcd3
      .watch()
      .key('past')
      .only('put')
      .startRevision(header.revision)
      .create()
    const values: string[] = []
    await new Promise<void>((resolve) => {
      watcher.on('put', ({ value }: IKeyValue) => {
        values.push(value.toString())
        if (values.length === 2) resolve()
      })
    })
    expect(values).toEqual(['1', '2'])
    await watcher.cancel()
  })

  it('a range that is empty is refused with etcd’s reason', async () => {
    const creating = etcd3.watch().inRange({ start: 'b', end: 'a' }).create()
    await expect(creating).rejects.toThrow(/watcher range is empty/)
  })
})
