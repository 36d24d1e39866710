/**
 * A member: its parts, wired, and their life from start to stop.
 *
 *   services ─► proposer ─► raft node ─► applier ─► store            (writes)
 *   services ─► read index ─► raft node, then the store              (linearizable reads)
 *               raft node ─► log store      snapshotter ─► state store      (disk)
 *               raft node ◄─► peers ◄─► transport                    (the other members)
 */

import type { Commit } from '../mvcc/store.ts'
import { WatchHub } from '../mvcc/watch-hub.ts'
import {
  NO_MEMBER,
  type ConfChange,
  type ConfState,
  type Entry,
  type MemberId,
} from '../raft/types.ts'
import type { Method } from '../rpc/engine.ts'
import { Applier } from './applier.ts'
import { AutoCompactor } from './auto-compactor.ts'
import type { Bootstrapped, OpenedStorage } from './bootstrap.ts'
import { CallGuard } from './call-guard.ts'
import { ClientServices } from './client-services.ts'
import { Compactor } from './compactor.ts'
import { Health } from './health.ts'
import { HttpApi } from './http.ts'
import { Leadership } from './leadership.ts'
import { LeaseLoop } from './lease-loop.ts'
import type { OperationCounts } from './metric-sources.ts'
import { measureSeconds } from './measure.ts'
import { Metrics } from './metrics.ts'
import { Peers } from './peers.ts'
import { firstRequestId, Proposer, type ProposedRequest } from './proposer.ts'
import { RaftNode } from './raft-node.ts'
import { ReadIndex } from './read-index.ts'
import { Reconfiguration } from './reconfiguration.ts'
import { Removal } from './removal.ts'
import { ResponseHeaders } from './response-header.ts'
import type { ServerOptions } from './server-options.ts'
import { SlicedReads } from './sliced-reads.ts'
import { Snapshotter } from './snapshotter.ts'
import { SpaceGuard } from './space-guard.ts'
import { Startup } from './startup.ts'
import { StateGuard, type StateGuardPorts } from './state-guard.ts'
import { TimeoutCause } from './timeout-cause.ts'
import { WatchFeeder } from './watch-feeder.ts'

/** As etcd: a request may take this long beside two elections. */
const REQUEST_BASE_TIMEOUT_MS = 5000
/** How long a member that stops waits for another one to lead. */
const HAND_OVER_LIMIT_MS = 500
const LEASE_CHECKPOINT_MS = 300_000

