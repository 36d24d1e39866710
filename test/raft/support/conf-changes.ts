/**
 * Membership changes in tests: how an entry carries one, and what it does to a configuration.
 * The latter is written anew, over sorted lists, to compare the core's tracker with.
 */

import type { ConfChange, ConfChangeStep, ConfState, MemberId } from '../../../src/raft/types.ts'

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

export const LEAVE_JOINT: ConfChange = { steps: [], transition: 'auto' }

export function confStateOf(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = [],
): ConfState {
  return { ...EMPTY_CONF_STATE, voters: [...voters].sort(), learners: [...learners].sort() }
}

export function simpleChange(type: ConfChangeStep['type'], id: MemberId): ConfChange {
  return { steps: [{ type, id }], transition: 'auto' }
}

/** `add-voter 4, remove 2`, after `joint-explicit: ` or the like; nothing to leave a joint one. */
export function encodeConfChange(change: ConfChange): Uint8Array {
  if (change.steps.length === 0) return new Uint8Array(0)
  const steps = change.steps.map(({ type, id }) => `${type} ${id}`).join(', ')
  const head = change.transition === 'auto' ? '' : `${change.transition}: `
  return Buffer.from(head + steps, 'latin1')
}

export function decodeConfChange(data: Uint8Array): ConfChange {
  if (data.length === 0) return LEAVE_JOINT
  const words = Buffer.from(data).toString('latin1').split(': ')
  const transition = words.length === 1 ? 'auto' : (words[0] as ConfChange['transition'])
  const steps = (words.at(-1) as string).split(', ').map((step): ConfChangeStep => {
    const [type, id] = step.split(' ') as [ConfChangeStep['type'], MemberId]
    return { type, id }
  })
  return { steps, transition }
}

export function isJoint(conf: ConfState): boolean {
  return conf.votersOutgoing.length > 0
}

/** All that take part: voters of both halves, and learners. */
export function membersOf(conf: ConfState): MemberId[] {
  const { voters, votersOutgoing, learners, learnersNext } = conf
  return [...new Set([...voters, ...votersOutgoing, ...learners, ...learnersNext])].sort()
}

export function isVoterOf(conf: ConfState, id: MemberId): boolean {
  return conf.voters.includes(id) || conf.votersOutgoing.includes(id)
}

/** Whether those that `agrees` names are a majority of the voters, of each half if there are two. */
export function hasQuorum(conf: ConfState, agrees: (id: MemberId) => boolean): boolean {
  const half = (voters: readonly MemberId[]): boolean =>
    voters.length === 0 || 2 * voters.filter(agrees).length > voters.length
  return conf.voters.length > 0 && half(conf.voters) && half(conf.votersOutgoing)
}

/**
 * The configuration after a change, or undefined for one that must not take effect: any change
 * but leaving while joint, leaving while not, and one that leaves no voter.
 */
export function changed(conf: ConfState, change: ConfChange): ConfState | undefined {
  if (change.steps.length === 0) return isJoint(conf) ? left(conf) : undefined
  if (isJoint(conf)) return undefined
  const voters = new Set(conf.voters)
  const learners = new Set(conf.learners)
  for (const { type, id } of change.steps) {
    voters.delete(id)
    learners.delete(id)
    if (type === 'add-voter') voters.add(id)
    if (type === 'add-learner') learners.add(id)
  }
  if (voters.size === 0) return undefined
  const joint = change.transition !== 'auto' || differences(new Set(conf.voters), voters) > 1
  if (joint && conf.voters.length === 0) return undefined
  const waits = (id: MemberId): boolean => joint && conf.voters.includes(id)
  return {
    voters: [...voters].sort(),
    votersOutgoing: joint ? conf.voters : [],
    learners: [...learners].filter((id) => !waits(id)).sort(),
    learnersNext: [...learners].filter(waits).sort(),
    autoLeave: joint && change.transition !== 'joint-explicit',
  }
}

function left(conf: ConfState): ConfState {
  return confStateOf(conf.voters, [...conf.learners, ...conf.learnersNext])
}

function differences(a: ReadonlySet<MemberId>, b: ReadonlySet<MemberId>): number {
  const onlyInA = [...a].filter((id) => !b.has(id)).length
  return onlyInA + [...b].filter((id) => !a.has(id)).length
}
