/**
 * The process around a simulated member: it runs the Ready loop in virtual time, writes to a disk
 * that takes its time, crashes, stands still, sends its state to others and puts theirs in place.
 *
 *   inputs --turn--> Ready --> messages, a write, entries to apply, states to send
 *                      \----> install: switch, then log reset, then told; may crash in between
 */

import type { Random } from '../../../src/base/ports.ts'
import type { Entry, MemberId, Message, Ready } from '../../../src/raft/types.ts'
import type { Census } from './census.ts'
import type { ClusterChecker } from './cluster-checker.ts'
import { isVoterOf, membersOf } from './conf-changes.ts'
import type { EventQueue } from './event-queue.ts'
import { place, type Member, type StateImage } from './member.ts'
import { UNITS_PER_TICK, type Profile, type Range, type Schedule } from './profiles.ts'

export interface World {
  readonly queue: EventQueue
  readonly random: Random
  readonly checker: ClusterChecker
  readonly census: Census
  readonly schedule: Schedule
  /** Changes once: when the faults end. */
  readonly profile: Profile
  readonly faulty: boolean
  send(message: Message): void
  /** The state is on its way, by other means than messages. */
  sendState(from: Process, message: Message, image: StateImage): void
  repropose(payloads: readonly string[]): void
  trace(id: MemberId, what: () => string): void
}

export function draw(random: Random, [least, most]: Range): number {
  return least + random.below(most - least + 1)
}

export class Process {
  readonly member: Member
  readonly #world: World
  readonly #tickUnits: number
  up = true
  pausedUntil = 0
  /** Counts the lives of this member, so that nothing of an earlier one happens in a later. */
  life = 0
  #turnDue = false
  /** The last entry that was given out to be applied, and those of them that still wait. */
  #handed: number
  #unapplied: Entry[] = []
  /** By forward id, what was passed on to a leader. */
  readonly #forwarded = new Map<number, string[]>()

  constructor(member: Member, world: World) {
    this.member = member
    this.#world = world
    this.#handed = member.state.index
    // Clocks run at up to twice the speed of others, until the faults end.
    this.#tickUnits = UNITS_PER_TICK - 3 + world.random.below(7)
    this.#scheduleTick()
  }

  get id(): MemberId {
    return this.member.id
  }

  get paused(): boolean {
    return this.pausedUntil > this.#world.queue.now
  }