export class Server {
  readonly metrics = new Metrics()
  readonly #reads = new SlicedReads()
  readonly http: HttpApi
  readonly #options: ServerOptions
  readonly #storage: OpenedStorage
  readonly #headers: ResponseHeaders
  readonly #raftNode: RaftNode
  readonly peers: Peers
  readonly #leadership: Leadership
  readonly #timeoutCause: TimeoutCause
  readonly #reconfiguration: Reconfiguration
  readonly #stateGuard: StateGuard
  readonly #startup: Startup
  readonly #removal: Removal
  readonly #autoCompactor: AutoCompactor | undefined
  readonly #services: ClientServices
  readonly #applier: Applier
  readonly #proposer: Proposer
  readonly #readIndex: ReadIndex
  readonly #leaseLoop: LeaseLoop
  readonly #watchHub: WatchHub
  readonly #watchFeeder: WatchFeeder
  readonly #snapshotter: Snapshotter
  readonly #compactor: Compactor
  readonly #spaceGuard: SpaceGuard
  readonly #guard: CallGuard
  readonly #operations: OperationCounts = { range: 0, put: 0, delete: 0, txn: 0 }
  #ticker: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(storage: OpenedStorage, member: Bootstrapped, options: ServerOptions) {
    const { clock, logger } = options
    const { clusterId, memberId } = member.checkpoint
    const requestTimeoutMs = REQUEST_BASE_TIMEOUT_MS + 2 * options.electionMs
    this.#options = options
    this.#storage = storage
    this.#applier = new Applier(member.store, member.leases, member.checkpoint, (commit) =>
      this.#onCommit(commit),
    )
    this.#watchHub = new WatchHub(member.store, options.watchLimits)
    this.#watchFeeder = new WatchFeeder(this.#watchHub)
    const onSynced = (seconds: number): void => this.metrics.walFsync.observe(seconds)
    this.#raftNode = new RaftNode(member.raw, storage.log, {
      clock,
      logger,
      onSynced,
      heartbeatMs: options.heartbeatMs,
      stallMs: options.electionMs,
    })
    this.#leadership = new Leadership(this.#raftNode, clock, options.electionMs)
    this.peers = this.#newPeers(member)
    this.#timeoutCause = this.#newTimeoutCause(memberId)
    this.#headers = new ResponseHeaders(clusterId, memberId, () => this.#raftNode.term)
    this.#proposer = new Proposer(this.#proposals(), {
      memberId,
      clock,
      timeoutMs: requestTimeoutMs,
      maxRequestBytes: options.maxRequestBytes,
      firstRequestId: firstRequestId(options.random),
      timeoutError: (startMs) => this.#timeoutCause.of(startMs),
    })
    this.#readIndex = new ReadIndex(this.#readSource(), clock, requestTimeoutMs)
    this.#leaseLoop = this.#newLeaseLoop(requestTimeoutMs)
    this.#snapshotter = new Snapshotter(
      this.#applier,
      storage.state,
      (index) => this.#raftNode.compactLog(index),
      {
        snapshotCount: options.snapshotCount,
        catchUpEntries: options.snapshotCatchUpEntries,
        heldIndex: () => this.peers.heldIndex,
      },
      logger,
      measureSeconds(clock, this.metrics.backendCommit),
    )
    this.#compactor = new Compactor(member.store, this.#snapshotter, clock, logger, (tookMs) => {
      this.metrics.compaction.observe(tookMs)
    })
    this.#spaceGuard = new SpaceGuard(
      this.#proposer,
      memberId,
      () => storage.state.bytesInUse,
      options.quotaBytes,
    )
    const health = new Health(this.#applier, this.#raftNode, this.#readIndex)
    this.http = new HttpApi(health, this.metrics, this.#applier.membership, logger)
    this.#reconfiguration = this.#newReconfiguration(memberId)
    this.#services = this.#newServices(requestTimeoutMs)
    this.#stateGuard = new StateGuard(this.#parts())
    this.#startup = this.#newStartup(member.lastIndex)
    this.#removal = this.#newRemoval()
    this.#autoCompactor = this.#newAutoCompactor()
    this.#guard = new CallGuard({
      hasLeader: () => this.#raftNode.leader !== NO_MEMBER,
      isLearner: () => this.#applier.isLearner,
      refusal: () => this.#stateGuard.refusal(),
    })
    this.#guard.register(this.metrics.registry)
    this.#listenToRaft()
    this.#observe()
  }

  /** Resolves when the member has caught up with its log, leads or follows, and has said so. */
  async start(): Promise<void> {
    const { logger, heartbeatMs } = this.#options
    const { clusterId, memberId } = this.#headers
    logger.info(`starting member ${memberId} in cluster ${clusterId}`)
    this.#ticker = setInterval(() => this.#tick(), heartbeatMs)
    this.#startPeers()
    await this.#startup.replay()
    this.#stateGuard.start()
    this.#compactor.schedule()
    await this.#startup.publish()
    this.peers.onCaughtUp()
  }

  /** All that clients may call. */
  methods(): Method[] {
    return this.#services.methods().map((method) => this.#guard.guard(method))
  }

  /** Lets another member lead first, so that the cluster goes on without an election timeout. */
  async handOver(): Promise<void> {
    await this.#leadership.handOver('the member stops', HAND_OVER_LIMIT_MS)
  }

  /** Ends what would never end by itself, so that the calls in flight can run out. */
  endStreams(): void {
    this.#services.endStreams()
  }

  /** After the listeners are closed: nobody asks any more. A last checkpoint makes restarts short. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#leaseLoop.stop()
    this.#leadership.stop()
    this.#proposer.stop()
    this.#readIndex.stop()
    clearInterval(this.#ticker)
    this.#stateGuard.stop()
    this.#startup.stop()
    this.#autoCompactor?.stop()
    await this.peers.stop()
    await this.#reads.stop()
    await this.#watchFeeder.stop()
    await this.#compactor.stop()
    await this.#raftNode.stop()
    await this.#snapshotter.take()
    await this.#snapshotter.pause()
    await this.#storage.log.close()
    await this.#storage.state.close()
  }

  #listenToRaft(): void {
    this.#raftNode.listen({
      onBeforeReady: () => this.#readIndex.flush(),
      onMessages: (messages) => this.peers.send(messages),
      onCommitted: (entries) => this.#apply(entries),
      onReadStates: (states) => this.#readIndex.onReadStates(states),
      onRefused: (forwardIds) => this.#proposer.onRefused(forwardIds),
      onSnapshotsDue: (ids) => this.peers.sendSnapshots(ids),
      onSnapshot: (snapshot) => this.peers.install(snapshot),
      onInstalled: () => this.#onInstalled(),
      onLeader: (leader) => this.#onLeader(leader),
      onAdvanced: () => {
        this.#leaseLoop.onAdvanced()
        this.#stateGuard.onApplied()
        this.#readIndex.onApplied()
        this.#snapshotter.onApplied()
        this.#compactor.schedule()
        this.#startup.onAdvanced()
      },
    })
  }

  #apply(entries: readonly Entry[]): void {
    const { clock } = this.#options
    const applyToRaft = (change: ConfChange): ConfState => this.#raftNode.applyConfChange(change)
    for (const entry of entries) {
      this.#snapshotter.onEntry(entry.data.length)
      const startMs = clock.nowMs()
      const applied =
        entry.type === 'EntryConfChange'
          ? this.#applier.applyConfChange(entry, applyToRaft)
          : this.#applier.applyNormal(entry)
      if (applied === undefined) continue
      const { operation, outcome } = applied
      this.metrics.observeApply(operation, outcome.ok, (clock.nowMs() - startMs) / 1000)
      if (operation === 'alarm') this.#stateGuard.onAlarms()
      this.#proposer.onApplied(applied)
    }
  }

  #tick(): void {
    this.#raftNode.tick()
    this.#proposer.expire()
    this.#proposer.offerHeld()
    this.#readIndex.expire()
    this.#leadership.tick()
    this.#services.tick(this.#raftNode.leader !== NO_MEMBER)
    this.#leaseLoop.tick()
    this.#stateGuard.tick()
    this.#autoCompactor?.tick(this.#options.clock.nowMs())
    this.peers.tick()
    this.#startup.tick()
    this.#removal.tick()
  }

  #onLeader(leader: MemberId): void {
    this.#timeoutCause.onLeader(leader)
    this.#leadership.onLeader()
    this.#leaseLoop.onLeader()
    if (leader === NO_MEMBER) return
    this.#proposer.offerHeld()
    this.#readIndex.onLeader()
  }

  #onInstalled(): void {
    this.peers.onInstalled()
    this.#snapshotter.onInstalled()
    this.#snapshotter.resume()
    this.#proposer.onInstalled()
    this.#watchFeeder.resume()
    this.#compactor.resume()
    this.#stateGuard.onAlarms()
  }

  async #pauseBackground(): Promise<void> {
    await Promise.all([this.#compactor.pause(), this.#watchFeeder.pause()])
    await this.#snapshotter.pause()
  }

  #proposals(): ConstructorParameters<typeof Proposer>[0] {
    const raftNode = this.#raftNode
    const applier = this.#applier
    const { state } = this.#storage
    return {
      propose: (type, data) => {
        // What is sent to a leader that cannot be reached may be lost; held, it certainly is not.
        const { leader, memberId } = raftNode
        const isReachable = leader === memberId || this.peers.activeSinceMs(leader) !== undefined
        return isReachable ? raftNode.propose(type, data) : { ok: false, error: 'no-leader' }
      },
      get applyBacklog() {
        return raftNode.committedIndex - applier.appliedIndex
      },
      get unwrittenBytes() {
        return state.pendingBytes
      },
    }
  }

  #readSource(): ConstructorParameters<typeof ReadIndex>[0] {
    const raftNode = this.#raftNode
    const applier = this.#applier
    const reads = this.#reads
    return {
      get isHeldUp() {
        return !reads.isOpen || (raftNode.isLeader && raftNode.isStalled)
      },
      onGathering: () => raftNode.schedule(),
      readIndex: (context) => raftNode.readIndex(context),
      get appliedIndex() {
        return applier.appliedIndex
      },
    }
  }

  #newServices(requestTimeoutMs: number): ClientServices {
    const parts = {
      applier: this.#applier,
      raftNode: this.#raftNode,
      leadership: this.#leadership,
      peers: this.peers,
      proposer: this.#proposer,
      readIndex: this.#readIndex,
      reads: this.#reads,
      leaseLoop: this.#leaseLoop,
      watchHub: this.#watchHub,
      compactor: this.#compactor,
      spaceGuard: this.#spaceGuard,
      reconfiguration: this.#reconfiguration,
      state: this.#storage.state,
      headers: this.#headers,
      metrics: this.metrics,
      operations: this.#operations,
      isStopped: () => this.#isStopped,
    }
    return new ClientServices(parts, this.#options, requestTimeoutMs)
  }

  #newLeaseLoop(timeoutMs: number): LeaseLoop {
    const { clock, logger, electionMs, leaseCheckpointIntervalMs } = this.#options
    const raftNode = this.#raftNode
    const applier = this.#applier
    const ports = {
      clock,
      logger,
      leadingTerm: () =>
        raftNode.isLeader && applier.appliedTerm === raftNode.term ? raftNode.term : undefined,
      confirmRead: () => this.#readIndex.wait(),
      propose: (request: ProposedRequest) => this.#proposer.propose(request, 'upkeep'),
      onGranted: (ttl: number) => this.metrics.leaseTtl.observe(ttl),
      remoteLeader: () => {
        const { leader, memberId } = raftNode
        return leader === NO_MEMBER || leader === memberId ? undefined : leader
      },
      renewAt: (leader: MemberId, id: bigint) => this.peers.calls.renew(leader, id),
      remainingAt: (leader: MemberId, id: bigint) => this.peers.calls.remaining(leader, id),
    }
    const checkpointIntervalMs = leaseCheckpointIntervalMs ?? LEASE_CHECKPOINT_MS
    return new LeaseLoop(applier.leases, ports, { electionMs, timeoutMs, checkpointIntervalMs })
  }

  #startPeers(): void {
    this.#applier.membership.onChanged(() => this.peers.updateMembers())
    this.peers.start({
      renew: (lease) => this.#leaseLoop.renewForMember(lease),
      remaining: (lease) => this.#leaseLoop.remainingForMember(lease),
      promote: (memberId) => this.#services.cluster.promote(memberId),
      compareState: (point) => this.#stateGuard.compare(point),
    })
  }

  #newPeers(member: Bootstrapped): Peers {
    const { clock, logger, transport, electionMs } = this.#options
    const { clusterId, memberId } = member.checkpoint
    return new Peers({
      memberId,
      clusterId,
      transport,
      initialPeers: member.initialPeers,
      raftNode: this.#raftNode,
      applier: this.#applier,
      state: this.#storage.state,
      hub: this.#watchHub,
      reads: this.#reads,
      clock,
      logger,
      callTimeoutMs: REQUEST_BASE_TIMEOUT_MS + electionMs,
      appliedBytes: () => this.#snapshotter.appliedBytes,
      pauseBackground: () => this.#pauseBackground(),
      onRemoved: () => this.#removal.note(),
      onForeign: () => {
        if (!this.#startup.isOver && this.#raftNode.leader === NO_MEMBER) this.#options.onForeign()
      },
    })
  }

  #newTimeoutCause(memberId: MemberId): TimeoutCause {
    const { clock, electionMs } = this.#options
    return new TimeoutCause({
      clock,
      memberId,
      electionMs,
      leader: () => this.#raftNode.leader,
      voters: () => this.#applier.membership.voters.map(({ id }) => id),
      activeSinceMs: (id) => this.peers.activeSinceMs(id),
    })
  }

  #newReconfiguration(memberId: MemberId): Reconfiguration {
    const { clock, strictReconfigCheck } = this.#options
    const ports = {
      membership: this.#applier.membership,
      raftStatus: () => this.#raftNode.status(),
      activeSinceMs: (id: MemberId) => this.peers.activeSinceMs(id),
      clock,
    }
    return new Reconfiguration(ports, { memberId, strict: strictReconfigCheck })
  }

  /** What several of the parts are made of. */
  #parts(): StateGuardPorts {
    const { clock, logger } = this.#options
    return {
      applier: this.#applier,
      raftNode: this.#raftNode,
      proposer: this.#proposer,
      peers: this.peers,
      clock,
      logger,
    }
  }

  #newStartup(replayTo: number): Startup {
    const { name, clientUrls, heartbeatMs, electionMs, initialElectionTickAdvance } = this.#options
    return new Startup(this.#parts(), {
      name,
      clientUrls,
      heartbeatMs,
      electionMs,
      advanceElection: initialElectionTickAdvance,
      replayTo,
    })
  }

  #newRemoval(): Removal {
    const { clock, logger, electionMs, onRemoved } = this.#options
    const { membership } = this.#applier
    const raftNode = this.#raftNode
    return new Removal({ membership, raftNode, clock, logger, electionMs, onRemoved })
  }

  #newAutoCompactor(): AutoCompactor | undefined {
    const { autoCompaction, logger } = this.#options
    if (autoCompaction === undefined) return undefined
    return new AutoCompactor(autoCompaction, {
      logger,
      currentRevision: () => this.#applier.store.currentRevision,
      isLeader: () => this.#raftNode.isLeader,
      compact: (revision) => {
        const value = { revision, physical: false }
        return this.#proposer.propose({ case: 'compaction', value }, 'upkeep')
      },
    })
  }

  #onCommit(commit: Commit): void {
    for (const { type } of commit.changes) this.#operations[type]++
    if (commit.changes.length > 1) this.#operations.txn++
    this.#watchHub.onCommit(commit)
  }

  #observe(): void {
    this.metrics.observe({
      applier: this.#applier,
      raftNode: this.#raftNode,
      proposer: this.#proposer,
      readIndex: this.#readIndex,
      leaseLoop: this.#leaseLoop,
      state: this.#storage.state,
      identity: this.#headers,
      operations: this.#operations,
      watchHub: this.#watchHub,
      watch: this.#services.watch,
      quotaBytes: this.#options.quotaBytes,
    })
  }
}
