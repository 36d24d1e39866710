/** The member's metrics, under etcd's names and types, so that its dashboards and alerts work. */

import { Counter, Gauge, Registry } from 'prom-client'
import { NO_MEMBER } from '../raft/types.ts'
import { errorText, type ErrorName } from './errors.ts'
import { CallMetrics, registerCounter } from './call-metrics.ts'
import { exponentialBounds, Histogram, HistogramFamily } from './histogram.ts'
import type { MetricSources } from './metric-sources.ts'
import { ETCD_VERSION } from './version.ts'

/** As in etcd. */
const SLOW_APPLY_SECONDS = 0.1

export class Metrics {
  readonly registry = new Registry()
  readonly calls = new CallMetrics()
  /** Seconds from handing a block to the disk until it is synced. */
  readonly walFsync = new Histogram(
    'etcd_disk_wal_fsync_duration_seconds',
    'The latency distributions of fsync called by WAL.',
    exponentialBounds(0.001, 2, 14),
  )
  /** Seconds that a checkpoint takes: barrier and record. */
  readonly backendCommit = new Histogram(
    'etcd_disk_backend_commit_duration_seconds',
    'The latency distributions of commit called by backend.',
    exponentialBounds(0.001, 2, 14),
  )
  readonly defragment = new Histogram(
    'etcd_disk_backend_defrag_duration_seconds',
    'The latency distribution of backend defragmentation.',
    exponentialBounds(0.1, 2, 13),
  )
  readonly hashRevision = new Histogram(
    'etcd_mvcc_hash_rev_duration_seconds',
    'The latency distribution of storage hash by revision operation.',
    exponentialBounds(0.01, 2, 15),
  )
  readonly compaction = new Histogram(
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    'Bucketed histogram of db compaction total duration.',
    exponentialBounds(100, 2, 14),
  )
  readonly leaseTtl = new Histogram(
    'etcd_debugging_lease_ttl_total',
    'Bucketed histogram of lease TTLs.',
    exponentialBounds(1, 2, 24),
  )
  readonly #apply = new HistogramFamily(
    'etcd_server_apply_duration_seconds',
    'The latency distributions of applying requests.',
    exponentialBounds(0.0001, 2, 20),
  )
  readonly #slowApplies = new Counter({
    name: 'etcd_server_slow_apply_total',
    help: 'The total number of slow apply requests (likely overloaded from slow disk).',
    registers: [this.registry],
  })
  readonly #promotions = new Counter({
    name: 'etcd_server_learner_promote_successes',
    help: 'The total number of successful learner promotions while this member is leader.',
    registers: [this.registry],
  })
  readonly #failedPromotions = new Counter({
    name: 'etcd_server_learner_promote_failures',
    help: 'The total number of failed learner promotions (likely learner not ready) while this member is leader.',
    labelNames: ['Reason'],
    registers: [this.registry],
  })
  healthSuccesses = 0
  healthFailures = 0

  constructor() {
    this.calls.register(this.registry)
    for (const histogram of [
      this.walFsync,
      this.backendCommit,
      this.defragment,
      this.hashRevision,
      this.compaction,
      this.leaseTtl,
      this.#apply,
    ]) {
      histogram.register(this.registry)
    }
  }

  countPromotion(error: ErrorName | undefined): void {
    if (error === undefined) this.#promotions.inc()
    else this.#failedPromotions.inc({ Reason: errorText(error) })
  }

  /** `operation` is the name of the request in the log; etcd writes it with a capital letter. */
  observeApply(operation: string, success: boolean, seconds: number): void {
    if (seconds > SLOW_APPLY_SECONDS) this.#slowApplies.inc()
    const key = success ? operation : `${operation} failed`
    const labels = (): Record<string, string> => ({
      version: 'v3',
      op: operation.charAt(0).toUpperCase() + operation.slice(1),
      success: String(success),
    })
    this.#apply.of(key, labels).observe(seconds)
  }

  /** Registers everything that is read from the running parts when scraped. Once, at start. */
  observe(sources: MetricSources): void {
    this.#observeServer(sources)
    this.#observeStore(sources)
    this.#observeOperations(sources)
    this.#observeLeases(sources)
    this.#observeWatches(sources)
  }

  #observeServer({
    raftNode,
    applier,
    proposer,
    readIndex,
    identity,
    quotaBytes,
  }: MetricSources): void {
    const { memberId } = identity
    this.#info('etcd_server_version', 'Which version is running.', { server_version: ETCD_VERSION })
    this.#info('etcd_server_go_version', 'Which runtime version the server runs with.', {
      server_go_version: process.version,
    })
    this.#info('etcd_server_id', 'Server or member ID in hexadecimal format.', {
      server_id: memberId,
    })
    this.#gauge('etcd_server_has_leader', 'Whether or not a leader exists.', () =>
      raftNode.leader === NO_MEMBER ? 0 : 1,
    )
    this.#gauge('etcd_server_is_leader', 'Whether or not this member is a leader.', () =>
      raftNode.isLeader ? 1 : 0,
    )
    this.#gauge('etcd_server_is_learner', 'Whether or not this member is a learner.', () =>
      applier.membership.get(memberId)?.isLearner === true ? 1 : 0,
    )
    this.#gauge(
      'etcd_server_proposals_committed_total',
      'The total number of consensus proposals committed.',
      () => raftNode.committedIndex,
    )
    this.#gauge(
      'etcd_server_proposals_applied_total',
      'The total number of consensus proposals applied.',
      () => applier.appliedIndex,
    )
    this.#gauge(
      'etcd_server_proposals_pending',
      'The current number of pending proposals to commit.',
      () => proposer.pendingCount,
    )
    this.#gauge(
      'etcd_server_quota_backend_bytes',
      'Current backend storage quota size in bytes.',
      () => (Number.isFinite(quotaBytes) ? quotaBytes : 0),
    )
    this.#counter(
      'etcd_server_leader_changes_seen_total',
      'The number of leader changes seen.',
      () => raftNode.leaderChanges,
    )
    this.#counter(
      'etcd_server_proposals_failed_total',
      'The total number of failed proposals seen.',
      () => proposer.failedCount,
    )
    this.#counter(
      'etcd_server_slow_read_indexes_total',
      "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
      () => readIndex.slowCount,
    )
    this.#counter(
      'etcd_server_read_indexes_failed_total',
      'The total number of failed read indexes seen.',
      () => readIndex.failedCount,
    )
    this.#counter(
      'etcd_server_health_success',
      'The total number of successful health checks',
      () => this.healthSuccesses,
    )
    this.#counter(
      'etcd_server_health_failures',
      'The total number of failed health checks',
      () => this.healthFailures,
    )
    this.#counter(
      'etcd_server_heartbeat_send_failures_total',
      'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
      () => raftNode.lateHeartbeats,
    )
    this.#gauge(
      'etcd_server_snapshot_apply_in_progress_total',
      '1 if the server is applying the incoming snapshot. 0 if none.',
      () => (raftNode.isInstalling ? 1 : 0),
    )
    const { membership } = applier
    const knownPeers: Gauge = new Gauge({
      name: 'etcd_network_known_peers',
      help: 'The current number of known peers.',
      labelNames: ['Local', 'Remote'],
      registers: [this.registry],
      collect() {
        this.reset()
        for (const { id } of membership.members) {
          if (id !== memberId) this.set({ Local: memberId, Remote: id }, 1)
        }
      },
    })
    void knownPeers
    const clusterVersion: Gauge = new Gauge({
      name: 'etcd_cluster_version',
      help: "Which version is running. 1 for 'cluster_version' label with current cluster version",
      labelNames: ['cluster_version'],
      registers: [this.registry],
      collect() {
        this.reset()
        const version = membership.clusterVersion
        if (version !== '') this.set({ cluster_version: version.replace(/\.0$/, '') }, 1)
      },
    })
    void clusterVersion
  }

  #observeStore({ applier, state }: MetricSources): void {
    const { store } = applier
    const size: Gauge = new Gauge({
      name: 'etcd_mvcc_db_total_size_in_bytes',
      help: 'Total size of the underlying database physically allocated in bytes.',
      registers: [this.registry],
      async collect() {
        this.set(await state.diskBytes())
      },
    })
    void size
    this.#gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'Total size of the underlying database logically in use in bytes.',
      () => state.bytesInUse,
    )
    this.#gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.', () => store.keyCount)
    this.#gauge(
      'etcd_debugging_mvcc_current_revision',
      'The current revision of store.',
      () => store.currentRevision,
    )
    this.#gauge(
      'etcd_debugging_mvcc_compact_revision',
      'The revision of the last compaction in store.',
      () => store.compactedRevision,
    )
  }

  #observeOperations({ operations }: MetricSources): void {
    const names = [
      ['range', 'Total number of ranges seen by this member.'],
      ['put', 'Total number of puts seen by this member.'],
      ['delete', 'Total number of deletes seen by this member.'],
      ['txn', 'Total number of txns seen by this member.'],
    ] as const
    for (const [name, help] of names) {
      this.#counter(`etcd_mvcc_${name}_total`, help, () => operations[name])
    }
  }

  #observeWatches({ watchHub, watch }: MetricSources): void {
    const gauges = [
      ['watch_stream_total', 'Total number of watch streams.', () => watchHub.streamCount],
      ['watcher_total', 'Total number of watchers.', () => watchHub.watcherCount],
      ['slow_watcher_total', 'Total number of unsynced slow watchers.', () => watchHub.slowCount],
      [
        'pending_events_total',
        'Total number of pending events to be sent.',
        () => watchHub.waitingEvents,
      ],
    ] as const
    for (const [name, help, value] of gauges) {
      this.#gauge(`etcd_debugging_mvcc_${name}`, help, value)
    }
    this.#counter(
      'etcd_debugging_mvcc_events_total',
      'Total number of events sent by this member.',
      () => watch.sentEvents,
    )
  }

  #observeLeases({ leaseLoop }: MetricSources): void {
    this.#counter(
      'etcd_debugging_lease_granted_total',
      'The total number of granted leases.',
      () => leaseLoop.grantedCount,
    )
    this.#counter(
      'etcd_debugging_lease_revoked_total',
      'The total number of revoked leases.',
      () => leaseLoop.revokedCount,
    )
    this.#counter(
      'etcd_debugging_lease_renewed_total',
      'The number of renewed leases seen by the leader.',
      () => leaseLoop.renewedCount,
    )
    this.#counter(
      'etcd_debugging_server_lease_expired_total',
      'The total number of expired leases.',
      () => leaseLoop.expiredCount,
    )
  }

  #gauge(name: string, help: string, value: () => number): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(value())
      },
    })
    void gauge
  }

  #counter(name: string, help: string, value: () => number): void {
    registerCounter(this.registry, name, help, value)
  }

  #info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const gauge = new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.registry],
    })
    gauge.set(labels, 1)
  }
}
