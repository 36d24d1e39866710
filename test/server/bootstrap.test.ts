import { pack } from 'msgpackr'
import { describe, expect, test } from 'vitest'

import type { Entry } from '../../src/raft/types.ts'
import {
  ConfChange_Type as ConfChangeType,
  decodeConfChange,
} from '../../src/rpc/codec/quoratepb.ts'
import { bootstrap, type Bootstrapped, type BootstrapOptions } from '../../src/server/bootstrap.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
  type Checkpoint,
} from '../../src/server/checkpoint.ts'
import type { FoundingMember, Origin } from '../../src/server/join.ts'
import { changeEntry, requestEntry } from './support/arbitrary-entries.ts'
import { isSettled, recordingLogger, turns } from './support/doubles.ts'
import { CLUSTER_ID, Member, MEMBER_ID } from './support/member.ts'
import { k, putRequest } from './support/requests.ts'
import {
  bootstrapOptions,
  foundedBy,
  newDisks,
  openDisks,
  type Disks,
} from './support/test-server.ts'

async function boot(disks: Disks, fields: Partial<BootstrapOptions> = {}): Promise<Bootstrapped> {
  const result = await bootstrap(openDisks(disks), bootstrapOptions(fields))
  if (!result.ok) throw new Error(result.message)
  return result.member
}

async function refusal(disks: Disks, fields: Partial<BootstrapOptions> = {}): Promise<string> {
  const result = await bootstrap(openDisks(disks), bootstrapOptions(fields))
  if (result.ok) throw new Error('it boots')
  return result.message
}

const put = (index: number): Entry =>
  requestEntry({ case: 'put', value: putRequest({ key: k(`k${index}`) }) }, index)

/** Disks of a booted member with puts 2..last in the log, and a checkpoint at `applied`. */
async function used(last: number, applied: number): Promise<Disks> {
  const disks = newDisks()
  await boot(disks)
  const { log } = openDisks(disks)
  const entries = Array.from({ length: last - 1 }, (_, i) => put(i + 2))
  await log.append({ entries, hardState: { term: 1, vote: MEMBER_ID, commit: last } })
  if (applied === 0) return disks
  const member = await Member.start(disks.state)
  for (const entry of disks.log.state.entries.slice(0, applied)) member.apply(entry)
  await member.save()
  return disks
}

/** The saved checkpoint with other fields. */
async function rewrite(disks: Disks, fields: Partial<Checkpoint>): Promise<void> {
  const saved = decodeCheckpoint(disks.state.checkpoint ?? new Uint8Array(0))
  if (saved === undefined) throw new Error('there is no checkpoint')
  await openDisks(disks).state.saveCheckpoint(encodeCheckpoint({ ...saved, ...fields }))
}

/** What the member hands out to be applied, as Raft does after a start. */
function entriesToApply({ raw }: Bootstrapped): number[] {
  raw.campaign()
  const indexes: number[] = []
  while (raw.hasReady()) {
    const { append, committedEntries } = raw.ready()
    if (append !== undefined) raw.appended()
    indexes.push(...committedEntries.map(({ index }) => index))
    const last = committedEntries.at(-1)
    if (last !== undefined) raw.applied(last.index)
    if (indexes.length > 1000) throw new Error('Raft does not come to rest')
  }
  return indexes
}

const neverAsked = (): Promise<Origin> => Promise.reject(new Error('the origin was asked for'))

