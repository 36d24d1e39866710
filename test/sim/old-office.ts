/**
 * A leader hands over and is not reached for a moment: what it had to say about a lease comes when
 * the next one has been asked to renew it. And soon another member leads.
 *
 *     grant ──── transfer, cut off ── renewal ── comes back ── transfer ──── what is left?
 */

import type { Changes } from './changes.ts'
import type { Outcome, Request } from './check/history.ts'
import { Draws } from './draws.ts'
import type { SimMember } from './member.ts'
import type { Commons } from './workload.ts'

const FIRST_LEASE = 1_000_000
const TTL_S = 9
const TIMEOUT_MS = 1500

export interface OldOffice {
  readonly commons: Commons
  readonly changes: Changes
  readonly atMs: number
  readonly forMs: number
  readonly cutOff: (member: SimMember) => Promise<void>
  readonly wait: (ms: number) => Promise<void>
}

export async function handOverUnheard(office: OldOffice): Promise<void> {
  const { commons, changes, atMs, forMs, cutOff, wait } = office
  const { around, recorder, members } = commons
  const draws = new Draws(around.plan.seed, `office ${atMs}`)
  const lease = BigInt(FIRST_LEASE + atMs)
  const ask = async (request: Request, but?: SimMember): Promise<Outcome> => {
    const up = members.filter((one) => one.state === 'up' && one !== but)
    if (up.length === 0) return { type: 'failed', error: 'refused' }
    return recorder.perform('office', draws, draws.pick(up), TIMEOUT_MS, request)
  }
  const granted = await ask({ type: 'lease-grant', lease, ttl: TTL_S })
  if (granted.type !== 'ok') return
  await ask({ type: 'put', key: `o${atMs}`, value: `o${atMs}`, lease })
  await wait(1000 * draws.between(3, 5) + 1000 * draws.fraction())
  const old = changes.leader()
  if (old === undefined) return
  let isBack = Promise.resolve()
  const stop = around.invariants.moments.listen((moment, id) => {
    if (moment !== 'campaigns' || id === old.id) return
    stop()
    around.census.count('leader that handed over and was not reached')
    isBack = cutOff(old)
  })
  const moved = changes.transferAway()
  await wait(forMs / 2)
  const renewed = await ask({ type: 'lease-keep-alive', lease }, old)
  stop()
  await isBack
  await moved
  if (renewed.type !== 'ok') return
  await wait(300 * draws.fraction())
  await changes.transferAway()
  for (let second = 1; second < TTL_S; second += 2) {
    await wait(2000 * draws.fraction())
    await ask({ type: 'lease-time-to-live', lease })
  }
}
