/**
 * A cluster in virtual time: members on disks in memory, a network in between, clients, an
 * operator who changes the membership, and the faults of a profile. Everything is drawn from the
 * seed of the schedule, so that the same schedule always runs the same way.
 *
 *   run()    the faults; safety is checked at every step
 *   heal()   no more faults; the cluster must then do what it is for, within bounded time
 */

import type { Random } from '../../../src/base/ports.ts'
import type { MemberId, Message } from '../../../src/raft/types.ts'
import { Census } from './census.ts'
import { drawChange } from './change-draw.ts'
import { ClusterChecker } from './cluster-checker.ts'
import { encodeConfChange } from './conf-changes.ts'
import { EventQueue } from './event-queue.ts'
import { Links } from './links.ts'
import { Disk, Member, seededRandom, type Options, type StateImage } from './member.ts'
import { draw, Process, type World } from './process.ts'
import { UNITS_PER_TICK, type Profile, type Schedule } from './profiles.ts'
import { Recovery } from './recovery.ts'

/** Ticks within which a healed cluster must have recovered. */
const RECOVERY_TICKS = 1500

/** What the profile becomes when the faults end. */
const HEALTHY = {
  loss: 0,
  duplicate: 0,
  late: 0,
  stall: 0,
  brokenStream: 0,
  repeatedStream: 0,
  delay: [1, 5],
  write: [0, 5],
  stream: [1, 20],
} as const

/** Streams of random numbers of their own, so that one does not shift the draws of another. */
function randomStreams(seed: number): (name: number) => Random {
  return (name) => seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(name + 1, 0x85ebca6b))
}

export class Simulation implements World {
  readonly queue = new EventQueue()
  readonly census: Census
  readonly checker: ClusterChecker
  readonly random: Random
  readonly schedule: Schedule
  profile: Profile
  faulty = true
  readonly lines: string[] = []

  readonly #members = new Map<MemberId, Member>()
  readonly processes = new Map<MemberId, Process>()
  readonly #links = new Links()
  readonly #network: Random
  readonly #clients: Random
  readonly #faults: Random
  readonly #tracing: boolean
  #proposals = 0
  #reads = 0
  /** The leader that was asked to hand over, and its term then. */
  #transfer: { readonly leader: MemberId; readonly term: number } | undefined

  constructor(schedule: Schedule, profile: Profile, census = new Census(), tracing = false) {
    this.schedule = schedule
    this.profile = profile
    this.census = census
    this.#tracing = tracing
    const streams = randomStreams(schedule.seed)
    this.random = streams(0)
    this.#network = streams(1)
    this.#clients = streams(2)
    this.#faults = streams(3)
    this.checker = new ClusterChecker(this.#members, census, schedule.removedRefused)
    this.#createMembers(streams)
  }

  #createMembers(streams: (name: number) => Random): void {
    const { voters, learners, spares } = this.profile
    const pick = (counts: readonly number[]): number =>
      counts[this.random.below(counts.length)] as number
    const voterCount = pick(voters)
    if (voterCount === 1) this.census.count('cluster of one voter')
    const memberCount = voterCount + pick(learners)
    const ids = Array.from({ length: memberCount + spares }, (_, at) => String(at + 1))
    const first = ids.slice(0, memberCount)
    for (const id of ids) {
      const disk = new Disk()
      if (first.includes(id)) disk.bootstrap(ids.slice(0, voterCount), first.slice(voterCount))
      if (id === '1') this.checker.bootstrapped(disk.entries)
      const member = new Member(id, disk, this.#options(streams(10 + Number(id))))
      member.removalsAreForGood = this.schedule.removedRefused
      this.#members.set(id, member)
      this.processes.set(id, new Process(member, this))
    }
  }

  #options(random: Random): Options {
    const { preVote, checkQuorum, heartbeatTicks } = this.schedule
    const { maxBytesPerMessage, maxInflightMessages, maxInflightBytes } = this.schedule
    const { maxUncommittedBytes, maxCommittedBytesPerReady } = this.schedule
    return {
      random,
      preVote,
      checkQuorum,
      heartbeatTicks,
      maxBytesPerMessage,
      maxInflightMessages,
      maxInflightBytes,
      maxUncommittedBytes,
      maxCommittedBytesPerReady,
    }
  }

  trace(id: MemberId, what: () => string): void {
    if (this.#tracing) this.lines.push(`${this.queue.now} ${id}: ${what()}`)
  }

  #ids(): MemberId[] {
    return [...this.processes.keys()]
  }

