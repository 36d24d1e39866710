/** One test per sentence of Raft §7, and what follows from it for the shell around the core. */

import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import type { ConfState, Message, MsgSnap } from '../../src/raft/types.ts'
import { accepted, append, become, drain, entry, memberWith } from './paper-member.ts'
import { termsOf, voteRequest } from './paper-member.ts'
import { bytes, confStateOf, type Member } from './support/member.ts'

const three = confStateOf(['1', '2', '3'])

function snapshot(term: number, index: number, logTerm: number, confState = three): MsgSnap {
  return {
    type: 'MsgSnap',
    from: '2',
    to: '1',
    term,
    snapshot: { index, term: logTerm, confState },
  }
}

/** Steps it with the state, as the program does when all of it has come. */
function offer(member: Member, message: MsgSnap): void {
  member.stage({ ...member.state, ...message.snapshot })
  member.raw.step(message)
}

/** Leads 1..3 in term 2, everything applied and compacted but the last `keep` entries. */
function compactedLeader(keep = 0): Member {
  const member = memberWith([1, 1, 1], 3, {}, 3)
  become('leader', member)
  member.raw.step(accepted('2', 2, 4))
  drain(member)
  member.checkpoint(keep)
  return member
}

/** 3 answers that it has nothing beyond `hint`. */
function rejectedAt(index: number, hint = 0): Message {
  const answer = { type: 'MsgAppResp', from: '3', to: '1', term: 2 } as const
  return { ...answer, index, reject: true, rejectHint: hint, logTerm: hint === 0 ? 0 : 1 }
}

function beat(commit: number, installing = false): Message {
  const head = { type: 'MsgHeartbeatResp', from: '3', to: '1', term: 2, round: 0 } as const
  return { ...head, commit, installing }
}

function stateOf(member: Member): string | undefined {
  return member.raw.status().progress.get('3')?.state
}

