import { pack } from 'msgpackr'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import type { Key } from '../../src/base/key.ts'
import { decodeKeyValue } from '../../src/mvcc/kv.ts'
import type { Entry } from '../../src/raft/types.ts'
import {
  AlarmRequest_AlarmAction,
  AlarmType,
  type MemberInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { ConfChange_Type, encodeInternalRequest } from '../../src/rpc/codec/quoratepb.ts'
import type { Applied } from '../../src/server/applier.ts'
import { applyPut } from '../../src/server/apply-txn.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/server/checkpoint.ts'
import {
  changeEntry,
  confChangeEntry,
  entryDraft,
  memberIdOf,
  PROPOSER,
  requestEntry,
  toEntry,
  type EntryDraft,
} from './support/arbitrary-entries.ts'
import { fingerprint } from './support/memory-kv.ts'
import { CLUSTER_ID, Member, MEMBER_ID } from './support/member.ts'
import {
  bytes,
  deleteOp,
  deleteRequest,
  k,
  putOp,
  putRequest,
  rangeOp,
  txnOp,
  txnRequest,
} from './support/requests.ts'

const { ACTIVATE, DEACTIVATE, GET } = AlarmRequest_AlarmAction
const OTHER_MEMBER = memberIdOf(2)

type Request = Parameters<typeof requestEntry>[0]

/** Applies requests one after another, each at the next index. */
class Log {
  readonly member: Member
  index = 0

  constructor(member: Member) {
    this.member = member
  }

  static async start(): Promise<Log> {
    return new Log(await Member.start())
  }

  apply(request: Request): Applied['outcome'] {
    const applied = this.member.apply(requestEntry(request, ++this.index))
    if (applied === undefined) throw new Error('a request has an outcome')
    return applied.outcome
  }

  put(key: string): Applied['outcome'] {
    return this.apply({ case: 'put', value: putRequest({ key: k(key) }) })
  }

  alarm(action: number, alarm: number, memberId = MEMBER_ID): Applied['outcome'] {
    return this.apply({ case: 'alarm', value: { action, memberId, alarm } })
  }
}

const ok = { ok: true }
const noSpace = { ok: false, error: 'no-space' }
const corrupt = { ok: false, error: 'corrupt' }

describe('the order of entries', () => {
  const noOp = (index: number, term: number): Entry => ({
    index,
    term,
    type: 'EntryNormal',
    data: new Uint8Array(0),
  })

  test('an index left out, repeated or behind, or an older term, is an assertion', async () => {
    const { applier } = await Member.start()
    applier.applyNormal(noOp(1, 3))
    applier.applyNormal(noOp(2, 3))
    for (const entry of [noOp(4, 3), noOp(2, 3), noOp(1, 3), noOp(3, 2)]) {
      expect(() => applier.applyNormal(entry)).toThrow(AssertionError)
      expect(() => applier.applyConfChange(entry, () => fail())).toThrow(AssertionError)
    }
    expect(applier.appliedIndex).toBe(2)
    applier.applyNormal(noOp(3, 4))
  })

  test('an empty entry moves the index and has no outcome', async () => {
    const { applier } = await Member.start()
    expect(applier.applyNormal(noOp(1, 2))).toBeUndefined()
    expect(applier.checkpoint()).toMatchObject({ appliedIndex: 1, appliedTerm: 2, revision: 1 })
  })

  test('an entry that this version does not know is an assertion, not a guess', async () => {
    const { applier } = await Member.start()
    const data = encodeInternalRequest({ proposer: PROPOSER, requestId: 1 })
    const entry: Entry = { index: 1, term: 1, type: 'EntryNormal', data }
    expect(() => applier.applyNormal(entry)).toThrow(AssertionError)
  })

  test('an outcome is addressed to its proposer', async () => {
    const member = await Member.start()
    const put = requestEntry({ case: 'put', value: putRequest({ key: k('a') }) }, 1)
    expect(member.apply(put)).toMatchObject({
      proposer: PROPOSER,
      requestId: 1,
      outcome: { ok: true, revision: 2 },
    })
  })
})

describe('alarms', () => {
  test('without space nothing that adds data is applied, and the rest is', async () => {
    const log = await Log.start()
    log.put('a')
    expect(log.alarm(ACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)).toMatchObject(ok)
    const txn = (fields: Parameters<typeof txnRequest>[0]): Applied['outcome'] =>
      log.apply({ case: 'txn', value: txnRequest(fields) })
    expect(log.put('b')).toEqual(noSpace)
    expect(txn({ success: [putOp('b')] })).toEqual(noSpace)
    expect(txn({ success: [deleteOp('a')], failure: [putOp('b')] })).toEqual(noSpace)
    expect(txn({ success: [txnOp({ failure: [putOp('b')] })] })).toEqual(noSpace)
    expect(txn({ success: [rangeOp({ key: k('a') }), deleteOp('b')] })).toMatchObject(ok)
    expect(
      log.apply({ case: 'compaction', value: { revision: 2, physical: false } }),
    ).toMatchObject(ok)
    expect(log.apply({ case: 'deleteRange', value: deleteRequest({ key: k('a') }) })).toMatchObject(
      { ok: true, revision: 3 },
    )
    expect(log.alarm(DEACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)).toMatchObject(ok)
    expect(log.put('b')).toMatchObject({ ok: true, revision: 4 })
  })

  test('a corrupt cluster changes nothing, but its alarms can be seen and taken back', async () => {
    const log = await Log.start()
    log.put('a')
    log.alarm(ACTIVATE, AlarmType.CORRUPT)
    const before = await fingerprint(log.member.applier.store)
    expect(log.put('b')).toEqual(corrupt)
    expect(log.apply({ case: 'deleteRange', value: deleteRequest({ key: k('a') }) })).toEqual(
      corrupt,
    )
    expect(log.apply({ case: 'txn', value: txnRequest({}) })).toEqual(corrupt)
    expect(log.apply({ case: 'compaction', value: { revision: 2, physical: false } })).toEqual(
      corrupt,
    )
    expect(await fingerprint(log.member.applier.store)).toEqual(before)
    expect(log.alarm(GET, AlarmType.NONE)).toMatchObject({
      response: { alarms: [{ memberId: MEMBER_ID, alarm: AlarmType.CORRUPT }] },
    })
    log.alarm(DEACTIVATE, AlarmType.CORRUPT)
    expect(log.put('b')).toMatchObject(ok)
  })

  test('corrupt is reported before a lack of space', async () => {
    const log = await Log.start()
    log.alarm(ACTIVATE, AlarmType.NOSPACE)
    log.alarm(ACTIVATE, AlarmType.CORRUPT)
    expect(log.put('a')).toEqual(corrupt)
  })

  test('an alarm lasts until every member that raised it has taken it back', async () => {
    const log = await Log.start()
    log.alarm(ACTIVATE, AlarmType.NOSPACE, MEMBER_ID)
    log.alarm(ACTIVATE, AlarmType.NOSPACE, MEMBER_ID)
    log.alarm(ACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)
    log.alarm(DEACTIVATE, AlarmType.NOSPACE, MEMBER_ID)
    expect(log.put('a')).toEqual(noSpace)
    log.alarm(DEACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)
    expect(log.put('a')).toMatchObject(ok)
  })

  test('are listed by type, or all of them, in the order of type and member', async () => {
    const log = await Log.start()
    log.alarm(ACTIVATE, AlarmType.CORRUPT, OTHER_MEMBER)
    log.alarm(ACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)
    log.alarm(ACTIVATE, AlarmType.NOSPACE, MEMBER_ID)
    const noSpaces = [
      { memberId: MEMBER_ID, alarm: AlarmType.NOSPACE },
      { memberId: OTHER_MEMBER, alarm: AlarmType.NOSPACE },
    ]
    const corrupts = [{ memberId: OTHER_MEMBER, alarm: AlarmType.CORRUPT }]
    const listed = (type: number): unknown => log.alarm(GET, type)
    expect(listed(AlarmType.NOSPACE)).toMatchObject({ response: { alarms: noSpaces } })
    expect(listed(AlarmType.NONE)).toMatchObject({
      response: { alarms: [...noSpaces, ...corrupts] },
    })
  })

  test('activating answers with the alarm, deactivating with what was there', async () => {
    const log = await Log.start()
    const alarms = [{ memberId: MEMBER_ID, alarm: AlarmType.NOSPACE }]
    expect(log.alarm(ACTIVATE, AlarmType.NOSPACE)).toMatchObject({ response: { alarms } })
    expect(log.alarm(DEACTIVATE, AlarmType.NOSPACE)).toMatchObject({ response: { alarms } })
    expect(log.alarm(DEACTIVATE, AlarmType.NOSPACE)).toMatchObject({ response: { alarms: [] } })
    log.alarm(ACTIVATE, AlarmType.NONE)
    expect(log.alarm(GET, AlarmType.NONE)).toMatchObject({ response: { alarms: [] } })
  })
})

describe('a change of the members', () => {
  const { ADD_VOTER, ADD_LEARNER, PROMOTE, UPDATE, REMOVE } = ConfChange_Type
  const [one, two, three] = [memberIdOf(1), memberIdOf(2), memberIdOf(3)]

  /** A cluster of voter one and learner two, and the index of its last entry. */
  async function voterAndLearner(): Promise<Member> {
    const member = await Member.start()
    member.apply(changeEntry({ type: ADD_VOTER, member: { id: one, peerUrls: ['http://p:1'] } }, 1))
    const learner = { id: two, name: 'two', peerUrls: ['http://p:2'], isLearner: true }
    member.apply(changeEntry({ type: ADD_LEARNER, member: learner }, 2))
    return member
  }

  test('goes to Raft, and the configuration it answers goes into the checkpoint', async () => {
    const member = await voterAndLearner()
    expect(member.applier.checkpoint().confState).toMatchObject({ voters: [one], learners: [two] })
    member.apply(changeEntry({ type: PROMOTE, member: { id: two } }, 3))
    expect(member.applier.checkpoint().confState).toMatchObject({ voters: [one, two] })
    member.apply(changeEntry({ type: REMOVE, member: { id: one } }, 4))
    const { confState, membership } = member.applier.checkpoint()
    expect(confState).toMatchObject({ voters: [two], learners: [] })
    expect(membership).toMatchObject({ members: [{ id: two, isLearner: false }], removed: [one] })
    expect(member.changes).toEqual([
      { steps: [{ type: 'add-voter', id: one }], transition: 'auto' },
      { steps: [{ type: 'add-learner', id: two }], transition: 'auto' },
      { steps: [{ type: 'add-voter', id: two }], transition: 'auto' },
      { steps: [{ type: 'remove', id: one }], transition: 'auto' },
    ])
  })

  test('answers its proposer with all members', async () => {
    const member = await voterAndLearner()
    const entry = changeEntry({ type: PROMOTE, member: { id: two }, requestId: 77 }, 3)
    expect(member.apply(entry)).toEqual({
      operation: 'confChange',
      proposer: PROPOSER,
      requestId: 77,
      outcome: { ok: true, revision: 1, response: { members: member.applier.membership.members } },
    })
  })

  test('that nobody asked for through a request answers nobody', async () => {
    const member = await Member.start()
    const change = { type: ADD_VOTER, member: { id: one }, requestId: 0 }
    expect(member.apply(changeEntry(change, 1))).toBeUndefined()
    expect(member.applier.membership.get(one)).toBeDefined()
  })

  test('of peer URLs leaves the vote, the name and the configuration alone', async () => {
    const member = await voterAndLearner()
    const { confState } = member.applier
    member.changes.length = 0
    const update = { id: two, name: 'other', peerUrls: ['http://p:9'], isLearner: false }
    member.apply(changeEntry({ type: UPDATE, member: update }, 3))
    expect(member.changes).toEqual([])
    expect(member.applier.confState).toBe(confState)
    expect(member.applier.membership.get(two)).toEqual({
      id: two,
      name: 'two',
      peerUrls: ['http://p:9'],
      clientUrls: [],
      isLearner: true,
    })
  })

  test('that cannot be made changes nothing but the index, and does not reach Raft', async () => {
    const member = await voterAndLearner()
    member.apply(changeEntry({ type: ADD_VOTER, member: { id: three } }, 3))
    member.apply(changeEntry({ type: REMOVE, member: { id: three } }, 4))
    member.changes.length = 0
    const state = (): object => {
      return { ...member.applier.checkpoint(), appliedIndex: undefined, stateHash: undefined }
    }
    const before = state()
    const used = { id: '00000000000000ff', peerUrls: ['http://p:1'] }
    const cases: readonly [type: number, of: MemberInput, error: string][] = [
      [ADD_VOTER, { id: one, peerUrls: ['http://new:1'] }, 'member-exists'],
      [ADD_VOTER, used, 'peer-url-exists'],
      [ADD_VOTER, { id: three }, 'member-removed'],
      [ADD_LEARNER, { id: '00000000000000ff', peerUrls: ['http://new:1'] }, 'too-many-learners'],
      [PROMOTE, { id: one }, 'member-not-learner'],
      [PROMOTE, { id: three }, 'member-removed'],
      [UPDATE, { id: '' }, 'member-not-found'],
      [UPDATE, { id: two, peerUrls: ['http://p:1'] }, 'peer-url-exists'],
      [REMOVE, { id: '00000000000000ff' }, 'member-not-found'],
    ]
    for (const [i, [type, of, error]] of cases.entries()) {
      const applied = member.apply(changeEntry({ type, member: of }, 5 + i))
      expect(applied?.outcome, error).toEqual({ ok: false, error })
    }
    expect(member.changes).toEqual([])
    expect(state()).toEqual(before)
    expect(member.applier.appliedIndex).toBe(13)
  })

  test('has a vote or none by its type, whatever its member says', async () => {
    const member = await voterAndLearner()
    const more = { id: three, peerUrls: ['http://p:3'], isLearner: true }
    member.apply(changeEntry({ type: ADD_VOTER, member: more }, 3))
    expect(member.applier.membership.get(three)?.isLearner).toBe(false)
  })

  test('takes the number of learners there may be from its entry', async () => {
    const member = await voterAndLearner()
    const another = { id: three, peerUrls: ['http://p:3'], isLearner: true }
    member.apply(changeEntry({ type: ADD_LEARNER, member: another, maxLearners: 2 }, 3))
    expect(member.applier.membership.learnerCount).toBe(2)
  })

  test('without data ends the joint configuration', async () => {
    const member = await voterAndLearner()
    const empty: Entry = { index: 3, term: 1, type: 'EntryConfChange', data: new Uint8Array(0) }
    expect(member.apply(empty)).toBeUndefined()
    expect(member.changes.at(-1)).toEqual({ steps: [], transition: 'auto' })
    expect(member.applier.appliedIndex).toBe(3)
  })

  test('of a type that this version does not know is an assertion, not a guess', async () => {
    const member = await Member.start()
    for (const change of [{ type: 99, member: { id: one } }, { type: ADD_VOTER }]) {
      expect(() => member.apply(changeEntry(change, 1))).toThrow(AssertionError)
    }
  })

  test('tells whether this member is a learner', async () => {
    const member = await Member.start()
    expect(member.applier.isLearner).toBe(false)
    member.apply(changeEntry({ type: ADD_LEARNER, member: { id: MEMBER_ID } }, 1))
    expect(member.applier.isLearner).toBe(true)
    member.apply(changeEntry({ type: PROMOTE, member: { id: MEMBER_ID } }, 2))
    expect(member.applier.isLearner).toBe(false)
  })
})

describe('a state that another member sent', () => {
  test('takes the place of this one, but for the identity', async () => {
    const other = await Log.start()
    const add = changeEntry({ type: ConfChange_Type.ADD_VOTER, member: { id: OTHER_MEMBER } }, 1)
    other.member.apply(add)
    other.index = 1
    other.alarm(ACTIVATE, AlarmType.NOSPACE, OTHER_MEMBER)
    const sent = { ...other.member.applier.checkpoint(), memberId: OTHER_MEMBER, stateHash: 42 }

    const { applier } = await Member.start()
    applier.alarms.activate({ memberId: MEMBER_ID, type: AlarmType.CORRUPT })
    let told = 0
    applier.membership.onChanged(() => told++)
    applier.adopt(sent)
    expect(applier.checkpoint()).toEqual({ ...sent, memberId: MEMBER_ID })
    expect(applier.appliedIndex).toBe(2)
    expect(applier.stateHash.newest).toEqual({ index: 2, term: 1, hash: 42 })
    expect(told).toBe(1)
  })

  test('is newer, and of the same cluster', async () => {
    const log = await Log.start()
    log.put('a')
    const { applier } = log.member
    const sent = applier.checkpoint()
    expect(() => applier.adopt(sent)).toThrow(AssertionError)
    const foreign = { ...sent, appliedIndex: 9, clusterId: '00000000000000c2' }
    expect(() => applier.adopt(foreign)).toThrow(AssertionError)
    expect(applier.appliedIndex).toBe(1)
  })
})

describe('membership', () => {
  test('a member publishes its name and URLs; an unknown one is ignored', async () => {
    const log = await Log.start()
    log.member.apply(confChangeEntry(ConfChange_Type.ADD_VOTER, MEMBER_ID, ++log.index))
    const publish = (memberId: string): unknown =>
      log.apply({
        case: 'memberAttributes',
        value: { memberId, name: 'one', clientUrls: ['http://c:1'] },
      })
    publish(MEMBER_ID)
    publish(OTHER_MEMBER)
    expect(log.member.applier.membership.members).toEqual([
      {
        id: MEMBER_ID,
        name: 'one',
        peerUrls: ['http://p:1'],
        clientUrls: ['http://c:1'],
        isLearner: false,
      },
    ])
  })

  test('the version of the cluster is replicated', async () => {
    const log = await Log.start()
    log.apply({ case: 'clusterVersion', value: { version: '3.6.0' } })
    expect(log.member.applier.membership.clusterVersion).toBe('3.6.0')
    expect(log.member.applier.checkpoint().membership.clusterVersion).toBe('3.6.0')
  })
})

describe('the state hash', () => {
  test('takes in every kind of entry, with what applying it came to', async () => {
    const one = await Log.start()
    const other = await Log.start()
    const hashes = (): number[] => [one, other].map((log) => log.member.applier.stateHash.value)
    const both = (apply: (log: Log) => void): void => {
      const before = hashes()[0]
      for (const log of [one, other]) apply(log)
      expect(hashes()[0]).toBe(hashes()[1])
      expect(hashes()[0]).not.toBe(before)
    }
    const noOp = (log: Log, type: Entry['type']): void => {
      log.member.apply({ index: ++log.index, term: 1, type, data: new Uint8Array(0) })
    }
    const add = ConfChange_Type.ADD_VOTER
    both((log) => log.put('a'))
    both((log) => noOp(log, 'EntryNormal'))
    both((log) => noOp(log, 'EntryConfChange'))
    both((log) => void log.member.apply(confChangeEntry(add, OTHER_MEMBER, ++log.index)))
    both((log) => log.alarm(ACTIVATE, AlarmType.NOSPACE))
    both((log) => log.put('refused'))
  })

  /** What two members were made to be, behind their backs, before the same entry came to both. */
  const SPOILED: readonly [what: string, spoil: (log: Log, i: number) => void, Request][] = [
    [
      'keys',
      ({ member: { applier } }, i) => {
        const { store, leases } = applier
        applyPut({ store, leases, onCommit: () => undefined }, putRequest({ key: k(`x${i}`) }))
      },
      { case: 'deleteRange', value: deleteRequest({ key: k('x'), rangeEnd: k('y') }) },
    ],
    [
      'outcomes',
      ({ member: { applier } }, i) => {
        if (i === 1) applier.alarms.activate({ memberId: MEMBER_ID, type: AlarmType.CORRUPT })
      },
      { case: 'compaction', value: { revision: 99, physical: false } },
    ],
  ]

  test.each(SPOILED)('differs for good where %s differ', async (_what, spoil, request) => {
    const logs = [await Log.start(), await Log.start()]
    const hashes = (): Set<number> => new Set(logs.map((log) => log.member.applier.stateHash.value))
    for (const [i, log] of logs.entries()) spoil(log, i)
    expect(hashes().size).toBe(1)
    for (const log of logs) log.apply(request)
    expect(hashes().size).toBe(2)
    for (const log of logs) log.alarm(DEACTIVATE, AlarmType.CORRUPT)
    for (const log of logs) log.put('a')
    expect(hashes().size).toBe(2)
  })

  test('goes on from the checkpoint', async () => {
    const log = await Log.start()
    log.put('a')
    await log.member.save()
    const again = new Log(await Member.start(log.member.disk))
    again.index = log.index
    for (const one of [log, again]) one.put('b')
    const { newest } = log.member.applier.stateHash
    expect(newest).toMatchObject({ index: 2, term: 1 })
    expect(again.member.applier.stateHash.newest).toEqual(newest)
  })
})

describe('the checkpoint', () => {
  test('names the cluster, the member and the marks of the store', async () => {
    const log = await Log.start()
    for (const key of ['a', 'b', 'a']) log.put(key)
    log.apply({ case: 'compaction', value: { revision: 3, physical: false } })
    expect(log.member.applier.checkpoint()).toMatchObject({
      clusterId: CLUSTER_ID,
      memberId: MEMBER_ID,
      appliedIndex: 4,
      appliedTerm: 1,
      revision: 4,
      compactedRevision: 3,
      finishedCompactRevision: -1,
    })
  })

  test('of another format is not read', async () => {
    const { applier } = await Member.start()
    const checkpoint = applier.checkpoint()
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
    const other = pack({ ...checkpoint, format: 2 as never })
    expect(decodeCheckpoint(other)).toBeUndefined()
  })

  test('does not change with the entries that follow', async () => {
    const log = await Log.start()
    log.member.apply(confChangeEntry(ConfChange_Type.ADD_VOTER, MEMBER_ID, ++log.index))
    const checkpoint = log.member.applier.checkpoint()
    const encoded = encodeCheckpoint(checkpoint)
    log.alarm(ACTIVATE, AlarmType.NOSPACE)
    log.apply({
      case: 'memberAttributes',
      value: { memberId: MEMBER_ID, name: 'one', clientUrls: ['http://c:1'] },
    })
    log.member.apply(confChangeEntry(ConfChange_Type.REMOVE, MEMBER_ID, ++log.index))
    expect(encodeCheckpoint(checkpoint)).toEqual(encoded)
  })

  test('a member started from it and replayed is the one that never stopped', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(entryDraft, { minLength: 5, maxLength: 40 }),
        fc.array(incident, { minLength: 1, maxLength: 6 }),
        async (drafts, incidents) => {
          const steady = await runSteady(drafts)
          const cut = await runWithIncidents(steady, incidents)
          expect(stateOf(cut)).toEqual(stateOf(steady.member))
          expect(await fingerprint(cut.applier.store)).toEqual(
            await fingerprint(steady.member.applier.store),
          )
        },
      ),
      { numRuns: 300 },
    )
  })
})

