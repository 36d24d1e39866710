/** What every member answers in the end: all that it has, hashed, and who it says is in the cluster. */

import type { RangeResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import type { Member } from '../../src/server/membership.ts'
import { k, rangeRequest } from '../server/support/requests.ts'
import type { FinalState } from './check/history.ts'
import { ask } from './client.ts'
import { Draws } from './draws.ts'
import { MemberLists } from './member-lists.ts'
import type { SimMember, Surroundings } from './member.ts'
import { kvOf } from './wire.ts'

const TIMEOUT_MS = 9000

export class FinalStates {
  readonly #around: Surroundings
  readonly #draws: Draws
  readonly #memberLists = new MemberLists()

  constructor(around: Surroundings) {
    this.#around = around
    this.#draws = new Draws(around.plan.seed, 'end')
  }

  /** One after the other. Reports who does not answer, or says that something is wrong. */
  async collect(members: readonly SimMember[]): Promise<FinalState[]> {
    const finals: FinalState[] = []
    for (const member of members) {
      finals.push(await this.#stateOf(member))
      await this.#lookAround(member)
    }
    return finals
  }

  async #stateOf(member: SimMember): Promise<FinalState> {
    const all = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), serializable: true })
    const range = await this.#get<RangeResponseInput>(member, 'KV.Range', all)
    const hashed = await this.#get<{ hash?: number; compactRevision?: number }>(
      member,
      'Maintenance.HashKV',
      { revision: 0 },
    )
    const leases = await this.#get<{ leases?: { id: bigint }[] }>(member, 'Lease.LeaseLeases', {})
    const revision = range?.header?.revision ?? 0
    const { hash = 0, compactRevision = 0 } = hashed ?? {}
    return {
      member: member.name,
      at: this.#around.world.nowMs,
      revision,
      kvs: (range?.kvs ?? []).map((record) => kvOf(record)),
      ...(hashed !== undefined && { hashes: [{ revision, compactRevision, hash }] }),
      ...(leases !== undefined && { leases: (leases.leases ?? []).map(({ id }) => id) }),
    }
  }

  async #lookAround(member: SimMember): Promise<void> {
    const { report } = this.#around
    const status = await this.#get<{ errors?: readonly string[] }>(member, 'Maintenance.Status', {})
    const list = await this.#get<{ members?: readonly Member[] }>(member, 'Cluster.MemberList', {})
    const problem = list && this.#memberLists.problemWith(member, list.members ?? [])
    if (problem !== undefined) report('members-disagree', problem)
    const errors = status?.errors ?? []
    if (errors.length > 0) report('alarm', `${member.name}: ${errors.join(', ')}`)
  }

  async #get<Response>(
    member: SimMember,
    method: string,
    request: object,
  ): Promise<Response | undefined> {
    const answer = await ask(this.#around, this.#draws, member, TIMEOUT_MS, (test) =>
      test.call<object>(method, request),
    )
    if (answer.type === 'answered') return answer.response as Response
    const isLearner = member.status?.learners.includes(member.id) === true
    if (!isLearner) this.#around.report('not-live', `${method} at ${member.name}: ${answer.type}`)
    return undefined
  }
}
