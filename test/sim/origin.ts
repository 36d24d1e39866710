/** How members come to their cluster: as its founders, or by joining it. Their names, ids and addresses. */

import type { MemberId } from '../../src/raft/types.ts'
import type { FoundingMember, Origin } from '../../src/server/join.ts'
import type { Member as ClusterMember } from '../../src/server/membership.ts'
import { CLUSTER_ID } from '../server/support/member.ts'

export function peerUrlOf(number: number): string {
  return `http://p:${number}`
}

export function founders(count: number): FoundingMember[] {
  return Array.from({ length: count }, (_, i) => ({
    id: memberId(i + 1),
    name: `m${i + 1}`,
    peerUrls: [peerUrlOf(i + 1)],
  }))
}

function memberId(number: number): MemberId {
  return number.toString(16).padStart(16, '0')
}

export function foundedOrigin(id: MemberId, members: readonly FoundingMember[]): Origin {
  return { ok: true, type: 'founded', clusterId: CLUSTER_ID, memberId: id, members }
}

export function joinedOrigin(id: MemberId, members: readonly ClusterMember[]): Origin {
  return { ok: true, type: 'joined', clusterId: CLUSTER_ID, memberId: id, members }
}
