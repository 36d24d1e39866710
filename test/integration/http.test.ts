/** The HTTP side of the client port: health checks, version, metrics. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GrpcClient } from '../support/grpc-client.ts'
import { TestBed } from '../support/test-bed.ts'

/** Names and types that dashboards and alerts ask for, as etcd 3.6 has them. */
const METRICS: Readonly<Record<string, string>> = {
  etcd_cluster_version: 'gauge',
  etcd_debugging_mvcc_compact_revision: 'gauge',
  etcd_debugging_mvcc_current_revision: 'gauge',
  etcd_debugging_mvcc_keys_total: 'gauge',
  etcd_disk_backend_commit_duration_seconds: 'histogram',
  etcd_disk_wal_fsync_duration_seconds: 'histogram',
  etcd_mvcc_db_total_size_in_bytes: 'gauge',
  etcd_mvcc_db_total_size_in_use_in_bytes: 'gauge',
  etcd_mvcc_delete_total: 'counter',
  etcd_mvcc_put_total: 'counter',
  etcd_mvcc_range_total: 'counter',
  etcd_mvcc_txn_total: 'counter',
  etcd_network_client_grpc_received_bytes_total: 'counter',
  etcd_network_client_grpc_sent_bytes_total: 'counter',
  etcd_server_has_leader: 'gauge',
  etcd_server_health_failures: 'counter',
  etcd_server_health_success: 'counter',
  etcd_server_id: 'gauge',
  etcd_server_is_leader: 'gauge',
  etcd_server_is_learner: 'gauge',
  etcd_server_leader_changes_seen_total: 'counter',
  etcd_server_proposals_applied_total: 'gauge',
  etcd_server_proposals_committed_total: 'gauge',
  etcd_server_proposals_failed_total: 'counter',
  etcd_server_proposals_pending: 'gauge',
  etcd_server_quota_backend_bytes: 'gauge',
  etcd_server_version: 'gauge',
  grpc_server_handled_total: 'counter',
  grpc_server_started_total: 'counter',
  process_cpu_seconds_total: 'counter',
  process_open_fds: 'gauge',
  process_resident_memory_bytes: 'gauge',
  process_start_time_seconds: 'gauge',
}

describe('the HTTP side of the client port', () => {
  const bed = new TestBed()
  let url: string
  let client: GrpcClient

  beforeAll(async () => {
    const node = await bed.startQuorate()
    url = node.clientUrl
    client = new GrpcClient(node.endpoint)
  })
  afterAll(async () => {
    client.close()
    await bed.cleanUp()
  })

  async function request(path: string, method = 'GET'): Promise<[status: number, body: string]> {
    const response = await fetch(url + path, { method })
    return [response.status, await response.text()]
  }

  it.each(['/health', '/health?serializable=true', '/health?exclude=NOSPACE&exclude=CORRUPT'])(
    '%s says that the node is healthy',
    async (path) => {
      expect(await request(path)).toEqual([200, '{"health":"true","reason":""}'])
    },
  )

  it.each([
    ['/livez', 'ok\n'],
    ['/livez?verbose', '[+]serializable_read ok\nok\n'],
    ['/livez/serializable_read', 'ok\n'],
    ['/livez?verbose&exclude=serializable_read', 'ok\n'],
    ['/readyz', 'ok\n'],
    [
      '/readyz?verbose',
      '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\n[+]non_learner ok\nok\n',
    ],
    [
      '/readyz?verbose&exclude=linearizable_read&exclude=non_learner',
      '[+]data_corruption ok\n[+]serializable_read ok\nok\n',
    ],
    ['/readyz?exclude=no_such_check', 'ok\n'],
    ['/readyz/data_corruption', 'ok\n'],
    ['/readyz/serializable_read', 'ok\n'],
    ['/readyz/linearizable_read', 'ok\n'],
    ['/readyz/non_learner', 'ok\n'],
  ])('%s', async (path, body) => {
    const [status, answer] = await request(path)
    // The checks' order is not part of the contract (etcd's changes from run to run).
    const lines = (text: string): string[] => text.split('\n').toSorted()
    expect([status, lines(answer)]).toEqual([200, lines(body)])
    expect(answer.endsWith('ok\n')).toBe(true)
  })

  it('/version tells the server, cluster and storage versions', async () => {
    const [status, body] = await request('/version')
    expect(status).toBe(200)
    expect(JSON.parse(body)).toEqual({
      etcdserver: expect.stringMatching(/^3\.6\.\d+$/),
      etcdcluster: '3.6.0',
      storage: '3.6.0',
    })
  })

  it.each(['/', '/nothing', '/v2/keys', '/livez/no_such_check', '/readyz/no_such_check'])(
    '%s is not found',
    async (path) => {
      expect((await request(path))[0]).toBe(404)
    },
  )

  it.each(['/health', '/livez', '/readyz', '/version'])('%s takes GET only', async (path) => {
    const response = await fetch(url + path, { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET'])
  })

  it('/metrics has the names and types that dashboards ask for', async () => {
    const response = await fetch(`${url}/metrics`)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const types = new Map<string, string>()
    for (const match of (await response.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      types.set(match[1] ?? '', match[2] ?? '')
    }
    const found = Object.keys(METRICS).map((name) => [name, types.get(name) ?? 'missing'])
    expect(Object.fromEntries(found)).toEqual(METRICS)
  })

  it('counts in /metrics follow the calls', async () => {
    const count = async (pattern: RegExp): Promise<number> =>
      Number(pattern.exec((await request('/metrics'))[1])?.[1] ?? 0)
    const putsBefore = await count(/^etcd_mvcc_put_total (\d+)/m)
    const handled =
      /^grpc_server_handled_total\{(?=[^}]*grpc_method="Put")(?=[^}]*grpc_code="OK")[^}]*\} (\d+)/m
    const handledBefore = await count(handled)
    for (let n = 0; n < 3; n++) await client.ok('KV.Put', { key: Buffer.from('metric') })
    expect(await count(/^etcd_mvcc_put_total (\d+)/m)).toBe(putsBefore + 3)
    expect(await count(handled)).toBe(handledBefore + 3)
    const { header } = await client.ok('KV.Range', { key: Buffer.from('metric') })
    const revision = /^etcd_debugging_mvcc_current_revision (\d+)/m
    expect(await count(revision)).toBe(Number(header.revision))
    expect(await count(/^etcd_server_has_leader (\d)/m)).toBe(1)
    expect(await count(/^etcd_server_is_leader (\d)/m)).toBe(1)
  })

  it('gRPC and HTTP answer on one port at the same time', async () => {
    const answers = await Promise.all([
      client.ok('KV.Put', { key: Buffer.from('both') }),
      request('/health'),
      client.ok('KV.Range', { key: Buffer.from('both') }),
      request('/version'),
    ])
    expect(answers[1][0]).toBe(200)
    expect(answers[3][0]).toBe(200)
  })
})
