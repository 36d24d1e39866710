import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { committedIndex, majority, voteResult } from '../../src/raft/quorum.ts'

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

describe('quorum', () => {
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
