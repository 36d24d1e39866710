/**
 * From one configuration to the next (thesis §4.1 and §4.3), as pure functions.
 *
 *   (1 2 3)  --simple: at most one voter more or less-->  (1 2 3 4)
 *
 *   (1 2 3)  --enter-->  (1 4 5) and (1 2 3)  --leave-->  (1 4 5)
 *                        both majorities decide
 *
 * A voter that turns into a learner on the way still votes with the outgoing half: it is kept in
 * `learnersNext` and becomes a learner when the joint configuration is left.
 */

import type { ConfChange, ConfChangeStep, ConfState, MemberId } from './types.ts'

export type ConfChangeError =
  /** Steps, while the joint configuration of an earlier change is not left yet. */
  | 'joint'
  /** No steps, but there is no joint configuration to leave. */
  | 'not-joint'
  /** Nobody could decide anything any more. */
  | 'no-voters'

export type ConfChangeResult =
  | { readonly ok: true; readonly confState: ConfState }
  | { readonly ok: false; readonly error: ConfChangeError }

export function isJoint(state: Pick<ConfState, 'votersOutgoing'>): boolean {
  return state.votersOutgoing.length > 0
}

export function nextConfState(state: ConfState, change: ConfChange): ConfChangeResult {
  if (change.steps.length === 0) return leaveJoint(state)
  if (isJoint(state)) return { ok: false, error: 'joint' }
  const simple = takeSteps(state, change.steps)
  if (simple.voters.length === 0) return { ok: false, error: 'no-voters' }
  const isSimple = change.transition === 'auto' && differing(state.voters, simple.voters) <= 1
  return isSimple ? { ok: true, confState: simple } : enterJoint(state, change)
}

function enterJoint(state: ConfState, change: ConfChange): ConfChangeResult {
  if (state.voters.length === 0) return { ok: false, error: 'no-voters' }
  const joint: ConfState = {
    ...state,
    votersOutgoing: state.voters,
    autoLeave: change.transition !== 'joint-explicit',
  }
  return { ok: true, confState: takeSteps(joint, change.steps) }
}

function leaveJoint(state: ConfState): ConfChangeResult {
  if (!isJoint(state)) return { ok: false, error: 'not-joint' }
  const confState: ConfState = {
    voters: state.voters,
    votersOutgoing: [],
    learners: [...state.learners, ...state.learnersNext].sort(),
    learnersNext: [],
    autoLeave: false,
  }
  return { ok: true, confState }
}

/** Later steps overrule earlier ones. All lists come out in the order of ids. */
function takeSteps(state: ConfState, steps: readonly ConfChangeStep[]): ConfState {
  const voters = new Set(state.voters)
  const learners = new Set(state.learners)
  const learnersNext = new Set(state.learnersNext)
  for (const { type, id } of steps) {
    for (const ids of [voters, learners, learnersNext]) ids.delete(id)
    if (type === 'add-voter') voters.add(id)
    else if (type === 'add-learner') {
      const votesStill = state.votersOutgoing.includes(id)
      ;(votesStill ? learnersNext : learners).add(id)
    }
  }
  return {
    ...state,
    voters: [...voters].sort(),
    learners: [...learners].sort(),
    learnersNext: [...learnersNext].sort(),
  }
}

function differing(before: readonly MemberId[], after: readonly MemberId[]): number {
  const gone = before.filter((id) => !after.includes(id))
  const come = after.filter((id) => !before.includes(id))
  return gone.length + come.length
}

/**
 * Whether a configuration is one that changes can lead to. Without voters it must be empty, as
 * before bootstrap.
 */
export function isValidConfState(state: ConfState): boolean {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state
  const lists = [voters, votersOutgoing, learners, learnersNext]
  if (lists.some((ids) => ids.includes('') || new Set(ids).size < ids.length)) return false
  if (voters.length === 0) return lists.every((ids) => ids.length === 0) && !autoLeave
  if (!isJoint(state) && autoLeave) return false
  const votes = (id: MemberId): boolean => voters.includes(id) || votersOutgoing.includes(id)
  return (
    !learners.some(votes) &&
    learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id))
  )
}

/** Everybody who is told of entries: voters of both halves and learners, in the order of ids. */
export function membersOf(state: ConfState): MemberId[] {
  const { voters, votersOutgoing, learners, learnersNext } = state
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort()
}
