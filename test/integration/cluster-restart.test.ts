/** Members that are asked to stop, a cluster that is made anew from one survivor, and strangers. */

import { setTimeout as elapse } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster, readyToServe } from '../support/cluster.ts'
import { NOBODY } from '../support/cluster-member.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest } from '../support/cluster-program.ts'
import { ClusterRun, expectEqualHashes } from '../support/cluster-run.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

/** etcd ends by the signal itself once it has stopped. */
const CLEAN_END = programUnderTest().isEtcd
  ? { code: null, signal: 'SIGTERM' }
  : { code: 0, signal: null }

/** Long enough for both to start, to be refused, and to campaign. */
const EXCHANGED_MS = 3000

/** What both sides of a refused handshake say. */
const ANOTHER_CLUSTER = /cluster id mismatch|another cluster|wrong-cluster/i

const bed = new TestBed()
afterAll(() => bed.cleanUp())

describe('a rolling restart by SIGTERM', () => {
  // So long that an election by timeout cannot be taken for a leadership that was handed over.
  const ELECTION_TIMEOUT_MS = 4000
  const GAP_MS_MAX = 3000

  it('followers first, the leader last: it hands over before it ends, and writes go on', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), {
      test,
      args: ['--election-timeout', String(ELECTION_TIMEOUT_MS)],
    })
    const run = await ClusterRun.start(cluster)
    const old = await cluster.leader()
    for (const follower of await cluster.followers()) {
      expect(await follower.terminate()).toMatchObject(CLEAN_END)
      await run.load.more(100)
      follower.relaunch()
      await cluster.ready()
      expect(await cluster.leader()).toBe(old)
    }

    const { id } = await old.status()
    await run.load.more(100)
    const signalAt = performance.now()
    const ended = old.terminate()
    const { term } = await newLeader(cluster.other(old), id)
    const handedOverMs = performance.now() - signalAt
    const { code, signal, tookMs } = await ended
    await run.load.more(100)
    const gapMs = run.load.longestGapMs(signalAt, performance.now())
    expect({ code, signal }).toEqual(CLEAN_END)
    expect(gapMs).toBeLessThan(GAP_MS_MAX)
    expect((await cluster.other(old).status()).term).toBe(term)

    old.relaunch()
    const summary = await run.check()
    const rounded = [gapMs, handedOverMs, tookMs].map(Math.round)
    console.log(
      `SIGTERM of the leader: writes stood still for ${rounded[0]} ms, another led after ` +
        `${rounded[1]} ms, the process ended after ${rounded[2]} ms; ${JSON.stringify(summary)}`,
    )
  }, 90_000)
})

/** The status of a member once it names another leader than `old`. */
async function newLeader(member: ClusterMember, old: string): Promise<{ term: number }> {
  return await until('another leader', 20_000, async () => {
    const status = await member.status()
    return status.leader === old || status.leader === NOBODY ? undefined : status
  })
}

describe.concurrent('--force-new-cluster', () => {
  it('one survivor of three goes on alone with all data, and takes fresh members', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    for (let n = 0; n < 50; n++) {
      await cluster.member(n % 3).ok('KV.Put', { key: key(`k${n}`), value: key(`${n}`) })
    }
    const [before] = await cluster.hashes()
    // What nobody could confirm to the survivor before the end may be dropped; not what is older.
    for (let n = 0; n < 5; n++)
      await cluster.other().ok('KV.Put', { key: key('a'), value: key('b') })
    const survivor = cluster.member(1)
    const { id, clusterId } = await survivor.status()
    await Promise.all(cluster.members.map((member) => member.kill9()))
    for (const lost of [cluster.member(2), cluster.member(0)]) cluster.forget(lost)

    survivor.launch([...survivor.arguments, '--force-new-cluster'])
    await cluster.ready()
    expect(await cluster.list()).toMatchObject([{ ID: id, name: 'm2', isLearner: false }])
    expect(await survivor.status()).toMatchObject({ id, clusterId, leader: id })
    const { hash } = await survivor.ok('Maintenance.HashKV', { revision: `${before?.revision}` })
    expect(hash).toBe(before?.hash)
    await survivor.ok('KV.Put', { key: key('alone'), value: key('1') })

    // A restart without the flag finds the same cluster of one.
    await survivor.terminate()
    survivor.launch(survivor.arguments.filter((arg) => arg !== '--force-new-cluster'))
    await cluster.ready()
    expect(await cluster.list()).toHaveLength(1)

    const fresh = await cluster.add()
    await readyToServe(fresh)
    const { kvs } = await fresh.ok('KV.Range', { key: key('alone') })
    expect(kvs).toMatchObject([{ value: key('1') }])
    await expectEqualHashes(cluster)
    expect(await cluster.list()).toHaveLength(2)
  }, 60_000)
})

describe.concurrent('a member of another cluster', () => {
  it('at the address of one of ours is refused by name, and neither side takes anything', async (test) => {
    const theirs = await ProcessCluster.start(bed, programUnderTest(), { test, token: 'theirs' })
    await theirs.member(0).ok('KV.Put', { key: key('theirs'), value: key('1') })
    await theirs.hashes()
    await Promise.all(theirs.members.map((member) => member.kill9()))

    const ours = await ProcessCluster.start(bed, programUnderTest(), {
      test,
      token: 'ours',
      ports: theirs.ports,
    })
    const replaced = ours.member(2)
    await replaced.kill9()
    const stranger = theirs.member(2)
    stranger.relaunch()
    await stranger.waitForOutput(ANOTHER_CLUSTER)
    await ours.member(0).waitForOutput(ANOTHER_CLUSTER)
    await ours.leader()
    await ours.member(0).ok('KV.Put', { key: key('ours'), value: key('2') })
    await ours.settled()
    expect(await valueAt(ours.member(1), 'ours')).toBe('2')
    expect(await valueAt(ours.member(1), 'theirs')).toBeUndefined()
    // Alone it need not answer at all; if it does, then from its own cluster's data.
    const request = { key: key('ours'), serializable: true }
    const answer = await stranger.call('KV.Range', request, 1000)
    if (answer.ok) expect(answer.response['kvs']).toEqual([])

    await stranger.kill9()
    replaced.relaunch()
    await ours.ready()
    expect(await valueAt(replaced, 'ours')).toBe('2')
    await expectEqualHashes(ours)
  }, 60_000)
})

describe.concurrent('two members at each other’s addresses', () => {
  it('take nothing that is meant for the other, and go on when they are back', async (test) => {
    const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
    const run = await ClusterRun.start(cluster)
    const [one, other] = [cluster.member(1), cluster.member(2)]
    for (let turn = 0; turn < 2; turn++) {
      await Promise.all([one.kill9(), other.kill9()])
      one.exchangePeerAddress(other)
      one.relaunch()
      other.relaunch()
      await elapse(turn === 0 ? EXCHANGED_MS : 0)
    }
    await cluster.ready()
    await run.load.more(100)
    expect(await cluster.list()).toHaveLength(3)
    await run.check()
  }, 60_000)
})

const key = (text: string): Buffer => Buffer.from(text)

/** What a member itself has, without asking any other. */
async function valueAt(member: ClusterMember, name: string): Promise<string | undefined> {
  return await until(`${member.name} answers`, 10_000, async () => {
    const { kvs } = await member.ok('KV.Range', { key: key(name), serializable: true }, 1000)
    return { value: kvs[0]?.value.toString() as string | undefined }
  }).then(({ value }) => value)
}
