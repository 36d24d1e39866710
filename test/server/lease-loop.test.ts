import { describe, expect, test } from 'vitest'

import { LeaseTable } from '../../src/lease/lease-table.ts'
import type { Outcome } from '../../src/server/apply-txn.ts'
import { LeaseLoop, type LeaseLoopPorts } from '../../src/server/lease-loop.ts'
import type { ProposedRequest } from '../../src/server/proposer.ts'
import type { ReadOutcome } from '../../src/server/read-index.ts'
import { isSettled, ManualClock, recordingLogger, turns } from './support/doubles.ts'

const ELECTION_MS = 1000
const TIMEOUT_MS = 7000

interface Proposal {
  readonly request: ProposedRequest
  readonly settle: (outcome: Outcome<object>) => void
}

/** A loop whose Raft is the test: proposals wait in a list until they are applied or fail. */
class Subject implements LeaseLoopPorts {
  readonly clock = new ManualClock()
  readonly logger = recordingLogger()
  readonly table = new LeaseTable()
  readonly proposals: Proposal[] = []
  readonly granted: number[] = []
  readonly loop: LeaseLoop
  term: number | undefined = 1
  /** The other member that leads. */
  leader: string | undefined
  confirmRead: () => Promise<ReadOutcome> = () => Promise.resolve('ready')
  #index = 0

  constructor() {
    this.loop = new LeaseLoop(this.table, this, {
      electionMs: ELECTION_MS,
      timeoutMs: TIMEOUT_MS,
      checkpointIntervalMs: 300_000,
    })
    this.loop.onAdvanced()
  }

  leadingTerm = (): number | undefined => this.term

  propose = (request: ProposedRequest): Promise<Outcome<object>> =>
    new Promise((settle) => void this.proposals.push({ request, settle }))

  remoteLeader = (): string | undefined => this.leader
  renewAt: LeaseLoopPorts['renewAt'] = () => Promise.resolve(undefined)
  remainingAt: LeaseLoopPorts['remainingAt'] = () => Promise.resolve(undefined)

  onGranted = (ttl: number): void => void this.granted.push(ttl)

  grant(id: bigint, ttl: number): void {
    this.table.grant(id, ttl, ++this.#index)
  }

  grantMany(count: number, ttl: number): void {
    for (let i = 1; i <= count; i++) this.grant(BigInt(i), ttl)
  }

  /** Applies what has been proposed, as the applier does, and returns what it was. */
  async applyAll(): Promise<ProposedRequest[]> {
    const taken = this.proposals.splice(0)
    for (const { request, settle } of taken) {
      if (request.case === 'leaseRevoke' && this.table.has(request.value.lease)) {
        this.table.revoke(request.value.lease)
      }
      if (request.case === 'leaseCheckpoint') {
        for (const { lease, remainingTtl } of request.value.leases) {
          this.table.checkpoint(lease, remainingTtl)
        }
      }
      settle({ ok: true, revision: 1, response: {} })
    }
    await turns()
    return taken.map(({ request }) => request)
  }

  async failAll(error: Extract<Outcome<object>, { ok: false }>['error']): Promise<number> {
    const taken = this.proposals.splice(0)
    for (const { settle } of taken) settle({ ok: false, error })
    await turns()
    return taken.length
  }

  /** Ticks every 100 ms, as the server does. */
  advance(ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) {
      this.clock.advance(100)
      this.loop.tick()
    }
  }

  lead(term: number | undefined): void {
    this.term = term
    this.loop.onAdvanced()
  }
}

