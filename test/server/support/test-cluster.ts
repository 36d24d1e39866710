/**
 * A cluster of whole servers in one process: memory disks, a memory network, one clock that moves
 * when the test says so. Nothing here waits for real time, so that a run can be repeated.
 *
 *   advance(ms):  clock and timers a little further ─► settle(): network, disks, turns of the loop
 *                 until nothing is left to be done now
 *
 * A file that uses it fakes setTimeout and setInterval (`fakeTimers`).
 */

import { afterEach, beforeEach, vi } from 'vitest'
import type { ServerOptions } from '../../../src/server/server-options.ts'
import { Server } from '../../../src/server/server.ts'
import { MemoryNetwork, type MemoryScheduler } from '../../../src/peer/memory-network.ts'
import type { Transport, TransportEvents } from '../../../src/peer/ports.ts'
import type { MemberId, Message } from '../../../src/raft/types.ts'
import { bootstrap } from '../../../src/server/bootstrap.ts'
import type { FoundingMember, Origin } from '../../../src/server/join.ts'
import type { Member as ClusterMember } from '../../../src/server/membership.ts'
import { PeerGateway } from '../../../src/server/peer-gateway.ts'
import { ManualClock, recordingLogger, seededRandom, turns } from './doubles.ts'
import type { RecordingLogger } from './doubles.ts'
import { CLUSTER_ID } from './member.ts'
import {
  bootstrapOptions,
  newDisks,
  openDisks,
  serverOptions,
  TestServer,
  type Disks,
} from './test-server.ts'

const STEP_MS = 20
/** Turns without any work of ours after which everything is taken to be done. */
const IDLE_TURNS = 3
const ROUNDS_MAX = 5000
/** Longer than any wait in the server. */
const LIMIT_MS = 30_000

/** To be called once in every file of tests that use clusters. */
export function fakeTimers(): void {
  beforeEach(() => {
    const toFake = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const
    vi.useFakeTimers({ toFake: [...toFake] })
  })
  afterEach(() => void vi.useRealTimers())
}

interface Due {
  readonly atMs: number
  readonly order: number
  readonly step: () => void
}

/** What is on its way, in the order of its time. */
class Agenda implements MemoryScheduler {
  readonly #clock: ManualClock
  readonly #latencyMs: () => number
  #due: Due[] = []
  #order = 0

  constructor(clock: ManualClock, latencyMs: () => number) {
    this.#clock = clock
    this.#latencyMs = latencyMs
  }

  nowMs(): number {
    return this.#clock.nowMs()
  }

