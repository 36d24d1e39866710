import { describe, expect, test } from 'vitest'

import { AlarmRequest_AlarmAction, AlarmType } from '../../src/rpc/codec/etcdserverpb.ts'
import type { Applied } from '../../src/server/applier.ts'
import { decodeCheckpoint, encodeCheckpoint } from '../../src/server/checkpoint.ts'
import { requestEntry } from './support/arbitrary-entries.ts'
import { Member, MEMBER_ID } from './support/member.ts'
import { deleteRequest, k, putOp, putRequest, txnRequest } from './support/requests.ts'

type Outcome = Applied['outcome']

class Log {
  readonly member: Member
  term = 1
  index = 0

  constructor(member: Member) {
    this.member = member
  }

  static async start(): Promise<Log> {
    return new Log(await Member.start())
  }

  apply(request: Parameters<typeof requestEntry>[0]): Outcome {
    const applied = this.member.apply(requestEntry(request, ++this.index, this.term))
    if (applied === undefined) throw new Error('a request has an outcome')
    return applied.outcome
  }

  grant(id: bigint, ttl = 60): Outcome {
    return this.apply({ case: 'leaseGrant', value: { id, ttl } })
  }

  /** As a client does, or as the leader of `term` that found it expired. */
  revoke(lease: bigint, term = 0, grantIndex = 0): Outcome {
    return this.apply({ case: 'leaseRevoke', value: { lease, term, grantIndex } })
  }

  put(key: string, lease = 0n): Outcome {
    return this.apply({ case: 'put', value: putRequest({ key: k(key), lease }) })
  }

  keysOf(id: bigint): string[] {
    const { leases } = this.member.applier
    const lease = leases.get(id)
    return lease === undefined ? [] : leases.keysOf(lease)
  }

  get revision(): number {
    return this.member.applier.store.currentRevision
  }
}

const notFound = { ok: false, error: 'lease-not-found' }

describe('a grant', () => {
  test('answers with id and TTL and makes no revision', async () => {
    const log = await Log.start()
    const response = { id: 7n, ttl: 60 }
    expect(log.grant(7n)).toEqual({ ok: true, revision: 1, response })
  })

  test('of an id in use, or of too long a TTL, is refused', async () => {
    const log = await Log.start()
    log.grant(7n)
    expect(log.grant(7n)).toEqual({ ok: false, error: 'lease-exists' })
    expect(log.grant(8n, 9_000_000_001)).toEqual({ ok: false, error: 'lease-ttl-too-large' })
    expect(log.grant(8n, 9_000_000_000)).toMatchObject({ ok: true })
    expect(log.grant(-1n)).toMatchObject({ ok: true })
  })

  test('is refused without space and in a corrupt cluster; a revocation needs no space', async () => {
    const log = await Log.start()
    log.grant(7n)
    const raise = (alarm: number): Outcome => {
      const value = { action: AlarmRequest_AlarmAction.ACTIVATE, memberId: MEMBER_ID, alarm }
      return log.apply({ case: 'alarm', value })
    }
    raise(AlarmType.NOSPACE)
    expect(log.grant(8n)).toEqual({ ok: false, error: 'no-space' })
    expect(log.revoke(7n)).toMatchObject({ ok: true })
    raise(AlarmType.CORRUPT)
    expect(log.grant(8n)).toEqual({ ok: false, error: 'corrupt' })
    expect(log.revoke(7n)).toEqual({ ok: false, error: 'corrupt' })
  })
})

describe('a put', () => {
  test('hangs the key on its lease, replaces it, and without one takes it off', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.grant(2n)
    log.put('a', 1n)
    log.put('b', 1n)
    expect(log.keysOf(1n)).toEqual(['a', 'b'])
    log.put('a', 2n)
    expect([log.keysOf(1n), log.keysOf(2n)]).toEqual([['b'], ['a']])
    log.put('a')
    expect([log.keysOf(1n), log.keysOf(2n)]).toEqual([['b'], []])
  })

  test('that keeps the lease keeps the key on it', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.put('a', 1n)
    log.apply({ case: 'put', value: putRequest({ key: k('a'), ignoreLease: true }) })
    expect(log.keysOf(1n)).toEqual(['a'])
  })

  test('with a lease that does not exist changes nothing, also inside a transaction', async () => {
    const log = await Log.start()
    expect(log.put('a', 5n)).toEqual(notFound)
    const success = [putOp('b'), putOp('a', { lease: 5n })]
    expect(log.apply({ case: 'txn', value: txnRequest({ success }) })).toEqual(notFound)
    expect(log.revision).toBe(1)
  })

  test('a deleted key hangs on nothing, and comes back without a lease', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.put('a', 1n)
    log.apply({ case: 'deleteRange', value: deleteRequest({ key: k('a') }) })
    expect(log.keysOf(1n)).toEqual([])
    log.put('a')
    expect(log.revoke(1n)).toMatchObject({ revision: 4 })
    expect(log.member.applier.store.keyCount).toBe(1)
  })
})

