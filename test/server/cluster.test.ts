import { describe, expect, test } from 'vitest'

import type { Message } from '../../src/raft/types.ts'
import type { MemberListResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import {
  addMember,
  contents,
  grant,
  hashKv,
  keepAlive,
  leaseIds,
  moveLeader,
  promoteMember,
  put,
  remove,
  removeMember,
  timeToLive,
} from './support/client.ts'
import { isSettled } from './support/doubles.ts'
import { CLUSTER_ID } from './support/member.ts'
import { Call, Caller } from './support/recipe-bench.ts'
import { fakeTimers, memberId, status, TestCluster } from './support/test-cluster.ts'
import type { TestMember } from './support/test-cluster.ts'
import { WatchClient } from './support/watch-client.ts'

fakeTimers()

const TIMED_OUT = 'etcdserver: request timed out'

function follow<Response>(call: Promise<Response>): Call<Response> {
  return new Call(new Caller(), call)
}

async function start(options = {}): Promise<TestCluster> {
  return TestCluster.start({ options })
}

async function roles(
  cluster: TestCluster,
): Promise<{ leader: TestMember; near: TestMember; far: TestMember }> {
  const leader = await cluster.leader()
  const [near, far] = await cluster.followers()
  if (near === undefined || far === undefined) throw new Error('there are two followers')
  return { leader, near, far }
}

/** What every member has, once all have applied the same. */
async function everywhere(cluster: TestCluster): Promise<string[][]> {
  await cluster.converge()
  return Promise.all(cluster.members.map((member) => contents(member, true)))
}

async function expectEverywhere(cluster: TestCluster, kvs: readonly string[]): Promise<void> {
  for (const found of await everywhere(cluster)) expect(found).toEqual(kvs)
}

describe('three members', () => {
  test('elect one leader and know each other by name', async () => {
    const cluster = await start()
    const { leader } = await roles(cluster)
    const { raftTerm } = await status(leader)
    for (const member of cluster.members) {
      const { members } = await member.test.call<MemberListResponseInput>('Cluster.MemberList', {
        linearizable: false,
      })
      expect(members?.map(({ name }) => name)).toEqual(['m1', 'm2', 'm3'])
      expect(await status(member)).toMatchObject({
        leader: leader.id,
        errors: [],
        header: { memberId: member.id, clusterId: CLUSTER_ID, raftTerm },
      })
    }
    await cluster.stop()
  })

  test('each serve puts and linearizable reads, with their own id in the header', async () => {
    const cluster = await start()
    for (const member of cluster.members) {
      const { header } = await cluster.run(put(member, member.name))
      const { raftTerm } = await status(member)
      expect(header).toMatchObject({ memberId: member.id, raftTerm })
      for (const reader of cluster.members) {
        expect(await cluster.run(contents(reader))).toContain(`${member.name}=${member.name}`)
      }
    }
    await cluster.stop()
  })

  test('each renew leases and know what they have left', async () => {
    const cluster = await start()
    const { near, far } = await roles(cluster)
    await cluster.run(grant(near, 7, 10))
    await cluster.run(put(far, 'a', 'v', 7n))
    await cluster.advance(4000)
    for (const member of cluster.members) {
      const found = await cluster.run(timeToLive(member, 7))
      expect(found).toMatchObject({ id: 7n, ttl: 6, grantedTtl: 10 })
    }
    for (const member of cluster.members) {
      await cluster.advance(4000)
      expect(await cluster.run(keepAlive(member, 7))).toBe(10)
      expect(await cluster.run(timeToLive(far, 7))).toMatchObject({ ttl: 10 })
    }
    await cluster.advance(12_000)
    expect(await cluster.run(keepAlive(near, 7))).toBe(0)
    expect(await cluster.run(timeToLive(near, 7))).toMatchObject({ ttl: -1 })
    await expectEverywhere(cluster, [])
    await cluster.stop()
  })

  test('hand the leadership over where the leader is asked, and refuse with the texts of etcd', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    expect(await cluster.refusal(moveLeader(near, far.id))).toBe('etcdserver: not leader')
    expect(await cluster.refusal(moveLeader(leader, memberId(99)))).toBe(
      'etcdserver: bad leader transferee',
    )
    await cluster.run(moveLeader(leader, leader.id))
    const { raftTerm } = await status(leader)
    await cluster.run(moveLeader(leader, near.id))
    for (const member of cluster.members) {
      expect(await status(member)).toMatchObject({ leader: near.id, raftTerm: raftTerm + 1 })
    }
    cluster.isolate(far)
    expect(await cluster.refusal(moveLeader(near, far.id))).toBe(
      'etcdserver: request timed out, leader transfer took too long',
    )
    await cluster.stop()
  })

  test('have the same hash of history and the same leases', async () => {
    const cluster = await start()
    for (const member of cluster.members) {
      await cluster.run(put(member, 'a', member.name))
      await cluster.run(grant(member, Number(member.name.slice(1)), 100))
    }
    await cluster.converge()
    const hashes = await Promise.all(cluster.members.map((member) => hashKv(member)))
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1)
    for (const member of cluster.members) {
      expect((await leaseIds(member)).sort()).toEqual(['1', '2', '3'])
    }
    await cluster.stop()
  })
})

