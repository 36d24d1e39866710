/**
 * The members of the cluster, as replicated state: the one source of truth for who is in it.
 * Changed only by applying entries; a removed id never comes back.
 */

import { assert } from '../base/assert.ts'
import type { MemberId } from '../raft/types.ts'
import type { ErrorName } from './errors.ts'

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

/** A change as it is asked for, before anybody has checked it. */
export type MembershipChange =
  | { readonly type: 'add-voter'; readonly member: Member }
  | { readonly type: 'add-learner'; readonly member: Member; readonly maxLearners: number }
  | { readonly type: 'promote'; readonly id: MemberId }
  | { readonly type: 'update'; readonly id: MemberId; readonly peerUrls: readonly string[] }
  | { readonly type: 'remove'; readonly id: MemberId }

/** Told the change that was made; undefined when a member published itself or all was replaced. */
export type MembershipListener = (change: MembershipChange | undefined) => void

export class Membership {
  readonly clusterId: string
  readonly #members = new Map<MemberId, Member>()
  readonly #removed = new Set<MemberId>()
  readonly #listeners: MembershipListener[] = []
  #clusterVersion = ''

  constructor(clusterId: string, state?: MembershipState) {
    this.clusterId = clusterId
    if (state !== undefined) this.#fill(state)
  }

  /** Ordered by id. */
  get members(): Member[] {
    return [...this.#members.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** The members that vote, ordered by id. */
  get voters(): Member[] {
    return this.members.filter((member) => !member.isLearner)
  }

  get learnerCount(): number {
    return this.#members.size - this.voters.length
  }

  /** Ids that never come back, in order. */
  get removedIds(): MemberId[] {
    return [...this.#removed].sort()
  }

  get clusterVersion(): string {
    return this.#clusterVersion
  }

  get(id: MemberId): Member | undefined {
    return this.#members.get(id)
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id)
  }

  /** Called after every change of the members or of the removed ids, in the order of listening. */
  onChanged(listener: MembershipListener): void {
    this.#listeners.push(listener)
  }

  /** Why the change cannot be made, in the order of etcd's checks; undefined when it can. */
  problemWith(change: MembershipChange): ErrorName | undefined {
    const id = 'member' in change ? change.member.id : change.id
    if (this.#removed.has(id)) return 'member-removed'
    const known = this.#members.get(id)
    switch (change.type) {
      case 'add-voter':
      case 'add-learner':
        return this.#problemWithNewcomer(change)
      case 'promote':
        if (known === undefined) return 'member-not-found'
        return known.isLearner ? undefined : 'member-not-learner'
      case 'update':
        if (known === undefined) return 'member-not-found'
        return this.#usesPeerUrl(change.peerUrls, id) ? 'peer-url-exists' : undefined
      case 'remove':
        if (known === undefined) return 'member-not-found'
        // Why: without a voter nothing could ever be changed again.
        return this.#isLastVoter(known) ? 'member-not-enough-started' : undefined
    }
  }

  /** Makes a change that `problemWith` has nothing against. */
  apply(change: MembershipChange): void {
    const problem = this.problemWith(change)
    assert(problem === undefined, 'a membership change cannot be made', { problem })
    switch (change.type) {
      case 'add-voter':
      case 'add-learner':
        this.#members.set(change.member.id, change.member)
        break
      case 'promote':
        this.#merge(change.id, { isLearner: false })
        break
      case 'update':
        this.#merge(change.id, { peerUrls: change.peerUrls })
        break
      case 'remove':
        this.#members.delete(change.id)
        this.#removed.add(change.id)
        break
    }
    this.#tell(change)
  }

  /** What a member says of itself when it has started. Unknown ids are ignored. */
  publish(id: MemberId, name: string, clientUrls: readonly string[]): void {
    if (!this.#members.has(id)) return
    this.#merge(id, { name, clientUrls })
    this.#tell()
  }

  setClusterVersion(version: string): void {
    this.#clusterVersion = version
  }

  /** Takes another member's state in place of this one, after an installed snapshot. */
  adopt(state: MembershipState): void {
    this.#members.clear()
    this.#removed.clear()
    this.#fill(state)
    this.#tell()
  }

  state(): MembershipState {
    return {
      members: this.members,
      removed: this.removedIds,
      clusterVersion: this.#clusterVersion,
    }
  }

  #problemWithNewcomer(
    change: Extract<MembershipChange, { readonly member: Member }>,
  ): ErrorName | undefined {
    const { id, peerUrls } = change.member
    if (this.#members.has(id)) return 'member-exists'
    if (this.#usesPeerUrl(peerUrls, id)) return 'peer-url-exists'
    if (change.type === 'add-voter') return undefined
    return this.learnerCount >= change.maxLearners ? 'too-many-learners' : undefined
  }

  #isLastVoter({ isLearner }: Member): boolean {
    return !isLearner && this.voters.length === 1
  }

  /** Whether another member has one of these. */
  #usesPeerUrl(urls: readonly string[], except: MemberId): boolean {
    for (const { id, peerUrls } of this.#members.values()) {
      if (id !== except && peerUrls.some((url) => urls.includes(url))) return true
    }
    return false
  }

  /** Everything that is not named stays: an update must never give or take a vote. */
  #merge(id: MemberId, fields: Partial<Omit<Member, 'id'>>): void {
    const member = this.#members.get(id)
    assert(member !== undefined, 'a member to change is unknown', { id })
    this.#members.set(id, { ...member, ...fields })
  }

  #fill({ members, removed, clusterVersion }: MembershipState): void {
    for (const member of members) this.#members.set(member.id, member)
    for (const id of removed) this.#removed.add(id)
    this.#clusterVersion = clusterVersion
  }

  #tell(change?: MembershipChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
