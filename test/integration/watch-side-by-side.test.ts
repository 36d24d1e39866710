/**
 * The same watch scripts against a real etcd and against this server: each watch must be told the
 * same, in the same order. What is free to differ is left out: in how many responses catching up
 * comes (so neighbouring responses with events are joined), and the numbers of cluster and term.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GrpcClient, type Message, type TestStream } from '../support/grpc-client.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const etcd = findEtcd()
const QUIET_MS = 400

type Step =
  | { readonly put: string; readonly value?: string }
  | { readonly delete: string; readonly to?: string }
  | { readonly txn: readonly Step[] }
  | { readonly compact: number }
  /** On stream `on`, 0 when absent; `startRevision` relative to the current one. */
  | { readonly watch: Message; readonly back?: number; readonly on?: number }
  | { readonly cancel: string; readonly on?: number }
  | { readonly progress: true; readonly on?: number }
  | { readonly halfClose: true; readonly on?: number }
  /** Until nothing more comes, so that what follows is behind it on every server. */
  | { readonly settle: true }

interface Script {
  readonly name: string
  /** Oldest release (3.x) that agrees with 3.6 here. */
  readonly since?: number
  readonly steps: readonly Step[]
}

const key = (text: string): Buffer => Buffer.from(text, 'latin1')
const point = (text: string, more: Message = {}): Message => ({ key: key(text), ...more })
const prefix = (text: string, end: string, more: Message = {}): Message => ({
  key: key(text),
  range_end: key(end),
  ...more,
})
const OPEN = '\0'