describe('a leader that has discarded the next entry to send (§7)', () => {
  test('sends a snapshot, and asks for it once', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
    expect(stateOf(member)).toBe('StateSnapshot')
    for (let tick = 0; tick < 200; tick++) {
      member.raw.tick()
      member.raw.step(beat(0))
      expect(member.raw.ready().snapshotsDue).toEqual([])
    }
    member.raw.propose(bytes('x'))
    expect(drain(member).filter(({ type, to }) => type === 'MsgApp' && to === '3')).toEqual([])
  })

  test('sends none to a follower that has not answered in this term yet', () => {
    const member = compactedLeader()
    for (let tick = 0; tick < 5; tick++) {
      member.raw.tick()
      expect(member.raw.ready().snapshotsDue).toEqual([])
    }
  })

  test('sends entries while it still has them', () => {
    const member = compactedLeader(2)
    member.raw.step(rejectedAt(3, 2))
    expect(drain(member)).toMatchObject([{ type: 'MsgApp', to: '3', index: 2, entries: [{}, {}] }])
  })

  test('goes on where the snapshot ends once the follower has it', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.reportSnapshot('3', true)
    member.raw.propose(bytes('x'))
    drain(member)
    member.raw.step(accepted('3', 2, 4))
    expect(stateOf(member)).toBe('StateReplicate')
    expect(drain(member)).toMatchObject([{ type: 'MsgApp', to: '3', index: 4, entries: [{}] }])
  })

  test('takes an answer that comes before the report', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.step(accepted('3', 2, 4))
    expect(stateOf(member)).toBe('StateReplicate')
    member.raw.reportSnapshot('3', true)
    member.raw.reportSnapshot('3', false)
    expect(stateOf(member)).toBe('StateReplicate')
  })

  test('tries again after a failure, when the follower answers a heartbeat', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.reportSnapshot('3', false)
    member.raw.propose(bytes('x'))
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.step(beat(0))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
  })

  test('tries again when nothing comes of it', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.reportSnapshot('3', true)
    const due: number[] = []
    for (let tick = 1; tick <= 60; tick++) {
      member.raw.tick()
      member.raw.step(beat(0))
      if (member.raw.ready().snapshotsDue.length > 0) due.push(tick)
    }
    expect(due).toEqual([50])
  })

  test('waits as long as the follower says that it is still at it', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.reportSnapshot('3', true)
    const due: number[] = []
    for (let tick = 1; tick <= 260; tick++) {
      member.raw.tick()
      member.raw.step(beat(0, tick <= 200))
      if (member.raw.ready().snapshotsDue.length > 0) due.push(tick)
    }
    expect(due).toEqual([250])
  })

  test('sends none to a follower that is putting one in place, whoever sent that', () => {
    const member = compactedLeader()
    member.raw.step(beat(0, true))
    member.raw.step(rejectedAt(3))
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.step(beat(0, true))
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.step(beat(0))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
  })

  test('learns from a heartbeat’s answer that it was installed, but asks before it counts it', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    member.raw.reportSnapshot('3', true)
    member.raw.step(beat(4))
    expect(member.raw.status().progress.get('3')).toMatchObject({ state: 'StateProbe', match: 0 })
    expect(drain(member)).toMatchObject([{ type: 'MsgApp', to: '3', index: 4, entries: [] }])
    member.raw.step(beat(1000))
    expect(stateOf(member)).toBe('StateProbe')
  })

  test('sends another one when the log was compacted beyond the first meanwhile', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    for (const data of ['x', 'y']) member.raw.propose(bytes(data))
    drain(member)
    member.raw.step(accepted('2', 2, 6))
    drain(member)
    member.checkpoint()
    member.raw.step(accepted('3', 2, 4))
    expect(stateOf(member)).toBe('StateSnapshot')
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.reportSnapshot('3', true)
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
  })

  test('sends another one when the answer tells that the first is behind the log by now', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    drain(member)
    for (const data of ['x', 'y']) member.raw.propose(bytes(data))
    drain(member)
    member.raw.step(accepted('2', 2, 6))
    drain(member)
    member.checkpoint()
    member.raw.reportSnapshot('3', true)
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.step(accepted('3', 2, 4))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
    // Nothing has answered the second one yet.
    member.raw.reportSnapshot('3', true)
    expect(member.raw.ready().snapshotsDue).toEqual([])
  })

  test('takes neither a late answer nor an impossible one for the answer to it', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3, 2))
    member.raw.step(accepted('3', 2, 2))
    drain(member)
    member.raw.reportSnapshot('3', true)
    expect(stateOf(member)).toBe('StateSnapshot')
    member.raw.step(accepted('3', 2, 2))
    member.raw.step(beat(1000))
    expect(stateOf(member)).toBe('StateSnapshot')
    expect(member.raw.ready().snapshotsDue).toEqual([])
  })

  test('asks once, even if nobody has taken note yet when it starts over', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    member.raw.ready()
    member.raw.reportSnapshot('3', false)
    member.raw.step(beat(0))
    member.raw.reportSnapshot('3', false)
    member.raw.step(beat(0))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
  })

  test('sends none to a follower that went silent', () => {
    const member = memberWith([1, 1, 1], 3, { checkQuorum: true }, 3)
    become('leader', member)
    for (const id of ['2', '3']) member.raw.step(accepted(id, 2, 4))
    drain(member)
    member.raw.propose(bytes('x'))
    drain(member)
    member.raw.step(accepted('2', 2, 5))
    drain(member)
    member.checkpoint()
    for (let tick = 0; tick < 20; tick++) {
      member.raw.tick()
      member.raw.step({ ...beat(5), from: '2' })
    }
    drain(member)
    member.raw.reportUnreachable('3')
    member.raw.propose(bytes('y'))
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.step(beat(4))
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
  })

  test('forgets a member that was removed before anybody sent it anything', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    member.raw.applyConfChange({ steps: [{ type: 'remove', id: '3' }], transition: 'auto' })
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.reportSnapshot('3', false)
  })

  test('has nothing due when it does not lead any more', () => {
    const member = compactedLeader()
    member.raw.step(rejectedAt(3))
    member.raw.step(append(9, 4, 2))
    expect(member.raw.ready().snapshotsDue).toEqual([])
    member.raw.reportSnapshot('3', true)
  })
})