describe('expiry', () => {
  test('is a proposal that names the leader’s term and the grant', async () => {
    const subject = new Subject()
    subject.grant(7n, 2)
    subject.advance(1900)
    expect(subject.proposals).toEqual([])
    subject.advance(100)
    const revoke = { case: 'leaseRevoke', value: { lease: 7n, term: 1, grantIndex: 1 } }
    expect(await subject.applyAll()).toEqual([revoke])
    expect([subject.loop.expiredCount, subject.loop.revokedCount]).toEqual([1, 1])
    subject.advance(5000)
    expect(subject.proposals).toEqual([])
  })

  test('of many keeps to 16 in flight and a thousand a second', async () => {
    const subject = new Subject()
    subject.grantMany(3000, 2)
    subject.advance(2000)
    let most = 0
    let revoked = 0
    for (let tick = 0; tick < 10; tick++) {
      while (subject.proposals.length > 0) {
        most = Math.max(most, subject.proposals.length)
        revoked += (await subject.applyAll()).length
      }
      subject.advance(100)
    }
    expect(most).toBe(16)
    expect(revoked).toBeGreaterThan(900)
    expect(revoked).toBeLessThanOrEqual(1250)
  })

  test('after a long pause does not make up for it in a burst', async () => {
    const subject = new Subject()
    subject.grantMany(3000, 2)
    subject.clock.advance(60_000)
    subject.loop.tick()
    let revoked = 0
    while (subject.proposals.length > 0) revoked += (await subject.applyAll()).length
    expect(revoked).toBe(250)
  })

  test('is proposed again when the proposal failed, but not when the lease is gone', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(2000)
    expect(await subject.failAll('timeout')).toBe(1)
    subject.advance(400)
    expect(subject.proposals).toHaveLength(0)
    subject.advance(100)
    expect(await subject.failAll('lease-not-found')).toBe(1)
    subject.advance(5000)
    expect(subject.proposals).toHaveLength(0)
    expect(subject.loop.expiredCount).toBe(0)
  })

  test('ends with the office, and a new leader starts every lease anew', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(1900)
    subject.lead(undefined)
    subject.advance(60_000)
    expect(subject.proposals).toEqual([])
    subject.lead(5)
    subject.advance(2900)
    expect(subject.proposals).toEqual([])
    subject.advance(100)
    expect(await subject.applyAll()).toMatchObject([{ value: { lease: 1n, term: 5 } }])
  })

  test('a leader of a new term is promoted anew even if it never was a follower between', () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(1900)
    subject.lead(2)
    subject.advance(2900)
    expect(subject.proposals).toEqual([])
  })
})

