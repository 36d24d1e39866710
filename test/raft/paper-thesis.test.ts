/**
 * One test per sentence of Ongaro's thesis, "Consensus: Bridging Theory and Practice", that goes
 * beyond the Raft paper and applies to a member, named with its section.
 */

import { describe, expect, test } from 'vitest'
import type { ConfChangeStep, MemberId, Message } from '../../src/raft/types.ts'
import { accepted, append, become, drain, grant } from './paper-member.ts'
import { memberWith, voteRequest } from './paper-member.ts'
import { bytes, confStateOf, Disk, encodeConfChange, Member } from './support/member.ts'
import { simpleChange, text, type Options } from './support/member.ts'
import { Network } from './support/network.ts'

function change(type: ConfChangeStep['type'], id: MemberId): Uint8Array {
  return encodeConfChange(simpleChange(type, id))
}

/** A member that leads 1..3, its first entry committed, and the configuration 1 2 3 and learner 4. */
function leader(options: Options = {}, learners: MemberId[] = []): Member {
  const disk = new Disk()
  disk.confState = confStateOf(['1', '2', '3'], learners)
  const member = new Member('1', disk, options)
  member.raw.campaign()
  drain(member)
  member.raw.step(grant('2', 1))
  drain(member)
  member.raw.step(accepted('2', 1, 1))
  drain(member)
  return member
}

/** The same in the joint configuration (1 4 5) and (1 2 3). */
function jointLeader(): Member {
  const disk = new Disk()
  disk.confState = { ...confStateOf(['1', '4', '5']), votersOutgoing: ['1', '2', '3'] }
  const member = new Member('1', disk)
  member.raw.campaign()
  drain(member)
  for (const id of ['2', '4']) member.raw.step(grant(id, 1))
  drain(member)
  return member
}

const preVote = { type: 'MsgPreVote', from: '2', to: '1', transfer: false } as const

