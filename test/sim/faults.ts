/** Carries out what a plan has against the cluster, and undoes it all in the end. */

import { Changes } from './changes.ts'
import { Draws } from './draws.ts'
import type { Fault, Target } from './fault.ts'
import { strikeOf } from './strikes.ts'
import { ELECTION_MS, type PowerCut, type SimMember } from './member.ts'
import { handOverUnheard } from './old-office.ts'
import { ShortReigns } from './short-reigns.ts'
import type { Commons } from './workload.ts'

/** How long who joins has to catch up. */
const NEWCOMER_MS = 1500
/** How many of those who ask for a read hear old answers. */
const ASKS_RETOLD = 0.5

type Link = readonly [SimMember, SimMember]

export class Faults {
  readonly #commons: Commons
  readonly #changes: Changes
  #isOver = false
  #underWay = 0

  constructor(commons: Commons) {
    this.#commons = commons
    this.#changes = new Changes(commons, () => this.#isOver)
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
    this.#leaveBehind()
    for (const member of this.#commons.members) {
      member.resume()
      member.healDisks()
      member.setRate(1)
      member.start()
    }
  }

  /** A minority is left behind. */
  #leaveBehind(): void {
    const { plan, network, census } = this.#commons.around
    const { members } = this.#commons
    const { lost } = plan
    if (lost === undefined || lost.members.length * 2 >= members.length) return
    for (const position of lost.members) {
      const member = members[position]
      if (member === undefined) continue
      for (const { id } of members) {
        if (id === member.id) continue
        network.cut(id, member.id)
        network.cut(member.id, id)
      }
      if (lost.how === 'down') member.kill()
      member.abandon()
      census.count('minority lost for good')
    }
  }

  /** Starts what was added though nobody heard so, and goes for good what was removed. */
  reconcile(): Promise<void> {
    return this.#changes.reconcile()
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
    const { census, network } = this.#commons.around
    switch (fault.kind) {
      case 'crash': {
        const member = this.#pick(fault.target)
        this.#crash([member], fault, fault.keepInFlight ? 1 : 0)
        await this.#wait(fault.downMs)
        return member.start()
      }
      case 'crash-all':
        return this.#crashAll(fault.keeps, fault.keepsInFlight, fault.downMs)
      case 'ambush':
        return this.#lieInWait(fault)
      case 'short-reigns':
        return this.#shortenReigns(fault.atMs, fault.forMs)
      case 'power-cut-at':
        return this.#setTrap(fault)
      case 'kill': {
        const member = this.#pick(fault.target)
        member.kill()
        await this.#wait(fault.downMs)
        return member.start()
      }
      case 'stop': {
        const member = this.#pick(fault.target)
        await member.stop()
        await this.#wait(fault.downMs)
        return member.start()
      }
      case 'pause': {
        const member = this.#pick(fault.target)
        if (member.isLeader) census.count('member paused while it led')
        member.pause()
        await this.#wait(fault.forMs)
        return member.resume()
      }
      case 'isolate': {
        const member = this.#pick(fault.target)
        return this.#cut(this.#linksOf(member, fault.way), fault.way !== 'both', fault.forMs)
      }
      case 'partition': {
        const inside = this.#commons.members.filter((_, i) => ((fault.sides >> i) & 1) === 1)
        const outside = this.#commons.members.filter((one) => !inside.includes(one))
        const links = inside.flatMap((a) => outside.flatMap((b) => linksOf(a, b, fault.isOneWay)))
        return this.#cut(links, fault.isOneWay, fault.forMs)
      }
      case 'cut-link': {
        const from = this.#pick(fault.from)
        const to = this.#pick(fault.to)
        if (from === to) return
        return this.#cut(linksOf(from, to, fault.isOneWay), fault.isOneWay, fault.forMs)
      }
      case 'reset-link':
        return this.#reset(this.#pick(fault.from), this.#pick(fault.to))
      case 'lossy':
        return this.#lose(fault.probability, fault.forMs)
      case 'slow-network':
        return this.#slow(fault.factor, fault.forMs)
      case 'hostile-network':
        return this.#beHostile(fault.duplicates, fault.overtakings, fault.forMs)
      case 'old-news':
        return this.#retell(fault.atMs, fault.forMs)
      case 'swizzle':
        return this.#swizzle(fault.keeps, fault.forMs)
      case 'delay-spike': {
        const { id } = this.#pick(fault.target)
        if (fault.delayMs > ELECTION_MS) census.count('messages later than an election timeout')
        network.setSpike(id, fault.delayMs)
        await this.#wait(fault.forMs)
        return network.setSpike(id, 0)
      }
      case 'drop-traffic': {
        const { id } = this.#pick(fault.target)
        network.setDropped(id, fault.traffic, true)
        await this.#wait(fault.forMs)
        return network.setDropped(id, fault.traffic, false)
      }
      case 'disk-stall': {
        const member = this.#pick(fault.target)
        if (fault.forMs > ELECTION_MS) census.count('disk stalled longer than an election timeout')
        return member.stall(fault.disk, fault.forMs)
      }
      case 'slow-disk': {
        const member = this.#pick(fault.target)
        member.slowDisks(fault.meanMs)
        await this.#wait(fault.forMs)
        return member.slowDisks(0)
      }
      case 'disk-error': {
        const member = this.#pick(fault.target)
        const parts = fault.part === 'all' ? (['log', 'state', 'staging'] as const) : [fault.part]
        for (const part of parts) member.files.fail(part, fault.failure)
        await this.#wait(fault.forMs)
        member.files.heal()
        return member.start()
      }
      case 'damage':
        return this.#damage(this.#pick(fault.target), fault)
      case 'clock-rate': {
        if (fault.rate !== 1) census.count('clock rate changed')
        return this.#pick(fault.target).setRate(fault.rate)
      }
      case 'clock-jump': {
        census.count('monotonic clock jumped')
        return this.#pick(fault.target).jump(fault.ms)
      }
      case 'wall-clock': {
        const member = this.#pick(fault.target)
        census.count('wall clock changed')
        member.setWallClock(fault.ms)
        if (!fault.restarts) return
        member.kill()
        await this.#wait(100)
        return member.start()
      }
      case 'transfer':
        return this.#changes.transfer(this.#pick(fault.to))
      case 'old-office': {
        const { atMs, forMs } = fault
        const cutOff = (one: SimMember): Promise<void> =>
          this.#cut(this.#linksOf(one), false, forMs)
        const wait = (ms: number): Promise<void> => this.#wait(ms)
        const office = { commons: this.#commons, changes: this.#changes, atMs, forMs, cutOff, wait }
        return handOverUnheard(office)
      }
      case 'add-learner': {
        const learner = await this.#changes.add(true)
        await this.#wait(fault.promoteAfterMs)
        return this.#changes.promote(learner)
      }
      case 'add-voter': {
        await this.#changes.add(false)
        return
      }
      case 'remove': {
        await this.#changes.remove(this.#pick(fault.target))
        return
      }
      case 'crash-in-change':
        return this.#crashInChange(fault)
      case 'cut-in-change':
        return this.#cutInChange(fault)
      case 'promote-race':
        return this.#changes.promoteRace(fault.removes, fault.afterMs)
      case 'remove-dead':
        return this.#changes.removeDead(this.#pick(fault.target), fault.downMs)
      case 'wipe':
        return this.#changes.wipe(this.#pick(fault.target))
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

  async #shortenReigns(atMs: number, forMs: number): Promise<void> {
    const { around, members } = this.#commons
    const draws = new Draws(around.plan.seed, `short reigns ${atMs}`)
    const reigns = new ShortReigns(around, members, draws, () => this.#isOver)
    await this.#wait(forMs)
    reigns.end(!this.#isOver)
  }

  /** Those that may run again. */
  #present(): SimMember[] {
    return this.#commons.members.filter(({ state }) => state !== 'gone')
  }

  #pick(target: Target): SimMember {
    const running = this.#present()
    const candidates = running.length > 0 ? running : this.#commons.members
    if (target === 'leader') {
      const leader = this.#changes.leader()
      if (leader !== undefined) return leader
    }
    return candidates[(target === 'leader' ? 0 : target) % candidates.length]!
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

  async #crashAll(keeps: number, keepsInFlight: number, downMs: number): Promise<void> {
    const all = [...this.#commons.members]
    this.#crash(all, { keeps, loseUnsynced: false }, keepsInFlight)
    this.#commons.around.census.count('all members crashed at once')
    await this.#wait(downMs)
    for (const member of all) member.start()
  }

  #setTrap(fault: Extract<Fault, { kind: 'power-cut-at' }>): void {
    const member = this.#pick(fault.target)
    const { point, phase, keeps, downMs } = fault
    const restart = async (): Promise<void> => {
      await this.#wait(downMs)
      member.start()
    }
    member.setTrap({
      point,
      phase,
      keeps,
      keepInFlight: (keeps & 1) === 1,
      loseUnsynced: (keeps & 6) === 6,
      onSprung: () => void restart(),
    })
  }

  async #damage(member: SimMember, fault: Extract<Fault, { kind: 'damage' }>): Promise<void> {
    const { files } = member
    const draws = new Draws(fault.keeps, 'damage')
    const { what, downMs } = fault
    if (what === 'checkpoint-copy') {
      if (!member.isRunning) return
      member.kill()
      if (files.corruptCheckpoint([draws.pick([1, 2] as const)], draws)) {
        this.#commons.around.census.count('checkpoint copy damaged')
      }
      await this.#wait(downMs)
      return member.start()
    }
    if (!this.#changes.mayDamage(member)) return
    return this.#changes.damage(member, downMs, () => {
      if (what === 'log') return files.corruptLog(draws)
      return what === 'record' ? files.corruptRecord(draws) : files.corruptCheckpoint([1, 2], draws)
    })
  }

  async #crashInChange(fault: Extract<Fault, { kind: 'crash-in-change' }>): Promise<void> {
    const { change, target, afterMs, downMs, keeps } = fault
    const member = this.#pick(target)
    const begun =
      change === 'remove'
        ? this.#changes.remove(member)
        : change === 'promote'
          ? this.#changes.promote(this.#learner())
          : this.#changes.add(change === 'add-learner')
    await this.#commons.around.world.sleep(afterMs)
    this.#commons.around.census.count('all members crashed during a change of members')
    await Promise.all([begun, this.#crashAll(keeps, keeps >> 3, downMs)])
  }

  async #cutInChange(fault: Extract<Fault, { kind: 'cut-in-change' }>): Promise<void> {
    const { invariants, census } = this.#commons.around
    const isPromotion = fault.change === 'promote'
    const deaf = isPromotion ? await this.#readyLearner() : this.#pick(fault.target)
    if (deaf === undefined || deaf.isLeader) return
    let cut = Promise.resolve()
    const stop = invariants.moments.listen((moment) => {
      if (moment !== 'changes members' || this.#isOver) return
      stop()
      census.count('cut off when a change of members began')
      cut = this.#cut(this.#linksOf(deaf), false, fault.forMs)
    })
    if (isPromotion) await this.#changes.promote(deaf)
    else await this.#letLead(await this.#changes.add(false))
    stop()
    await cut
  }

  async #readyLearner(): Promise<SimMember | undefined> {
    const known = this.#learner()
    if (known !== undefined) return known
    const added = await this.#changes.add(true)
    await this.#wait(NEWCOMER_MS)
    return added
  }

  async #letLead(newcomer: SimMember | undefined): Promise<void> {
    for (let attempt = 0; attempt < 4 && !this.#isOver; attempt++) {
      if (newcomer === undefined || newcomer.isLeader) return
      await this.#wait(NEWCOMER_MS / 4)
      await this.#changes.transfer(newcomer)
    }
  }

  #learner(): SimMember | undefined {
    const learners = this.#changes.leader()?.status?.learners ?? []
    return this.#commons.members.find(({ id }) => learners.includes(id))
  }

  #linksOf(member: SimMember, way: 'both' | 'in' | 'out' = 'both'): Link[] {
    const others = this.#commons.members.filter((one) => one !== member)
    return others.flatMap((other): Link[] => [
      ...(way === 'out' ? [] : [[other, member] as const]),
      ...(way === 'in' ? [] : [[member, other] as const]),
    ])
  }

  async #cut(links: readonly Link[], isOneWay: boolean, forMs: number): Promise<void> {
    const { network, census } = this.#commons.around
    if (this.#isOver) return
    if (isOneWay) census.count('one-way cut')
    for (const [from, to] of links) network.cut(from.id, to.id)
    await this.#wait(forMs)
    if (this.#isOver) return
    for (const [from, to] of links) network.mend(from.id, to.id)
  }

  #reset(from: SimMember, to: SimMember): void {
    if (from === to) return
    const { network, census } = this.#commons.around
    census.count('connections broken')
    network.reset(from.id, to.id)
    network.reset(to.id, from.id)
  }

  async #swizzle(keeps: number, forMs: number): Promise<void> {
    const { network, census, world } = this.#commons.around
    const draws = new Draws(keeps, 'swizzle')
    const { members } = this.#commons
    const links = members.flatMap((from) =>
      members.filter((to) => to !== from && draws.chance(0.6)).map((to): Link => [from, to]),
    )
    const sometime = async (change: (link: Link) => void): Promise<void> => {
      const rest = [...links]
      while (rest.length > 0) {
        const [link] = rest.splice(draws.below(rest.length), 1)
        if (link !== undefined && !this.#isOver) change(link)
        await world.sleep(draws.fraction() * Math.min(400, forMs / links.length))
      }
    }
    await sometime(([from, to]) => network.clog(from.id, to.id))
    census.count('links clogged one after another')
    await this.#wait(forMs)
    await sometime(([from, to]) => network.unclog(from.id, to.id))
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

  /** Another voter leads soon, if there is one. */
  transferAway(): Promise<void> {
    return this.#changes.transferAway()
  }

  async #retell(atMs: number, forMs: number): Promise<void> {
    const { invariants, network, plan } = this.#commons.around
    const draws = new Draws(plan.seed, `old news ${atMs}`)
    network.keepsNews = true
    const stop = invariants.moments.listen((moment, id) => {
      if (this.#isOver) return
      if (moment === 'leads') network.retell(id, false)
      if (moment === 'asks' && draws.chance(ASKS_RETOLD)) network.retell(id, true)
    })
    await this.#wait(forMs)
    stop()
  }

  async #beHostile(duplicates: number, overtakings: number, forMs: number): Promise<void> {
    const { network } = this.#commons.around
    network.duplicates = duplicates
    network.overtakings = overtakings
    await this.#wait(forMs)
    network.duplicates = 0
    network.overtakings = 0
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

function linksOf(a: SimMember, b: SimMember, isOneWay: boolean): Link[] {
  return isOneWay
    ? [[a, b]]
    : [
        [a, b],
        [b, a],
      ]
}
