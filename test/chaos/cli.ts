/** `npm run chaos`: real processes under faults, judged by the checkers of histories. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { FAULTS, matrix, missing, seedOf, type Scenario } from './catalogue.ts'
import { Census } from './census.ts'
import { keep, sentences } from './keep.ts'
import { nameOf, runOnce, type RunResult } from './run.ts'
import { addTo, emptyRow, hasValidRun, isGood, table, total, type Row } from './summary.ts'

const HELP = `npm run chaos                               the whole matrix: each fault alone and in pairs
npm run chaos -- --only kill-leader,delay   these alone and in pairs
npm run chaos -- --list                     what there is
npm run chaos -- disks --help               the rigs of disks, many times in a row

  --nodes 3      clusters of one size      --runs 5      of each, with seeds of their own
  --alone        no pairs                  --seed 1      what all seeds follow from
  --min-load 500 answers per second        --retries 1   of a run that had less, with another seed
  --json FILE    the table as data         --keep DIR    where failed runs are kept
  --part 1/4     every fourth scenario
  --without A,B  not those that had a valid run in these tables, which --json wrote`

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    nodes: { type: 'string' },
    runs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    'min-load': { type: 'string', default: '500' },
    retries: { type: 'string', default: '1' },
    alone: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    part: { type: 'string' },
    without: { type: 'string' },
    json: { type: 'string' },
    keep: { type: 'string', default: 'dist-bench/chaos-failures' },
  },
})

const minLoad = Number(values['min-load'])
const census = new Census()

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function list(): void {
  for (const { name, about, nodes, needs = [] } of FAULTS) {
    const reasons = needs.map((need) => need()).filter((reason) => reason !== undefined)
    const note = reasons.length === 0 ? '' : ` — SKIPPED here: ${reasons.join('; ')}`
    print(`${name.padEnd(20)} ${nodes.join(' and ').padEnd(8)} ${about}${note}`)
  }
}

function scenarios(): Scenario[] {
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !FAULTS.some((fault) => fault.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`there is no fault ${unknown.join(', ')}: see --list`)
  const all = matrix(FAULTS, {
    pairs: !values.alone,
    ...(only !== undefined && { only }),
    ...(values.nodes !== undefined && { nodes: Number(values.nodes) }),
  })
  const done = new Set((values.without?.split(',') ?? []).flatMap(validScenarios))
  const left = all.filter(({ faults, nodes }) => !done.has(`${nodes} ${nameOf(faults)}`))
  const [part = 1, parts = 1] = (values.part ?? '1/1').split('/').map(Number)
  return left.filter((_, n) => n % parts === part - 1)
}

/** What had a valid run in a table that was written before, as "3 kill-all + delay". */
function validScenarios(file: string): string[] {
  const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: readonly Row[] }
  return rows.filter(hasValidRun).map(({ nodes, scenario }) => `${nodes} ${scenario}`)
}

function describe(result: RunResult): string {
  const { judgement, operations, acknowledged, loadBefore, longestGapMs, tookMs } = result
  const state = !judgement.isGood ? 'FAILED' : result.isInvalid ? 'INVALID' : 'ok'
  const figures = `${loadBefore}/s before, ${operations} operations, ${acknowledged} acknowledged`
  const gap = `gap ${Math.round(longestGapMs)} ms`
  const took = `${(tookMs / 1000).toFixed(1)} s (${Math.round(judgement.tookMs)} ms to judge)`
  return `${state.padEnd(7)} ${result.nodes} ${result.name}, seed ${result.seed}: ${figures}, ${gap}, ${took}`
}

async function runScenario(scenario: Scenario, row: Row): Promise<void> {
  for (let run = 0; run < Number(values.runs); run++) {
    for (let attempt = 0; attempt <= Number(values.retries); attempt++) {
      const seed = seedOf(scenario, Number(values.seed), run + attempt * 500)
      const result = await attemptOf(scenario, seed, row)
      if (result?.isInvalid !== true) break
    }
  }
}

/** Undefined when the harness itself failed, which is a failure like another. */
async function attemptOf(
  scenario: Scenario,
  seed: number,
  row: Row,
): Promise<RunResult | undefined> {
  try {
    const result = await runOnce({ ...scenario, seed, minLoad })
    addTo(row, result)
    census.addHistory(result.history)
    for (const log of result.logs.values()) census.addLog(log)
    print(describe(result))
    if (!result.judgement.isGood) {
      print(`${sentences(result)}\nkept in ${keep(result, values.keep)}`)
    }
    return result
  } catch (error) {
    row.runs++
    row.problems++
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    print(`FAILED  ${scenario.nodes} ${nameOf(scenario.faults)}, seed ${seed}: ${text}`)
    return undefined
  }
}

function write(rows: readonly Row[], startedAt: string): void {
  if (values.json === undefined) return
  const data = {
    startedAt,
    endedAt: new Date().toISOString(),
    command: process.argv.slice(2),
    machine: { cpus: cpus().length, model: cpus()[0]?.model, node: process.version },
    loadAverage: loadavg(),
    rows,
    total: total(rows),
    reached: Object.fromEntries(census.counts),
  }
  mkdirSync(dirname(join(process.cwd(), values.json)), { recursive: true })
  writeFileSync(values.json, `${JSON.stringify(data, undefined, 2)}\n`)
}

async function main(): Promise<void> {
  if (values.help) return print(HELP)
  if (values.list) return list()
  const startedAt = new Date().toISOString()
  const rows: Row[] = []
  for (const scenario of scenarios()) {
    const row = emptyRow(scenario)
    rows.push(row)
    const reason = missing(scenario)
    if (reason === undefined) await runScenario(scenario, row)
    else {
      row.skipped = reason
      print(`SKIPPED ${scenario.nodes} ${row.scenario}: ${reason}`)
    }
    write(rows, startedAt)
  }
  print(`\n${table(rows)}`)
  print(`\nwhat was reached:\n${census.lines.join('\n')}`)
  const isPart = (values.only ?? values.part ?? values.without) !== undefined || values.alone
  if (!isPart && census.missing.length > 0) {
    print(`never reached: ${census.missing.join('; ')}`)
    process.exitCode = 1
  }
  print(
    `\nload average of the machine: ${loadavg()
      .map((one) => one.toFixed(1))
      .join(' ')}`,
  )
  if (!isGood(rows)) process.exitCode = 1
}

// What ends this process ends those that it has started: see TestBed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => process.exit(1))
}
await main()
