import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { turns } from './support/doubles.ts'
import { NodeHarness, OTHERS, VOTER } from './support/raft-node.ts'

describe('group commit', () => {
  test('the proposals of one turn are one block, in order', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a', 'b', 'c')
    expect(harness.log.blocks).toEqual([])
    await turns(2)
    expect(harness.blockTexts).toEqual([['a', 'b', 'c']])
  })

  test('nothing is applied before its block is on disk', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a', 'b')
    await turns(10)
    expect(harness.committed).toEqual([])
    await harness.finishWrite()
    expect(harness.committedTexts).toEqual(['a', 'b'])
  })

  test('one write is in flight at most, and what comes meanwhile is the next block', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await turns(2)
    harness.propose('b')
    await turns(2)
    harness.propose('c')
    await turns(5)
    expect(harness.writesWaiting).toBe(1)
    expect(harness.blockTexts).toEqual([['a']])
    await harness.finishWrite()
    expect(harness.committedTexts).toEqual(['a'])
    expect(harness.blockTexts).toEqual([['a'], ['b', 'c']])
    await harness.finishWrite()
    expect(harness.committedTexts).toEqual(['a', 'b', 'c'])
  })

  test('what a write has committed is applied in the turn in which it ends', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await turns(2)
    void harness.finishWrite()
    for (let i = 0; i < 5; i++) await Promise.resolve()
    expect(harness.committedTexts).toEqual(['a'])
  })

  test('every entry is applied once and in order, however proposals and writes meet', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('propose', 'turn', 'write', 'tick', 'read'), { maxLength: 60 }),
        async (steps) => {
          const harness = await NodeHarness.leading()
          let proposed = 0
          for (const step of steps) {
            if (step === 'propose') harness.propose(String(proposed++))
            if (step === 'turn') await turns(1)
            if (step === 'write') await harness.finishWrite()
            if (step === 'tick') harness.node.tick()
            if (step === 'read') harness.node.readIndex(`r${proposed}`)
            expect(harness.writesWaiting).toBeLessThanOrEqual(1)
          }
          await harness.settle()
          const expected = Array.from({ length: proposed }, (_, i) => String(i))
          expect(harness.committedTexts).toEqual(expected)
          const indexes = harness.committed.map(({ index }) => index)
          expect(indexes).toEqual(indexes.map((_, i) => (indexes[0] ?? 0) + i))
          expect(harness.blockTexts.flat()).toEqual(expected)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('a turn', () => {
  test('asks what was gathered just before it takes the Ready', async () => {
    const harness = await NodeHarness.leading()
    harness.beforeReady = () => harness.node.readIndex('gathered')
    harness.node.schedule()
    await turns(2)
    expect(harness.events).toEqual(['read gathered at 1', 'advanced'])
  })

  test('hands out entries, then answers to reads, then says that it is done', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await turns(2)
    harness.beforeReady = () => harness.node.readIndex('r')
    harness.events.length = 0
    await harness.finishWrite()
    expect(harness.events).toEqual(['committed 2', 'read r at 2', 'advanced'])
  })

  test('takes no more entries than fit it, and another turn takes the rest', async () => {
    const harness = new NodeHarness(undefined, 0, 100)
    harness.node.campaign()
    await harness.settle()
    harness.events.length = 0
    harness.propose('a'.repeat(60), 'b'.repeat(60), 'c'.repeat(60))
    await harness.settle()
    expect(harness.events.filter((event) => event.startsWith('committed'))).toEqual([
      'committed 2',
      'committed 3',
      'committed 4',
    ])
  })

  test('without anything to do ends silently', async () => {
    const harness = await NodeHarness.leading()
    harness.node.schedule()
    harness.node.schedule()
    await turns(3)
    expect(harness.events).toEqual([])
  })
})

