/**
 * watch-fanout: one key, more and more who watch it. Two figures for each number of watchers:
 *
 * - flat out: writers put to the key as fast as they are answered; events delivered per second,
 *   and how long after the last put the last watcher has the last event;
 * - paced: a put every 20 ms; the time from its start to its event at each watcher.
 *
 * Every watcher must get every event: a missing one fails the run.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../src/base/assert.ts'
import { callOnce } from './load-generator/call.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { Histogram } from './load-generator/histogram.ts'
import { Load } from './load-generator/load.ts'
import { MessageReader } from './load-generator/message-reader.ts'
import { bytesField, readField } from './load-generator/protobuf.ts'
import { encodeRequest } from './load-generator/request.ts'
import { keyPrefix } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

export interface FanoutSample {
  readonly target: string
  readonly watchers: number
  readonly round: number
  readonly eventsPerSecond: number
  readonly putsPerSecond: number
  /** After the last put, until the last watcher had everything. */
  readonly catchUpMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly serverCpuMicrosPerEvent: number
  readonly serverRssBytes: number
  readonly generatorCpuMicrosPerEvent: number
}

const KEY = Buffer.from(`${keyPrefix}000000000`)
const WRITERS = 64
const CONNECTIONS_MAX = 32
const PACE_MS = 20
const CATCH_UP_LIMIT_MS = 120_000
const EVENTS_FIELD = 11

export async function benchWatchFanout(
  targets: readonly Target[],
  options: Options,
): Promise<FanoutSample[]> {
  const samples: FanoutSample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const target of targets) {
      for (const watchers of options.clients) {
        const server = await ServerProcess.start(target, options.dataDir)
        try {
          const sample = await measure(server, target, watchers, round, options)
          report(sample)
          samples.push(sample)
        } finally {
          await server.stop()
        }
      }
    }
  }
  return samples
}

export function watchFanoutTable(
  targets: readonly Target[],
  options: Options,
  samples: readonly FanoutSample[],
): string {
  const rows = options.clients.flatMap((watchers) => {
    const of = (target: Target, pick: (sample: FanoutSample) => number): number =>
      median(
        samples
          .filter((it) => it.target === target.label && it.watchers === watchers)
          .map((it) => pick(it)),
      )
    const ours = targets.find(({ kind }) => kind === 'quorate')
    return targets.map((target) => {
      const rate = of(target, (it) => it.eventsPerSecond)
      const ratio = ours === undefined ? NaN : of(ours, (it) => it.eventsPerSecond) / rate
      return [
        target.label,
        String(watchers),
        count(rate),
        target.kind === 'quorate' ? '' : fixed(ratio, 2),
        ...columns.map(([, digits, pick]) => fixed(of(target, pick), digits)),
      ]
    })
  })
  const head = ['server', 'watchers', 'events/s', 'ours ÷ this']
  return table([...head, ...columns.map(([title]) => title)], rows, { names: 1 })
}

const columns: readonly [title: string, digits: number, pick: (sample: FanoutSample) => number][] =
  [
    ['puts/s', 0, (it) => it.putsPerSecond],
    ['catch-up ms', 0, (it) => it.catchUpMs],
    ['paced p50 ms', 2, (it) => it.p50Ms],
    ['paced p99 ms', 2, (it) => it.p99Ms],
    ['CPU µs/event', 2, (it) => it.serverCpuMicrosPerEvent],
    ['RSS MiB', 0, (it) => it.serverRssBytes / 2 ** 20],
    ['load CPU µs/event', 2, (it) => it.generatorCpuMicrosPerEvent],
  ]

async function measure(
  server: ServerProcess,
  target: Target,
  watchers: number,
  round: number,
  options: Options,
): Promise<FanoutSample> {
  const { host, port } = server
  const writer = await GrpcConnection.connect(host, port)
  const watching = await Watching.open(host, port, watchers)
  const latency = await runPaced(writer, watching, options)
  const load = await Load.start({
    endpoints: server.endpoints,
    clients: WRITERS,
    workload: { kind: 'put', keySpace: 1, valueBytes: options.valueBytes },
  })
  await sleep(options.warmUpSeconds * 1000)
  load.mark()
  const [before, eventsBefore, startMs] = [server.usage(), watching.events, performance.now()]
  await sleep(options.seconds * 1000)
  const after = server.usage()
  const events = watching.events - eventsBefore
  const seconds = (performance.now() - startMs) / 1000
  const result = await load.finish()
  const endMs = performance.now()
  await watching.untilEach(await versionOf(writer))
  const catchUpMs = performance.now() - endMs
  await watching.untilExactly(await finalVersionOf(writer))
  watching.close()
  writer.close()
  return {
    target: target.label,
    watchers,
    round,
    eventsPerSecond: events / seconds,
    putsPerSecond: result.perSecond,
    catchUpMs,
    p50Ms: latency.quantileMicros(0.5) / 1000,
    p99Ms: latency.quantileMicros(0.99) / 1000,
    serverCpuMicrosPerEvent: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / events,
    serverRssBytes: after.rssBytes,
    generatorCpuMicrosPerEvent: (result.generatorCpuSeconds * 1e6) / events,
  }
}

