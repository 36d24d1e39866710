import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import type { ConfChange, Message, MsgProp } from '../../src/raft/types.ts'
import { accepted, append, become, drain, grant, memberWith } from './paper-member.ts'
import { bytes, confStateOf, Disk, encodeConfChange, Member } from './support/member.ts'
import { seededRandom, simpleChange } from './support/member.ts'

const add: ConfChange = simpleChange('add-learner', '4')

/** Follows 2. */
function follower(options = {}): Member {
  const member = memberWith([1], 3, options)
  member.raw.step(append(1, 1, 1))
  drain(member)
  return member
}

/** Leads in term 2, everything committed. */
function leader(options = {}): Member {
  const member = memberWith([1], 3, options)
  become('leader', member)
  member.raw.step(accepted('2', 2, 2))
  drain(member)
  return member
}

function props(messages: readonly Message[]): MsgProp[] {
  return messages.filter((message): message is MsgProp => message.type === 'MsgProp')
}

function forwarded(forwardId: number, ...data: string[]): MsgProp {
  const entries = data.map((one) => ({ type: 'EntryNormal' as const, data: bytes(one) }))
  return { type: 'MsgProp', from: '2', to: '1', term: 0, forwardId, entries }
}

const change: MsgProp = {
  ...forwarded(7),
  entries: [{ type: 'EntryConfChange', data: encodeConfChange(add) }],
}

const refusal: Message = { type: 'MsgPropRefused', from: '1', to: '2', term: 0, forwardId: 7 }

describe('a follower that passes proposals on', () => {
  test('numbers the message that carries them, anew in every turn', () => {
    const { raw } = follower()
    expect(raw.propose(bytes('a'))).toEqual({ ok: true, forwardId: 1 })
    expect(raw.propose(bytes('b'))).toEqual({ ok: true, forwardId: 1 })
    expect(props(raw.ready().messages)).toMatchObject([{ forwardId: 1, entries: [{}, {}] }])
    expect(raw.propose(bytes('c'))).toEqual({ ok: true, forwardId: 2 })
  })

  test('sends a membership change in a message of its own, in order', () => {
    const { raw } = follower()
    raw.propose(bytes('a'))
    expect(raw.proposeConfChange(encodeConfChange(add))).toEqual({ ok: true, forwardId: 2 })
    expect(raw.propose(bytes('b'))).toEqual({ ok: true, forwardId: 3 })
    expect(raw.propose(bytes('c'))).toEqual({ ok: true, forwardId: 3 })
    expect(props(raw.ready().messages).map(({ entries }) => entries.length)).toEqual([1, 1, 2])
  })

  test('begins another message when one is full', () => {
    const { raw } = follower({ maxBytesPerMessage: 10 })
    const ids = ['aaaa', 'bbbb', 'cccc', 'd', 'this-one-is-larger', 'e'].map((data) => {
      const result = raw.propose(bytes(data))
      return result.ok ? result.forwardId : undefined
    })
    expect(ids).toEqual([1, 1, 2, 2, 3, 4])
  })

  test('numbers nothing as an earlier process of the same member did', () => {
    const ids = [1, 2].map((seed) =>
      follower({ random: seededRandom(seed) }).raw.propose(bytes('a')),
    )
    expect(ids[0]).not.toEqual(ids[1])
  })

  test('tells what the leader refused, in whatever role it is by then', () => {
    const { raw } = follower()
    raw.campaign()
    raw.step({ ...refusal, from: '2', to: '1', forwardId: 5 })
    expect(raw.hasReady()).toBe(true)
    expect(raw.ready().refusedProposals).toEqual([5])
    expect(raw.ready().refusedProposals).toEqual([])
  })

  test('keeps a message for the leader it knew, which refuses it if it leads no more', () => {
    const { raw } = follower()
    raw.propose(bytes('a'))
    raw.step({ ...append(2, 1, 1), from: '3' })
    expect(raw.propose(bytes('b'))).toEqual({ ok: true, forwardId: 2 })
    expect(props(raw.ready().messages)).toMatchObject([{ to: '2' }, { to: '3' }])
  })
})

