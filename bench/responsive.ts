/**
 * responsive: what a put costs while the server does something long for somebody else. A paced
 * client puts once every 2 ms on a connection of its own, without waiting for answers, so every put
 * that a stall delays is counted with its whole delay. Meanwhile another connection (a) ranges over
 * all keys, or (b) compacts all revisions and waits until that is physically done.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { fill } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { Load } from './load-generator/load.ts'
import type { LoadResult } from './load-generator/load.ts'
import { bytesField, readField, varintField } from './load-generator/protobuf.ts'
import { keyPrefix } from './load-generator/workload.ts'
import { loopDelayP99Ms } from './loop-delay.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

const paceMs = 2
const quietMs = 2000
/** Puts go on this long after the long work, to see what it leaves behind. */
const tailMs = 300
/** Keys that hold the revisions to compact: nearly all of them are superseded. */
const compactedKeys = 1000

export interface ResponsiveSample extends LoadResult {
  readonly target: string
  readonly during: string
  readonly round: number
  /** How long the long work took, for its client. */
  readonly workMs: number
  readonly workBytes: number
  readonly loopP99Ms: number
}

/** Long work on a connection of its own: resolves when it is answered. */
type LongWork = (connection: GrpcConnection) => Promise<{ elapsedMs: number; bytes: number }>

export async function benchResponsive(
  targets: readonly Target[],
  options: Options,
): Promise<ResponsiveSample[]> {
  const samples: ResponsiveSample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const target of targets) {
      samples.push(...(await measureRange(target, options, round)))
      samples.push(await measureCompaction(target, options, round))
    }
  }
  return samples
}

async function measureRange(
  target: Target,
  options: Options,
  round: number,
): Promise<ResponsiveSample[]> {
  const server = await ServerProcess.start(target, options.dataDir)
  try {
    await fill(server, options, { count: options.keys, keySpace: options.keys })
    const quiet = await measureDuring(server, async () => {
      await sleep(quietMs)
      return { elapsedMs: quietMs, bytes: 0 }
    })
    const range = await measureDuring(server, rangeOverAll)
    return [
      named(quiet, target, 'nothing else', round),
      named(range, target, `range of ${count(options.keys)} keys`, round),
    ]
  } finally {
    await server.stop()
  }
}

async function measureCompaction(
  target: Target,
  options: Options,
  round: number,
): Promise<ResponsiveSample> {
  const server = await ServerProcess.start(target, options.dataDir)
  try {
    await fill(server, options, { count: options.keys, keySpace: compactedKeys })
    const sample = await measureDuring(server, compactAll)
    return named(sample, target, `compaction of ${count(options.keys)} revisions`, round)
  } finally {
    await server.stop()
  }
}

type Measured = Omit<ResponsiveSample, 'target' | 'during' | 'round'>

function named(sample: Measured, target: Target, during: string, round: number): ResponsiveSample {
  console.error(
    `round ${round}  ${target.label}  put during ${during}: p99 ${fixed(sample.p99Ms, 2)} ms, ` +
      `worst ${fixed(sample.maxMs, 1)} ms, work took ${fixed(sample.workMs, 0)} ms` +
      (sample.errorCount === 0 ? '' : `, ERRORS ${JSON.stringify(sample.errors)}`),
  )
  return { ...sample, target: target.label, during, round }
}

async function measureDuring(server: ServerProcess, work: LongWork): Promise<Measured> {
  const { host, port } = server
  const connection = await GrpcConnection.connect(host, port)
  const workload = { kind: 'put', keySpace: compactedKeys, valueBytes: 256 } as const
  const probe = await Load.start({ endpoints: server.endpoints, clients: 1, workload, paceMs })
  await sleep(tailMs)
  await loopDelayP99Ms(server)
  probe.mark()
  const { elapsedMs, bytes } = await work(connection)
  await sleep(tailMs)
  const result = await probe.finish()
  connection.close()
  const loopP99Ms = await loopDelayP99Ms(server)
  return { ...result, workMs: elapsedMs, workBytes: bytes, loopP99Ms }
}

async function rangeOverAll(
  connection: GrpcConnection,
): Promise<{ elapsedMs: number; bytes: number }> {
  const end = keyPrefix.replace('/', '0') // '0' is the octet after '/'
  const request = [bytesField(1, Buffer.from(keyPrefix)), bytesField(2, Buffer.from(end))]
  return callOnce(connection, '/etcdserverpb.KV/Range', Buffer.concat(request), {
    keepBody: false,
  })
}

async function compactAll(
  connection: GrpcConnection,
): Promise<{ elapsedMs: number; bytes: number }> {
  const probe = await callOnce(
    connection,
    '/etcdserverpb.KV/Range',
    bytesField(1, Buffer.from(keyPrefix)),
  )
  const header = readField(probe.message, 1)[0] as Buffer
  const revision = readField(header, 3)[0] as number
  const isPhysical = 1
  const request = [varintField(1, revision), varintField(2, isPhysical)]
  return callOnce(connection, '/etcdserverpb.KV/Compact', Buffer.concat(request))
}

/** One row per target and kind of work, medians over the rounds, and the worst of all rounds. */
export function responsiveTable(samples: readonly ResponsiveSample[]): string {
  const groups = new Map<string, ResponsiveSample[]>()
  for (const sample of samples) {
    const key = `${sample.during}\n${sample.target}`
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  const rows = [...groups.values()].map((group) => [
    group[0]!.during,
    group[0]!.target,
    ...columns.map(([, digits, pick]) => fixed(median(group.map(pick)), digits)),
    fixed(Math.max(...group.map((it) => it.maxMs)), 1),
    count(group.reduce((sum, it) => sum + it.errorCount, 0)),
  ])
  rows.sort((a, b) => order(a[0]!) - order(b[0]!))
  const titles = columns.map(([title]) => title)
  const head = ['put during', 'server', ...titles, 'worst of all ms', 'errors']
  return table(head, rows, { names: 2 })
}

/** Columns that show a median over the rounds: title, digits, figure. */
const columns: readonly [
  title: string,
  digits: number,
  pick: (sample: ResponsiveSample) => number,
][] = [
  ['puts', 0, (it) => it.completed],
  ['work ms', 0, (it) => it.workMs],
  ['answer MiB', 1, (it) => it.workBytes / 2 ** 20],
  ['p50 ms', 2, (it) => it.p50Ms],
  ['p99 ms', 2, (it) => it.p99Ms],
  ['max ms', 1, (it) => it.maxMs],
  ['loop p99 ms', 1, (it) => it.loopP99Ms],
]

function order(during: string): number {
  return ['nothing', 'range', 'compaction'].findIndex((word) => during.startsWith(word))
}
