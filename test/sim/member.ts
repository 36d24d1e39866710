/** One member over all its lives, each booted as in production from what the disks still have. */

import type { Logger, LogFields } from '../../src/base/ports.ts'
import type { RawNode } from '../../src/raft/raw-node.ts'
import type { MemberId } from '../../src/raft/types.ts'
import type { RaftStatus } from '../../src/raft/status.ts'
import { bootstrap, type OpenedStorage } from '../../src/server/bootstrap.ts'
import type { Origin } from '../../src/server/join.ts'
import type { Member as ClusterMember } from '../../src/server/membership.ts'
import { PeerGateway } from '../../src/server/peer-gateway.ts'
import { Server } from '../../src/server/server.ts'
import type { Transport } from '../../src/peer/ports.ts'
import type { StorageFailure } from '../../src/storage/ports.ts'
import { openRaftLogStore } from '../../src/storage/raft-log-store.ts'
import { openStateStore } from '../../src/storage/state-store.ts'
import { bootstrapOptions, serverOptions, TestServer } from '../server/support/test-server.ts'
import type { Census } from './census.ts'
import { Draws } from './draws.ts'
import { SimDisk } from './disk.ts'
import { LOG, SimFiles, STATE, type DiskPoint, type Phase } from './files.ts'
import type { Invariants } from './invariants.ts'
import type { SimNetwork } from './network.ts'
import { peerUrlOf } from './origin.ts'
import type { Plan } from './plan.ts'
import type { Timeline } from './timeline.ts'
import { Owner, type World } from './world.ts'

export const HEARTBEAT_MS = 100
export const ELECTION_MS = 1000
const START_WALL_MS = 1_900_000_000_000

export interface Surroundings {
  readonly plan: Plan
  readonly world: World
  readonly network: SimNetwork
  readonly invariants: Invariants
  readonly census: Census
  readonly timeline: Timeline
  readonly report: (kind: string, sentence: string) => void
}

export type MemberState = 'down' | 'starting' | 'up' | 'gone'

export interface PowerCut {
  /** What is drawn of what remains. */
  readonly keeps: number
  readonly keepInFlight: boolean
  readonly loseUnsynced: boolean
}

/** The power is cut when the disk gets to that point the next time. */
export interface Trap extends PowerCut {
  readonly point: DiskPoint
  readonly phase: Phase
  readonly onSprung: () => void
}

export class SimMember {
  readonly id: MemberId
  readonly number: number
  readonly name: string
  readonly peerUrl: string
  state: MemberState = 'down'
  /** Snapshots put in place. */
  installs = 0
  /** Called when the life that is running ends. */
  readonly #mourners = new Set<() => void>()
  readonly #around: Surroundings
  readonly files: SimFiles
  readonly #logDisk: SimDisk
  readonly #stateDisk: SimDisk
  readonly #origin: Origin
  #lives = 0
  #owner: Owner | undefined
  #test: TestServer | undefined
  #raw: RawNode | undefined
  #transport: Transport | undefined
  #rate = 1
  #isPaused = false
  #isReceiving = false
  #trap: Trap | undefined
  /** Acknowledged bytes of its disk are damaged: it must not come back. */
  #isDamaged = false
  #isAbandoned = false
  /** How far its wall clock is off. */
  #wallOffMs: number | undefined = 0

  constructor(around: Surroundings, number: number, id: MemberId, origin: Origin) {
    const { world, plan } = around
    this.#around = around
    this.number = number
    this.id = id
    this.name = `m${number}`
    this.peerUrl = peerUrlOf(number)
    this.#origin = origin
    this.files = new SimFiles(plan.seed, this.name)
    this.#logDisk = new SimDisk(world, plan.seed, `log ${number}`, plan.logMs)
    this.#stateDisk = new SimDisk(world, plan.seed, `state ${number}`, plan.stateMs)
  }

  get owner(): Owner | undefined {
    return this.#owner
  }

  get status(): RaftStatus | undefined {
    return this.#raw?.status()
  }

  get isRunning(): boolean {
    return this.state === 'up' || this.state === 'starting'
  }

