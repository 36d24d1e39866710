/** Members that are added, promoted, removed, replaced, and asked to lead, as an operator does it. */

import type { MemberListResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import type { Member as ClusterMember } from '../../src/server/membership.ts'
import type { AddedMember } from '../server/support/client.ts'
import { ask } from './client.ts'
import { Draws } from './draws.ts'
import { voteProblem } from './member-lists.ts'
import { SimMember, type PowerCut } from './member.ts'
import { joinedOrigin, peerUrlOf } from './origin.ts'
import type { Answer } from './outcome.ts'
import type { Commons } from './workload.ts'

export const LOSE_ALL: PowerCut = { keeps: 0, keepInFlight: false, loseUnsynced: true }

const MEMBERS_MAX = 7
const ADMIN_TIMEOUT_MS = 3000
const RETRY_MS = 1000
/** As the server has it. */
const READY_SHARE = 0.9

export class Changes {
  readonly #commons: Commons
  readonly #draws: Draws
  readonly #isOver: () => boolean
  #numbers: number
  /** Changes that nobody has heard of yet. */
  #underWay = 0
  /** One may come to pass long after its operator gave up. */
  #hasUnknown = false
  /** Its disk is damaged, and it has not been replaced. */
  #broken: SimMember | undefined

  constructor(commons: Commons, isOver: () => boolean) {
    this.#commons = commons
    this.#draws = new Draws(commons.around.plan.seed, 'admin')
    this.#isOver = isOver
    this.#numbers = commons.members.length
  }

  /** Starts what was added though nobody heard so, and goes for good what was removed. */
  async reconcile(): Promise<void> {
    const { members } = this.#commons
    for (const member of members.slice()) {
      const all = await this.#membersAt(member)
      for (const one of all) {
        if (members.some(({ id }) => id === one.id)) continue
        const number = Number(one.peerUrls[0]?.split(':').at(-1))
        this.#join(number, one, all)
      }
    }
  }

  /** One that starts may need the vote of another that nobody has started. */
  async #membersAt(member: SimMember): Promise<readonly ClusterMember[]> {
    if (member.state === 'starting') return member.peekMembers()
    const answer = await this.#ask(member, 'Cluster.MemberList', { linearizable: false })
    if (answer.type !== 'answered') return []
    const { members: listed = [] } = answer.response as MemberListResponseInput
    return listed as unknown as readonly ClusterMember[]
  }

  leader(): SimMember | undefined {
    const leaders = this.#commons.members.filter((member) => member.isLeader)
    return leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]
  }

  async transfer(to: SimMember): Promise<void> {
    const leader = this.leader()
    if (leader === undefined) return
    const answer = await this.#ask(leader, 'Maintenance.MoveLeader', { targetId: to.id })
    if (answer.type === 'answered') this.#commons.around.census.count('leadership transferred')
  }

  async transferAway(): Promise<void> {
    const leader = this.leader()
    const { voters = [], id } = leader?.status ?? {}
    const to = this.#commons.members.find((one) => one.id !== id && voters.includes(one.id))
    if (to !== undefined) await this.transfer(to)
  }

  /** The member that runs now, if it does. */
  async add(isLearner: boolean): Promise<SimMember | undefined> {
    const { members, around } = this.#commons
    if (members.filter(({ state }) => state !== 'gone').length >= MEMBERS_MAX) return undefined
    const number = ++this.#numbers
    const request = { peerUrls: [peerUrlOf(number)], isLearner }
    const answer = await this.#change('Cluster.MemberAdd', request)
    if (answer?.type !== 'answered') return undefined
    const { member, members: all } = answer.response as AddedMember
    if (!isLearner) around.census.count('voter added')
    return this.#join(number, member, all)
  }

  async promote(learner: SimMember | undefined): Promise<void> {
    if (learner === undefined) return
    if (this.#draws.chance(0.3)) await this.#readdress(learner)
    for (let attempt = 0; attempt < 4 && !this.#isOver(); attempt++) {
      const committed = this.leader()?.status?.applied ?? 0
      const promoted = await this.#change('Cluster.MemberPromote', { id: learner.id })
      if (promoted?.type === 'answered') return this.#onPromoted(learner, committed)
      await this.#wait(RETRY_MS)
    }
  }

  /** Addresses say nothing here, but they are part of the members' records. */
  async #readdress({ id, number }: SimMember): Promise<void> {
    const at = this.#anyone()
    const request = { id, peerUrls: [peerUrlOf(number), `http://q:${number}`] }
    const answer = await this.#ask(at, 'Cluster.MemberUpdate', request)
    const problem = voteProblem(at, answer)
    if (problem !== undefined) this.#commons.around.report('members-disagree', problem)
  }

  /** It has to have had nine tenths of what was committed when that was asked for. */
  #onPromoted({ name, status }: SimMember, committed: number): void {
    const { around } = this.#commons
    around.census.count('learner promoted')
    if (status === undefined || status.lastIndex >= committed * READY_SHARE) return
    const sentence = `${name} got a vote with a log up to ${status.lastIndex}, when ${committed} was committed`
    around.report('unready-promoted', sentence)
  }

  /** Whether that was acknowledged. */
  async remove(member: SimMember): Promise<boolean> {
    const { members, around } = this.#commons
    if (members.filter(({ state }) => state !== 'gone').length < 2) return false
    const wasLeader = member.isLeader
    const answer = await this.#change('Cluster.MemberRemove', { id: member.id }, member)
    // An earlier attempt of which nobody heard may have done it.
    if (answer?.type === 'refused' && answer.message.includes('member not found')) return true
    if (answer?.type !== 'answered') return false
    if (wasLeader) around.census.count('leader removed')
    return true
  }

  /** It is removed while it is down, and comes back with its disk. */
  async removeDead(member: SimMember, downMs: number): Promise<void> {
    member.crash({ keeps: downMs, keepInFlight: false, loseUnsynced: false })
    const isRemoved = await this.remove(member)
    await this.#wait(downMs)
    if (isRemoved) this.#commons.around.census.count('removed member back with its disk')
    member.start()
  }

  async wipe(member: SimMember): Promise<void> {
    member.crash(LOSE_ALL)
    for (let attempt = 0; attempt < 3 && !this.#isOver(); attempt++) {
      if (await this.remove(member)) return this.#replace(member)
      await this.#wait(RETRY_MS)
    }
    member.start()
  }

  /**
   * Whether a member may lose its disk before it is removed. One at a time, of at least three
   * voters that are all well, and no change of members in flight that may make of the others too
   * few: then every committed entry has a good copy, and the others can replace it.
   */
  mayDamage(member: SimMember): boolean {
    if (this.#broken !== undefined || this.#underWay > 0 || this.#hasUnknown) return false
    const status = this.leader()?.status
    if (status === undefined || status.votersOutgoing.length > 0) return false
    const { voters } = status
    const isWell = (id: string): boolean => {
      const one = this.#commons.members.find((other) => other.id === id)
      return one !== undefined && one.state === 'up'
    }
    return voters.length >= 3 && voters.includes(member.id) && voters.every((id) => isWell(id))
  }

  /** `damage` tells whether there was anything to damage. */
  async damage(member: SimMember, downMs: number, damage: () => boolean): Promise<void> {
    member.kill()
    if (!damage()) return member.start()
    this.#broken = member
    member.damage()
    await this.#wait(downMs)
    member.start()
    while (member.isRunning) await this.#commons.around.world.sleep(100)
    // Whatever else is healed: a disk is not.
    while (!(await this.remove(member))) await this.#commons.around.world.sleep(RETRY_MS)
    this.#broken = undefined
    this.#commons.around.census.count('member with a damaged disk replaced')
    await this.#replace(member)
  }

  async promoteRace(removes: boolean, afterMs: number): Promise<void> {
    const learner = await this.add(true)
    if (learner === undefined) return
    await this.#wait(afterMs)
    const { census } = this.#commons.around
    const second = removes ? this.remove(learner) : this.promote(learner)
    await Promise.all([this.promote(learner), second])
    census.count('learner promoted by several, or removed meanwhile')
  }

  async #replace(member: SimMember): Promise<void> {
    member.dispose()
    this.#commons.around.census.count('member replaced')
    const isLearner = this.#draws.chance(0.5)
    const added = await this.add(isLearner)
    await this.#wait(RETRY_MS)
    if (isLearner) await this.promote(added)
  }

  #join(
    number: number,
    { id }: ClusterMember,
    all: readonly ClusterMember[],
  ): SimMember | undefined {
    const { members, around } = this.#commons
    if (members.some((member) => member.id === id)) return undefined
    const member = new SimMember(around, number, id, joinedOrigin(id, all))
    members.push(member)
    member.start()
    return member
  }

  /** Undefined: not now. */
  async #change(method: string, request: object, of?: SimMember): Promise<Answer | undefined> {
    if (this.#broken !== undefined && this.#broken !== of) return undefined
    this.#underWay++
    const answer = await this.#ask(this.#anyone(of), method, request)
    this.#underWay--
    if (answer.type === 'timeout' || answer.type === 'broken') {
      this.#hasUnknown = true
      this.#commons.around.census.count('membership change with unknown outcome')
    }
    return answer
  }

  #anyone(but?: SimMember): SimMember {
    const up = this.#commons.members.filter((one) => one.state === 'up' && one !== but)
    return up.length > 0 ? this.#draws.pick(up) : this.#commons.members[0]!
  }

  #ask(member: SimMember, method: string, request: object): Promise<Answer> {
    return ask(this.#commons.around, this.#draws, member, ADMIN_TIMEOUT_MS, (test, caller) =>
      test.call<object>(method, request, caller),
    )
  }

  async #wait(ms: number): Promise<void> {
    const { world } = this.#commons.around
    const endMs = world.nowMs + ms
    while (world.nowMs < endMs && !this.#isOver()) {
      await world.sleep(Math.min(500, endMs - world.nowMs))
    }
  }
}
