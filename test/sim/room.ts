/** A cluster that ran out of space takes writes again once there is room and the alarms are disarmed. */

import type { Outcome, Request } from './check/history.ts'
import { Draws } from './draws.ts'
import type { Commons } from './workload.ts'

const ATTEMPTS = 3
const BETWEEN_MS = 2000
const TIMEOUT_MS = 9000

/** Nothing else is done meanwhile, and nothing is wrong. */
export async function findRoom({ around, recorder, members }: Commons): Promise<void> {
  const { world, plan, report } = around
  if (plan.quotaBytes === 0) return
  const draws = new Draws(plan.seed, 'room')
  const ask = async (request: Request): Promise<Outcome> => {
    const up = members.filter(
      ({ id, state, status }) => state === 'up' && status?.voters.includes(id) === true,
    )
    if (up.length === 0) return { type: 'failed', error: 'refused' }
    return recorder.perform('room', draws, draws.pick(up), TIMEOUT_MS, request)
  }
  let last: Outcome | undefined
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const looked = await ask({ type: 'alarm' })
    if (looked.type === 'ok' && looked.result.type === 'alarm') {
      await ask({ type: 'compact', revision: looked.revision, physical: true })
      for (const disarms of looked.result.withoutSpace) await ask({ type: 'alarm', disarms })
    }
    last = await ask({ type: 'put', key: 'room', value: `room.${attempt}` })
    if (last.type === 'ok') return
    await world.sleep(BETWEEN_MS)
  }
  report('not-live', `a put is not taken, though there is room: ${JSON.stringify(last)}`)
}
