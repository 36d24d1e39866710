/**
 * h2load: puts and gets of one key driven by nghttp2's h2load, as a second opinion on the project's own
 * load generator. It looks at the HTTP status alone, so a put and a get are checked by hand first.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { assert } from '../src/base/assert.ts'
import { connectTo } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { bytesField, readField } from './load-generator/protobuf.ts'
import { keyPrefix } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

export interface H2loadSample {
  readonly target: string
  readonly operation: string
  readonly clients: number
  readonly round: number
  readonly perSecond: number
  readonly meanMs: number
  readonly maxMs: number
  readonly failed: number
}

const KEY = Buffer.from(`${keyPrefix}000000000`)
const CONNECTIONS_MAX = 32

interface Call {
  readonly operation: string
  readonly path: string
  readonly message: Buffer
}

function callsOf({ valueBytes }: Options): readonly Call[] {
  const key = bytesField(1, KEY)
  const put = Buffer.concat([key, bytesField(2, Buffer.alloc(valueBytes, 'v'))])
  return [
    { operation: 'put', path: '/etcdserverpb.KV/Put', message: put },
    { operation: 'get', path: '/etcdserverpb.KV/Range', message: key },
  ]
}

export async function benchH2load(
  targets: readonly Target[],
  options: Options,
): Promise<H2loadSample[]> {
  checkInstalled()
  const samples: H2loadSample[] = []
  const folder = mkdtempSync(path.join(tmpdir(), 'quorate-h2load-'))
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const target of targets) {
        samples.push(...(await measureServer(target, options, round, folder)))
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return samples
}

function checkInstalled(): void {
  try {
    execFileSync('h2load', ['--version'])
  } catch {
    throw new Error('h2load is not installed (Debian: nghttp2-client)')
  }
}

async function measureServer(
  target: Target,
  options: Options,
  round: number,
  folder: string,
): Promise<H2loadSample[]> {
  const server = await ServerProcess.start(target, options.dataDir)
  try {
    const calls = callsOf(options)
    await checkCalls(server, calls)
    return options.clients.flatMap((clients) =>
      calls.map((call) => {
        const figures = runH2load(server, call, clients, options, folder)
        const sample = {
          ...figures,
          target: target.label,
          operation: call.operation,
          clients,
          round,
        }
        report(sample)
        return sample
      }),
    )
  } finally {
    await server.stop()
  }
}

/** What was put is got. */
async function checkCalls(server: ServerProcess, [put, get]: readonly Call[]): Promise<void> {
  const connection = await connectTo(server)
  await callOnce(connection, put!.path, put!.message)
  const { message } = await callOnce(connection, get!.path, get!.message)
  const [kv] = readField(message, 2)
  assert(readField(kv as Buffer, 5).length === 1, 'a get answers what was put')
  connection.close()
}

function runH2load(
  server: ServerProcess,
  { operation, path: method, message }: Call,
  clients: number,
  { seconds, warmUpSeconds }: Options,
  folder: string,
): Pick<H2loadSample, 'perSecond' | 'meanMs' | 'maxMs' | 'failed'> {
  const body = path.join(folder, operation)
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  writeFileSync(body, Buffer.concat([prefix, message]))
  const connections = Math.min(clients, CONNECTIONS_MAX)
  const { stdout, status, stderr } = spawnSync(
    'h2load',
    [
      ...['-D', String(seconds), `--warm-up-time=${warmUpSeconds}`, '-d', body],
      ...['-c', String(connections), '-m', String(Math.ceil(clients / connections))],
      ...['-t', String(Math.min(2, connections)), '-w', '30', '-W', '30'],
      ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
      `http://${server.host}:${server.port}${method}`,
    ],
    { encoding: 'utf8', timeout: (seconds + warmUpSeconds + 20) * 1000 },
  )
  assert(status === 0, 'h2load runs to its end', { stderr })
  return figuresOf(stdout)
}

/** h2load rounds its times to microseconds, milliseconds or seconds, whichever reads best. */
function figuresOf(
  stdout: string,
): Pick<H2loadSample, 'perSecond' | 'meanMs' | 'maxMs' | 'failed'> {
  const rate = /finished in \S+, ([\d.]+) req\/s/.exec(stdout)
  const counts = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout)
  const times = /time for request:\s+(\S+)\s+(\S+)\s+(\S+)/.exec(stdout)
  assert(rate !== null && counts !== null && times !== null, 'h2load says what it did', { stdout })
  return {
    perSecond: Number(rate[1]),
    failed: Number(counts[1]) + Number(counts[2]) + Number(counts[3]),
    maxMs: milliseconds(times[2]!),
    meanMs: milliseconds(times[3]!),
  }
}

function milliseconds(text: string): number {
  const value = Number.parseFloat(text)
  if (text.endsWith('us')) return value / 1000
  return text.endsWith('ms') ? value : value * 1000
}

/** Progress, on stderr so that stdout holds the result alone. */
function report({ round, target, operation, clients, perSecond }: H2loadSample): void {
  console.error(
    `round ${round}  ${target}  ${operation}  ${clients} clients: ${count(perSecond)}/s`,
  )
}

const columns: readonly [title: string, digits: number, pick: (sample: H2loadSample) => number][] =
  [
    ['mean ms', 2, (it) => it.meanMs],
    ['max ms', 1, (it) => it.maxMs],
    ['failed', 0, (it) => it.failed],
  ]

export function h2loadTable(
  targets: readonly Target[],
  options: Options,
  samples: readonly H2loadSample[],
): string {
  const ours = targets.find(({ kind }) => kind === 'quorate')?.label
  const rows = callsOf(options).flatMap(({ operation }) =>
    options.clients.flatMap((clients) => {
      const of = (label: string | undefined, pick: (it: H2loadSample) => number): number => {
        const own = samples.filter((it) => it.target === label && it.operation === operation)
        return median(own.filter((it) => it.clients === clients).map(pick))
      }
      return targets.map(({ label, kind }) => {
        const rate = of(label, (it) => it.perSecond)
        const ratio = of(ours, (it) => it.perSecond) / rate
        const rest = columns.map(([, digits, pick]) => fixed(of(label, pick), digits))
        const shown = kind === 'quorate' ? '' : fixed(ratio, 2)
        return [operation, label, String(clients), count(rate), shown, ...rest]
      })
    }),
  )
  const head = ['operation', 'server', 'clients', 'ops/s', 'ours ÷ this']
  return table([...head, ...columns.map(([title]) => title)], rows, { names: 2 })
}
