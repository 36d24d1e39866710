/**
 * Compares what two servers answered to one request, field by field. Only the identity of the
 * answering member is taken out, and what `etcd-versions.ts` lists for the reference's release.
 */

import { isDeepStrictEqual } from 'node:util'
import type { CallResult, Message } from './grpc-client.ts'
import { STABLE_SORT_MAX } from './etcd-versions.ts'
import type { Peculiarities } from './etcd-versions.ts'

/** Undefined when the answers agree, otherwise a text that shows the request and both answers. */
export function differenceBetween(
  method: string,
  request: Message,
  reference: CallResult,
  ours: CallResult,
  peculiarities: Peculiarities,
): string | undefined {
  const expected = normalise(reference)
  const actual = normalise(ours)
  const bothRefused = !expected.ok && !actual.ok
  if (method === 'KV.Txn' && bothRefused && !peculiarities.checksTxnInOrder) return undefined
  const equal =
    method === 'Maintenance.HashKV'
      ? isDeepStrictEqual(
          relaxHash(expected, expected, peculiarities),
          relaxHash(actual, expected, peculiarities),
        )
      : sameAnswer(method, request, expected, actual)
  if (equal) return undefined
  return [
    `${method} ${show(request)}`,
    `  reference: ${show(expected)}`,
    `  ours:      ${show(actual)}`,
  ].join('\n')
}

/** Byte strings as latin1, so that a text shows what was sent. */
export function show(value: unknown): string {
  return JSON.stringify(value, function replace(this: Message, name: string, shown: unknown) {
    const raw: unknown = this[name]
    return Buffer.isBuffer(raw) ? raw.toString('latin1') : shown
  })
}

/** The top header names the member that answered and its term: those two are the server's own. */
function normalise(result: CallResult): CallResult {
  if (!result.ok) return result
  const header: unknown = result.response['header']
  if (typeof header !== 'object' || header === null) return result
  const identity = { cluster_id: '-', member_id: '-', raft_term: '-' }
  return { ok: true, response: { ...result.response, header: { ...header, ...identity } } }
}

function relaxHash(result: CallResult, reference: CallResult, rules: Peculiarities): CallResult {
  if (!result.ok || !reference.ok) return result
  const response: Message = { ...result.response }
  if (!rules.hasHashRevision) delete response['hash_revision']
  const wasCompacted = Number(reference.response['compact_revision']) > 0
  if (wasCompacted && !rules.hashComparableAfterCompaction) delete response['hash']
  return { ok: true, response }
}

function sameAnswer(
  method: string,
  request: Message,
  expected: CallResult,
  actual: CallResult,
): boolean {
  if (isDeepStrictEqual(expected, actual)) return true
  if (!expected.ok || !actual.ok) return false
  if (method === 'KV.Range') return sameRange(request, expected.response, actual.response)
  if (method === 'KV.Txn') return sameTxn(request, expected.response, actual.response)
  return false
}

function sameTxn(request: Message, expected: Message, actual: Message): boolean {
  const { responses: expectedOps, ...expectedRest } = expected
  const { responses: actualOps, ...actualRest } = actual
  if (!isDeepStrictEqual(expectedRest, actualRest)) return false
  if (expectedOps.length !== actualOps.length) return false
  const branch: Message[] = request[expected['succeeded'] === true ? 'success' : 'failure'] ?? []
  return expectedOps.every((left: Message, n: number) => {
    const right: Message = actualOps[n]
    if (isDeepStrictEqual(left, right)) return true
    if (left['response'] !== right['response']) return false
    if (left['response'] === 'response_range') {
      const asked = branch[n]?.['request_range'] ?? {}
      return sameRange(asked, left['response_range'], right['response_range'])
    }
    if (left['response'] === 'response_txn') {
      const asked = branch[n]?.['request_txn'] ?? {}
      return sameTxn(asked, left['response_txn'], right['response_txn'])
    }
    return false
  })
}

const SORT_FIELD: Readonly<Record<string, string>> = {
  VERSION: 'version',
  CREATE: 'create_revision',
  MOD: 'mod_revision',
  VALUE: 'value',
}

/**
 * Two ranges that differ may still be the same answer when keys with equal sort values could come
 * in any order: then the sort values must agree position by position, and each run of equal values
 * must hold the same keys, except the last run when the limit may have cut it anywhere.
 */
function sameRange(request: Message, expected: Message, actual: Message): boolean {
  const field = SORT_FIELD[String(request['sort_target'])]
  if (field === undefined || Number(expected['count']) <= STABLE_SORT_MAX) return false
  const { kvs: left, ...expectedRest } = expected
  const { kvs: right, ...actualRest } = actual
  if (!isDeepStrictEqual(expectedRest, actualRest) || left.length !== right.length) return false
  if (request['keys_only'] === true && field === 'value') return false // the values are not shown
  const sortValue = (kv: Message): string => show(kv[field])
  if (!isDeepStrictEqual(left.map(sortValue), right.map(sortValue))) return false
  const cutValue = expected['more'] === true ? sortValue(left.at(-1)) : undefined
  const comparable = (kvs: Message[]): string[] =>
    kvs
      .filter((kv) => sortValue(kv) !== cutValue)
      .map(show)
      .toSorted()
  return isDeepStrictEqual(comparable(left), comparable(right))
}

/** Whether a request, or one nested in it, has a sort option outside the enums. */
export function hasUnknownSortOption(request: Message): boolean {
  return Object.entries(request).some(([field, value]) => {
    if (field === 'sort_order' || field === 'sort_target') return typeof value === 'number'
    if (Array.isArray(value)) return value.some((item) => hasUnknownSortOption(item as Message))
    if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false
    return hasUnknownSortOption(value as Message)
  })
}
