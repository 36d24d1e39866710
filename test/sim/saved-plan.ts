/** A schedule in a file: what failed is kept as such, and what once failed is run again from one. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { planOf, type Plan } from './plan.ts'

export interface SavedPlan {
  /** What went wrong, for people. */
  readonly what: string
  readonly traceHash?: string
  readonly plan: Plan
}

export function savePlan(folder: string, name: string, saved: SavedPlan): string {
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${name}.json`)
  writeFileSync(file, `${JSON.stringify(saved, undefined, 1)}\n`)
  return file
}

/** A plan alone will do. What plans did not have yet when it was saved is drawn. Throws on what is neither. */
export function loadPlan(file: string): SavedPlan {
  const value = JSON.parse(readFileSync(file, 'utf8')) as SavedPlan | Plan
  const saved = 'plan' in value ? value : { what: path.basename(file, '.json'), plan: value }
  const { plan } = saved
  const isPlan = typeof plan.seed === 'number' && Array.isArray(plan.faults)
  if (!isPlan || !Array.isArray(plan.clients)) throw new Error(`${file} holds no schedule`)
  const { seed, profile, durationMs } = plan
  return { ...saved, plan: { ...planOf(seed, { profile, durationMs }), ...plan } }
}
