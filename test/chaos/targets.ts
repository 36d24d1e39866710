/** Whom a fault meets. Another fault may be in force already, so nobody waits for a quiet cluster. */

import type { ClusterMember } from '../support/cluster-member.ts'
import type { Draws } from '../sim/draws.ts'
import { until } from '../support/until.ts'
import type { Site } from './ports.ts'

const LEADER_TIMEOUT_MS = 3000

/** Who leads in the highest term; anybody when nobody says so in time. */
export async function leaderOf({ cluster }: Site, draws: Draws): Promise<ClusterMember> {
  const found = await until('a leader', LEADER_TIMEOUT_MS, async () => {
    const answers = await Promise.all(
      cluster.awake.map(async (member) => {
        const status = await member.status().catch(() => undefined)
        return { member, status }
      }),
    )
    let best: { readonly member: ClusterMember; readonly term: number } | undefined
    for (const { member, status } of answers) {
      if (status === undefined || status.leader !== status.id) continue
      if (status.term > (best?.term ?? 0)) best = { member, term: status.term }
    }
    return best?.member
  }).catch(() => undefined)
  return found ?? draws.pick(cluster.members)
}

export async function followerOf(site: Site, draws: Draws): Promise<ClusterMember> {
  const leader = await leaderOf(site, draws)
  return draws.pick(othersThan(site, leader))
}

export function othersThan({ cluster }: Site, member: ClusterMember): ClusterMember[] {
  return cluster.members.filter((one) => one !== member)
}
