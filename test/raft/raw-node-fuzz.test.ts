/**
 * One member among liars: messages of the right shape with any numbers in them, in any order,
 * mixed with everything the program itself may ask for. Nothing breaks an invariant.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfState, Entry, Message, SnapshotMetadata } from '../../src/raft/types.ts'
import { simpleChange } from './support/conf-changes.ts'
import { Disk, encodeConfChange, Member, seededRandom } from './support/member.ts'

const small = fc.nat(12)
const strange = fc.constantFrom(-1, 0.5, Number.NaN, 2 ** 52, 2 ** 53 - 1, Infinity, 1e300)
const number = fc.oneof({ weight: 60, arbitrary: small }, { weight: 1, arbitrary: strange })
const id = fc.constantFrom('1', '2', '3', '4', '5', '')
const ids = fc.uniqueArray(fc.constantFrom('1', '2', '3', '4', '5', '6'), { maxLength: 4 })
const from = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom('2', '3') },
  { weight: 1, arbitrary: id },
)

const changes = fc.constantFrom(
  new Uint8Array(0),
  encodeConfChange(simpleChange('add-voter', '4')),
  encodeConfChange(simpleChange('add-learner', '1')),
  encodeConfChange(simpleChange('add-voter', '1')),
  encodeConfChange(simpleChange('remove', '2')),
  encodeConfChange({
    steps: [
      { type: 'remove', id: '3' },
      { type: 'add-voter', id: '5' },
    ],
    transition: 'auto',
  }),
  encodeConfChange({ steps: [{ type: 'remove', id: '1' }], transition: 'joint-explicit' }),
)

const proposed = fc.oneof(
  fc.record({ type: fc.constant('EntryNormal' as const), data: fc.uint8Array({ maxLength: 9 }) }),
  fc.record({ type: fc.constant('EntryConfChange' as const), data: changes }),
)

/** Mostly a run of entries that could follow `index`. */
const entries = fc
  .record({ start: number, terms: fc.array(number, { maxLength: 4 }), what: proposed })
  .map(({ start, terms, what }): Entry[] =>
    terms.map((term, at) => ({ index: start + at, term, ...what })),
  )

const confState: fc.Arbitrary<ConfState> = fc.oneof(
  ids.map((others) => ({
    voters: ['1', ...others.filter((one) => one !== '1')],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  })),
  fc.record({
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  }),
)

const head = { from, to: fc.constant('1'), term: number }

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('MsgProp' as const),
    ...head,
    term: fc.constant(0),
    forwardId: number,
    entries: fc.array(proposed, { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('MsgPropRefused' as const), ...head, forwardId: number }),
  {
    weight: 4,
    arbitrary: fc
      .record({
        type: fc.constant('MsgApp' as const),
        ...head,
        index: number,
        logTerm: number,
        entries,
        commit: number,
        fits: fc.integer({ min: 0, max: 3 }),
      })
      .map(({ fits, ...one }) => {
        if (fits === 0) return one
        const runs = one.entries.map((entry, at) => {
          return { ...entry, index: one.index + 1 + at, term: one.term }
        })
        return { ...one, logTerm: Math.min(one.logTerm, one.term), entries: runs }
      }),
  },
  fc.record({
    type: fc.constant('MsgAppResp' as const),
    ...head,
    index: number,
    reject: fc.boolean(),
    rejectHint: number,
    logTerm: number,
  }),
  fc.record({
    type: fc.constantFrom('MsgVote' as const, 'MsgPreVote' as const),
    ...head,
    index: number,
    logTerm: number,
    transfer: fc.boolean(),
  }),
  fc.record({
    type: fc.constantFrom('MsgVoteResp' as const, 'MsgPreVoteResp' as const),
    ...head,
    reject: fc.boolean(),
    commit: number,
    commitTerm: number,
  }),
  fc.record({ type: fc.constant('MsgHeartbeat' as const), ...head, commit: number, round: number }),
  fc.record({
    type: fc.constant('MsgHeartbeatResp' as const),
    ...head,
    commit: number,
    round: number,
    installing: fc.boolean(),
  }),
  fc.record({ type: fc.constant('MsgReadIndex' as const), ...head, context: fc.string() }),
  fc.record({
    type: fc.constant('MsgReadIndexResp' as const),
    ...head,
    index: number,
    context: fc.string(),
  }),
  fc.record({ type: fc.constant('MsgTimeoutNow' as const), ...head }),
  fc.record({
    type: fc.constant('MsgSnap' as const),
    ...head,
    snapshot: fc.record({ index: number, term: number, confState }),
  }),
)

/** What the program does by itself. `relative` is a message with the member's own term. */
type Action =
  | { readonly do: 'step' | 'relative'; readonly message: Message }
  | { readonly do: 'tick' | 'campaign' | 'elect' | 'ready' | 'written' | 'installed' | 'restart' }
  | { readonly do: 'propose' | 'change'; readonly data: Uint8Array }
  | { readonly do: 'transfer' | 'unreachable' | 'sent' | 'failed'; readonly id: string }
  | { readonly do: 'checkpoint' | 'advance'; readonly count: number }

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('step' as const), message }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('relative' as const), message }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('ready' as const, 'ready' as const, 'written') }),
  },
  fc.record({ do: fc.constantFrom('tick', 'campaign', 'elect', 'installed', 'restart') }),
  fc.record({ do: fc.constant('propose' as const), data: fc.uint8Array({ maxLength: 40 }) }),
  fc.record({ do: fc.constant('change' as const), data: changes }),
  fc.record({ do: fc.constantFrom('transfer', 'unreachable', 'sent', 'failed'), id }),
  fc.record({ do: fc.constantFrom('checkpoint', 'advance'), count: small }),
)

