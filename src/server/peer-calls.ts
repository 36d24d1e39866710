/**
 * What members ask each other: a follower passes on what only the leader can decide, and the
 * leader asks for state hashes. Both ends of each question are here.
 *
 * Where no answer comes, the outcome is undefined; 'not-leader' means that nothing was done.
 */

import type { MemberId } from '../raft/types.ts'
import type { Transport } from '../peer/ports.ts'
import {
  decodePeerRequest,
  decodePeerResponse,
  encodePeerRequest,
  encodePeerResponse,
  type PeerRequestInput,
  type PeerResponse,
  type PeerResponseInput,
} from '../rpc/codec/quoratepb.ts'
import type { Outcome } from './apply-txn.ts'
import type { HashAnswer } from './corruption-check.ts'
import { isErrorName, type ErrorName } from './errors.ts'
import type { RemainderOutcome, RenewOutcome } from './lease-loop.ts'
import type { Member } from './membership.ts'
import type { StatePoint } from './state-hash.ts'

/** What this member answers with. */
export interface PeerAnswers {
  readonly renew: (lease: bigint) => Promise<RenewOutcome>
  readonly remaining: (lease: bigint) => Promise<RemainderOutcome>
  readonly promote: (memberId: MemberId) => Promise<PromoteOutcome>
  readonly compareState: (asked: StatePoint) => Promise<HashAnswer>
}

export type PromoteOutcome = Outcome<{ readonly members: readonly Member[] }>

export class PeerCalls {
  readonly #transport: Transport
  readonly #timeoutMs: number

  constructor(transport: Transport, timeoutMs: number) {
    this.#transport = transport
    this.#timeoutMs = timeoutMs
  }

  async renew(leader: MemberId, lease: bigint): Promise<RenewOutcome | undefined> {
    const request = { case: 'leaseRenewal', value: { lease } } as const
    const answer = await this.#ask(leader, request)
    if (answer === undefined) return undefined
    if (!answer.ok) return answer
    const { response } = answer
    if (response?.case !== 'leaseRenewal') return undefined
    return { ok: true, ttl: response.value.ttl }
  }

  async remaining(leader: MemberId, lease: bigint): Promise<RemainderOutcome | undefined> {
    const request = { case: 'leaseRemainder', value: { lease } } as const
    const answer = await this.#ask(leader, request)
    if (answer === undefined) return undefined
    if (!answer.ok) return answer
    const { response } = answer
    if (response?.case !== 'leaseRemainder') return undefined
    return { ok: true, remainingMs: response.value.remainingMs }
  }

  /** A timeout may stand for a promotion; what was not sent counts as asked of the wrong member. */
  async promote(leader: MemberId, memberId: MemberId): Promise<PromoteOutcome> {
    const answer = await this.#ask(leader, { case: 'promotion', value: { memberId } })
    if (answer === undefined) return { ok: false, error: 'timeout' }
    if (!answer.ok) return answer
    const { response } = answer
    if (response?.case !== 'promotion') return { ok: false, error: 'timeout' }
    return { ok: true, revision: 0, response: { members: response.value.members } }
  }

  async compareState(member: MemberId, asked: StatePoint): Promise<HashAnswer> {
    const answer = await this.#ask(member, { case: 'stateHash', value: asked })
    if (answer?.ok !== true || answer.response?.case !== 'stateHash') return { verdict: 'unknown' }
    const { hash } = answer.response.value
    return hash === asked.hash ? { verdict: 'equal' } : { verdict: 'differs', hash }
  }

  async #ask(
    to: MemberId,
    request: NonNullable<PeerRequestInput['request']>,
  ): Promise<Answer | undefined> {
    const result = await this.#transport.call(to, encodePeerRequest({ request }), this.#timeoutMs)
    if (!result.ok) {
      return result.error === 'unreachable' ? { ok: false, error: 'not-leader' } : undefined
    }
    const decoded = tryDecode(result.response)
    if (decoded === undefined) return undefined
    const { error, response } = decoded
    if (error === '') return { ok: true, response }
    return isErrorName(error) ? { ok: false, error } : undefined
  }
}

type Answer =
  | { readonly ok: true; readonly response: PeerResponse['response'] }
  | { readonly ok: false; readonly error: ErrorName }

/** Undefined for bytes that are no answer. */
function tryDecode(bytes: Uint8Array): PeerResponse | undefined {
  try {
    return decodePeerResponse(bytes)
  } catch {
    return undefined
  }
}

/** Answers another member's question. Rejects when it asks for what this version does not know. */
export async function answerPeer(bytes: Uint8Array, answers: PeerAnswers): Promise<Uint8Array> {
  const { request } = decodePeerRequest(bytes)
  switch (request?.case) {
    case 'leaseRenewal': {
      const { lease } = request.value
      const outcome = await answers.renew(lease)
      if (!outcome.ok) return encodePeerResponse(outcome)
      return answered({ case: 'leaseRenewal', value: { lease, ttl: outcome.ttl } })
    }
    case 'leaseRemainder': {
      const { lease } = request.value
      const outcome = await answers.remaining(lease)
      if (!outcome.ok) return encodePeerResponse(outcome)
      const remainingMs = Math.trunc(outcome.remainingMs)
      return answered({ case: 'leaseRemainder', value: { lease, remainingMs } })
    }
    case 'promotion': {
      const { memberId } = request.value
      const outcome = await answers.promote(memberId)
      if (!outcome.ok) return encodePeerResponse(outcome)
      const { members } = outcome.response
      return answered({ case: 'promotion', value: { memberId, members } })
    }
    case 'stateHash': {
      const asked = request.value
      const answer = await answers.compareState(asked)
      if (answer.verdict === 'unknown') return encodePeerResponse({})
      const hash = answer.verdict === 'differs' ? answer.hash : asked.hash
      return answered({ case: 'stateHash', value: { ...asked, hash } })
    }
    case undefined:
      throw new Error('a member asks for what this version does not know')
  }
}

function answered(response: NonNullable<PeerResponseInput['response']>): Uint8Array {
  return encodePeerResponse({ response })
}
