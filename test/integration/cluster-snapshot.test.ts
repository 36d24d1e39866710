/**
 * A follower that was away for longer than the log reaches back comes back by a snapshot: while it
 * runs, with watches open on it, and at its start. Keys, leases, locks and history are the leader's.
 *
 * QUORATE_TEST_FACTOR multiplies the writes; 5 makes them 60,000.
 */

import { setTimeout as elapse } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { ProcessCluster, readyToServe } from '../support/cluster.ts'
import {
  endOfPrefix,
  FollowedWatch,
  historyOf,
  skippedRevisions,
} from '../support/cluster-history.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { programUnderTest, smallLogFlags } from '../support/cluster-program.ts'
import { expectEqualHashes } from '../support/cluster-run.ts'
import { TestBed } from '../support/test-bed.ts'
import { until } from '../support/until.ts'

const FACTOR = Number(process.env['QUORATE_TEST_FACTOR'] ?? 1)
const WRITES = 12_000 * FACTOR
const SNAPSHOT_COUNT = 2000
const KEPT_ENTRIES = 500
const WRITERS = 64
const STOPPED_MS = 6000
const PREFIX = 'bulk/'
/** What a member says when it takes over the state that a snapshot brought. */
const INSTALLED = /(install|appli|receiv|restor)\w* .*snapshot|snapshot.*(install|appli|receiv)/i

const bed = new TestBed()
afterAll(() => bed.cleanUp())

const key = (text: string): Buffer => Buffer.from(text)

/** Writes `count` small values to a thousand keys; the revision of the last one. */
async function writeMany(member: ClusterMember, count: number): Promise<number> {
  let written = 0
  let last = 0
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (written < count) {
        const n = written++
        const request = { key: key(`${PREFIX}${n % 1000}`), value: key(`${n}`) }
        const { header } = await member.ok('KV.Put', request, 30_000)
        last = Math.max(last, Number(header.revision))
      }
    }),
  )
  return last
}

async function lock(member: ClusterMember, lease: string): Promise<string> {
  const answer = await member.ok('/v3lockpb.Lock/Lock', { name: key('lock'), lease }, 120_000)
  return (answer['key'] as Buffer).toString()
}

async function grant(member: ClusterMember): Promise<string> {
  return (await member.ok('Lease.LeaseGrant', { TTL: '600' }))['ID'] as string
}

async function leasesOf(member: ClusterMember): Promise<unknown[]> {
  const { leases } = await member.ok('Lease.LeaseLeases', {})
  const details = (leases as { ID: string }[]).map(async ({ ID }) => {
    const { keys, grantedTTL } = await member.ok('Lease.LeaseTimeToLive', { ID, keys: true })
    return { ID, grantedTTL: grantedTTL as string, keys: (keys as Buffer[]).map(String).toSorted() }
  })
  return (await Promise.all(details)).toSorted((one, other) => (one.ID < other.ID ? -1 : 1))
}

describe('a follower behind the log', () => {
  it(
    `after ${WRITES} writes without it: it has the state of a snapshot, and its watches miss nothing`,
    async (test) => {
      const program = programUnderTest()
      const cluster = await ProcessCluster.start(bed, program, {
        test,
        args: smallLogFlags(program, SNAPSHOT_COUNT, KEPT_ENTRIES),
      })
      const leader = await cluster.leader()
      const [follower, other] = (await cluster.followers()) as [ClusterMember, ClusterMember]
      const first = await writeMany(leader, 100)
      const lease = await grant(follower)
      await leader.ok('KV.Put', { key: key('leased'), value: key('1'), lease })
      const held = await lock(follower, lease)
      const gone = await grant(follower)
      await leader.ok('KV.Put', { key: key('gone'), value: key('1'), lease: gone })
      const watch = new FollowedWatch(follower, PREFIX, 1)
      await watch.reach(first)

      // It stands still: its watches stay open while it gets the snapshot.
      follower.pause()
      const said = follower.output.length
      const second = await writeMany(leader, WRITES)
      await leader.ok('Lease.LeaseRevoke', { ID: gone })
      // What waits for it in buffers must not be all: until its connection is given up.
      await elapse(STOPPED_MS)
      follower.resume()
      await until('the follower has taken a snapshot over', 60_000, () =>
        INSTALLED.test(follower.output.slice(said)) ? true : undefined,
      )
      await watch.reach(second, 60_000)
      await readyToServe(follower)
      await expectEqualHashes(cluster)
      expect(watch.problems).toEqual([])
      expect(watch.openings).toBe(1)
      expect(watch.events).toEqual(await historyOf(leader, PREFIX, 1, second))
      // Nothing but the lease's two keys, which were put in between, has other revisions.
      expect(watch.events).toHaveLength(100 + WRITES)
      expect(skippedRevisions(watch.events.slice(100))).toEqual([])
      expect(await leasesOf(follower)).toEqual(await leasesOf(leader))
      expect((await leasesOf(follower)).length).toBe(1)

      // It is down, and the history that it missed is compacted away.
      await follower.kill9()
      const third = await writeMany(leader, WRITES)
      await leader.ok('KV.Compact', { revision: String(third), physical: true }, 60_000)
      const fourth = await writeMany(leader, 100)
      follower.relaunch()
      await readyToServe(follower, 60_000)
      await expectEqualHashes(cluster)
      await until('the old watch ends', 20_000, () =>
        watch.problems.length > 0 ? true : undefined,
      )
      expect(watch.problems).toEqual([expect.stringContaining(`compacted ${third}`)])
      expect(watch.reached).toBeLessThanOrEqual(third)
      const recent = await historyOf(follower, PREFIX, third, fourth)
      expect(recent).toEqual(await historyOf(leader, PREFIX, third, fourth))
      expect(recent).toHaveLength(101)
      expect(await leasesOf(follower)).toEqual(await leasesOf(leader))

      // The lock is still held, by the same lease; the queue behind it works on every member.
      const waiting = lock(follower, await grant(other))
      await until('the contender stands in the queue', 10_000, async () => {
        const { count } = await follower.ok('KV.Range', {
          key: key('lock/'),
          range_end: endOfPrefix('lock/'),
        })
        return count === '2' ? true : undefined
      })
      await other.ok('/v3lockpb.Lock/Unlock', { key: key(held) })
      expect(await waiting).not.toBe(held)
      await watch.stop()

      // A snapshot that was received is a state to start from.
      await follower.terminate()
      follower.relaunch()
      await readyToServe(follower)
      await expectEqualHashes(cluster)
    },
    60_000 * (FACTOR + 1),
  )
})
