/**
 * What a cluster is, asked of one of its members by a member that is about to join it and has no
 * identity yet. The question goes to one address and is never led on to another.
 *
 *     answer: ['ok', [clusterId, [[id, name, [peerUrl…], [clientUrl…], isLearner] …], [removedId…]]]
 *             or [refusal]
 */

import type { Clock } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { exchange, refusalText } from './dial.ts'
import { isFlag, isId, isIdList, isText } from './field.ts'
import { dataFrame } from './frame.ts'
import { refusalOf } from './handshake.ts'
import { MAX_DESCRIPTION_BYTES, PEER_DEFAULTS } from './limits.ts'
import { unpackArray } from './packing.ts'
import { peerAddressOf } from './peer-address.ts'

export interface DescribedMember {
  readonly id: MemberId
  /** Empty while the member has not started. */
  readonly name: string
  readonly peerUrls: readonly string[]
  readonly clientUrls: readonly string[]
  readonly isLearner: boolean
}

export interface ClusterDescription {
  readonly clusterId: string
  readonly members: readonly DescribedMember[]
  /** Ids that may never come back. */
  readonly removed?: readonly MemberId[]
}

export type QueryResult =
  | { readonly ok: true; readonly cluster: ClusterDescription }
  /** `message` says in a clause what happened, for the log. */
  | {
      readonly ok: false
      readonly error: 'unreachable' | 'refused' | 'malformed'
      readonly message: string
    }

const MAX_MEMBERS = 1000
const MAX_REMOVED = 65_536
const MAX_NAME_LENGTH = 4096
const MAX_URLS = 100
const MAX_URL_LENGTH = 2048

/** Asks the member that listens at `url`. Connecting and answering may each take `timeoutMs`. */
export function queryCluster(url: string, timeoutMs: number, clock: Clock): Promise<QueryResult> {
  const limits = { ...PEER_DEFAULTS, connectTimeoutMs: timeoutMs, handshakeTimeoutMs: timeoutMs }
  return new Promise((resolve) => {
    exchange(
      url,
      { kind: 'query' },
      { limits, clock },
      (exchanged) => {
        if (!exchanged.ok) {
          resolve({ ok: false, error: 'unreachable', message: exchanged.reason })
          return
        }
        exchanged.connection.close('answered')
        resolve(queryResultOf(exchanged.body))
      },
      MAX_DESCRIPTION_BYTES,
    )
  })
}

export function descriptionFrame({ clusterId, members, removed = [] }: ClusterDescription): Buffer {
  const packed = members.map(({ id, name, peerUrls, clientUrls, isLearner }) => {
    return [id, name, peerUrls, clientUrls, isLearner]
  })
  return dataFrame(['ok', [clusterId, packed, removed]])
}

/** Exported for its tests. */
export function queryResultOf(body: Uint8Array): QueryResult {
  const values = unpackArray(body)
  const refusal = values?.length === 1 ? refusalOf(values[0]) : undefined
  if (refusal !== undefined) return { ok: false, error: 'refused', message: refusalText(refusal) }
  const cluster = values?.length === 2 && values[0] === 'ok' ? descriptionOf(values[1]) : undefined
  if (cluster !== undefined) return { ok: true, cluster }
  return { ok: false, error: 'malformed', message: 'the answer is not one of a member' }
}

function descriptionOf(value: unknown): ClusterDescription | undefined {
  if (!Array.isArray(value) || value.length !== 3) return undefined
  const [clusterId, packed, removed] = value as readonly unknown[]
  if (!isId(clusterId) || !isIdList(removed, MAX_REMOVED)) return undefined
  if (!Array.isArray(packed) || packed.length === 0 || packed.length > MAX_MEMBERS) return undefined
  const members: DescribedMember[] = []
  for (const item of packed as readonly unknown[]) {
    const member = memberOf(item)
    if (member === undefined || removed.includes(member.id)) return undefined
    members.push(member)
  }
  if (new Set(members.map(({ id }) => id)).size !== members.length) return undefined
  return { clusterId, members, removed }
}

function memberOf(value: unknown): DescribedMember | undefined {
  if (!Array.isArray(value) || value.length !== 5) return undefined
  const [id, name, peerUrls, clientUrls, isLearner] = value as readonly unknown[]
  if (!isId(id) || !isText(name, MAX_NAME_LENGTH) || !isFlag(isLearner)) return undefined
  if (!isUrlList(peerUrls) || !isUrlList(clientUrls)) return undefined
  // These are going to be dialed; client URLs are only passed on.
  if (peerUrls.length === 0 || peerUrls.some((url) => peerAddressOf(url) === undefined)) {
    return undefined
  }
  return { id, name, peerUrls, clientUrls, isLearner }
}

function isUrlList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_URLS &&
    value.every((url) => isText(url, MAX_URL_LENGTH) && url.length > 0)
  )
}
