/**
 * Clusters under random faults: messages lost, doubled and reordered, members that crash with
 * what they had not synced, and membership changes. Safety is checked at every step; after
 * healing the cluster must make progress.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MemberId } from '../../src/raft/types.ts'
import { ClusterChecker } from './support/cluster-checker.ts'
import { bytes, Disk, encodeConfChange, Member, seededRandom, text } from './support/member.ts'
import type { Options } from './support/member.ts'
import { Network } from './support/network.ts'

interface Schedule {
  readonly members: number
  readonly seed: number
  readonly steps: number
  /** Per mille of the actions that are faults of each kind. */
  readonly loss: number
  readonly duplicates: number
  readonly crashes: number
  readonly changes: number
  readonly partitions: number
  readonly checkpoints: boolean
  readonly options: Options
}

const schedules: fc.Arbitrary<Schedule> = fc.record({
  members: fc.constantFrom(1, 2, 3, 3, 3, 5),
  seed: fc.nat(),
  steps: fc.integer({ min: 500, max: 10_000 }),
  loss: fc.constantFrom(0, 50, 300),
  duplicates: fc.constantFrom(0, 100),
  crashes: fc.constantFrom(0, 5, 20),
  changes: fc.constantFrom(0, 10),
  partitions: fc.constantFrom(0, 10),
  checkpoints: fc.boolean(),
  options: fc.record({
    preVote: fc.boolean(),
    checkQuorum: fc.boolean(),
    maxBytesPerMessage: fc.constantFrom(1, 100, 10_000),
    maxInflightMessages: fc.constantFrom(1, 3, 256),
    maxUncommittedBytes: fc.constantFrom(20, 10_000),
  }),
})

class Simulation {
  readonly network = new Network()
  readonly checker = new ClusterChecker(this.network.members)
  readonly #schedule: Schedule
  readonly #random
  /**
   * Then progress is not promised: when one of the two crashes and forgets that the removal was
   * committed, it needs the vote of the removed one, whose log may be longer.
   */
  removedOneOfTwo = false
  #proposals = 0
  #reads = 0

  constructor(schedule: Schedule) {
    this.#schedule = schedule
    this.#random = seededRandom(schedule.seed)
    const ids = Array.from({ length: schedule.members }, (_, at) => String(at + 1))
    for (const id of ids) this.#create(id, ids)
    // Two more that wait to be added.
    if (schedule.changes > 0) for (const id of ['8', '9']) this.#create(id, [])
  }