  /** Later, in this life of the process; not before a pause ends. */
  #later(delay: number, run: () => void): void {
    const { life } = this
    const { queue, random } = this.#world
    const wake = (): void => {
      if (!this.up || this.life !== life) return
      // Whatever waited comes in any order.
      if (this.paused) queue.after(this.pausedUntil - queue.now + random.below(15), wake)
      else run()
    }
    queue.after(delay, wake)
  }

  #scheduleTick(): void {
    const units = this.#world.faulty ? this.#tickUnits : UNITS_PER_TICK
    this.#later(units, () => {
      this.#tick()
      this.#scheduleTick()
    })
  }

  #tick(): void {
    const { raw } = this.member
    const { term, role } = raw.status()
    this.act(() => raw.tick())
    if (role !== 'leader' || raw.term > term || raw.status().role === 'leader') return
    this.#world.census.count('leader stepped down for want of a quorum')
  }

  /** Something comes in: checks what became of it, and sees to it that a Ready is taken. */
  act<T>(input: (member: Member) => T): T {
    const result = input(this.member)
    this.#world.checker.afterStep(this.member)
    this.#scheduleTurn()
    return result
  }

  #scheduleTurn(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    this.#later(this.#world.random.below(3), () => {
      this.#turnDue = false
      this.#turn()
    })
  }

  hears(message: Message): boolean {
    return this.up && !this.member.state.removed.includes(message.from)
  }

  step(message: Message): void {
    if (!this.hears(message)) return
    if (this.paused) {
      this.#later(0, () => this.step(message))
      return
    }
    this.#world.trace(this.id, () => `step ${JSON.stringify(message)}`)
    const check = this.#world.checker.aroundStep(this.member, message)
    this.act(({ raw }) => raw.step(message))
    check?.()
  }

  #turn(): void {
    const { member } = this
    if (!member.raw.hasReady()) return
    const { checker } = this.#world
    const ready = member.takeReadyUnapplied()
    this.#world.trace(this.id, () => `ready ${JSON.stringify(ready)}`)
    checker.afterStep(member)
    checker.onReady(member, ready, this.#handed)
    this.#handed = ready.committedEntries.at(-1)?.index ?? this.#handed
    for (const message of ready.messages) this.#world.send(message)
    if (ready.append !== undefined) this.#write()
    this.#takeEntries(ready)
    for (const forwardId of ready.refusedProposals) this.#onRefused(forwardId)
    for (const to of ready.snapshotsDue) this.#sendState(to)
    if (ready.snapshot !== undefined) this.#install()
    if (member.raw.hasReady()) this.#scheduleTurn()
  }

  #write(): void {
    const { profile, random, census } = this.#world
    const stalls = random.below(1000) < profile.stall
    const units = stalls
      ? draw(random, profile.outage) * UNITS_PER_TICK
      : draw(random, profile.write)
    if (stalls) census.count('write stalled')
    this.#later(units, () => {
      const { member } = this
      const { writing, disk } = member
      if (writing === undefined) throw new Error('the write is gone')
      const last = writing.entries.at(-1)
      if (last !== undefined && member.raw.entry(last.index)?.term !== last.term) {
        census.count('write superseded while in flight')
      }
      this.#world.checker.logs.onWrite(member, writing)
      disk.write(writing)
      member.writing = undefined
      this.act(({ raw }) => raw.appended())
    })
  }

  #takeEntries({ committedEntries }: Ready): void {
    if (committedEntries.length === 0) return
    this.#unapplied.push(...committedEntries)
    const { schedule, random } = this.#world
    if (!schedule.appliesLate) this.#apply(Number.MAX_SAFE_INTEGER)
    else {
      const units = random.below(8) === 0 ? random.below(400) : random.below(30)
      this.#later(units, () => this.#apply(1 + random.below(5)))
    }
  }

  #apply(most: number): void {
    const { member } = this
    const entries = this.#unapplied.splice(0, most)
    for (const entry of entries) {
      const before = member.confState
      member.apply(entry)
      this.#world.checker.onApplied(member, entry)
      if (member.confState !== before) this.#onConfState(membersOf(before))
    }
    if (entries.length === 0) return
    this.#scheduleTurn()
    if (this.#unapplied.length > 0) this.#later(5, () => this.#apply(Number.MAX_SAFE_INTEGER))
  }

  #onConfState(before: readonly MemberId[]): void {
    if (!before.includes(this.id) || this.#isMember) return
    const { schedule, random, census } = this.#world
    if (!schedule.removedEnd) return
    const end = (): void => {
      if (this.#isMember || !this.#world.faulty) return
      // One that leads has still to tell the others that it is removed.
      if (this.member.raw.status().role === 'leader') {
        this.#later(20, end)
        return
      }
      census.count('removed member ended')
      this.crash()
    }
    this.#later(random.below(100), end)
  }

  get #isMember(): boolean {
    return membersOf(this.member.confState).includes(this.id)
  }

  #onRefused(forwardId: number): void {
    const payloads = this.#forwarded.get(forwardId)
    if (payloads === undefined) return
    this.#forwarded.delete(forwardId)
    this.#world.census.count('forwarded proposal refused', payloads.length)
    this.#world.repropose(payloads)
  }

  /** Whether it was taken, here or for the way to the leader. */
  propose(payload: string): boolean {
    const result = this.act(({ raw }) => raw.propose(Buffer.from(payload, 'latin1')))
    this.#world.trace(this.id, () => `propose ${payload} ${JSON.stringify(result)}`)
    if (!result.ok) return false
    if (result.forwardId === undefined) return true
    const payloads = this.#forwarded.get(result.forwardId) ?? []
    this.#forwarded.set(result.forwardId, [...payloads, payload])
    this.#world.census.count('proposal forwarded')
    return true
  }

  /** The member that is to get it was named in a Ready of a leader, in this very turn. */
  #sendState(to: MemberId): void {
    const { member } = this
    const { index, term, confState } = member.state
    const snapshot = { index, term, confState }
    const envelope = { from: this.id, to, term: member.raw.term }
    const message: Message = { type: 'MsgSnap', ...envelope, snapshot }
    this.#world.trace(this.id, () => `sends its state to ${to}: ${JSON.stringify(snapshot)}`)
    this.#world.sendState(this, message, member.state)
  }

  /** The sender learns what became of it, if it still lives. */
  reportSnapshot(to: MemberId, ok: boolean, life: number): void {
    if (!this.up || this.life !== life) return
    this.act(({ raw }) => raw.reportSnapshot(to, ok))
  }

  /** All of another member's state is here and durable. Returns whether it could be taken. */
  receiveState(message: Message, image: StateImage): boolean {
    if (!this.hears(message) || this.paused) return false
    // As a server does: one state after the other.
    if (this.member.raw.pendingSnapshot !== undefined) {
      this.#world.census.count('state came while another one was installed')
      return false
    }
    this.member.stage(image)
    this.step(message)
    const taken = this.member.raw.pendingSnapshot !== undefined
    if (!taken) this.#world.census.count('state came that was not needed')
    return true
  }

  #install(): void {
    const { member } = this
    const { random, checker, census, profile } = this.#world
    const snapshot = member.installing
    if (snapshot === undefined) throw new Error('nothing to install')
    if (this.#unapplied.length > 0) throw new Error('a snapshot amid entries to apply')
    if (!member.staged.has(place(snapshot))) throw new Error('a snapshot that is not here')
    const step = (): number => draw(random, random.below(2) === 0 ? profile.write : profile.stream)
    this.#maybeCrashSoon('before the switch')
    this.#later(step(), () => {
      member.switchState()
      this.#maybeCrashSoon('after the switch, before the log reset')
      this.#later(1 + step(), () => {
        member.disk.resetLog()
        this.#maybeCrashSoon('after the log reset')
        this.#later(1 + step(), () => {
          member.finishInstalled()
          this.#handed = snapshot.index
          checker.onInstalled(member, snapshot)
          census.count('snapshot installed')
          if (!isVoterOf(member.confState, this.id)) census.count('snapshot installed by a learner')
          this.#scheduleTurn()
        })
      })
    })
  }

  /** The three points of an install at which a crash leaves different things behind. */
  #maybeCrashSoon(where: string): void {
    const { random, faulty, census, profile } = this.#world
    if (!faulty || profile.crash === 0 || random.below(8) > 0) return
    census.count(`crash of an install ${where}`)
    this.#later(0, () => this.crashFor(draw(random, profile.outage)))
  }

  crash(): void {
    if (!this.up) return
    const { member } = this
    const { random, census } = this.#world
    const written = member.writing !== undefined && random.below(2) === 0
    if (member.writing !== undefined) {
      census.count(written ? 'crash with a write done' : 'crash with a write lost')
    }
    if (written && member.writing !== undefined)
      this.#world.checker.logs.onWrite(member, member.writing)
    this.#world.trace(this.id, () => `crash, write ${written ? 'done' : 'lost'}`)
    this.up = false
    this.life++
    this.pausedUntil = 0
    this.#turnDue = false
    member.crash(written)
  }

  crashFor(ticks: number): void {
    this.crash()
    this.#world.queue.after(ticks * UNITS_PER_TICK, () => this.start())
  }

  start(): void {
    if (this.up) return
    const { member } = this
    this.up = true
    this.life++
    this.#unapplied = []
    this.#forwarded.clear()
    member.restart()
    this.#handed = member.state.index
    this.#world.trace(this.id, () => `start ${JSON.stringify(member.raw.status())}`)
    this.#world.checker.restarted(member)
    this.#world.checker.afterStep(member)
    this.#scheduleTick()
    this.#scheduleTurn()
  }

  /** `resumed` happens at its end, while what came in meanwhile still waits. */
  pause(ticks: number, resumed: () => void): void {
    const units = ticks * UNITS_PER_TICK
    const { life } = this
    this.pausedUntil = this.#world.queue.now + units
    this.#world.queue.after(units, () => {
      if (this.life === life && !this.paused) resumed()
    })
  }

  checkpoint(keep: number): void {
    const { member } = this
    if (member.installing !== undefined || member.raw.pendingSnapshot !== undefined) return
    member.checkpoint(keep)
  }
}