describe('a new directory', () => {
  const one = { id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1', 'http://q:1'] }
  const two = { id: '0000000000000002', name: 'two', peerUrls: ['http://p:2'] }
  const ten = { id: '00000000000000a0', name: 'ten', peerUrls: ['http://p:3'] }
  const begin = (...members: FoundingMember[]) => ({ origin: async () => foundedBy(members) })

  test('starts with its members as committed configuration changes in term 1', async () => {
    const disks = newDisks()
    const member = await boot(disks, begin(one, two))
    const { entries, hardState } = disks.log.state
    expect(entries).toMatchObject([
      { index: 1, term: 1, type: 'EntryConfChange' },
      { index: 2, term: 1, type: 'EntryConfChange' },
    ])
    expect(entries.map(({ data }) => decodeConfChange(data).member)).toMatchObject([one, two])
    expect(hardState).toEqual({ term: 1, vote: '', commit: 2 })
    expect(member.lastIndex).toBe(2)
    expect(member.raw.term).toBe(1)
    expect(member.raw.committed).toBe(2)
  })

  test('starts with the same log on all members, in the order of their ids', async () => {
    const orders = [
      [one, two, ten],
      [two, ten, one],
      [ten, two, one],
    ]
    const logs = []
    for (const order of orders) {
      const disks = newDisks()
      const member = await boot(disks, begin(...order))
      logs.push(disks.log.state)
      expect(member.checkpoint.memberId).toBe(order[0]?.id)
      const others = order.slice(1).map(({ id, peerUrls }) => ({ id, urls: peerUrls }))
      expect(member.initialPeers).toHaveLength(2)
      expect(member.initialPeers).toEqual(expect.arrayContaining(others))
    }
    expect(logs[1]).toEqual(logs[0])
    expect(logs[2]).toEqual(logs[0])
    const ids = logs[0]?.entries.map(({ data }) => decodeConfChange(data).member?.id)
    expect(ids).toEqual([one.id, two.id, ten.id])
  })

  test('that has no place to come from stays new', async () => {
    const disks = newDisks()
    const origin = async (): Promise<Origin> => ({ ok: false, message: 'nobody knows us' })
    expect(await refusal(disks, { origin })).toBe('nobody knows us')
    expect(disks.log.state.entries).toEqual([])
    expect(disks.state.checkpoint).toBeUndefined()
  })

  test('is not forced alone', async () => {
    const disks = newDisks()
    await boot(disks, { ...begin(one, two), forceNewCluster: true })
    expect(disks.log.state.entries).toHaveLength(2)
  })

  test('is complete with the empty checkpoint', async () => {
    const disks = newDisks()
    const member = await boot(disks)
    const initial = initialCheckpoint(CLUSTER_ID, MEMBER_ID)
    expect(decodeCheckpoint(disks.state.checkpoint ?? new Uint8Array(0))).toEqual(initial)
    expect(member.checkpoint).toEqual(initial)
    expect(member.store.currentRevision).toBe(1)
  })

  test('has its log on disk before its checkpoint', async () => {
    const disks = newDisks()
    const steps: (() => void)[] = []
    const storage = openDisks(disks, (finish) => void steps.push(finish))
    const booting = bootstrap(storage, bootstrapOptions())
    await turns(2)
    expect(steps).toHaveLength(1)
    steps.shift()?.()
    await turns(2)
    expect(disks.log.state.entries).toHaveLength(1)
    expect(disks.state.checkpoint).toBeUndefined()
    expect(await isSettled(booting)).toBe(false)
  })

  test.each([
    ['with its log not yet on disk', 0],
    ['between log and checkpoint', 1],
    ['inside the checkpoint', 2],
  ])('that a crash interrupted %s starts as if new', async (_when, stepsDone) => {
    const disks = newDisks()
    const steps: (() => void)[] = []
    void bootstrap(
      openDisks(disks, (finish) => void steps.push(finish)),
      bootstrapOptions(),
    )
    for (let i = 0; i < stepsDone; i++) {
      await turns(2)
      steps.shift()?.()
    }
    await turns(2)
    disks.log.crash()
    disks.state.crash()
    const member = await boot(disks)
    expect(disks.log.state.entries).toHaveLength(1)
    expect(member.lastIndex).toBe(1)
    expect(disks.state.checkpoint).toBeDefined()
  })
})

describe('a new directory that joins a cluster', () => {
  const leader = { id: '00000000000000aa', peerUrls: ['http://p:2'], name: 'two', clientUrls: [] }
  const self = { id: MEMBER_ID, peerUrls: ['http://p:1'], name: '', clientUrls: [] }
  const members = [leader, self].map((member) => ({ ...member, isLearner: false }))
  const joining = {
    origin: async (): Promise<Origin> => ({
      ok: true,
      type: 'joined',
      clusterId: CLUSTER_ID,
      memberId: MEMBER_ID,
      members,
    }),
  }
  const peers = [{ id: leader.id, urls: leader.peerUrls }]
  const third = { ...leader, id: '00000000000000bb', peerUrls: ['http://p:3'], isLearner: false }

  test('waits with an empty log for what the leader sends', async () => {
    const disks = newDisks()
    const member = await boot(disks, joining)
    expect(disks.log.state).toMatchObject({ entries: [], hardState: { term: 0, commit: 0 } })
    expect(member).toMatchObject({ lastIndex: 0, initialPeers: peers })
    const initial = initialCheckpoint(CLUSTER_ID, MEMBER_ID)
    expect(member.checkpoint).toEqual({ ...initial, joinedPeers: peers })
    for (let i = 0; i < 100; i++) member.raw.tick()
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 0 })
  })

  test('finds the others again when it starts a second time', async () => {
    const disks = newDisks()
    await boot(disks, joining)
    const member = await boot(disks, { origin: neverAsked })
    expect(member.initialPeers).toEqual(peers)
  })

  test('believes its log more than what it was told at first', async () => {
    const disks = newDisks()
    const joined = await joining.origin()
    if (!joined.ok || joined.type !== 'joined') throw new Error('it joins')
    const origin = async (): Promise<Origin> => ({ ...joined, members: [...members, third] })
    expect((await boot(disks, { origin })).initialPeers).toHaveLength(2)
    const peerUrls = ['http://moved:1']
    const add = (id: string, index: number): Entry =>
      changeEntry({ type: ConfChangeType.ADD_VOTER, member: { id, peerUrls } }, index)
    const entries = [
      add(leader.id, 1),
      changeEntry({ type: ConfChangeType.ADD_VOTER, member: { id: third.id } }, 2),
      changeEntry({ type: ConfChangeType.REMOVE, member: { id: third.id } }, 3),
    ]
    await openDisks(disks).log.append({ entries, hardState: { term: 1, vote: '', commit: 0 } })
    const member = await boot(disks)
    expect(member.initialPeers).toEqual([{ id: leader.id, urls: peerUrls }])
  })
})

