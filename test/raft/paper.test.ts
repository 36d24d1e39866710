/**
 * One test per sentence of the Raft paper (Ongaro and Ousterhout, extended version) that
 * applies to a member, named with its section. For Ongaro's thesis see paper-thesis.test.ts.
 */

import { describe, expect, test } from 'vitest'
import type { MemberId, Role } from '../../src/raft/types.ts'
import { accepted, append, become, drain, entry, grant } from './paper-member.ts'
import { memberWith, termsOf, voteRequest } from './paper-member.ts'
import { bytes, Member } from './support/member.ts'
import { Network } from './support/network.ts'

const roles: Role[] = ['follower', 'candidate', 'leader']

describe('terms (§5.1)', () => {
  test.each(roles)('a %s that sees a higher term adopts it and becomes a follower', (role) => {
    const member = memberWith([1])
    become(role, member)
    member.raw.step(append(9, 1, 1))
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 9, leader: '2' })
  })

  test.each(roles)('a %s ignores a request with an older term', (role) => {
    const member = memberWith([1, 5])
    become(role, member)
    const before = member.raw.status()
    member.raw.step(append(4, 0, 0, [entry(1, 4)]))
    expect(member.raw.status()).toEqual(before)
    expect(drain(member)).toEqual([])
  })
})

describe('elections (§5.2)', () => {
  test('a member starts as a follower', () => {
    expect(memberWith([1]).raw.status().role).toBe('follower')
  })

  test('a follower that hears nothing for an election timeout starts an election', () => {
    const member = memberWith([1])
    for (let tick = 0; tick < 9; tick++) member.raw.tick()
    expect(member.raw.status().role).toBe('follower')
    member.raw.tick()
    expect(member.raw.status()).toMatchObject({ role: 'candidate', term: 2, vote: '1' })
    expect(drain(member).map(({ type, to, term }) => [type, to, term])).toEqual([
      ['MsgVote', '2', 2],
      ['MsgVote', '3', 2],
    ])
  })

  test('a heartbeat from the leader keeps a follower from campaigning', () => {
    const member = memberWith([1])
    for (let tick = 0; tick < 50; tick++) {
      member.raw.tick()
      const round = 0
      member.raw.step({ type: 'MsgHeartbeat', from: '2', to: '1', term: 1, commit: 0, round })
    }
    expect(member.raw.status().role).toBe('follower')
  })

  test('election timeouts are drawn from [T, 2T), anew for each election', () => {
    const drawn = [0, 7, 3]
    const random = { below: (bound: number) => (bound === 10 ? (drawn.shift() ?? 9) : 0) }
    const member = memberWith([1], 3, { random })
    const campaigns: number[] = []
    let term = member.raw.term
    for (let tick = 1; tick <= 60; tick++) {
      member.raw.tick()
      if (member.raw.term > term) campaigns.push(tick)
      term = member.raw.term
    }
    expect(campaigns).toEqual([10, 27, 40, 59])
  })

  test.each([
    [1, [], 'leader'],
    [3, ['2'], 'leader'],
    [3, [], 'candidate'],
    [5, ['2', '3'], 'leader'],
    [5, ['2'], 'candidate'],
  ] as [number, MemberId[], Role][])(
    'a candidate of %i with the votes of %j is a %s: it needs a majority of the full cluster',
    (count, voters, role) => {
      const member = memberWith([1], count)
      member.raw.campaign()
      drain(member)
      for (const id of voters) member.raw.step(grant(id, 2))
      // The same vote again does not count twice.
      for (const id of voters) member.raw.step(grant(id, 2))
      expect(member.raw.status().role).toBe(role)
    },
  )

  test('a candidate refused by a majority becomes a follower and keeps its term', () => {
    const member = memberWith([1], 3)
    become('candidate', member)
    member.raw.step(grant('2', 2, true))
    member.raw.step(grant('3', 2, true))
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 2 })
  })

  test('a member votes for at most one candidate in a term, first come first served', () => {
    const member = memberWith([1])
    member.raw.step(voteRequest('2', 2, 1, 1))
    member.raw.step(voteRequest('3', 2, 1, 1))
    member.raw.step(voteRequest('2', 2, 1, 1))
    expect(drain(member)).toMatchObject([
      { type: 'MsgVoteResp', from: '1', to: '2', term: 2, reject: false },
      { type: 'MsgVoteResp', from: '1', to: '3', term: 2, reject: true },
      { type: 'MsgVoteResp', from: '1', to: '2', term: 2, reject: false },
    ])
  })

  test('a vote survives a restart', () => {
    const member = memberWith([1])
    member.raw.step(voteRequest('2', 2, 1, 1))
    drain(member)
    member.restart()
    member.raw.step(voteRequest('3', 2, 1, 1))
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', to: '3', reject: true }])
  })

  test('a candidate that hears from a leader of its term follows it', () => {
    const member = memberWith([1])
    become('candidate', member)
    member.raw.step(append(2, 1, 1))
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 2, leader: '2' })
  })

  test('a leader sends heartbeats to all, and never campaigns', () => {
    const member = memberWith([1])
    become('leader', member)
    for (let tick = 0; tick < 3; tick++) member.raw.tick()
    expect(drain(member).filter(({ type }) => type === 'MsgHeartbeat')).toHaveLength(6)
    member.raw.campaign()
    expect(member.raw.status()).toMatchObject({ role: 'leader', term: 2 })
  })
})