interface SteadyRun {
  readonly member: Member
  readonly entries: readonly Entry[]
  readonly outcomes: readonly (Applied | undefined)[]
}

async function runSteady(drafts: readonly EntryDraft[]): Promise<SteadyRun> {
  const member = await Member.start()
  const { store } = member.applier
  const entries: Entry[] = []
  const outcomes: (Applied | undefined)[] = []
  let term = 1
  for (const draft of drafts) {
    if (draft.type === 'no-op' && draft.newTerm) term++
    const marks = { current: store.currentRevision, compacted: store.compactedRevision }
    const entry = toEntry(draft, entries.length + 1, term, marks)
    entries.push(entry)
    outcomes.push(member.apply(entry))
    member.applier.leases.checkConsistency()
  }
  expect(leasesInStore(member)).toEqual(attachmentsOf(member))
  return { member, entries, outcomes }
}

/** What happens once the entries up to a place in the log, given in percent, are applied. */
interface Incident {
  readonly at: number
  readonly type: 'save' | 'crash' | 'crash-inside-save' | 'clean-restart'
  /** Which of the volatile writes survive a crash, as bits. */
  readonly kept: number
  /** How many slices of a due cut run after a save. */
  readonly slices: number
}

const incident: fc.Arbitrary<Incident> = fc.record({
  at: fc.integer({ min: 0, max: 100 }),
  type: fc.constantFrom('save', 'save', 'crash', 'crash-inside-save', 'clean-restart'),
  kept: fc.nat(2 ** 16),
  slices: fc.integer({ min: 0, max: 5 }),
})

