/** Three members that are started beside each other, with etcd's flags, become one cluster. */

import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster } from '../support/cluster.ts'
import { NOBODY } from '../support/cluster-member.ts'
import { etcdProgram, programUnderTest } from '../support/cluster-program.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

const etcd = findEtcd()
const bed = new TestBed()
afterAll(() => bed.cleanUp())

describe.concurrent('three members started together', () => {
  it('form a cluster within seconds; each serves reads and writes', async (test) => {
    const startedAt = performance.now()
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    const leader = await cluster.leader()
    const statuses = await Promise.all(cluster.members.map((member) => member.status()))
    expect(new Set(statuses.map(({ clusterId }) => clusterId)).size).toBe(1)
    expect(new Set(statuses.map(({ id }) => id)).size).toBe(3)
    const { id } = await leader.status()
    expect(statuses.map((status) => status.leader)).toEqual([id, id, id])

    // What one member has acknowledged, every member reads at once.
    for (const [n, writer] of cluster.members.entries()) {
      const key = Buffer.from(`key${n}`)
      const put = await writer.ok('KV.Put', { key, value: Buffer.from(writer.name) })
      for (const reader of cluster.members) {
        const { kvs } = await reader.ok('KV.Range', { key })
        expect(kvs).toMatchObject([
          { value: Buffer.from(writer.name), mod_revision: put['header'].revision },
        ])
      }
    }

    // A serializable read answers from what a member has applied by itself.
    for (const member of cluster.members) {
      await until(`${member.name} has applied it`, 5000, async () => {
        const request = { key: Buffer.from('key2'), serializable: true }
        const { kvs } = await member.ok('KV.Range', request)
        return kvs.length === 1 ? true : undefined
      })
    }
    const hashes = await cluster.hashes()
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1)
  }, 40_000)

  it('a minority alone neither leads nor serves linearizable reads, but serializable ones', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    await cluster.member(0).ok('KV.Put', { key: Buffer.from('a'), value: Buffer.from('1') })
    await cluster.hashes()
    await Promise.all([cluster.member(1).kill9(), cluster.member(2).kill9()])
    const alone = cluster.member(0)
    await until('it knows of no leader', 10_000, async () =>
      (await alone.status()).leader === NOBODY ? true : undefined,
    )
    const key = Buffer.from('a')
    expect((await alone.call('KV.Range', { key }, 1500)).ok).toBe(false)
    const put = await alone.call('KV.Put', { key, value: Buffer.from('2') }, 1500)
    expect(put.ok).toBe(false)
    const { kvs } = await alone.ok('KV.Range', { key, serializable: true })
    expect(kvs).toMatchObject([{ value: Buffer.from('1') }])

    // With one more there is a majority again.
    cluster.member(1).relaunch()
    await cluster.ready()
    await cluster.leader()
    expect((await alone.ok('KV.Range', { key }))['count']).toBe('1')
  }, 60_000)

  it('all killed at once and started again, they have every write', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const last = await putMany(cluster, 200)
    await Promise.all(cluster.members.map((member) => member.kill9()))
    for (const member of cluster.members) member.relaunch()
    await cluster.ready()
    const { kvs, header } = await cluster.member(1).ok('KV.Range', {
      key: Buffer.from('many/'),
      range_end: Buffer.from('many0'),
    })
    expect(kvs).toHaveLength(200)
    expect(Number(header.revision)).toBe(last)
  }, 40_000)
})

describe.skipIf(isMissing(etcd))(suiteName('identity', etcd), () => {
  it('ids, names and addresses are those that etcd has with the same flags', async (test) => {
    const ours = await ProcessCluster.start(bed, programUnderTest(), { test, token: 'some token' })
    const expected = await describeMembers(ours)
    const { ports } = ours
    await ours.killAll()
    const theirs = await ProcessCluster.start(bed, etcdProgram(programOf(etcd)), {
      test,
      token: 'some token',
      ports,
    })
    expect(expected).toEqual(await describeMembers(theirs))
  }, 60_000)
})

/** The member list once everybody has published its client addresses, and the cluster's id. */
async function describeMembers(cluster: ProcessCluster): Promise<unknown> {
  const members = await until('all members are published', 10_000, async () => {
    const list = await cluster.list()
    return list.every(({ clientURLs }) => clientURLs.length > 0) ? list : undefined
  })
  const statuses = await Promise.all(cluster.members.map((member) => member.status()))
  const ids = statuses.map(({ id, clusterId }) => ({ id, clusterId }))
  return { members, ids }
}

async function putMany(cluster: ProcessCluster, count: number): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const member = cluster.member(n % cluster.members.length)
      const key = Buffer.from(`many/${n}`)
      return await member.ok('KV.Put', { key, value: Buffer.from(`${n}`) })
    }),
  )
  return Math.max(...answers.map(({ header }) => Number(header.revision)))
}
