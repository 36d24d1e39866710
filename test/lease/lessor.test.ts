import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { LeaseTable, type Lease } from '../../src/lease/lease-table.ts'
import { Lessor } from '../../src/lease/lessor.ts'
import { ManualClock } from '../server/support/doubles.ts'

const EXTEND_MS = 1000
const INTERVAL_MS = 300_000

class Subject {
  readonly clock = new ManualClock()
  readonly table = new LeaseTable()
  readonly lessor = new Lessor(this.table, {
    clock: this.clock,
    extendMs: EXTEND_MS,
    checkpointIntervalMs: INTERVAL_MS,
  })
  #index = 0

  constructor() {
    this.table.observe(this.lessor)
  }

  static primary(): Subject {
    const subject = new Subject()
    subject.lessor.promote(1)
    return subject
  }

  grant(id: bigint, ttl: number): Lease {
    const granted = this.table.grant(id, ttl, ++this.#index)
    if (!granted.ok) throw new Error(granted.error)
    return granted.lease
  }

  expired(limit = Infinity): bigint[] {
    return this.lessor.takeExpired(limit).map(({ id }) => id)
  }
}

test('a table that adopts other leases is followed, in office and out of it', () => {
  const leases = [
    { id: 2n, ttl: 20, grantIndex: 2, remainingTtl: 0 },
    { id: 3n, ttl: 30, grantIndex: 7, remainingTtl: 5 },
  ]
  for (const isPrimary of [false, true]) {
    const { table, lessor, clock, ...subject } = bind(new Subject())
    const gone = subject.grant(1n, 10)
    const kept = subject.grant(2n, 20)
    if (isPrimary) lessor.promote(1)
    clock.advance(1000)
    table.adopt(leases, [])
    expect(lessor.byExpiry().map(({ id }) => id)).toEqual(isPrimary ? [3n, 2n] : [2n, 3n])
    lessor.retryExpired(gone, 0)
    if (!isPrimary) {
      expect(lessor.renew(2n)).toMatchObject({ error: 'not-primary' })
      lessor.promote(2)
    }
    const restMs = isPrimary ? 20_000 : 21_000
    expect(lessor.remainingMs(kept)).toBe(restMs)
    clock.advance(60_000)
    expect(subject.expired()).toEqual([3n, 2n])
  }
})

describe('expiry', () => {
  test('a lease is handed out at its deadline, not a moment before, and once', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 10)
    clock.advance(9999.9)
    expect(subject.expired()).toEqual([])
    clock.advance(0.1)
    expect(subject.expired()).toEqual([1n])
    expect(subject.expired()).toEqual([])
    expect(lessor.renew(1n)).toMatchObject({ ok: false, error: 'expired' })
  })

  test('a renewal gives the whole TTL again', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    const lease = subject.grant(1n, 10)
    clock.advance(9000)
    expect(lessor.renew(1n)).toMatchObject({ ok: true, mustClearCheckpoint: false })
    clock.advance(9999)
    expect(subject.expired()).toEqual([])
    expect(lessor.remainingMs(lease)).toBe(1)
    clock.advance(1)
    expect(subject.expired()).toEqual([1n])
  })

  test('those that end first come first, as many as asked for', () => {
    const { clock, ...subject } = bind(Subject.primary())
    for (const [id, ttl] of [
      [1n, 30],
      [2n, 10],
      [3n, 20],
    ] as const) {
      subject.grant(id, ttl)
    }
    clock.advance(60_000)
    expect(subject.expired(2)).toEqual([2n, 3n])
    expect(subject.expired(2)).toEqual([1n])
  })

  test('one whose revocation failed comes again after the delay, unless it is gone', () => {
    const { lessor, table, clock, ...subject } = bind(Subject.primary())
    const one = subject.grant(1n, 10)
    const two = subject.grant(2n, 10)
    clock.advance(10_000)
    expect(subject.expired()).toEqual([1n, 2n])
    lessor.retryExpired(one, 500)
    lessor.retryExpired(one, 500)
    table.revoke(2n)
    lessor.retryExpired(two, 500)
    clock.advance(499)
    expect(subject.expired()).toEqual([])
    clock.advance(1)
    expect(subject.expired()).toEqual([1n])
  })

  test('a lease granted again under the same id is another lease', () => {
    const { lessor, table, clock, ...subject } = bind(Subject.primary())
    const old = subject.grant(1n, 10)
    clock.advance(10_000)
    expect(subject.expired()).toEqual([1n])
    table.revoke(1n)
    subject.grant(1n, 10)
    lessor.retryExpired(old, 0)
    clock.advance(9999)
    expect(subject.expired()).toEqual([])
    expect(lessor.renew(1n)).toMatchObject({ ok: true })
  })

  test('a deadline of the longest TTL is kept to the millisecond', () => {
    const { clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 9_000_000_000)
    clock.advance(9_000_000_000_000 - 1)
    expect(subject.expired()).toEqual([])
    clock.advance(1)
    expect(subject.expired()).toEqual([1n])
  })
})