  schedule(step: () => void): void {
    this.after(this.#latencyMs(), step)
  }

  after(delayMs: number, step: () => void): () => void {
    const due = { atMs: this.nowMs() + delayMs, order: this.#order++, step }
    this.#due.push(due)
    return () => (this.#due = this.#due.filter((one) => one !== due))
  }

  /** Runs what is due, but nothing that it brings about. Returns whether there was anything. */
  run(): boolean {
    const nowMs = this.nowMs()
    const ready = this.#due.filter(({ atMs }) => atMs <= nowMs)
    if (ready.length === 0) return false
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs)
    ready.sort((a, b) => a.atMs - b.atMs || a.order - b.order)
    for (const { step } of ready) step()
    return true
  }
}

/** A disk whose writes end at once, or when the test lets them. */
export class DiskGate {
  readonly #held: (() => void)[] = []
  #isHeld = false
  /** Every step that ended. */
  steps = 0
  /** Called before each step with its number, from 1 on. */
  onStep: (step: number) => void = () => undefined

  get heldCount(): number {
    return this.#held.length
  }

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    this.#isHeld = false
    for (const finish of this.#held.splice(0)) this.#run(finish)
  }

  /** Ends the write that was begun last. False when none waits. */
  finishNewest(): boolean {
    const newest = this.#held.pop()
    if (newest !== undefined) this.#run(newest)
    return newest !== undefined
  }

  readonly schedule = (finish: () => void): void => {
    if (this.#isHeld) this.#held.push(finish)
    else queueMicrotask(() => this.#run(finish))
  }

  #run(finish: () => void): void {
    this.steps++
    this.onStep(this.steps)
    finish()
  }
}

/** One member over all its lives. */
export class TestMember {
  readonly id: MemberId
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly disks: Disks = newDisks()
  readonly options: Partial<ServerOptions>
  logDisk = new DiskGate()
  stateDisk = new DiskGate()
  logger: RecordingLogger = recordingLogger()
  /** How often it was told that it has been removed. */
  removedCount = 0
  transport: Transport | undefined
  /** Whether it listens when others say that it has been removed. */
  hearsOfRemoval = true
  /** What arrives, as it arrives; undefined when it gets lost. */
  onMessage: (message: Message) => Message | undefined = (message) => message
  isStarted = false
  #current: TestServer | undefined
  readonly #seed: number

  constructor(number: number, options: Partial<ServerOptions>, id = memberId(number)) {
    this.id = id
    this.name = `m${number}`
    this.peerUrls = [`http://p:${number}`]
    this.options = options
    this.#seed = number
  }

  get test(): TestServer {
    if (this.#current === undefined) throw new Error(`${this.name} does not run`)
    return this.#current
  }

  get server(): Server {
    return this.test.server
  }

  get isRunning(): boolean {
    return this.#current !== undefined
  }

  /** Resolves when it may be called; `isStarted` tells when its start is over. */
  async start(
    origin: Origin,
    clock: ManualClock,
    wallMs: () => number,
    join: (events: TransportEvents) => Transport,
  ): Promise<void> {
    this.logDisk = new DiskGate()
    this.stateDisk = new DiskGate()
    const { logger } = this
    const random = seededRandom(this.#seed * 7919 + clock.nowMs())
    const storage = openDisks(this.disks, this.logDisk.schedule, this.stateDisk.schedule)
    const booted = await bootstrap(
      storage,
      bootstrapOptions({ origin: async () => origin, clock, logger, random }),
    )
    if (!booted.ok) throw new Error(booted.message)
    const gateway = new PeerGateway()
    const transport = join(this.#filtered(gateway))
    const server = new Server(
      storage,
      booted.member,
      serverOptions({
        name: this.name,
        clientUrls: [`http://c:${this.#seed}`],
        snapshotCount: 1_000_000,
        clock,
        random,
        logger,
        startWallMs: wallMs(),
        wallMs,
        transport,
        onRemoved: () => this.removedCount++,
        ...this.options,
      }),
    )
    gateway.open(server.peers)
    this.transport = transport
    this.isStarted = false
    const current = new TestServer(server)
    this.#current = current
    void server.start().then(() => (this.isStarted = this.#current === current))
  }

  #filtered(events: TransportEvents): TransportEvents {
    return {
      onMessage: (message) => {
        const arrived = this.onMessage(message)
        if (arrived !== undefined) events.onMessage(arrived)
      },
      onUnreachable: (id) => events.onUnreachable(id),
      onCall: (from, request) => events.onCall(from, request),
      onSnapshot: (message, checkpoint, bytes) => events.onSnapshot(message, checkpoint, bytes),
      onStranger: (peer) => events.onStranger(peer),
      onForeign: (id) => events.onForeign(id),
      onRemoved: () => {
        if (this.hearsOfRemoval) events.onRemoved()
      },
    }
  }

  /** Power is cut. Of unsynced writes to the state store those remain that `keeps` picks. */
  crash(keeps?: (position: number) => boolean, keepInFlight = false): void {
    const { server } = this
    this.#current = undefined
    this.isStarted = false
    void this.transport?.stop()
    this.disks.log.crash({ keepInFlight })
    this.disks.state.crash(keeps)
    server.endStreams()
    // It goes no further than to its dead disks, but its timers end.
    void server.stop()
  }

  /** As when it gets SIGTERM. */
  async stop(): Promise<void> {
    const { server } = this
    await server.handOver()
    server.endStreams()
    await server.stop()
    this.#current = undefined
    this.isStarted = false
  }
}

export function memberId(number: number): MemberId {
  return number.toString(16).padStart(16, '0')
}

export interface ClusterSettings {
  readonly size?: number
  readonly latencyMs?: () => number
  readonly options?: Partial<ServerOptions>
}

export class TestCluster {
  readonly clock = new ManualClock()
  readonly network: MemoryNetwork
  readonly members: TestMember[]
  readonly #agenda: Agenda
  readonly #founders: readonly FoundingMember[]
  readonly #options: Partial<ServerOptions>

  private constructor({ size = 3, latencyMs = () => 0, options = {} }: ClusterSettings) {
    this.#options = options
    this.#agenda = new Agenda(this.clock, latencyMs)
    this.network = new MemoryNetwork(this.#agenda)
    this.members = Array.from({ length: size }, (_, i) => new TestMember(i + 1, options))
    this.#founders = this.members.map(({ id, name, peerUrls }) => ({ id, name, peerUrls }))
  }

  /** All members started and caught up, and one of them leads. */
  static async start(settings: ClusterSettings = {}): Promise<TestCluster> {
    const cluster = new TestCluster(settings)
    for (const member of cluster.members) await cluster.boot(member)
    await cluster.until(() => cluster.members.every(({ isStarted }) => isStarted))
    await cluster.settle()
    return cluster
  }

  member(number: number): TestMember {
    const member = this.members[number - 1]
    if (member === undefined) throw new Error(`there is no member ${number}`)
    return member
  }

  get running(): TestMember[] {
    return this.members.filter(({ isRunning }) => isRunning)
  }

  /** Who leads by its own account, in the highest term. */
  async leader(): Promise<TestMember> {
    let found: TestMember | undefined
    await this.until(async () => {
      found = await this.currentLeader()
      return found !== undefined
    })
    if (found === undefined) throw new Error('nobody leads')
    return found
  }

  async currentLeader(): Promise<TestMember | undefined> {
    let leader: TestMember | undefined
    let highest = -1
    for (const member of this.running) {
      const { raftTerm, leader: known } = await status(member)
      if (known !== member.id || raftTerm <= highest) continue
      leader = member
      highest = raftTerm
    }
    return leader
  }

  async followers(): Promise<TestMember[]> {
    const leader = await this.leader()
    return this.running.filter((member) => member !== leader)
  }

  /** Starts it, for the first time or again; it goes on while the cluster advances. */
  async boot(member: TestMember, origin = this.#founding(member)): Promise<void> {
    await member.start(
      origin,
      this.clock,
      () => this.wallMs(),
      (events) => this.network.join(member.id, events),
    )
  }

  async restart(member: TestMember): Promise<void> {
    await this.boot(member)
    await this.until(() => member.isStarted)
    await this.settle()
  }

  /** A new member that was added under this id. */
  async join(id: MemberId, members: readonly ClusterMember[]): Promise<TestMember> {
    const member = new TestMember(this.members.length + 1, this.#options, id)
    this.members.push(member)
    await this.boot(member, {
      ok: true,
      type: 'joined',
      clusterId: CLUSTER_ID,
      memberId: id,
      members,
    })
    return member
  }

  #founding(member: TestMember): Origin {
    return {
      ok: true,
      type: 'founded',
      clusterId: CLUSTER_ID,
      memberId: member.id,
      members: this.#founders,
    }
  }

  wallMs(): number {
    return 1_900_000_000_000 + this.clock.nowMs()
  }

  /** Nothing passes between it and the others any more. */
  isolate(member: TestMember, others = this.members): void {
    for (const other of others) {
      if (other === member) continue
      this.network.cut(member.id, other.id)
      this.network.cut(other.id, member.id)
    }
  }

  heal(): void {
    for (const { id } of this.members) {
      for (const other of this.members) if (other.id !== id) this.network.heal(id, other.id)
    }
  }

  /** Everything that can happen without time passing. */
  async settle(): Promise<void> {
    let rounds = 0
    for (let idle = 0; idle < IDLE_TURNS; idle++) {
      if (this.#agenda.run()) idle = 0
      await turns()
      // Members that keep each other busy without any time passing would do so at full speed.
      if (rounds++ > ROUNDS_MAX) throw new Error('it does not come to rest')
    }
  }

  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.clock.advance(STEP_MS)
      vi.advanceTimersByTime(STEP_MS)
      await this.settle()
    }
  }

  /** Lets time pass until it holds; fails when that takes longer than anything in the server. */
  async until(condition: () => boolean | Promise<boolean>, limitMs = LIMIT_MS): Promise<void> {
    const deadlineMs = this.clock.nowMs() + limitMs
    while (!(await condition())) {
      if (this.clock.nowMs() >= deadlineMs) throw new Error('it did not come to hold')
      await this.advance(STEP_MS)
    }
  }

  /** Lets time pass until it settles. */
  async run<Result>(promise: Promise<Result>, limitMs = LIMIT_MS): Promise<Result> {
    let isSettled = false
    const settle = (): void => void (isSettled = true)
    promise.then(settle, settle)
    await this.settle()
    await this.until(() => isSettled, limitMs)
    return promise
  }

  /** The same for a call that is refused: its message. */
  async refusal(promise: Promise<unknown>, limitMs = LIMIT_MS): Promise<string> {
    const outcome = promise.then(
      () => 'answered',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    return this.run(outcome, limitMs)
  }

  /** The network heals, and all members run and have applied the same. */
  async converge(): Promise<void> {
    this.heal()
    for (const member of this.members) if (!member.isRunning) await this.boot(member)
    await this.until(async () => {
      if (!this.members.every(({ isStarted }) => isStarted)) return false
      const all = await Promise.all(this.members.map((member) => status(member)))
      return (
        new Set(all.map(({ raftAppliedIndex, raftIndex }) => `${raftAppliedIndex} ${raftIndex}`))
          .size === 1 && all.every(({ leader }) => leader !== memberId(0))
      )
    })
  }

  async stop(): Promise<void> {
    for (const member of this.running) await this.run(member.stop())
  }
}

export interface StatusOf {
  readonly leader: MemberId
  readonly raftTerm: number
  readonly raftIndex: number
  readonly raftAppliedIndex: number
  readonly errors: readonly string[]
  readonly header: {
    readonly revision: number
    readonly memberId: MemberId
    readonly raftTerm: number
    readonly clusterId: string
  }
}

export function status(member: TestMember): Promise<StatusOf> {
  return member.test.call<StatusOf>('Maintenance.Status', {})
}
