/**
 * size: what a million keys take. Every key is written once, and a third of them again; then memory
 * and disk are looked at, the server is stopped and started on its data, and looked at again.
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { assert } from '../src/base/assert.ts'
import { connectTo, fill } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { bytesField, readField, varintField } from './load-generator/protobuf.ts'
import { keyPrefix } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import { ServerProcess } from './server-process.ts'
import type { Target } from './server-process.ts'
import { count, fixed, median, table } from './table.ts'

export interface SizeSample {
  readonly target: string
  readonly round: number
  readonly fillSeconds: number
  readonly rssBytes: number
  readonly diskBytes: number
  /** From the start of the process until it says that it is ready. */
  readonly restartMs: number
  readonly restartedRssBytes: number
}

/** Until buffers are written and garbage is collected. */
const SETTLE_MS = 5000

export async function benchSize(
  targets: readonly Target[],
  options: Options,
): Promise<SizeSample[]> {
  const samples: SizeSample[] = []
  for (let round = 1; round <= options.rounds; round++) {
    for (const target of targets) {
      const server = await ServerProcess.start(target, options.dataDir)
      try {
        const sample = await measure(server, target, round, options)
        report(sample)
        samples.push(sample)
      } finally {
        await server.stop()
      }
    }
  }
  return samples
}

async function measure(
  server: ServerProcess,
  target: Target,
  round: number,
  options: Options,
): Promise<SizeSample> {
  const { keys } = options
  const fillFromMs = performance.now()
  await fill(server, options, { count: Math.round(keys * 1.33), keySpace: keys })
  const fillSeconds = (performance.now() - fillFromMs) / 1000
  await sleep(SETTLE_MS)
  const { rssBytes } = server.usage()
  await server.end('SIGTERM')
  const diskBytes = allocatedBytes(server.dataDir)
  const restartFromMs = performance.now()
  await server.restart()
  const restartMs = performance.now() - restartFromMs
  await checkCount(server, keys)
  await sleep(SETTLE_MS)
  return {
    target: target.label,
    round,
    fillSeconds,
    rssBytes,
    diskBytes,
    restartMs,
    restartedRssBytes: server.usage().rssBytes,
  }
}

/** What the files take on the disk, which is less than their length where nothing was written. */
function allocatedBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += statSync(path.join(entry.parentPath, entry.name)).blocks * 512
  }
  return bytes
}

async function checkCount(server: ServerProcess, keys: number): Promise<void> {
  const connection = await connectTo(server)
  const end = keyPrefix.replace('/', '0') // '0' is the octet after '/'
  const isCountOnly = varintField(9, 1)
  const range = [
    bytesField(1, Buffer.from(keyPrefix)),
    bytesField(2, Buffer.from(end)),
    isCountOnly,
  ]
  const { message } = await callOnce(connection, '/etcdserverpb.KV/Range', Buffer.concat(range))
  assert(readField(message, 4)[0] === keys, 'a restarted server has every key')
  connection.close()
}

/** Progress, on stderr so that stdout holds the result alone. */
function report({ round, target, rssBytes, diskBytes, restartMs }: SizeSample): void {
  console.error(
    `round ${round}  ${target}: ${count(rssBytes / 2 ** 20)} MiB in memory, ` +
      `${count(diskBytes / 2 ** 20)} MiB on disk, restarted in ${count(restartMs)} ms`,
  )
}

const columns: readonly [title: string, digits: number, pick: (sample: SizeSample) => number][] = [
  ['fill s', 1, (it) => it.fillSeconds],
  ['RSS MiB', 0, (it) => it.rssBytes / 2 ** 20],
  ['disk MiB', 0, (it) => it.diskBytes / 2 ** 20],
  ['restart ms', 0, (it) => it.restartMs],
  ['RSS after MiB', 0, (it) => it.restartedRssBytes / 2 ** 20],
]

/** One row per target, medians over the rounds. */
export function sizeTable(targets: readonly Target[], samples: readonly SizeSample[]): string {
  const rows = targets.map(({ label }) => {
    const own = samples.filter(({ target }) => target === label)
    return [label, ...columns.map(([, digits, pick]) => fixed(median(own.map(pick)), digits))]
  })
  return table(['server', ...columns.map(([title]) => title)], rows, { names: 1 })
}
