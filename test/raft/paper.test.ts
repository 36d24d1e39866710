/**
 * One test per sentence of the Raft paper (Ongaro and Ousterhout, extended version) and of
 * Ongaro's thesis that applies to a member, named with its section.
 */

import { describe, expect, test } from 'vitest'
import type { Entry, MemberId, Message, Role } from '../../src/raft/types.ts'
import { bytes, confStateOf, Disk, encodeConfChange, Member, text } from './support/member.ts'
import type { Options } from './support/member.ts'
import { Network } from './support/network.ts'

/** A member of 1..count whose log, already applied configuration included, has these terms. */
function memberWith(terms: number[], count = 3, options: Options = {}, commit = 0): Member {
  const disk = new Disk()
  const ids = Array.from({ length: count }, (_, at) => String(at + 1))
  disk.confState = confStateOf(ids)
  const entries = terms.map((term, at): Entry => {
    return { index: at + 1, term, type: 'EntryNormal', data: bytes(`${at + 1}`) }
  })
  disk.write({ entries, hardState: { term: terms.at(-1) ?? 0, vote: '', commit } })
  return new Member('1', disk, options)
}

/** Everything the member wants to send, writes finished. */
function drain(member: Member): Message[] {
  const messages: Message[] = []
  while (member.raw.hasReady() || member.writing !== undefined) {
    messages.push(...member.takeReady().messages)
    if (member.writing !== undefined) member.finishAppend()
  }
  return messages
}

function voteRequest(from: MemberId, term: number, index: number, logTerm: number): Message {
  return { type: 'MsgVote', from, to: '1', term, index, logTerm }
}

function grant(from: MemberId, term: number, reject = false): Message {
  return { type: 'MsgVoteResp', from, to: '1', term, reject }
}

function append(
  term: number,
  index: number,
  logTerm: number,
  entries: readonly Entry[] = [],
  commit = 0,
): Message {
  return { type: 'MsgApp', from: '2', to: '1', term, index, logTerm, entries, commit }
}

function accepted(from: MemberId, term: number, index: number): Message {
  return {
    type: 'MsgAppResp',
    from,
    to: '1',
    term,
    index,
    reject: false,
    rejectHint: 0,
    logTerm: 0,
  }
}

function entry(index: number, term: number): Entry {
  return { index, term, type: 'EntryNormal', data: bytes(`${index}`) }
}

function termsOf(member: Member): (number | undefined)[] {
  const { lastIndex } = member.raw.status()
  return Array.from({ length: lastIndex }, (_, at) => member.raw.entry(at + 1)?.term)
}

function become(role: Role, member: Member): void {
  if (role === 'follower') return
  member.raw.campaign()
  drain(member)
  if (role !== 'leader') return
  member.raw.step(grant('2', member.raw.term))
  drain(member)
}

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
    expect(drain(member)).toEqual([
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

describe('membership (thesis §4)', () => {
  test('a member that is not a voter never campaigns', () => {
    const disk = new Disk()
    const member = new Member('1', disk)
    for (let tick = 0; tick < 50; tick++) member.raw.tick()
    member.raw.campaign()
    expect(member.raw.status().role).toBe('follower')
  })

  test('a configuration is in force once its entry is applied, and one at a time (§4.1)', () => {
    const network = Network.of(3)
    network.elect('1')
    const leader = network.member('1')
    expect(leader.raw.proposeConfChange(encodeConfChange({ type: 'remove', id: '3' })).ok).toBe(
      true,
    )
    expect(leader.raw.status().voters).toEqual(['1', '2', '3'])
    const second = leader.raw.proposeConfChange(encodeConfChange({ type: 'remove', id: '2' }))
    expect(second).toEqual({ ok: false, error: 'pending-conf-change' })
    network.run()
    expect(leader.raw.status().voters).toEqual(['1', '2'])
    expect(leader.raw.proposeConfChange(encodeConfChange({ type: 'add', id: '4' })).ok).toBe(true)
  })

  test('no membership change before an entry of the leader’s term is committed', () => {
    const member = memberWith([1])
    become('leader', member)
    const change = encodeConfChange({ type: 'add', id: '4' })
    expect(member.raw.proposeConfChange(change)).toEqual({
      ok: false,
      error: 'pending-conf-change',
    })
    member.raw.step(accepted('2', 2, 2))
    drain(member)
    expect(member.raw.proposeConfChange(change)).toEqual({ ok: true, index: 3 })
  })

  test('a new voter is brought up to date from the first entry', () => {
    const network = Network.of(1)
    network.elect('1')
    network.members.set('2', new Member('2', new Disk()))
    network.member('1').raw.proposeConfChange(encodeConfChange({ type: 'add', id: '2' }))
    network.run()
    network.member('1').raw.propose(bytes('x'))
    network.run()
    expect(
      network
        .member('2')
        .applied.map(({ data }) => text(data))
        .at(-1),
    ).toBe('x')
  })

  test('a follower that hears its leader ignores candidates (§4.2.3)', () => {
    const member = memberWith([1], 3, { checkQuorum: true })
    member.raw.step(append(1, 1, 1))
    drain(member)
    member.raw.step(voteRequest('3', 9, 9, 9))
    expect(member.raw.term).toBe(1)
    expect(drain(member)).toEqual([])
    for (let tick = 0; tick < 10; tick++) member.raw.tick()
    member.raw.step(voteRequest('3', 9, 9, 9))
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', reject: false }])
  })
})

describe('pre-votes (thesis §9.6)', () => {
  test('a pre-candidate keeps its term and vote until a majority would vote for it', () => {
    const member = memberWith([1], 3, { preVote: true })
    member.raw.campaign()
    expect(drain(member)).toMatchObject([
      { type: 'MsgPreVote', to: '2', term: 2 },
      { type: 'MsgPreVote', to: '3', term: 2 },
    ])
    expect(member.raw.status()).toMatchObject({ role: 'pre-candidate', term: 1, vote: '' })
    member.raw.step({ type: 'MsgPreVoteResp', from: '3', to: '1', term: 2, reject: false })
    expect(member.raw.status()).toMatchObject({ role: 'candidate', term: 2, vote: '1' })
  })

  test('a granted pre-vote changes nothing in the one who grants it', () => {
    const member = memberWith([1], 3, { preVote: true })
    member.raw.step({ type: 'MsgPreVote', from: '2', to: '1', term: 5, index: 1, logTerm: 1 })
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVoteResp', term: 5, reject: false }])
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 1, vote: '' })
  })

  test('votes of an earlier attempt do not count in the next (raft-rs 83)', () => {
    const member = memberWith([1], 5, { preVote: true })
    const yes = { type: 'MsgPreVoteResp', to: '1', term: 2, reject: false } as const
    member.raw.campaign()
    member.raw.step({ ...yes, from: '2' })
    member.raw.campaign()
    member.raw.step({ ...yes, from: '3' })
    expect(member.raw.status().role).toBe('pre-candidate')
  })

  test('a pre-candidate of a lower term learns the term from the refusal', () => {
    const member = memberWith([1, 5], 3, { preVote: true })
    member.raw.step({ type: 'MsgPreVote', from: '2', to: '1', term: 3, index: 9, logTerm: 2 })
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVoteResp', term: 5, reject: true }])
  })
})
