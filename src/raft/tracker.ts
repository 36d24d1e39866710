/**
 * The configuration in force, and for each of its members the leader's Progress and the vote of
 * the election that is going on. Learners have a Progress and decide nothing.
 */

import { assert } from '../base/assert.ts'
import { isJoint, isValidConfState, membersOf, nextConfState } from './conf-change.ts'
import type { WindowLimits } from './inflights.ts'
import { Progress } from './progress.ts'
import { jointCommittedIndex, jointVoteResult, type VoteResult } from './quorum.ts'
import type { ConfChange, ConfState, MemberId } from './types.ts'

function sorted(ids: readonly MemberId[]): MemberId[] {
  return [...ids].sort()
}

export class Tracker {
  readonly #limits: WindowLimits
  #confState: ConfState
  /** Ascending, so that the order of messages does not depend on history. */
  #members: readonly MemberId[] = []
  #progress = new Map<MemberId, Progress>()
  readonly #votes = new Map<MemberId, boolean>()

  constructor(confState: ConfState, nextIndex: number, limits: WindowLimits) {
    this.#limits = limits
    this.#confState = confState
    this.#adopt(confState, nextIndex)
  }

  get confState(): ConfState {
    return this.#confState
  }

  /** The members, voters and learners, in the order of ids. */
  get members(): readonly MemberId[] {
    return this.#members
  }

  get isJoint(): boolean {
    return isJoint(this.#confState)
  }

  /** A voter of either half. */
  isVoter(id: MemberId): boolean {
    const { voters, votersOutgoing } = this.#confState
    return voters.includes(id) || votersOutgoing.includes(id)
  }

  /** It needs nobody else to decide. */
  isOnlyVoter(id: MemberId): boolean {
    const { voters, votersOutgoing } = this.#confState
    return voters.length === 1 && voters[0] === id && votersOutgoing.every((one) => one === id)
  }

  progress(id: MemberId): Progress | undefined {
    return this.#progress.get(id)
  }

  /** Calls `visit` for every member but `self`, in the order of ids. */
  eachPeer(self: MemberId, visit: (id: MemberId, progress: Progress) => void): void {
    for (const id of this.#members) if (id !== self) visit(id, this.#of(id))
  }

  /** A change that cannot be made is the caller's mistake. */
  apply(change: ConfChange, nextIndex: number): void {
    const result = nextConfState(this.#confState, change)
    if (!result.ok) assert(false, 'an impossible membership change', { error: result.error })
    this.#adopt(result.confState, nextIndex)
  }

  /** A snapshot's configuration takes the place of this one. */
  restore(confState: ConfState, nextIndex: number): void {
    this.#adopt(confState, nextIndex)
  }

  #adopt(confState: ConfState, nextIndex: number): void {
    assert(isValidConfState(confState), 'a configuration that contradicts itself')
    this.#confState = {
      voters: sorted(confState.voters),
      votersOutgoing: sorted(confState.votersOutgoing),
      learners: sorted(confState.learners),
      learnersNext: sorted(confState.learnersNext),
      autoLeave: confState.autoLeave,
    }
    this.#members = membersOf(confState)
    const progress = new Map<MemberId, Progress>()
    for (const id of this.#members) {
      progress.set(id, this.#progress.get(id) ?? this.#newProgress(nextIndex))
    }
    this.#progress = progress
  }

  #newProgress(nextIndex: number): Progress {
    const progress = new Progress(0, nextIndex, this.#limits)
    // Why: it gets one whole period to answer before it counts as silent.
    progress.recentActive = true
    return progress
  }

  /** The highest index that is durable in a majority of logs, of either half. */
  committedIndex(): number {
    return jointCommittedIndex(this.#confState, (id) => this.#of(id).match)
  }

  /** The highest index that a majority has told to be committed. */
  knownCommitIndex(): number {
    return jointCommittedIndex(this.#confState, (id) => this.#of(id).ackedCommit)
  }

  /** The newest round of reads that a majority answered; `self` always agrees with itself. */
  confirmedRound(self: MemberId, newest: number): number {
    const acked = (id: MemberId): number => (id === self ? newest : this.#of(id).ackedRound)
    return jointCommittedIndex(this.#confState, acked)
  }

  /** Whether a majority was heard of since the last call, `self` included. Starts a new period. */
  takeQuorumActive(self: MemberId): boolean {
    const active = new Map<MemberId, boolean>()
    for (const [id, progress] of this.#progress) {
      active.set(id, id === self || progress.recentActive)
      progress.recentActive = false
    }
    return jointVoteResult(this.#confState, active) === 'won'
  }

  resetVotes(): void {
    this.#votes.clear()
  }

  /** The first answer of a member counts. */
  recordVote(id: MemberId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    return jointVoteResult(this.#confState, this.#votes)
  }

  #of(id: MemberId): Progress {
    const progress = this.#progress.get(id)
    assert(progress !== undefined, 'a member has no progress')
    return progress
  }
}