  get isLeader(): boolean {
    return this.isRunning && this.status?.role === 'leader'
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  get rate(): number {
    return this.#rate
  }

  start(): void {
    if (this.state !== 'down') return
    const { world, timeline } = this.#around
    this.state = 'starting'
    this.#lives++
    const owner = new Owner(world, `${this.name}#${this.#lives}`, this.number, 1000 * this.#lives)
    owner.setRate(this.#rate)
    this.#owner = owner
    timeline.add(this.name, 'starts')
    world.soon(owner, 'boot', () => {
      this.#boot(owner).catch((error: unknown) => {
        if (!owner.isDead && !owner.isDoomed) throw error
      })
    })
  }

  /** Power is cut. */
  crash({ keeps, keepInFlight, loseUnsynced }: PowerCut): void {
    if (!this.isRunning) return
    const { census, timeline } = this.#around
    if (this.#isReceiving) census.count('crash while a snapshot comes in')
    const draws = new Draws(keeps, 'power cut')
    const { log, state } = this.files.crash({ draws, keepInFlight, loseUnsynced })
    if (log.inFlightKept > 0) census.count('append in flight kept by a crash')
    if (log.inFlightLost > 0) census.count('append in flight torn off by a crash')
    if (log.lost > 0) census.count('log compaction lost in a crash')
    if (state.lost > 0) census.count('unsynced state lost in a crash')
    if (state.isTorn) census.count('later state kept by a crash, earlier state lost')
    timeline.add(this.name, `crashes: ${JSON.stringify({ log, state })}`)
    this.#end('down')
  }

  setTrap(trap: Trap | undefined): void {
    this.#trap = trap
  }

  get isDamaged(): boolean {
    return this.#isDamaged
  }

  /** Its disk has lost what it must not lose, while it is down. */
  damage(): void {
    this.#isDamaged = true
    this.#around.invariants.promises.onDamage(this.id)
    this.#around.timeline.add(this.name, 'has a damaged disk')
  }

  /** Its monotonic clock shows more than it did. */
  jump(ms: number): void {
    this.#owner?.jump(ms)
  }

  /** Its wall clock is off by so much; undefined: each start is at the same time. */
  setWallClock(offMs: number | undefined): void {
    this.#wallOffMs = offMs
  }

  /** The process ends. What it wrote is there at the next start. */
  kill(): void {
    if (!this.isRunning) return
    this.#around.timeline.add(this.name, 'is killed')
    this.files.settle()
    this.#end('down')
  }

  /** As when it gets SIGTERM. Resolves when it is down. */
  stop(to: 'down' | 'gone' = 'down'): Promise<void> {
    const { world } = this.#around
    const owner = this.#owner
    const test = this.#test
    if (this.state !== 'up' || owner === undefined || test === undefined) return Promise.resolve()
    this.#around.timeline.add(this.name, 'stops')
    this.state = 'starting'
    return new Promise((resolve) => {
      this.#mourners.add(resolve)
      world.soon(owner, 'stop', () => {
        const stop = async (): Promise<void> => {
          await test.server.handOver()
          test.server.endStreams()
          await test.server.stop()
        }
        void stop().then(() => {
          if (this.#owner !== owner) return
          this.files.settle()
          this.#end(to)
        })
      })
    })
  }

  /** It is removed and its disk is lost. */
  dispose(): void {
    this.crash({ keeps: 0, keepInFlight: false, loseUnsynced: true })
    this.state = 'gone'
  }

  /** Nobody counts on it any more, nor talks to it; if it runs, it goes on by itself. */
  abandon(): void {
    this.#isAbandoned = true
    this.state = 'gone'
    this.#around.timeline.add(this.name, 'is left behind')
    this.#mourn()
  }

  /** A member of the cluster of which nothing is expected. */
  get isAbandoned(): boolean {
    return this.#isAbandoned
  }

  pause(): void {
    this.#isPaused = true
    this.#owner?.pause()
    this.#around.timeline.add(this.name, 'is paused')
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#owner?.resume()
    this.#around.timeline.add(this.name, 'goes on')
  }

  setRate(rate: number): void {
    this.#rate = rate
    this.#owner?.setRate(rate)
  }

  stall(disk: 'log' | 'state' | 'both', forMs: number): void {
    if (disk !== 'state') this.#logDisk.stall(forMs)
    if (disk !== 'log') this.#stateDisk.stall(forMs)
  }

  slowDisks(meanMs: number): void {
    this.#logDisk.slow(meanMs)
    this.#stateDisk.slow(meanMs)
  }

  healDisks(): void {
    this.#trap = undefined
    this.files.heal()
    this.#logDisk.heal()
    this.#stateDisk.heal()
  }

  /** Runs it in a step of the member; `onGone` if its life ends before `forget` is called. */
  enter(kind: string, run: (test: TestServer) => void, onGone: () => void): () => void {
    const owner = this.#owner
    const test = this.#test
    if (this.state !== 'up' || owner === undefined || test === undefined) {
      onGone()
      return () => undefined
    }
    this.#mourners.add(onGone)
    this.#around.world.soon(owner, kind, () => run(test))
    return () => this.#mourners.delete(onGone)
  }

  /** Who is in the cluster, as far as one has applied it that does not serve yet. */
  peekMembers(): Promise<readonly ClusterMember[]> {
    const owner = this.#owner
    const test = this.#test
    if (this.state !== 'starting' || owner === undefined || test === undefined) {
      return Promise.resolve([])
    }
    return new Promise((resolve) => {
      const onGone = (): void => resolve([])
      const finish = (members: readonly ClusterMember[]): void => {
        this.#mourners.delete(onGone)
        resolve(members)
      }
      this.#mourners.add(onGone)
      this.#around.world.soon(owner, 'members', () => {
        const list = test.call<{ members?: readonly ClusterMember[] }>('Cluster.MemberList', {})
        void list.then(({ members = [] }) => finish(members), onGone)
      })
    })
  }

  async #boot(owner: Owner): Promise<void> {
    const { world, plan, network, invariants, report } = this.#around
    const random = new Draws(plan.seed, `member ${this.number} life ${this.#lives}`)
    const logger = this.#around.timeline.logger(this.name, (message, fields) =>
      this.#onLog(message, fields),
    )
    const bornMs = world.nowMs
    const wallMs = (): number =>
      Math.floor(START_WALL_MS + world.nowMs + (this.#wallOffMs ?? -bornMs))
    const storage = await this.#openStorage(owner, logger)
    if (storage === undefined) return
    invariants.promises.onStart(this.id, owner.name, storage.log, storage.recoveredLog)
    const booted = await bootstrap(
      storage,
      bootstrapOptions({
        origin: async () => this.#origin,
        clock: owner,
        random,
        logger,
        preVote: plan.preVote,
        ...(plan.messageBytes !== undefined && { maxBytesPerMessage: plan.messageBytes }),
        ...(plan.inflightMessages !== undefined && { maxInflightMessages: plan.inflightMessages }),
      }),
    )
    if (!booted.ok) {
      if (this.#isDamaged) return this.#refused(booted.message)
      if (!booted.message.includes('removed')) {
        report('start-refused', `${this.name} does not start: ${booted.message}`)
      }
      this.#end('gone')
      return
    }
    const { raw } = booted.member
    invariants.watch(raw, owner, this.files.durableLog)
    const gateway = new PeerGateway()
    const transport = network.join(owner, this.id, gateway)
    this.#transport = transport
    const server = new Server(
      storage,
      booted.member,
      serverOptions({
        name: this.name,
        clientUrls: [`http://c:${this.number}`],
        heartbeatMs: HEARTBEAT_MS,
        electionMs: ELECTION_MS,
        snapshotCount: plan.snapshotCount,
        snapshotCatchUpEntries: plan.catchUpEntries,
        initialElectionTickAdvance: plan.initialAdvance,
        watchProgressNotifyIntervalMs: 2000,
        watchLimits: plan.limits.watch,
        watchFragmentBytes: plan.limits.fragmentBytes,
        leaseCheckpointIntervalMs: plan.limits.leaseCheckpointMs,
        clock: owner,
        random,
        logger,
        quotaBytes: plan.quotaBytes === 0 ? Infinity : plan.quotaBytes,
        startWallMs: wallMs(),
        wallMs,
        transport,
        onRemoved: () => this.#onRemoved(),
        onForeign: () => undefined,
      }),
    )
    gateway.open(server.peers)
    this.#test = new TestServer(server)
    this.#raw = raw
    await server.start()
    if (this.#owner !== owner) return
    this.state = this.#isAbandoned ? 'gone' : 'up'
    this.#around.timeline.add(this.name, 'serves')
    if (this.#isDamaged) report('damage-served', `${this.name} serves from a damaged disk`)
  }

  async #openStorage(owner: Owner, logger: Logger): Promise<OpenedStorage | undefined> {
    const files = this.files.open(
      { onPoint: (point, phase) => this.#onPoint(owner, point, phase) },
      this.#logDisk.open(owner),
      this.#stateDisk.open(owner),
    )
    const onFatal = (error: Error): void => this.#onFatal(owner, error)
    const log = await openRaftLogStore(LOG, { onFatal, logger, files })
    const state = log.ok ? await openStateStore(STATE, { onFatal, logger, files }) : log
    if (log.ok && state.ok) {
      return {
        log: log.store,
        recoveredLog: log.recovered,
        state: state.store,
        recoveredCheckpoint: state.checkpoint,
      }
    }
    if (!state.ok) this.#notOpened(state)
    return undefined
  }

  #notOpened({ error, message }: StorageFailure): void {
    const { census, report } = this.#around
    if (error === 'unwritable' && this.files.isFailing) {
      census.count('start refused while the disk is full')
      this.files.settle()
      return this.#end('down')
    }
    if (this.#isDamaged) return this.#refused(message)
    report('start-refused', `${this.name} does not start: ${message}`)
    this.#end('gone')
  }

  /** As it must be. */
  #refused(message: string): void {
    this.#around.census.count('start refused on a damaged disk')
    this.#around.timeline.add(this.name, `refuses its disk: ${message}`)
    this.#end('gone')
  }

  /** The process ends: no further step of it. */
  #onFatal(owner: Owner, error: Error): void {
    const { world } = this.#around
    owner.isDoomed = true
    owner.pause()
    world.after(world.outside, 0, 'fatal', () => {
      if (this.#owner === owner) this.#die(error)
    })
  }

  #die(error: Error): void {
    const { census, report } = this.#around
    if (this.#isDamaged) return this.#refused(error.message)
    this.#around.timeline.add(this.name, `ends: ${error.message}`)
    if (this.files.takeFailures() === 0) report('fatal', `${this.name}: ${error.message}`)
    census.count('member that ended on a failed write')
    // The system may drop what it could not write, and may go down with it.
    const draws = new Draws(this.#around.plan.seed, `end of life ${this.#lives} of ${this.name}`)
    if (draws.chance(0.5)) this.files.settle()
    else this.files.crash({ draws, keepInFlight: draws.chance(0.5), loseUnsynced: false })
    this.#end('down')
  }

  #onPoint(owner: Owner, point: DiskPoint, phase: Phase): boolean {
    const trap = this.#trap
    if (trap === undefined || trap.point !== point || trap.phase !== phase) return false
    if (this.#owner !== owner) return false
    this.#trap = undefined
    const { census, world, timeline } = this.#around
    const spring = (): void => {
      if (this.#owner !== owner) return
      census.tally(`power cut: ${point}`)
      census.tally(`power cut: ${point} ${phase}`)
      timeline.add(this.name, `loses power: ${point} ${phase}`)
      this.crash(trap)
      trap.onSprung()
    }
    // A step of the world, so that nobody else's promises run in a step of the one who is gone.
    if (phase === 'done') owner.pause()
    world.after(world.outside, 0, 'power', spring)
    return phase === 'done'
  }

  #onRemoved(): void {
    this.#around.census.count('member removed')
    if (this.state === 'up') void this.stop('gone')
    else this.#end('gone')
  }

  #onLog(message: string, fields: LogFields): void {
    const { census } = this.#around
    if (message === 'receiving database snapshot') this.#isReceiving = true
    if (message === 'replayed the Raft log' && Number(fields['entries']) > 0 && this.#lives > 1) {
      census.count('restart that replayed the log')
    }
    if (message === 'finished scheduled compaction') {
      this.#around.invariants.moments.onCut(this.id)
    }
    if (message !== 'applied snapshot') return
    this.#isReceiving = false
    this.installs++
    census.count('snapshot installed')
    if (this.status?.learners.includes(this.id) === true) {
      census.count('snapshot received by a learner')
    }
  }

  #mourn(): void {
    const mourners = [...this.#mourners]
    this.#mourners.clear()
    for (const mourner of mourners) mourner()
  }

  #end(state: 'down' | 'gone'): void {
    this.state = this.#isAbandoned ? 'gone' : state
    this.#isPaused = false
    this.#isReceiving = false
    this.#owner?.die()
    this.#owner = undefined
    this.#test = undefined
    this.#raw = undefined
    this.#logDisk.close()
    this.#stateDisk.close()
    void this.#transport?.stop()
    this.#transport = undefined
    this.#mourn()
  }
}
