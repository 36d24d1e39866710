/** `npm run bench -- put | range | lease | fail-over | …`: see README.md here. */

import { writeFileSync } from 'node:fs'
import { comparisonTable } from './comparison.ts'
import { benchFailOver, failOverTable } from './fail-over.ts'
import { benchLease, leaseCases } from './lease.ts'
import { describeMachine, machineLines } from './machine.ts'
import { parseOptions, usage } from './options.ts'
import type { Options } from './options.ts'
import { printProfiles } from './profile-summary.ts'
import { benchPut, putCases } from './put.ts'
import { benchRange, rangeCases } from './range.ts'
import { benchResponsive, responsiveTable } from './responsive.ts'
import type { Target } from './server-process.ts'
import { findTargets } from './targets.ts'
import { benchWatchFanout, watchFanoutTable } from './watch-fanout.ts'
import { benchWatchMemory, watchMemoryTable } from './watch-memory.ts'

interface Result {
  readonly text: string
  readonly samples: readonly unknown[]
}

const benchmarks: Readonly<
  Record<string, (targets: readonly Target[], options: Options) => Promise<Result>>
> = {
  async put(targets, options) {
    const samples = await benchPut(targets, options)
    return { samples, text: comparisonTable(targets, putCases(options), samples) }
  },
  async range(targets, options) {
    const samples = await benchRange(targets, options)
    return { samples, text: comparisonTable(targets, rangeCases(options), samples) }
  },
  async lease(targets, options) {
    const samples = await benchLease(targets, options)
    return { samples, text: comparisonTable(targets, leaseCases(options), samples) }
  },
  async responsive(targets, options) {
    const samples = await benchResponsive(targets, options)
    return { samples, text: responsiveTable(samples) }
  },
  async 'watch-fanout'(targets, options) {
    const samples = await benchWatchFanout(targets, options)
    return { samples, text: watchFanoutTable(targets, options, samples) }
  },
  async 'watch-memory'(targets, options) {
    const samples = await benchWatchMemory(targets, options)
    return { samples, text: watchMemoryTable(samples) }
  },
  async 'fail-over'(targets, options) {
    const samples = await benchFailOver(targets, options)
    return { samples, text: failOverTable(targets, samples) }
  },
}

/** What a benchmark needs when nothing else is given. */
const defaults: Readonly<Record<string, readonly string[]>> = {
  responsive: ['--keys', '200000'],
  lease: ['--keys', '10000'],
  'fail-over': ['--nodes', '3', '--rounds', '50'],
  'watch-fanout': ['--clients', '1,100,1000'],
  'watch-memory': ['--clients', '1000', '--value-bytes', '1024'],
}

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  if (benchmark === undefined) {
    console.error(usage)
    process.exitCode = 2
    return
  }
  const options = parseOptions([...(defaults[name] ?? []), ...args])
  const targets = findTargets(options)
  const machine = describeMachine(options.dataDir)
  const { text, samples } = await benchmark(targets, options)
  const labels = targets.map((target) => target.label)
  console.log(`${machineLines(machine, labels)}\n\n${text}`)
  if (options.json !== undefined) {
    const all = { benchmark: name, machine, servers: labels, options, samples }
    writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`)
  }
  if (options.profileDir !== undefined) printProfiles(options.profileDir)
}

// An exit that servers notice: their 'exit' handlers run, which a bare signal would skip.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main(process.argv.slice(2))