describe('the office of the primary', () => {
  test('a demoted lessor expires, renews and checkpoints nothing', () => {
    const { lessor, clock, ...subject } = bind(new Subject())
    subject.grant(1n, 10)
    subject.grant(2n, 1000)
    clock.advance(10_000_000)
    expect(subject.expired()).toEqual([])
    expect(lessor.takeCheckpoints(10)).toEqual([])
    expect(lessor.renew(1n)).toEqual({ ok: false, error: 'not-primary' })
    lessor.promote(1)
    lessor.demote()
    clock.advance(10_000_000)
    expect(subject.expired()).toEqual([])
    expect(lessor.takeCheckpoints(10)).toEqual([])
  })

  test('a new primary gives every lease its whole TTL and an election on top', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 10)
    clock.advance(9999)
    lessor.demote()
    lessor.promote(2)
    clock.advance(10_999)
    expect(subject.expired()).toEqual([])
    clock.advance(1)
    expect(subject.expired()).toEqual([1n])
  })

  test('or what was left of it at its last checkpoint', () => {
    const { lessor, table, clock, ...subject } = bind(new Subject())
    subject.grant(1n, 1000)
    table.checkpoint(1n, 400)
    lessor.promote(2)
    clock.advance(400_999)
    expect(subject.expired()).toEqual([])
    clock.advance(1)
    expect(subject.expired()).toEqual([1n])
  })

  test('a renewal right after a promotion takes nothing away', () => {
    const { lessor, clock, ...subject } = bind(new Subject())
    const lease = subject.grant(1n, 10)
    lessor.promote(1)
    lessor.renew(1n)
    expect(lessor.remainingMs(lease)).toBe(11_000)
    clock.advance(5000)
    lessor.renew(1n)
    expect(lessor.remainingMs(lease)).toBe(10_000)
  })

  test('a primary is not promoted again', () => {
    const { lessor } = Subject.primary()
    expect(() => lessor.promote(2)).toThrow(AssertionError)
  })

  test('leases are listed by expiry, and by grant where nobody knows', () => {
    const { lessor, ...subject } = bind(new Subject())
    subject.grant(1n, 30)
    subject.grant(2n, 10)
    const ids = (): bigint[] => lessor.byExpiry().map(({ id }) => id)
    expect(ids()).toEqual([1n, 2n])
    lessor.promote(1)
    expect(ids()).toEqual([2n, 1n])
    lessor.renew(2n)
    expect(ids()).toEqual([2n, 1n])
  })
})

describe('checkpoints', () => {
  test('what a long lease has left is saved every interval until little is left', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 1000)
    subject.grant(2n, 300)
    const saved: number[] = []
    for (let i = 0; i < 1000; i++) {
      clock.advance(1000)
      for (const { lease, remainingTtl } of lessor.takeCheckpoints(10)) {
        expect(lease.id).toBe(1n)
        saved.push(remainingTtl)
      }
    }
    expect(saved).toEqual([700, 400, 100])
  })

  test('what is left is rounded up: rounding down would end a lease early', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 1000)
    clock.advance(300_000.5)
    expect(lessor.takeCheckpoints(10)).toMatchObject([{ remainingTtl: 700 }])
  })

  test('a renewal after a checkpoint, proposed or applied, has to clear it', () => {
    const { lessor, table, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 1000)
    clock.advance(300_000)
    expect(lessor.takeCheckpoints(10)).toHaveLength(1)
    expect(lessor.renew(1n)).toMatchObject({ mustClearCheckpoint: true })
    table.checkpoint(1n, 700)
    expect(lessor.renew(1n)).toMatchObject({ mustClearCheckpoint: true })
    table.checkpoint(1n, 0)
    expect(lessor.renew(1n)).toMatchObject({ mustClearCheckpoint: false })
    table.checkpoint(1n, 700)
    lessor.demote()
    lessor.promote(2)
    expect(lessor.renew(1n)).toMatchObject({ mustClearCheckpoint: true })
  })

  test('a lease that has just been renewed in full has nothing to save', () => {
    const { lessor, clock, ...subject } = bind(Subject.primary())
    subject.grant(1n, 1000)
    clock.advance(300_000)
    lessor.renew(1n)
    expect(lessor.takeCheckpoints(10)).toEqual([])
    clock.advance(300_000)
    expect(lessor.takeCheckpoints(10)).toMatchObject([{ remainingTtl: 700 }])
  })
})

type Step =
  | { readonly type: 'grant'; readonly id: bigint; readonly ttl: number }
  | { readonly type: 'renew' | 'revoke' | 'applyCheckpoint'; readonly id: bigint }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'promote' | 'demote' | 'expire' | 'retry' | 'checkpoints' }

