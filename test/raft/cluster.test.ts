/**
 * Clusters under random faults of network, disks and processes, in virtual time. Safety is
 * checked at every step; once the faults end, the cluster must do what it is for.
 */

import { describe, expect, test } from 'vitest'
import { FAULT_PROFILES } from './support/profiles.ts'
import { runSchedules } from './support/run-schedules.ts'

/** What must have happened in a run, or the schedules have lost their teeth. */
const RARE: readonly string[] = []

describe('a cluster under faults', () => {
  test('is safe at every step and recovers once the faults end', { timeout: 120_000 }, () => {
    const { census, isWhole } = runSchedules(FAULT_PROFILES, 1000)
    if (isWhole) expect(census.missing(RARE)).toEqual([])
  })
})
