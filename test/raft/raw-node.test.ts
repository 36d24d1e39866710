import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import type { Entry, Message } from '../../src/raft/types.ts'
import { bytes, confStateOf, Disk, Member, seededRandom, text } from './support/member.ts'
import type { Options } from './support/member.ts'
import { Network } from './support/network.ts'

/** A single voter that leads, everything applied. */
function single(options: Options = {}): Member {
  const network = Network.of(1, options)
  network.elect('1')
  return network.member('1')
}

function threeWithLeader(options: Options = {}): Network {
  const network = Network.of(3, options)
  network.elect('1')
  return network
}

function appendOf(term: number, prev: [number, number], added: [number, number][]): Message {
  const entries = added.map(([index, entryTerm]): Entry => {
    return { index, term: entryTerm, type: 'EntryNormal', data: bytes(`${index}/${entryTerm}`) }
  })
  const [index, logTerm] = prev
  return { type: 'MsgApp', from: '2', to: '1', term, index, logTerm, entries, commit: 0 }
}

function follower(options: Options = {}): Member {
  const disk = new Disk()
  disk.confState = confStateOf(['1', '2', '3'])
  return new Member('1', disk, options)
}

describe('what waits for the disk', () => {
  test('one append is in flight at most; what comes meanwhile goes into the next one', () => {
    const { raw } = single()
    raw.propose(bytes('a'))
    expect(raw.ready().append?.entries).toHaveLength(1)
    raw.propose(bytes('b'))
    raw.propose(bytes('c'))
    const meanwhile = raw.ready()
    expect(meanwhile.append).toBeUndefined()
    expect(meanwhile.committedEntries).toEqual([])
    expect(raw.hasReady()).toBe(false)
    raw.appended()
    const next = raw.ready()
    expect(next.committedEntries.map(({ data }) => text(data))).toEqual(['a'])
    expect(next.append?.entries.map(({ data }) => text(data))).toEqual(['b', 'c'])
  })

  test('appended() without an append in flight is a bug', () => {
    expect(() => single().raw.appended()).toThrow(AssertionError)
  })

  test('an answer waits for the append that holds its entries, not for an earlier one', () => {
    const { raw } = follower()
    raw.step(appendOf(1, [0, 0], [[1, 1]]))
    expect(raw.ready().messages).toEqual([])
    raw.step(appendOf(1, [1, 1], [[2, 1]]))
    raw.appended()
    const ready = raw.ready()
    expect(ready.messages).toMatchObject([{ type: 'MsgAppResp', index: 1 }])
    expect(ready.append?.entries).toHaveLength(1)
    raw.appended()
    expect(raw.ready().messages).toMatchObject([{ type: 'MsgAppResp', index: 2 }])
  })

  test('a heartbeat is answered while an append is in flight', () => {
    const { raw } = follower()
    raw.step(appendOf(1, [0, 0], [[1, 1]]))
    raw.ready()
    raw.step({ type: 'MsgHeartbeat', from: '2', to: '1', term: 1, commit: 0, round: 3 })
    expect(raw.ready().messages).toMatchObject([{ type: 'MsgHeartbeatResp', round: 3 }])
  })

  test('an answer of an earlier term never leaves', () => {
    const { raw } = follower()
    raw.step(appendOf(1, [0, 0], [[1, 1]]))
    raw.ready()
    raw.step({
      type: 'MsgVote',
      from: '3',
      to: '1',
      term: 2,
      index: 1,
      logTerm: 1,
      transfer: false,
    })
    raw.appended()
    const ready = raw.ready()
    expect(ready.messages).toEqual([])
    expect(ready.append?.hardState).toEqual({ term: 2, vote: '3', commit: 0 })
    raw.appended()
    expect(raw.ready().messages).toMatchObject([{ type: 'MsgVoteResp', term: 2 }])
  })

  test('a write of entries that were replaced and brought back does not count (ABA)', () => {
    const { raw } = follower()
    raw.step(appendOf(1, [0, 0], [[1, 1]]))
    raw.ready()
    raw.step(appendOf(2, [0, 0], [[1, 2]]))
    raw.step(appendOf(3, [0, 0], [[1, 3]]))
    raw.appended()
    expect(raw.status().durable).toBe(0)
    const ready = raw.ready()
    expect(ready.messages).toEqual([])
    expect(ready.append?.entries).toMatchObject([{ index: 1, term: 3 }])
    raw.appended()
    expect(raw.ready().messages).toMatchObject([{ type: 'MsgAppResp', term: 3, index: 1 }])
  })

  test('a single voter leads only once its vote is durable', () => {
    const network = Network.of(1)
    const { raw } = network.member('1')
    raw.campaign()
    expect(raw.ready().append?.hardState).toMatchObject({ term: 2, vote: '1' })
    expect(raw.status().role).toBe('candidate')
    raw.appended()
    expect(raw.status().role).toBe('leader')
  })

  test('a new commit index alone is not written; it rides with the next append', () => {
    const { raw } = single()
    raw.propose(bytes('a'))
    raw.ready()
    raw.appended()
    const ready = raw.ready()
    expect(ready.committedEntries).toHaveLength(1)
    expect(ready.append).toBeUndefined()
    raw.applied(raw.committed)
    expect(raw.hasReady()).toBe(false)
    raw.propose(bytes('b'))
    expect(raw.ready().append?.hardState?.commit).toBe(raw.committed)
  })

  test('what the checkpoint has applied counts as committed after a restart', () => {
    const member = single()
    member.raw.propose(bytes('a'))
    while (member.raw.hasReady() || member.writing !== undefined) {
      member.takeReady()
      if (member.writing !== undefined) member.finishAppend()
    }
    member.checkpoint()
    expect(member.disk.hardState.commit).toBeLessThan(member.disk.applied)
    member.restart()
    expect(member.raw.status()).toMatchObject({ commit: 3, applied: 3, voters: ['1'] })
    expect(member.raw.hasReady()).toBe(false)
  })
})

