import { describe, expect, test } from 'vitest'

import type { Entry } from '../../src/raft/types.ts'
import { decodeConfChange } from '../../src/rpc/codec/quoratepb.ts'
import { bootstrap, type Bootstrapped, type BootstrapOptions } from '../../src/server/bootstrap.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
} from '../../src/server/checkpoint.ts'
import { requestEntry } from './support/arbitrary-entries.ts'
import { isSettled, turns } from './support/doubles.ts'
import { CLUSTER_ID, Member, MEMBER_ID } from './support/member.ts'
import { k, putRequest } from './support/requests.ts'
import { bootstrapOptions, newDisks, openDisks, type Disks } from './support/test-server.ts'

async function boot(disks: Disks, fields: Partial<BootstrapOptions> = {}): Promise<Bootstrapped> {
  const result = await bootstrap(openDisks(disks), bootstrapOptions(fields))
  if (!result.ok) throw new Error(result.message)
  return result.member
}

async function refusal(disks: Disks): Promise<string> {
  const result = await bootstrap(openDisks(disks), bootstrapOptions())
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

describe('a new directory', () => {
  const others = [
    { id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1', 'http://q:1'] },
    { id: '0000000000000002', name: 'two', peerUrls: ['http://p:2'] },
  ]

  test('starts with its members as committed configuration changes in term 1', async () => {
    const disks = newDisks()
    const member = await boot(disks, { initialMembers: others })
    const { entries, hardState } = disks.log.state
    expect(entries).toMatchObject([
      { index: 1, term: 1, type: 'EntryConfChange' },
      { index: 2, term: 1, type: 'EntryConfChange' },
    ])
    expect(entries.map(({ data }) => decodeConfChange(data).member)).toMatchObject(others)
    expect(hardState).toEqual({ term: 1, vote: '', commit: 2 })
    expect(member.lastIndex).toBe(2)
    expect(member.raw.term).toBe(1)
    expect(member.raw.committed).toBe(2)
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

describe('a known directory', () => {
  test('goes on from its checkpoint and hands out the entries behind it', async () => {
    const disks = await used(9, 6)
    const member = await boot(disks)
    expect(member.checkpoint).toMatchObject({ appliedIndex: 6, revision: 6 })
    expect(member.store).toMatchObject({ currentRevision: 6, keyCount: 5 })
    expect(member.lastIndex).toBe(9)
    // Entry 10 is the new leader's own.
    expect(entriesToApply(member)).toEqual([7, 8, 9, 10])
  })

  test('keeps its identity whatever the flags say now', async () => {
    const disks = await used(4, 3)
    const other = '00000000000000ff'
    const { checkpoint, raw } = await boot(disks, { clusterId: other, memberId: other })
    expect(checkpoint).toMatchObject({ clusterId: CLUSTER_ID, memberId: MEMBER_ID })
    expect(raw.id).toBe(MEMBER_ID)
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

  test('a lost checkpoint when the log does not hold everything', async () => {
    const disks = await used(9, 6)
    disks.log.compact(3)
    const lost = { ...newDisks(), log: disks.log }
    expect(await refusal(lost)).toMatch(/checkpoint is missing.* not complete/)
  })

  test('a checkpoint of a format not known', async () => {
    const disks = await used(3, 3)
    const initial = initialCheckpoint(CLUSTER_ID, MEMBER_ID)
    disks.state.saveCheckpoint(encodeCheckpoint({ ...initial, format: 99 as never }))
    expect(await refusal(disks)).toMatch(/format that this version cannot read/)
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
