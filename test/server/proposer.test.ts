import { randomInt } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import type { ProposeError, ProposeResult } from '../../src/raft/proposals.ts'
import type { EntryType } from '../../src/raft/types.ts'
import { decodeConfChange, decodeInternalRequest } from '../../src/rpc/codec/quoratepb.ts'
import type { Outcome } from '../../src/server/apply-txn.ts'
import { firstRequestId, Proposer, type ProposalSink } from '../../src/server/proposer.ts'
import { isSettled, ManualClock } from './support/doubles.ts'
import { bytes, k, putRequest } from './support/requests.ts'

const MEMBER = '00000000000000a1'
const TIMEOUT_MS = 7000
const MAX_BYTES = 1000

class Sink implements ProposalSink {
  unwrittenBytes = 0
  readonly proposed: Uint8Array[] = []
  applyBacklog = 0
  error: ProposeError | undefined
  /** Set while another member leads: what the next proposals travel in. */
  forwardId: number | undefined

  propose(_type: EntryType, data: Uint8Array): ProposeResult {
    if (this.error !== undefined) return { ok: false, error: this.error }
    this.proposed.push(data)
    return this.forwardId === undefined ? { ok: true } : { ok: true, forwardId: this.forwardId }
  }

  id(i: number): number {
    return decodeInternalRequest(this.proposed[i] ?? new Uint8Array(0)).requestId
  }
}

function setUp(): { sink: Sink; clock: ManualClock; proposer: Proposer } {
  const sink = new Sink()
  const clock = new ManualClock()
  const proposer = new Proposer(sink, {
    memberId: MEMBER,
    clock,
    timeoutMs: TIMEOUT_MS,
    maxRequestBytes: MAX_BYTES,
    firstRequestId: 500,
    timeoutError: (startMs) => (startMs < 3000 ? 'timeout' : 'timeout-leader-fail'),
  })
  return { sink, clock, proposer }
}

function put(proposer: Proposer, value = 'v'): Promise<Outcome<object>> {
  const request = putRequest({ key: k('a'), value: bytes(value) })
  return proposer.propose({ case: 'put', value: request })
}

const outcome = (revision: number): Outcome<object> => ({ ok: true, revision, response: {} })
const failed = (error: string): object => ({ ok: false, error })

test('the request ids of two lives are apart, and safe integers, whatever the clock says', () => {
  const most = (bound: number): number => bound - 1
  expect(firstRequestId({ below: most })).toBe(2 ** 52)
  expect(firstRequestId({ below: () => 0 })).toBe(1)
  const firsts = Array.from({ length: 100 }, () => firstRequestId({ below: (n) => randomInt(n) }))
  firsts.sort((a, b) => a - b)
  for (const [i, first] of firsts.entries()) {
    if (i > 0) expect(first - firsts[i - 1]!).toBeGreaterThan(1000)
  }
})

describe('a proposal', () => {
  test('carries the request, its proposer and an id of its own', () => {
    const { sink, proposer } = setUp()
    void put(proposer)
    void put(proposer)
    expect(sink.proposed.map((data) => decodeInternalRequest(data))).toMatchObject([
      { requestId: 500, proposer: MEMBER, request: { case: 'put', value: { key: 'a' } } },
      { requestId: 501, proposer: MEMBER },
    ])
  })

  test('waits until its own entry is applied, and gets that outcome', async () => {
    const { sink, proposer } = setUp()
    const first = put(proposer)
    const second = put(proposer)
    proposer.onApplied({
      operation: 'put',
      proposer: MEMBER,
      requestId: sink.id(1),
      outcome: outcome(9),
    })
    expect(await second).toEqual(outcome(9))
    expect(await isSettled(first)).toBe(false)
    expect(proposer.pendingCount).toBe(1)
    const refusal = { ok: false as const, error: 'compacted' as const }
    proposer.onApplied({
      operation: 'put',
      proposer: MEMBER,
      requestId: sink.id(0),
      outcome: refusal,
    })
    expect(await first).toEqual(refusal)
    expect(proposer.pendingCount).toBe(0)
    expect(proposer.failedCount).toBe(0)
  })

  test('is not answered by another member’s entry, nor by one of an earlier run', async () => {
    const { sink, proposer } = setUp()
    const waiting = put(proposer)
    const other = '00000000000000b2'
    proposer.onApplied({
      operation: 'put',
      proposer: other,
      requestId: sink.id(0),
      outcome: outcome(1),
    })
    proposer.onApplied({ operation: 'put', proposer: MEMBER, requestId: 499, outcome: outcome(1) })
    expect(await isSettled(waiting)).toBe(false)
  })
})

