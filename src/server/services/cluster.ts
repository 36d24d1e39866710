/** etcdserverpb.Cluster: who is in the cluster, and how that changes. */

import type { Clock, Logger } from '../../base/ports.ts'
import { NO_MEMBER, type MemberId } from '../../raft/types.ts'
import { defineUnary, type Method } from '../../rpc/engine.ts'
import {
  ClusterService as Rpc,
  type MemberAddRequest,
  type MemberAddResponseInput,
  type MemberListRequest,
  type MemberListResponseInput,
  type MemberPromoteRequest,
  type MemberPromoteResponseInput,
  type MemberRemoveRequest,
  type MemberRemoveResponseInput,
  type MemberUpdateRequest,
  type MemberUpdateResponseInput,
} from '../../rpc/codec/etcdserverpb.ts'
import {
  ConfChange_Type as ConfChangeType,
  type ConfChangeInput,
} from '../../rpc/codec/quoratepb.ts'
import type { Outcome } from '../apply-txn.ts'
import { errorText, etcdError, type ErrorName } from '../errors.ts'
import { memberIdOf } from '../member-id.ts'
import type { Member, Membership } from '../membership.ts'
import type { ReadOutcome } from '../read-index.ts'
import type { Reconfiguration } from '../reconfiguration.ts'
import type { ResponseHeaders } from '../response-header.ts'
import { parseUrls } from '../server-url.ts'

/** What a membership change is proposed as; the proposer adds its name and the request's number. */
export type ConfChangeProposal = Pick<ConfChangeInput, 'type' | 'member' | 'maxLearners'>

export interface ConfChangeProposer {
  /** Resolves with what applying came to; never rejects. */
  proposeConfChange<Response extends object>(change: ConfChangeProposal): Promise<Outcome<Response>>
}

/** What every change of the members answers with: all of them, as they are after it. */
export interface ChangedMembers {
  readonly members: readonly Member[]
}

export interface ClusterParts {
  readonly membership: Membership
  readonly reconfiguration: Reconfiguration
  readonly proposer: ConfChangeProposer
  readonly readIndex: { wait(): Promise<ReadOutcome> }
  readonly headers: ResponseHeaders
  readonly clock: Clock
  readonly logger: Logger
  /** Milliseconds since 1970: part of what a new member's id is made of. */
  readonly wallMs: () => number
  /** NO_MEMBER while none is known. */
  readonly leader: () => MemberId
  /** Has that member call its own `promote`. Outcomes as there, and 'timeout' when it is silent. */
  readonly forwardPromote: (leader: MemberId, id: MemberId) => Promise<Outcome<ChangedMembers>>
  /** Told how each promotion went that this member as the leader decided on. */
  readonly onPromotion: (error: ErrorName | undefined) => void
  /** Resolves a little later, with whether the server still runs. */
  readonly pause: () => Promise<boolean>
}

export interface ClusterOptions {
  readonly maxLearners: number
  /** How long a promotion looks for the leader. */
  readonly timeoutMs: number
}

export class ClusterService {
  readonly #parts: ClusterParts
  readonly #options: ClusterOptions

  constructor(parts: ClusterParts, options: ClusterOptions) {
    this.#parts = parts
    this.#options = options
  }

  methods(): Method[] {
    const { memberAdd, memberRemove, memberUpdate, memberList, memberPromote } = Rpc
    return [
      defineUnary(memberAdd.path, memberAdd.codec, (request) => this.memberAdd(request)),
      defineUnary(memberRemove.path, memberRemove.codec, (request) => this.memberRemove(request)),
      defineUnary(memberUpdate.path, memberUpdate.codec, (request) => this.memberUpdate(request)),
      defineUnary(memberList.path, memberList.codec, (request) => this.memberList(request)),
      defineUnary(memberPromote.path, memberPromote.codec, (request) =>
        this.memberPromote(request),
      ),
    ]
  }