describe('leadership transfer (thesis §3.10)', () => {
  const timeoutNow = { type: 'MsgTimeoutNow', from: '2', to: '1' } as const

  test('the leader stops accepting new client requests', () => {
    const { raw } = leader()
    expect(raw.transferLeadership('2')).toEqual({ ok: true })
    expect(raw.propose(bytes('x'))).toEqual({ ok: false, error: 'transferring' })
    expect(raw.proposeConfChange(change('remove', '3'))).toMatchObject({ error: 'transferring' })
    expect(raw.status().leadTransferee).toBe('2')
  })

  test('it updates the target’s log to match its own before it tells it to campaign', () => {
    const member = leader()
    member.raw.propose(bytes('x'))
    member.raw.transferLeadership('2')
    expect(drain(member).map(({ type }) => type)).not.toContain('MsgTimeoutNow')
    member.raw.step(accepted('3', 1, 2))
    expect(drain(member).map(({ type }) => type)).not.toContain('MsgTimeoutNow')
    member.raw.step(accepted('2', 1, 2))
    expect(drain(member)).toContainEqual({ type: 'MsgTimeoutNow', from: '1', to: '2', term: 1 })
  })

  test('a target whose log matches is told at once', () => {
    const member = leader()
    member.raw.transferLeadership('2')
    expect(drain(member)).toContainEqual({ type: 'MsgTimeoutNow', from: '1', to: '2', term: 1 })
  })

  test('the target starts an election at once, without a trial run', () => {
    const member = memberWith([1], 3, { preVote: true, checkQuorum: true })
    member.raw.step(append(1, 1, 1))
    drain(member)
    member.raw.step({ ...timeoutNow, term: 1 })
    expect(member.raw.status()).toMatchObject({ role: 'candidate', term: 2, vote: '1' })
    expect(drain(member)).toMatchObject([
      { type: 'MsgVote', to: '2', term: 2, transfer: true },
      { type: 'MsgVote', to: '3', term: 2, transfer: true },
    ])
  })

  test('no message of an earlier term, of a follower or to a learner starts one', () => {
    const member = memberWith([1], 3)
    member.raw.step(append(2, 1, 1))
    member.raw.step({ ...timeoutNow, term: 1 })
    member.raw.step({ ...timeoutNow, from: '3', term: 2 })
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 2 })
    const disk = new Disk()
    disk.confState = confStateOf(['2', '3'], ['1'])
    const learner = new Member('1', disk)
    learner.raw.step({ ...timeoutNow, term: 1 })
    expect(learner.raw.status()).toMatchObject({ role: 'follower', term: 1 })
    const stranger = new Member('1', new Disk())
    stranger.raw.step({ ...timeoutNow, term: 1 })
    expect(stranger.raw.status()).toMatchObject({ role: 'follower', term: 1 })
  })

  test('when it does not complete within an election timeout the leader resumes', () => {
    const member = leader()
    member.raw.transferLeadership('2')
    for (let tick = 0; tick < 9; tick++) member.raw.tick()
    expect(member.raw.propose(bytes('x')).ok).toBe(false)
    member.raw.tick()
    expect(member.raw.status()).toMatchObject({ role: 'leader', leadTransferee: '' })
    expect(member.raw.propose(bytes('x')).ok).toBe(true)
  })

  test('asking for the same target again does not prolong it; another target begins anew', () => {
    const { raw } = leader()
    raw.transferLeadership('2')
    for (let tick = 0; tick < 9; tick++) raw.tick()
    raw.transferLeadership('2')
    raw.tick()
    expect(raw.status().leadTransferee).toBe('')
    raw.transferLeadership('2')
    for (let tick = 0; tick < 9; tick++) raw.tick()
    raw.transferLeadership('3')
    for (let tick = 0; tick < 9; tick++) raw.tick()
    expect(raw.status().leadTransferee).toBe('3')
    raw.tick()
    expect(raw.status().leadTransferee).toBe('')
  })

  test('only another voter can be the target, and only a leader hands over', () => {
    const { raw } = leader({}, ['4'])
    expect(raw.transferLeadership('1')).toEqual({ ok: false, error: 'self' })
    expect(raw.transferLeadership('4')).toEqual({ ok: false, error: 'not-voter' })
    expect(raw.transferLeadership('9')).toEqual({ ok: false, error: 'not-voter' })
    const follower = memberWith([1])
    expect(follower.raw.transferLeadership('2')).toEqual({ ok: false, error: 'not-leader' })
  })

  test('the end of the leadership ends the transfer', () => {
    const { raw } = leader()
    raw.transferLeadership('2')
    raw.step(append(5, 1, 1))
    expect(raw.status()).toMatchObject({ role: 'follower', leadTransferee: '' })
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
    expect(leader.raw.proposeConfChange(change('remove', '3')).ok).toBe(true)
    expect(leader.raw.status().voters).toEqual(['1', '2', '3'])
    const second = leader.raw.proposeConfChange(change('remove', '2'))
    expect(second).toEqual({ ok: false, error: 'pending-conf-change' })
    network.run()
    expect(leader.raw.status().voters).toEqual(['1', '2'])
    expect(leader.raw.proposeConfChange(change('add-voter', '4')).ok).toBe(true)
  })

  test('no membership change before an entry of the leader’s term is committed', () => {
    const member = memberWith([1])
    become('leader', member)
    const data = change('add-voter', '4')
    expect(member.raw.proposeConfChange(data)).toEqual({
      ok: false,
      error: 'pending-conf-change',
    })
    member.raw.step(accepted('2', 2, 2))
    drain(member)
    expect(member.raw.proposeConfChange(data)).toEqual({ ok: true, index: 3 })
  })

  test('a new voter is brought up to date from the first entry', () => {
    const network = Network.of(1)
    network.elect('1')
    network.members.set('2', new Member('2', new Disk()))
    network.member('1').raw.proposeConfChange(change('add-voter', '2'))
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

  test('a learner gets entries and counts for nothing (§4.2.1)', () => {
    const member = leader({}, ['4'])
    member.raw.step(accepted('4', 1, 1))
    member.raw.propose(bytes('x'))
    expect(drain(member).map(({ type, to }) => [type, to])).toContainEqual(['MsgApp', '4'])
    member.raw.step(accepted('4', 1, 2))
    expect(member.raw.committed).toBe(1)
    expect(member.raw.status().progress.get('4')).toMatchObject({ match: 2, isLearner: true })
    member.raw.step(accepted('3', 1, 2))
    expect(member.raw.committed).toBe(2)
  })

  test('nobody asks a learner for its vote, and its vote does not count (§4.2.1)', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['1', '2', '3'], ['4'])
    const member = new Member('1', disk)
    member.raw.campaign()
    expect(drain(member).map(({ to }) => to)).toEqual(['2', '3'])
    member.raw.step(grant('4', 1))
    expect(member.raw.status().role).toBe('candidate')
  })

  test('a learner confirms no read and keeps no leader in office (§4.2.1, §6.2)', () => {
    const member = leader({ checkQuorum: true }, ['4'])
    member.raw.readIndex('r')
    drain(member)
    const head = { type: 'MsgHeartbeatResp', from: '4', to: '1', term: 1 } as const
    const answer = { ...head, commit: 0, installing: false }
    member.raw.step({ ...answer, round: 1 })
    expect(member.raw.ready().readStates).toEqual([])
    for (let tick = 0; tick < 20; tick++) {
      member.raw.tick()
      member.raw.step({ ...answer, round: 1 })
    }
    expect(member.raw.status().role).toBe('follower')
  })

  test('a learner votes when it is asked, and never campaigns (etcd PR 10998)', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['2', '3'], ['1'])
    const member = new Member('1', disk)
    for (let tick = 0; tick < 50; tick++) member.raw.tick()
    member.raw.campaign()
    expect(drain(member)).toEqual([])
    member.raw.step(voteRequest('2', 1, 1, 1))
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', to: '2', reject: false }])
  })

  test('a leader that is removed leads on without counting itself (§4.2.2)', () => {
    const member = leader()
    member.raw.proposeConfChange(change('remove', '1'))
    drain(member)
    member.raw.step(accepted('2', 1, 2))
    drain(member)
    expect(member.raw.status()).toMatchObject({ role: 'leader', voters: ['2', '3'] })
    expect(member.raw.propose(bytes('x'))).toEqual({ ok: false, error: 'removed' })
    const head = { type: 'MsgHeartbeatResp', to: '1', term: 1, round: 0 } as const
    const answer = { ...head, commit: 2, installing: false }
    member.raw.step({ ...answer, from: '2' })
    expect(member.raw.status().role).toBe('leader')
    member.raw.step({ ...answer, from: '3' })
    expect(member.raw.status().role).toBe('follower')
  })

  test('log entries go to all members of both configurations (§4.3)', () => {
    const member = jointLeader()
    const to = drain(member).filter(({ type }) => type === 'MsgApp')
    expect(to).toEqual([])
    expect([...member.raw.status().progress.keys()]).toEqual(['1', '2', '3', '4', '5'])
    for (const id of ['2', '3', '4', '5']) member.raw.step(accepted(id, 1, 1))
    drain(member)
    member.raw.propose(bytes('x'))
    const appends = drain(member).filter(({ type }) => type === 'MsgApp')
    expect(appends.map((message) => message.to)).toEqual(['2', '3', '4', '5'])
  })

  test('a member of either configuration may lead (§4.3)', () => {
    const disk = new Disk()
    disk.confState = { ...confStateOf(['4', '5', '6']), votersOutgoing: ['1', '2', '3'] }
    const member = new Member('1', disk)
    member.raw.campaign()
    drain(member)
    for (const id of ['2', '5', '6']) member.raw.step(grant(id, 1))
    expect(member.raw.status().role).toBe('leader')
  })

  test.each([
    [['2', '3'], false],
    [['4', '5'], false],
    [['2'], false],
    [['4'], false],
    [['2', '4'], true],
    [['3', '5'], true],
  ])('agreement needs both majorities: %j and the leader, %s (§4.3)', (ids, agreed) => {
    const member = jointLeader()
    for (const id of ids) member.raw.step(accepted(id, 1, 1))
    expect(member.raw.committed).toBe(agreed ? 1 : 0)

    const disk = new Disk()
    disk.confState = { ...confStateOf(['1', '4', '5']), votersOutgoing: ['1', '2', '3'] }
    const candidate = new Member('1', disk)
    candidate.raw.campaign()
    drain(candidate)
    for (const id of ids) candidate.raw.step(grant(id, 1))
    expect(candidate.raw.status().role).toBe(agreed ? 'leader' : 'candidate')
  })

  test('a read needs both majorities too (§4.3, §6.4)', () => {
    const member = jointLeader()
    for (const id of ['2', '4']) member.raw.step(accepted(id, 1, 1))
    drain(member)
    member.raw.readIndex('r')
    drain(member)
    const head = { type: 'MsgHeartbeatResp', to: '1', term: 1, round: 1 } as const
    const answer = { ...head, commit: 0, installing: false }
    for (const from of ['2', '3']) member.raw.step({ ...answer, from })
    expect(member.raw.ready().readStates).toEqual([])
    member.raw.step({ ...answer, from: '5' })
    expect(member.raw.ready().readStates).toEqual([{ index: 1, context: 'r' }])
  })

  test('one half that went silent deposes the leader (§4.3, §6.2)', () => {
    const disk = new Disk()
    disk.confState = { ...confStateOf(['1', '4', '5']), votersOutgoing: ['1', '2', '3'] }
    const member = new Member('1', disk, { checkQuorum: true })
    member.raw.campaign()
    drain(member)
    for (const id of ['2', '4']) member.raw.step(grant(id, 1))
    for (let tick = 0; tick < 20; tick++) {
      member.raw.tick()
      for (const from of ['4', '5']) member.raw.step(accepted(from, 1, 1))
    }
    expect(member.raw.status().role).not.toBe('leader')
  })

  test('once the joint configuration is applied the leader proposes to leave it, once (§4.3)', () => {
    const member = leader()
    const steps = [
      { type: 'remove', id: '3' },
      { type: 'add-voter', id: '4' },
    ] as const
    member.raw.proposeConfChange(encodeConfChange({ steps, transition: 'auto' }))
    drain(member)
    expect(member.raw.status().lastIndex).toBe(2)
    member.raw.step(accepted('2', 1, 2))
    drain(member)
    expect(member.raw.status()).toMatchObject({
      voters: ['1', '2', '4'],
      votersOutgoing: ['1', '2', '3'],
      lastIndex: 3,
    })
    expect(member.raw.entry(3)).toMatchObject({ type: 'EntryConfChange', data: { length: 0 } })
    for (let tick = 0; tick < 30; tick++) member.raw.tick()
    drain(member)
    expect(member.raw.status().lastIndex).toBe(3)
    const next = member.raw.proposeConfChange(change('add-learner', '5'))
    expect(next).toEqual({ ok: false, error: 'pending-conf-change' })
    member.raw.step(accepted('2', 1, 3))
    drain(member)
    expect(member.raw.status()).toMatchObject({ voters: ['1', '2', '4'], votersOutgoing: [] })
    expect(member.raw.proposeConfChange(change('add-learner', '5')).ok).toBe(true)
  })

  test('a change is applied when it is on disk that it is committed, so that it outlives a crash', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['1', '2'])
    const member = new Member('1', disk)
    member.raw.campaign()
    drain(member)
    member.raw.step(grant('2', 1))
    drain(member)
    member.raw.step(accepted('2', 1, 1))
    drain(member)
    member.raw.proposeConfChange(change('remove', '2'))
    drain(member)
    member.raw.step(accepted('2', 1, 2))
    expect(member.takeReady().committedEntries).toEqual([])
    expect(member.raw.status().voters).toEqual(['1', '2'])
    member.finishAppend()
    expect(member.takeReady().committedEntries).toMatchObject([{ index: 2 }])
    member.restart()
    drain(member)
    member.raw.campaign()
    drain(member)
    expect(member.raw.status()).toMatchObject({ role: 'leader', voters: ['1'] })
  })

  test('nothing comes between entering and leaving a joint configuration by itself', () => {
    const member = leader()
    const steps = [{ type: 'add-learner', id: '4' }] as const
    member.raw.proposeConfChange(encodeConfChange({ steps, transition: 'joint-implicit' }))
    drain(member)
    member.raw.step(accepted('2', 1, 2))
    member.takeReady()
    member.finishAppend()
    member.takeReady()
    expect(member.raw.status()).toMatchObject({ votersOutgoing: ['1', '2', '3'], lastIndex: 2 })
    const next = member.raw.proposeConfChange(change('remove', '3'))
    expect(next).toEqual({ ok: false, error: 'pending-conf-change' })
  })

  test('a new leader leaves a joint configuration only after an entry of its own (camunda 60086)', () => {
    const disk = new Disk()
    disk.confState = {
      ...confStateOf(['1', '2', '4']),
      votersOutgoing: ['1', '2', '3'],
      autoLeave: true,
    }
    const member = new Member('1', disk)
    member.raw.campaign()
    drain(member)
    member.raw.step(grant('2', 1))
    drain(member)
    expect(member.raw.status()).toMatchObject({ role: 'leader', lastIndex: 1 })
    member.raw.step(accepted('2', 1, 1))
    drain(member)
    expect(member.raw.entry(2)).toMatchObject({ type: 'EntryConfChange', data: { length: 0 } })
    expect(member.raw.status().lastIndex).toBe(2)
  })

  test('leaving waits while the leadership is being handed over', () => {
    const member = leader()
    const steps = [{ type: 'add-learner', id: '3' }] as const
    member.raw.proposeConfChange(encodeConfChange({ steps, transition: 'joint-implicit' }))
    drain(member)
    member.raw.transferLeadership('3')
    member.raw.step(accepted('2', 1, 2))
    drain(member)
    expect(member.raw.status()).toMatchObject({ lastIndex: 2, leadTransferee: '3' })
    for (let tick = 0; tick < 10; tick++) member.raw.tick()
    drain(member)
    expect(member.raw.status()).toMatchObject({ lastIndex: 3, leadTransferee: '' })
  })

  test('what a candidate of a transfer asks is answered although the leader is heard (§4.2.3)', () => {
    const member = memberWith([1], 3, { checkQuorum: true })
    member.raw.step(append(1, 1, 1))
    drain(member)
    member.raw.step({ ...voteRequest('3', 2, 1, 1), transfer: true } as Message)
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', term: 2, reject: false }])
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
    const answer = { reject: false, commit: 0, commitTerm: 0 }
    member.raw.step({ type: 'MsgPreVoteResp', from: '3', to: '1', term: 2, ...answer })
    expect(member.raw.status()).toMatchObject({ role: 'candidate', term: 2, vote: '1' })
  })

  test('who alone decides asks nobody', () => {
    const member = memberWith([1], 1, { preVote: true })
    member.raw.campaign()
    expect(member.raw.status()).toMatchObject({ role: 'candidate', term: 2 })
    const disk = new Disk()
    disk.confState = { ...confStateOf(['1']), votersOutgoing: ['1', '2'] }
    const joint = new Member('1', disk, { preVote: true })
    joint.raw.campaign()
    expect(drain(joint)).toMatchObject([{ type: 'MsgPreVote', to: '2' }])
  })

  test('a granted pre-vote changes nothing in the one who grants it', () => {
    const member = memberWith([1], 3, { preVote: true })
    member.raw.step({ ...preVote, term: 5, index: 1, logTerm: 1 })
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVoteResp', term: 5, reject: false }])
    expect(member.raw.status()).toMatchObject({ role: 'follower', term: 1, vote: '' })
  })

  test('votes of an earlier attempt do not count in the next (raft-rs 83)', () => {
    const member = memberWith([1], 5, { preVote: true })
    const granted = { reject: false, commit: 0, commitTerm: 0 }
    const yes = { type: 'MsgPreVoteResp', to: '1', term: 2, ...granted } as const
    member.raw.campaign()
    member.raw.step({ ...yes, from: '2' })
    member.raw.campaign()
    member.raw.step({ ...yes, from: '3' })
    expect(member.raw.status().role).toBe('pre-candidate')
  })

  test('a pre-candidate of a lower term learns the term from the refusal', () => {
    const member = memberWith([1, 5], 3, { preVote: true })
    member.raw.step({ ...preVote, term: 3, index: 9, logTerm: 2 })
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVoteResp', term: 5, reject: true }])
  })

  test('learns from a refusal what is committed, and that it alone decides now', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['1', '2'])
    const remove = encodeConfChange(simpleChange('remove', '2'))
    const left = { index: 1, term: 1, type: 'EntryConfChange', data: remove } as const
    disk.write({ entries: [left], hardState: { term: 1, vote: '', commit: 0 } })
    const member = new Member('1', disk, { preVote: true })
    member.raw.campaign()
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVote', to: '2', index: 1 }])
    const refusal = { type: 'MsgPreVoteResp', from: '2', to: '1', term: 1, reject: true } as const
    member.raw.step({ ...refusal, commit: 2, commitTerm: 1 })
    member.raw.step({ ...refusal, commit: 1, commitTerm: 9 })
    expect(member.raw.status().commit).toBe(0)
    member.raw.campaign()
    drain(member)
    member.raw.step({ ...refusal, commit: 1, commitTerm: 1 })
    expect(drain(member)).toEqual([])
    expect(member.raw.status()).toMatchObject({ role: 'follower', commit: 1, voters: ['1'] })
    member.raw.campaign()
    drain(member)
    expect(member.raw.status().role).toBe('leader')
  })

  test('a refusal tells what its sender knows to be committed', () => {
    const member = memberWith([1, 1, 2], 3, { preVote: true }, 2)
    member.raw.step({ ...preVote, term: 3, index: 1, logTerm: 1 })
    const told = { reject: true, commit: 2, commitTerm: 1 }
    expect(drain(member)).toMatchObject([{ type: 'MsgPreVoteResp', ...told }])
  })
})