describe('log replication (§5.3)', () => {
  test('a leader appends a proposal and sends it with the entry before it', () => {
    const member = memberWith([1])
    become('leader', member)
    member.raw.step(accepted('2', 2, 2))
    drain(member)
    expect(member.raw.propose(bytes('x'))).toEqual({ ok: true, index: 3 })
    const toSecond = drain(member).find(({ to }) => to === '2')
    expect(toSecond).toMatchObject({ type: 'MsgApp', term: 2, index: 2, logTerm: 2 })
    expect(toSecond).toMatchObject({ entries: [{ index: 3, term: 2, data: bytes('x') }] })
  })

  test.each([
    [1, [], true],
    [3, [], false],
    [3, ['2'], true],
    [5, ['2'], false],
    [5, ['2', '3'], true],
  ] as [number, MemberId[], boolean][])(
    'an entry of %i is committed once a majority has it: by %j and the leader, %s',
    (count, ids, committed) => {
      const member = memberWith([1], count)
      member.raw.campaign()
      drain(member)
      for (let id = 2; id <= count; id++) member.raw.step(grant(String(id), 2))
      drain(member)
      for (const id of ids) member.raw.step(accepted(id, 2, 2))
      expect(member.raw.committed).toBe(committed ? 2 : 0)
    },
  )

  test('committing an entry commits all before it, of earlier leaders too', () => {
    const member = memberWith([1, 1])
    become('leader', member)
    member.raw.step(accepted('3', 2, 3))
    drain(member)
    expect(member.applied.map(({ index }) => index)).toEqual([1, 2, 3])
  })

  test('a follower commits what the leader says, but only what it knows to match', () => {
    const member = memberWith([1, 1, 1])
    member.raw.step(append(2, 1, 1, [], 9))
    expect(member.raw.committed).toBe(1)
    member.raw.step(append(2, 1, 1, [entry(2, 2)], 9))
    expect(member.raw.committed).toBe(2)
    drain(member)
    expect(member.applied.map(({ index, term }) => [index, term])).toEqual([
      [1, 1],
      [2, 2],
    ])
  })

  test('a follower refuses entries when it lacks the entry before them', () => {
    const member = memberWith([1, 1])
    member.raw.step(append(3, 5, 2, [entry(6, 3)]))
    expect(drain(member)).toMatchObject([
      { type: 'MsgAppResp', reject: true, index: 5, rejectHint: 2, logTerm: 1 },
    ])
    member.raw.step(append(3, 2, 2, [entry(3, 3)]))
    expect(drain(member)).toMatchObject([{ type: 'MsgAppResp', reject: true, index: 2 }])
    expect(termsOf(member)).toEqual([1, 1])
  })

  test.each([
    [[1, 1], 2, 1, [3], [1, 1, 3]],
    [[1, 1], 1, 1, [3], [1, 3]],
    [[1, 1, 1, 1], 1, 1, [3, 3], [1, 3, 3]],
    [[1, 1, 1], 0, 0, [1, 1], [1, 1, 1]],
    [[1, 2, 2], 1, 1, [2], [1, 2, 2]],
  ])('a log of terms %j, given entries after %i/%i: %j, becomes %j', (...example) => {
    const [log, index, logTerm, added, result] = example
    const member = memberWith(log)
    const entries = added.map((term, at) => entry(index + at + 1, term))
    member.raw.step(append(3, index, logTerm, entries))
    expect(termsOf(member)).toEqual(result)
  })

  test('an entry that is in the log is not replaced by a late message that knows less', () => {
    const member = memberWith([1])
    member.raw.step(append(2, 1, 1, [entry(2, 2), entry(3, 2)]))
    member.raw.step(append(2, 1, 1, [entry(2, 2)]))
    expect(termsOf(member)).toEqual([1, 2, 2])
  })

  // Figure 7: the logs that followers may have when the leader of term 8 starts.
  test.each([
    ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b', [1, 1, 1, 4]],
    ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e', [1, 1, 1, 4, 4, 4, 4]],
    ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])('a leader brings the log of follower %s of figure 7 in line with its own', (_, terms) => {
    const network = new Network()
    const logs = { 1: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], 2: terms, 3: [] }
    for (const [id, log] of Object.entries(logs)) {
      const { disk } = memberWith(log, 3)
      disk.hardState = { ...disk.hardState, term: Math.max(7, disk.hardState.term) }
      network.members.set(id, new Member(id, disk))
    }
    network.elect('1')
    expect(network.member('1').raw.status().role).toBe('leader')
    expect(termsOf(network.member('2'))).toEqual(termsOf(network.member('1')))
    const rejected = network
      .ofType('MsgAppResp')
      .filter(({ reject, from }) => reject && from === '2')
    // Fast back-up: one probe per term that differs, not one per entry.
    expect(rejected.length).toBeLessThanOrEqual(2)
  })
})

describe('safety (§5.4)', () => {
  test.each([
    [[1], 1, 1, true],
    [[1], 2, 1, true],
    [[1, 1], 1, 1, false],
    [[1, 1], 1, 2, true],
    [[1, 2], 9, 1, false],
    [[2], 1, 1, false],
  ])('a voter with terms %j and a candidate that ends in %i/%i: %s (§5.4.1)', (...example) => {
    const [log, index, logTerm, granted] = example
    const member = memberWith(log)
    member.raw.step(voteRequest('2', 5, index, logTerm))
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', reject: !granted }])
  })

  test('a leader commits no entry of an earlier term by counting copies (§5.4.2, figure 8)', () => {
    const member = memberWith([1, 2], 5, {}, 1)
    member.raw.campaign()
    drain(member)
    for (const id of ['2', '3']) member.raw.step(grant(id, 3))
    drain(member)
    for (const id of ['2', '3', '4']) member.raw.step(accepted(id, 3, 2))
    expect(member.raw.committed).toBe(1)
    for (const id of ['2', '3']) member.raw.step(accepted(id, 3, 3))
    expect(member.raw.committed).toBe(3)
  })
})
