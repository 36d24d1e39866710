import { describe, expect, test } from 'vitest'

import { Leadership } from '../../src/server/leadership.ts'
import type { RaftNode } from '../../src/server/raft-node.ts'
import { isSettled, ManualClock } from './support/doubles.ts'

const SELF = '00000000000000a1'
const OTHER = '00000000000000b2'

class Office {
  readonly memberId = SELF
  leader = SELF
  heir: 'started' | 'not-yet' | 'alone' = 'started'
  handOvers = 0
  isHandingOver = false
  readonly asked: string[] = []

  get isLeader(): boolean {
    return this.leader === SELF
  }

  transferLeadership(to: string): object {
    this.asked.push(to)
    if (!this.isLeader) return { ok: false, error: 'not-leader' }
    return to === OTHER ? { ok: true } : { ok: false, error: 'not-voter' }
  }

  handOver(): 'started' | 'not-yet' | 'alone' {
    this.handOvers++
    return this.heir
  }
}

function setUp(): { office: Office; clock: ManualClock; leadership: Leadership } {
  const office = new Office()
  const clock = new ManualClock()
  const leadership = new Leadership(office as unknown as RaftNode, clock, 1000)
  return { office, clock, leadership }
}

describe('a transfer', () => {
  test('is done when the other member leads, and not when another one does', async () => {
    const { office, leadership } = setUp()
    const transfer = leadership.transferTo(OTHER)
    for (const leader of ['', '00000000000000c3']) {
      office.leader = leader
      leadership.onLeader()
      expect(await isSettled(transfer)).toBe(false)
    }
    office.leader = OTHER
    leadership.onLeader()
    expect(await transfer).toEqual({ ok: true })
  })

  test('to the member that leads already is done at once', async () => {
    const { office, leadership } = setUp()
    expect(await leadership.transferTo(SELF)).toEqual({ ok: true })
    expect(office.asked).toEqual([])
  })

  test('that comes to nothing within an election timeout fails', async () => {
    const { clock, leadership } = setUp()
    const transfer = leadership.transferTo(OTHER)
    clock.advance(999)
    leadership.tick()
    expect(await isSettled(transfer)).toBe(false)
    clock.advance(1)
    leadership.tick()
    expect(await transfer).toEqual({ ok: false, error: 'transfer-timeout' })
  })

  test('ends when the server stops', async () => {
    const { leadership } = setUp()
    const transfer = leadership.transferTo(OTHER)
    leadership.stop()
    expect(await transfer).toEqual({ ok: false, error: 'stopped' })
  })

  test('is refused where this member does not lead, and to whom has no vote', async () => {
    const { office, leadership } = setUp()
    const badTarget = { ok: false, error: 'bad-leader-transferee' }
    expect(await leadership.transferTo('00000000000000c3')).toEqual(badTarget)
    office.leader = '00000000000000c3'
    expect(await leadership.transferTo(OTHER)).toEqual({ ok: false, error: 'not-leader' })
  })
})

describe('handing over', () => {
  test('waits until another member leads, however long none does', async () => {
    const { office, leadership } = setUp()
    const done = leadership.handOver('the test wants it', 500)
    office.leader = ''
    leadership.onLeader()
    expect(await isSettled(done)).toBe(false)
    office.leader = OTHER
    leadership.onLeader()
    await done
  })

  test('waits for a transfer that is under way already', async () => {
    const { office, leadership } = setUp()
    office.heir = 'not-yet'
    office.isHandingOver = true
    const done = leadership.handOver('the test wants it', 500)
    expect(await isSettled(done)).toBe(false)
    office.leader = OTHER
    leadership.onLeader()
    await done
  })

  test('gives up when its time is over', async () => {
    const { clock, leadership } = setUp()
    const done = leadership.handOver('the test wants it', 500)
    clock.advance(500)
    leadership.tick()
    await done
  })

  test('has nothing to wait for without an heir, nor where another member leads', async () => {
    const { office, leadership } = setUp()
    office.heir = 'alone'
    await leadership.handOver('the test wants it', 500)
    office.leader = OTHER
    office.heir = 'started'
    await leadership.handOver('the test wants it', 500)
  })

  test('asks again with every tick while nobody was heard of', async () => {
    const { office, clock, leadership } = setUp()
    office.heir = 'not-yet'
    const done = leadership.handOver('the test wants it', 500)
    expect(office.handOvers).toBe(1)
    clock.advance(100)
    office.heir = 'started'
    leadership.tick()
    expect(await isSettled(done)).toBe(false)
    expect(office.handOvers).toBe(2)
    office.leader = OTHER
    leadership.onLeader()
    await done
  })

  test('gives up in the end when nobody is heard of', async () => {
    const { office, clock, leadership } = setUp()
    office.heir = 'not-yet'
    const done = leadership.handOver('the test wants it', 500)
    clock.advance(500)
    leadership.tick()
    await done
  })
})
