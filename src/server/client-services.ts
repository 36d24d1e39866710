/** What clients can call: each service, made of the member's parts. */

import { LeaseIds } from '../lease/lease-ids.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { MemberId } from '../raft/types.ts'
import type { Method } from '../rpc/engine.ts'
import type { StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import type { Compactor } from './compactor.ts'
import type { Leadership } from './leadership.ts'
import type { LeaseLoop } from './lease-loop.ts'
import { measureSeconds } from './measure.ts'
import type { OperationCounts } from './metric-sources.ts'
import type { Metrics } from './metrics.ts'
import type { Peers } from './peers.ts'
import type { Proposer } from './proposer.ts'
import type { RaftNode } from './raft-node.ts'
import type { ReadIndex } from './read-index.ts'
import { Recipes } from './recipes.ts'
import type { Reconfiguration } from './reconfiguration.ts'
import type { ResponseHeaders } from './response-header.ts'
import { GRPC_OVERHEAD_BYTES, type ServerOptions } from './server-options.ts'
import { ClusterService } from './services/cluster.ts'
import { healthMethods } from './services/health.ts'
import { KvService } from './services/kv.ts'
import { LeaseService } from './services/lease.ts'
import { MaintenanceService } from './services/maintenance.ts'
import { WatchService } from './services/watch.ts'
import type { SlicedReads } from './sliced-reads.ts'
import type { SpaceGuard } from './space-guard.ts'
import { delay } from './turn.ts'

export interface ServiceParts {
  readonly applier: Applier
  readonly raftNode: RaftNode
  readonly leadership: Leadership
  readonly peers: Peers
  readonly proposer: Proposer
  readonly readIndex: ReadIndex
  readonly reads: SlicedReads
  readonly leaseLoop: LeaseLoop
  readonly watchHub: WatchHub
  readonly compactor: Compactor
  readonly spaceGuard: SpaceGuard
  readonly reconfiguration: Reconfiguration
  readonly state: StateStore
  readonly headers: ResponseHeaders
  readonly metrics: Metrics
  readonly operations: OperationCounts
  readonly isStopped: () => boolean
}

const WATCH_PROGRESS_NOTIFY_MS = 600_000

export class ClientServices {
  readonly cluster: ClusterService
  readonly watch: WatchService
  readonly #kv: KvService
  readonly #lease: LeaseService
  readonly #recipes: Recipes
  readonly #maintenance: MaintenanceService

  constructor(parts: ServiceParts, options: ServerOptions, requestTimeoutMs: number) {
    this.watch = newWatch(parts, options)
    this.#kv = newKv(parts, options)
    this.#lease = newLease(parts, options)
    this.#recipes = newRecipes(parts, options, this.#kv, this.#lease)
    this.cluster = newCluster(parts, options, requestTimeoutMs)
    this.#maintenance = newMaintenance(parts, options)
  }

  methods(): Method[] {
    return [
      ...this.#kv.methods(),
      ...this.#lease.methods(),
      ...this.cluster.methods(),
      ...this.#maintenance.methods(),
      ...this.watch.methods(),
      ...this.#recipes.methods(),
      ...healthMethods(),
    ]
  }

  tick(hasLeader: boolean): void {
    this.watch.tick(hasLeader)
    this.#recipes.tick(hasLeader)
  }

  /** Ends what would never end by itself. */
  endStreams(): void {
    this.watch.stop()
    this.#recipes.stop()
  }
}

function newWatch({ watchHub, headers }: ServiceParts, options: ServerOptions): WatchService {
  return new WatchService(watchHub, headers, {
    fragmentBytes: options.watchFragmentBytes ?? options.maxRequestBytes + GRPC_OVERHEAD_BYTES,
    progressNotifyIntervalMs: options.watchProgressNotifyIntervalMs ?? WATCH_PROGRESS_NOTIFY_MS,
    electionMs: options.electionMs,
    clock: options.clock,
    random: options.random,
  })
}

function newKv(parts: ServiceParts, { maxTxnOps, maxRequestBytes }: ServerOptions): KvService {
  const { store, alarms } = parts.applier
  return new KvService({ ...parts, store, alarms }, { maxTxnOps, maxRequestBytes })
}

function newLease(parts: ServiceParts, { startWallMs }: ServerOptions): LeaseService {
  const { store, leases } = parts.applier
  const ids = new LeaseIds(parts.headers.memberId, startWallMs)
  return new LeaseService({ ...parts, store, leases, ids, loop: parts.leaseLoop })
}

function newRecipes(
  parts: ServiceParts,
  { clock, electionMs }: ServerOptions,
  kv: KvService,
  lease: LeaseService,
): Recipes {
  const { proposer, headers } = parts
  return new Recipes({
    store: parts.applier.store,
    hub: parts.watchHub,
    leases: parts.leaseLoop,
    kv,
    lease,
    proposer,
    headers,
    clock,
    electionMs,
  })
}

function newCluster(
  parts: ServiceParts,
  options: ServerOptions,
  timeoutMs: number,
): ClusterService {
  const { raftNode, peers, metrics } = parts
  const { clock, logger, wallMs, maxLearners, heartbeatMs } = options
  const ports = {
    ...parts,
    logger,
    clock,
    wallMs,
    membership: parts.applier.membership,
    leader: () => raftNode.leader,
    forwardPromote: (leader: MemberId, id: MemberId) => peers.calls.promote(leader, id),
    onPromotion: metrics.countPromotion.bind(metrics),
    pause: async () => {
      await delay(heartbeatMs)
      return !parts.isStopped()
    },
  }
  return new ClusterService(ports, { maxLearners, timeoutMs })
}

function newMaintenance(parts: ServiceParts, options: ServerOptions): MaintenanceService {
  const { leadership, metrics } = parts
  const { quotaBytes, logger, clock } = options
  return new MaintenanceService({
    ...parts,
    logger,
    quotaBytes,
    measureHash: measureSeconds(clock, metrics.hashRevision),
    measureDefragment: measureSeconds(clock, metrics.defragment),
    transferLeadership: (to) => leadership.transferTo(to),
  })
}
