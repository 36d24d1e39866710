/**
 * The first frame in each direction of a connection. The dialer says who it is, whom it wants and
 * what for; the acceptor answers with one word, and on anything but `ok` closes.
 *
 *     hello:   ['quorate-peer', version, kind, clusterId, from, to, urls of from]
 *              ['quorate-peer', version, 'query']     from a member that is not one yet
 *     answer:  [word]   or, to a query, ['ok', description] (cluster-query.ts)
 */

import type { MemberId } from '../raft/types.ts'
import { dataFrame } from './frame.ts'
import { isCount, isId, isTextList } from './field.ts'
import { unpackArray } from './packing.ts'

const MAGIC = 'quorate-peer'
export const PROTOCOL_VERSION = 1
const MAX_URLS = 32
const MAX_URL_LENGTH = 1024

/**
 * messages: everything that must never wait. append: MsgApp and MsgProp, which carry entries.
 * call: requests one way, responses the other. snapshot: one state, once.
 */
const MEMBER_KINDS = ['messages', 'append', 'call', 'snapshot'] as const
export type StreamKind = (typeof MEMBER_KINDS)[number]

export interface MemberHello {
  readonly kind: StreamKind
  readonly clusterId: string
  readonly from: MemberId
  readonly to: MemberId
  /** Where the one who dials can be reached; nothing when it does not say. */
  readonly urls?: readonly string[]
}

export type Hello = MemberHello | { readonly kind: 'query' }

/** Why a connection was not taken. `removed`: the cluster has removed the member that dialed. */
const REFUSALS = [
  'wrong-version',
  'wrong-cluster',
  'wrong-member',
  'removed',
  'not-ready',
  'stopping',
] as const
export type Refusal = (typeof REFUSALS)[number]

export function helloFrame(hello: Hello): Buffer {
  if (hello.kind === 'query') return dataFrame([MAGIC, PROTOCOL_VERSION, 'query'])
  const { kind, clusterId, from, to, urls = [] } = hello
  // More would be refused, and the connection with them.
  const taken = urls.filter((url) => url.length <= MAX_URL_LENGTH).slice(0, MAX_URLS)
  return dataFrame([MAGIC, PROTOCOL_VERSION, kind, clusterId, from, to, taken])
}

/** Undefined for what is not a hello at all. */
export function decodeHello(body: Uint8Array): Hello | 'wrong-version' | undefined {
  const values = unpackArray(body)
  if (values === undefined || values[0] !== MAGIC || !isCount(values[1])) return undefined
  if (values[1] !== PROTOCOL_VERSION) return 'wrong-version'
  if (values[2] === 'query') return values.length === 3 ? { kind: 'query' } : undefined
  const [, , kindName, clusterId, from, to, urls] = values
  const kind = MEMBER_KINDS.find((name) => name === kindName)
  if (kind === undefined || values.length !== 7) return undefined
  if (!isId(clusterId) || !isId(from) || !isId(to)) return undefined
  if (!isTextList(urls, MAX_URLS, MAX_URL_LENGTH)) return undefined
  return { kind, clusterId, from, to, urls }
}

export function answerFrame(answer: 'ok' | Refusal): Buffer {
  return dataFrame([answer])
}

/** Undefined for what is not an answer. */
export function decodeAnswer(body: Uint8Array): 'ok' | Refusal | undefined {
  const values = unpackArray(body)
  if (values?.length !== 1) return undefined
  return values[0] === 'ok' ? 'ok' : refusalOf(values[0])
}

export function refusalOf(value: unknown): Refusal | undefined {
  return REFUSALS.find((name) => name === value)
}
