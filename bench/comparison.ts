/**
 * The scheme that `put` and `range` share. Servers take turns (A B A B …), each turn on a fresh
 * server (or cluster) with fresh data folders; a turn goes through every case. A row shows the medians over the
 * rounds, so one slow phase of a shared machine does not decide.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { assert } from '../src/base/assert.ts'
import { GrpcConnection } from './load-generator/connection.ts'
import { Load, runToEnd } from './load-generator/load.ts'
import type { LoadPlan, LoadResult } from './load-generator/load.ts'
import type { Workload } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerCluster } from './server-cluster.ts'
import { ServerProcess } from './server-process.ts'
import type { Server, Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

/** One thing to measure on one server. */
export interface Case {
  /** For example "put". */
  readonly operation: string
  readonly clients: number
  readonly workload: Workload
}

export interface Sample extends LoadResult {
  readonly target: string
  readonly operation: string
  readonly clients: number
  readonly round: number
  readonly serverCpuSecondsPerThousand: number
  readonly serverRssBytes: number
}

/** Writes every key once, from many clients. */
export async function fill(
  server: Server,
  options: Options,
  fill: { readonly count: number; readonly keySpace: number },
): Promise<void> {
  const workload = { kind: 'fill', valueBytes: options.valueBytes, ...fill } as const
  await runToEnd({ endpoints: server.endpoints, clients: 256, workload })
}

/** A connection for checks, to the leader. */
export async function connectTo(server: Server): Promise<GrpcConnection> {
  const [first] = server.endpoints
  assert(first !== undefined, 'a server has an endpoint')
  return await GrpcConnection.connect(first.host, first.port)
}

async function start(target: Target, { nodes, dataDir }: Options): Promise<Server> {
  if (nodes === 1) return await ServerProcess.start(target, dataDir)
  return await ServerCluster.start(target, dataDir, nodes)
}

/** `prepare` runs on every fresh server, before the cases. */
export async function compare(
  targets: readonly Target[],
  cases: readonly Case[],
  options: Options,
  prepare: (server: Server) => Promise<void>,
): Promise<Sample[]> {
  const samples: Sample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const target of targets) {
      const server = await start(target, options)
      try {
        await prepare(server)
        for (const it of cases) {
          const sample = await measure(server, target, it, round, options)
          report(sample)
          samples.push(sample)
        }
      } finally {
        await server.stop()
      }
    }
  }
  return samples
}

async function measure(
  server: Server,
  target: Target,
  { operation, clients, workload }: Case,
  round: number,
  options: Options,
): Promise<Sample> {
  const { connections, workers } = options
  const plan: LoadPlan = {
    endpoints: server.endpoints,
    clients,
    workload,
    ...(connections === undefined ? {} : { connections: Math.min(connections, clients) }),
    ...(workers === undefined ? {} : { workers }),
  }
  const load = await Load.start(plan)
  await sleep(options.warmUpSeconds * 1000)
  load.mark()
  const before = server.usage()
  await sleep(options.seconds * 1000)
  const after = server.usage()
  const result = await load.finish()
  const serverCpuSeconds = after.cpuSeconds - before.cpuSeconds
  return {
    ...result,
    target: target.label,
    operation,
    clients,
    round,
    serverCpuSecondsPerThousand: (serverCpuSeconds / result.completed) * 1000,
    serverRssBytes: after.rssBytes,
  }
}

/** Progress, on stderr so that stdout holds the result alone. */
function report(sample: Sample): void {
  const { round, target, operation, clients, perSecond, p99Ms, errorCount, errors } = sample
  console.error(
    `round ${round}  ${target}  ${operation}  ${clients} clients: ${count(perSecond)}/s, ` +
      `p99 ${fixed(p99Ms, 2)} ms${errorCount === 0 ? '' : `, ERRORS ${JSON.stringify(errors)}`}`,
  )
}

/** One row per case and target; the ratio is ours to that row's throughput. */
export function comparisonTable(
  targets: readonly Target[],
  cases: readonly Case[],
  samples: readonly Sample[],
): string {
  const rows = cases.flatMap(({ operation, clients }) => {
    const samplesOf = (target: Target): Sample[] =>
      samples.filter(
        (it) => it.target === target.label && it.operation === operation && it.clients === clients,
      )
    const ours = targets.find((target) => target.kind === 'quorate')
    const oursPerSecond =
      ours === undefined ? NaN : median(samplesOf(ours).map((it) => it.perSecond))
    return targets.map((target) =>
      row(operation, clients, target, samplesOf(target), oursPerSecond),
    )
  })
  const head = ['operation', 'server', 'clients', 'ops/s', 'ours ÷ this']
  return table([...head, ...columns.map(([title]) => title), 'errors'], rows, { names: 2 })
}

/** Columns that show a median over the rounds: title, digits, figure. */
const columns: readonly [title: string, digits: number, pick: (sample: Sample) => number][] = [
  ['p50 ms', 2, (it) => it.p50Ms],
  ['p99 ms', 2, (it) => it.p99Ms],
  ['max ms', 1, (it) => it.maxMs],
  ['CPU s/1000', 3, (it) => it.serverCpuSecondsPerThousand],
  ['RSS MiB', 0, (it) => it.serverRssBytes / 2 ** 20],
  ['load CPU µs/op', 1, (it) => (it.generatorCpuSeconds / it.completed) * 1e6],
]

function row(
  operation: string,
  clients: number,
  target: Target,
  samples: readonly Sample[],
  oursPerSecond: number,
): string[] {
  const perSecond = median(samples.map((it) => it.perSecond))
  return [
    operation,
    target.label,
    String(clients),
    count(perSecond),
    target.kind === 'quorate' ? '' : fixed(oursPerSecond / perSecond, 2),
    ...columns.map(([, digits, pick]) => fixed(median(samples.map(pick)), digits)),
    count(samples.reduce((sum, it) => sum + it.errorCount, 0)),
  ]
}
