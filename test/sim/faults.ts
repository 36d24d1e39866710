/** Carries out what a plan has against the cluster, and undoes it all in the end. */

import type { AddedMember } from '../server/support/client.ts'
import type { MemberListResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import type { Member as ClusterMember } from '../../src/server/membership.ts'
import { ask } from './client.ts'
import { Draws } from './draws.ts'
import { ELECTION_MS, joinedOrigin, peerUrlOf, SimMember, type PowerCut } from './member.ts'
import type { Fault, Target } from './fault-plan.ts'
import type { Answer } from './outcome.ts'
import type { Commons } from './workload.ts'

const MEMBERS_MAX = 7
const ADMIN_TIMEOUT_MS = 3000
const LOSE_ALL: PowerCut = { keeps: 0, keepInFlight: false, loseUnsynced: true }

export class Faults {
  readonly #commons: Commons
  readonly #draws: Draws
  #isOver = false
  #underWay = 0
  #numbers: number

  constructor(commons: Commons) {
    this.#commons = commons
    this.#draws = new Draws(commons.around.plan.seed, 'admin')
    this.#numbers = commons.members.length
  }

  /** Changes of the membership and such that have not come to their end. */
  get underWay(): number {
    return this.#underWay
  }

  plan(faults: readonly Fault[]): void {
    const { world } = this.#commons.around
    for (const fault of faults) {
      world.after(world.outside, fault.atMs, 'fault', () => {
        if (!this.#isOver) void this.#begin(fault)
      })
    }
  }

  /** From now on nothing is wrong, though not everything is well yet. */
  heal(): void {
    this.#isOver = true
    const { network } = this.#commons.around
    network.heal()
    for (const member of this.#commons.members) {
      member.resume()
      member.healDisks()
      member.setRate(1)
      member.start()
    }
  }

  /** Starts what was added though nobody heard so, and goes for good what was removed. */
  async reconcile(): Promise<void> {
    const { members } = this.#commons
    for (const member of members) {
      const answer = await this.#ask(member, 'Cluster.MemberList', { linearizable: false })
      if (answer.type !== 'answered') continue
      const { members: listed = [] } = answer.response as MemberListResponseInput
      const all = listed as unknown as readonly ClusterMember[]
      for (const one of all) {
        if (members.some(({ id }) => id === one.id)) continue
        const number = Number(one.peerUrls[0]?.split(':').at(-1))
        this.#join(number, one, all)
      }
    }
  }

  async #begin(fault: Fault): Promise<void> {
    const { census, timeline } = this.#commons.around
    census.tally(`fault: ${fault.kind}`)
    timeline.add('world', JSON.stringify(fault))
    this.#underWay++
    await this.#carryOut(fault)
    this.#underWay--
  }

  async #carryOut(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'crash': {
        const member = this.#pick(fault.target)
        this.#crash([member], fault, fault.keepInFlight ? 1 : 0)
        await this.#wait(fault.downMs)
        member.start()
        return
      }
      case 'crash-all': {
        const all = [...this.#commons.members]
        this.#crash(all, { keeps: fault.keeps, loseUnsynced: false }, fault.keepsInFlight)
        this.#commons.around.census.count('all members crashed at once')
        await this.#wait(fault.downMs)
        for (const member of all) member.start()
        return
      }
      case 'ambush':
        return this.#lieInWait(fault)
      case 'stop': {
        const member = this.#pick(fault.target)
        await member.stop()
        await this.#wait(fault.downMs)
        member.start()
        return
      }
      case 'pause': {
        const member = this.#pick(fault.target)
        if (member.isLeader) this.#commons.around.census.count('member paused while it led')
        member.pause()
        await this.#wait(fault.forMs)
        member.resume()
        return
      }
      case 'isolate': {
        const member = this.#pick(fault.target)
        const others = this.#commons.members.filter((one) => one !== member)
        const links = others.flatMap((other): [SimMember, SimMember][] => [
          ...(fault.way === 'out' ? [] : [[other, member] as [SimMember, SimMember]]),
          ...(fault.way === 'in' ? [] : [[member, other] as [SimMember, SimMember]]),
        ])
        return this.#cut(links, fault.way !== 'both', fault.forMs)
      }
      case 'partition': {
        const inside = this.#commons.members.filter((_, i) => ((fault.sides >> i) & 1) === 1)
        const outside = this.#commons.members.filter((one) => !inside.includes(one))
        const links = inside.flatMap((a) =>
          outside.flatMap((b): [SimMember, SimMember][] =>
            fault.isOneWay
              ? [[a, b]]
              : [
                  [a, b],
                  [b, a],
                ],
          ),
        )
        return this.#cut(links, fault.isOneWay, fault.forMs)
      }
      case 'cut-link': {
        const from = this.#pick(fault.from)
        const to = this.#pick(fault.to)
        if (from === to) return
        const links: [SimMember, SimMember][] = fault.isOneWay
          ? [[from, to]]
          : [
              [from, to],
              [to, from],
            ]
        return this.#cut(links, fault.isOneWay, fault.forMs)
      }
      case 'lossy':
        return this.#lose(fault.probability, fault.forMs)
      case 'slow-network':
        return this.#slow(fault.factor, fault.forMs)
      case 'disk-stall': {
        const member = this.#pick(fault.target)
        if (fault.forMs > ELECTION_MS) {
          this.#commons.around.census.count('disk stalled longer than an election timeout')
        }
        member.stall(fault.disk, fault.forMs)
        return
      }
      case 'clock-rate': {
        if (fault.rate !== 1) this.#commons.around.census.count('clock rate changed')
        this.#pick(fault.target).setRate(fault.rate)
        return
      }
      case 'transfer':
        return this.#transfer(fault.to)
      case 'add-learner':
        return this.#add(true, fault.promoteAfterMs)
      case 'add-voter':
        return this.#add(false, 0)
      case 'remove': {
        await this.#remove(this.#pick(fault.target))
        return
      }
      case 'wipe':
        return this.#wipe(this.#pick(fault.target))
    }
  }

  async #lieInWait(fault: Extract<Fault, { kind: 'ambush' }>): Promise<void> {
    const { invariants, plan, world, census, timeline } = this.#commons.around
    const draws = new Draws(plan.seed, `ambush ${fault.atMs}`)
    let left = fault.times
    const stop = invariants.moments.listen((moment, id) => {
      if (moment !== fault.moment || this.#isOver || left === 0) return
      if (!draws.chance(fault.chance)) return
      left--
      world.after(world.outside, draws.exponential(fault.afterMs), 'fault', () => {
        const target = this.#present().findIndex((member) => member.id === id)
        if (target === -1 || this.#isOver) return
        census.tally(`ambush: ${fault.moment}`)
        timeline.add('world', `${fault.strike} at m${target + 1}, which ${fault.moment}`)
        void this.#carryOut(strikeOf(fault, target))
      })
    })
    await this.#wait(fault.forMs)
    stop()
  }

  /** Those that may run again. */
  #present(): SimMember[] {
    return this.#commons.members.filter(({ state }) => state !== 'gone')
  }

  #pick(target: Target): SimMember {
    const running = this.#present()
    const candidates = running.length > 0 ? running : this.#commons.members
    if (target === 'leader') {
      const leader = this.#leader()
      if (leader !== undefined) return leader
    }
    return candidates[(target === 'leader' ? 0 : target) % candidates.length]!
  }

  #leader(): SimMember | undefined {
    const leaders = this.#commons.members.filter((member) => member.isLeader)
    return leaders.sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0))[0]
  }

  /** The append in flight of each reaches the disk as its bit says. */
  #crash(
    members: readonly SimMember[],
    cut: Omit<PowerCut, 'keepInFlight'>,
    keepsInFlight: number,
  ): void {
    members.forEach((member, i) => {
      const keepInFlight = ((keepsInFlight >> i) & 1) === 1
      member.crash({ ...cut, keeps: cut.keeps + i, keepInFlight })
    })
    const { length } = this.#commons.members.filter(({ isRunning }) => isRunning)
    const size = this.#commons.members.filter(({ state }) => state !== 'gone').length
    if (size > 1 && length <= size / 2) {
      this.#commons.around.census.count('majority lost and recovered')
    }
  }

  async #cut(
    links: readonly [SimMember, SimMember][],
    isOneWay: boolean,
    forMs: number,
  ): Promise<void> {
    const { network, census } = this.#commons.around
    if (isOneWay) census.count('one-way cut')
    for (const [from, to] of links) network.cut(from.id, to.id)
    await this.#wait(forMs)
    if (this.#isOver) return
    for (const [from, to] of links) network.mend(from.id, to.id)
  }

  async #lose(probability: number, forMs: number): Promise<void> {
    const { network, plan } = this.#commons.around
    network.loss = Math.max(network.loss, probability)
    await this.#wait(forMs)
    if (!this.#isOver) network.loss = plan.loss
  }

  async #slow(factor: number, forMs: number): Promise<void> {
    const { network } = this.#commons.around
    network.setSlowness(factor)
    await this.#wait(forMs)
    if (!this.#isOver) network.setSlowness(1)
  }

  async #transfer(to: number): Promise<void> {
    const leader = this.#leader()
    if (leader === undefined) return
    const answer = await this.#ask(leader, 'Maintenance.MoveLeader', {
      targetId: this.#pick(to).id,
    })
    if (answer.type === 'answered') this.#commons.around.census.count('leadership transferred')
  }

  async #add(isLearner: boolean, promoteAfterMs: number): Promise<void> {
    const { members, around } = this.#commons
    if (members.filter(({ state }) => state !== 'gone').length >= MEMBERS_MAX) return
    const number = ++this.#numbers
    const request = { peerUrls: [peerUrlOf(number)], isLearner }
    const answer = await this.#ask(this.#anyone(), 'Cluster.MemberAdd', request)
    this.#noteUnknown(answer)
    if (answer.type !== 'answered') return
    const { member, members: all } = answer.response as AddedMember
    this.#join(number, member, all)
    if (!isLearner) return around.census.count('voter added')
    await this.#wait(promoteAfterMs)
    for (let attempt = 0; attempt < 4 && !this.#isOver; attempt++) {
      const promoted = await this.#ask(this.#anyone(), 'Cluster.MemberPromote', { id: member.id })
      this.#noteUnknown(promoted)
      if (promoted.type === 'answered') return around.census.count('learner promoted')
      await this.#wait(1000)
    }
  }

  #join(number: number, { id }: ClusterMember, all: readonly ClusterMember[]): void {
    const { members, around } = this.#commons
    if (members.some((member) => member.id === id)) return
    const member = new SimMember(around, number, id, joinedOrigin(id, all))
    members.push(member)
    member.start()
  }

  /** Whether that was acknowledged. */
  async #remove(member: SimMember): Promise<boolean> {
    const { members, around } = this.#commons
    if (members.filter(({ state }) => state !== 'gone').length < 2) return false
    const wasLeader = member.isLeader
    const answer = await this.#ask(this.#anyone(member), 'Cluster.MemberRemove', { id: member.id })
    this.#noteUnknown(answer)
    if (answer.type !== 'answered') return false
    if (wasLeader) around.census.count('leader removed')
    return true
  }

  async #wipe(member: SimMember): Promise<void> {
    member.crash(LOSE_ALL)
    for (let attempt = 0; attempt < 3 && !this.#isOver; attempt++) {
      if (await this.#remove(member)) {
        member.dispose()
        this.#commons.around.census.count('member replaced')
        return this.#add(this.#draws.chance(0.5), 1000)
      }
      await this.#wait(1000)
    }
    member.start()
  }

  #noteUnknown({ type }: Answer): void {
    if (type === 'timeout' || type === 'broken') {
      this.#commons.around.census.count('membership change with unknown outcome')
    }
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

  /** Until then, or until everything is healed. */
  async #wait(ms: number): Promise<void> {
    const { world } = this.#commons.around
    const endMs = world.nowMs + ms
    while (world.nowMs < endMs && !this.#isOver) {
      await world.sleep(Math.min(500, endMs - world.nowMs))
    }
  }
}

function strikeOf(fault: Extract<Fault, { kind: 'ambush' }>, target: number): Fault {
  const { atMs, strike, strikeMs, keeps } = fault
  switch (strike) {
    case 'crash': {
      const keepInFlight = keeps % 2 === 1
      return {
        kind: strike,
        atMs,
        target,
        downMs: strikeMs,
        keepInFlight,
        keeps,
        loseUnsynced: false,
      }
    }
    case 'crash-all':
      return { kind: strike, atMs, downMs: strikeMs, keeps, keepsInFlight: keeps >> 5 }
    case 'pause':
      return { kind: strike, atMs, target, forMs: strikeMs }
    case 'isolate':
      return { kind: strike, atMs, target, way: 'both', forMs: strikeMs }
    case 'silence':
      return { kind: 'isolate', atMs, target, way: 'out', forMs: strikeMs }
    case 'deafen':
      return { kind: 'isolate', atMs, target, way: 'in', forMs: strikeMs }
  }
}