describe('a known directory', () => {
  test('does not ask where it comes from', async () => {
    const disks = await used(4, 3)
    expect((await boot(disks, { origin: neverAsked })).checkpoint.appliedIndex).toBe(3)
  })

  test('goes on from its checkpoint and hands out the entries behind it', async () => {
    const disks = await used(9, 6)
    const member = await boot(disks)
    expect(member.checkpoint).toMatchObject({ appliedIndex: 6, revision: 6 })
    expect(member.store).toMatchObject({ currentRevision: 6, keyCount: 5 })
    expect(member.lastIndex).toBe(9)
    // Entry 10 is the new leader's own.
    expect(entriesToApply(member)).toEqual([7, 8, 9, 10])
  })

  test('keeps its identity whatever the flags say now, and says so', async () => {
    const disks = await used(4, 3)
    const identity = { clusterId: CLUSTER_ID, memberId: MEMBER_ID }
    const other = '00000000000000ff'
    const warnings = []
    for (const expected of [
      undefined,
      identity,
      { ...identity, clusterId: other },
      { ...identity, memberId: other },
    ]) {
      const logger = recordingLogger()
      const { checkpoint, raw } = await boot(disks, { expected, logger })
      expect(checkpoint).toMatchObject(identity)
      expect(raw.id).toBe(MEMBER_ID)
      warnings.push(logger.messages.filter((message) => /another member/.test(message)).length)
    }
    expect(warnings).toEqual([0, 0, 1, 1])
  })

  test('writes nothing when it starts', async () => {
    const disks = await used(9, 6)
    const before = [disks.log.state, disks.state.checkpoint]
    await boot(disks)
    expect([disks.log.state, disks.state.checkpoint]).toEqual(before)
  })

  test('drops records newer than the checkpoint, which the log brings again', async () => {
    const disks = await used(9, 6)
    const ahead = await Member.start(disks.state)
    for (const entry of disks.log.state.entries.slice(6, 8)) ahead.apply(entry)
    expect(disks.state.records().size).toBe(7)
    const member = await boot(disks)
    expect(disks.state.records().size).toBe(5)
    expect(member.store.currentRevision).toBe(6)
  })

  test('counts the bytes of what it kept', async () => {
    const disks = await used(9, 6)
    const storage = openDisks(disks)
    await bootstrap(storage, bootstrapOptions())
    const bytes = [...disks.state.records()].map(([key, value]) => key.length + value.length)
    expect(bytes).toHaveLength(5)
    expect(storage.state.bytesInUse).toBe(bytes.reduce((sum, one) => sum + one, 0))
  })

  test.each([
    ['a log that was never compacted', 0],
    ['a compacted log', 3],
    ['a log compacted to just before the checkpoint', 5],
    ['a log compacted to the checkpoint', 6],
  ])('with %s replays every entry behind the checkpoint', async (_name, compacted) => {
    const disks = await used(9, 6)
    if (compacted > 0) disks.log.compact(compacted)
    expect(entriesToApply(await boot(disks))).toEqual([7, 8, 9, 10])
  })

  test('with a log that ends at the checkpoint, and one without entries, has nothing to replay', async () => {
    const disks = await used(6, 6)
    expect(entriesToApply(await boot(disks))).toEqual([7])
    disks.log.compact(6)
    const member = await boot(disks)
    expect(member.lastIndex).toBe(6)
    expect(entriesToApply(member)).toEqual([7])
  })
})

