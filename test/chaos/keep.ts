/** Keeps all there is of a run that failed: the history, the logs, what was done when. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf } from '../sim/check/history-lines.ts'
import { report } from '../sim/check/report.ts'
import type { RunResult } from './run.ts'

/** The folder it is in now. */
export function keep(result: RunResult, parent: string): string {
  const { name, nodes, seed, history, timeline, logs } = result
  const folder = join(parent, `${nodes}-${name.replaceAll(' + ', '+')}-${seed}`)
  mkdirSync(folder, { recursive: true })
  const lines = [...linesOf(history)]
  writeFileSync(join(folder, 'history.jsonl'), `${lines.join('\n')}\n`)
  writeFileSync(join(folder, 'timeline.txt'), `${timeline.join('\n')}\n`)
  writeFileSync(join(folder, 'verdict.txt'), `${sentences(result)}\n`)
  for (const [member, log] of logs) writeFileSync(join(folder, `${member}.log`), log)
  return folder
}

export function sentences({ history, judgement }: RunResult): string {
  const { checked, problems } = judgement
  const { violations, unknowns } = checked
  const parts = [...problems, ...unknowns.map((unknown) => `not decided: ${unknown}`)]
  if (violations.length > 0) parts.push(report(history, violations, { lines: 40 }))
  return parts.join('\n')
}
