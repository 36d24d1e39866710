/**
 * The members of the cluster, as replicated state: the one source of truth for who is in it.
 * Changed only by applying entries; a removed id never comes back.
 */

import { assert } from '../base/assert.ts'
import type { MemberId } from '../raft/types.ts'

export interface Member {
  readonly id: MemberId
  /** Empty until the member has started and published itself. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly isLearner: boolean
}

export interface MembershipState {
  readonly members: readonly Member[]
  readonly removed: readonly MemberId[]
  /** "3.6.0", or empty until the leader has decided it. */
  readonly clusterVersion: string
}

export class Membership {
  readonly clusterId: string
  readonly #members = new Map<MemberId, Member>()
  readonly #removed = new Set<MemberId>()
  #clusterVersion = ''

  constructor(clusterId: string, state?: MembershipState) {
    this.clusterId = clusterId
    if (state === undefined) return
    for (const member of state.members) this.#members.set(member.id, member)
    for (const id of state.removed) this.#removed.add(id)
    this.#clusterVersion = state.clusterVersion
  }

  /** Ordered by id. */
  get members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  get clusterVersion(): string {
    return this.#clusterVersion
  }

  get(id: MemberId): Member | undefined {
    return this.#members.get(id)
  }

  add(member: Member): void {
    assert(!this.#removed.has(member.id), 'a removed member id came back', { id: member.id })
    this.#members.set(member.id, member)
  }

  remove(id: MemberId): void {
    this.#members.delete(id)
    this.#removed.add(id)
  }

  /** What a member says of itself when it has started. Unknown ids are ignored. */
  publish(id: MemberId, name: string, clientUrls: readonly string[]): void {
    const member = this.#members.get(id)
    if (member !== undefined) this.#members.set(id, { ...member, name, clientUrls })
  }

  setClusterVersion(version: string): void {
    this.#clusterVersion = version
  }

  state(): MembershipState {
    return {
      members: this.members,
      removed: [...this.#removed].sort(),
      clusterVersion: this.#clusterVersion,
    }
  }
}