describe('a follower that is sent a snapshot (§7)', () => {
  test('replies to an older term without taking it', () => {
    const member = memberWith([1, 3])
    offer(member, snapshot(2, 9, 2))
    expect(member.raw.pendingSnapshot).toBeUndefined()
    expect(member.raw.ready().snapshot).toBeUndefined()
  })

  test('discards its whole log, which the snapshot supersedes', () => {
    const member = memberWith([1, 1, 1])
    offer(member, snapshot(5, 9, 4, confStateOf(['1', '2'], ['7'])))
    expect(member.raw.pendingSnapshot).toMatchObject({ index: 9, term: 4 })
    drain(member)
    expect(member.raw.ready().snapshot).toBeUndefined()
    member.finishInstall()
    expect(member.raw.pendingSnapshot).toBeUndefined()
    expect(member.raw.status()).toMatchObject({
      commit: 9,
      applied: 9,
      firstIndex: 10,
      lastIndex: 9,
      durable: 9,
      term: 5,
      leader: '2',
      voters: ['1', '2'],
      learners: ['7'],
    })
    expect(drain(member)).toMatchObject([{ type: 'MsgAppResp', to: '2', term: 5, index: 9 }])
    member.raw.step(append(5, 9, 4, [entry(10, 5)], 10))
    drain(member)
    expect(member.raw.status()).toMatchObject({ commit: 10, applied: 10 })
  })

  test('retains what follows when the snapshot describes a prefix of its log', () => {
    const member = memberWith([1, 1, 2, 2])
    offer(member, snapshot(3, 3, 2))
    expect(member.raw.pendingSnapshot).toBeUndefined()
    expect(termsOf(member)).toEqual([1, 1, 2, 2])
    expect(member.raw.committed).toBe(3)
    expect(drain(member)).toMatchObject([{ type: 'MsgAppResp', index: 3 }])
  })

  test('takes one whose last entry conflicts with its log, however long that is', () => {
    const member = memberWith([1, 1, 2, 2])
    offer(member, snapshot(4, 3, 3))
    expect(member.raw.pendingSnapshot).toMatchObject({ index: 3, term: 3 })
    drain(member)
    member.finishInstall()
    expect(member.raw.status()).toMatchObject({ lastIndex: 3, commit: 3 })
  })

  test('answers one that is behind its commit index with that', () => {
    const member = memberWith([1, 1, 1], 3, {}, 3)
    offer(member, snapshot(1, 2, 1))
    expect(member.raw.pendingSnapshot).toBeUndefined()
    expect(drain(member)).toMatchObject([{ type: 'MsgAppResp', index: 3 }])
  })

  test.each<[string, ConfState]>([
    ['of a cluster without it', confStateOf(['2', '3'])],
    ['without any voter', confStateOf([], ['1'])],
    ['whose configuration contradicts itself', { ...three, learners: ['1'] }],
  ])('ignores one %s', (_, confState) => {
    const member = memberWith([1])
    offer(member, snapshot(1, 9, 1, confState))
    expect(member.raw.pendingSnapshot).toBeUndefined()
  })

  test('ignores a second one until the first is installed (etcd 18055)', () => {
    const member = memberWith([1])
    offer(member, snapshot(1, 9, 1))
    offer(member, snapshot(1, 12, 1))
    expect(member.raw.pendingSnapshot?.index).toBe(9)
    drain(member)
    offer(member, snapshot(1, 13, 1))
    expect(member.raw.pendingSnapshot?.index).toBe(9)
    member.finishInstall()
    offer(member, snapshot(1, 13, 1))
    expect(member.raw.pendingSnapshot?.index).toBe(13)
  })

  test('puts it in place only when no append is in flight and none is due', () => {
    const member = memberWith([1])
    member.raw.step(append(1, 1, 1, [entry(2, 1)]))
    expect(member.takeReady().append).toBeDefined()
    member.raw.step(append(1, 2, 1, [entry(3, 1)]))
    offer(member, snapshot(1, 9, 1))
    expect(member.raw.hasReady()).toBe(false)
    member.finishAppend()
    const second = member.takeReady()
    expect(second.append?.entries).toHaveLength(1)
    expect(second.snapshot).toBeUndefined()
    member.finishAppend()
    const third = member.takeReady()
    expect(third.append).toBeUndefined()
    expect(third.snapshot?.index).toBe(9)
  })

  test('writes its term first', () => {
    const member = memberWith([1])
    offer(member, snapshot(7, 9, 6))
    const first = member.takeReady()
    expect(first.append).toEqual({ entries: [], hardState: { term: 7, vote: '', commit: 0 } })
    expect(first.snapshot).toBeUndefined()
    member.finishAppend()
    expect(member.takeReady().snapshot).toBeDefined()
  })

  test('puts it in place only when everything that was handed out is applied, and no more is', () => {
    const member = memberWith([1, 1, 1], 3, { maxCommittedBytesPerReady: 1 }, 3)
    const [first] = member.takeReadyUnapplied().committedEntries
    offer(member, snapshot(1, 9, 1))
    const meanwhile = member.takeReady()
    expect(meanwhile.snapshot).toBeUndefined()
    expect(meanwhile.committedEntries).toEqual([])
    expect(member.raw.hasReady()).toBe(false)
    if (first !== undefined) member.apply(first)
    const ready = member.takeReady()
    expect(ready.snapshot?.index).toBe(9)
    expect(ready.committedEntries).toEqual([])
  })

  test('takes no entries and starts no election from then on, but answers heartbeats', () => {
    const member = memberWith([1])
    member.raw.step(append(1, 1, 1))
    drain(member)
    offer(member, snapshot(1, 9, 1))
    member.raw.step(append(1, 1, 1, [entry(2, 1)], 2))
    const heartbeat = { type: 'MsgHeartbeat', from: '2', to: '1', term: 1, round: 4 } as const
    member.raw.step({ ...heartbeat, commit: 1 })
    member.raw.step({ type: 'MsgTimeoutNow', from: '2', to: '1', term: 1 })
    member.raw.campaign()
    for (let tick = 0; tick < 50; tick++) member.raw.tick()
    expect(drain(member)).toMatchObject([{ type: 'MsgHeartbeatResp', round: 4, commit: 0 }])
    expect(member.raw.status()).toMatchObject({ role: 'follower', lastIndex: 1, commit: 0 })
  })

  test('gives a vote meanwhile, which leaves when it is installed and the vote is durable', () => {
    const member = memberWith([1])
    offer(member, snapshot(1, 9, 1))
    drain(member)
    expect(member.installing).toBeDefined()
    member.raw.step(voteRequest('3', 2, 9, 1))
    const meanwhile = member.takeReady()
    expect(meanwhile.append).toBeUndefined()
    expect(meanwhile.messages).toEqual([])
    expect(member.raw.hasReady()).toBe(false)
    expect(member.raw.status()).toMatchObject({ term: 2, vote: '3' })
    member.finishInstall()
    const ready = member.takeReady()
    expect(ready.append).toEqual({ entries: [], hardState: { term: 2, vote: '3', commit: 9 } })
    expect(ready.messages).toEqual([])
    member.finishAppend()
    expect(drain(member)).toMatchObject([{ type: 'MsgVoteResp', to: '3', reject: false }])
  })

  test('tells the leader of the day that it is installed', () => {
    const member = memberWith([1])
    offer(member, snapshot(1, 9, 1))
    drain(member)
    member.raw.step({ ...append(2, 9, 1), from: '3' })
    member.finishInstall()
    expect(drain(member)).toMatchObject([{ type: 'MsgAppResp', to: '3', term: 2, index: 9 }])
  })

  test('reads that the leader answered meanwhile come out', () => {
    const member = memberWith([1])
    member.raw.step(append(1, 1, 1))
    drain(member)
    member.raw.readIndex('r')
    const [request] = drain(member)
    offer(member, snapshot(1, 9, 1))
    const context = request?.type === 'MsgReadIndex' ? request.context : ''
    const answer = { type: 'MsgReadIndexResp', from: '2', to: '1', term: 1 } as const
    member.raw.step({ ...answer, index: 9, context })
    expect(member.raw.ready().readStates).toEqual([{ index: 9, context: 'r' }])
  })

  test('to install what nobody handed out is a bug', () => {
    const member = memberWith([1])
    expect(() => member.raw.snapshotInstalled()).toThrow(AssertionError)
    offer(member, snapshot(1, 9, 1))
    expect(() => member.raw.snapshotInstalled()).toThrow(AssertionError)
  })

  test('a crash before the log follows the state begins with the old log or with none', () => {
    const member = memberWith([1, 1, 1])
    offer(member, snapshot(5, 9, 4))
    drain(member)
    member.switchState()
    member.restart()
    expect(member.raw.status()).toMatchObject({ term: 5, commit: 9, applied: 9, lastIndex: 9 })
  })
})
