/**
 * How a member without a data directory comes into a cluster, by its settings and by what the
 * others say. Asked once: from then on its data directory knows.
 *
 *   --initial-cluster-state new       ids from the URLs and the token; refused when the others
 *                                     know this member as one that was running before
 *   --initial-cluster-state existing  ids from the others, found by comparing peer URLs
 */

import type { Logger } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import type { Config } from './config.ts'
import type { InitialMember } from './initial-cluster.ts'
import { clusterIdOf, memberIdOf } from './member-id.ts'
import type { Member } from './membership.ts'
import { comparableUrl } from './server-url.ts'

/** A cluster as one of its members tells it. */
export interface RemoteCluster {
  readonly clusterId: string
  readonly members: readonly Member[]
}

/** Asks the member behind a peer URL for its cluster. Never rejects. */
export type QueryCluster = (url: string, timeoutMs: number) => Promise<ClusterAnswer>

export type ClusterAnswer =
  | { readonly ok: true; readonly cluster: RemoteCluster }
  | { readonly ok: false; readonly reason: string }

export interface ClusterIdentity {
  readonly clusterId: string
  readonly memberId: MemberId
}

export interface FoundingMember extends InitialMember {
  readonly id: MemberId
}

export type Origin =
  /** One of the first members: all of them, this one included, in any order. */
  | (ClusterIdentity & {
      readonly ok: true
      readonly type: 'founded'
      readonly members: readonly FoundingMember[]
    })
  /** Added later: the members as they are now, this one included. */
  | (ClusterIdentity & {
      readonly ok: true
      readonly type: 'joined'
      readonly members: readonly Member[]
    })
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

/** What the settings say about where a member comes from. */
export type OriginConfig = Pick<
  Config,
  'name' | 'initialCluster' | 'initialClusterState' | 'initialClusterToken' | 'maxLearners'
>

/** As in etcd: whether others are there already is a short question. */
const FOUNDING_TIMEOUT_MS = 1000
const JOINING_TIMEOUT_MS = 10_000
const RUNNING_TIMEOUT_MS = 1000

export async function resolveOrigin(
  config: OriginConfig,
  query: QueryCluster,
  logger: Logger,
): Promise<Origin> {
  return config.initialClusterState === 'new'
    ? resolveFounding(config, query, logger)
    : resolveJoin(config, query, logger)
}

/**
 * Why ask: a member that lost its data directory would come back with its old id and an empty log,
 * and could vote what it had acknowledged out of existence.
 */
export async function resolveFounding(
  { name, initialCluster, initialClusterToken }: OriginConfig,
  query: QueryCluster,
  logger: Logger,
): Promise<Origin> {
  if (!initialCluster.ok) return initialCluster
  const founded = founding(name, initialCluster.members, initialClusterToken)
  const urls = otherPeerUrls(name, initialCluster.members)
  const answers = await Promise.all(urls.map((url) => query(url, FOUNDING_TIMEOUT_MS)))
  for (const [i, answer] of answers.entries()) {
    if (!answer.ok) {
      logger.debug('no answer about the cluster yet', { url: urls[i], reason: answer.reason })
      continue
    }
    const known = answer.cluster.members.find(({ id }) => id === founded.memberId)
    if (known !== undefined && known.clientUrls.length > 0) {
      return { ok: false, message: bootstrappedMessage(founded.memberId) }
    }
  }
  return founded
}

function bootstrappedMessage(id: MemberId): string {
  return (
    `member ${id} has already been bootstrapped: if its data directory is lost, remove the member ` +
    'from the cluster, add it again, and start it with --initial-cluster-state existing'
  )
}

/** `initialCluster` must be all members as the cluster knows them, by their peer URLs. */
export async function resolveJoin(
  { name, initialCluster, maxLearners }: OriginConfig,
  query: QueryCluster,
  logger: Logger,
): Promise<Origin> {
  if (!initialCluster.ok) return initialCluster
  const { members } = initialCluster
  // All at once, and the first that fits: one that is gone must not hold up the others, and one
  // that lags may not know yet that this member was added.
  const origin = await firstGood(
    otherPeerUrls(name, members).map(async (url) => {
      const answer = await query(url, JOINING_TIMEOUT_MS)
      if (answer.ok && answer.cluster.members.length > 0) {
        return joinOf(name, members, answer.cluster, maxLearners)
      }
      const error = answer.ok ? 'it knows no members' : answer.reason
      logger.warn('failed to get cluster response', { address: url, error })
      return undefined
    }),
  )
  if (origin !== undefined) return origin
  const message =
    'cannot fetch cluster info from peer urls: ' +
    'could not retrieve cluster information from the given URLs'
  return { ok: false, message }
}