describe('a proposal', () => {
  test('at a follower whose leader is cut off is held and applied once', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    cluster.isolate(leader)
    const call = follow(put(near, 'a'))
    await cluster.advance(200)
    expect(call.outcome).toBeUndefined()
    await cluster.run(call.answered)
    expect(call.response.header?.revision).toBe(2)
    await expectEverywhere(cluster, ['a=a'])
    expect((await status(near)).header.revision).toBe(2)
    await cluster.stop()
  })

  test('while the leadership is handed over is held and applied once', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    cluster.isolate(far)
    const moving = follow(moveLeader(leader, far.id))
    await cluster.settle()
    const calls = [follow(put(near, 'a')), follow(put(leader, 'b'))]
    await cluster.advance(500)
    expect(calls.map(({ outcome }) => outcome)).toEqual([undefined, undefined])
    await cluster.run(Promise.all(calls.map(({ answered }) => answered)))
    expect(moving.outcome).toContain('leader transfer took too long')
    await expectEverywhere(cluster, ['a=a', 'b=b'])
    expect((await status(near)).header.revision).toBe(3)
    await cluster.stop()
  })

  test('that a former leader refuses is applied once by the next one', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    // The follower does not hear of the new leader at once, and sends to the old one.
    const refused: Message[] = []
    near.onMessage = (message) => {
      if (message.type === 'MsgPropRefused') refused.push(message)
      return message.from === far.id ? undefined : message
    }
    await cluster.run(moveLeader(leader, far.id))
    const call = follow(put(near, 'a'))
    await cluster.settle()
    expect(refused).toHaveLength(1)
    expect(call.outcome).toBeUndefined()
    near.onMessage = (message) => message
    await cluster.run(call.answered)
    await expectEverywhere(cluster, ['a=a'])
    expect((await status(near)).header.revision).toBe(2)
    await cluster.stop()
  })

  test('that waited for an election and got lost fails with that text', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    leader.onMessage = (message) => (message.type === 'MsgProp' ? undefined : message)
    const call = follow(put(near, 'a'))
    await cluster.settle()
    cluster.isolate(leader)
    await cluster.run(call.answered)
    expect(call.outcome).toContain(`${TIMED_OUT}, possibly due to previous leader failure`)
    await cluster.stop()
  })

  test('whose leader cannot be reached fails with that text', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    cluster.network.cut(near.id, leader.id)
    const refusal = await cluster.refusal(put(near, 'a'))
    expect(refusal).toBe(`${TIMED_OUT}, possibly due to connection lost`)
    await expectEverywhere(cluster, [])
    await cluster.stop()
  })

  test('without a leader all the time fails with the plain text', async () => {
    const cluster = await start()
    const { near } = await roles(cluster)
    cluster.isolate(near)
    await cluster.advance(3000)
    expect(await cluster.refusal(put(near, 'a'))).toBe(TIMED_OUT)
    await expectEverywhere(cluster, [])
    await cluster.stop()
  })

  test('that is lost on its way is not repeated', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    leader.onMessage = (message) => (message.type === 'MsgProp' ? undefined : message)
    const call = follow(put(near, 'a'))
    await cluster.settle()
    leader.onMessage = (message) => message
    await cluster.run(call.answered)
    expect(call.outcome).toContain(TIMED_OUT)
    await expectEverywhere(cluster, [])
    await cluster.stop()
  })
})

