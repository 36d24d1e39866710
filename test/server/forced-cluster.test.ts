/** --force-new-cluster: what is left, told by applying the log as production does. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Entry } from '../../src/raft/types.ts'
import {
  ConfChange_Type as ConfChangeType,
  encodeConfChange,
} from '../../src/rpc/codec/quoratepb.ts'
import { Applier } from '../../src/server/applier.ts'
import { bootstrap, type Bootstrapped } from '../../src/server/bootstrap.ts'
import { encodeCheckpoint } from '../../src/server/checkpoint.ts'
import { Membership } from '../../src/server/membership.ts'
import { changeEntry, requestEntry } from './support/arbitrary-entries.ts'
import { recordingLogger } from './support/doubles.ts'
import { CLUSTER_ID, MEMBER_ID } from './support/member.ts'
import { k, putRequest } from './support/requests.ts'
import {
  bootstrapOptions,
  foundedBy,
  newDisks,
  openDisks,
  type Disks,
} from './support/test-server.ts'

const idOf = (n: number): string => n.toString(16).padStart(16, '0')
const FOUNDERS = [1, 2, 3].map((n) => ({
  id: idOf(n),
  name: `n${n}`,
  peerUrls: [`http://p:${n}`],
}))

async function boot(disks: Disks, forceNewCluster = false, logger = recordingLogger()) {
  const origin = async () => foundedBy(FOUNDERS)
  return bootstrap(openDisks(disks), bootstrapOptions({ origin, forceNewCluster, logger }))
}

async function booted(disks: Disks, forceNewCluster = false): Promise<Bootstrapped> {
  const result = await boot(disks, forceNewCluster)
  if (!result.ok) throw new Error(result.message)
  return result.member
}

function applierOf({ store, leases, checkpoint }: Bootstrapped): Applier {
  return new Applier(store, leases, checkpoint, () => undefined)
}

/** Applies all that is committed, up to `limit`, as the server does. */
function settle(member: Bootstrapped, limit = Infinity, applier = applierOf(member)): Applier {
  const { raw } = member
  while (raw.hasReady() && applier.appliedIndex < limit) {
    const { append, committedEntries } = raw.ready()
    if (append !== undefined) raw.appended()
    for (const entry of committedEntries) {
      if (applier.appliedIndex >= limit) break
      if (entry.type === 'EntryNormal') applier.applyNormal(entry)
      else applier.applyConfChange(entry, (change) => raw.applyConfChange(change))
    }
    raw.applied(applier.appliedIndex)
  }
  return applier
}

/** A started member whose log goes on with these entries, saved when it had applied some. */
async function history(tail: readonly Entry[], applied: number, commit: number): Promise<Disks> {
  const disks = newDisks()
  await booted(disks)
  const { log, state } = openDisks(disks)
  const last = FOUNDERS.length + tail.length
  await log.append({ entries: tail, hardState: { term: 2, vote: idOf(2), commit: last } })
  if (applied > 0) {
    const applier = settle(await booted(disks), applied)
    await state.saveCheckpoint(encodeCheckpoint(applier.checkpoint()))
  }
  await log.append({ entries: [], hardState: { term: 2, vote: idOf(2), commit } })
  return disks
}

const put = (index: number): Entry =>
  requestEntry({ case: 'put', value: putRequest({ key: k(`k${index}`) }) }, index)
const change = (type: number, n: number, index: number): Entry =>
  changeEntry({ type, member: { id: idOf(n), peerUrls: [`http://p:${n}`] } }, index)

