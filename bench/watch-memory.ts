/**
 * watch-memory: streams that never read while events are written, and what that costs the server.
 * Then some of them read: nothing may be missing. `--clients` streams (default 1,000), `--keys` events
 * (default 100,000) of `--value-bytes` (default 1,024).
 */

import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js'
import { assert } from '../src/base/assert.ts'
import { fill } from './comparison.ts'
import { bytesField, readField } from './load-generator/protobuf.ts'
import { keyPrefix } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, table } from './table.ts'

export interface MemorySample {
  readonly target: string
  readonly streams: number
  readonly events: number
  readonly startRssBytes: number
  /** With the streams open, and the events written without anyone reading them. */
  readonly peakRssBytes: number
  readonly putsPerSecond: number
  /** From the first read until each of the readers had every event. */
  readonly readSeconds: number
  readonly readRssBytes: number
}

const CONNECTIONS = 20
/** So many read in the end; with all of them the client would be measured. */
const READERS = 20
const EVENTS_FIELD = 11
const sameBytes = (bytes: Buffer): Buffer => bytes

export async function benchWatchMemory(
  targets: readonly Target[],
  options: Options,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = []
  for (const target of targets) {
    for (const streams of options.clients) samples.push(await measure(target, streams, options))
  }
  return samples
}

export function watchMemoryTable(samples: readonly MemorySample[]): string {
  const mib = (bytes: number): string => fixed(bytes / 2 ** 20, 0)
  const rows = samples.map((it) => [
    it.target,
    count(it.streams),
    count(it.events),
    mib(it.startRssBytes),
    mib(it.peakRssBytes),
    mib(it.peakRssBytes - it.startRssBytes),
    count(it.putsPerSecond),
    fixed(it.readSeconds, 1),
    mib(it.readRssBytes),
  ])
  const head = ['server', 'streams', 'events', 'RSS before', 'RSS peak', 'grown MiB', 'puts/s']
  return table([...head, 'read back s', 'RSS after'], rows, { names: 1 })
}

async function measure(target: Target, streams: number, options: Options): Promise<MemorySample> {
  const server = await ServerProcess.start(target, options.dataDir)
  const clients = Array.from({ length: CONNECTIONS }, () => newClient(server))
  let peakRssBytes = 0
  const sampling = setInterval(() => {
    peakRssBytes = Math.max(peakRssBytes, server.usage().rssBytes)
  }, 100)
  try {
    const startRssBytes = server.usage().rssBytes
    const open = Array.from({ length: streams }, (_, i) => watch(clients[i % CONNECTIONS]!))
    const calls = await Promise.all(open)
    const startMs = performance.now()
    await fill(server, options, { count: options.keys, keySpace: options.keys })
    const putsPerSecond = (options.keys * 1000) / (performance.now() - startMs)
    const unreadPeak = Math.max(peakRssBytes, server.usage().rssBytes)
    console.error(`${target.label}: written, grown to ${fixed(unreadPeak / 2 ** 20, 0)} MiB`)
    const readMs = performance.now()
    peakRssBytes = 0
    await Promise.all(calls.slice(0, READERS).map((call) => readAll(call, options.keys)))
    return {
      target: target.label,
      streams,
      events: options.keys,
      startRssBytes,
      peakRssBytes: unreadPeak,
      putsPerSecond,
      readSeconds: (performance.now() - readMs) / 1000,
      readRssBytes: Math.max(peakRssBytes, server.usage().rssBytes),
    }
  } finally {
    clearInterval(sampling)
    for (const client of clients) client.close()
    await server.stop()
  }
}

function newClient(server: ServerProcess): Client {
  return new Client(`${server.host}:${server.port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_receive_message_length': -1,
  })
}

/** A watch on every key of the load that has been created, and is read no further. */
function watch(client: Client): Promise<ClientDuplexStream<Buffer, Buffer>> {
  const call = client.makeBidiStreamRequest(
    '/etcdserverpb.Watch/Watch',
    sameBytes,
    sameBytes,
    new Metadata(),
    {},
  )
  const end = `${keyPrefix.slice(0, -1)}0`
  const range = [bytesField(1, Buffer.from(keyPrefix)), bytesField(2, Buffer.from(end))]
  call.write(bytesField(1, Buffer.concat(range)))
  return new Promise((resolve, reject) => {
    call.once('error', reject)
    call.once('data', () => {
      call.pause()
      resolve(call)
    })
  })
}

/** Every event's revision follows on the one before. */
function readAll(call: ClientDuplexStream<Buffer, Buffer>, events: number): Promise<void> {
  let heard = 0
  let revision = 0
  return new Promise((resolve, reject) => {
    call.on('error', reject)
    call.on('data', (message: Buffer) => {
      for (const event of readField(message, EVENTS_FIELD)) {
        const [kv] = readField(event as Buffer, 2)
        const [modified] = readField(kv as Buffer, 3)
        assert(revision === 0 || modified === revision + 1, 'no event is missing or comes twice')
        revision = modified as number
        heard++
      }
      if (heard < events) return
      call.off('error', reject)
      call.on('error', () => undefined)
      call.cancel()
      resolve()
    })
    call.resume()
  })
}