const SCRIPTS: readonly Script[] = [
  {
    name: 'a key, a prefix, from a key on, and everything',
    steps: [
      { watch: point('a') },
      { watch: prefix('a', 'b') },
      { watch: prefix('b', OPEN) },
      { watch: prefix(OPEN, OPEN) },
      { settle: true },
      { put: 'a' },
      { put: 'ab' },
      { put: 'b' },
      { put: 'c', value: 'x' },
      { delete: 'a' },
      { delete: 'nothing' },
      { delete: 'a', to: 'z' },
      { settle: true },
    ],
  },
  {
    name: 'an empty key is the byte zero, alone and as the start of a range',
    steps: [
      { watch: point('') },
      { watch: prefix('', OPEN) },
      { watch: prefix('', 'b') },
      { settle: true },
      { put: '\0' },
      { put: 'a' },
      { put: 'x' },
      { settle: true },
    ],
  },
  {
    name: 'start revisions in the past, now, next and in the future',
    steps: [
      { put: 'k', value: '1' },
      { put: 'k', value: '2' },
      { put: 'k', value: '3' },
      { watch: point('k'), back: 2 },
      { watch: point('k'), back: 0 },
      { watch: point('k'), back: -1 },
      { watch: point('k'), back: -3 },
      { watch: point('k', { start_revision: '1' }) },
      { settle: true },
      { put: 'k', value: '4' },
      { settle: true },
      { put: 'k', value: '5' },
      { settle: true },
      { put: 'k', value: '6' },
      { put: 'k', value: '7' },
      { settle: true },
    ],
  },
  {
    name: 'filters and prev_kv, live and from history',
    steps: [
      { put: 'f', value: '1' },
      { put: 'f', value: '2' },
      { delete: 'f' },
      { put: 'f', value: '3' },
      { watch: point('f', { filters: ['NOPUT'], prev_kv: true }), back: 3 },
      { watch: point('f', { filters: ['NODELETE'], prev_kv: true }), back: 3 },
      { watch: point('f', { filters: ['NOPUT', 'NODELETE'] }), back: 3 },
      { watch: point('f', { prev_kv: true }), back: 3 },
      { settle: true },
      { put: 'f', value: '4' },
      { delete: 'f' },
      { put: 'f', value: '5' },
      { settle: true },
    ],
  },
  {
    name: 'one transaction comes in one piece, in the order of its operations',
    steps: [
      { watch: prefix('t', 'u', { prev_kv: true }) },
      { watch: point('t2') },
      { settle: true },
      { txn: [{ put: 't3' }, { put: 't1' }, { put: 't2' }] },
      { settle: true },
      { txn: [{ delete: 't1', to: 't3' }, { put: 't9' }] },
      { settle: true },
      { watch: prefix('t', 'u', { prev_kv: true }), back: 1 },
      { settle: true },
    ],
  },
  {
    name: 'ids: picked from 0, given, given twice, used again, negative',
    steps: [
      { watch: point('i', { watch_id: '1' }) },
      { watch: point('i') },
      { watch: point('i') },
      { watch: point('i', { watch_id: '1' }) },
      { watch: point('i', { watch_id: '2' }) },
      { watch: point('i', { watch_id: '-7' }) },
      { watch: point('i', { watch_id: '9223372036854775807' }) },
      { settle: true },
      { cancel: '1' },
      { cancel: '77' },
      { watch: point('i', { watch_id: '1' }) },
      { cancel: '0' },
      { watch: point('i') },
      { settle: true },
      { put: 'i' },
      { settle: true },
    ],
  },
  {
    name: 'empty and backward ranges are refused, the stream lives on',
    steps: [
      { watch: prefix('m', 'm') },
      { watch: prefix('m', 'a') },
      { watch: prefix('', OPEN, { watch_id: '5' }) },
      { watch: prefix('m', 'a', { watch_id: '5' }) },
      { watch: point('m') },
      { settle: true },
      { put: 'm' },
      { settle: true },
    ],
  },
  {
    name: 'a negative start revision is refused',
    since: 6,
    steps: [
      { watch: point('n', { start_revision: '-1' }) },
      { watch: point('n') },
      { settle: true },
    ],
  },
  {
    name: 'a start before the compacted revision ends the watch, at it not',
    steps: [
      { put: 'c', value: '1' },
      { put: 'c', value: '2' },
      { put: 'c', value: '3' },
      { put: 'c', value: '4' },
      { compact: 1 },
      { watch: point('c', { prev_kv: true }), back: 3 },
      { settle: true },
      { watch: point('c', { prev_kv: true }), back: 1 },
      { watch: point('c', { prev_kv: true }), back: 0 },
      { settle: true },
      { put: 'c', value: '5' },
      { settle: true },
    ],
  },
  {
    name: 'a delete exactly at the compacted revision is told',
    since: 6,
    steps: [
      { put: 'd', value: '1' },
      { delete: 'd' },
      { compact: 0 },
      { watch: point('d'), back: 0 },
      { settle: true },
    ],
  },
  {
    name: 'progress: for all watches of the stream, for none, and before a future start',
    since: 6,
    steps: [
      { progress: true },
      { settle: true },
      { put: 'p', value: '1' },
      { watch: point('p'), back: 0 },
      { watch: point('q') },
      { settle: true },
      { progress: true },
      { settle: true },
      { put: 'p', value: '2' },
      { settle: true },
      { progress: true },
      { settle: true },
      { progress: true, on: 1 },
      { watch: point('p'), on: 1 },
      { settle: true },
      { progress: true, on: 1 },
      { settle: true },
    ],
  },
  {
    name: 'a client that closes its side goes on hearing',
    steps: [
      { watch: point('h') },
      { settle: true },
      { halfClose: true },
      { settle: true },
      { put: 'h' },
      { settle: true },
    ],
  },
]

/** One server, its streams, and what was said on them. */
class Side {
  readonly #client: GrpcClient
  readonly #streams: TestStream[] = []
  readonly #said: Message[][] = []
  #revision = 1
  #lastHeardAt = 0

  constructor(client: GrpcClient) {
    this.#client = client
  }

