/** Draws membership changes: mostly sensible ones, at times one that must not take effect. */

import type { Random } from '../../../src/base/ports.ts'
import type { ConfChange, ConfChangeStep, ConfState, MemberId } from '../../../src/raft/types.ts'
import { isJoint, LEAVE_JOINT, membersOf } from './conf-changes.ts'

function pick<T>(items: readonly T[], random: Random): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)]
}

const TYPES: readonly ConfChangeStep['type'][] = ['add-voter', 'add-learner', 'remove']
const TRANSITIONS: readonly ConfChange['transition'][] = [
  'auto',
  'joint-implicit',
  'joint-explicit',
]

/** One step that changes something, as far as there is one of the kind that was drawn. */
function drawStep(conf: ConfState, all: readonly MemberId[], random: Random): ConfChangeStep {
  const outside = all.filter((id) => !membersOf(conf).includes(id))
  const kinds: readonly (readonly [ConfChangeStep['type'], readonly MemberId[]])[] = [
    ['add-voter', outside],
    ['add-learner', outside],
    ['add-voter', conf.learners],
    ['remove', conf.learners],
    ['remove', conf.voters],
    ['add-learner', conf.voters],
    ['add-voter', [...conf.learners, ...outside]],
  ]
  const [type, ids] = kinds[random.below(kinds.length)] as (typeof kinds)[number]
  const id = pick(ids, random)
  if (id !== undefined && !(conf.voters.length === 1 && conf.voters[0] === id)) return { type, id }
  return {
    type: TYPES[random.below(2)] as ConfChangeStep['type'],
    id: pick(all, random) as MemberId,
  }
}

export function drawChange(conf: ConfState, all: readonly MemberId[], random: Random): ConfChange {
  const dice = random.below(100)
  if (isJoint(conf)) {
    if (dice < 80) return LEAVE_JOINT
    return { steps: [drawStep(conf, all, random)], transition: 'auto' }
  }
  if (dice < 3) return LEAVE_JOINT
  const count = dice < 50 ? 1 : 2 + random.below(3)
  const steps = Array.from({ length: count }, () => drawStep(conf, all, random))
  return { steps, transition: TRANSITIONS[random.below(TRANSITIONS.length)] ?? 'auto' }
}
