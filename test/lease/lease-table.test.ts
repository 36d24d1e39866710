import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { keyFromText, type Key } from '../../src/base/key.ts'
import {
  LEASE_TTL_MAX,
  LeaseTable,
  type Lease,
  type LeaseState,
} from '../../src/lease/lease-table.ts'

type Step =
  | { readonly type: 'grant'; readonly id: bigint; readonly ttl: number }
  | { readonly type: 'revoke'; readonly id: bigint }
  | { readonly type: 'checkpoint'; readonly id: bigint; readonly remaining: number }
  | { readonly type: 'attach'; readonly key: Key; readonly id: bigint }
  | { readonly type: 'restart' }
  | { readonly type: 'adopt'; readonly ahead: readonly Step[] }

const id = fc.constantFrom(1n, 2n, 7n, -1n, 2n ** 63n - 1n)
const key = fc.constantFrom('a', 'b', 'aa', 'b/1', 'ÿ').map((text) => keyFromText(text))
const ttl = fc.constantFrom(1, 5, 60, LEASE_TTL_MAX, LEASE_TTL_MAX + 1)
const of = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type)

const change: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: of('grant'), id, ttl }) },
  { weight: 2, arbitrary: fc.record({ type: of('revoke'), id }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: of('checkpoint'), id, remaining: fc.nat(4) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: of('attach'),
      key,
      id: fc.oneof({ weight: 4, arbitrary: id }, { weight: 1, arbitrary: fc.constant(0n) }),
    }),
  },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 14, arbitrary: change },
  { weight: 1, arbitrary: fc.record({ type: of('restart') }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: of('adopt'), ahead: fc.array(change, { maxLength: 12 }) }),
  },
)

/** Two plain maps, searched from end to end. */
class Model {
  readonly leases = new Map<bigint, LeaseState>()
  readonly leaseOfKey = new Map<Key, bigint>()

  keysOf(lease: bigint): Key[] {
    const keys = [...this.leaseOfKey].filter(([, one]) => one === lease).map(([one]) => one)
    return keys.sort((a, b) => (a < b ? -1 : 1))
  }
}

describe('LeaseTable', () => {
  test('is two plain maps, also after a restart at any point', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        let table = new LeaseTable()
        const model = new Model()
        // No two entries of a log share an index: a lease's id and grant index name it for good.
        let index = 1
        for (const one of steps) {
          if (one.type === 'restart') table = new LeaseTable(table.state(), model.leaseOfKey)
          else if (one.type === 'adopt') adopt(table, model, one.ahead, index)
          else perform(table, model, one, index)
          index += one.type === 'adopt' ? one.ahead.length : 1
          expectSame(table, model)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a put with another lease, or with none, takes the key away from the one before', () => {
    const table = new LeaseTable()
    table.grant(1n, 10, 1)
    table.grant(2n, 10, 2)
    const a = keyFromText('a')
    table.setLease(a, 1n)
    table.setLease(a, 2n)
    expect([table.get(1n)?.keys.size, table.get(2n)?.keys.size]).toEqual([0, 1])
    table.setLease(a, 0n)
    expect([table.leaseOf(a), table.get(2n)?.keys.size]).toEqual([0n, 0])
  })

  test('keys come in byte order, not in the order of text', () => {
    const table = new LeaseTable()
    table.grant(1n, 10, 1)
    const bytes = ['\xff', 'b', '\x00', 'a\xff', 'a', 'B'] as Key[]
    for (const one of bytes) table.setLease(one, 1n)
    expect(table.keysOf(table.get(1n)!)).toEqual(['\x00', 'B', 'a', 'a\xff', 'b', '\xff'])
  })

  test('a lease with keys is not revoked, nor is a key hung on a lease that is not there', () => {
    const table = new LeaseTable()
    table.grant(1n, 10, 1)
    table.setLease(keyFromText('a'), 1n)
    expect(() => table.revoke(1n)).toThrow(AssertionError)
    expect(() => table.setLease(keyFromText('b'), 2n)).toThrow(AssertionError)
    expect(() => table.revoke(2n)).toThrow(AssertionError)
    expect(() => table.grant(0n, 10, 2)).toThrow(AssertionError)
  })

  test('tells its observer what happened, once it has', () => {
    const table = new LeaseTable()
    const told: unknown[] = []
    table.observe({
      onGranted: (lease) => told.push(['granted', lease.id, table.has(lease.id)]),
      onRevoked: (lease) => told.push(['revoked', lease.id, table.has(lease.id)]),
      onCheckpointed: (lease) => told.push(['checkpointed', lease.id, lease.remainingTtl]),
    })
    table.grant(1n, 10, 1)
    table.grant(1n, 10, 2)
    table.checkpoint(1n, 4)
    table.revoke(1n)
    expect(told).toEqual([
      ['granted', 1n, true],
      ['checkpointed', 1n, 4],
      ['revoked', 1n, false],
    ])
  })

  test('an observer that follows what it is told knows the adopted table', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 40, size: 'max' }),
        fc.array(change, { maxLength: 40, size: 'max' }),
        (before, ahead) => {
          const table = new LeaseTable()
          const known = new Map<Lease, number>()
          table.observe({
            onGranted: (lease) => {
              expect(known.has(lease)).toBe(false)
              expect(table.get(lease.id)).toBe(lease)
              known.set(lease, lease.remainingTtl)
            },
            onRevoked: (lease) => {
              expect(known.delete(lease)).toBe(true)
              expect(table.get(lease.id)).not.toBe(lease)
              expect(lease.keys.size).toBe(0)
            },
            onCheckpointed: (lease) => {
              expect(known.has(lease)).toBe(true)
              known.set(lease, lease.remainingTtl)
            },
          })
          const model = new Model()
          before.forEach((one, i) => perform(table, model, one, i + 1))
          const kept = [...table.all()].map((lease) => [lease, lease.grantIndex] as const)
          adopt(table, model, ahead, 100)
          expectSame(table, model)
          expect(new Map([...table.all()].map((lease) => [lease, lease.remainingTtl]))).toEqual(
            known,
          )
          for (const [lease, grantIndex] of kept) {
            const now = table.get(lease.id)
            expect(now === lease).toBe(now?.grantIndex === grantIndex)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a lease granted anew with the same id is another lease to those who are told', () => {
    const table = new LeaseTable()
    table.grant(1n, 10, 1)
    table.grant(2n, 10, 2)
    const told: unknown[] = []
    table.observe({
      onGranted: ({ id, grantIndex }) => told.push(['granted', id, grantIndex, table.size]),
      onRevoked: ({ id, grantIndex }) => told.push(['revoked', id, grantIndex, table.size]),
      onCheckpointed: ({ id, remainingTtl }) => told.push(['checkpointed', id, remainingTtl]),
    })
    const leases = [
      { id: 2n, ttl: 10, grantIndex: 2, remainingTtl: 4 },
      { id: 1n, ttl: 60, grantIndex: 9, remainingTtl: 0 },
      { id: 3n, ttl: 60, grantIndex: 10, remainingTtl: 0 },
    ]
    table.adopt(leases, new Map([[keyFromText('a'), 3n]]))
    expect(told).toEqual([
      ['revoked', 1n, 1, 3],
      ['granted', 1n, 9, 3],
      ['granted', 3n, 10, 3],
      ['checkpointed', 2n, 4],
    ])
    expect([...table.all()].map(({ id: one }) => one)).toEqual([2n, 1n, 3n])
    expect(table.leaseOf(keyFromText('a'))).toBe(3n)
  })

  test('a saved state does not change with the table', () => {
    const table = new LeaseTable()
    table.grant(1n, 10, 1)
    const state = table.state()
    table.checkpoint(1n, 4)
    table.revoke(1n)
    expect(state).toEqual([{ id: 1n, ttl: 10, grantIndex: 1, remainingTtl: 0 }])
  })
})

