/**
 * Clusters whose members come and go under random faults, with logs that are compacted, so that
 * members that were away need a snapshot. Safety is checked at every step; once the faults end,
 * the cluster must do what it is for.
 */

import { describe, expect, test } from 'vitest'
import { MEMBERSHIP_PROFILES } from './support/profiles.ts'
import { runSchedules } from './support/run-schedules.ts'

/** What must have happened in a run, or the schedules have lost their teeth. */
const RARE: readonly string[] = [
  'crash of an install after the log reset',
  'crash of an install after the switch, before the log reset',
  'crash of an install before the switch',
  'durable entry replaced',
  'joint configuration after a restart',
  'joint left by itself',
  'joint left explicitly',
  'leader elected in a joint configuration',
  'leader elected while a snapshot is installed',
  'leader removed',
  'learner promoted',
  'membership change refused: not-joint',
  'membership change refused: pending-conf-change',
  'membership change refused: removed',
  'membership change refused: transferring',
  'membership change rolled back',
  'membership change without effect',
  'refused proposal proposed again',
  'removed leader stepped down',
  'removed member ended',
  'simple change',
  'snapshot installed by a learner',
  'state broke midway',
  'state came again',
  'state came that was not needed',
  'state came while another one was installed',
  'transfer aborted',
  'transfer done',
  'two candidates in one term',
  'voter demoted',
  'voter demoted in a joint configuration',
]

describe('a cluster with changing members under faults', () => {
  test('is safe at every step and recovers once the faults end', { timeout: 600_000 }, () => {
    const { census, isWhole } = runSchedules(MEMBERSHIP_PROFILES, 4000)
    if (!isWhole) return
    expect(census.missing(RARE)).toEqual([])
    const share = census.of('nobody can be elected any more') / census.of('schedule')
    expect(share).toBeLessThan(0.001)
  })
})
