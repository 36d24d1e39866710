/** Who is in the cluster, as each member says, against the configuration that it votes with. */

import type { Member } from '../../src/server/membership.ts'
import type { SimMember } from './member.ts'
import type { Answer } from './outcome.ts'

export class MemberLists {
  #first: { readonly of: string; readonly text: string } | undefined

  /** What is wrong with a member's list, when nothing changes any more. */
  problemWith(member: SimMember, listed: readonly Member[]): string | undefined {
    const { status, name } = member
    if (status === undefined) return undefined
    const ids = (isLearner: boolean): string =>
      idsOf(listed.filter((one) => (one.isLearner ?? false) === isLearner).map(({ id }) => id))
    if (ids(false) !== idsOf(status.voters) || ids(true) !== idsOf(status.learners)) {
      return `${name} lists the voters ${ids(false)} and learners ${ids(true)}, but votes with ${idsOf(status.voters)} and ${idsOf(status.learners)}`
    }
    const text = listed
      .map(({ id, peerUrls, name: own }) => `${id} ${own} ${peerUrls.join(' ')}`)
      .sort()
      .join('; ')
    this.#first ??= { of: name, text }
    const { of, text: other } = this.#first
    return text === other ? undefined : `${name} lists ${text}, but ${of} ${other}`
  }
}

/** Whether an answer lists a learner as a voter: a vote is not lost without the member. */
export function voteProblem({ name, status }: SimMember, answer: Answer): string | undefined {
  if (answer.type !== 'answered') return undefined
  const { members = [] } = answer.response as { readonly members?: readonly Member[] }
  const learners = status?.learners ?? []
  const wrong = members.find(({ id, isLearner }) => !isLearner && learners.includes(id))
  return wrong && `${name} lists ${wrong.id} as a voter, but it is a learner`
}

function idsOf(ids: readonly string[]): string {
  return ids.toSorted().join(',')
}
