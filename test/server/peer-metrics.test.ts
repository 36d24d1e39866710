import { Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { PeerMetrics } from '../../src/server/peer-metrics.ts'

const LOCAL = 'aaaaaaaaaaaaaaa1'
const REMOTE = 'bbbbbbbbbbbbbbb2'

function opened(): { metrics: PeerMetrics; scraped: () => Promise<string[]> } {
  const metrics = new PeerMetrics(LOCAL)
  const registry = new Registry()
  metrics.register(registry)
  const scraped = async (): Promise<string[]> => (await registry.metrics()).split('\n')
  return { metrics, scraped }
}

describe('peer metrics', () => {
  test('names and types are etcd’s', async () => {
    const { scraped } = opened()
    const types = (await scraped()).filter((line) => line.startsWith('# TYPE'))
    expect(types.map((line) => line.slice('# TYPE '.length)).toSorted()).toEqual([
      'etcd_network_active_peers gauge',
      'etcd_network_disconnected_peers_total counter',
      'etcd_network_peer_received_bytes_total counter',
      'etcd_network_peer_received_failures_total counter',
      'etcd_network_peer_round_trip_time_seconds histogram',
      'etcd_network_peer_sent_bytes_total counter',
      'etcd_network_peer_sent_failures_total counter',
      'etcd_network_snapshot_receive_failures counter',
      'etcd_network_snapshot_receive_inflights_total gauge',
      'etcd_network_snapshot_receive_success counter',
      'etcd_network_snapshot_receive_total_duration_seconds histogram',
      'etcd_network_snapshot_send_failures counter',
      'etcd_network_snapshot_send_inflights_total gauge',
      'etcd_network_snapshot_send_success counter',
      'etcd_network_snapshot_send_total_duration_seconds histogram',
    ])
  })

  test('nothing has happened: no samples', async () => {
    const { scraped } = opened()
    expect((await scraped()).filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
  })

  test('a peer that comes and goes', async () => {
    const { metrics, scraped } = opened()
    const pair = `{Local="${LOCAL}",Remote="${REMOTE}"}`
    metrics.onActive(REMOTE)
    expect(await scraped()).toContain(`etcd_network_active_peers${pair} 1`)
    metrics.onInactive(REMOTE)
    const lines = await scraped()
    expect(lines).toContain(`etcd_network_active_peers${pair} 0`)
    expect(lines).toContain(`etcd_network_disconnected_peers_total${pair} 1`)
  })

  test('traffic and its failures, by peer', async () => {
    const { metrics, scraped } = opened()
    for (const _twice of [1, 2]) {
      metrics.onSent(REMOTE, 100)
      metrics.onReceived(REMOTE, 30)
      metrics.onSendFailures(REMOTE, 3)
      metrics.onReceiveFailure(REMOTE)
    }
    const lines = await scraped()
    expect(lines).toContain(`etcd_network_peer_sent_bytes_total{To="${REMOTE}"} 200`)
    expect(lines).toContain(`etcd_network_peer_received_bytes_total{From="${REMOTE}"} 60`)
    expect(lines).toContain(`etcd_network_peer_sent_failures_total{To="${REMOTE}"} 6`)
    expect(lines).toContain(`etcd_network_peer_received_failures_total{From="${REMOTE}"} 2`)
    expect(await scraped()).toEqual(lines)
  })

  test('round trips in etcd’s buckets', async () => {
    const { metrics, scraped } = opened()
    metrics.onRoundTrip(REMOTE, 0.00015)
    metrics.onRoundTrip(REMOTE, 100)
    const name = 'etcd_network_peer_round_trip_time_seconds'
    const lines = await scraped()
    const bucket = (le: string): string => lines.find((line) => line.includes(`le="${le}"`)) ?? ''
    expect(lines.filter((line) => line.startsWith(`${name}_bucket`))).toHaveLength(17)
    expect(bucket('0.0001')).toMatch(/ 0$/)
    expect(bucket('0.0002')).toMatch(/ 1$/)
    expect(bucket('3.2768')).toMatch(/ 1$/)
    expect(lines).toContain(`${name}_count{To="${REMOTE}"} 2`)
  })

  test.each(['send', 'receive'] as const)('snapshots: %s', async (way) => {
    const { metrics, scraped } = opened()
    const label = way === 'send' ? `{To="${REMOTE}"}` : `{From="${REMOTE}"}`
    const start = (): void => {
      if (way === 'send') metrics.onSnapshotSendStarted(REMOTE)
      else metrics.onSnapshotReceiveStarted(REMOTE)
    }
    const end = (ok: boolean): void => {
      if (way === 'send') metrics.onSnapshotSendEnded(REMOTE, ok, 0.3)
      else metrics.onSnapshotReceiveEnded(REMOTE, ok, 0.3)
    }
    start()
    expect(await scraped()).toContain(`etcd_network_snapshot_${way}_inflights_total${label} 1`)
    end(true)
    start()
    end(false)
    const lines = await scraped()
    expect(lines).toContain(`etcd_network_snapshot_${way}_inflights_total${label} 0`)
    expect(lines).toContain(`etcd_network_snapshot_${way}_success${label} 1`)
    expect(lines).toContain(`etcd_network_snapshot_${way}_failures${label} 1`)
    expect(lines).toContain(`etcd_network_snapshot_${way}_total_duration_seconds_count${label} 1`)
  })
})
