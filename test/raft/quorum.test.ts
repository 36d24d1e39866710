import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { committedIndex, jointCommittedIndex } from '../../src/raft/quorum.ts'
import { jointVoteResult, majority, voteResult } from '../../src/raft/quorum.ts'

const voters = fc.uniqueArray(fc.stringMatching(/^[a-i]$/), { minLength: 1, maxLength: 9 })
const voted = fc.dictionary(fc.stringMatching(/^[a-k]$/), fc.boolean())
const acked = fc.dictionary(fc.stringMatching(/^[a-k]$/), fc.nat(20))

/** Tries every index from the top and counts heads. */
function slowCommittedIndex(ids: readonly string[], acks: Record<string, number>): number {
  for (let index = 20; index > 0; index--) {
    const holders = ids.filter((id) => (acks[id] ?? 0) >= index)
    if (holders.length * 2 > ids.length) return index
  }
  return 0
}

/** Tries every way in which the silent voters may still vote. */
function slowVoteResult(ids: readonly string[], votes: Record<string, boolean>): string {
  const silent = ids.filter((id) => votes[id] === undefined)
  const outcomes = new Set<boolean>()
  for (let ways = 0; ways < 2 ** silent.length; ways++) {
    const granted = ids.filter((id) => votes[id] ?? (ways >> silent.indexOf(id)) % 2 === 1)
    outcomes.add(granted.length * 2 > ids.length)
  }
  if (outcomes.size === 2) return 'pending'
  return outcomes.has(true) ? 'won' : 'lost'
}

/** Every index that both halves would hold by heads; the highest. */
function slowJointIndex(
  incoming: readonly string[],
  outgoing: readonly string[],
  acks: Record<string, number>,
): number {
  const holds = (ids: readonly string[], index: number): boolean => {
    const holders = ids.filter((id) => (acks[id] ?? 0) >= index)
    return ids.length === 0 || holders.length * 2 > ids.length
  }
  for (let index = 20; index > 0; index--) {
    if (holds(incoming, index) && holds(outgoing, index)) return index
  }
  return 0
}

/** Tries every way in which the silent voters of both halves may still vote. */
function slowJointResult(
  incoming: readonly string[],
  outgoing: readonly string[],
  votes: Record<string, boolean>,
): string {
  const silent = [...new Set([...incoming, ...outgoing])].filter((id) => votes[id] === undefined)
  const outcomes = new Set<boolean>()
  for (let ways = 0; ways < 2 ** silent.length; ways++) {
    const grants = (id: string): boolean => votes[id] ?? (ways >> silent.indexOf(id)) % 2 === 1
    const wins = (ids: readonly string[]): boolean =>
      ids.length === 0 || ids.filter(grants).length * 2 > ids.length
    outcomes.add(wins(incoming) && wins(outgoing))
  }
  if (outcomes.size === 2) return 'pending'
  return outcomes.has(true) ? 'won' : 'lost'
}

const half = fc.uniqueArray(fc.stringMatching(/^[a-g]$/), { maxLength: 5 })
const halves = fc.record({
  voters: fc.uniqueArray(fc.stringMatching(/^[a-g]$/), { minLength: 1, maxLength: 5 }),
  votersOutgoing: half,
})

describe('quorum', () => {
  test('a joint configuration commits what both majorities hold', () => {
    fc.assert(
      fc.property(halves, acked, (both, acks) => {
        const fast = jointCommittedIndex(both, (id) => acks[id] ?? 0)
        expect(fast).toBe(slowJointIndex(both.voters, both.votersOutgoing, acks))
      }),
      { numRuns: 2000 },
    )
  })

  test('a joint election is decided exactly when the silent voters cannot change it', () => {
    fc.assert(
      fc.property(halves, voted, (both, votes) => {
        const fast = jointVoteResult(both, new Map(Object.entries(votes)))
        expect(fast).toBe(slowJointResult(both.voters, both.votersOutgoing, votes))
      }),
      { numRuns: 2000 },
    )
  })

  test('two majorities of the same voters share a voter', () => {
    for (let count = 1; count < 20; count++) expect(2 * majority(count)).toBeGreaterThan(count)
  })

  test('the committed index is the highest that most voters acknowledged', () => {
    fc.assert(
      fc.property(voters, acked, (ids, acks) => {
        const fast = committedIndex(ids, (id) => acks[id] ?? 0)
        expect(fast).toBe(slowCommittedIndex(ids, acks))
      }),
      { numRuns: 2000 },
    )
  })

  test('an election is decided exactly when the silent voters cannot change it', () => {
    fc.assert(
      fc.property(voters, voted, (ids, votes) => {
        const fast = voteResult(ids, new Map(Object.entries(votes)))
        expect(fast).toBe(slowVoteResult(ids, votes))
      }),
      { numRuns: 2000 },
    )
  })

  test('nobody stands in the way when there are no voters', () => {
    expect(committedIndex([], () => 0)).toBe(Number.MAX_SAFE_INTEGER)
    expect(voteResult([], new Map())).toBe('won')
  })
})