describe('a renewal', () => {
  test('gives the TTL after the leadership is confirmed', async () => {
    const subject = new Subject()
    let confirm: (outcome: ReadOutcome) => void = () => undefined
    subject.confirmRead = () => new Promise((resolve) => (confirm = resolve))
    subject.grant(1n, 2)
    subject.clock.advance(1500)
    const renewed = subject.loop.renew(1n)
    expect(await isSettled(renewed)).toBe(false)
    subject.clock.advance(499)
    confirm('ready')
    expect(await renewed).toEqual({ ok: true, ttl: 2 })
    expect(subject.loop.renewedCount).toBe(1)
    subject.advance(1900)
    expect(subject.proposals).toEqual([])
  })

  test('takes no confirmation that is as old as an election', async () => {
    const subject = new Subject()
    let asked = 0
    subject.confirmRead = () => {
      if (++asked === 1) subject.clock.advance(ELECTION_MS)
      return Promise.resolve('ready')
    }
    subject.grant(1n, 10)
    expect(await subject.loop.renew(1n)).toEqual({ ok: true, ttl: 10 })
    expect(asked).toBe(2)
  })

  test.each(['timeout', 'stopped'] as const)(
    'is refused with %s when nobody confirms',
    async (why) => {
      const subject = new Subject()
      subject.grant(1n, 2)
      subject.confirmRead = () => Promise.resolve(why)
      expect(await subject.loop.renew(1n)).toEqual({ ok: false, error: why })
    },
  )

  test('of an unknown lease says so', async () => {
    const subject = new Subject()
    expect(await subject.loop.renew(1n)).toEqual({ ok: false, error: 'lease-not-found' })
  })

  test('of an expired lease waits until it is gone', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(2000)
    const renewals = [subject.loop.renew(1n), subject.loop.renew(1n)]
    expect(await isSettled(Promise.race(renewals))).toBe(false)
    await subject.applyAll()
    const gone = { ok: false, error: 'lease-not-found' }
    expect(await Promise.all(renewals)).toEqual([gone, gone])
  })

  test('of an expired lease succeeds when a new leader gives it more time', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(2000)
    const renewal = subject.loop.renew(1n)
    await turns()
    subject.lead(2)
    expect(await renewal).toEqual({ ok: true, ttl: 2 })
  })

  test('waits no longer than the timeout for a revocation, or for a leader', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(2000)
    const expired = subject.loop.renew(1n)
    await turns()
    subject.advance(TIMEOUT_MS - 100)
    expect(await isSettled(expired)).toBe(false)
    subject.advance(100)
    expect(await expired).toEqual({ ok: false, error: 'timeout' })
    subject.lead(undefined)
    const leaderless = subject.loop.renew(1n)
    await turns()
    subject.advance(TIMEOUT_MS)
    expect(await leaderless).toEqual({ ok: false, error: 'timeout' })
  })

  test('waits for this member to lead', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.lead(undefined)
    const renewal = subject.loop.renew(1n)
    const lookup = subject.loop.lookUp(1n)
    expect(await isSettled(renewal)).toBe(false)
    subject.lead(2)
    expect(await renewal).toEqual({ ok: true, ttl: 2 })
    expect(await lookup).toMatchObject({ ok: true, remainingMs: 3000 })
  })

  test('after a checkpoint is told only when that is cleared in the log', async () => {
    const subject = new Subject()
    subject.grant(1n, 1000)
    subject.advance(300_000)
    const remaining = (await subject.applyAll())[0]
    expect(remaining).toMatchObject({
      case: 'leaseCheckpoint',
      value: { term: 1, leases: [{ lease: 1n, grantIndex: 1, remainingTtl: 700 }] },
    })
    const renewal = subject.loop.renew(1n)
    expect(await isSettled(renewal)).toBe(false)
    expect(await subject.applyAll()).toMatchObject([{ value: { leases: [{ remainingTtl: 0 }] } }])
    expect(await renewal).toEqual({ ok: true, ttl: 1000 })
    const next = subject.loop.renew(1n)
    expect(await next).toEqual({ ok: true, ttl: 1000 })
    expect(subject.proposals).toEqual([])
  })

  test('finds a lease gone that was revoked while its checkpoint was cleared', async () => {
    const subject = new Subject()
    subject.grant(1n, 1000)
    subject.advance(300_000)
    await subject.applyAll()
    const renewal = subject.loop.renew(1n)
    await turns()
    subject.table.revoke(1n)
    subject.proposals.splice(0)[0]?.settle({ ok: true, revision: 1, response: {} })
    expect(await renewal).toEqual({ ok: false, error: 'lease-not-found' })
  })

  test('and everything that waits ends when the server stops', async () => {
    const subject = new Subject()
    subject.grant(1n, 2)
    subject.advance(2000)
    const renewal = subject.loop.renew(1n)
    await turns()
    subject.loop.stop()
    expect(await renewal).toEqual({ ok: false, error: 'stopped' })
    expect(await subject.loop.renew(1n)).toEqual({ ok: false, error: 'stopped' })
  })
})

