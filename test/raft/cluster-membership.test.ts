/**
 * Clusters whose members come and go under random faults, with logs that are compacted, so that
 * members that were away need a snapshot. Safety is checked at every step; once the faults end,
 * the cluster must do what it is for.
 */

import { describe, expect, test } from 'vitest'
import { MEMBERSHIP_PROFILES } from './support/profiles.ts'
import { runSchedules } from './support/run-schedules.ts'

/** What must have happened in a run, or the schedules have lost their teeth. */
const RARE: readonly string[] = []

describe('a cluster with changing members under faults', () => {
  test('is safe at every step and recovers once the faults end', { timeout: 120_000 }, () => {
    const { census, isWhole } = runSchedules(MEMBERSHIP_PROFILES, 1200)
    if (isWhole) expect(census.missing(RARE)).toEqual([])
  })
})