  #create(id: MemberId, voters: readonly MemberId[]): void {
    const disk = new Disk()
    if (voters.length > 0) disk.bootstrap(voters)
    const random = seededRandom(this.#schedule.seed * 31 + Number(id))
    this.network.members.set(id, new Member(id, disk, { ...this.#schedule.options, random }))
  }

  run(): void {
    for (let step = 0; step < this.#schedule.steps; step++) {
      this.#act()
      if (step % 50 === 0) this.checker.checkLogMatching()
    }
    this.checker.checkLogMatching()
  }

  #chance(perMille: number): boolean {
    return this.#random.below(1000) < perMille
  }

  #pick(): Member {
    const all = [...this.network.members.values()]
    return all[this.#random.below(all.length)] as Member
  }

  #act(): void {
    const { crashes, changes, partitions, checkpoints } = this.#schedule
    const member = this.#pick()
    if (this.#chance(crashes)) this.#crash(member)
    else if (this.#chance(partitions)) this.#partition()
    else if (this.#chance(changes)) this.#changeMembers(member)
    else if (checkpoints && this.#chance(10)) member.checkpoint(this.#random.below(20))
    else this.#work(member)
    this.checker.afterStep(member)
  }

  #work(member: Member): void {
    const dice = this.#random.below(100)
    if (dice < 15) member.raw.tick()
    else if (dice < 25) member.raw.propose(bytes(`p${++this.#proposals}`))
    else if (dice < 30) this.#read(member)
    else if (dice < 55) this.#ready(member)
    else if (dice < 65) this.#finish(member)
    else this.#deliver()
  }

  #read(member: Member): void {
    const context = `r${++this.#reads}`
    this.checker.readStarted(context)
    member.raw.readIndex(context)
  }

  #ready(member: Member): void {
    if (!member.raw.hasReady()) return
    const ready = member.takeReady()
    this.checker.afterStep(member)
    this.checker.onReady(member, ready)
    this.network.send(ready.messages)
  }

  #finish(member: Member): void {
    if (member.writing !== undefined) member.finishAppend()
  }

  #deliver(): void {
    const { wire } = this.network
    if (wire.length === 0) return
    // Mostly near the front, at times anywhere: reordering.
    const at = this.#random.below(this.#chance(200) ? wire.length : Math.min(3, wire.length))
    const message = wire[at] as (typeof wire)[number]
    if (!this.#chance(this.#schedule.duplicates)) wire.splice(at, 1)
    if (this.#chance(this.#schedule.loss)) return
    const to = this.network.members.get(message.to)
    if (to === undefined) return
    to.raw.step(message)
    this.checker.afterStep(to)
  }

  #crash(member: Member): void {
    member.restart(this.#chance(500))
    this.checker.restarted(member)
  }

  #partition(): void {
    if (this.#chance(500)) this.network.heal()
    else this.network.isolate(this.#pick().id)
  }

  #changeMembers(member: Member): void {
    const ids = [...this.network.members.keys()]
    const id = ids[this.#random.below(ids.length)] as MemberId
    const { voters, role } = member.raw.status()
    if (role !== 'leader' || (voters.length === 1 && voters[0] === id)) return
    const type = voters.includes(id) ? 'remove' : 'add'
    if (type === 'remove' && voters.length === 2) this.removedOneOfTwo = true
    member.raw.proposeConfChange(encodeConfChange({ type, id }))
  }

  /** Without further faults, a new proposal reaches every voter. */
  heal(): void {
    this.network.heal()
    for (let round = 0; round < 400; round++) {
      for (const member of this.network.members.values()) member.raw.tick()
      this.#settle()
      if (round % 20 === 19 && this.#proposeAndCheck()) return
    }
    const states = [...this.network.members.values()].map((member) => member.raw.status())
    throw new Error(`no progress after healing: ${JSON.stringify(states)}`)
  }

  #settle(): void {
    for (let turns = 0; turns < 200_000; turns++) {
      for (const member of this.network.members.values()) {
        while (member.raw.hasReady() || member.writing !== undefined) {
          this.#ready(member)
          this.#finish(member)
          this.checker.afterStep(member)
        }
      }
      const message = this.network.wire.shift()
      if (message === undefined) return
      this.network.members.get(message.to)?.raw.step(message)
    }
    throw new Error('the cluster does not come to rest')
  }

  #proposeAndCheck(): boolean {
    const members = [...this.network.members.values()]
    const leader = members.find((member) => {
      const { role, voters } = member.raw.status()
      return role === 'leader' && voters.includes(member.id)
    })
    if (leader === undefined) return false
    const data = `last${++this.#proposals}`
    if (!leader.raw.propose(bytes(data)).ok) return false
    this.#read(leader)
    const readsBefore = this.checker.readReturns
    this.#settle()
    if (this.checker.readReturns === readsBefore) return false
    const { commit, voters } = leader.raw.status()
    return voters.every((id) => {
      const voter = this.network.member(id)
      const applied = voter.applied.at(-1)
      return applied?.index === commit && text(applied.data) === data
    })
  }
}

describe('a cluster under faults', () => {
  test('is safe at every step and makes progress once the faults end', () => {
    let commits = 0
    let reads = 0
    let healed = 0
    fc.assert(
      fc.property(schedules, (schedule) => {
        const simulation = new Simulation(schedule)
        simulation.run()
        // A compacted log cannot bring a member back that needs what is gone.
        if (!schedule.checkpoints && !simulation.removedOneOfTwo) {
          simulation.heal()
          healed++
        }
        commits += simulation.checker.committed.length
        reads += simulation.checker.readReturns
      }),
      { numRuns: 1200 },
    )
    // The faults must not have kept everything from happening.
    expect(commits).toBeGreaterThan(10_000)
    expect(healed).toBeGreaterThan(300)
    expect(reads).toBeGreaterThan(1_000)
  })
})