  #process(id: MemberId): Process {
    return this.processes.get(id) as Process
  }

  #pickUp(random: Random): Process | undefined {
    const up = [...this.processes.values()].filter((process) => process.up && !process.paused)
    return up[random.below(Math.max(1, up.length))]
  }

  #leaders(): Process[] {
    return [...this.processes.values()].filter(
      ({ up, paused, member }) => up && !paused && member.raw.status().role === 'leader',
    )
  }

  // ---- the network ----

  send(message: Message): void {
    const { profile } = this
    const random = this.#network
    const lost = this.#links.isCut(message.from, message.to) || random.below(1000) < profile.loss
    if (lost) {
      this.trace(message.from, () => `lost ${JSON.stringify(message)}`)
      if (random.below(10) === 0) this.#reportUnreachable(message)
      return
    }
    this.#arrive(message)
    // A transport that sends nothing twice is what forwarded proposals need.
    const repeats = message.type !== 'MsgProp' && random.below(1000) < profile.duplicate
    if (!repeats) return
    this.census.count(`${message.type} duplicated`)
    this.#arrive(message)
  }

  #arrive(message: Message): void {
    const { delay, late, lateness } = this.profile
    const random = this.#network
    const isLate = random.below(1000) < late
    const units = isLate ? random.below(lateness * UNITS_PER_TICK) : draw(random, delay)
    this.queue.after(units, () => this.processes.get(message.to)?.step(message))
  }

  #reportUnreachable({ from, to }: Message): void {
    const sender = this.#process(from)
    const { life } = sender
    this.queue.after(1, () => {
      if (!sender.up || sender.life !== life) return
      sender.act(({ raw }) => raw.reportUnreachable(to))
    })
  }

  sendState(from: Process, message: Message, image: StateImage): void {
    const { life } = from
    const { to } = message
    const random = this.#network
    const { profile, census } = this
    const arrive = (): boolean => {
      if (this.#links.isCut(from.id, to)) return false
      return this.processes.get(to)?.receiveState(message, image) === true
    }
    const units = draw(random, profile.stream)
    if (random.below(1000) < profile.brokenStream) {
      census.count('state broke midway')
      this.queue.after(units, () => from.reportSnapshot(to, false, life))
      return
    }
    const repeats = random.below(1000) < profile.repeatedStream
    const answerUnits = draw(random, profile.delay)
    this.queue.after(units, () => {
      const taken = arrive()
      this.queue.after(answerUnits, () => from.reportSnapshot(to, taken, life))
    })
    if (!repeats) return
    census.count('state came again')
    this.queue.after(units + random.below(300), arrive)
  }

  // ---- clients ----

  #propose(payload: string, attempts = 0): void {
    if (this.#pickUp(this.#clients)?.propose(payload) === true) return
    // Refused on the spot, so it is in no log.
    if (attempts >= 3) return
    this.queue.after(this.#clients.below(100), () => this.#propose(payload, attempts + 1))
  }

  repropose(payloads: readonly string[]): void {
    for (const payload of payloads) {
      this.census.count('refused proposal proposed again')
      this.queue.after(1 + this.#clients.below(60), () => this.#propose(payload))
    }
  }

  #newPayload(): string {
    const padding = '.'.repeat(this.#clients.below(8) === 0 ? this.#clients.below(150) : 0)
    return `p${++this.#proposals}${padding}`
  }

  #read(process: Process): void {
    const context = `r${++this.#reads}`
    this.checker.readStarted(context)
    const { raw } = process.member
    const { role, commit, term } = raw.status()
    if (role === 'leader' && raw.entry(commit)?.term !== term) {
      this.census.count('read before the first commit of a term')
    }
    process.act((member) => member.raw.readIndex(context))
  }

  // ---- the operator ----

  #changeMembers(): void {
    const random = this.#clients
    const leader = random.below(5) > 0 ? this.#leaders()[0] : undefined
    const process = leader ?? this.#pickUp(random)
    if (process === undefined) return
    const change = drawChange(process.member.confState, this.#ids(), random)
    const result = process.act(({ raw }) => raw.proposeConfChange(encodeConfChange(change)))
    this.trace(process.id, () => `change ${JSON.stringify([change, result])}`)
    if (!result.ok) this.census.count(`membership change refused: ${result.error}`)
  }

  #transferLeadership(): void {
    const [leader] = this.#leaders()
    if (leader === undefined) return
    const ids = this.#ids()
    const to = ids[this.#clients.below(ids.length)] as MemberId
    const result = leader.act(({ raw }) => raw.transferLeadership(to))
    this.trace(leader.id, () => `transfer to ${to} ${JSON.stringify(result)}`)
    if (!result.ok) return
    this.census.count('transfer begun')
    this.#transfer = { leader: leader.id, term: leader.member.raw.term }
    this.queue.after(25 * UNITS_PER_TICK, () => this.#reviewTransfer(to))
  }

  #reviewTransfer(to: MemberId): void {
    const transfer = this.#transfer
    this.#transfer = undefined
    if (transfer === undefined) return
    const { leader, term } = transfer
    const { raw } = this.#process(leader).member
    if (raw.term === term && raw.status().role === 'leader') this.census.count('transfer aborted')
    if (this.checker.leaderOf(term + 1) === to) this.census.count('transfer done')
  }

  // ---- the faults ----

  run(): void {
    const { ticks } = this.profile
    const all = draw(this.random, ticks)
    const count = Math.max(5, Math.round((all * this.schedule.length) / 1000))
    for (let tick = 0; tick < count; tick++) {
      this.#disturb()
      this.queue.runTo(this.queue.now + UNITS_PER_TICK)
    }
    this.#checkMemory()
  }

  #checkMemory(): void {
    for (const member of this.#members.values()) this.checker.logs.checkMemory(member)
  }

  #happens(perMille: number): boolean {
    return perMille > 0 && this.#faults.below(1000) < perMille
  }

  #disturb(): void {
    const { profile } = this
    if (this.#happens(profile.partition)) this.#links.partition(this.#ids(), this.#faults)
    if (this.#happens(profile.oneWayCut)) this.#cutOneWay()
    if (this.#happens(profile.isolateLeader)) {
      const [leader] = this.#leaders().slice(-1)
      if (leader !== undefined) this.#links.isolate(leader.id, this.#ids())
    }
    if (this.#happens(profile.heal)) this.#links.heal()
    if (this.#happens(profile.crash)) this.#crash()
    if (this.#happens(profile.powerCut)) this.#cutPower()
    if (this.#happens(profile.pause)) this.#pause()
    if (this.#happens(profile.checkpoint)) this.#checkpoint()
    if (this.#happens(profile.change)) this.#changeMembers()
    if (this.#happens(profile.transfer)) this.#transferLeadership()
    if (this.#happens(profile.campaign))
      this.#pickUp(this.#faults)?.act(({ raw }) => raw.campaign())
    if (this.#happens(profile.proposal)) this.#burst()
    if (this.#happens(profile.read)) {
      // Whoever takes itself for the leader is the one that may be wrong.
      const leaders = this.#clients.below(2) === 0 ? this.#leaders() : []
      const [process = this.#pickUp(this.#clients)] = leaders.slice(-1)
      if (process !== undefined) this.#read(process)
    }
  }

  #burst(): void {
    const count = this.#clients.below(6) === 0 ? 5 : 1
    for (let at = 0; at < count; at++) this.#propose(this.#newPayload())
  }

  #cutOneWay(): void {
    const ids = this.#ids()
    this.#links.cutOneWay(ids[this.#faults.below(ids.length)] as MemberId, ids, this.#faults)
  }

  #outage(): number {
    return draw(this.#faults, this.profile.outage)
  }

  #crash(): void {
    // Often the one whose crash matters most.
    const [leader] = this.#faults.below(3) === 0 ? this.#leaders() : []
    const process = leader ?? this.#pickUp(this.#faults)
    process?.crashFor(this.#outage())
  }

  #cutPower(): void {
    this.census.count('power cut')
    for (const process of this.processes.values()) if (process.up) process.crashFor(this.#outage())
  }

  #pause(): void {
    const process = this.#pickUp(this.#faults)
    if (process?.member.raw.status().role === 'leader') this.census.count('leader paused')
    process?.pause(this.#outage(), () => this.#read(process))
  }

  #checkpoint(): void {
    const { catchUp } = this.profile
    this.#pickUp(this.#faults)?.checkpoint(draw(this.#faults, catchUp))
  }

  // ---- recovery ----

  /** Returns the ticks it took. */
  heal(): number {
    this.#endFaults()
    const start = this.queue.now
    const { checker, census, processes, schedule } = this
    const recovery = new Recovery({
      checker,
      processes,
      random: this.#clients,
      removedEnd: schedule.removedEnd,
      read: (process) => this.#read(process),
    })
    for (let tick = 1; tick <= RECOVERY_TICKS; tick++) {
      this.queue.runTo(start + tick * UNITS_PER_TICK)
      if (!recovery.review(tick)) continue
      this.#checkMemory()
      if (tick > 300) census.count('slow recovery')
      return tick
    }
    if (!recovery.isOutOfReach()) throw new Error(`no recovery: ${recovery.describe()}`)
    census.count('nobody can be elected any more')
    return RECOVERY_TICKS
  }

  #endFaults(): void {
    this.faulty = false
    this.profile = { ...this.profile, ...HEALTHY }
    this.#links.heal()
    for (const process of this.processes.values()) {
      process.pausedUntil = 0
      process.start()
    }
  }
}
