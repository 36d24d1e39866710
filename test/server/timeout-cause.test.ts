import { describe, expect, test } from 'vitest'

import { TimeoutCause } from '../../src/server/timeout-cause.ts'
import { ManualClock } from './support/doubles.ts'

const SELF = '00000000000000a1'
const OTHER = '00000000000000b2'
const THIRD = '00000000000000c3'

function setUp(): {
  clock: ManualClock
  cause: TimeoutCause
  state: { leader: string; active: Record<string, number> }
} {
  const clock = new ManualClock()
  clock.advance(99_000)
  const state = { leader: SELF, active: { [OTHER]: 0, [THIRD]: 0 } as Record<string, number> }
  const cause = new TimeoutCause({
    clock,
    memberId: SELF,
    electionMs: 1000,
    leader: () => state.leader,
    voters: () => [SELF, OTHER, THIRD],
    activeSinceMs: (id) => state.active[id],
  })
  return { clock, cause, state }
}

describe('a request that timed out', () => {
  test('has no cause to tell when all was well', () => {
    const { cause } = setUp()
    expect(cause.of(95_000)).toBe('timeout')
  })

  test.each([
    [97_999, 'timeout'],
    [98_001, 'timeout-leader-fail'],
    [99_999, 'timeout-leader-fail'],
    [100_000, 'timeout'],
  ])('at %i ms, near an election that ended at 100 s, tells %s', (startMs, expected) => {
    const { cause } = setUp()
    cause.onLeader(OTHER)
    expect(cause.of(startMs)).toBe(expected)
  })

  test('the loss of a leader is no election', () => {
    const { cause } = setUp()
    cause.onLeader('')
    expect(cause.of(99_999)).toBe('timeout')
  })

  test('while this member leads, tells whether a quorum was connected all the time', () => {
    const { cause, state } = setUp()
    state.active = { [OTHER]: 96_000 }
    expect(cause.of(97_000)).toBe('timeout')
    expect(cause.of(95_000)).toBe('timeout-connection-lost')
  })

  test('while another leads, tells whether that one was', () => {
    const { cause, state } = setUp()
    state.leader = OTHER
    state.active = { [OTHER]: 96_000 }
    expect(cause.of(97_000)).toBe('timeout')
    expect(cause.of(95_000)).toBe('timeout-connection-lost')
    state.active = { [THIRD]: 0 }
    expect(cause.of(97_000)).toBe('timeout-connection-lost')
  })

  test('is not told anything while nobody leads', () => {
    const { cause, state } = setUp()
    state.leader = ''
    state.active = {}
    expect(cause.of(97_000)).toBe('timeout')
  })
})
