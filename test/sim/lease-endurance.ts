/** A lease that leaders come and go over has to end all the same: what is left of it goes with it. */

import type { Outcome, Request } from './check/history.ts'
import { Draws } from './draws.ts'
import type { Commons } from './workload.ts'

const LEASE = 7n
const TTL_S = 20
const CHANGES = 3
const BETWEEN_MS = 5000
/** Until the last checkpoint, rounded up, until it leads, and an election timeout. */
const GAIN_S = 4
const TIMEOUT_MS = 9000

/** What the changes may add to the life of any lease. */
export const GAIN_MS = CHANGES * GAIN_S * 1000

/** Where checkpoints of leases are frequent, now and then. */
export function isForEndurance({ seed, members, limits }: Commons['around']['plan']): boolean {
  return seed % 3 === 0 && members > 1 && limits.leaseCheckpointMs === 1000
}

/** Nothing else is wrong meanwhile; `transfer` lets another member lead. */
export async function outliveLeaders(
  commons: Commons,
  transfer: () => Promise<void>,
): Promise<void> {
  const { around, recorder, members } = commons
  const { world, plan, report, census } = around
  const draws = new Draws(plan.seed, 'endurance')
  const ask = async (request: Request): Promise<Outcome> => {
    const up = members.filter(
      ({ id, state, status }) => state === 'up' && status?.voters.includes(id) === true,
    )
    if (up.length === 0) return { type: 'failed', error: 'refused' }
    return recorder.perform('endurance', draws, draws.pick(up), TIMEOUT_MS, request)
  }
  const fromMs = world.nowMs
  const granted = await ask({ type: 'lease-grant', lease: LEASE, ttl: TTL_S })
  if (granted.type !== 'ok') return
  for (let i = 0; i < CHANGES; i++) {
    await world.sleep(BETWEEN_MS)
    await transfer()
  }
  await world.sleep(1000)
  const answer = await ask({ type: 'lease-time-to-live', lease: LEASE })
  const tookS = (world.nowMs - fromMs) / 1000
  if (answer.type === 'ok' && answer.result.type === 'lease-time-to-live') {
    census.count('lease that outlived leaders')
    const { ttl } = answer.result
    if (ttl > TTL_S - tookS + CHANGES * GAIN_S) {
      const sentence = `lease ${LEASE} of ${TTL_S} s has ${ttl} s left, ${tookS.toFixed(1)} s after its grant and ${CHANGES} changes of the leader`
      report('lease-late', sentence)
    }
  }
  await ask({ type: 'lease-revoke', lease: LEASE })
}
