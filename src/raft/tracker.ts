/**
 * The configuration in force, and for each of its members the leader's Progress and the vote of
 * the election that is going on.
 */

import { assert } from '../base/assert.ts'
import { Progress } from './progress.ts'
import { committedIndex, majority, voteResult, type VoteResult } from './quorum.ts'
import type { ConfChange, ConfState, MemberId } from './types.ts'

export class Tracker {
  readonly #maxInflightMessages: number
  /** Ascending, so that the order of messages does not depend on history. */
  #voters: readonly MemberId[] = []
  readonly #progress = new Map<MemberId, Progress>()
  readonly #votes = new Map<MemberId, boolean>()

  constructor(confState: ConfState, nextIndex: number, maxInflightMessages: number) {
    const { voters, votersOutgoing, learners, learnersNext } = confState
    const simple = votersOutgoing.length + learners.length + learnersNext.length === 0
    assert(simple, 'joint configurations and learners are not known to this version')
    this.#maxInflightMessages = maxInflightMessages
    for (const id of voters) this.#add(id, nextIndex)
  }

  get voters(): readonly MemberId[] {
    return this.#voters
  }

  get confState(): ConfState {
    return {
      voters: this.#voters,
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    }
  }

  isVoter(id: MemberId): boolean {
    return this.#progress.has(id)
  }

  progress(id: MemberId): Progress | undefined {
    return this.#progress.get(id)
  }

  /** Calls `visit` for every member but `self`, in the order of ids. */
  eachPeer(self: MemberId, visit: (id: MemberId, progress: Progress) => void): void {
    for (const id of this.#voters) if (id !== self) visit(id, this.#of(id))
  }

  /** Adding a member that is there and removing one that is not change nothing. */
  apply(change: ConfChange, nextIndex: number): void {
    if (change.type === 'add') {
      if (!this.isVoter(change.id)) this.#add(change.id, nextIndex)
      return
    }
    if (!this.isVoter(change.id)) return
    assert(this.#voters.length > 1, 'the last voter must stay')
    this.#progress.delete(change.id)
    this.#voters = this.#voters.filter((id) => id !== change.id)
  }

  /** The highest index that is durable in a majority of logs. */
  committedIndex(): number {
    return committedIndex(this.#voters, (id) => this.#of(id).match)
  }

  /** The highest index that a majority has told to be committed. */
  knownCommitIndex(): number {
    return committedIndex(this.#voters, (id) => this.#of(id).ackedCommit)
  }

  /** The newest round of reads that a majority answered; `self` always agrees with itself. */
  confirmedRound(self: MemberId, newest: number): number {
    return committedIndex(this.#voters, (id) => (id === self ? newest : this.#of(id).ackedRound))
  }

  /** Whether a majority was heard of since the last call, `self` included. Starts a new period. */
  takeQuorumActive(self: MemberId): boolean {
    let active = 0
    for (const id of this.#voters) {
      const progress = this.#of(id)
      if (id === self || progress.recentActive) active++
      progress.recentActive = false
    }
    return active >= majority(this.#voters.length)
  }

  resetVotes(): void {
    this.#votes.clear()
  }

  /** The first answer of a member counts. */
  recordVote(id: MemberId, granted: boolean): VoteResult {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    return voteResult(this.#voters, this.#votes)
  }

  #add(id: MemberId, nextIndex: number): void {
    const progress = new Progress(0, nextIndex, this.#maxInflightMessages)
    // Why: it gets one whole period to answer before it counts as silent.
    progress.recentActive = true
    this.#progress.set(id, progress)
    this.#voters = [...this.#voters, id].sort()
  }

  #of(id: MemberId): Progress {
    const progress = this.#progress.get(id)
    assert(progress !== undefined, 'a voter has no progress')
    return progress
  }
}
