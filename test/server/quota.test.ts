import { describe, expect, test } from 'vitest'

import { AlarmType } from '../../src/rpc/codec/etcdserverpb.ts'
import type { InternalRequest } from '../../src/rpc/codec/quoratepb.ts'
import type { Outcome } from '../../src/server/apply-txn.ts'
import { Proposer } from '../../src/server/proposer.ts'
import { hasRoom, requestCost } from '../../src/server/quota.ts'
import { SpaceGuard } from '../../src/server/space-guard.ts'
import { ManualClock } from './support/doubles.ts'
import {
  bytes,
  deleteOp,
  k,
  putOp,
  putRequest,
  rangeOp,
  txnOp,
  txnRequest,
} from './support/requests.ts'

const PUT_COST = 256 + 1 + 3
const put = (): ReturnType<typeof putOp> => putOp('a', { value: bytes('vvv') })

describe('the cost of a request', () => {
  test('of a put is its key and value and an overhead', () => {
    expect(requestCost(putRequest({ key: k('a'), value: bytes('vvv') }))).toBe(PUT_COST)
  })

  test.each([
    ['nothing', txnRequest({}), 0],
    ['reads and deletes', txnRequest({ success: [rangeOp({ key: k('a') }), deleteOp('a')] }), 0],
    ['the puts of its branch', txnRequest({ success: [put(), put()] }), 2 * PUT_COST],
    [
      'its dearer branch',
      txnRequest({ success: [put()], failure: [put(), put(), put()] }),
      3 * PUT_COST,
    ],
    [
      'nested puts too, in either branch',
      txnRequest({ success: [put(), txnOp({ failure: [put(), txnOp({ success: [put()] })] })] }),
      3 * PUT_COST,
    ],
  ])('of a transaction: %s', (_name, request, cost) => {
    expect(requestCost(request)).toBe(cost)
  })
})

describe('room', () => {
  test.each([
    [0, 99, 100, true],
    [1, 99, 100, false],
    [50, 49, 100, true],
    [50, 50, 100, false],
    [200, 1, 100, false],
    [200, 0, 100, true],
    [1e15, 1e9, Infinity, true],
  ])('with %i used, %i more under %i: %s', (used, cost, quota, expected) => {
    expect(hasRoom(used, cost, quota)).toBe(expected)
  })
})

describe('the guard', () => {
  type Request = NonNullable<InternalRequest['request']>

  class RecordingProposer extends Proposer {
    readonly requests: Request[] = []
    outcome: Outcome<object> = { ok: true, revision: 1, response: {} }

    constructor() {
      const sink = { propose: () => ({ ok: true }) as const, applyBacklog: 0, unwrittenBytes: 0 }
      const clock = new ManualClock()
      super(sink, {
        memberId: 'aa',
        clock,
        timeoutMs: 1,
        maxRequestBytes: 1,
        firstRequestId: 1,
        timeoutError: () => 'timeout',
      })
    }

    override propose<Response extends object>(request: Request): Promise<Outcome<Response>> {
      this.requests.push(request)
      return Promise.resolve(this.outcome as Outcome<Response>)
    }
  }

  test('asks for the room of the moment', () => {
    let used = 0
    const guard = new SpaceGuard(new RecordingProposer(), 'aa', () => used, 1000)
    const request = putRequest({ key: k('a'), value: bytes('vvv') })
    expect(guard.hasRoom(request)).toBe(true)
    used = 1000 - PUT_COST
    expect(guard.hasRoom(request)).toBe(false)
  })

  test('raises the alarm of its member before it refuses', async () => {
    const proposer = new RecordingProposer()
    const guard = new SpaceGuard(proposer, 'aa', () => 0, 1000)
    await expect(guard.refuse()).rejects.toMatchObject({
      code: 8,
      message: 'etcdserver: mvcc: database space exceeded',
    })
    const value = { action: 1, memberId: 'aa', alarm: AlarmType.NOSPACE }
    expect(proposer.requests).toEqual([{ case: 'alarm', value }])
  })

  test('tells when the alarm could not be raised', async () => {
    const proposer = new RecordingProposer()
    proposer.outcome = { ok: false, error: 'no-leader' }
    const guard = new SpaceGuard(proposer, 'aa', () => 0, 1000)
    await expect(guard.refuse()).rejects.toMatchObject({ message: 'etcdserver: no leader' })
  })
})