describe('a member that is sent proposals', () => {
  test('takes them whole when it leads, and answers nothing', () => {
    const member = leader()
    member.raw.step(forwarded(7, 'a', 'b'))
    const ready = member.raw.ready()
    expect(ready.append?.entries).toHaveLength(2)
    expect(ready.messages.map(({ type }) => type)).not.toContain('MsgPropRefused')
  })

  test('refuses them when it does not lead, and passes nothing on', () => {
    const member = follower()
    member.raw.step({ ...forwarded(7, 'a'), from: '3' })
    expect(drain(member)).toEqual([{ ...refusal, to: '3' }])
    member.raw.campaign()
    drain(member)
    member.raw.step(forwarded(7, 'a'))
    expect(drain(member)).toEqual([refusal])
  })

  test('refuses them while it hands the leadership over', () => {
    const member = leader()
    member.raw.transferLeadership('3')
    member.raw.step(forwarded(7, 'a'))
    expect(drain(member)).toContainEqual(refusal)
    expect(member.raw.status().lastIndex).toBe(2)
  })

  test('refuses all of them when together they are too large', () => {
    const member = leader({ maxUncommittedBytes: 10 })
    member.raw.propose(bytes('12345'))
    member.raw.step(forwarded(7, '1234', '56'))
    expect(drain(member)).toContainEqual(refusal)
    expect(member.raw.status().lastIndex).toBe(3)
    member.raw.step(forwarded(8, '12', '345'))
    expect(member.raw.status().lastIndex).toBe(5)
  })

  test('refuses a membership change while another one is not applied', () => {
    const member = leader()
    member.raw.step(change)
    member.raw.step({ ...change, forwardId: 8 })
    expect(drain(member)).toContainEqual({ ...refusal, forwardId: 8 })
    expect(member.raw.status().lastIndex).toBe(3)
  })

  test('refuses to leave a joint configuration that is not', () => {
    const member = leader()
    member.raw.step({ ...change, entries: [{ type: 'EntryConfChange', data: new Uint8Array(0) }] })
    expect(drain(member)).toContainEqual(refusal)
    const left = member.raw.proposeConfChange(new Uint8Array(0))
    expect(left).toEqual({ ok: false, error: 'not-joint' })
  })

  test('refuses them when it leads but was removed', () => {
    const member = leader()
    member.raw.proposeConfChange(encodeConfChange(simpleChange('remove', '1')))
    drain(member)
    member.raw.step(accepted('2', 2, 3))
    drain(member)
    member.raw.step(forwarded(7, 'a'))
    expect(drain(member)).toContainEqual(refusal)
  })

  test('ignores a message that mixes a membership change with anything else', () => {
    const member = leader()
    const entries = [...change.entries, ...forwarded(7, 'a').entries]
    member.raw.step({ ...change, entries })
    member.raw.step({ ...change, entries: [] })
    expect(member.raw.status().lastIndex).toBe(2)
  })
})