/** What another table came to after `ahead` becomes this one's. */
function adopt(table: LeaseTable, model: Model, ahead: readonly Step[], index: number): void {
  const other = new LeaseTable(table.state(), model.leaseOfKey)
  ahead.forEach((one, i) => perform(other, model, one, index + i))
  table.adopt(other.state(), model.leaseOfKey)
}

function perform(table: LeaseTable, model: Model, one: Step, index: number): void {
  switch (one.type) {
    case 'grant': {
      const granted = table.grant(one.id, one.ttl, index)
      const error = expectedGrantError(model, one.id, one.ttl)
      expect(granted).toMatchObject(error === undefined ? { ok: true } : { ok: false, error })
      if (error !== undefined) return
      model.leases.set(one.id, { id: one.id, ttl: one.ttl, grantIndex: index, remainingTtl: 0 })
      return
    }
    case 'revoke':
      if (!model.leases.has(one.id)) return
      for (const attached of model.keysOf(one.id)) {
        table.setLease(attached, 0n)
        model.leaseOfKey.delete(attached)
      }
      table.revoke(one.id)
      model.leases.delete(one.id)
      return
    case 'checkpoint': {
      const lease = model.leases.get(one.id)
      if (lease === undefined) return
      table.checkpoint(one.id, one.remaining)
      model.leases.set(one.id, { ...lease, remainingTtl: one.remaining })
      return
    }
    case 'attach':
      if (one.id !== 0n && !model.leases.has(one.id)) return
      table.setLease(one.key, one.id)
      if (one.id === 0n) model.leaseOfKey.delete(one.key)
      else model.leaseOfKey.set(one.key, one.id)
      return
    case 'restart':
    case 'adopt':
  }
}

function expectedGrantError(model: Model, lease: bigint, seconds: number): string | undefined {
  if (seconds > LEASE_TTL_MAX) return 'lease-ttl-too-large'
  return model.leases.has(lease) ? 'lease-exists' : undefined
}

function expectSame(table: LeaseTable, model: Model): void {
  table.checkConsistency()
  expect(table.state()).toEqual([...model.leases.values()])
  expect(table.size).toBe(model.leases.size)
  for (const lease of table.all()) expect(table.keysOf(lease)).toEqual(model.keysOf(lease.id))
  for (const text of ['a', 'b', 'aa', 'b/1', 'ÿ']) {
    const one = keyFromText(text)
    expect(table.leaseOf(one)).toBe(model.leaseOfKey.get(one) ?? 0n)
  }
}
