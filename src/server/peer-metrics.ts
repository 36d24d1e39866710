/** What the way to the other members tells of itself, under etcd's names. */

import { Counter, Gauge, type Registry } from 'prom-client'
import type { PeerObserver } from '../peer/observer.ts'
import type { MemberId } from '../raft/types.ts'
import { exponentialBounds, HistogramFamily } from './histogram.ts'

/** Of one other member. */
interface PeerCounts {
  isActive: boolean
  /** Once active, the gauge stays, as 0. */
  wasActive: boolean
  disconnected: number
  sentBytes: number
  receivedBytes: number
  sendFailures: number
  receiveFailures: number
  readonly send: SnapshotCounts
  readonly receive: SnapshotCounts
}

interface SnapshotCounts {
  started: number
  underWay: number
  succeeded: number
  failed: number
}

type Counted = (counts: PeerCounts) => number | undefined

const ROUND_TRIP_BOUNDS = exponentialBounds(0.0001, 2, 16)
const SNAPSHOT_BOUNDS = exponentialBounds(0.1, 2, 10)

/** Counting is plain additions; labels are put together when somebody scrapes. */
export class PeerMetrics implements PeerObserver {
  readonly #memberId: MemberId
  readonly #peers = new Map<MemberId, PeerCounts>()
  readonly #roundTrip = new HistogramFamily(
    'etcd_network_peer_round_trip_time_seconds',
    'Round-Trip-Time histogram between peers',
    ROUND_TRIP_BOUNDS,
  )
  readonly #snapshotSend = new HistogramFamily(
    'etcd_network_snapshot_send_total_duration_seconds',
    'Total latency distributions of v3 snapshot sends',
    SNAPSHOT_BOUNDS,
  )
  readonly #snapshotReceive = new HistogramFamily(
    'etcd_network_snapshot_receive_total_duration_seconds',
    'Total latency distributions of v3 snapshot receives',
    SNAPSHOT_BOUNDS,
  )

  constructor(memberId: MemberId) {
    this.#memberId = memberId
  }

  onActive(id: MemberId): void {
    const counts = this.#counts(id)
    counts.isActive = true
    counts.wasActive = true
  }

  onInactive(id: MemberId): void {
    const counts = this.#counts(id)
    counts.isActive = false
    counts.disconnected++
  }

  onSent(id: MemberId, bytes: number): void {
    this.#counts(id).sentBytes += bytes
  }

  onReceived(id: MemberId, bytes: number): void {
    this.#counts(id).receivedBytes += bytes
  }

  onSendFailures(id: MemberId, count: number): void {
    this.#counts(id).sendFailures += count
  }

  onReceiveFailure(id: MemberId): void {
    this.#counts(id).receiveFailures++
  }

  onRoundTrip(id: MemberId, seconds: number): void {
    this.#roundTrip.of(id, () => ({ To: id })).observe(seconds)
  }

  onSnapshotSendStarted(id: MemberId): void {
    start(this.#counts(id).send)
  }

  onSnapshotSendEnded(id: MemberId, ok: boolean, seconds: number): void {
    end(this.#counts(id).send, ok)
    if (ok) this.#snapshotSend.of(id, () => ({ To: id })).observe(seconds)
  }

  onSnapshotReceiveStarted(id: MemberId): void {
    start(this.#counts(id).receive)
  }

  onSnapshotReceiveEnded(id: MemberId, ok: boolean, seconds: number): void {
    end(this.#counts(id).receive, ok)
    if (ok) this.#snapshotReceive.of(id, () => ({ From: id })).observe(seconds)
  }

  /** Once, at start. */
  register(registry: Registry): void {
    this.#registerPairs(registry)
    this.#registerTraffic(registry)
    this.#registerSnapshots(registry)
    this.#roundTrip.register(registry)
    this.#snapshotSend.register(registry)
    this.#snapshotReceive.register(registry)
  }

  #registerPairs(registry: Registry): void {
    const pair = (Remote: MemberId): Labels => ({ Local: this.#memberId, Remote })
    this.#register(
      registry,
      'gauge',
      'etcd_network_active_peers',
      'The current number of active peer connections.',
      pair,
      ({ wasActive, isActive }) => (wasActive ? Number(isActive) : undefined),
    )
    this.#register(
      registry,
      'counter',
      'etcd_network_disconnected_peers_total',
      'The total number of disconnected peers.',
      pair,
      ({ disconnected }) => positive(disconnected),
    )
  }

  #registerTraffic(registry: Registry): void {
    const counters: readonly [string, string, (id: MemberId) => Labels, Counted][] = [
      ['sent_bytes', 'bytes sent to peers.', to, (c) => positive(c.sentBytes)],
      ['received_bytes', 'bytes received from peers.', from, (c) => positive(c.receivedBytes)],
      ['sent_failures', 'send failures from peers.', to, (c) => positive(c.sendFailures)],
      [
        'received_failures',
        'receive failures from peers.',
        from,
        (c) => positive(c.receiveFailures),
      ],
    ]
    for (const [name, what, labels, value] of counters) {
      const fullName = `etcd_network_peer_${name}_total`
      this.#register(registry, 'counter', fullName, `The total number of ${what}`, labels, value)
    }
  }

  #registerSnapshots(registry: Registry): void {
    for (const way of ['send', 'receive'] as const) {
      const name = `etcd_network_snapshot_${way}`
      const labels = way === 'send' ? to : from
      const metrics: readonly ['counter' | 'gauge', string, string, Counted][] = [
        ['counter', 'success', `successful snapshot ${way}s`, (c) => positive(c[way].succeeded)],
        ['counter', 'failures', `snapshot ${way} failures`, (c) => positive(c[way].failed)],
        [
          'gauge',
          'inflights_total',
          `inflight snapshot ${way}s`,
          (c) => (c[way].started > 0 ? c[way].underWay : undefined),
        ],
      ]
      for (const [kind, suffix, what, value] of metrics) {
        const help = `Total number of ${what}`
        this.#register(registry, kind, `${name}_${suffix}`, help, labels, value)
      }
    }
  }

  /** A metric of one sample for each member that has a value. */
  #register(
    registry: Registry,
    kind: 'counter' | 'gauge',
    name: string,
    help: string,
    labels: (id: MemberId) => Labels,
    value: Counted,
  ): void {
    const peers = this.#peers
    const options = { name, help, labelNames: Object.keys(labels('')), registers: [registry] }
    const collect = (metric: Counter | Gauge): void => {
      metric.reset()
      for (const [id, counts] of peers) {
        const sample = value(counts)
        if (sample !== undefined) metric.inc(labels(id), sample)
      }
    }
    if (kind === 'counter') {
      const counter: Counter = new Counter({
        ...options,
        collect() {
          collect(this)
        },
      })
      void counter
    } else {
      const gauge: Gauge = new Gauge({
        ...options,
        collect() {
          collect(this)
        },
      })
      void gauge
    }
  }

  #counts(id: MemberId): PeerCounts {
    let counts = this.#peers.get(id)
    if (counts === undefined) {
      counts = newCounts()
      this.#peers.set(id, counts)
    }
    return counts
  }
}

type Labels = Readonly<Record<string, string>>

function to(id: MemberId): Labels {
  return { To: id }
}

function from(id: MemberId): Labels {
  return { From: id }
}

/** A count of nothing has no sample, as in etcd. */
function positive(value: number): number | undefined {
  return value > 0 ? value : undefined
}

function start(counts: SnapshotCounts): void {
  counts.started++
  counts.underWay++
}

function end(counts: SnapshotCounts, ok: boolean): void {
  counts.underWay--
  if (ok) counts.succeeded++
  else counts.failed++
}

function newCounts(): PeerCounts {
  const none = (): SnapshotCounts => ({ started: 0, underWay: 0, succeeded: 0, failed: 0 })
  return {
    isActive: false,
    wasActive: false,
    disconnected: 0,
    sentBytes: 0,
    receivedBytes: 0,
    sendFailures: 0,
    receiveFailures: 0,
    send: none(),
    receive: none(),
  }
}