/** The first good one to come; if there is none, the first bad one. */
function firstGood(asked: readonly Promise<Origin | undefined>[]): Promise<Origin | undefined> {
  return new Promise((resolve) => {
    let bad: Origin | undefined
    const all = asked.map(async (one) => {
      const origin = await one
      if (origin?.ok === true) resolve(origin)
      else bad ??= origin
    })
    void Promise.all(all).then(() => resolve(bad))
  })
}

function joinOf(
  name: string,
  local: readonly InitialMember[],
  remote: RemoteCluster,
  maxLearners: number,
): Origin {
  const paired = pair(name, local, remote)
  if (!paired.ok) {
    return { ok: false, message: `error validating peerURLs ${show(remote)}: ${paired.reason}` }
  }
  if (remote.members.filter(({ isLearner }) => isLearner).length > maxLearners) {
    return { ok: false, message: 'membership: too many learner members in cluster' }
  }
  const { clusterId, members } = remote
  return { ok: true, type: 'joined', clusterId, memberId: paired.memberId, members }
}

/**
 * One of `members` that is at work in this cluster now, as far as they answer. Those that do not
 * may be at work all the same.
 */
export async function findRunning(
  members: readonly Member[],
  clusterId: string,
  query: QueryCluster,
): Promise<Member | undefined> {
  const found = await Promise.all(
    members.map(async (member) => {
      const answers = await Promise.all(
        member.peerUrls.map((url) => query(url, RUNNING_TIMEOUT_MS)),
      )
      return answers.some((answer) => answer.ok && answer.cluster.clusterId === clusterId)
    }),
  )
  return members.find((_member, i) => found[i])
}

/** Who this member would be in a new cluster. Undefined when the settings do not say. */
export function identityBySettings({
  name,
  initialCluster,
  initialClusterState,
  initialClusterToken,
}: OriginConfig): ClusterIdentity | undefined {
  if (initialClusterState !== 'new' || !initialCluster.ok || !initialCluster.given) return undefined
  const { clusterId, memberId } = founding(name, initialCluster.members, initialClusterToken)
  return { clusterId, memberId }
}

function founding(
  name: string,
  initialMembers: readonly InitialMember[],
  token: string,
): Extract<Origin, { readonly type: 'founded' }> {
  const members = initialMembers.map((member) => ({
    ...member,
    id: memberIdOf(member.peerUrls, token),
  }))
  const clusterId = clusterIdOf(members.map(({ id }) => id))
  const memberId = members.find((member) => member.name === name)?.id ?? ''
  return { ok: true, type: 'founded', clusterId, memberId, members }
}

/** In order, as etcd asks them. */
function otherPeerUrls(name: string, members: readonly InitialMember[]): string[] {
  return members
    .filter((member) => member.name !== name)
    .flatMap((member) => member.peerUrls)
    .toSorted()
}

type Paired =
  | { readonly ok: true; readonly memberId: MemberId }
  | { readonly ok: false; readonly reason: string }

/** Each member of the cluster must be one of the list, by all of its peer URLs. */
function pair(name: string, local: readonly InitialMember[], remote: RemoteCluster): Paired {
  if (local.length !== remote.members.length) {
    return { ok: false, reason: 'member count is unequal' }
  }
  let memberId: MemberId | undefined
  for (const { id, peerUrls } of remote.members) {
    const match = local.find((member) => sameUrls(member.peerUrls, peerUrls))
    if (match === undefined) {
      const shown = `(${id}, [${peerUrls.join(' ')}])`
      return { ok: false, reason: `PeerURLs: no match found for existing member ${shown}` }
    }
    if (match.name === name) memberId = id
  }
  // Then two of the cluster's members have the same URLs, and one of the list is none of them.
  if (memberId === undefined) return { ok: false, reason: 'PeerURLs: no match found for itself' }
  return { ok: true, memberId }
}

function sameUrls(left: readonly string[], right: readonly string[]): boolean {
  const sorted = (urls: readonly string[]): string => urls.map(comparableUrl).toSorted().join()
  return sorted(left) === sorted(right)
}

/** In the form of etcd's message, shorter. */
function show({ clusterId, members }: RemoteCluster): string {
  const shown = members.map(({ id, name, peerUrls }) => {
    return `{ID:${id} Name:${name} PeerURLs:[${peerUrls.join(' ')}]}`
  })
  return `{ClusterID:${clusterId} Members:[${shown.join(' ')}]}`
}
