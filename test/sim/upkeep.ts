/**
 * What an operator does while clients work: hashes compared, space given back, members looked at
 * and told new addresses. None of it is part of a history; what is wrong is reported at once.
 */

import type { HashKVResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import type { Outcome } from './check/history.ts'
import { ask } from './client.ts'
import type { Draws } from './draws.ts'
import type { SimMember } from './member.ts'
import { voteProblem } from './member-lists.ts'
import { peerUrlOf } from './origin.ts'
import type { Answer } from './outcome.ts'
import type { Commons } from './workload.ts'

export class Upkeep {
  readonly #commons: Commons
  readonly #draws: Draws
  readonly #timeoutMs: number

  constructor(commons: Commons, draws: Draws, timeoutMs: number) {
    this.#commons = commons
    this.#draws = draws
    this.#timeoutMs = timeoutMs
  }

  async act(member: SimMember): Promise<Outcome> {
    const what = this.#draws.weighted({ hash: 4, defragment: 1, list: 1, update: 3 })
    if (what === 'hash') await this.#compareHashes()
    else if (what === 'defragment') await this.#ask(member, 'Maintenance.Defragment', {})
    else if (what === 'list') await this.#list(member)
    else await this.#update(member)
    return { type: 'unknown' }
  }

  /** Of the same history everybody has the same hash, whenever and how often it is asked for. */
  async #compareHashes(): Promise<void> {
    const { members, highestRevision } = this.#commons
    const revision = Math.max(0, highestRevision - this.#draws.below(6))
    for (const member of members.filter(({ state }) => state === 'up')) {
      await this.#compareHash(member, revision)
    }
  }

  async #compareHash(member: SimMember, revision: number): Promise<void> {
    const { hashes, around } = this.#commons
    const answer = await this.#ask(member, 'Maintenance.HashKV', { revision })
    if (answer.type !== 'answered') return
    const { hash = 0, ...over } = answer.response as HashKVResponseInput
    const { compactRevision = 0, hashRevision = 0 } = over
    const name = `revision ${hashRevision}, compacted at ${compactRevision}`
    const other = hashes.get(name)
    if (other === undefined) hashes.set(name, { hash, member: member.name })
    else if (other.hash === hash) around.census.count('hash of a history found again')
    else {
      const sentence = `HashKV at ${name} is ${other.hash} on ${other.member} and ${hash} on ${member.name}`
      around.report('hash-kv-differs', sentence)
    }
  }

  /** Addresses say nothing here, but they are part of the members' records. */
  async #update(member: SimMember): Promise<void> {
    const running = this.#commons.members.filter(({ state }) => state !== 'gone')
    const learners = running.filter((one) => one.status?.learners.includes(one.id) === true)
    const { id, number } = this.#draws.pick(learners.length > 0 ? learners : running)
    const peerUrls = [peerUrlOf(number), ...(this.#draws.chance(0.5) ? [otherUrlOf(number)] : [])]
    const answer = await this.#ask(member, 'Cluster.MemberUpdate', { id, peerUrls })
    if (answer.type === 'answered' && learners.length > 0) {
      this.#commons.around.census.tally('address of a learner changed')
    }
    this.#lookAt(member, answer)
  }

  async #list(member: SimMember): Promise<void> {
    this.#lookAt(member, await this.#ask(member, 'Cluster.MemberList', { linearizable: true }))
  }

  #lookAt(member: SimMember, answer: Answer): void {
    const problem = voteProblem(member, answer)
    if (problem !== undefined) this.#commons.around.report('members-disagree', problem)
  }

  #ask(member: SimMember, method: string, request: object): Promise<Answer> {
    const { around } = this.#commons
    return ask(around, this.#draws, member, this.#timeoutMs, (test, caller) =>
      test.call<object>(method, request, caller),
    )
  }
}

/** Behind the first one in the order of addresses. */
function otherUrlOf(number: number): string {
  return `http://q:${number}`
}