describe('a leader without its quorum', () => {
  test('answers no linearizable read and no lease call, and the others go on', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    await cluster.run(grant(leader, 7, 100))
    cluster.isolate(leader)
    const calls = [
      follow<unknown>(contents(leader)),
      follow<unknown>(keepAlive(leader, 7)),
      follow<unknown>(timeToLive(leader, 7)),
    ]
    expect(await contents(leader, true)).toEqual([])
    await cluster.run(put(near, 'a'))
    for (const { outcome } of calls) expect(outcome).toBeUndefined()
    await cluster.run(Promise.all(calls.map(({ answered }) => answered)))
    for (const { outcome } of calls) expect(outcome).toContain(TIMED_OUT)
    cluster.heal()
    await cluster.until(async () => (await status(leader)).leader !== memberId(0))
    expect(await cluster.run(contents(leader))).toEqual(['a=a'])
    await cluster.stop()
  })
})

describe('a leader whose disk stalls', () => {
  test('serves no reads and no lease calls and hands over; afterwards all is well', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    await cluster.run(grant(leader, 7, 100))
    leader.logDisk.hold()
    const written = follow(put(leader, 'a'))
    // The others have it, so it is committed; the leader alone has not written it.
    await cluster.advance(900)
    cluster.network.cut(leader.id, near.id)
    await cluster.advance(300)
    const read = follow(contents(leader))
    expect(await isSettled(read.answered)).toBe(false)
    cluster.heal()
    await cluster.until(async () => {
      const { leader: known } = await status(near)
      return known !== leader.id && known !== memberId(0)
    })
    await cluster.run(put(near, 'b'))
    expect(await cluster.run(keepAlive(near, 7))).toBe(100)
    leader.logDisk.release()
    await cluster.run(Promise.all([written.answered, read.answered]))
    expect(written.response.header?.revision).toBe(2)
    await expectEverywhere(cluster, ['a=a', 'b=b'])
    await cluster.stop()
  })

  test('holds reads back while nobody can take over', async () => {
    const cluster = await start()
    const { leader } = await roles(cluster)
    leader.logDisk.hold()
    // Nothing that is written commits, and the quorum confirms the leader all the time.
    leader.onMessage = (message) => (message.type === 'MsgAppResp' ? undefined : message)
    for (const member of await cluster.followers()) {
      member.onMessage = (message) => (message.type === 'MsgTimeoutNow' ? undefined : message)
    }
    const written = follow(put(leader, 'a'))
    await cluster.advance(900)
    expect(await cluster.run(contents(leader))).toEqual([])
    await cluster.advance(300)
    const calls = [follow<unknown>(contents(leader)), follow<unknown>(keepAlive(leader, 7))]
    await cluster.advance(1000)
    for (const { outcome } of calls) expect(outcome).toBeUndefined()
    leader.onMessage = (message) => message
    leader.logDisk.release()
    await cluster.run(Promise.all(calls.map(({ answered }) => answered)))
    expect(calls[1]?.response).toBe(0)
    await cluster.run(written.answered)
    await expectEverywhere(cluster, ['a=a'])
    await cluster.stop()
  })
})

