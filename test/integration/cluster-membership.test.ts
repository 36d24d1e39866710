/**
 * Members that come and go while clients write, and members that must not come back.
 *
 * QUORATE_TEST_FACTOR above 1 lets a cluster grow to five members instead of three.
 */

import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster, readyToServe } from '../support/cluster.ts'
import { decimalId } from '../support/cluster-member.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest } from '../support/cluster-program.ts'
import { ClusterRun, expectEqualHashes } from '../support/cluster-run.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

const MORE_WRITES = 100
const LARGEST = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1) > 1 ? 5 : 3

const bed = new TestBed()
afterAll(() => bed.cleanUp())

const key = (text: string): Buffer => Buffer.from(text)

/** A member that learns of its removal says so and ends by itself. */
async function endsAsRemoved(member: ClusterMember): Promise<void> {
  const { code, signal } = await member.exited()
  expect(member.output).toMatch(/removed/i)
  if (!programUnderTest().isEtcd) expect({ code, signal }).toEqual({ code: 0, signal: null })
}

/** Started again, it is refused in one sentence. */
async function isRefusedAfterRemoval(member: ClusterMember): Promise<void> {
  member.relaunch()
  const { code } = await member.exited()
  expect(member.output).toMatch(/removed/i)
  if (!programUnderTest().isEtcd) expect(code).toBe(1)
}

describe.concurrent('under load', () => {
  it('a learner is added and promoted, then a follower and the leader are removed', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const run = await ClusterRun.start(cluster)
    const learner = await cluster.add({ isLearner: true })
    await until('the learner runs', 20_000, async () => await learner.status())
    run.watch(learner)
    expect((await learner.status()).isLearner).toBe(true)
    await run.load.more(MORE_WRITES)
    await cluster.promote(learner)
    await readyToServe(learner)
    expect((await learner.status()).isLearner).toBe(false)
    await run.load.more(MORE_WRITES)

    const [follower] = (await cluster.followers()).filter((member) => member !== learner)
    await removeWhileItRuns(cluster, run, follower!)
    await run.load.more(MORE_WRITES)
    const leader = await cluster.leader()
    await removeWhileItRuns(cluster, run, leader)
    await run.load.more(MORE_WRITES)
    expect(await cluster.list()).toHaveLength(2)
    await isRefusedAfterRemoval(leader)
    await run.check()
  }, 90_000)

  it('a member that is lost is replaced by a new one', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const run = await ClusterRun.start(cluster)
    const [lost] = (await cluster.followers()) as [ClusterMember]
    const { id } = await lost.status()
    await run.unwatch(lost)
    await lost.kill9()
    await run.load.more(MORE_WRITES)
    await cluster.remove(id, lost)
    const fresh = await cluster.add()
    run.watch(fresh)
    await readyToServe(fresh)
    await run.load.more(MORE_WRITES)

    // The lost one comes back, with its data: it is told, and goes for good.
    await isRefusedAfterRemoval(lost)
    expect(await cluster.list()).toHaveLength(3)
    await run.check()
  }, 90_000)

  it('a member moves to another peer address', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const run = await ClusterRun.start(cluster)
    const [moved] = (await cluster.followers()) as [ClusterMember]
    const { id } = await moved.status()
    await moved.terminate()
    const peerUrl = await moved.moveToAnotherPeerPort()
    const request = { ID: decimalId(id), peerURLs: [peerUrl] }
    await cluster.reconfigure('Cluster.MemberUpdate', cluster.other(moved), request)
    await run.load.more(MORE_WRITES)
    moved.relaunch()
    await readyToServe(moved)
    const list = await cluster.list()
    expect(list.find((member) => member['ID'] === id)).toMatchObject({ peerURLs: [peerUrl] })
    await run.load.more(MORE_WRITES)
    await run.check()
  }, 60_000)
})

async function removeWhileItRuns(
  cluster: ProcessCluster,
  run: ClusterRun,
  member: ClusterMember,
): Promise<void> {
  const { id } = await member.status()
  await run.unwatch(member)
  await cluster.remove(id, member)
  await endsAsRemoved(member)
}

describe.concurrent('one by one', () => {
  it(`a cluster grows from one member to ${LARGEST}, and shrinks to one`, async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test, size: 1 })
    const put = async (n: number): Promise<void> => {
      const member = cluster.members[n % cluster.members.length]!
      await member.ok('KV.Put', { key: key('size'), value: key(`${n}`) })
    }
    await put(1)
    for (let size = 2; size <= LARGEST; size++) {
      const added = await cluster.add()
      await readyToServe(added)
      await put(size)
      expect(await cluster.list()).toHaveLength(size)
    }
    await expectEqualHashes(cluster)
    expect(new Set((await cluster.list()).map(({ ID }) => ID as string)).size).toBe(LARGEST)

    for (let size = LARGEST - 1; size >= 1; size--) {
      // The leader every other time, so that it has to hand over or step down.
      const leader = await cluster.leader()
      const removed = size % 2 === 0 ? leader : cluster.other(leader)
      const { id } = await removed.status()
      await cluster.remove(id, removed, cluster.other(removed))
      await endsAsRemoved(removed)
      await cluster.leader()
      await put(size)
      expect(await cluster.list()).toHaveLength(size)
    }
    const { kvs } = await cluster.member(0).ok('KV.Range', { key: key('size') })
    expect(kvs).toMatchObject([{ version: `${2 * LARGEST - 1}` }])
  }, 120_000)

  it('changes that would cost the majority are refused', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const leader = await cluster.leader()
    const [down, other] = (await cluster.followers()) as [ClusterMember, ClusterMember]
    const { id } = await other.status()
    await down.kill9()
    expect(await leader.call('Cluster.MemberRemove', { ID: decimalId(id) })).toMatchObject({
      ok: false,
      code: 14,
      message: 'etcdserver: unhealthy cluster',
    })
    expect(
      await leader.call('Cluster.MemberAdd', { peerURLs: ['http://127.0.0.1:9'] }),
    ).toMatchObject({ ok: false, code: 14, message: 'etcdserver: unhealthy cluster' })
    expect(await leader.call('Cluster.MemberRemove', { ID: '1' })).toMatchObject({
      ok: false,
      code: 5,
      message: 'etcdserver: member not found',
    })
    expect(await cluster.list()).toHaveLength(3)
    await leader.ok('KV.Put', { key: key('still'), value: key('here') })
  }, 40_000)

  it('the last member cannot be removed', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test, size: 1 })
    const only = cluster.member(0)
    const { id } = await only.status()
    const result = await only.call('Cluster.MemberRemove', { ID: decimalId(id) })
    expect(result.ok).toBe(false)
    await only.ok('KV.Put', { key: key('still'), value: key('here') })
  }, 40_000)
})