describe('a revocation', () => {
  test('deletes the keys in one revision and in byte order', async () => {
    const log = await Log.start()
    log.grant(1n)
    const keys = ['\xff', 'b', '\x00', 'a\xff', 'a', 'B']
    for (const key of keys) log.put(key, 1n)
    log.put('kept')
    const before = log.revision
    expect(log.revoke(1n)).toMatchObject({ ok: true, revision: before + 1 })
    const commit = log.member.commits.at(-1)
    expect(commit?.revision).toBe(before + 1)
    const changes = commit?.changes.map(({ type, key }) => [type, key])
    expect(changes).toEqual(['\x00', 'B', 'a', 'a\xff', 'b', '\xff'].map((key) => ['delete', key]))
    expect(log.member.applier.store.keyCount).toBe(1)
  })

  test('of a lease without keys makes no revision; of an unknown one is an error', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.put('a')
    expect(log.revoke(1n)).toMatchObject({ ok: true, revision: 2 })
    expect(log.revoke(1n)).toEqual(notFound)
    expect(log.put('a', 1n)).toEqual(notFound)
  })

  test('by a leader that found the lease expired counts in its own term only', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.term = 4
    expect(log.revoke(1n, 3, 1)).toEqual({ ok: false, error: 'leader-changed' })
    expect(log.member.applier.leases.has(1n)).toBe(true)
    expect(log.revoke(1n, 4, 1)).toMatchObject({ ok: true })
  })

  test('by a leader does not meet a later lease of the same id; by a client it does', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.revoke(1n)
    log.grant(1n)
    expect(log.revoke(1n, 1, 1)).toEqual(notFound)
    expect(log.member.applier.leases.has(1n)).toBe(true)
    expect(log.revoke(1n)).toMatchObject({ ok: true })
  })
})

describe('a checkpoint of remaining TTLs', () => {
  const saved = (log: Log): unknown => log.member.applier.checkpoint().leases

  test('is kept, unless it is of another term, of an earlier lease, or of none', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.grant(2n)
    const checkpoint = (term: number, lease: bigint, grantIndex: number): Outcome => {
      const leases = [{ lease, grantIndex, remainingTtl: 30 }]
      return log.apply({ case: 'leaseCheckpoint', value: { term, leases } })
    }
    checkpoint(1, 1n, 1)
    checkpoint(1, 2n, 1)
    checkpoint(1, 3n, 1)
    expect(checkpoint(2, 2n, 2)).toEqual({ ok: false, error: 'leader-changed' })
    expect(saved(log)).toEqual([
      { id: 1n, ttl: 60, grantIndex: 1, remainingTtl: 30 },
      { id: 2n, ttl: 60, grantIndex: 2, remainingTtl: 0 },
    ])
  })

  test('leases of any id come out of a saved state as they went in', async () => {
    const log = await Log.start()
    for (const id of [1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]) log.grant(id)
    const checkpoint = log.member.applier.checkpoint()
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
  })

  test('a member that is started again has the leases and their keys', async () => {
    const log = await Log.start()
    log.grant(1n)
    log.grant(2n)
    log.put('a', 1n)
    log.put('b', 1n)
    log.put('b', 2n)
    await log.member.save()
    const { leases } = (await Member.start(log.member.disk)).applier
    leases.checkConsistency()
    expect(leases.state()).toEqual(log.member.applier.leases.state())
    expect([leases.leaseOf(k('a')), leases.leaseOf(k('b'))]).toEqual([1n, 2n])
  })
})
