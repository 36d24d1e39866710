/**
 * The mathematics of majorities, as pure functions over lists of voters. A joint configuration
 * has two lists, and decides only what a majority of either decides (thesis §4.3).
 */

import type { ConfState, MemberId } from './types.ts'

export type VoteResult = 'won' | 'lost' | 'pending'

/** Both lists of voters. An empty outgoing one never decides. */
export type Electorate = Pick<ConfState, 'voters' | 'votersOutgoing'>

/** The smallest number of voters that any two choices of must share one. */
export function majority(count: number): number {
  return Math.floor(count / 2) + 1
}

/**
 * The highest index that a majority of voters has acknowledged. Without voters there is nobody to
 * disagree: the largest index, so that an empty half of a joint configuration never decides.
 */
export function committedIndex(
  voters: readonly MemberId[],
  acked: (id: MemberId) => number,
): number {
  const first = voters[0]
  if (first === undefined) return Number.MAX_SAFE_INTEGER
  if (voters.length === 1) return acked(first)
  const indexes = voters.map(acked).sort((a, b) => b - a)
  return indexes[majority(voters.length) - 1] as number
}

/** An election is lost as soon as the voters still silent cannot turn it. */
export function voteResult(
  voters: readonly MemberId[],
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = votes.get(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = majority(voters.length)
  if (granted >= needed || voters.length === 0) return 'won'
  return granted + missing >= needed ? 'pending' : 'lost'
}

/** The highest index that both majorities have acknowledged. */
export function jointCommittedIndex(
  { voters, votersOutgoing }: Electorate,
  acked: (id: MemberId) => number,
): number {
  const incoming = committedIndex(voters, acked)
  if (votersOutgoing.length === 0) return incoming
  return Math.min(incoming, committedIndex(votersOutgoing, acked))
}

/** Lost when either half is lost, won when both are won. */
export function jointVoteResult(
  { voters, votersOutgoing }: Electorate,
  votes: ReadonlyMap<MemberId, boolean>,
): VoteResult {
  const incoming = voteResult(voters, votes)
  if (votersOutgoing.length === 0) return incoming
  const outgoing = voteResult(votersOutgoing, votes)
  if (incoming === outgoing) return incoming
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending'
}