describe('a change of the members', () => {
  test('adds a learner that catches up, and a follower has it promoted', async () => {
    const cluster = await start()
    await cluster.advance(6000)
    const { near } = await roles(cluster)
    await cluster.run(put(near, 'a'))
    const { member, members } = await cluster.run(addMember(near, 'http://p:4', true))
    const { id } = member
    expect(await cluster.refusal(promoteMember(near, id))).toBe(
      'etcdserver: can only promote a learner member which is in sync with leader',
    )
    const learner = await cluster.join(id, members)
    await cluster.until(() => learner.isStarted)
    expect(await cluster.refusal(contents(learner))).toBe(
      'etcdserver: rpc not supported for learner',
    )
    expect(await contents(learner, true)).toEqual(['a=a'])
    await cluster.run(promoteMember(near, id))
    await cluster.converge()
    expect(await cluster.run(contents(learner))).toEqual(['a=a'])
    expect(await cluster.refusal(promoteMember(learner, id))).toBe(
      'etcdserver: can only promote a learner member',
    )
    await cluster.stop()
  })

  test('lets a cluster of one grow to three that survive the loss of the first', async () => {
    const cluster = await TestCluster.start({ size: 1 })
    const first = cluster.member(1)
    await cluster.run(put(first, 'a'))
    for (const url of ['http://p:2', 'http://p:3']) {
      const { member, members } = await cluster.run(addMember(first, url))
      const joined = await cluster.join(member.id, members)
      await cluster.until(() => joined.isStarted)
      await cluster.advance(6000)
    }
    first.crash()
    const second = cluster.member(2)
    await cluster.run(put(second, 'b'))
    expect(await cluster.run(contents(cluster.member(3)))).toEqual(['a=a', 'b=b'])
    await expectEverywhere(cluster, ['a=a', 'b=b'])
    await cluster.stop()
  })

  test('brings a new leader, which also those can follow who have not heard of it', async () => {
    const cluster = await start()
    await cluster.advance(6000)
    const { leader, far } = await roles(cluster)
    far.onMessage = (message) => (message.type === 'MsgApp' ? undefined : message)
    const { member, members } = await cluster.run(addMember(leader, 'http://p:4'))
    const added = await cluster.join(member.id, members)
    await cluster.until(() => added.isStarted)
    await cluster.run(moveLeader(leader, member.id))
    far.onMessage = (message) => message
    await cluster.run(put(added, 'a'))
    await expectEverywhere(cluster, ['a=a'])
    await cluster.stop()
  })

  test('is refused while the cluster would be without its quorum', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    // Connections count as good once they have lasted.
    expect(await cluster.refusal(addMember(leader, 'http://p:4'))).toBe(
      'etcdserver: unhealthy cluster',
    )
    await cluster.advance(6000)
    far.crash()
    await cluster.advance(100)
    expect(await cluster.refusal(addMember(leader, 'http://p:4'))).toBe(
      'etcdserver: unhealthy cluster',
    )
    expect(await cluster.refusal(removeMember(leader, near.id))).toBe(
      'etcdserver: unhealthy cluster',
    )
    await cluster.run(removeMember(leader, far.id))
    await cluster.stop()
  })

  test('that removes a member tells it by its own log', async () => {
    const cluster = await start()
    await cluster.advance(6000)
    const { leader, near, far } = await roles(cluster)
    far.hearsOfRemoval = false
    // The answer is that of the member that is removed.
    await cluster.run(removeMember(far, far.id))
    await cluster.advance(2000)
    expect([leader, near, far].map(({ removedCount }) => removedCount)).toEqual([0, 0, 1])
    await cluster.run(far.stop())
    await cluster.run(put(near, 'a'))
    await expect(cluster.boot(far)).rejects.toThrow('permanently removed')
    await cluster.stop()
  })

  test('that removes a member which is cut off tells it when it comes back', async () => {
    const cluster = await start()
    await cluster.advance(6000)
    const { leader, near, far } = await roles(cluster)
    cluster.isolate(far)
    await cluster.advance(2000)
    await cluster.run(removeMember(near, far.id))
    expect(far.removedCount).toBe(0)
    await cluster.advance(3000)
    cluster.heal()
    await cluster.advance(2000)
    expect([leader, near, far].map(({ removedCount }) => removedCount)).toEqual([0, 0, 1])
    await cluster.stop()
  })

  test('may take the leader itself out, which sees it in its own log', async () => {
    const cluster = await start()
    await cluster.advance(6000)
    const { leader, near } = await roles(cluster)
    leader.hearsOfRemoval = false
    await cluster.run(removeMember(leader, leader.id))
    await cluster.run(put(near, 'a'))
    await cluster.until(() => leader.removedCount > 0)
    await cluster.advance(3000)
    expect(leader.removedCount).toBe(1)
    expect((await cluster.leader()).id).not.toBe(leader.id)
    await cluster.run(put(near, 'b'))
    await cluster.run(leader.stop())
    await expect(cluster.boot(leader)).rejects.toThrow('permanently removed')
    await cluster.stop()
  })

  test('that takes the leader out keeps it until the others know', async () => {
    const cluster = await start({ electionMs: 3000 })
    await cluster.advance(6000)
    const { leader, near, far } = await roles(cluster)
    leader.hearsOfRemoval = false
    await cluster.run(removeMember(leader, leader.id))
    for (const follower of [near, far]) cluster.network.cut(follower.id, leader.id)
    await cluster.advance(1500)
    expect(leader.removedCount).toBe(0)
    cluster.heal()
    await cluster.until(() => leader.removedCount > 0)
    await cluster.run(put(near, 'a'))
    await cluster.stop()
  })

  test('waits for the one before it, wherever they are asked for', async () => {
    const cluster = await start({ strictReconfigCheck: false })
    await cluster.advance(6000)
    const calls = cluster.members.map((member, i) => follow(addMember(member, `http://p:1${i}`)))
    await cluster.run(Promise.all(calls.map(({ answered }) => answered)))
    const counts = calls.map(({ response }) => response.members.length)
    expect(counts.sort((a, b) => a - b)).toEqual([4, 5, 6])
  })

  test('of peer URLs reaches those who talk to the member', async () => {
    const cluster = await start()
    const { near, far } = await roles(cluster)
    const request = { id: far.id, peerUrls: ['http://p:33'] }
    await cluster.run(near.test.call('Cluster.MemberUpdate', request))
    for (const member of cluster.members) {
      const { members = [] } = await cluster.run(
        member.test.call<MemberListResponseInput>('Cluster.MemberList', { linearizable: true }),
      )
      expect(members.find(({ id }) => id === far.id)?.peerUrls).toEqual(['http://p:33'])
    }
    await cluster.stop()
  })
})

