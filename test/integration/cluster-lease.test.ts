/** Leases and locks while leadership moves: neither too early an end nor none. */

import { setTimeout as elapse } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster } from '../support/cluster.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest } from '../support/cluster-program.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

const ELECTION_TIMEOUT_MS = 1000
const KEEP_ALIVE_EVERY_MS = 300
const ASK_ANOTHER_MS = 20

const bed = new TestBed()
afterAll(() => bed.cleanUp())

const key = (text: string): Buffer => Buffer.from(text)

async function grant(member: ClusterMember, ttl: number, id: number): Promise<string> {
  const { ID } = await member.ok('Lease.LeaseGrant', { TTL: String(ttl), ID: String(id) })
  return ID as string
}

async function putWith(member: ClusterMember, name: string, lease: string): Promise<void> {
  await member.ok('KV.Put', { key: key(name), value: key(member.name), lease })
}

async function exists(member: ClusterMember, name: string): Promise<boolean> {
  const { count } = await member.ok('KV.Range', { key: key(name), serializable: true })
  return count === '1'
}

/** Keeps a lease alive through whoever answers, as client libraries do: well before it ends. */
class KeptLease {
  renewals = 0
  readonly #cluster: ProcessCluster
  readonly #id: string
  readonly #running: Promise<void>
  #isStopped = false

  constructor(cluster: ProcessCluster, id: string) {
    this.#cluster = cluster
    this.#id = id
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn++) {
      const members = this.#cluster.members
      const ttl = await keepAliveOnce(members[turn % members.length]!, this.#id)
      if (ttl === 0) return
      if (ttl !== undefined) this.renewals++
      await elapse(ttl === undefined ? ASK_ANOTHER_MS : KEEP_ALIVE_EVERY_MS)
    }
  }
}

/** The TTL that is answered; 0 when there is no such lease, undefined without an answer in time. */
async function keepAliveOnce(member: ClusterMember, id: string): Promise<number | undefined> {
  const stream = member.client.longStream('Lease.LeaseKeepAlive', 1000, { ID: id })
  const answer = await stream.next()
  stream.cancel()
  return 'code' in answer ? undefined : Number(answer['TTL'])
}

describe.concurrent('leases', () => {
  it('a leader is killed: a lease that is kept alive lives, one that is not ends in its time', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const leader = await cluster.leader()
    const [a, b] = (await cluster.followers()) as [ClusterMember, ClusterMember]
    const TTL = 4
    const kept = await grant(a, TTL, 1001)
    await putWith(a, 'kept', kept)
    const keeper = new KeptLease(cluster, kept)

    const left = await grant(b, TTL, 1002)
    await putWith(b, 'left', left)
    const lastAskedAt = performance.now()
    expect(await keepAliveOnce(a, left)).toBe(TTL)
    const lastKeptAt = performance.now()

    await leader.kill9()
    await cluster.leader()
    const newLeaderAt = performance.now()
    // The time that is left is told by every member, also by one that does not lead.
    for (const member of [a, b]) {
      const answer = await member.ok('Lease.LeaseTimeToLive', { ID: left, keys: true })
      expect(answer).toMatchObject({ ID: left, grantedTTL: String(TTL), keys: [key('left')] })
      expect(Number(answer['TTL'])).toBeGreaterThan(0)
    }

    await until('the lease ends', 20_000, async () =>
      (await exists(a, 'left')) ? undefined : true,
    )
    const endedAt = performance.now()
    expect(endedAt - lastAskedAt).toBeGreaterThanOrEqual(TTL * 1000)
    expect(endedAt - newLeaderAt).toBeLessThan(TTL * 1000 + 2 * ELECTION_TIMEOUT_MS + 2000)
    expect(lastKeptAt - lastAskedAt).toBeLessThan(1000) // else the bounds above mean little
    expect(await b.ok('Lease.LeaseTimeToLive', { ID: left })).toMatchObject({ TTL: '-1' })
    expect(await keepAliveOnce(a, left)).toBe(0)

    expect(await exists(a, 'kept')).toBe(true)
    leader.relaunch()
    await cluster.ready()
    const { leases } = await leader.ok('Lease.LeaseLeases', {})
    expect(leases).toEqual([{ ID: kept }])
    expect(await exists(leader, 'kept')).toBe(true)
    expect(keeper.renewals).toBeGreaterThan(3)
    await keeper.stop()
  }, 60_000)

  it('the leader stands still: it neither ends a lease nor confirms one when it goes on', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const old = await cluster.leader()
    const TTL = 3
    const id = await grant(old, TTL, 2001)
    await putWith(old, 'kept', id)
    const keeper = new KeptLease(cluster, id)
    old.pause()
    await cluster.leader()
    const before = keeper.renewals
    // Past the deadline that the one who stands still knew.
    await elapse((TTL + 1) * 1000)
    expect(keeper.renewals).toBeGreaterThan(before)
    old.resume()
    await cluster.leader()
    await cluster.settled()
    for (const member of cluster.members) expect(await exists(member, 'kept')).toBe(true)
    expect(await keepAliveOnce(old, id)).toBe(TTL)
    await keeper.stop()
  }, 60_000)
})

describe.concurrent('locks', () => {
  it('held over a change of leaders; the next in the queue gets it after the holder', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const [a, b] = (await cluster.followers()) as [ClusterMember, ClusterMember]
    const holder = await grant(a, 60, 3001)
    const waiter = await grant(b, 60, 3002)
    const lock = async (member: ClusterMember, lease: string): Promise<string> => {
      const answer = await member.ok('/v3lockpb.Lock/Lock', { name: key('lock'), lease }, 40_000)
      return (answer['key'] as Buffer).toString()
    }
    const held = await lock(a, holder)
    let isGranted = false
    const waiting = lock(b, waiter).then((name) => {
      isGranted = true
      return name
    })
    await until('both wait in the queue', 10_000, async () => {
      const { count } = await b.ok('KV.Range', { key: key('lock/'), range_end: key('lock0') })
      return count === '2' ? true : undefined
    })

    const leader = await cluster.leader()
    await leader.kill9()
    await cluster.leader()
    await a.ok('KV.Put', { key: key('after'), value: key('the change') })
    expect(isGranted).toBe(false)
    expect(await exists(b, held)).toBe(true)
    await a.ok('/v3lockpb.Lock/Unlock', { key: key(held) })
    expect(await waiting).toMatch(/^lock\//)
  }, 60_000)
})