describe('proposals', () => {
  test('a follower passes the proposals of one turn on in one message', () => {
    const network = threeWithLeader()
    const { raw } = network.member('2')
    expect(raw.propose(bytes('a'))).toEqual({ ok: true, forwardId: 1 })
    expect(raw.propose(bytes('b'))).toEqual({ ok: true, forwardId: 1 })
    const { messages } = raw.ready()
    expect(messages).toMatchObject([{ type: 'MsgProp', to: '1', entries: [{}, {}] }])
    raw.propose(bytes('c'))
    expect(messages).toMatchObject([{ entries: [{}, {}] }])
    network.send(messages)
    network.run()
    const applied = network.member('3').applied.slice(-3)
    expect(applied.map(({ data }) => text(data))).toEqual(['a', 'b', 'c'])
  })

  test('without a leader a proposal is refused', () => {
    const network = Network.of(3)
    expect(network.member('1').raw.propose(bytes('a'))).toEqual({ ok: false, error: 'no-leader' })
    network.member('1').raw.campaign()
    expect(network.member('1').raw.propose(bytes('a'))).toEqual({ ok: false, error: 'no-leader' })
  })

  test('a leader refuses more uncommitted payload than the limit, until some is committed', () => {
    const network = threeWithLeader({ maxUncommittedBytes: 10 })
    const { raw } = network.member('1')
    // One that is larger than the limit passes when nothing waits; an empty one always does.
    expect(raw.propose(new Uint8Array(20)).ok).toBe(true)
    expect(raw.propose(bytes('x'))).toEqual({ ok: false, error: 'uncommitted-size' })
    expect(raw.propose(bytes('')).ok).toBe(true)
    network.run()
    expect(raw.propose(new Uint8Array(10)).ok).toBe(true)
    expect(raw.propose(bytes('x')).ok).toBe(false)
  })

  test('a leader counts what it inherits as uncommitted', () => {
    const disk = new Disk()
    disk.confState = confStateOf(['1'])
    const data = new Uint8Array(8)
    disk.write({
      entries: [{ index: 1, term: 1, type: 'EntryNormal', data }],
      hardState: { term: 1, vote: '', commit: 0 },
    })
    const { raw } = new Member('1', disk, { maxUncommittedBytes: 10 })
    raw.campaign()
    raw.ready()
    raw.appended()
    expect(raw.propose(new Uint8Array(5))).toEqual({ ok: false, error: 'uncommitted-size' })
  })

  test('the proposals of one turn reach a follower in messages of bounded size', () => {
    const network = threeWithLeader({ maxBytesPerMessage: 1000 })
    const { raw } = network.member('1')
    for (let at = 0; at < 10; at++) raw.propose(new Uint8Array(200))
    const { messages } = raw.ready()
    const toSecond = messages.filter((message) => message.type === 'MsgApp' && message.to === '2')
    expect(toSecond.map((message) => message.type === 'MsgApp' && message.entries.length)).toEqual([
      4, 4, 2,
    ])
  })

  test('entries to apply come in Readys of bounded size, without waiting for applied()', () => {
    const { raw } = single({ maxCommittedBytesPerReady: 500 })
    for (let at = 0; at < 5; at++) raw.propose(new Uint8Array(200))
    raw.ready()
    raw.appended()
    const counts: number[] = []
    while (raw.hasReady()) counts.push(raw.ready().committedEntries.length)
    expect(counts).toEqual([2, 2, 1])
    raw.applied(raw.committed)
    expect(() => raw.applied(raw.committed + 1)).toThrow(AssertionError)
  })
})

