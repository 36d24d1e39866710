/** The command line of `npm run bench`. */

import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

export interface Options {
  readonly clients: readonly number[]
  /** How often each server is measured; servers take turns. */
  readonly rounds: number
  /** Members of each cluster. */
  readonly nodes: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly valueBytes: number
  readonly keys: number
  readonly connections: number | undefined
  readonly workers: number | undefined
  readonly only: 'quorate' | 'etcd' | undefined
  readonly etcds: readonly string[]
  /** Our server's entry point and extra flags for it. */
  readonly server: string
  readonly serverFlags: readonly string[]
  readonly dataDir: string
  readonly json: string | undefined
  readonly report: boolean
  readonly profileDir: string | undefined
}

export const usage = `npm run bench [-- [all] [--report] [options]]
npm run bench -- report FILE        the page of what "all --json FILE" wrote
npm run bench -- put | range | txn | lease | responsive | watch-fanout | watch-memory |
                 size | soak | h2load | fail-over [options]

  --clients 1,32,256     numbers of clients to measure (watch-…: of watchers)
  --rounds 3             measure every server this often, in turns (fail-over: 50 fail-overs each)
  --nodes 1              members of each cluster (put, range, lease; fail-over: 3)
  --seconds 5            length of one measurement (soak: 1500)
  --warm-up 3            seconds before it that do not count
  --value-bytes 256      size of a value
  --keys 100000          key space (responsive: 200000; lease: 10000; size: 1000000)
  --connections N        connections for all clients (default: one each, at most 32)
  --workers N            threads of the load generator (default: 1 below 16 clients, else 2)
  --only quorate|etcd    measure one side alone
  --etcd PATH            a real etcd to compare with; may be repeated
  --server PATH          our server's entry point (default dist/server/index.js)
  --server-flag FLAG     one more flag for our server; may be repeated
  --data-dir DIR         where data folders are made: a real disk (default: the temporary folder)
  --json FILE            write every figure there too
  --report               (all) write bench/report.html
  --profile DIR          run our server with --cpu-prof and print where its time went`

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      clients: { type: 'string', default: '1,32,256' },
      rounds: { type: 'string', default: '3' },
      nodes: { type: 'string', default: '1' },
      seconds: { type: 'string', default: '5' },
      'warm-up': { type: 'string', default: '3' },
      'value-bytes': { type: 'string', default: '256' },
      keys: { type: 'string' },
      connections: { type: 'string' },
      workers: { type: 'string' },
      only: { type: 'string' },
      etcd: { type: 'string', multiple: true, default: [] },
      server: { type: 'string', default: 'dist/server/index.js' },
      'server-flag': { type: 'string', multiple: true, default: [] },
      'data-dir': { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      report: { type: 'boolean', default: false },
      profile: { type: 'string' },
    },
  })
  return {
    clients: values.clients.split(',').map((count) => positive('--clients', count)),
    rounds: positive('--rounds', values.rounds),
    nodes: positive('--nodes', values.nodes),
    seconds: positive('--seconds', values.seconds),
    warmUpSeconds: positive('--warm-up', values['warm-up']),
    valueBytes: positive('--value-bytes', values['value-bytes']),
    keys: positive('--keys', values.keys ?? '100000'),
    connections: optional('--connections', values.connections),
    workers: optional('--workers', values.workers),
    only: side(values.only),
    etcds: values.etcd,
    server: values.server,
    serverFlags: values['server-flag'],
    dataDir: values['data-dir'],
    json: values.json,
    report: values.report,
    profileDir: values.profile,
  }
}

function positive(name: string, text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new Error(`${name} takes a number above 0, not "${text}"`)
  return value
}

function optional(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : positive(name, text)
}

function side(text: string | undefined): 'quorate' | 'etcd' | undefined {
  if (text === undefined || text === 'quorate' || text === 'etcd') return text
  throw new Error(`--only takes quorate or etcd, not "${text}"`)
}
