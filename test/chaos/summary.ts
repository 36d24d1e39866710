/** What a matrix of runs came to: a row for each scenario, and all of it as data. */

import { nameOf, type RunResult } from './run.ts'
import type { Scenario } from './catalogue.ts'

export interface Row {
  readonly scenario: string
  readonly nodes: number
  runs: number
  /** Too little load before the fault: what they find counts, that they find nothing does not. */
  invalid: number
  operations: number
  acknowledged: number
  unknown: number
  watchEvents: number
  lost: number
  violations: number
  problems: number
  /** Runs in which the order of revisions is not known to the end. */
  undecided: number
  /** Runs that the search has found linearizable, too. */
  searched: number
  /** Answers in the second before the fault: the least of the valid runs. */
  minLoad: number
  longestGapMs: number
  /** Why none was run. */
  skipped?: string
  /** A negative control: how many runs were found out. */
  caught?: number
}

export function emptyRow({ faults, nodes }: Scenario): Row {
  return {
    scenario: nameOf(faults),
    nodes,
    runs: 0,
    invalid: 0,
    operations: 0,
    acknowledged: 0,
    unknown: 0,
    watchEvents: 0,
    lost: 0,
    violations: 0,
    problems: 0,
    undecided: 0,
    searched: 0,
    minLoad: Infinity,
    longestGapMs: 0,
    ...(faults.some(({ mustBeCaught }) => mustBeCaught === true) && { caught: 0 }),
  }
}

/** It was run with enough load, and nothing was wrong. */
export function hasValidRun(row: Row): boolean {
  return row.runs > row.invalid && isGood([row])
}

export function addTo(row: Row, result: RunResult): void {
  const { judgement } = result
  row.runs++
  if (result.isInvalid) row.invalid++
  else row.minLoad = Math.min(row.minLoad, result.loadBefore)
  row.operations += result.operations
  row.acknowledged += result.acknowledged
  row.unknown += result.unknown
  row.watchEvents += result.watchEvents
  row.longestGapMs = Math.max(row.longestGapMs, result.longestGapMs)
  if (judgement.checked.type === 'unknown' && !judgement.isGood) row.undecided++
  if (judgement.checked.search?.type === 'linearizable') row.searched++
  if (row.caught !== undefined && judgement.isGood) row.caught++
  if (row.caught !== undefined) return
  row.lost += judgement.lost
  row.violations += judgement.checked.violations.length
  row.problems += judgement.problems.length
}

const COLUMNS: readonly (readonly [title: string, cell: (row: Row) => string])[] = [
  ['nodes', ({ nodes }) => String(nodes)],
  ['faults', ({ scenario }) => scenario],
  ['runs', ({ runs }) => String(runs)],
  ['invalid', ({ invalid }) => String(invalid)],
  ['operations', ({ operations }) => String(operations)],
  ['acknowledged', ({ acknowledged }) => String(acknowledged)],
  ['lost', ({ lost }) => String(lost)],
  ['violations', ({ violations }) => String(violations)],
  ['problems', ({ problems }) => String(problems)],
  ['unknown', ({ unknown }) => String(unknown)],
  ['undecided', ({ undecided }) => String(undecided)],
  ['searched', ({ searched }) => String(searched)],
  ['min load', ({ minLoad }) => (minLoad === Infinity ? '-' : String(minLoad))],
  ['longest gap', ({ longestGapMs }) => `${Math.round(longestGapMs)} ms`],
]

/** A table in Markdown. */
export function table(rows: readonly Row[]): string {
  const cells = [...rows, total(rows)].map((row) => COLUMNS.map(([, cell]) => cell(row)))
  for (const [n, { skipped, caught }] of rows.entries()) {
    const first = cells[n]
    if (first === undefined) continue
    if (skipped !== undefined) first[1] += ` — SKIPPED: ${skipped}`
    if (caught !== undefined) first[1] += ` (control: ${caught} caught)`
  }
  const titles = COLUMNS.map(([title]) => title)
  const widths = titles.map((title, n) =>
    Math.max(title.length, ...cells.map((row) => row[n]!.length)),
  )
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, n) => (n === 1 ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!))).join(' | ')} |`
  const rule = `| ${widths.map((width, n) => (n === 1 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [line(titles), rule, ...cells.map(line)].join('\n')
}

export function total(rows: readonly Row[]): Row {
  const sum = (pick: (row: Row) => number): number => rows.reduce((all, row) => all + pick(row), 0)
  return {
    scenario: 'all',
    nodes: Math.max(0, ...rows.map(({ nodes }) => nodes)),
    runs: sum(({ runs }) => runs),
    invalid: sum(({ invalid }) => invalid),
    operations: sum(({ operations }) => operations),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    unknown: sum(({ unknown }) => unknown),
    watchEvents: sum(({ watchEvents }) => watchEvents),
    lost: sum(({ lost }) => lost),
    violations: sum(({ violations }) => violations),
    problems: sum(({ problems }) => problems),
    undecided: sum(({ undecided }) => undecided),
    searched: sum(({ searched }) => searched),
    minLoad: Math.min(...rows.map(({ minLoad }) => minLoad)),
    longestGapMs: Math.max(0, ...rows.map(({ longestGapMs }) => longestGapMs)),
  }
}

/** Whether nothing that was run has failed, and every control was found out. */
export function isGood(rows: readonly Row[]): boolean {
  return rows.every(({ violations, lost, problems, undecided, caught, runs, invalid }) => {
    if (caught !== undefined && caught < runs - invalid) return false
    return violations + lost + problems + undecided === 0
  })
}