async function runWithIncidents(run: SteadyRun, incidents: readonly Incident[]): Promise<Member> {
  let member = await Member.start()
  for (const one of [...incidents].sort((a, b) => a.at - b.at)) {
    applyUpTo(member, run, Math.floor((run.entries.length * one.at) / 100))
    member = await suffer(member, one)
  }
  applyUpTo(member, run, run.entries.length)
  return member
}

/** Every entry comes to the same outcome, the first time and when it is replayed. */
function applyUpTo(member: Member, { entries, outcomes }: SteadyRun, last: number): void {
  for (const entry of entries.slice(member.applier.appliedIndex, last)) {
    expect(member.apply(entry)).toEqual(outcomes[entry.index - 1])
  }
}

async function suffer(member: Member, { type, kept, slices }: Incident): Promise<Member> {
  const { disk } = member
  if (type === 'save' || type === 'clean-restart') {
    await member.save()
    const cut = member.applier.store.compaction()
    for (let i = 0; i < slices; i++) cut?.step(1)
    return type === 'save' ? member : Member.start(disk)
  }
  if (type === 'crash-inside-save') disk.barrier(disk.volatileCount)
  disk.crash((position) => ((kept >> (position % 16)) & 1) === 1)
  return Member.start(disk)
}

/** All replicated state but how far the cut of compacted history has come. */
function stateOf(member: Member): object {
  return { ...member.applier.checkpoint(), finishedCompactRevision: undefined }
}

/** Which key hangs on which lease, as the leases have it. */
function attachmentsOf({ applier: { leases } }: Member): Map<Key, bigint> {
  const all = [...leases.all()]
  return new Map(all.flatMap((lease) => leases.keysOf(lease).map((key) => [key, lease.id])))
}

/** The same, as the newest version of every key has it. */
function leasesInStore({ applier: { store } }: Member): Map<Key, bigint> {
  const versions = store.cursor({ type: 'all' }, store.currentRevision).next(Infinity)
  const pairs = versions.map(({ key, modRevision }) => {
    return [key, decodeKeyValue(store.record(modRevision)).lease] as const
  })
  return new Map(pairs.filter(([, lease]) => lease !== 0n))
}

function fail(): never {
  throw new Error('nothing may come this far')
}

test('a put that replaces a value gives the old one back when asked', async () => {
  const log = await Log.start()
  log.put('a')
  const value = putRequest({ key: k('a'), value: bytes('new'), prevKv: true })
  expect(log.apply({ case: 'put', value })).toMatchObject({
    ok: true,
    revision: 3,
    response: { prevKv: expect.any(Uint8Array) as unknown },
  })
})
