/** `npm run bench -- put | range | all | …`: see README.md here. */

import { readFileSync, writeFileSync } from 'node:fs'
import { comparisonTable } from './comparison.ts'
import { benchFailOver, failOverTable } from './fail-over.ts'
import { benchH2load, h2loadTable } from './h2load.ts'
import { benchLease, leaseCases } from './lease.ts'
import { describeMachine, machineLines } from './machine.ts'
import { parseOptions, usage } from './options.ts'
import type { Options } from './options.ts'
import { printProfiles } from './profile-summary.ts'
import { benchPut, putCases } from './put.ts'
import { benchRange, rangeCases } from './range.ts'
import { reportPage, type Report } from './report-page.ts'
import { benchResponsive, responsiveTable } from './responsive.ts'
import { benchRows, rowsTable, type Row } from './rows.ts'
import type { Target } from './server-process.ts'
import { benchSize, sizeTable } from './size.ts'
import { benchSoak, soakTable } from './soak.ts'
import { findTargets } from './targets.ts'
import { benchTxn, txnCases } from './txn.ts'
import { benchWatchFanout, watchFanoutTable } from './watch-fanout.ts'
import { benchWatchMemory, watchMemoryTable } from './watch-memory.ts'

interface Result {
  readonly text: string
  readonly samples: readonly unknown[]
}

const benchmarks: Readonly<
  Record<string, (targets: readonly Target[], options: Options) => Promise<Result>>
> = {
  async all(targets, options) {
    const samples = await benchRows(targets, options)
    return { samples, text: rowsTable(targets, samples) }
  },
  async put(targets, options) {
    const samples = await benchPut(targets, options)
    return { samples, text: comparisonTable(targets, putCases(options), samples) }
  },
  async range(targets, options) {
    const samples = await benchRange(targets, options)
    return { samples, text: comparisonTable(targets, rangeCases(options), samples) }
  },
  async txn(targets, options) {
    const samples = await benchTxn(targets, options)
    return { samples, text: comparisonTable(targets, txnCases(options), samples) }
  },
  async size(targets, options) {
    const samples = await benchSize(targets, options)
    return { samples, text: sizeTable(targets, samples) }
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
  async soak(targets, options) {
    const samples = await benchSoak(targets, options)
    return { samples, text: soakTable(targets, samples) }
  },
  async h2load(targets, options) {
    const samples = await benchH2load(targets, options)
    return { samples, text: h2loadTable(targets, options, samples) }
  },
  async 'fail-over'(targets, options) {
    const samples = await benchFailOver(targets, options)
    return { samples, text: failOverTable(targets, samples) }
  },
}

/** What a benchmark needs when nothing else is given. */
const defaults: Readonly<Record<string, readonly string[]>> = {
  all: ['--rounds', '2', '--seconds', '4'],
  responsive: ['--keys', '200000'],
  lease: ['--keys', '10000'],
  size: ['--keys', '1000000', '--rounds', '1'],
  soak: ['--only', 'quorate', '--seconds', '1500'],
  'fail-over': ['--nodes', '3', '--rounds', '50'],
  'watch-fanout': ['--clients', '1,100,1000'],
  'watch-memory': ['--clients', '1000', '--value-bytes', '1024'],
}

const reportFile = 'bench/report.html'

async function main(given: readonly string[]): Promise<void> {
  if (given.includes('--help')) return console.log(usage)
  const isNamed = given[0]?.startsWith('--') === false
  const [name = '', ...args] = isNamed ? given : ['all', ...given]
  if (name === 'report' && args.length === 1) return drawReport(args[0]!)
  const benchmark = Object.hasOwn(benchmarks, name) ? benchmarks[name] : undefined
  const options = optionsOf([...(defaults[name] ?? []), ...args])
  if (benchmark === undefined || options === undefined || (options.report && name !== 'all')) {
    console.error(usage)
    process.exitCode = 2
    return
  }
  const targets = findTargets(options)
  const machine = describeMachine(options.dataDir)
  const { text, samples } = await benchmark(targets, options)
  const servers = targets.map((target) => target.label)
  console.log(`${machineLines(machine, servers)}\n\n${text}`)
  if (options.json !== undefined) {
    const all = { benchmark: name, machine, servers, options, samples }
    writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`)
  }
  if (options.report) writeReport({ machine, servers, rows: samples as Row[] })
  if (options.profileDir !== undefined) printProfiles(options.profileDir)
}

/** Undefined when they are not what the usage says. */
function optionsOf(args: readonly string[]): Options | undefined {
  try {
    return parseOptions(args)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return undefined
  }
}

/** From what `all` wrote with --json. */
function drawReport(file: string): void {
  const { machine, servers, samples } = JSON.parse(readFileSync(file, 'utf8')) as Report & {
    readonly samples: readonly Row[]
  }
  writeReport({ machine, servers, rows: samples })
}

function writeReport(report: Report): void {
  writeFileSync(reportFile, reportPage(report))
  console.log(`\nwrote ${reportFile}`)
}

// An exit that servers notice: their 'exit' handlers run, which a bare signal would skip.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
await main(process.argv.slice(2))