describe('leadership', () => {
  test('of a single voter comes with its vote on disk, and is told once', async () => {
    const harness = new NodeHarness()
    expect(harness.node).toMatchObject({ isLeader: false, leader: '', leaderChanges: 0 })
    harness.node.campaign()
    await turns(5)
    expect(harness.node.isLeader).toBe(false)
    await harness.settle()
    const leading = { isLeader: true, leader: VOTER, leaderChanges: 1, term: 1, committedIndex: 1 }
    expect(harness.node).toMatchObject(leading)
    const elected = `raft.node: ${VOTER} elected leader ${VOTER} at term 1`
    expect(harness.logger.messages.filter((message) => message === elected)).toHaveLength(1)
  })

  test('comes by ticks alone', async () => {
    const harness = new NodeHarness()
    for (let i = 0; i < 20; i++) harness.node.tick()
    await harness.settle()
    expect(harness.node.isLeader).toBe(true)
  })

  test('a proposal without a leader is refused', () => {
    const harness = new NodeHarness()
    expect(harness.node.propose('EntryNormal', Buffer.from('a'))).toMatchObject({ ok: false })
  })
})

describe('the disk', () => {
  test('the time of each synced write is told in seconds', async () => {
    const harness = await NodeHarness.leading()
    harness.synced.length = 0
    harness.propose('a')
    await turns(2)
    harness.clock.advance(250)
    await harness.finishWrite()
    expect(harness.synced).toEqual([0.25])
  })

  test('after a restart what was not applied is handed out again, once', async () => {
    const before = await NodeHarness.leading()
    before.propose('a', 'b', 'c')
    await before.settle()
    before.disk.crash()
    const after = new NodeHarness(before.disk, 2)
    after.node.campaign()
    await after.settle()
    expect(after.committedTexts).toEqual(['b', 'c', ''])
  })

  test('the log is forgotten in memory and on disk', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a', 'b', 'c')
    await harness.settle()
    await harness.node.compactLog(3)
    expect(harness.disk.state.compacted).toBe(3)
    expect(harness.disk.state.entries.map(({ index }) => index)).toEqual([4])
    expect(harness.raw.status().firstIndex).toBe(4)
    harness.propose('d')
    await harness.settle()
    expect(harness.committedTexts.at(-1)).toBe('d')
  })
})

describe('stopping', () => {
  test('waits for the write in flight and applies nothing more', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await turns(2)
    let stopped = false
    void harness.node.stop().then(() => (stopped = true))
    await turns(2)
    expect(stopped).toBe(false)
    await harness.finishWrite()
    expect(stopped).toBe(true)
    expect(harness.committed).toEqual([])
  })

  test('without a write ends at once, and the loop takes no more turns', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await harness.node.stop()
    await turns(5)
    expect(harness.log.blocks).toEqual([])
    harness.node.tick()
    await turns(5)
    expect(harness.events).toEqual([])
  })
})

const [SECOND, THIRD] = OTHERS

describe('a disk that stalls', () => {
  test('is one that has not completed a write for an election timeout', async () => {
    const harness = await NodeHarness.leading()
    harness.propose('a')
    await turns(2)
    harness.clock.advance(1000)
    expect(harness.node.isStalled).toBe(false)
    harness.clock.advance(1)
    expect(harness.node.isStalled).toBe(true)
    await harness.finishWrite()
    expect(harness.node.isStalled).toBe(false)
  })

  test('has the leader ask the voter with the longest log to take over, once', async () => {
    const harness = await NodeHarness.leadingOthers()
    harness.acknowledge(THIRD, 1)
    harness.propose('a')
    await turns(3)
    harness.acknowledge(SECOND, 2)
    await turns(3)
    harness.node.tick()
    expect(harness.raw.status().leadTransferee).toBe('')
    harness.clock.advance(1001)
    harness.node.tick()
    expect(harness.raw.status().leadTransferee).toBe(SECOND)
    await turns(3)
    expect(harness.events).toContain(`sent MsgTimeoutNow to ${SECOND}`)
    const count = harness.events.length
    harness.node.tick()
    await turns(3)
    const later = harness.events.slice(count)
    expect(later.filter((event) => event.includes('MsgTimeoutNow'))).toEqual([])
  })
})