describe('what is refused at once', () => {
  test('a request whose entry is larger than allowed; the limit itself is not', async () => {
    const { sink, proposer } = setUp()
    // The proposer's id is not in etcd's envelope, and so does not count.
    const limit = MAX_BYTES + 11
    void put(proposer)
    const overhead = (sink.proposed[0]?.length ?? 0) - 1
    // Two lengths inside the entry take a byte more each when the value is this long.
    void put(proposer, 'v'.repeat(limit - overhead - 2))
    const length = sink.proposed[1]?.length ?? 0
    expect(length).toBeLessThanOrEqual(limit)
    const missing = limit - length
    void put(proposer, 'v'.repeat(limit - overhead - 2 + missing))
    expect(sink.proposed[2]?.length).toBe(limit)
    const tooLarge = put(proposer, 'v'.repeat(limit - overhead - 1 + missing))
    expect(await tooLarge).toEqual(failed('request-too-large'))
    expect(sink.proposed).toHaveLength(3)
  })

  test('but nothing that the server itself has to say, however small the limit', () => {
    const { sink, proposer } = setUp()
    const clientUrls = ['u'.repeat(MAX_BYTES)]
    const value = { memberId: '0000000000000001', name: 'n', clientUrls }
    void proposer.propose({ case: 'memberAttributes', value }, 'upkeep')
    expect(sink.proposed).toHaveLength(1)
  })

  test('any request while more than 64 MiB wait for the state disk', async () => {
    const { sink, proposer } = setUp()
    sink.unwrittenBytes = 64 * 1024 * 1024
    void put(proposer)
    sink.unwrittenBytes++
    expect(await put(proposer)).toEqual(failed('too-many-requests'))
    expect(sink.proposed).toHaveLength(1)
  })

  test('any request while more than 5000 entries wait to be applied', async () => {
    const { sink, proposer } = setUp()
    sink.applyBacklog = 5000
    const accepted = put(proposer)
    sink.applyBacklog = 5001
    expect(await put(proposer)).toEqual(failed('too-many-requests'))
    expect(await isSettled(accepted)).toBe(false)
    expect(sink.proposed).toHaveLength(1)
  })

  test('a request for which the log of the leader has no room', async () => {
    const { sink, proposer } = setUp()
    sink.error = 'uncommitted-size'
    expect(await put(proposer)).toEqual(failed('too-many-requests'))
    expect(proposer.pendingCount).toBe(0)
    expect(proposer.failedCount).toBe(1)
  })

  test('any request while more than 64 MiB wait for a leader', async () => {
    const { sink, clock, proposer } = setUp()
    sink.error = 'no-leader'
    const value = { memberId: MEMBER, name: 'n', clientUrls: ['u'.repeat(64 * 1024 * 1024)] }
    const large = proposer.propose({ case: 'memberAttributes', value }, 'upkeep')
    expect(await put(proposer)).toEqual(failed('too-many-requests'))
    clock.advance(TIMEOUT_MS)
    proposer.expire()
    expect(await large).toEqual(failed('timeout'))
    void put(proposer)
    expect(proposer.pendingCount).toBe(1)
  })
})

describe('what is in no log', () => {
  test.each(['no-leader', 'transferring', 'pending-conf-change', 'removed'] as const)(
    'is held when it is refused with %s, and proposed once when it is taken',
    async (error) => {
      const { sink, proposer } = setUp()
      sink.error = error
      const waiting = put(proposer)
      proposer.offerHeld()
      expect(await isSettled(waiting)).toBe(false)
      sink.error = undefined
      proposer.offerHeld()
      proposer.offerHeld()
      expect(sink.proposed).toHaveLength(1)
      const requestId = sink.id(0)
      proposer.onApplied({ operation: 'put', proposer: MEMBER, requestId, outcome: outcome(2) })
      expect(await waiting).toEqual(outcome(2))
    },
  )

  test('keeps its order', () => {
    const { sink, proposer } = setUp()
    sink.error = 'no-leader'
    for (let i = 0; i < 3; i++) void put(proposer)
    sink.error = undefined
    proposer.offerHeld()
    expect([0, 1, 2].map((i) => sink.id(i))).toEqual([500, 501, 502])
  })

  test('is offered again when the leader has refused the message that carried it', async () => {
    const { sink, proposer } = setUp()
    sink.forwardId = 7
    const refused = [put(proposer), put(proposer)]
    sink.forwardId = 8
    const taken = put(proposer)
    proposer.onRefused([7])
    proposer.onRefused([7])
    proposer.offerHeld()
    expect(sink.proposed.map((_, i) => sink.id(i))).toEqual([500, 501, 502, 500, 501])
    for (const requestId of [500, 501, 502]) {
      proposer.onApplied({ operation: 'put', proposer: MEMBER, requestId, outcome: outcome(2) })
    }
    expect(await Promise.all([...refused, taken])).toEqual(Array(3).fill(outcome(2)))
  })

  test('is given up when its caller has gone', async () => {
    const { sink, proposer } = setUp()
    sink.error = 'no-leader'
    const caller = { cancelled: false }
    const request = putRequest({ key: k('a'), value: bytes('v') })
    const waiting = proposer.propose({ case: 'put', value: request }, 'client', caller)
    proposer.offerHeld()
    expect(await isSettled(waiting)).toBe(false)
    caller.cancelled = true
    sink.error = undefined
    proposer.offerHeld()
    expect(await waiting).toEqual(failed('timeout'))
    expect(sink.proposed).toEqual([])
    expect(proposer.pendingCount).toBe(0)
  })

  test('is forgotten when its time is over, whatever is refused later', async () => {
    const { sink, clock, proposer } = setUp()
    sink.forwardId = 7
    const waiting = put(proposer)
    clock.advance(TIMEOUT_MS)
    proposer.expire()
    expect(await waiting).toEqual(failed('timeout'))
    proposer.onRefused([7])
    proposer.offerHeld()
    expect(sink.proposed).toHaveLength(1)
  })
})

