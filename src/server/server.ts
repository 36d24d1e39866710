/**
 * A member: its parts, wired, and their life from start to stop.
 *
 *   services ─► proposer ─► raft node ─► applier ─► store            (writes)
 *   services ─► read index ─► raft node, then the store              (linearizable reads)
 *               raft node ─► log store      snapshotter ─► state store      (disk)
 */

import type { Clock, Logger, Random } from '../base/ports.ts'
import { LeaseIds } from '../lease/lease-ids.ts'
import type { Commit } from '../mvcc/store.ts'
import { WatchHub } from '../mvcc/watch-hub.ts'
import { NO_MEMBER, type Entry } from '../raft/types.ts'
import type { Method } from '../rpc/engine.ts'
import { Applier } from './applier.ts'
import type { Bootstrapped, OpenedStorage } from './bootstrap.ts'
import { CallGuard } from './call-guard.ts'
import { Compactor } from './compactor.ts'
import { Health } from './health.ts'
import { HttpApi } from './http.ts'
import { LeaseLoop } from './lease-loop.ts'
import type { OperationCounts } from './metric-sources.ts'
import { measureSeconds } from './measure.ts'
import { Metrics } from './metrics.ts'
import { firstRequestId, Proposer, type ProposedRequest } from './proposer.ts'
import { RaftNode } from './raft-node.ts'
import { ReadIndex } from './read-index.ts'
import { Recipes } from './recipes.ts'
import { ResponseHeaders } from './response-header.ts'
import { ClusterService } from './services/cluster.ts'
import { healthMethods } from './services/health.ts'
import { KvService } from './services/kv.ts'
import { LeaseService } from './services/lease.ts'
import { MaintenanceService } from './services/maintenance.ts'
import { WatchService } from './services/watch.ts'
import { SlicedReads } from './sliced-reads.ts'
import { Snapshotter } from './snapshotter.ts'
import { SpaceGuard } from './space-guard.ts'
import { CLUSTER_VERSION } from './version.ts'
import { WatchFeeder } from './watch-feeder.ts'

export interface ServerOptions {
  readonly name: string
  readonly clientUrls: readonly string[]
  readonly heartbeatMs: number
  readonly electionMs: number
  readonly snapshotCount: number
  /** Infinity for none. */
  readonly quotaBytes: number
  readonly maxRequestBytes: number
  readonly maxTxnOps: number
  /** Time between two progress notifications of a watch; 10 minutes when absent. */
  readonly watchProgressNotifyIntervalMs?: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Wall time at start, in milliseconds: makes request ids unique over restarts. */
  readonly startWallMs: number
}

/** As etcd: a request may take this long beside two elections. */
const REQUEST_BASE_TIMEOUT_MS = 5000
const WATCH_PROGRESS_NOTIFY_MS = 600_000

export class Server {
  readonly metrics = new Metrics()
  readonly #reads = new SlicedReads()
  readonly http: HttpApi
  readonly #options: ServerOptions
  readonly #storage: OpenedStorage
  readonly #replayTo: number
  readonly #headers: ResponseHeaders
  readonly #raftNode: RaftNode
  readonly #applier: Applier
  readonly #proposer: Proposer
  readonly #readIndex: ReadIndex
  readonly #leaseLoop: LeaseLoop
  readonly #watchHub: WatchHub
  readonly #watchFeeder: WatchFeeder
  readonly #watch: WatchService
  readonly #kv: KvService
  readonly #lease: LeaseService
  readonly #recipes: Recipes
  readonly #snapshotter: Snapshotter
  readonly #compactor: Compactor
  readonly #spaceGuard: SpaceGuard
  readonly #guard: CallGuard
  readonly #operations: OperationCounts = { range: 0, put: 0, delete: 0, txn: 0 }
  #ticker: NodeJS.Timeout | undefined
  #onReplayed: (() => void) | undefined
  #campaigned = false

