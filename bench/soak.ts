/**
 * soak: a long run of everything that a server forgets again: a key space that is written over and
 * over, history that is compacted, leases that end, connections and watches that come and go. Its
 * memory has to stay where it is. `--seconds` is the whole length; at 30,000 calls per second 25 minutes
 * are as many calls as 500 per second make in a day.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { Load } from './load-generator/load.ts'
import { bytesField, readField, varintField } from './load-generator/protobuf.ts'
import { encodeRequest } from './load-generator/request.ts'
import { keyPrefix } from './load-generator/workload.ts'
import { loopDelayP99Ms } from './loop-delay.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

/** What was seen of a server in a tenth of the run. */
export interface SoakSample {
  readonly target: string
  readonly tenth: number
  readonly revision: number
  readonly perSecond: number
  /** Looked at once a second. */
  readonly rssBytes: readonly number[]
  readonly loopP99Ms: number
}

const CLIENTS = 256
const TENTHS = 10
const KEPT_REVISIONS = 100_000
const COMPACT_EVERY_S = 5
const WATCHES = 20
const LEASES = 50
const LEASE_SECONDS = 5

export async function benchSoak(
  targets: readonly Target[],
  options: Options,
): Promise<SoakSample[]> {
  const samples: SoakSample[] = []
  for (const target of targets) samples.push(...(await soak(target, options)))
  return samples
}

async function soak(target: Target, options: Options): Promise<SoakSample[]> {
  const server = await ServerProcess.start(target, options.dataDir)
  const admin = await connectTo(server)
  const { keys, valueBytes } = options
  const workload = { kind: 'mixed', keySpace: keys, valueBytes } as const
  const load = await Load.start({ endpoints: server.endpoints, clients: CLIENTS, workload })
  const samples: SoakSample[] = []
  try {
    for (let tenth = 1; tenth <= TENTHS; tenth++) {
      const sample = await soakTenth(target, server, admin, tenth, options)
      report(sample)
      samples.push(sample)
    }
    const { errorCount, errors } = await load.finish()
    if (errorCount > 0) throw new Error(`calls failed: ${JSON.stringify(errors)}`)
  } finally {
    admin.close()
    await server.stop()
  }
  return samples
}

async function soakTenth(
  target: Target,
  server: ServerProcess,
  admin: GrpcConnection,
  tenth: number,
  options: Options,
): Promise<SoakSample> {
  const seconds = Math.max(COMPACT_EVERY_S, Math.round(options.seconds / TENTHS))
  const rssBytes: number[] = []
  const fromRevision = await revisionOf(admin)
  const fromMs = performance.now()
  for (let second = 1; second <= seconds; second++) {
    await sleep(1000)
    rssBytes.push(server.usage().rssBytes)
    await comeAndGo(server)
    if (second % COMPACT_EVERY_S === 0) await compact(admin)
  }
  const revision = await revisionOf(admin)
  const elapsedSeconds = (performance.now() - fromMs) / 1000
  // Of five calls one is a put, and every put makes a revision.
  const perSecond = ((revision - fromRevision) * 5) / elapsedSeconds
  const loopP99Ms = await loopDelayP99Ms(server)
  return { target: target.label, tenth, revision, perSecond, rssBytes, loopP99Ms }
}

/** A client that watches, grants leases that nobody renews, and goes away. */
async function comeAndGo(server: ServerProcess): Promise<void> {
  const { host, port } = server
  const connection = await GrpcConnection.connect(host, port)
  const key = bytesField(1, Buffer.from(`${keyPrefix}000000000`))
  const request = encodeRequest('/etcdserverpb.Watch/Watch', `${host}:${port}`, bytesField(1, key))
  const created = Array.from(
    { length: WATCHES },
    () =>
      new Promise<void>((resolve) => {
        const onData = (): void => resolve()
        connection.call(request, { onData, onEnd: () => resolve() })
      }),
  )
  const granted = Array.from({ length: LEASES }, () =>
    callOnce(connection, '/etcdserverpb.Lease/LeaseGrant', varintField(1, LEASE_SECONDS)),
  )
  await Promise.all([...created, ...granted])
  connection.close()
}

async function revisionOf(admin: GrpcConnection): Promise<number> {
  const { message } = await callOnce(
    admin,
    '/etcdserverpb.KV/Range',
    bytesField(1, Buffer.from(keyPrefix)),
  )
  return readField(readField(message, 1)[0] as Buffer, 3)[0] as number
}

async function compact(admin: GrpcConnection): Promise<void> {
  const revision = (await revisionOf(admin)) - KEPT_REVISIONS
  if (revision > 1) await callOnce(admin, '/etcdserverpb.KV/Compact', varintField(1, revision))
}

/** Progress, on stderr so that stdout holds the result alone. */
function report({ target, tenth, perSecond, rssBytes }: SoakSample): void {
  const rss = fixed(median(rssBytes) / 2 ** 20, 0)
  console.error(`${target}  ${tenth}/${TENTHS}: ${count(perSecond)}/s, ${rss} MiB`)
}

export function soakTable(targets: readonly Target[], samples: readonly SoakSample[]): string {
  const mib = (bytes: number): string => fixed(bytes / 2 ** 20, 0)
  const rows = samples.map(({ target, tenth, revision, perSecond, rssBytes, loopP99Ms }) => [
    target,
    `${tenth}/${TENTHS}`,
    count(revision * 5),
    count(perSecond),
    mib(Math.min(...rssBytes)),
    mib(median(rssBytes)),
    mib(Math.max(...rssBytes)),
    fixed(loopP99Ms, 1),
  ])
  const head = [
    'server',
    'part',
    'calls so far',
    'calls/s',
    'RSS min',
    'median',
    'max MiB',
    'loop p99 ms',
  ]
  const slopes = targets.map(({ label }) => {
    const own = samples.filter(({ target }) => target === label)
    return `${label}: ${fixed(slopeOf(own), 2)} MiB per million calls in the second half`
  })
  return `${table(head, rows, { names: 2 })}\n\n${slopes.join('\n')}`
}

/** By least squares through the medians of the second half. */
function slopeOf(samples: readonly SoakSample[]): number {
  const points = samples
    .slice(samples.length / 2)
    .map(({ revision, rssBytes }) => [(revision * 5) / 1e6, median(rssBytes) / 2 ** 20] as const)
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
  return covariance / variance
}
