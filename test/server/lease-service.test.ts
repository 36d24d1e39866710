import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type {
  LeaseGrantResponseInput,
  LeaseLeasesResponseInput,
  LeaseTimeToLiveResponseInput,
  RangeResponseInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { ManualClock } from './support/doubles.ts'
import { k, putRequest, rangeRequest } from './support/requests.ts'
import { newDisks, TestServer, type Disks } from './support/test-server.ts'

/** A whole server on a virtual clock; its ticks are timers of vitest's. */
class Node {
  readonly clock: ManualClock
  readonly test: TestServer

  constructor(test: TestServer, clock: ManualClock) {
    this.test = test
    this.clock = clock
  }

  static async start(disks: Disks, fields: { quotaBytes?: number } = {}): Promise<Node> {
    const clock = new ManualClock()
    return new Node(await TestServer.start(disks, undefined, { clock, ...fields }), clock)
  }

  /** Time passes, and the server ticks as often as it would. */
  async advance(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(100)
      vi.advanceTimersByTime(100)
      await settle()
    }
  }

  grant(ttl: number, id = 0n): Promise<LeaseGrantResponseInput> {
    return this.test.call('Lease.LeaseGrant', { ttl, id })
  }

  revoke(id: bigint): Promise<{ header: { revision: number } }> {
    return this.test.call('Lease.LeaseRevoke', { id })
  }

  timeToLive(id: bigint, keys = false): Promise<LeaseTimeToLiveResponseInput> {
    return this.test.call('Lease.LeaseTimeToLive', { id, keys })
  }

  async leases(): Promise<bigint[]> {
    const { leases } = await this.test.call<LeaseLeasesResponseInput>('Lease.LeaseLeases', {})
    return (leases ?? []).map(({ id }) => id ?? 0n)
  }

  put(key: string, lease: bigint): Promise<object> {
    return this.test.call('KV.Put', putRequest({ key: k(key), lease }))
  }

  async count(): Promise<number> {
    const everything = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
    const { count } = await this.test.call<RangeResponseInput>('KV.Range', everything)
    return count ?? 0
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('the Lease service', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(() => void vi.useRealTimers())

  test('raises a short TTL to the smallest one, and says so', async () => {
    const node = await Node.start(newDisks())
    for (const ttl of [0, 1, -5]) expect(await node.grant(ttl)).toMatchObject({ ttl: 2 })
    expect(await node.grant(3)).toMatchObject({ ttl: 3 })
  })

  test('chooses an id where none is given: positive, and not one in use', async () => {
    const node = await Node.start(newDisks())
    const { id: first = 0n } = await node.grant(10)
    expect(first > 0n).toBe(true)
    await node.grant(10, first + 1n)
    const { id: second } = await node.grant(10)
    expect(second).toBe(first + 2n)
  })

  test.each([
    [7n, 10, 'etcdserver: lease already exists', 9],
    [8n, 9_000_000_001, 'etcdserver: too large lease TTL', 11],
  ])('refuses a grant with %s for %s s', async (id, ttl, message, code) => {
    const node = await Node.start(newDisks())
    await node.grant(10, 7n)
    await expect(node.grant(ttl, id)).rejects.toMatchObject({ message, code })
  })

  test('tells what a lease has left in whole seconds, and its keys when asked', async () => {
    const node = await Node.start(newDisks())
    await node.grant(10, 7n)
    await node.put('b', 7n)
    await node.put('a', 7n)
    node.clock.advance(1)
    expect(await node.timeToLive(7n)).toMatchObject({ id: 7n, ttl: 9, grantedTtl: 10, keys: [] })
    expect(await node.timeToLive(7n, true)).toMatchObject({ keys: ['a', 'b'] })
    const unknown = await node.timeToLive(8n, true)
    expect(unknown).toMatchObject({ id: 8n, ttl: -1, header: { revision: 3 } })
    expect(unknown.grantedTtl ?? 0).toBe(0)
  })

  test('an expired lease goes with its keys in one revision', async () => {
    const node = await Node.start(newDisks())
    await node.grant(2, 7n)
    for (const key of ['a', 'b', 'c']) await node.put(key, 7n)
    await node.advance(1900)
    expect(await node.count()).toBe(3)
    await node.advance(100)
    expect(await node.count()).toBe(0)
    expect(await node.timeToLive(7n)).toMatchObject({ ttl: -1, header: { revision: 5 } })
  })

  test('a revocation answers with the revision it made', async () => {
    const node = await Node.start(newDisks())
    await node.grant(2, 7n)
    await node.put('a', 7n)
    expect(await node.revoke(7n)).toMatchObject({ header: { revision: 3 } })
    await expect(node.revoke(7n)).rejects.toMatchObject({
      message: 'etcdserver: requested lease not found',
      code: 5,
    })
  })

  test('lists leases by expiry', async () => {
    const node = await Node.start(newDisks())
    for (const [id, ttl] of [
      [1n, 30],
      [2n, 10],
      [3n, 20],
    ] as const) {
      await node.grant(ttl, id)
    }
    expect(await node.leases()).toEqual([2n, 3n, 1n])
  })

  test('a grant that does not fit the quota raises the alarm', async () => {
    const node = await Node.start(newDisks(), { quotaBytes: 60 })
    await expect(node.grant(10)).rejects.toMatchObject({
      message: 'etcdserver: mvcc: database space exceeded',
      code: 8,
    })
    await expect(node.grant(10)).rejects.toMatchObject({ code: 8 })
    expect(await node.leases()).toEqual([])
  })

  test('after a restart a lease has its TTL, or what was left at its last checkpoint', async () => {
    const disks = newDisks()
    const first = await Node.start(disks)
    await first.grant(1000, 1n)
    await first.grant(20, 2n)
    await first.put('a', 1n)
    await first.grant(1000, 3n)
    for (let minute = 0; minute < 5; minute++) {
      await first.advance(60_000)
    }
    await settle()
    expect(await first.leases()).toEqual([1n, 3n])
    await first.grant(20, 2n)
    await first.test.server.stop()
    const again = await Node.start(disks)
    expect(await again.timeToLive(1n, true)).toMatchObject({ ttl: 701, keys: ['a'] })
    expect(await again.timeToLive(2n)).toMatchObject({ ttl: 21, grantedTtl: 20 })
    await again.advance(701_000)
    expect(await again.leases()).toEqual([])
    expect(await again.count()).toBe(0)
    await again.test.server.stop()
  })
})
