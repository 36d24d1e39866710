/** What operators do to a cluster at work: other members, another leader, less history. */

import type { Draws } from '../sim/draws.ts'
import { decimalId } from '../support/cluster-member.ts'
import { addMember, promoteMember, removeMember } from './members.ts'
import type { Fault, Site, Undo } from './ports.ts'
import { settled } from './process-faults.ts'
import { followerOf, leaderOf, othersThan } from './targets.ts'

const EVERY_SIZE = [1, 3] as const
const CLUSTER = [3] as const
const COMPACT_EVERY_MS = 200
const CALL_TIMEOUT_MS = 1000

/** Does something again and again, whatever becomes of it, until it is over. */
function repeatedly(everyMs: number, act: (site: Site, draws: Draws) => Promise<unknown>) {
  return async (site: Site, draws: Draws): Promise<Undo> => {
    let isOver = false
    const loop = async (): Promise<void> => {
      while (!isOver) {
        await act(site, draws).catch(() => undefined)
        await site.elapse(everyMs)
      }
    }
    const done = settled(loop())
    await site.elapse(0)
    return async () => {
      isOver = true
      await done()
    }
  }
}

async function moveLeader(site: Site, draws: Draws): Promise<void> {
  const leader = await leaderOf(site, draws)
  const { id } = await draws.pick(othersThan(site, leader)).status()
  await leader.call('Maintenance.MoveLeader', { targetID: decimalId(id) }, CALL_TIMEOUT_MS)
}

async function compact(site: Site, draws: Draws): Promise<void> {
  const revision = Math.max(1, site.told - draws.below(100))
  await site.perform({ type: 'compact', revision })
}

async function defragment(site: Site, draws: Draws): Promise<void> {
  await draws.pick(site.cluster.members).call('Maintenance.Defragment', {}, CALL_TIMEOUT_MS)
}

/** A member leaves for good, and one with an empty disk comes instead. */
async function replace(site: Site, draws: Draws): Promise<Undo> {
  const old = draws.chance(0.5) ? await leaderOf(site, draws) : await followerOf(site, draws)
  const change = async (): Promise<void> => {
    await removeMember(site, old)
    if (draws.chance(0.5)) await old.kill9()
    await addMember(site, { isLearner: false })
    await old.kill9()
  }
  const done = settled(change())
  await site.elapse(0)
  return () => done()
}

async function learner(site: Site): Promise<Undo> {
  const change = async (): Promise<void> => {
    const { id } = await addMember(site, { isLearner: true })
    await promoteMember(site, id)
  }
  const done = settled(change())
  await site.elapse(0)
  return () => done()
}

export const OPERATOR_FAULTS: readonly Fault[] = [
  {
    name: 'replace-member',
    about: 'one is removed, and one with an empty disk is added',
    nodes: CLUSTER,
    finishesLast: true,
    alone: 'members',
    apply: replace,
  },
  {
    name: 'learner',
    about: 'a learner is added, and promoted once it has caught up',
    nodes: EVERY_SIZE,
    finishesLast: true,
    alone: 'members',
    apply: learner,
  },
  {
    name: 'move-leader',
    about: 'another one is told to lead, again and again',
    nodes: CLUSTER,
    apply: repeatedly(150, moveLeader),
  },
  {
    name: 'compact',
    about: `history is cut every ${COMPACT_EVERY_MS} ms`,
    nodes: EVERY_SIZE,
    apply: repeatedly(COMPACT_EVERY_MS, compact),
  },
  {
    name: 'defragment',
    about: 'members are told to defragment, again and again',
    nodes: EVERY_SIZE,
    apply: repeatedly(200, defragment),
  },
]