const id = fc.integer({ min: 1, max: 4 }).map(BigInt)
const of = <T extends string>(...types: T[]): fc.Arbitrary<T> => fc.constantFrom(...types)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: of('grant'), id, ttl: fc.constantFrom(2, 10, 400, 1000) }),
  },
  { weight: 4, arbitrary: fc.record({ type: of('renew'), id }) },
  { weight: 1, arbitrary: fc.record({ type: of('revoke', 'applyCheckpoint'), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: of('advance'),
      ms: fc.constantFrom(1, 500, 999, 1000, 2000, 9999.5, 120_000, 300_000),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: of('expire', 'expire', 'retry', 'checkpoints') }) },
  { weight: 2, arbitrary: fc.record({ type: of('promote', 'promote', 'demote') }) },
)

interface ModelLease {
  readonly ttl: number
  remaining: number
  /** Undefined while demoted. */
  deadlineMs: number | undefined
  /** When it may be handed out: from its deadline on, or later; Infinity once it has been. */
  dueMs: number
}

/** A plain map of deadlines, walked whenever somebody asks. */
class Model {
  readonly leases = new Map<bigint, ModelLease>()
  isPrimary = false

  start(lease: ModelLease, nowMs: number, extendMs: number): void {
    const seconds = lease.remaining > 0 ? lease.remaining : lease.ttl
    lease.deadlineMs = nowMs + seconds * 1000 + extendMs
    lease.dueMs = lease.deadlineMs
  }

  expired(nowMs: number): bigint[] {
    return [...this.leases].filter(([, { dueMs }]) => dueMs <= nowMs).map(([one]) => one)
  }
}

test('the lessor is a map of deadlines on a virtual clock', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const subject = new Subject()
      const model = new Model()
      for (const one of steps) perform(subject, model, one)
    }),
    { numRuns: 1000 },
  )
})

function perform(subject: Subject, model: Model, one: Step): void {
  const { lessor, table, clock } = subject
  const nowMs = clock.nowMs()
  const lease = 'id' in one ? model.leases.get(one.id) : undefined
  switch (one.type) {
    case 'advance':
      clock.advance(one.ms)
      return
    case 'grant': {
      if (lease !== undefined) return
      subject.grant(one.id, one.ttl)
      const granted = { ttl: one.ttl, remaining: 0, deadlineMs: undefined, dueMs: Infinity }
      model.leases.set(one.id, granted)
      if (model.isPrimary) model.start(granted, nowMs, 0)
      return
    }
    case 'renew':
      expect(lessor.renew(one.id)).toMatchObject(expectedRenewal(model, lease, nowMs))
      return
    case 'revoke':
      if (lease === undefined) return
      table.revoke(one.id)
      model.leases.delete(one.id)
      return
    case 'applyCheckpoint': {
      if (lease === undefined) return
      lease.remaining = Math.ceil(lease.ttl / 2)
      table.checkpoint(one.id, lease.remaining)
      return
    }
    case 'promote':
      if (model.isPrimary) return
      lessor.promote(1)
      model.isPrimary = true
      for (const each of model.leases.values()) model.start(each, nowMs, EXTEND_MS)
      return
    case 'demote':
      lessor.demote()
      model.isPrimary = false
      for (const each of model.leases.values()) {
        Object.assign(each, { deadlineMs: undefined, dueMs: Infinity })
      }
      return
    case 'expire': {
      const expected = model.expired(nowMs)
      const taken = subject.expired()
      expect(new Set(taken)).toEqual(new Set(expected))
      expect(taken).toHaveLength(expected.length)
      for (const each of taken) model.leases.get(each)!.dueMs = Infinity
      return
    }
    case 'retry':
      for (const taken of lessor.takeExpired(2)) {
        lessor.retryExpired(taken, 700)
        model.leases.get(taken.id)!.dueMs = nowMs + 700
      }
      return
    case 'checkpoints':
      for (const due of lessor.takeCheckpoints(3)) {
        const { deadlineMs, ttl } = model.leases.get(due.lease.id)!
        expect(due.remainingTtl).toBe(Math.ceil((deadlineMs! - nowMs) / 1000))
        expect(due.remainingTtl).toBeLessThan(ttl)
      }
  }
}

function expectedRenewal(model: Model, lease: ModelLease | undefined, nowMs: number): object {
  if (!model.isPrimary) return { ok: false, error: 'not-primary' }
  if (lease === undefined) return { ok: false, error: 'lease-not-found' }
  if (lease.deadlineMs! <= nowMs) return { ok: false, error: 'expired' }
  lease.deadlineMs = Math.max(lease.deadlineMs!, nowMs + lease.ttl * 1000)
  lease.dueMs = lease.deadlineMs
  return { ok: true }
}

/** The parts and the helpers, to be taken apart. */
function bind(subject: Subject): Pick<Subject, 'clock' | 'table' | 'lessor' | 'grant' | 'expired'> {
  const { clock, table, lessor } = subject
  return {
    clock,
    table,
    lessor,
    grant: (one, ttl) => subject.grant(one, ttl),
    expired: (limit) => subject.expired(limit),
  }
}