/** Puts that carry the time of their start as their value. */
async function runPaced(
  writer: GrpcConnection,
  watching: Watching,
  options: Options,
): Promise<Histogram> {
  const latency = new Histogram()
  let isWarm = false
  watching.onMessage = (message) => {
    if (!isWarm) return
    const nowMs = performance.now()
    for (const event of readField(message, EVENTS_FIELD)) {
      const [kv] = readField(event as Buffer, 2)
      const [value] = readField(kv as Buffer, 5)
      latency.record((nowMs - (value as Buffer).readDoubleLE(0)) * 1000)
    }
  }
  const endMs = performance.now() + (options.warmUpSeconds + options.seconds) * 1000
  while (performance.now() < endMs) {
    const value = Buffer.alloc(Math.max(8, options.valueBytes))
    value.writeDoubleLE(performance.now(), 0)
    const message = Buffer.concat([bytesField(1, KEY), bytesField(2, value)])
    await callOnce(writer, '/etcdserverpb.KV/Put', message)
    await sleep(PACE_MS)
    if (performance.now() > endMs - options.seconds * 1000) isWarm = true
  }
  await watching.untilExactly(await versionOf(writer))
  watching.onMessage = undefined
  return latency
}

/** How often the key was put. */
async function versionOf(writer: GrpcConnection): Promise<number> {
  const { message } = await callOnce(writer, '/etcdserverpb.KV/Range', bytesField(1, KEY))
  const [kv] = readField(message, 2)
  return readField(kv as Buffer, 4)[0] as number
}

/** Puts that were under way when the load ended may still come. */
async function finalVersionOf(writer: GrpcConnection): Promise<number> {
  for (let version = await versionOf(writer); ;) {
    await sleep(200)
    const later = await versionOf(writer)
    if (later === version) return version
    version = later
  }
}

/** All watchers, and what they have heard. */
class Watching {
  events = 0
  /** Called with every response that holds events. */
  onMessage: ((message: Buffer) => void) | undefined
  readonly #connections: GrpcConnection[]
  readonly #heard: number[] = []
  #failure: string | undefined

  private constructor(connections: GrpcConnection[]) {
    this.#connections = connections
  }

  static async open(host: string, port: number, watchers: number): Promise<Watching> {
    const connections = await Promise.all(
      Array.from({ length: Math.min(watchers, CONNECTIONS_MAX) }, () =>
        GrpcConnection.connect(host, port),
      ),
    )
    const watching = new Watching(connections)
    const message = bytesField(1, bytesField(1, KEY))
    const request = encodeRequest('/etcdserverpb.Watch/Watch', `${host}:${port}`, message)
    const created = Array.from({ length: watchers }, (_, i) =>
      watching.#watch(i, connections[i % connections.length]!, request),
    )
    await Promise.all(created)
    return watching
  }

  /** Resolves when every watcher has heard so many events, and fails when one does not. */
  async untilEach(events: number): Promise<void> {
    const endMs = performance.now() + CATCH_UP_LIMIT_MS
    while (this.#heard.some((heard) => heard < events)) {
      assert(this.#failure === undefined, `a watch ended: ${this.#failure}`)
      assert(performance.now() < endMs, 'every watcher gets every event', { events })
      await sleep(1)
    }
  }

  /** The same, and no more than that. */
  async untilExactly(events: number): Promise<void> {
    await this.untilEach(events)
    const isExact = this.#heard.every((heard) => heard === events)
    assert(isExact, 'no watcher gets an event twice', { events, most: Math.max(...this.#heard) })
  }

  close(): void {
    for (const connection of this.#connections) connection.close()
  }

  #watch(
    index: number,
    connection: GrpcConnection,
    request: ReturnType<typeof encodeRequest>,
  ): Promise<void> {
    this.#heard[index] = 0
    return new Promise((resolve) => {
      let isCreated = false
      const reader = new MessageReader((bytes, start, end) => {
        if (!isCreated) {
          isCreated = true
          return resolve()
        }
        const events = countEvents(bytes, start, end)
        this.#heard[index]! += events
        this.events += events
        this.onMessage?.(bytes.subarray(start, end))
      })
      connection.call(request, {
        onData: (bytes, start, end) => reader.push(bytes, start, end),
        onEnd: (status, message) => (this.#failure ??= `${status} ${message}`),
      })
    })
  }
}

/** Occurrences of the field of events; nothing else is looked at. */
function countEvents(bytes: Buffer, start: number, end: number): number {
  let events = 0
  let at = start
  while (at < end) {
    const tag = bytes[at++]!
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) break
    }
    if ((tag & 7) === 2) at += value
    if (tag >>> 3 === EVENTS_FIELD) events++
  }
  return events
}

/** Progress, on stderr so that stdout holds the result alone. */
function report(sample: FanoutSample): void {
  const { round, target, watchers, eventsPerSecond, putsPerSecond, p99Ms } = sample
  console.error(
    `round ${round}  ${target}  ${watchers} watchers: ${count(eventsPerSecond)} events/s at ` +
      `${count(putsPerSecond)} puts/s, paced p99 ${fixed(p99Ms, 2)} ms`,
  )
}