  async memberAdd({ peerUrls, isLearner }: MemberAddRequest): Promise<MemberAddResponseInput> {
    const { reconfiguration, wallMs } = this.#parts
    const urls = parsePeerUrls(peerUrls)
    const id = memberIdOf(urls, '', Math.floor(wallMs() / 1000))
    const member = { id, name: '', peerUrls: urls, clientUrls: [], isLearner }
    this.#refuse(reconfiguration.mayAdd(isLearner ? 'learner' : 'voter'), 'add', id)
    const type = isLearner ? ConfChangeType.ADD_LEARNER : ConfChangeType.ADD_VOTER
    const { maxLearners } = this.#options
    const change = isLearner ? { type, member, maxLearners } : { type, member }
    return { ...(await this.#change(change)), member }
  }

  async memberRemove({ id }: MemberRemoveRequest): Promise<MemberRemoveResponseInput> {
    this.#refuse(this.#parts.reconfiguration.mayRemove(id), 'remove', id)
    return this.#change({ type: ConfChangeType.REMOVE, member: { id } })
  }

  /** etcd takes any text for a URL here and falls over it when it dials; this does not take it. */
  async memberUpdate({ id, peerUrls }: MemberUpdateRequest): Promise<MemberUpdateResponseInput> {
    const member = { id, peerUrls: parsePeerUrls(peerUrls) }
    return this.#change({ type: ConfChangeType.UPDATE, member })
  }

  async memberList({ linearizable }: MemberListRequest): Promise<MemberListResponseInput> {
    const { membership, readIndex, headers } = this.#parts
    if (linearizable) {
      const outcome = await readIndex.wait()
      if (outcome !== 'ready') throw etcdError(outcome)
    }
    return { header: headers.withoutRevision(), members: membership.members }
  }

  async memberPromote({ id }: MemberPromoteRequest): Promise<MemberPromoteResponseInput> {
    const outcome = await this.#promoteAtLeader(id)
    if (!outcome.ok) throw etcdError(outcome.error)
    return this.#answer(outcome.response)
  }

  /**
   * Promotes if this member leads, and says 'not-leader' otherwise: nothing was proposed then. Also
   * what another member's `forwardPromote` ends in.
   */
  async promote(id: MemberId): Promise<Outcome<ChangedMembers>> {
    const { headers, leader, onPromotion } = this.#parts
    if (leader() !== headers.memberId) return { ok: false, error: 'not-leader' }
    const outcome = await this.#promoteHere(id)
    onPromotion(outcome.ok ? undefined : outcome.error)
    return outcome
  }

  async #promoteHere(id: MemberId): Promise<Outcome<ChangedMembers>> {
    const { readIndex, reconfiguration, proposer } = this.#parts
    const read = await readIndex.wait()
    if (read === 'timeout') return { ok: false, error: 'timeout-wait-applied' }
    if (read !== 'ready') return { ok: false, error: read }
    const error = reconfiguration.mayPromote(id)
    if (error !== undefined) {
      this.#logRefusal(error, 'promote', id)
      return { ok: false, error }
    }
    return proposer.proposeConfChange({ type: ConfChangeType.PROMOTE, member: { id } })
  }

  /** Follows the leader while it changes, as long as it is certain that nothing was proposed. */
  async #promoteAtLeader(id: MemberId): Promise<Outcome<ChangedMembers>> {
    const { clock, headers, pause } = this.#parts
    const deadlineMs = clock.nowMs() + this.#options.timeoutMs
    for (;;) {
      const leader = this.#parts.leader()
      if (leader !== NO_MEMBER) {
        const outcome =
          leader === headers.memberId
            ? await this.promote(id)
            : await this.#parts.forwardPromote(leader, id)
        if (outcome.ok || outcome.error !== 'not-leader') return outcome
      }
      if (clock.nowMs() >= deadlineMs) {
        return { ok: false, error: leader === NO_MEMBER ? 'no-leader' : 'timeout' }
      }
      if (!(await pause())) return { ok: false, error: 'stopped' }
    }
  }

  async #change(change: ConfChangeProposal): Promise<MemberRemoveResponseInput> {
    const outcome = await this.#parts.proposer.proposeConfChange<ChangedMembers>(change)
    if (!outcome.ok) throw etcdError(outcome.error)
    return this.#answer(outcome.response)
  }

  #refuse(error: ErrorName | undefined, what: 'add' | 'remove', id: MemberId): void {
    if (error === undefined) return
    this.#logRefusal(error, what, id)
    throw etcdError(error)
  }

  /** The answer is short and goes to the client: the operator finds here what it was about. */
  #logRefusal(error: ErrorName, what: 'add' | 'remove' | 'promote', id: MemberId): void {
    this.#parts.logger.warn(`rejecting member ${what} request`, {
      'requested-member-id': id,
      reason: errorText(error),
    })
  }

  #answer({ members }: ChangedMembers): MemberRemoveResponseInput {
    return { header: this.#parts.headers.withoutRevision(), members }
  }
}

/** Sorted, each once. */
function parsePeerUrls(texts: readonly string[]): string[] {
  const urls = new Set<string>()
  for (const text of texts) {
    const parsed = parseUrls(text)
    if (!parsed.ok || parsed.urls.length !== 1) throw etcdError('member-bad-urls')
    for (const { href } of parsed.urls) urls.add(href)
  }
  if (urls.size === 0) throw etcdError('member-bad-urls')
  return [...urls].toSorted()
}
