/** `npm run sim -- check FILE…`: judges histories that were saved as JSON lines. */

import { parseArgs } from 'node:util'
import { readHistoryFile } from './history-file.ts'
import { judge, type Judgement, type JudgeOptions } from './judge.ts'
import { report } from './report.ts'

const USAGE = `usage: check [options] FILE…
  --converged              in the end the cluster was whole
  --require-write-log      what no watch of everything saw is undecided
  --clock-rate-error X     how much a member's clock may be off (0.01)
  --late-ms MS             how long after its end a lease may still be there
  --healthy-from MS        since when nothing disturbed the cluster
  --no-search              the order of revisions alone
  --max-visited N          configurations the search may enter
Options that the file names hold where none is given.
Exit code: 0 correct, 1 violated, 2 undecided, 64 wrong usage.`

const EXIT = { correct: 0, violated: 1, unknown: 2 } as const

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    converged: { type: 'boolean' },
    'require-write-log': { type: 'boolean' },
    'clock-rate-error': { type: 'string' },
    'late-ms': { type: 'string' },
    'healthy-from': { type: 'string' },
    'no-search': { type: 'boolean' },
    'max-visited': { type: 'string' },
    help: { type: 'boolean' },
  },
})

function optionsWith(saved: JudgeOptions): JudgeOptions {
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text)
  const leases = {
    clockRateError: number(values['clock-rate-error']),
    lateMs: number(values['late-ms']),
    healthyFrom: number(values['healthy-from']),
  }
  const maxVisited = number(values['max-visited'])
  return {
    ...saved,
    ...(values.converged && { converged: true }),
    ...(values['require-write-log'] && { requireWriteLog: true }),
    ...(maxVisited !== undefined && { search: { maxVisited } }),
    ...(values['no-search'] && { search: 'none' as const }),
    leases: { ...saved.leases, ...given(leases) },
  }
}

function given<Fields extends object>(
  fields: Fields,
): { [K in keyof Fields]?: NonNullable<Fields[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof Fields]?: NonNullable<Fields[K]> }
}

async function judgeFile(path: string): Promise<Judgement['type']> {
  const startedAt = performance.now()
  const { history, options, tornLines } = await readHistoryFile(path)
  const judgement = judge(history, optionsWith(options))
  const seconds = (performance.now() - startedAt) / 1000
  console.log(`${path}: ${judgement.type}, in ${seconds.toFixed(2)} s`)
  const counts = Object.entries({ ...judgement.counts, tornLines })
  console.log(`  ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`)
  if (judgement.search !== undefined) {
    const { type, visited } = judgement.search
    console.log(`  search: ${type}, ${visited} configurations`)
  }
  for (const unknown of judgement.unknowns) console.log(`  undecided: ${unknown}`)
  if (judgement.violations.length > 0) console.log(report(history, judgement.violations))
  return judgement.type
}

if (values.help || positionals.length === 0) {
  console.log(USAGE)
  process.exitCode = values.help ? 0 : 64
} else {
  for (const path of positionals) {
    const code = EXIT[await judgeFile(path)]
    const before = Number(process.exitCode ?? 0)
    process.exitCode = before === 1 || code === 0 ? before : code
  }
}