describe('where another member leads', () => {
  const LEADER = '00000000000000b2'

  function follower(): Subject {
    const subject = new Subject()
    subject.grant(1n, 10)
    subject.term = undefined
    subject.leader = LEADER
    subject.loop.onAdvanced()
    return subject
  }

  test('a renewal is that member’s to give', async () => {
    const subject = follower()
    const asked: unknown[] = []
    subject.renewAt = async (leader, id) => {
      asked.push([leader, id])
      return { ok: true, ttl: 10 }
    }
    expect(await subject.loop.renew(1n)).toEqual({ ok: true, ttl: 10 })
    expect(asked).toEqual([[LEADER, 1n]])
    subject.renewAt = async () => ({ ok: false, error: 'lease-not-found' })
    expect(await subject.loop.renew(1n)).toEqual({ ok: false, error: 'lease-not-found' })
  })

  test.each([undefined, { ok: false, error: 'not-leader' } as const])(
    'a question without an answer is asked again, of whoever leads then',
    async (answer) => {
      const subject = follower()
      const asked: string[] = []
      subject.renewAt = async (leader) => {
        asked.push(leader)
        return asked.length < 3 ? answer : { ok: true, ttl: 10 }
      }
      const renewal = subject.loop.renew(1n)
      await turns(2)
      subject.advance(100)
      await turns(2)
      expect(asked).toEqual([LEADER, LEADER])
      subject.leader = '00000000000000c3'
      subject.loop.onLeader()
      expect(await renewal).toEqual({ ok: true, ttl: 10 })
      expect(asked[2]).toBe('00000000000000c3')
    },
  )

  test('a renewal that nobody answers ends with the timeout', async () => {
    const subject = follower()
    const renewal = subject.loop.renew(1n)
    for (let i = 0; i <= TIMEOUT_MS / 100; i++) {
      await turns(2)
      subject.advance(100)
    }
    expect(await renewal).toEqual({ ok: false, error: 'timeout' })
  })

  test('a renewal waits while no leader is known, and goes to the one that comes', async () => {
    const subject = follower()
    subject.leader = undefined
    subject.renewAt = async () => ({ ok: true, ttl: 10 })
    const renewal = subject.loop.renew(1n)
    expect(await isSettled(renewal)).toBe(false)
    subject.leader = LEADER
    subject.loop.onLeader()
    expect(await renewal).toEqual({ ok: true, ttl: 10 })
  })

  test('the lease is looked up here, and what it has left there', async () => {
    const subject = follower()
    subject.remainingAt = async () => ({ ok: true, remainingMs: 4321 })
    const lease = subject.table.get(1n)
    expect(await subject.loop.lookUp(1n)).toEqual({ ok: true, lease, remainingMs: 4321 })
    subject.remainingAt = async () => ({ ok: false, error: 'lease-not-found' })
    expect(await subject.loop.lookUp(1n)).toMatchObject({ ok: true, lease: undefined })
  })

  test('another member that asks is told at once that this one does not lead', async () => {
    const subject = follower()
    const refused = { ok: false, error: 'not-leader' }
    expect(await subject.loop.renewForMember(1n)).toEqual(refused)
    expect(await subject.loop.remainingForMember(1n)).toEqual(refused)
  })
})

test('another member that asks the leader is answered as a client is', async () => {
  const subject = new Subject()
  subject.grant(1n, 10)
  subject.advance(3000)
  expect(await subject.loop.remainingForMember(1n)).toEqual({ ok: true, remainingMs: 7000 })
  expect(await subject.loop.renewForMember(1n)).toEqual({ ok: true, ttl: 10 })
  expect(await subject.loop.remainingForMember(1n)).toEqual({ ok: true, remainingMs: 10_000 })
  const gone = { ok: false, error: 'lease-not-found' }
  expect(await subject.loop.renewForMember(2n)).toEqual(gone)
  expect(await subject.loop.remainingForMember(2n)).toEqual(gone)
})

test('one entry saves what is left of many leases, and one is in flight at a time', async () => {
  const subject = new Subject()
  subject.grantMany(1500, 1000)
  subject.advance(300_000)
  expect(subject.proposals).toHaveLength(1)
  subject.advance(1000)
  expect(subject.proposals).toHaveLength(1)
  expect((await subject.applyAll())[0]).toMatchObject({ value: { leases: { length: 1000 } } })
  subject.advance(100)
  expect((await subject.applyAll())[0]).toMatchObject({ value: { leases: { length: 500 } } })
})

test.each([
  [1000, 2],
  [100, 1],
  [5000, 8],
])('with an election timeout of %i ms the smallest TTL is %i s', (electionMs, ttl) => {
  const subject = new Subject()
  const loop = new LeaseLoop(new LeaseTable(), subject, {
    electionMs,
    timeoutMs: TIMEOUT_MS,
    checkpointIntervalMs: 300_000,
  })
  expect(loop.minimumTtl).toBe(ttl)
})
