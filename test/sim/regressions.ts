/**
 * Schedules that once failed, made small: `npm test` runs each of them again. An entry is what the
 * simulator prints as the smallest schedule, with what was wrong then:
 *
 *     { what: 'a lease ended early after two leader changes', plan: {"seed":74,"profile":…} }
 */

import type { Plan } from './plan.ts'

export interface Regression {
  readonly what: string
  readonly plan: Plan
}

export const REGRESSIONS: readonly Regression[] = []