test('an installed state ends the upkeep that may be in it, and nothing else', async () => {
  const { sink, proposer } = setUp()
  const upkeep = (): Promise<Outcome<object>> =>
    proposer.propose({ case: 'clusterVersion', value: { version: '3.6.0' } }, 'upkeep')
  const [proposed, client] = [upkeep(), put(proposer)]
  sink.error = 'no-leader'
  const held = upkeep()
  proposer.onInstalled()
  expect(await proposed).toEqual(failed('leader-changed'))
  expect(await isSettled(client)).toBe(false)
  expect(await isSettled(held)).toBe(false)
})

test('a change of the members carries its proposer and an id, and waits like a request', async () => {
  const { sink, proposer } = setUp()
  sink.error = 'pending-conf-change'
  const member = { id: '00000000000000c3' }
  const waiting = proposer.proposeConfChange({ type: 1, member })
  sink.error = undefined
  proposer.offerHeld()
  const change = decodeConfChange(sink.proposed[0] ?? new Uint8Array(0))
  expect(change).toMatchObject({ type: 1, member, proposer: MEMBER, requestId: 500 })
  const { requestId } = change
  proposer.onApplied({ operation: 'confChange', proposer: MEMBER, requestId, outcome: outcome(2) })
  expect(await waiting).toEqual(outcome(2))
})

describe('the timeout', () => {
  test('ends a proposal that was not applied in time, and not a moment before', async () => {
    const { clock, proposer } = setUp()
    const waiting = put(proposer)
    clock.advance(TIMEOUT_MS - 1)
    proposer.expire()
    expect(await isSettled(waiting)).toBe(false)
    clock.advance(1)
    proposer.expire()
    expect(await waiting).toEqual(failed('timeout'))
    expect(proposer.failedCount).toBe(1)
  })

  test('tells its cause by the time at which the wait began', async () => {
    const { clock, proposer } = setUp()
    clock.advance(3000)
    const waiting = put(proposer)
    clock.advance(TIMEOUT_MS)
    proposer.expire()
    expect(await waiting).toEqual(failed('timeout-leader-fail'))
  })

  test('ends the old ones and leaves the new ones', async () => {
    const { clock, proposer, sink } = setUp()
    const old = put(proposer)
    clock.advance(4000)
    const young = put(proposer)
    clock.advance(4000)
    proposer.expire()
    expect(await old).toEqual(failed('timeout'))
    expect(await isSettled(young)).toBe(false)
    proposer.onApplied({
      operation: 'put',
      proposer: MEMBER,
      requestId: sink.id(1),
      outcome: outcome(3),
    })
    expect(await young).toEqual(outcome(3))
  })

  test('an entry that is applied later answers nobody, and is not proposed again', async () => {
    const { clock, proposer, sink } = setUp()
    const waiting = put(proposer)
    clock.advance(TIMEOUT_MS)
    proposer.expire()
    proposer.onApplied({
      operation: 'put',
      proposer: MEMBER,
      requestId: sink.id(0),
      outcome: outcome(3),
    })
    expect(await waiting).toEqual(failed('timeout'))
    expect(sink.proposed).toHaveLength(1)
  })
})

test('stopping ends all waits and refuses what comes', async () => {
  const { proposer, sink } = setUp()
  const waiting = [put(proposer), put(proposer)]
  proposer.stop()
  expect(await Promise.all(waiting)).toEqual([failed('stopped'), failed('stopped')])
  expect(await put(proposer)).toEqual(failed('stopped'))
  expect(sink.proposed).toHaveLength(2)
  expect(proposer.pendingCount).toBe(0)
})
