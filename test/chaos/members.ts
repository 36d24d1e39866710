/** Changes of members that go on through other faults: asked for again until they are known done. */

import type { ClusterMember } from '../support/cluster-member.ts'
import { decimalId, hexId } from '../support/cluster-member.ts'
import type { Message } from '../support/grpc-client.ts'
import { until } from '../support/until.ts'
import type { Site } from './ports.ts'

const CHANGE_TIMEOUT_MS = 60_000
const CALL_TIMEOUT_MS = 3000

/** Nobody told a newcomer about the cluster: it ends, as etcd's does, and is to be started again. */
const NOBODY_ANSWERED = 'cannot fetch cluster info from peer urls'
/** Another operator has added a member meanwhile: the list that it was started with is old. */
const LIST_IS_OLD = 'member count is unequal'

/** Adds a member and starts it. Resolves when it answers. */
export async function addMember(
  site: Site,
  { isLearner }: { readonly isLearner: boolean },
): Promise<{ readonly member: ClusterMember; readonly id: string }> {
  const { cluster, network } = site
  const member = await cluster.newcomer()
  const request = { peerURLs: [member.peerUrl], isLearner }
  const id = await until(`add ${member.name}`, CHANGE_TIMEOUT_MS, async () => {
    const known = await idOf(cluster.members, member.peerUrl)
    if (known !== undefined) return known
    const answer = await ask(cluster.members, 'Cluster.MemberAdd', request)
    return hexId((answer['member'] as Message)['ID'])
  })
  site.note(`${member.name} is added as ${id}`)
  network.introduce(member.name, id)
  cluster.adopt(member)
  cluster.launchJoining(member)
  await until(`${member.name} answers`, CHANGE_TIMEOUT_MS, async () => {
    if (member.endedByItself && member.output.includes(NOBODY_ANSWERED)) member.relaunch()
    if (member.endedByItself && member.output.includes(LIST_IS_OLD)) cluster.launchJoining(member)
    const answer = await member.call('Maintenance.Status', {}, CALL_TIMEOUT_MS)
    if (!answer.ok) throw new Error(answer.message)
    return true
  })
  return { member, id }
}

/** Resolves when the cluster knows no such member any more. Its process is the caller's to end. */
export async function removeMember(site: Site, member: ClusterMember): Promise<void> {
  const { cluster } = site
  cluster.forget(member)
  let id: string | undefined
  await until(`remove ${member.name}`, CHANGE_TIMEOUT_MS, async () => {
    const known = await idOf(cluster.members, member.peerUrl)
    if (known === undefined) return true // never seen again, or never seen: the same to us
    id = known
    await ask(cluster.members, 'Cluster.MemberRemove', { ID: decimalId(known) })
    return true
  })
  site.note(`${member.name} is removed, was ${id}`)
}

export async function promoteMember(site: Site, id: string): Promise<void> {
  const { cluster } = site
  await until(`promote ${id}`, CHANGE_TIMEOUT_MS, async () => {
    const member = (await list(cluster.members)).find((one) => one['ID'] === id)
    if (member === undefined) throw new Error('it is no member')
    if (member['isLearner'] !== true) return true
    await ask(cluster.members, 'Cluster.MemberPromote', { ID: decimalId(id) })
    return true
  })
  site.note(`${id} is promoted`)
}

async function idOf(
  members: readonly ClusterMember[],
  peerUrl: string,
): Promise<string | undefined> {
  const all = await list(members)
  return all.find((one) => (one['peerURLs'] as string[]).includes(peerUrl))?.['ID']
}

async function list(members: readonly ClusterMember[]): Promise<Message[]> {
  const answer = await ask(members, 'Cluster.MemberList', { linearizable: true })
  return (answer['members'] as Message[]).map((one) => ({ ...one, ID: hexId(one['ID']) }))
}

/** The answer of the first that gives one. */
async function ask(
  members: readonly ClusterMember[],
  method: string,
  request: Message,
): Promise<Message> {
  let last = 'nobody is awake'
  for (const member of members.filter(({ isAwake }) => isAwake)) {
    const result = await member.call(method, request, CALL_TIMEOUT_MS)
    if (result.ok) return result.response
    last = `${member.name}: ${result.message}`
  }
  throw new Error(last)
}
