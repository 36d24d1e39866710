/** The table of the mutants in README.md: one row for each, made anew when it was tried. */

import type { Mutant } from './mutant.ts'
import type { Outcome } from './trial.ts'

export const TABLE_BEGIN = '<!-- The table that follows is written by `npm run sim:mutants`. -->'
export const TABLE_END = '<!-- End of the table. -->'
const HEAD = ['| mutant | bug | caught by | schedules | seed |', '| --- | --- | --- | --- | --- |']

/** The text with the rows of what was tried; other rows stay, those of mutants that are gone go. */
export function withRows(
  text: string,
  mutants: readonly Mutant[],
  outcomes: ReadonlyMap<string, Outcome>,
): string {
  const [before, rest] = split(text, TABLE_BEGIN)
  const [old, after] = split(rest, TABLE_END)
  const kept = new Map(old.split('\n').map((row) => [nameOf(row), row]))
  const rows = mutants.flatMap((mutant) => {
    const outcome = outcomes.get(mutant.name)
    const row = outcome === undefined ? kept.get(mutant.name) : rowOf(mutant, outcome)
    return row === undefined ? [] : [row]
  })
  const table = [...HEAD, ...rows].join('\n')
  return `${before}${TABLE_BEGIN}\n\n${table}\n\n${TABLE_END}${after}`
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker)
  if (at === -1) throw new Error(`README.md lost its mark: ${marker}`)
  return [text.slice(0, at), text.slice(at + marker.length)]
}

function nameOf(row: string): string {
  return row.split('|')[1]?.trim() ?? ''
}

function rowOf({ name, bug }: Mutant, outcome: Outcome): string {
  return `| ${[name, bug, ...cells(outcome)].join(' | ')} |`
}

function cells(outcome: Outcome): string[] {
  if (outcome.type === 'survived') {
    return ['**survives**', `${outcome.schedules} without`, '']
  }
  const { by, schedules, seed, profile } = outcome
  return [by, String(schedules), `${seed}, ${profile}`]
}