const alone = {
  voters: [MEMBER_ID],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

describe('the survivor of a cluster', () => {
  test.each([0, 3, 6])('keeps all of its log and itself alone (saved at %i)', async (applied) => {
    const disks = await history([put(4), put(5), put(6), put(7)], applied, 5)
    const logger = recordingLogger()
    const result = await boot(disks, true, logger)
    if (!result.ok) throw new Error(result.message)
    expect(logger.messages).toContain('forcing restart member')
    const { entries, hardState } = disks.log.state
    expect(entries.map(({ index, term }) => [index, term]).slice(-3)).toEqual([
      [7, 1],
      [8, 2],
      [9, 2],
    ])
    expect(hardState).toEqual({ term: 2, vote: idOf(2), commit: 9 })
    expect(result.member).toMatchObject({ lastIndex: 9, initialPeers: [] })
    const applier = settle(result.member)
    expect(applier.confState).toEqual(alone)
    expect(applier.membership.removedIds).toEqual([idOf(2), idOf(3)])
    expect(applier.membership.members).toMatchObject([FOUNDERS[0] ?? {}])
    expect(applier.store.currentRevision).toBe(5)
  })

  test('can lead at once', async () => {
    const member = await booted(await history([put(4)], 0, 4), true)
    const applier = settle(member)
    member.raw.campaign()
    settle(member, Infinity, applier)
    expect(member.raw.status().role).toBe('leader')
  })

  test('is left alone by a second forced start, which writes nothing', async () => {
    const disks = await history([put(4)], 3, 4)
    await booted(disks, true)
    const before = disks.log.state
    settle(await booted(disks, true))
    expect(disks.log.state).toEqual(before)
  })

  test('says on disk that what it keeps is committed, even if it was alone before', async () => {
    const disks = await history([put(4)], 3, 4)
    await booted(disks, true)
    const tail = [put(7), put(8)].map((entry) => ({ ...entry, term: 2 }))
    await openDisks(disks).log.append({ entries: tail })
    await booted(disks, true)
    expect(disks.log.state).toMatchObject({ hardState: { commit: 8 }, entries: { length: 8 } })
  })

  test('is refused while another member is running, but not for one of another cluster', async () => {
    const force = (disks: Disks, clusterId: string, url: string) =>
      bootstrap(
        openDisks(disks),
        bootstrapOptions({
          forceNewCluster: true,
          query: async (asked) =>
            asked === url
              ? { ok: true, cluster: { clusterId, members: [] } }
              : { ok: false, reason: 'connection refused' },
        }),
      )
    const disks = await history([put(4)], 3, 4)
    const before = disks.log.state
    expect(await force(disks, CLUSTER_ID, 'http://p:3')).toEqual({
      ok: false,
      message: expect.stringMatching(/would remove member 0{15}3.*http:\/\/p:3: stop it first/),
    })
    expect(disks.log.state).toEqual(before)
    for (const [clusterId, url] of [
      [CLUSTER_ID, 'http://p:1'],
      ['00000000000000ff', 'http://p:3'],
    ] as const) {
      const fresh = await history([put(4)], 3, 4)
      expect(await force(fresh, clusterId, url)).toMatchObject({ ok: true })
    }
  })

  test('gets a vote when it was a learner, and one that is not saved yet', async () => {
    const demoted = FOUNDERS.slice(1).map((member, i) => addVoter(member.id, i + 1))
    const learner = {
      index: 3,
      term: 1,
      type: 'EntryConfChange' as const,
      data: encodeConfChange({
        type: ConfChangeType.ADD_LEARNER,
        member: { id: MEMBER_ID, peerUrls: ['http://p:1'] },
        maxLearners: 1,
      }),
    }
    const disks = newDisks()
    const { log } = openDisks(disks)
    await log.append({
      entries: [...demoted, learner],
      hardState: { term: 1, vote: '', commit: 3 },
    })
    await booted(disks)
    expect(settle(await booted(disks)).confState).toMatchObject({ learners: [MEMBER_ID] })
    expect(settle(await booted(disks, true)).confState).toEqual(alone)
  })

  test('leaves a joint configuration first', async () => {
    // One that it left before is applied, and does not count.
    const left = { index: 4, term: 1, type: 'EntryConfChange' as const, data: new Uint8Array(0) }
    const disks = await history([left], 0, 3)
    const applier = settle(await booted(disks))
    expect(applier.appliedIndex).toBe(3)
    const voters = FOUNDERS.map(({ id }) => id)
    const confState = { ...alone, voters: voters.slice(0, 2), votersOutgoing: voters }
    await openDisks(disks).state.saveCheckpoint(
      encodeCheckpoint({ ...applier.checkpoint(), appliedIndex: 4, confState }),
    )
    const forced = settle(await booted(disks, true))
    expect(disks.log.state.entries[4]?.data).toHaveLength(0)
    expect(forced.confState).toEqual(alone)
    await booted(disks, true)
    expect(disks.log.state.entries).toHaveLength(7)
  })

  function addVoter(id: string, index: number): Entry {
    return changeEntry(
      { type: ConfChangeType.ADD_VOTER, member: { id, peerUrls: [`http://q:${index}`] } },
      index,
    )
  }
})

test('a member whose log does not know it has nothing to start from', async () => {
  const disks = newDisks()
  const origin = async () => ({ ...foundedBy(FOUNDERS), memberId: idOf(9) })
  const options = bootstrapOptions({ origin })
  await bootstrap(openDisks(disks), options)
  const before = disks.log.state
  const result = await bootstrap(openDisks(disks), { ...options, forceNewCluster: true })
  expect(result).toMatchObject({
    ok: false,
    message: expect.stringMatching(/has not been in its cluster yet/),
  })
  expect(disks.log.state).toEqual(before)
})

describe('whatever happened before', () => {
  const draft = fc.oneof(
    fc.constant(undefined),
    fc.record({
      type: fc.constantFrom(...Object.values(ConfChangeType)),
      n: fc.integer({ min: 1, max: 6 }),
    }),
  )

  test('one voter is left and no learner, or the removed member is refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(draft, { maxLength: 12 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (drafts, appliedShare, commitShare) => {
          const { tail, model } = play(drafts)
          const last = FOUNDERS.length + tail.length
          const applied = Math.floor(appliedShare * last)
          const commit = Math.max(applied, Math.floor(commitShare * last))
          const disks = await history(tail, applied, commit)
          const result = await boot(disks, true)
          if (model.isRemoved(MEMBER_ID)) {
            expect(result).toMatchObject({ message: expect.stringMatching(/permanently removed/) })
            return
          }
          if (!result.ok) throw new Error(result.message)
          const applier = settle(result.member)
          expect(applier.appliedIndex).toBe(disks.log.state.entries.at(-1)?.index)
          expect(applier.confState).toEqual(alone)
          expect(applier.membership.members.map(({ id, isLearner }) => [id, isLearner])).toEqual([
            [MEMBER_ID, false],
          ])
          expect(applier.store.keyCount).toBe(
            tail.filter(({ type }) => type === 'EntryNormal').length,
          )
          const { entries } = disks.log.state
          await booted(disks, true)
          expect(disks.log.state.entries).toEqual(entries)
        },
      ),
    )
  })

  /** Entries as leaders could have written them: the last voter stays, self stays unless removed. */
  function play(drafts: readonly ({ type: number; n: number } | undefined)[]) {
    const model = new Membership('c')
    for (const founder of FOUNDERS) {
      model.apply({ type: 'add-voter', member: { ...founder, clientUrls: [], isLearner: false } })
    }
    const tail: Entry[] = []
    for (const one of drafts) {
      const index = FOUNDERS.length + tail.length + 1
      if (one === undefined) {
        tail.push(put(index))
        continue
      }
      const id = idOf(one.n)
      const isLastVoter = model.voters.length === 1 && model.voters[0]?.id === id
      if (one.type === ConfChangeType.REMOVE && isLastVoter) continue
      tail.push(change(one.type, one.n, index))
      const asked = changeOf(one.type, one.n)
      if (model.problemWith(asked) === undefined) model.apply(asked)
    }
    return { tail, model }
  }

  function changeOf(type: number, n: number): Parameters<Membership['apply']>[0] {
    const id = idOf(n)
    const peerUrls = [`http://p:${n}`]
    const isLearner = type === ConfChangeType.ADD_LEARNER
    const member = { id, name: '', peerUrls, clientUrls: [], isLearner }
    switch (type) {
      case ConfChangeType.ADD_VOTER:
        return { type: 'add-voter', member }
      case ConfChangeType.ADD_LEARNER:
        return { type: 'add-learner', member, maxLearners: 1 }
      case ConfChangeType.PROMOTE:
        return { type: 'promote', id }
      case ConfChangeType.UPDATE:
        return { type: 'update', id, peerUrls }
      default:
        return { type: 'remove', id }
    }
  }
})
