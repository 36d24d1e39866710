/** How a run ends: nothing that time could still change, and then what each member holds. */

import type { FinalState, Request, Result } from '../sim/check/history.ts'
import type { ProcessCluster } from '../support/cluster.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import type { Message } from '../support/grpc-client.ts'
import { until } from '../support/until.ts'
import { ChaosClient } from './client.ts'
import type { Recorder } from './recorder.ts'

const WHO = 'end'
const CALL_TIMEOUT_MS = 10_000
const LEASES_TIMEOUT_MS = 20_000
const TOMBSTONE = 'tombstone'

/** Ends all leases, writes once more, and reads that at every member. Throws when it cannot. */
export async function lastWords(cluster: ProcessCluster, recorder: Recorder): Promise<void> {
  const [first] = cluster.members
  if (first === undefined) throw new Error('there is no member')
  await until('no lease is left', LEASES_TIMEOUT_MS, async () => {
    const leases = await leasesOf(first)
    for (const lease of leases) await ask(recorder, first, { type: 'lease-revoke', lease })
    return leases.length === 0 ? true : undefined
  })
  const put = { type: 'put', key: TOMBSTONE, value: TOMBSTONE } as const
  if ((await ask(recorder, first, put)) === undefined) throw new Error('the last write failed')
  for (const member of cluster.members) {
    const read = await ask(recorder, member, { type: 'range', key: TOMBSTONE })
    if (read === undefined) throw new Error(`the last read of ${member.name} failed`)
  }
}

/** What members complain of: an alarm for damaged data, above all. */
export async function complaints({ members }: ProcessCluster): Promise<string[]> {
  const all = await Promise.all(
    members.map(async (member) => {
      const { errors } = await member.ok('Maintenance.Status', {})
      return (errors as string[]).map((error) => `${member.name}: ${error}`)
    }),
  )
  return all.flat()
}

/** What each member holds, once all have applied the same. */
export async function finalStates(
  cluster: ProcessCluster,
  recorder: Recorder,
): Promise<FinalState[]> {
  await cluster.settled()
  const revision = Math.min(...(await cluster.hashes()).map((hash) => hash.revision))
  return await Promise.all(cluster.members.map((member) => finalState(member, recorder, revision)))
}

async function finalState(
  member: ClusterMember,
  recorder: Recorder,
  revision: number,
): Promise<FinalState> {
  const all = { type: 'range', key: '\0', rangeEnd: '\0', serializable: true } as const
  const range = await ask(recorder, member, all)
  if (range?.result.type !== 'range') throw new Error(`${member.name} has no final state`)
  const hash = await member.ok('Maintenance.HashKV', { revision: String(revision) })
  return {
    member: member.name,
    at: recorder.now,
    revision: range.revision,
    kvs: range.result.kvs,
    hashes: [
      { revision, compactRevision: Number(hash['compact_revision']), hash: Number(hash['hash']) },
    ],
    leases: await leasesOf(member),
  }
}

async function leasesOf(member: ClusterMember): Promise<bigint[]> {
  const { leases } = await member.ok('Lease.LeaseLeases', {})
  return (leases as Message[]).map((lease) => BigInt(String(lease['ID'])))
}

async function ask(
  recorder: Recorder,
  member: ClusterMember,
  request: Request,
): Promise<{ readonly revision: number; readonly result: Result } | undefined> {
  const client = new ChaosClient(member.endpoint)
  try {
    const outcome = await recorder.perform(WHO, member.name, client, request, CALL_TIMEOUT_MS)
    return outcome.type === 'ok' ? outcome : undefined
  } finally {
    client.close()
  }
}
