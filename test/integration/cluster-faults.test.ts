/**
 * Members that are killed and stopped while clients write to all of them: no acknowledged write is
 * lost, none is applied twice, no read is stale, and every member tells the same history.
 *
 * QUORATE_TEST_FACTOR multiplies the rounds.
 */

import { setTimeout as elapse } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster } from '../support/cluster.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest } from '../support/cluster-program.ts'
import { ClusterRun } from '../support/cluster-run.ts'
import { TestBed } from '../support/test-bed.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const STOPPED_MS = 3000
const MORE_WRITES = 100
/** Long enough for many writes to reach the leader, and for it to lead still. */
const ALONE_MS = 300

const bed = new TestBed()
afterAll(() => bed.cleanUp())

type Choice = (cluster: ProcessCluster) => Promise<ClusterMember>
const leader: Choice = async (cluster) => await cluster.leader()
const follower: Choice = async (cluster) => (await cluster.followers())[0]!

/** Kills a member, lets the others write, and starts it again. */
async function killAndRestart(cluster: ProcessCluster, run: ClusterRun, choose: Choice) {
  const victim = await choose(cluster)
  await victim.kill9()
  await run.load.more(MORE_WRITES)
  victim.relaunch()
  await cluster.ready()
  await run.load.more(MORE_WRITES)
}

/** Stops a member for longer than an election takes, and lets it go on. */
async function stopAndContinue(cluster: ProcessCluster, run: ClusterRun, choose: Choice) {
  const victim = await choose(cluster)
  victim.pause()
  await Promise.all([elapse(STOPPED_MS), run.load.more(MORE_WRITES)])
  victim.resume()
  await cluster.ready()
  await run.load.more(MORE_WRITES)
}

const FAULTS = [
  ['kill -9 of the leader', leader, killAndRestart],
  ['kill -9 of a follower', follower, killAndRestart],
  [`SIGSTOP of the leader for ${STOPPED_MS} ms`, leader, stopAndContinue],
  [`SIGSTOP of a follower for ${STOPPED_MS} ms`, follower, stopAndContinue],
] as const

describe.concurrent('under load from clients of all members', () => {
  it(
    `${FAULTS.map(([name]) => name).join(', ')}: one history, with every acknowledged write once`,
    async (test) => {
      const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
      const run = await ClusterRun.start(cluster)
      for (let round = 0; round < FACTOR; round++) {
        for (const [, choose, fault] of FAULTS) await fault(cluster, run, choose)
      }
      const summary = await run.check()
      expect(summary.acknowledged).toBeGreaterThan(FAULTS.length * 2 * MORE_WRITES)
      console.log(`faults under load: ${JSON.stringify(summary)} ${run.load.summary}`)
    },
    60_000 * (FACTOR + 1),
  )

  it(
    'all members killed at once, again and again',
    async (test) => {
      const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
      const run = await ClusterRun.start(cluster)
      for (let round = 0; round < 2 * FACTOR; round++) {
        await Promise.all(cluster.members.map((member) => member.kill9()))
        for (const member of cluster.members) member.relaunch()
        await cluster.ready()
        await run.load.more(MORE_WRITES)
      }
      await run.check()
    },
    60_000 * (FACTOR + 1),
  )

  it(
    'a leader and a follower stopped by turns, so that messages of old terms arrive late',
    async (test) => {
      const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
      const run = await ClusterRun.start(cluster)
      for (let round = 0; round < 2 * FACTOR; round++) {
        const old = await cluster.leader()
        old.pause()
        const next = await cluster.leader()
        await run.load.more(MORE_WRITES)
        next.pause()
        old.resume() // behind, in an old term, and needed for a majority now
        await cluster.leader()
        await run.load.more(MORE_WRITES)
        next.resume()
        await cluster.ready()
      }
      await run.check()
    },
    60_000 * (FACTOR + 1),
  )

  it(
    'a leader whose followers stood still is lost: it had acknowledged nothing alone',
    async (test) => {
      const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
      const run = await ClusterRun.start(cluster)
      for (let round = 0; round < 2 * FACTOR; round++) {
        const old = await cluster.leader()
        const followers = await cluster.followers()
        for (const follower of followers) follower.pause()
        await elapse(ALONE_MS)
        // All die, so that what stood in the followers' sockets is gone too.
        await Promise.all(cluster.members.map((member) => member.kill9()))
        for (const follower of followers) follower.relaunch()
        await cluster.ready()
        await run.load.more(MORE_WRITES)
        old.relaunch()
        await cluster.ready()
      }
      await run.check()
    },
    60_000 * (FACTOR + 1),
  )

  it(
    'a leader that stood still answers no stale read when it goes on',
    async (test) => {
      const cluster = await ProcessCluster.start(bed, programUnderTest(), { test })
      const key = Buffer.from('read')
      for (let round = 0; round < 3 * FACTOR; round++) {
        const old = await cluster.leader()
        await old.ok('KV.Put', { key, value: Buffer.from(`old ${round}`) })
        old.pause()
        const next = await cluster.leader()
        await next.ok('KV.Put', { key, value: Buffer.from(`new ${round}`) })
        // They wait in its socket, and are the first that it hears of.
        const reads = Array.from({ length: 20 }, () => old.call('KV.Range', { key }, 5000))
        await elapse(100)
        old.resume()
        const answers = await Promise.all(reads)
        const values = answers.flatMap((it) => (it.ok ? [String(it.response['kvs'][0].value)] : []))
        expect(values.filter((value) => value !== `new ${round}`)).toEqual([])
        await cluster.ready()
      }
    },
    60_000 * (FACTOR + 1),
  )
})
