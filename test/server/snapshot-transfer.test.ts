import { describe, expect, test } from 'vitest'

import { AlarmType, type RangeStreamResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import type { ResponseStream } from '../../src/rpc/engine.ts'
import type { StatusError } from '../../src/rpc/status.ts'
import {
  addMember,
  compact,
  contents,
  grant,
  hashKv,
  keepAlive,
  leaseIds,
  moveLeader,
  promoteMember,
  put,
  remove,
  timeToLive,
} from './support/client.ts'
import type { ServerOptions } from '../../src/server/server-options.ts'
import { etcdError } from '../../src/server/errors.ts'
import { Call, Caller } from './support/recipe-bench.ts'
import { k, rangeRequest } from './support/requests.ts'
import { fakeTimers, status, TestCluster, type TestMember } from './support/test-cluster.ts'
import { WatchClient } from './support/watch-client.ts'

fakeTimers()

interface Lagging {
  readonly cluster: TestCluster
  readonly leader: TestMember
  readonly other: TestMember
  /** Cut off, and behind the log of the others. */
  readonly far: TestMember
}

/**
 * Three members with the keys a0 to a9. One is cut off; the others write b0 to b39, and have
 * compacted their logs.
 */
async function lagging(options: Partial<ServerOptions> = {}): Promise<Lagging> {
  const cluster = await TestCluster.start({
    options: { snapshotCount: 10, snapshotCatchUpEntries: 2, ...options },
  })
  const leader = await cluster.leader()
  const [other, far] = await cluster.followers()
  if (other === undefined || far === undefined) throw new Error('there are two followers')
  await cluster.run(grant(leader, 1, 1000))
  for (let i = 0; i < 10; i++) await cluster.run(put(leader, `a${i}`, 'old', i === 0 ? 1n : 0n))
  await cluster.converge()
  cluster.isolate(far)
  return { cluster, leader, other, far }
}

async function writeOn({ cluster, leader, far }: Lagging): Promise<void> {
  for (let i = 0; i < 40; i++) await cluster.run(put(leader, `b${i}`, 'new'))
  await cluster.run(remove(leader, 'a1'))
  await cluster.run(grant(leader, 2, 1000))
  await cluster.run(put(leader, 'l', 'v', 2n))
  await cluster.settle()
  expect(far.logger.messages).not.toContain('receiving database snapshot')
}

async function expectEqual(cluster: TestCluster): Promise<void> {
  await cluster.converge()
  const hashes = await Promise.all(cluster.members.map((member) => hashKv(member)))
  expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1)
  const all = await Promise.all(cluster.members.map((member) => contents(member, true)))
  for (const found of all) expect(found).toEqual(all[0])
  // Long enough for the leader to compare the state hashes.
  await cluster.advance(2500)
  for (const member of cluster.members) expect((await status(member)).errors).toEqual([])
}

function follow<Response>(call: Promise<Response>): Call<Response> {
  return new Call(new Caller(), call)
}

function hasReceived({ logger }: TestMember): boolean {
  return logger.messages.includes('applied snapshot')
}

