/** What a client may do, and what is made of its silence. */

import { describe, expect, test } from 'vitest'
import { FloodGuard } from '../../../src/rpc/native/flood-guard.ts'
import { Keepalive } from '../../../src/rpc/native/keepalive.ts'
import { PingPolicy } from '../../../src/rpc/native/ping-policy.ts'
import { ReceiveWindow } from '../../../src/rpc/native/receive-window.ts'

describe('pings of a client', () => {
  test('may come every five seconds while there are calls', () => {
    const policy = new PingPolicy(5000)
    for (let i = 0; i < 100; i++) expect(policy.allows(i * 5000, true)).toBe(true)
  })

  test('that come faster are forgiven twice', () => {
    const policy = new PingPolicy(5000)
    expect([0, 1, 2, 3].map((ms) => policy.allows(ms, true))).toEqual([true, true, true, false])
  })

  test('without calls are too many when they are less than two hours apart', () => {
    const policy = new PingPolicy(5000)
    const minute = 60_000
    const times = [0, minute, 2 * minute, 3 * minute]
    expect(times.map((ms) => policy.allows(ms, false))).toEqual([true, true, true, false])
  })

  test('are all forgiven by a response', () => {
    const policy = new PingPolicy(5000)
    for (let ms = 0; ms < 100; ms++) {
      if (ms % 3 === 0) policy.forgive()
      expect(policy.allows(ms, true)).toBe(true)
    }
    expect([100, 101, 102].map((ms) => policy.allows(ms, true))).toEqual([true, true, false])
  })
})

describe('keepalive of the server', () => {
  test('pings a silent client, and gives it up when it stays silent', () => {
    const keepalive = new Keepalive(1000, 200, 0)
    expect(keepalive.check(999)).toBe('alive')
    expect(keepalive.check(1000)).toBe('ping')
    expect(keepalive.check(1100)).toBe('alive')
    expect(keepalive.check(1200)).toBe('dead')
  })

  test('takes anything for a sign of life', () => {
    const keepalive = new Keepalive(1000, 200, 0)
    expect(keepalive.check(1000)).toBe('ping')
    keepalive.onActivity()
    expect(keepalive.check(1300)).toBe('alive')
    expect(keepalive.check(2299)).toBe('alive')
    expect(keepalive.check(2300)).toBe('ping')
  })
})

describe('the flood guard', () => {
  test('lets a burst through, then what its rate allows, each kind for itself', () => {
    let nowMs = 0
    const guard = new FloodGuard(() => nowMs)
    const count = (): number => {
      let allowed = 0
      while (allowed < 1000 && guard.allows('settings')) allowed++
      return allowed
    }
    expect(count()).toBe(100)
    expect(guard.allows('ping')).toBe(true)
    nowMs += 1000
    expect(count()).toBe(10)
    nowMs += 3_600_000
    expect(count()).toBe(100)
  })
})

describe('a receive window', () => {
  test('says no to more than was announced', () => {
    const window = new ReceiveWindow(100)
    expect(window.take(100)).toBe(true)
    expect(window.take(1)).toBe(false)
  })

  test('is given back by halves, and never loses a byte', () => {
    const window = new ReceiveWindow(100)
    let announced = 100
    for (let taken = 0; taken < 10_000; taken += 7) {
      expect(announced).toBeGreaterThanOrEqual(7)
      expect(window.take(7)).toBe(true)
      announced -= 7
      const increment = window.credit(7)
      expect(increment === 0 || increment >= 50).toBe(true)
      announced += increment
    }
  })
})