  constructor(storage: OpenedStorage, member: Bootstrapped, options: ServerOptions) {
    const { clock, logger } = options
    const { clusterId, memberId } = member.checkpoint
    const requestTimeoutMs = REQUEST_BASE_TIMEOUT_MS + 2 * options.electionMs
    this.#options = options
    this.#storage = storage
    this.#replayTo = member.lastIndex
    this.#applier = new Applier(member.store, member.leases, member.checkpoint, (commit) =>
      this.#onCommit(commit),
    )
    this.#watchHub = new WatchHub(member.store)
    this.#watchFeeder = new WatchFeeder(this.#watchHub)
    const onSynced = (seconds: number): void => this.metrics.walFsync.observe(seconds)
    this.#raftNode = new RaftNode(member.raw, storage.log, { clock, logger, onSynced })
    this.#headers = new ResponseHeaders(clusterId, memberId, () => this.#raftNode.term)
    this.#proposer = new Proposer(this.#proposals(), {
      memberId,
      clock,
      timeoutMs: requestTimeoutMs,
      maxRequestBytes: options.maxRequestBytes,
      firstRequestId: firstRequestId(options.startWallMs),
    })
    this.#readIndex = new ReadIndex(this.#readSource(), clock, requestTimeoutMs)
    this.#watch = new WatchService(this.#watchHub, this.#headers, {
      maxRequestBytes: options.maxRequestBytes,
      progressNotifyIntervalMs: options.watchProgressNotifyIntervalMs ?? WATCH_PROGRESS_NOTIFY_MS,
      electionMs: options.electionMs,
      clock,
      random: options.random,
    })
    this.#leaseLoop = this.#newLeaseLoop(requestTimeoutMs)
    this.#snapshotter = new Snapshotter(
      this.#applier,
      storage.state,
      (index) => this.#raftNode.compactLog(index),
      options.snapshotCount,
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
    this.#kv = this.#newKvService()
    this.#lease = this.#newLeaseService()
    this.#recipes = this.#newRecipes()
    const health = new Health(this.#applier, this.#raftNode, this.#readIndex)
    this.http = new HttpApi(health, this.metrics, this.#applier.membership, logger)
    this.#guard = new CallGuard(() => this.#raftNode.leader !== NO_MEMBER)
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
    const replayed = this.#replay()
    this.#campaignIfAlone()
    this.#raftNode.schedule()
    await replayed
    this.#compactor.schedule()
    await this.#publish()
  }

  methods(): Method[] {
    const { membership } = this.#applier
    const { quotaBytes, logger, clock } = this.#options
    const maintenance = new MaintenanceService({
      applier: this.#applier,
      raftNode: this.#raftNode,
      proposer: this.#proposer,
      state: this.#storage.state,
      headers: this.#headers,
      logger,
      quotaBytes,
      reads: this.#reads,
      measureHash: measureSeconds(clock, this.metrics.hashRevision),
      measureDefragment: measureSeconds(clock, this.metrics.defragment),
    })
    const cluster = new ClusterService(membership, this.#readIndex, this.#headers)
    const methods = [
      ...this.#kv.methods(),
      ...this.#lease.methods(),
      ...cluster.methods(),
      ...maintenance.methods(),
      ...this.#watch.methods(),
      ...this.#recipes.methods(),
      ...healthMethods(),
    ]
    return methods.map((method) => this.#guard.guard(method))
  }

  /** Ends what would never end by itself, so that the calls in flight can run out. */
  endStreams(): void {
    this.#watch.stop()
    this.#recipes.stop()
  }

  /** After the listeners are closed: nobody asks any more. A last checkpoint makes restarts short. */
  async stop(): Promise<void> {
    this.#leaseLoop.stop()
    this.#proposer.stop()
    this.#readIndex.stop()
    clearInterval(this.#ticker)
    await this.#reads.stop()
    await this.#watchFeeder.stop()
    await this.#compactor.stop()
    await this.#raftNode.stop()
    await this.#snapshotter.take()
    await this.#snapshotter.stop()
    await this.#storage.log.close()
    await this.#storage.state.close()
  }

  #listenToRaft(): void {
    this.#raftNode.listen({
      onBeforeReady: () => this.#readIndex.flush(),
      onCommitted: (entries) => this.#apply(entries),
      onReadStates: (states) => this.#readIndex.onReadStates(states),
      onAdvanced: () => {
        this.#leaseLoop.onAdvanced()
        this.#readIndex.onApplied()
        this.#snapshotter.onApplied()
        this.#compactor.schedule()
        this.#campaignIfAlone()
        if (this.#isReady()) this.#onReplayed?.()
      },
    })
  }

  #apply(entries: readonly Entry[]): void {
    const { clock } = this.#options
    for (const entry of entries) {
      this.#snapshotter.onEntry(entry.data.length)
      if (entry.type === 'EntryConfChange') {
        this.#applier.applyConfChange(entry, (change) => this.#raftNode.applyConfChange(change))
        continue
      }
      const startMs = clock.nowMs()
      const applied = this.#applier.applyNormal(entry)
      if (applied === undefined) continue
      const { operation, outcome } = applied
      this.metrics.observeApply(operation, outcome.ok, (clock.nowMs() - startMs) / 1000)
      this.#proposer.onApplied(applied)
    }
  }

  #tick(): void {
    this.#raftNode.tick()
    this.#proposer.expire()
    this.#readIndex.expire()
    const hasLeader = this.#raftNode.leader !== NO_MEMBER
    this.#watch.tick(hasLeader)
    this.#recipes.tick(hasLeader)
    this.#leaseLoop.tick()
  }

  #proposals(): ConstructorParameters<typeof Proposer>[0] {
    const raftNode = this.#raftNode
    const applier = this.#applier
    const { state } = this.#storage
    return {
      propose: (data) => raftNode.propose(data),
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
    return {
      onGathering: () => raftNode.schedule(),
      readIndex: (context) => raftNode.readIndex(context),
      get appliedIndex() {
        return applier.appliedIndex
      },
    }
  }

  #newKvService(): KvService {
    const { store, alarms } = this.#applier
    const { maxTxnOps, maxRequestBytes } = this.#options
    const parts = {
      store,
      alarms,
      proposer: this.#proposer,
      readIndex: this.#readIndex,
      compactor: this.#compactor,
      spaceGuard: this.#spaceGuard,
      headers: this.#headers,
      operations: this.#operations,
      reads: this.#reads,
    }
    return new KvService(parts, { maxTxnOps, maxRequestBytes })
  }

  #newLeaseService(): LeaseService {
    const { store, leases } = this.#applier
    return new LeaseService({
      store,
      leases,
      loop: this.#leaseLoop,
      ids: new LeaseIds(this.#headers.memberId, this.#options.startWallMs),
      proposer: this.#proposer,
      spaceGuard: this.#spaceGuard,
      headers: this.#headers,
    })
  }

  #newRecipes(): Recipes {
    const { clock, electionMs } = this.#options
    return new Recipes({
      store: this.#applier.store,
      hub: this.#watchHub,
      kv: this.#kv,
      lease: this.#lease,
      leases: this.#leaseLoop,
      proposer: this.#proposer,
      headers: this.#headers,
      clock,
      electionMs,
    })
  }

  #newLeaseLoop(timeoutMs: number): LeaseLoop {
    const { clock, logger, electionMs } = this.#options
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
    }
    return new LeaseLoop(applier.leases, ports, { electionMs, timeoutMs })
  }

  /** A lone voter has nobody to wait for. In a new log its own entry makes it a voter first. */
  #campaignIfAlone(): void {
    if (this.#campaigned) return
    const { memberId } = this.#headers
    const { members } = this.#applier.membership
    if (members.length !== 1 || members[0]?.id !== memberId) return
    this.#campaigned = true
    this.#raftNode.campaign()
  }

  #isReady(): boolean {
    return this.#applier.appliedIndex >= this.#replayTo && this.#raftNode.leader !== NO_MEMBER
  }

  /** Resolves when there is a leader, and everything that was in the log at start is applied. */
  async #replay(): Promise<void> {
    const { logger, clock } = this.#options
    const startMs = clock.nowMs()
    const from = this.#applier.appliedIndex
    const done = new Promise<void>((resolve) => (this.#onReplayed = resolve))
    await done
    this.#onReplayed = undefined
    logger.info('replayed the Raft log', {
      'from-index': from,
      'to-index': this.#replayTo,
      entries: this.#replayTo - from,
      'took-ms': Math.round(clock.nowMs() - startMs),
      revision: this.#applier.store.currentRevision,
    })
  }

  /** Tells the cluster this member's name and URLs, and once, as its leader, the version. */
  async #publish(): Promise<void> {
    const { logger, name, clientUrls } = this.#options
    const { membership } = this.#applier
    const { clusterId, memberId } = this.#headers
    await this.#proposeUntilApplied({
      case: 'memberAttributes',
      value: { memberId, name, clientUrls },
    })
    if (membership.clusterVersion === '') {
      const value = { version: CLUSTER_VERSION }
      await this.#proposeUntilApplied({ case: 'clusterVersion', value })
    }
    logger.info('enabled capabilities for version', {
      'cluster-version': membership.clusterVersion,
    })
    logger.info('published local member to cluster through raft', {
      'local-member-id': memberId,
      'local-member-attributes': `{Name:${name} ClientURLs:[${clientUrls.join(' ')}]}`,
      'cluster-id': clusterId,
    })
  }

  /** For what is idempotent and must happen: tried again while there is no leader. */
  async #proposeUntilApplied(request: Parameters<Proposer['propose']>[0]): Promise<void> {
    for (;;) {
      const outcome = await this.#proposer.propose(request, 'upkeep')
      if (outcome.ok || outcome.error === 'stopped') return
      this.#options.logger.warn('publishing is tried again', { reason: outcome.error })
      await new Promise((resolve) => setTimeout(resolve, this.#options.heartbeatMs))
    }
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
      watch: this.#watch,
      quotaBytes: this.#options.quotaBytes,
    })
  }
}
