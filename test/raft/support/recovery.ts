/**
 * What a cluster must do once the faults have ended, within bounded time: agree on one leader,
 * commit what is proposed, answer a read, and bring every member up to date, learners and those
 * that need a snapshot included.
 */

import type { Random } from '../../../src/base/ports.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import type { ClusterChecker } from './cluster-checker.ts'
import { encodeConfChange, hasQuorum, isJoint, isVoterOf, LEAVE_JOINT } from './conf-changes.ts'
import { membersOf } from './conf-changes.ts'
import type { Disk } from './member.ts'
import type { Process } from './process.ts'

export interface HealedCluster {
  readonly checker: ClusterChecker
  readonly processes: ReadonlyMap<MemberId, Process>
  readonly random: Random
  /** Whether members end when they are removed. */
  readonly removedEnd: boolean
  read(process: Process): void
}

interface Goal {
  readonly payload: string
  /** Answered before. */
  readonly reads: number
}

export class Recovery {
  readonly #cluster: HealedCluster
  #goals = 0
  #goal: Goal

  constructor(cluster: HealedCluster) {
    this.#cluster = cluster
    this.#goal = this.#newGoal()
  }

  /** Call it every tick; true when all is well. */
  review(tick: number): boolean {
    if (tick % 5 > 0) return false
    if (tick % 10 === 0) this.#endRemoved()
    if (this.#isReached()) return true
    // Proposals and reads may get lost with a leader: clients try again.
    if (tick % 20 === 0) this.#goal = this.#newGoal()
    return false
  }

  #process(id: MemberId): Process {
    return this.#cluster.processes.get(id) as Process
  }

  #leaders(): Process[] {
    const leaders = [...this.#cluster.processes.values()].filter(
      ({ up, member }) => up && member.raw.status().role === 'leader',
    )
    return leaders.sort((a, b) => b.member.raw.term - a.member.raw.term)
  }

  #newGoal(): Goal {
    const { checker, random } = this.#cluster
    const [leader] = this.#leaders()
    if (leader !== undefined && isJoint(leader.member.confState)) {
      leader.act(({ raw }) => raw.proposeConfChange(encodeConfChange(LEAVE_JOINT)))
    }
    const payload = `goal${++this.#goals}`
    const members = membersOf(checker.history.confState)
    // Some may have ended before they came back as members.
    for (const id of members) this.#process(id).start()
    const by = this.#process(members[random.below(members.length)] as MemberId)
    by.propose(payload)
    this.#cluster.read(by)
    return { payload, reads: checker.readsAnswered }
  }

  #isReached(): boolean {
    const { history, readsAnswered } = this.#cluster.checker
    const { payload, reads } = this.#goal
    if (!history.isCommitted(payload) || readsAnswered === reads) return false
    if (isJoint(history.confState)) return false
    const members = membersOf(history.confState)
    const leaders = this.#leaders().filter(({ id }) => members.includes(id))
    const [leader] = leaders
    if (leader === undefined || leaders.length > 1) return false
    const { progress, lastIndex } = leader.member.raw.status()
    return members.every((id) => {
      if (this.#process(id).member.state.index !== history.lastIndex) return false
      const peer = progress.get(id)
      if (peer === undefined) return false
      return id === leader.id || (peer.match === lastIndex && peer.state === 'StateReplicate')
    })
  }

  #hasApplied(index: number): (id: MemberId) => boolean {
    return (id) => this.#process(id).member.state.index >= index
  }

  /**
   * Those that are no members any more may end once a majority knows that they are not. Before,
   * a member that does not may need their votes.
   */
  #endRemoved(): void {
    if (!this.#cluster.removedEnd) return
    const { history } = this.#cluster.checker
    if (!hasQuorum(history.confState, this.#hasApplied(history.confIndex))) return
    const members = membersOf(history.confState)
    for (const process of this.#cluster.processes.values()) {
      if (!members.includes(process.id)) process.crash()
    }
  }

  /**
   * Raft cannot always recover when those who alone know that a membership change is committed
   * lose the leadership before they could tell: the others then need the votes of members that
   * have left, whose logs may be longer. Among three or more voters, one voter at a time, that
   * cannot be.
   */
  isOutOfReach(): boolean {
    const { history } = this.#cluster.checker
    const { confState, confIndex } = history
    if (hasQuorum(confState, this.#hasApplied(confIndex))) return false
    const all = [...this.#cluster.processes.values()].map(({ member }) => member)
    return !all.some((member) => {
      const votes = (id: MemberId): boolean =>
        isUpToDate(member.disk, this.#process(id).member.disk)
      return isVoterOf(member.confState, member.id) && hasQuorum(member.confState, votes)
    })
  }

  describe(): string {
    const members = [...this.#cluster.processes.values()].map(({ up, member }) => {
      const { progress, ...status } = member.raw.status()
      return { up, ...status, progress: [...progress] }
    })
    return JSON.stringify({ conf: this.#cluster.checker.history.confState, members })
  }
}

function isUpToDate(disk: Disk, other: Disk): boolean {
  if (disk.lastTerm !== other.lastTerm) return disk.lastTerm > other.lastTerm
  return disk.lastIndex >= other.lastIndex
}