describe('a corrupt member', () => {
  /** One bit of what it is told to write is another one. */
  function flip(message: Message): Message {
    if (message.type !== 'MsgApp') return message
    const entries = message.entries.map((entry) => {
      const data = Uint8Array.from(entry.data)
      const at = Buffer.from(data).indexOf('right')
      if (at >= 0) data.set(Buffer.from('wrong'), at)
      return { ...entry, data }
    })
    return { ...message, entries }
  }

  test('is named by an alarm; the cluster refuses until it is disarmed, the member for good', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    far.onMessage = flip
    await cluster.run(put(near, 'a', 'right'))
    expect(await contents(far, true)).toEqual(['a=wrong'])
    await cluster.advance(3000)
    const { errors } = await status(leader)
    expect(errors).toEqual([`memberID:${Number(`0x${far.id}`)} alarm:CORRUPT `])
    for (const member of cluster.members) {
      expect(await cluster.refusal(put(member, 'b'))).toBe('etcdserver: corrupt cluster')
      expect(await cluster.refusal(contents(member))).toBe('etcdserver: corrupt cluster')
    }
    await cluster.run(
      leader.test.call('Maintenance.Alarm', { action: 2, memberId: far.id, alarm: 2 }),
    )
    await cluster.run(put(near, 'b'))
    expect(await cluster.refusal(put(far, 'c'))).toBe('etcdserver: corrupt cluster')
    expect(await cluster.refusal(contents(far, true))).toBe('etcdserver: corrupt cluster')
    await cluster.stop()
  })

  test('that leads is named when the others agree, and leads no more', async () => {
    const cluster = await start()
    const { leader, near, far } = await roles(cluster)
    near.onMessage = flip
    far.onMessage = flip
    await cluster.run(put(near, 'a', 'right'))
    await cluster.advance(5000)
    const { errors } = await status(near)
    expect(errors).toEqual([`memberID:${Number(`0x${leader.id}`)} alarm:CORRUPT `])
    expect((await cluster.leader()).id).not.toBe(leader.id)
    await cluster.stop()
  })
})

describe('a member that stops', () => {
  test('lets another one lead first', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    const stopping = leader.stop()
    await cluster.settle()
    const { leader: known } = await status(near)
    expect([memberId(0), leader.id, '']).not.toContain(known)
    await cluster.run(stopping)
    await cluster.run(put(near, 'a'))
    await cluster.stop()
  })

  test('waits for the one that has been asked to lead already', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    const moving = follow(moveLeader(leader, near.id))
    await cluster.run(leader.stop())
    expect(moving.outcome).toEqual({})
    expect(await status(near)).toMatchObject({ leader: near.id })
    await cluster.stop()
  })

  test('ends what waits in it', async () => {
    const cluster = await start()
    const { near } = await roles(cluster)
    cluster.isolate(near)
    const watcher = new WatchClient(near)
    const calls = [follow<unknown>(put(near, 'a')), follow<unknown>(contents(near))]
    await cluster.advance(100)
    await cluster.run(near.stop())
    await cluster.settle()
    for (const { outcome } of calls) expect(outcome).toContain('etcdserver: server stopped')
    expect(watcher.failed?.message).toBe('etcdserver: server stopped')
    await expectEverywhere(cluster, [])
    await cluster.stop()
  })

  test('and starts again has what came meanwhile', async () => {
    const cluster = await start()
    const { leader, near } = await roles(cluster)
    await cluster.run(leader.stop())
    await cluster.run(put(near, 'a'))
    await cluster.run(remove(near, 'a'))
    await cluster.run(put(near, 'b'))
    await cluster.restart(leader)
    expect(await cluster.run(contents(leader))).toEqual(['b=b'])
    await cluster.stop()
  })
})
