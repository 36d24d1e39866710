/**
 * `npm run sim:mutants`: does the simulator have teeth? Each mutant is the server with one known bug
 * put back in, in a build of its own; some schedule has to catch it.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { MUTANTS } from './catalogue.ts'
import type { Mutant } from './mutant.ts'
import { withRows } from './table.ts'
import { tryMutant, type Outcome } from './trial.ts'

const QUICK = 300
const README = path.resolve(
  fileURLToPath(new URL('../../../../..', import.meta.url)),
  'test/sim/README.md',
)

const HELP = `npm run sim:mutants                          all; the table in README.md is made anew
npm run sim:mutants -- forgotten-vote        these; their rows are made anew
npm run sim:mutants -- --quick               at most 300 schedules each, README.md stays
npm run sim:mutants -- --keep-readme

  --schedules N    at most so many each (default 2000)
  --from SEED      the first seed (default 1)
  --workers N      mutants at a time (default: cores but one)
Exit code 1 when one survives.`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    schedules: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string' },
    'keep-readme': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function wanted(): readonly Mutant[] {
  const unknown = positionals.filter((name) => !MUTANTS.some((mutant) => mutant.name === name))
  if (unknown.length > 0) throw new Error(`there is no mutant ${unknown.join(', ')}`)
  if (positionals.length === 0) return MUTANTS
  return MUTANTS.filter(({ name }) => positionals.includes(name))
}

function sentenceOf(outcome: Outcome): string {
  if (outcome.type === 'survived') return `SURVIVES ${outcome.schedules} schedules`
  const { by, schedules, seed, profile, sentence } = outcome
  return `${by} after ${schedules} (seed ${seed}, ${profile}): ${sentence.slice(0, 160)}`
}

async function tryAll(
  mutants: readonly Mutant[],
  workers: number,
): Promise<ReadonlyMap<string, Outcome>> {
  const outcomes = new Map<string, Outcome>()
  const waiting = [...mutants]
  const schedulesMax = values.quick ? QUICK : Number(values.schedules)
  const work = async (): Promise<void> => {
    for (;;) {
      const mutant = waiting.shift()
      if (mutant === undefined) return
      const startMs = performance.now()
      const outcome = await tryMutant(mutant, { from: Number(values.from), schedulesMax })
      const tookS = Math.round((performance.now() - startMs) / 1000)
      outcomes.set(mutant.name, outcome)
      if (!values.quick && !values['keep-readme']) await writeRow(mutant.name, outcome)
      print(`${mutant.name} [${tookS} s] ${sentenceOf(outcome)}`)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  return outcomes
}

/** At once: an end before the last one loses nothing. */
async function writeRow(name: string, outcome: Outcome): Promise<void> {
  const options = await resolveConfig(README)
  const known = (): string => readFileSync(README, 'utf8')
  for (;;) {
    const before = known()
    const text = withRows(before, MUTANTS, new Map([[name, outcome]]))
    const formatted = await format(text, { ...options, filepath: README })
    // Another one may have written its row meanwhile.
    if (known() !== before) continue
    return writeFileSync(README, formatted)
  }
}

function summary(mutants: readonly Mutant[], outcomes: ReadonlyMap<string, Outcome>): string {
  const all = mutants.flatMap(({ name }) => outcomes.get(name) ?? [])
  const counts = all
    .flatMap((outcome) => (outcome.type === 'caught' ? [outcome.schedules] : []))
    .sort((a, b) => a - b)
  const median = counts[Math.floor(counts.length / 2)] ?? 0
  return `${counts.length} of ${all.length} caught, the median after ${median} schedules`
}

if (values.help) {
  print(HELP)
  process.exit(0)
}
const mutants = wanted()
const workers = Number(values.workers ?? Math.max(1, availableParallelism() - 1))
const outcomes = await tryAll(mutants, workers)
print(summary(mutants, outcomes))
const holes = mutants.filter(({ name }) => outcomes.get(name)?.type === 'survived')
if (holes.length > 0) {
  print(`survivors: ${holes.map(({ name }) => name).join(', ')}`)
  process.exitCode = 1
}
