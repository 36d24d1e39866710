/**
 * Schedules that once failed, made small: `npm test` runs each of them again. One file of
 * regressions/ each, as `npm run sim` saves it: `what` it showed, and the `plan`.
 */

import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { loadPlan, type SavedPlan } from './saved-plan.ts'

const FOLDER = new URL('./regressions/', import.meta.url)

export function regressions(): SavedPlan[] {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
  return names.sort().map((name) => loadPlan(fileURLToPath(new URL(name, FOLDER))))
}
