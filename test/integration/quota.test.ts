/** The space alarm: raised by a write that finds no room, lifted by hand, kept over a restart. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Etcdctl } from '../support/etcdctl.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { CallResult, Message } from '../support/grpc-client.ts'
import { findEtcdctl, programOf } from '../support/programs.ts'
import type { RunningServer } from '../support/test-bed.ts'
import { DEFAULT_MEMBER_ID, TestBed } from '../support/test-bed.ts'

const QUOTA_BYTES = 1_000_000
const MEMBER_ID = BigInt(`0x${DEFAULT_MEMBER_ID}`).toString()
const NO_SPACE = {
  ok: false,
  code: 8,
  message: 'etcdserver: mvcc: database space exceeded',
}
const ALARM = { memberID: MEMBER_ID, alarm: 'NOSPACE' }
const key = Buffer.from('key')
const put = (bytes: number): Message => ({ key, value: Buffer.alloc(bytes, 0x61) })
const etcdctl = findEtcdctl()

// One story in order: each step starts from what the one before left.
describe('a node whose quota is used up', () => {
  const bed = new TestBed()
  const args = ['--quota-backend-bytes', String(QUOTA_BYTES)]
  let node: RunningServer
  let client: GrpcClient

  beforeAll(async () => {
    node = await bed.startQuorate({ args })
    client = new GrpcClient(node.endpoint)
  })
  afterAll(async () => {
    client.close()
    await bed.cleanUp()
  })

  async function health(query = ''): Promise<[number, unknown]> {
    const response = await fetch(`${node.clientUrl}/health${query}`)
    return [response.status, await response.json()]
  }

  it('Status shows the quota', async () => {
    const { dbSizeQuota } = await client.ok('Maintenance.Status', {})
    expect(dbSizeQuota).toBe(String(QUOTA_BYTES))
  })

  it('the first put that finds no room is refused and raises the alarm', async () => {
    let last: CallResult = { ok: true, response: {} }
    let accepted = 0
    while (last.ok && accepted < 100) {
      last = await client.call('KV.Put', put(50_000))
      if (last.ok) accepted++
    }
    expect(last).toEqual(NO_SPACE)
    expect(accepted).toBeGreaterThanOrEqual(5)
    expect(accepted).toBeLessThanOrEqual(60)
    expect((await client.ok('Maintenance.Alarm', {}))['alarms']).toEqual([ALARM])
  })

  it('even a small put and any transaction with a put is refused; nothing is written', async () => {
    const before = (await client.ok('KV.Range', { key }))['header'].revision
    expect(await client.call('KV.Put', put(1))).toEqual(NO_SPACE)
    const withPut = { success: [{ request_range: { key } }, { request_put: put(1) }] }
    expect(await client.call('KV.Txn', withPut)).toEqual(NO_SPACE)
    const nested = { success: [{ request_txn: withPut }] }
    expect(await client.call('KV.Txn', nested)).toEqual(NO_SPACE)
    expect((await client.ok('KV.Range', { key }))['header'].revision).toBe(before)
  })

  it('Status, the health check and etcdctl tell the alarm', async () => {
    const { errors } = await client.ok('Maintenance.Status', {})
    expect(errors).toContain(`memberID:${MEMBER_ID} alarm:NOSPACE `)
    expect(await health()).toEqual([503, { health: 'false', reason: 'ALARM NOSPACE' }])
    expect(await health('?exclude=NOSPACE')).toEqual([200, { health: 'true', reason: '' }])
    expect(await client.ok('Maintenance.Alarm', { alarm: 'CORRUPT' })).toMatchObject({ alarms: [] })
    if (!etcdctl.ok) return
    const { stdout } = await new Etcdctl(programOf(etcdctl), node.endpoint).run(['alarm', 'list'])
    expect(stdout.toString().trim()).toBe(`memberID:${MEMBER_ID} alarm:NOSPACE`)
  })

  it('the alarm is still there after a restart', async () => {
    client.close()
    await node.stop()
    node = await bed.startQuorate({ args, dataDirectory: node.dataDirectory })
    client = new GrpcClient(node.endpoint)
    expect((await client.ok('Maintenance.Alarm', {}))['alarms']).toEqual([ALARM])
    expect(await client.call('KV.Put', put(1))).toEqual(NO_SPACE)
  })

  it('reads, deletes, transactions without puts and compaction still work', async () => {
    const { count } = await client.ok('KV.Range', { key })
    expect(count).toBe('1')
    await client.ok('KV.Txn', { success: [{ request_delete_range: { key: Buffer.from('x') } }] })
    const { deleted, header } = await client.ok('KV.DeleteRange', { key })
    expect(deleted).toBe('1')
    await client.ok('KV.Compact', { revision: header.revision, physical: true })
  })

  it('freeing space does not lift the alarm by itself; disarming does', async () => {
    await client.ok('Maintenance.Defragment', {})
    await expect
      .poll(async () => Number((await client.ok('Maintenance.Status', {}))['dbSize']), {
        timeout: 15_000,
        interval: 100,
      })
      .toBeLessThan(QUOTA_BYTES / 2)
    expect(await client.call('KV.Put', put(1))).toEqual(NO_SPACE)

    const disarm = { action: 'DEACTIVATE', memberID: MEMBER_ID, alarm: 'NOSPACE' }
    expect((await client.ok('Maintenance.Alarm', disarm))['alarms']).toEqual([ALARM])
    expect((await client.ok('Maintenance.Alarm', {}))['alarms']).toEqual([])
    await client.ok('KV.Put', put(1000))
    expect(await health()).toEqual([200, { health: 'true', reason: '' }])
    expect((await client.ok('Maintenance.Status', {}))['errors']).toEqual([])
  })

  it('an alarm can be raised by hand, twice, and for a member that does not exist', async () => {
    const raise = { action: 'ACTIVATE', memberID: '77', alarm: 'NOSPACE' }
    const raised = { memberID: '77', alarm: 'NOSPACE' }
    expect((await client.ok('Maintenance.Alarm', raise))['alarms']).toEqual([raised])
    expect((await client.ok('Maintenance.Alarm', raise))['alarms']).toEqual([raised])
    expect(await client.call('KV.Put', put(1))).toEqual(NO_SPACE)
    await client.ok('Maintenance.Alarm', { ...raise, action: 'DEACTIVATE' })
    await client.ok('KV.Put', put(1))
  })
})