describe('a follower behind the compacted log', () => {
  test('gets the whole state while it serves, and nobody sees a mix', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    cluster.heal()
    // A read of so many takes several turns.
    await cluster.run(Promise.all(Array.from({ length: 400 }, (_, i) => put(leader, `m${i}`))))
    await cluster.converge()
    cluster.isolate(far)
    await writeOn(setting)
    const before = await contents(far, true)
    cluster.heal()
    const seen: Promise<string[] | undefined>[] = []
    // Read again and again, at every step of the change.
    far.stateDisk.onStep = () => {
      const read = contents(far, true).catch((error: unknown) => {
        expect(error).toEqual(etcdError('leader-changed'))
        return undefined
      })
      seen.push(read)
    }
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    far.stateDisk.onStep = () => undefined
    const after = await contents(far, true)
    expect([before.length, after.length]).toEqual([410, 450])
    const found = await Promise.all(seen)
    expect(found).toContainEqual(before)
    expect(found).toContainEqual(after)
    for (const one of found) if (one !== undefined) expect([before, after]).toContainEqual(one)
    expect(far.logger.messages.filter((text) => text === 'applied snapshot')).toHaveLength(1)
    await cluster.stop()
  })

  test('has its leases, also as the leader afterwards', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    await writeOn(setting)
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await cluster.converge()
    expect((await leaseIds(far)).sort()).toEqual(['1', '2'])
    expect(await cluster.run(timeToLive(far, 2))).toMatchObject({ keys: ['l'], grantedTtl: 1000 })
    await cluster.run(moveLeader(leader, far.id))
    expect(await cluster.run(keepAlive(leader, 2))).toBe(1000)
    expect(await cluster.run(timeToLive(far, 1))).toMatchObject({ keys: ['a0'], grantedTtl: 1000 })
    await cluster.run(far.test.call('Lease.LeaseRevoke', { id: 2n }))
    await expectEqual(cluster)
    expect(await contents(far, true)).not.toContain('l=v')
    await cluster.stop()
  })

  test('tells its watchers each event once and in order', async () => {
    const setting = await lagging()
    const { cluster, far } = setting
    const synced = new WatchClient(far)
    const fromStart = new WatchClient(far, { startRevision: 2 })
    const future = new WatchClient(far, { startRevision: 40 })
    const slow = new WatchClient(far, { startRevision: 2 })
    slow.reads = false
    await cluster.settle()
    await writeOn(setting)
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await cluster.converge()
    slow.drain()
    await cluster.run(put(far, 'c'))
    await cluster.advance(200)
    const revisions = (client: WatchClient): number[] =>
      client.events.map(({ revision }) => revision)
    const upTo53 = Array.from({ length: 53 }, (_, i) => i + 2)
    expect(revisions(fromStart)).toEqual(upTo53)
    expect(revisions(slow)).toEqual(upTo53)
    expect(revisions(synced)).toEqual(upTo53.slice(10))
    expect(revisions(future)).toEqual(upTo53.slice(38))
    await cluster.stop()
  })

  test('ends the watchers whose revision is compacted in the new state, with that revision', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    const synced = new WatchClient(far)
    const future = new WatchClient(far, { startRevision: 45 })
    await cluster.settle()
    await writeOn(setting)
    await cluster.run(compact(leader, 30))
    for (let i = 0; i < 12; i++) await cluster.run(put(leader, 'd'))
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await cluster.converge()
    await cluster.advance(100)
    expect(synced).toMatchObject({ compactRevision: 30, isCanceled: true, events: [] })
    expect(future.events[0]?.revision).toBe(45)
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('ends a stream of a range whose client reads slowly', async () => {
    const setting = await lagging({ maxRequestBytes: 200 })
    const { cluster, far } = setting
    await writeOn(setting)
    const slow = new SlowReader()
    const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), serializable: true })
    far.test.serverStream('KV.RangeStream', request, slow)
    await cluster.settle()
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    expect(slow.responses).toHaveLength(1)
    slow.drain()
    await cluster.advance(100)
    expect(slow.failed?.message).toBe('etcdserver: leader changed')
    expect(slow.responses).toHaveLength(1)
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('feeds the watchers that come at any step of the change', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    cluster.heal()
    await cluster.run(Promise.all(Array.from({ length: 400 }, (_, i) => put(leader, `m${i}`))))
    await cluster.converge()
    // From now on it has what was before on its disk alone.
    far.crash()
    await cluster.restart(far)
    cluster.isolate(far)
    await writeOn(setting)
    cluster.heal()
    const watchers: WatchClient[] = []
    far.stateDisk.onStep = () => void watchers.push(new WatchClient(far, { startRevision: 2 }))
    await cluster.until(() => hasReceived(far))
    far.stateDisk.onStep = () => undefined
    await expectEqual(cluster)
    const { header } = await status(far)
    expect(watchers.length).toBeGreaterThan(5)
    for (const { events } of watchers) {
      const revisions = events.map(({ revision }) => revision)
      expect(revisions).toEqual(Array.from({ length: header.revision - 1 }, (_, i) => i + 2))
    }
    await cluster.stop()
  })

  test('first ends the checkpoint that it is saving', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    cluster.heal()
    far.stateDisk.hold()
    for (let i = 0; i < 12; i++) await cluster.run(put(leader, 'c'))
    expect(far.stateDisk.heldCount).toBe(1)
    cluster.isolate(far)
    await writeOn(setting)
    cluster.heal()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    // The disk takes up everything else before it goes on with the checkpoint.
    await cluster.until(() => {
      if (far.stateDisk.heldCount > 1) far.stateDisk.finishNewest()
      return far.logger.messages.includes('takes a snapshot') && far.stateDisk.heldCount === 1
    })
    await cluster.advance(500)
    expect(hasReceived(far)).toBe(false)
    far.stateDisk.release()
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('learns that it was found corrupt meanwhile', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    await writeOn(setting)
    const alarm = { memberId: far.id, alarm: AlarmType.CORRUPT }
    await cluster.run(leader.test.call('Maintenance.Alarm', { ...alarm, action: 1 }))
    // Enough for another checkpoint, which has the alarm.
    for (let i = 0; i < 12; i++) await cluster.refusal(put(leader, 'c'))
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await cluster.run(leader.test.call('Maintenance.Alarm', { ...alarm, action: 2 }))
    await cluster.converge()
    await cluster.run(put(leader, 'c'))
    expect(await cluster.refusal(put(far, 'd'))).toBe('etcdserver: corrupt cluster')
    await cluster.stop()
  })

  test('cuts history afterwards as before', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    await writeOn(setting)
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await cluster.run(compact(leader, 20))
    await cluster.until(() => far.logger.messages.includes('finished scheduled compaction'))
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('publishes itself though a state comes in between', async () => {
    const setting = await lagging()
    const { cluster, far } = setting
    far.crash()
    await writeOn(setting)
    cluster.heal()
    await cluster.restart(far)
    await cluster.until(() => far.isStarted)
    expect(far.logger.messages.filter((text) => text === 'applied snapshot')).toHaveLength(1)
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('has what a client proposed through it while the state came in', async () => {
    const setting = await lagging()
    const { cluster, far } = setting
    await writeOn(setting)
    cluster.heal()
    far.stateDisk.hold()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    const call = follow(put(far, 'c'))
    await cluster.advance(300)
    far.stateDisk.release()
    await cluster.until(() => hasReceived(far))
    await cluster.run(call.answered)
    await expectEqual(cluster)
    expect(await contents(far, true)).toContain('c=c')
    await cluster.stop()
  })

  test('does not lose what a leader holds for it while the state is put in place', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    await writeOn(setting)
    cluster.heal()
    far.stateDisk.hold()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    // Enough for several checkpoints, and cuts of the log behind them.
    for (let i = 0; i < 40; i++) await cluster.run(put(leader, `c${i}`))
    far.stateDisk.release()
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    expect(far.logger.messages.filter((text) => text === 'applied snapshot')).toHaveLength(1)
    await cluster.run(put(leader, 'd'))
    await cluster.stop()
  })

  test('is sent another state when the first one broke off', async () => {
    const setting = await lagging()
    const { cluster, leader, far } = setting
    await writeOn(setting)
    cluster.heal()
    far.stateDisk.hold()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    cluster.network.cut(leader.id, far.id)
    await cluster.advance(100)
    far.stateDisk.release()
    await cluster.advance(100)
    expect(hasReceived(far)).toBe(false)
    cluster.heal()
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('is sent another state when its disk was full', async () => {
    const setting = await lagging()
    const { cluster, far } = setting
    await writeOn(setting)
    far.disks.state.stagingFailure = 'no space left on device'
    cluster.heal()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    await cluster.advance(2000)
    expect(hasReceived(far)).toBe(false)
    expect(await contents(far, true)).toHaveLength(10)
    far.disks.state.stagingFailure = undefined
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    await cluster.stop()
  })

  test('takes one state at a time', async () => {
    const setting = await lagging()
    const { cluster, leader, other, far } = setting
    await writeOn(setting)
    cluster.heal()
    far.stateDisk.hold()
    await cluster.until(() => far.logger.messages.includes('receiving database snapshot'))
    await cluster.run(moveLeader(leader, other.id))
    await cluster.until(() => far.logger.messages.includes('refused a snapshot'))
    far.stateDisk.release()
    await cluster.until(() => hasReceived(far))
    await expectEqual(cluster)
    await cluster.stop()
  })
})

describe('a crash while a state comes in or is put in place', () => {
  test('at any step of either disk leaves a member that starts again and catches up', async () => {
    let crashes = 0
    for (const disk of ['stateDisk', 'logDisk'] as const) {
      for (const keeps of [false, true]) {
        for (let at = 1; ; at++) {
          const setting = await lagging()
          const { cluster, far } = setting
          await writeOn(setting)
          let isCrashed = false
          let steps = 0
          let stepsAfter = 0
          far[disk].onStep = () => {
            if (!far.logger.messages.includes('receiving database snapshot')) return
            // The log restarts when the state is in place.
            if (isCrashed || (hasReceived(far) && ++stepsAfter > 2) || ++steps < at) return
            isCrashed = true
            far.crash(() => keeps, keeps)
          }
          cluster.heal()
          await cluster.until(() => isCrashed || hasReceived(far))
          await cluster.advance(200)
          far[disk].onStep = () => undefined
          if (isCrashed) {
            crashes++
            await cluster.restart(far)
          }
          await cluster.until(() => hasReceived(far))
          await expectEqual(cluster)
          await cluster.stop()
          if (!isCrashed) break
        }
      }
    }
    expect(crashes).toBeGreaterThan(10)
  })
})

describe('a member that joins a cluster with a compacted log', () => {
  test('gets the whole state', async () => {
    const { cluster, leader, far } = await lagging()
    cluster.heal()
    for (let i = 0; i < 40; i++) await cluster.run(put(leader, `b${i}`, 'new'))
    await cluster.advance(6000)
    const { member, members } = await cluster.run(addMember(far, 'http://p:4', true))
    const joined = await cluster.join(member.id, members)
    await cluster.until(() => joined.isStarted)
    expect(hasReceived(joined)).toBe(true)
    await cluster.run(promoteMember(far, joined.id))
    await expectEqual(cluster)
    await cluster.stop()
  })
})

/** A client of RangeStream that takes one message and no more until it is let. */
class SlowReader implements ResponseStream<unknown> {
  readonly responses: RangeStreamResponseInput[] = []
  ended = false
  failed: StatusError | undefined
  #reads = false
  #onDrain: () => void = () => undefined

  send(response: unknown): boolean {
    this.responses.push(response as RangeStreamResponseInput)
    return this.#reads
  }
  onDrain(listener: () => void): void {
    this.#onDrain = listener
  }
  drain(): void {
    this.#reads = true
    this.#onDrain()
  }
  end(): void {
    this.ended = true
  }
  fail(error: StatusError): void {
    this.failed = error
  }
}