describe('flow control', () => {
  test('after messages to a member were dropped it is probed, and nothing is sent ahead', () => {
    const member = leader()
    for (const data of ['a', 'b']) member.raw.propose(bytes(data))
    drain(member)
    expect(member.raw.status().progress.get('2')).toMatchObject({ inflight: 1, next: 5 })
    member.raw.reportUnreachable('2')
    member.raw.reportUnreachable('9')
    const after = { state: 'StateProbe', match: 2, next: 3, inflight: 0, inflightBytes: 0 }
    expect(member.raw.status().progress.get('2')).toMatchObject(after)
    member.raw.propose(bytes('c'))
    const sent = (): Message[] =>
      drain(member).filter(({ type, to }) => type === 'MsgApp' && to === '2')
    expect(sent()).toMatchObject([{ index: 2, entries: [{}, {}, {}] }])
    member.raw.propose(bytes('d'))
    expect(sent()).toEqual([])
  })

  test('as many entries go at once as the window has room for', () => {
    const member = leader({ maxInflightBytes: 100 })
    for (const id of ['2', '3']) member.raw.step(accepted(id, 2, 2))
    const counts = ['a', 'bcdef'].map((text) => {
      for (const data of text) member.raw.propose(bytes(data))
      return drain(member).map((message) => {
        return message.type === 'MsgApp' && message.to === '2' ? message.entries.length : 0
      })
    })
    expect(counts.map((lengths) => Math.max(...lengths))).toEqual([1, 3])
    expect(member.raw.status().progress.get('2')).toMatchObject({ inflightBytes: 100 })
  })

  test('a snapshot on its way is not given up for dropped messages', () => {
    const member = memberWith([1, 1, 1], 3, {}, 3)
    become('leader', member)
    member.raw.step(accepted('2', 2, 4))
    drain(member)
    member.checkpoint()
    const reject = { reject: true, rejectHint: 0, logTerm: 0 }
    member.raw.step({ type: 'MsgAppResp', from: '3', to: '1', term: 2, index: 3, ...reject })
    expect(member.raw.ready().snapshotsDue).toEqual(['3'])
    member.raw.reportUnreachable('3')
    expect(member.raw.status().progress.get('3')?.state).toBe('StateSnapshot')
  })
})

describe('the start-up shortcut', () => {
  test('counts ticks as passed, but never the last one', () => {
    const member = memberWith([1])
    member.raw.advanceTicks(1000)
    expect(member.raw.status().role).toBe('follower')
    member.raw.tick()
    expect(member.raw.status().role).toBe('candidate')
  })

  test('adds up with ticks that have passed', () => {
    const member = memberWith([1])
    for (let tick = 0; tick < 3; tick++) member.raw.tick()
    member.raw.advanceTicks(4)
    for (let tick = 0; tick < 2; tick++) member.raw.tick()
    expect(member.raw.status().role).toBe('follower')
    member.raw.tick()
    expect(member.raw.status().role).toBe('candidate')
  })

  test('does nothing once another member was heard of', () => {
    const member = memberWith([1])
    const vote = { type: 'MsgPreVote', from: '3', to: '1', term: 2, index: 0, logTerm: 0 } as const
    member.raw.step({ ...vote, transfer: false })
    member.raw.advanceTicks(9)
    member.raw.tick()
    expect(member.raw.status().role).toBe('follower')
  })

  test('does nothing to a candidate or a leader', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['1', '2', '3'])
    const member = new Member('1', disk)
    member.raw.campaign()
    member.raw.advanceTicks(9)
    member.raw.tick()
    expect(member.raw.status().term).toBe(1)
    expect(() => member.raw.advanceTicks(-1)).toThrow(AssertionError)
  })
})

describe('commit indexes that cannot be', () => {
  test('a heartbeat beyond the log commits nothing, and is answered', () => {
    const member = memberWith([1])
    member.raw.step({ type: 'MsgHeartbeat', from: '2', to: '1', term: 1, commit: 5, round: 1 })
    expect(member.raw.committed).toBe(0)
    expect(drain(member)).toMatchObject([{ type: 'MsgHeartbeatResp', commit: 0 }])
  })

  test('entries with a gap, a lower term or one beyond the message’s are not appended', () => {
    const entry = (index: number, term: number) => {
      return { index, term, type: 'EntryNormal' as const, data: bytes('') }
    }
    for (const entries of [
      [entry(3, 1)],
      [entry(2, 1), entry(4, 1)],
      [entry(2, 2), entry(3, 1)],
      [entry(2, 3)],
      [entry(2, Number.NaN)],
    ]) {
      const member = memberWith([1])
      member.raw.step(append(2, 1, 1, entries))
      expect(member.raw.status().lastIndex).toBe(1)
    }
  })

  test('a term that leaves no room to campaign is not taken', () => {
    const member = memberWith([1])
    member.raw.step(append(Number.MAX_SAFE_INTEGER, 1, 1))
    member.raw.step(grant('2', Number.MAX_SAFE_INTEGER))
    expect(member.raw.term).toBe(1)
  })
})