describe('what is refused', () => {
  test('a log that begins behind the checkpoint', async () => {
    const disks = await used(9, 6)
    disks.log.compact(7)
    expect(await refusal(disks)).toMatch(/starts behind index 7.* ends at 6.* missing/)
  })

  test('a log that ends before the checkpoint', async () => {
    const disks = await used(9, 6)
    const shorter = { ...newDisks(), state: disks.state }
    const { log } = openDisks(shorter)
    await log.append({ entries: disks.log.state.entries.slice(0, 4) })
    expect(await refusal(shorter)).toMatch(/ends at index 4.* 6.* missing/)
  })

  test('a founder whose log is empty: without the first members it would wait for ever', async () => {
    const disks = await used(3, 0)
    const lost = { ...newDisks(), state: disks.state }
    expect(await refusal(lost)).toMatch(/is empty.* founded the cluster are missing/)
  })

  test('a lost checkpoint when the log does not hold everything', async () => {
    const disks = await used(9, 6)
    disks.log.compact(3)
    const lost = { ...newDisks(), log: disks.log }
    expect(await refusal(lost)).toMatch(/checkpoint is missing.* not complete/)
  })

  test('a checkpoint of a format not known', async () => {
    const disks = await used(3, 3)
    const initial = initialCheckpoint(CLUSTER_ID, MEMBER_ID)
    disks.state.saveCheckpoint(pack({ ...initial, format: 99 as never }))
    expect(await refusal(disks)).toMatch(/format that this version cannot read/)
  })

  test('a log whose term is older than the checkpoint', async () => {
    const disks = await used(3, 3)
    await rewrite(disks, { appliedTerm: 2 })
    expect(await refusal(disks)).toMatch(/in term 1, before the checkpoint's 2.* missing/)
  })

  test('a member that was removed, forced or not', async () => {
    const disks = await used(3, 3)
    const membership = { members: [], removed: [MEMBER_ID], clusterVersion: '' }
    await rewrite(disks, { membership })
    for (const forceNewCluster of [false, true]) {
      expect(await refusal(disks, { forceNewCluster })).toMatch(
        /permanently removed from cluster .* remove its data directory/,
      )
    }
  })

  test('in one line each, and without touching the disk', async () => {
    const disks = await used(9, 6)
    disks.log.compact(7)
    const before = [disks.log.state, disks.state.checkpoint, disks.state.records()]
    expect(await refusal(disks)).not.toMatch(/\n/)
    expect([disks.log.state, disks.state.checkpoint, disks.state.records()]).toEqual(before)
  })
})

test('a lost checkpoint is made good by a log that holds everything', async () => {
  const disks = await used(9, 6)
  const lost = { ...newDisks(), log: disks.log }
  const member = await boot(lost)
  expect(member.checkpoint.appliedIndex).toBe(0)
  expect(member.raw.committed).toBe(9)
})

describe('a checkpoint that came from another member', () => {
  /** The log ends at 9, the state at 6; then a state of that index and term was installed. */
  async function installed(appliedIndex: number, appliedTerm = 1): Promise<Disks> {
    const disks = await used(9, 6)
    await rewrite(disks, { appliedIndex, appliedTerm, installed: true })
    return disks
  }

  test('and that the log has reached changes nothing', async () => {
    const disks = await installed(8)
    const before = disks.log.state
    expect(entriesToApply(await boot(disks))).toEqual([9, 10])
    expect(disks.log.state).toEqual(before)
  })

  test.each([
    ['is ahead of the log', 20, 1],
    ['is of another history than the log', 8, 2],
    ['is ahead, and of a term that was never written', 20, 3],
  ])('and that %s: the log begins anew behind it', async (_name, index, term) => {
    const disks = await installed(index, term)
    const member = await boot(disks)
    expect(disks.log.state).toMatchObject({ entries: [], compacted: index })
    expect(disks.log.state.hardState.term).toBe(term)
    expect(member.raw.status()).toMatchObject({ lastIndex: index, commit: index, term })
    expect(member.lastIndex).toBe(index)
    const again = await boot(disks)
    expect(again.raw.status()).toEqual(member.raw.status())
    expect(entriesToApply(again)).toEqual([index + 1])
  })

  test('finds entries behind it after the log has begun anew', async () => {
    const disks = await installed(20)
    await boot(disks)
    await openDisks(disks).log.append({ entries: [put(21), put(22)] })
    const member = await boot(disks)
    expect(disks.log.state.entries).toHaveLength(2)
    expect(entriesToApply(member)).toEqual([21, 22, 23])
  })

  test('keeps a vote in a term that the log knows', async () => {
    const disks = await installed(20)
    const hardState = { term: 4, vote: '00000000000000aa', commit: 9 }
    await openDisks(disks).log.append({ entries: [], hardState })
    await boot(disks)
    expect(disks.log.state.hardState).toEqual(hardState)
  })

  test('is refused when the log has gone on beyond it', async () => {
    const disks = await installed(7)
    disks.log.compact(8)
    expect(await refusal(disks)).toMatch(/entries between them are missing/)
  })
})

test('a checkpoint of version 0.1.0 is read with what it does not have', () => {
  const { stateHash, installed, ...old } = initialCheckpoint(CLUSTER_ID, MEMBER_ID)
  expect([stateHash, installed]).toEqual([0, false])
  expect(decodeCheckpoint(pack(old))).toEqual(initialCheckpoint(CLUSTER_ID, MEMBER_ID))
})