describe('reads', () => {
  test('lost requests of a follower are given up and asked anew under another id', () => {
    const network = threeWithLeader()
    const { raw } = network.member('2')
    raw.readIndex('a')
    const [first] = raw.ready().messages
    for (let tick = 0; tick < 12; tick++) {
      raw.tick()
      raw.step({ type: 'MsgHeartbeat', from: '1', to: '2', term: 2, commit: 0, round: 0 })
    }
    raw.readIndex('a')
    const second = raw.ready().messages.find(({ type }) => type === 'MsgReadIndex')
    expect(first?.type === 'MsgReadIndex' && second?.type === 'MsgReadIndex').toBe(true)
    const contextOf = (message: Message | undefined): string =>
      message?.type === 'MsgReadIndex' ? message.context : ''
    expect(contextOf(second)).not.toBe(contextOf(first))
    const answer = { type: 'MsgReadIndexResp', from: '1', to: '2', term: 2, index: 4 } as const
    raw.step({ ...answer, context: contextOf(first) })
    expect(raw.ready().readStates).toEqual([])
    raw.step({ ...answer, context: contextOf(second) })
    expect(raw.ready().readStates).toEqual([{ index: 4, context: 'a' }])
  })

  test('two processes of one member never share the id of an attempt', () => {
    const network = threeWithLeader()
    const ids = [1, 2].map((seed) => {
      const { raw } = new Member('2', network.member('2').disk, { random: seededRandom(seed) })
      raw.ready()
      raw.step({ type: 'MsgHeartbeat', from: '1', to: '2', term: 2, commit: 0, round: 0 })
      raw.readIndex('a')
      const found = raw.ready().messages.find(({ type }) => type === 'MsgReadIndex')
      return found?.type === 'MsgReadIndex' ? found.context : ''
    })
    expect(ids[0]).not.toBe(ids[1])
  })

  test('a leader that lost its majority answers no read', () => {
    const network = threeWithLeader()
    network.isolate('1')
    network.member('1').raw.readIndex('a')
    network.tick('1', 5)
    network.run()
    expect(network.reads).toEqual([])
  })

  test('answers of a minority of five confirm nothing', () => {
    const network = Network.of(5)
    network.elect('1')
    network.loses = ({ from, to }) => !['1', '2'].includes(from) || !['1', '2'].includes(to)
    network.member('1').raw.readIndex('a')
    network.run()
    expect(network.reads).toEqual([])
    network.heal()
    network.tick('1')
    network.run()
    expect(network.reads).toEqual([{ member: '1', read: { index: 6, context: 'a' } }])
  })
})

describe('messages and logs out of the ordinary', () => {
  test('a message for another member is ignored', () => {
    const { raw } = follower()
    raw.step({ ...appendOf(9, [0, 0], []), to: '3' })
    expect(raw.status().term).toBe(0)
  })

  test('answers of strangers do not count', () => {
    const network = threeWithLeader()
    network.loses = () => true
    const { raw } = network.member('1')
    const { index } = raw.propose(bytes('a')) as { index: number }
    const answer = { type: 'MsgAppResp', to: '1', term: 2, index, reject: false } as const
    raw.step({ ...answer, from: '7', rejectHint: 0, logTerm: 0 })
    raw.step({ ...answer, from: '8', rejectHint: 0, logTerm: 0 })
    expect(raw.committed).toBe(index - 1)
  })

  test('the answer to a message of an earlier term does not start the log anew', () => {
    const network = Network.of(3)
    network.isolate('3')
    network.elect('1')
    const { raw } = network.member('1')
    const before = raw.status().progress.get('3')
    expect(before).toMatchObject({ state: 'StateProbe', match: 0, next: 4 })
    const head = { type: 'MsgAppResp', from: '3', to: '1', term: 2 } as const
    raw.step({ ...head, index: 0, reject: false, rejectHint: 0, logTerm: 0 })
    expect(raw.status().progress.get('3')).toMatchObject({ state: 'StateProbe', next: 4 })
  })

  test('compaction keeps what is not applied, and the log goes on behind it', () => {
    const network = threeWithLeader()
    for (let at = 0; at < 10; at++) network.member('1').raw.propose(bytes('x'))
    network.run()
    const { raw } = network.member('1')
    expect(() => raw.compactLog(raw.committed + 1)).toThrow(AssertionError)
    raw.compactLog(raw.committed - 1)
    expect(raw.status().firstIndex).toBe(raw.committed)
    raw.propose(bytes('y'))
    network.run()
    expect(network.member('3').applied.at(-1)?.data).toEqual(bytes('y'))
  })

  test('a follower that needs a snapshot is left alone until it has come; the others go on', () => {
    const network = threeWithLeader()
    network.sendsSnapshots = false
    network.isolate('3')
    for (let at = 0; at < 10; at++) network.member('1').raw.propose(bytes('x'))
    network.run()
    network.member('1').checkpoint()
    network.heal()
    for (let at = 0; at < 5; at++) {
      network.tick('1')
      network.run()
    }
    network.member('1').raw.propose(bytes('y'))
    network.run()
    expect(network.member('2').applied.at(-1)?.data).toEqual(bytes('y'))
    expect(network.member('3').raw.committed).toBe(4)
  })

  test('an initial state that contradicts itself is refused', () => {
    const disk = new Disk()
    disk.bootstrap(['1'])
    disk.hardState = { ...disk.hardState, commit: 5 }
    expect(() => new Member('1', disk)).toThrow(AssertionError)
  })
})