  async run(steps: readonly Step[]): Promise<Message[][]> {
    this.#revision = Number(
      (await this.#client.ok('KV.Range', { key: key('x') }))['header'].revision,
    )
    for (const step of steps) await this.#step(step)
    for (const stream of this.#streams) stream.cancel()
    return this.#said.map((messages) => normalise(messages))
  }

  async #step(step: Step): Promise<void> {
    if ('settle' in step) return this.#settle()
    if ('watch' in step) {
      const start =
        step.back === undefined ? {} : { start_revision: String(this.#revision - step.back) }
      this.#stream(step.on).write({ create_request: { ...step.watch, ...start } })
      return
    }
    if ('cancel' in step) {
      this.#stream(step.on).write({ cancel_request: { watch_id: step.cancel } })
      return
    }
    if ('progress' in step) {
      this.#stream(step.on).write({ progress_request: {} })
      return
    }
    if ('halfClose' in step) {
      this.#stream(step.on).halfClose()
      return
    }
    const [method, request] = requestOf(step, this.#revision)
    const { header } = await this.#client.ok(method, request)
    this.#revision = Number(header.revision)
  }

  #stream(index = 0): TestStream {
    while (this.#streams.length <= index) {
      const stream = this.#client.stream('Watch.Watch')
      const said: Message[] = []
      this.#streams.push(stream)
      this.#said.push(said)
      void this.#listen(stream, said)
    }
    return this.#streams[index]!
  }

  async #listen(stream: TestStream, said: Message[]): Promise<void> {
    for (;;) {
      const message = await stream.next()
      this.#lastHeardAt = performance.now()
      if ('code' in message) return
      said.push(message)
    }
  }

  /** A watch is told when it is told: silence is the only sign that there is no more. */
  async #settle(): Promise<void> {
    this.#lastHeardAt = performance.now()
    while (performance.now() - this.#lastHeardAt < QUIET_MS) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function requestOf(step: Step, revision: number): [method: string, request: Message] {
  if ('put' in step) return ['KV.Put', { key: key(step.put), value: key(step.value ?? 'v') }]
  if ('delete' in step) {
    const end = step.to === undefined ? {} : { range_end: key(step.to) }
    return ['KV.DeleteRange', { key: key(step.delete), ...end }]
  }
  if ('compact' in step) {
    return ['KV.Compact', { revision: String(revision - step.compact), physical: true }]
  }
  if ('txn' in step) {
    const success = step.txn.map((inner) => {
      const [method, request] = requestOf(inner, revision)
      return method === 'KV.Put' ? { request_put: request } : { request_delete_range: request }
    })
    return ['KV.Txn', { success }]
  }
  throw new Error('no request')
}

/** By watch, in order; revisions as they are, since both sides make the same. */
function normalise(messages: readonly Message[]): Message[] {
  const byWatch = new Map<string, Message[]>()
  for (const message of messages) {
    const { header, events, watch_id: id, ...rest } = message
    expect(header, 'a header on every response').not.toBeNull()
    const said = byWatch.get(id) ?? []
    byWatch.set(id, said)
    const last = said.at(-1)
    const revision = Number(header.revision)
    if (last?.['events']?.length > 0 && events.length > 0) {
      last!['events'].push(...events)
      last!['revision'] = revision
    } else said.push({ ...rest, revision, events: [...events] })
  }
  return [...byWatch].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([id, said]) => ({ id, said }))
}

describe.skipIf(isMissing(etcd))(suiteName('watch, side by side with etcd', etcd), () => {
  const bed = new TestBed()
  let clients: [reference: GrpcClient, ours: GrpcClient]
  beforeAll(async () => {
    const [reference, ours] = await Promise.all([
      bed.startEtcd(programOf(etcd)),
      bed.startQuorate(),
    ])
    clients = [new GrpcClient(reference.endpoint), new GrpcClient(ours.endpoint)]
  })
  afterAll(async () => {
    for (const client of clients) client.close()
    await bed.cleanUp()
  })

  const minor = etcd.ok ? etcd.program.version[1] : 0
  for (const { name, since = 0, steps } of SCRIPTS) {
    it.skipIf(minor < since)(name, async () => {
      const [reference, ours] = await Promise.all(
        clients.map(async (client) => await new Side(client).run(steps)),
      )
      expect(ours).toEqual(reference)
      expect(JSON.stringify(ours).length).toBeGreaterThan(50)
    })
  }
})
