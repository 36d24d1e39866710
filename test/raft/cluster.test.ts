/**
 * Clusters under random faults of network, disks and processes, in virtual time. Safety is
 * checked at every step; once the faults end, the cluster must do what it is for.
 */

import { describe, expect, test } from 'vitest'
import { FAULT_PROFILES } from './support/profiles.ts'
import { runSchedules } from './support/run-schedules.ts'

/** What must have happened in a run, or the schedules have lost their teeth. */
const RARE: readonly string[] = [
  'MsgAppResp duplicated',
  'MsgPropRefused duplicated',
  'MsgReadIndexResp duplicated',
  'MsgVoteResp duplicated',
  'cluster of one voter',
  'crash with a write done',
  'crash with a write lost',
  'durable entry replaced',
  'leader paused',
  'leader stepped down for want of a quorum',
  'power cut',
  'read before the first commit of a term',
  'refused proposal proposed again',
  'snapshot installed',
  'snapshot installed by a learner',
  'transfer aborted',
  'transfer done',
  'two candidates in one term',
  'write stalled',
  'write superseded while in flight',
]

describe('a cluster under faults', () => {
  test('is safe at every step and recovers once the faults end', { timeout: 600_000 }, () => {
    const { census, isWhole } = runSchedules(FAULT_PROFILES, 4000)
    if (isWhole) expect(census.missing(RARE)).toEqual([])
  })
})