describe('handing over', () => {
  test('is not possible without another voter that is heard of', async () => {
    const alone = await NodeHarness.leading()
    expect(alone.node.handOver('test')).toBe('alone')
    const silent = await NodeHarness.leadingOthers()
    expect(silent.node.handOver('test')).toBe('started')
    expect(silent.node.handOver('again')).toBe('not-yet')
  })
})

describe('a late tick', () => {
  test('is counted and told by a leader, from two heartbeats on', async () => {
    const harness = await NodeHarness.leading()
    harness.node.tick()
    harness.clock.advance(200)
    harness.node.tick()
    expect(harness.node.lateHeartbeats).toBe(0)
    harness.clock.advance(201)
    harness.node.tick()
    expect(harness.node.lateHeartbeats).toBe(1)
    const late = 'leader failed to send out heartbeats on time: the process was held up'
    expect(harness.logger.messages).toContain(late)
  })

  test("of a follower is nobody's business", () => {
    const harness = new NodeHarness()
    harness.node.tick()
    harness.clock.advance(5000)
    harness.node.tick()
    expect(harness.node.lateHeartbeats).toBe(0)
  })
})

describe('a state of another member', () => {
  const snapshot = (index: number): Parameters<NodeHarness['node']['offerSnapshot']>[0] => ({
    type: 'MsgSnap',
    from: SECOND,
    to: VOTER,
    term: 5,
    snapshot: {
      index,
      term: 5,
      confState: {
        voters: [VOTER, ...OTHERS],
        votersOutgoing: [],
        learners: [],
        learnersNext: [],
        autoLeave: false,
      },
    },
  })
  const follower = (): NodeHarness => new NodeHarness(undefined, 0, undefined, [VOTER, ...OTHERS])

  test('waits for the write in flight, and the log restarts only when it is in place', async () => {
    const harness = follower()
    const { disk, node } = harness
    const entries = [{ index: 1, term: 4, type: 'EntryNormal', data: Buffer.from('a') } as const]
    const fields = { from: SECOND, to: VOTER, term: 4, index: 0, logTerm: 0, commit: 0 }
    node.step({ type: 'MsgApp', ...fields, entries })
    await turns(3)
    expect(node.offerSnapshot(snapshot(10))).toBe(true)
    await turns(5)
    // The entry, and then the new term.
    expect(harness.events).not.toContain('snapshot at 10')
    await harness.settle()
    expect(harness.events).toContain('snapshot at 10')
    expect(node.isInstalling).toBe(true)
    expect(disk.state.compacted).toBe(0)
    harness.events.length = 0
    harness.putInPlace()
    await turns(3)
    expect(harness.events).toEqual([])
    await harness.finishWrite()
    expect(disk.state).toMatchObject({ compacted: 10, entries: [] })
    expect(harness.events.slice(0, 2)).toEqual(['installed', 'advanced'])
    expect(harness.events).toContain(`sent MsgAppResp to ${SECOND}`)
    expect(node).toMatchObject({ isInstalling: false, committedIndex: 10 })
  })

  test('that is not newer is not taken', async () => {
    const harness = follower()
    expect(harness.node.offerSnapshot(snapshot(10))).toBe(true)
    expect(harness.node.offerSnapshot(snapshot(20))).toBe(false)
    await harness.settle()
    harness.putInPlace()
    await harness.settle()
    expect(harness.node.offerSnapshot(snapshot(10))).toBe(false)
    expect(harness.node.offerSnapshot(snapshot(20))).toBe(true)
  })

  test('is put in place before the loop has stopped', async () => {
    const harness = follower()
    harness.node.offerSnapshot(snapshot(10))
    await harness.settle()
    let stopped = false
    void harness.node.stop().then(() => (stopped = true))
    await turns(3)
    expect(stopped).toBe(false)
    harness.putInPlace()
    await harness.settle()
    expect(stopped).toBe(true)
    expect(harness.disk.state.compacted).toBe(10)
  })
})