class Victim {
  readonly member: Member
  installs = 0
  commits = 0
  leads = 0

  constructor(seed: number) {
    const disk = new Disk()
    disk.bootstrap(['1', '2', '3'], ['4'])
    this.member = new Member('1', disk, {
      preVote: seed % 2 === 0,
      checkQuorum: seed % 3 === 0,
      maxBytesPerMessage: 60,
      maxInflightMessages: 2,
      maxInflightBytes: 100,
      maxUncommittedBytes: 100,
      random: seededRandom(seed),
    })
    this.#ready()
    this.#ready()
  }

  act(action: Action): void {
    const { raw } = this.member
    switch (action.do) {
      case 'step':
        return this.#step(action.message)
      case 'relative': {
        return this.#step(this.#fitted(action.message))
      }
      case 'ready':
        return this.#ready()
      case 'written':
        return this.#written()
      case 'installed':
        return this.member.installing === undefined ? undefined : this.#installed()
      case 'tick':
        return raw.tick()
      case 'campaign':
        return raw.campaign()
      case 'elect':
        return this.#elect()
      case 'restart':
        return this.member.restart()
      case 'propose':
        return void raw.propose(action.data)
      case 'change':
        return void raw.proposeConfChange(action.data)
      case 'transfer':
        return void raw.transferLeadership(action.id)
      case 'unreachable':
        return raw.reportUnreachable(action.id)
      case 'sent':
        return raw.reportSnapshot(action.id, true)
      case 'failed':
        return raw.reportSnapshot(action.id, false)
      case 'checkpoint':
        return this.member.checkpoint(action.count)
      case 'advance':
        return raw.advanceTicks(action.count)
    }
  }

  /** The same message from somebody who knows more of this member. */
  #fitted(message: Message): Message {
    const { raw } = this.member
    const term = raw.term + (message.term % 4 === 0 ? 1 : 0)
    if (message.type === 'MsgSnap') {
      const { index } = message.snapshot
      const snapshot = { ...message.snapshot, index: raw.committed + index - 2, term: raw.term }
      return { ...message, term, snapshot }
    }
    if (message.type !== 'MsgApp') return { ...message, term }
    const { lastIndex } = raw.status()
    const index = Math.max(0, lastIndex - (message.index % 3))
    const logTerm = raw.entry(index)?.term ?? 0
    const entries = message.entries.map((entry, at) => ({ ...entry, index: index + 1 + at, term }))
    return { ...message, term, index, logTerm, entries, commit: message.commit + index - 4 }
  }

  #step(message: Message): void {
    const { raw } = this.member
    const before = raw.pendingSnapshot
    raw.step(message)
    const taken = raw.pendingSnapshot
    if (taken !== undefined && taken !== before) this.#stage(taken)
  }

  #stage(snapshot: SnapshotMetadata): void {
    this.member.stage({ ...this.member.state, ...snapshot })
  }

  #ready(): void {
    const { member } = this
    if (!member.raw.hasReady()) return
    const ready = member.takeReady()
    if (ready.snapshot !== undefined) {
      expect(ready.append).toBeUndefined()
      expect(ready.committedEntries).toEqual([])
      expect(member.writing).toBeUndefined()
    }
    if (ready.append !== undefined) expect(member.installing).toBeUndefined()
    this.commits += ready.committedEntries.length
  }

  #elect(): void {
    const { raw } = this.member
    this.#written()
    raw.campaign()
    for (const type of ['MsgPreVoteResp', 'MsgVoteResp'] as const) {
      this.#ready()
      this.#written()
      const term = raw.term + (type === 'MsgPreVoteResp' ? 1 : 0)
      for (const from of ['2', '3', '4', '5']) {
        raw.step({ type, from, to: '1', term, reject: false, commit: 0, commitTerm: 0 })
      }
    }
    if (raw.status().role === 'leader') this.leads++
  }

  #written(): void {
    const { member } = this
    if (member.writing === undefined) return
    member.finishAppend()
    expect(member.disk.hardState.commit).toBeLessThanOrEqual(member.disk.lastIndex)
  }

  #installed(): void {
    this.member.finishInstall()
    this.installs++
  }
}

describe('a member among liars', () => {
  test('keeps its invariants, whatever is said to it', () => {
    let installs = 0
    let commits = 0
    let leads = 0
    fc.assert(
      fc.property(fc.nat(), fc.array(action, { maxLength: 150, size: 'max' }), (seed, actions) => {
        const victim = new Victim(seed)
        for (const one of actions) victim.act(one)
        installs += victim.installs
        commits += victim.commits
        leads += victim.leads
      }),
      { numRuns: 4000 },
    )
    // It must not have shrugged off everything.
    expect(installs).toBeGreaterThan(100)
    expect(commits).toBeGreaterThan(1000)
    expect(leads).toBeGreaterThan(300)
  }, 60_000)

  test('a message of a type it does not know is ignored', () => {
    const { member } = new Victim(1)
    const before = member.raw.status()
    member.raw.step({ type: 'MsgLater', from: '2', to: '1', term: 9 } as unknown as Message)
    expect(member.raw.status()).toEqual(before)
  })
})
