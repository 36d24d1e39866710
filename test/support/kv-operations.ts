/**
 * Random requests of the KV service, for comparing two servers. A generated operation is symbolic:
 * keys and values are latin1 strings (one char per byte, so that counterexamples can be read), and
 * revisions are given relative to the servers' state, which is only known when the operation runs.
 */

import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'
import type { Message } from './grpc-client.ts'

/** A revision relative to the store's current or compacted one, or a plain number. */
export interface RevisionRef {
  readonly from: 'current' | 'compacted' | 'zero'
  readonly plus: number | string
}

export interface Operation {
  readonly method: 'KV.Put' | 'KV.Range' | 'KV.DeleteRange' | 'KV.Txn' | 'KV.Compact' | HashMethod
  readonly request: Message
}
type HashMethod = 'Maintenance.HashKV'

export interface Revisions {
  readonly current: number
  /** 0 when nothing has been compacted. */
  readonly compacted: number
}

const BYTE_FIELDS = new Set(['key', 'range_end', 'value'])

/** The message to send: references replaced by numbers, keys and values by Buffers. */
export function resolveOperation(request: Message, revisions: Revisions): Message {
  const resolved: Message = {}
  for (const [field, value] of Object.entries(request)) {
    resolved[field] = resolveField(field, value, revisions)
  }
  return resolved
}

function resolveField(field: string, value: unknown, revisions: Revisions): unknown {
  if (typeof value === 'string' && BYTE_FIELDS.has(field)) return Buffer.from(value, 'latin1')
  if (Array.isArray(value)) {
    return value.map((item) => resolveField(field, item, revisions))
  }
  if (isRevisionRef(value)) {
    if (typeof value.plus === 'string') return value.plus
    const base = value.from === 'zero' ? 0 : revisions[value.from]
    return String(base + value.plus)
  }
  if (typeof value === 'object' && value !== null) return resolveOperation(value, revisions)
  return value
}

function isRevisionRef(value: unknown): value is RevisionRef {
  return typeof value === 'object' && value !== null && 'from' in value && 'plus' in value
}

const zero = (plus: number | string): RevisionRef => ({ from: 'zero', plus })
const current = (plus: number): RevisionRef => ({ from: 'current', plus })
const compacted = (plus: number): RevisionRef => ({ from: 'compacted', plus })

/** Few keys, so that operations meet; bytes at both ends of the order and prefixes of each other. */
const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'a\x00', 'aa', 'ab', 'b', 'b/1', '\x00', '\x00\xff', '\xff'),
  },
  { weight: 2, arbitrary: fc.constantFrom('\xff\xff', 'c', 'c1', 'c2', 'c3', 'c4', 'c5', 'a\xff') },
)

const keyOrEmpty = fc.oneof(
  { weight: 30, arbitrary: key },
  { weight: 1, arbitrary: fc.constant('') },
)

const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('', 'v', 'w', 'vv', '\x00', '\xff', 'x'.repeat(200)) },
  { weight: 2, arbitrary: fc.string({ maxLength: 4 }).map((text) => toLatin1(text)) },
)

function toLatin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** All forms of an interval: point, half-open, prefix, from-key, everything, empty, reversed. */
const interval: Arbitrary<{ key: string; range_end?: string }> = fc.oneof(
  { weight: 6, arbitrary: keyOrEmpty.map((start) => ({ key: start })) },
  {
    weight: 5,
    arbitrary: fc.tuple(key, key).map(([start, end]) => ({ key: start, range_end: end })),
  },
  {
    weight: 3,
    arbitrary: key.map((start) => ({ key: start, range_end: prefixEnd(start) })),
  },
  { weight: 3, arbitrary: keyOrEmpty.map((start) => ({ key: start, range_end: '\x00' })) },
  { weight: 4, arbitrary: fc.constant({ key: '\x00', range_end: '\x00' }) },
)

function prefixEnd(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1)
  if (last === 0xff) return '\x00' // what clients send when there is no such end
  return prefix.slice(0, -1) + String.fromCharCode(last + 1)
}

const flag = fc.oneof(
  { weight: 3, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
)

const rarely = <T>(usual: T, arbitrary: Arbitrary<T>, weight = 1, against = 4): Arbitrary<T> =>
  fc.oneof({ weight: against, arbitrary: fc.constant(usual) }, { weight, arbitrary })

const readRevision: Arbitrary<RevisionRef> = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -12, max: 0 }).map(current) },
  { weight: 3, arbitrary: fc.integer({ min: -1, max: 3 }).map(compacted) },
  { weight: 1, arbitrary: fc.constantFrom(current(1), current(100)) },
  { weight: 1, arbitrary: fc.constantFrom(zero(-1), zero(1), zero('9223372036854775807')) },
)

const put: Arbitrary<Message> = fc
  .record({
    key: keyOrEmpty,
    value,
    prev_kv: flag,
    // Which of the rarer fields is set: mostly none.
    rare: rarely(
      {},
      fc.constantFrom<Message>(
        { lease: '1' },
        { lease: '9223372036854775807' },
        { lease: '-1' },
        { ignore_value: true },
        { ignore_value: true, value: '' },
        { ignore_value: true, value: '' },
        { ignore_lease: true },
        { ignore_lease: true, lease: '7' },
        { ignore_value: true, ignore_lease: true, value: '' },
      ),
    ),
  })
  .map(({ rare, ...request }) => ({ ...request, ...rare }))

const deleteRange: Arbitrary<Message> = fc
  .tuple(interval, flag)
  .map(([range, previous]) => ({ ...range, prev_kv: previous }))

const sortOption = fc.record({
  sort_order: fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom<string | number>('NONE', 'ASCEND', 'DESCEND') },
    { weight: 1, arbitrary: fc.constantFrom<string | number>(3, -1) },
  ),
  sort_target: fc.oneof(
    {
      weight: 20,
      arbitrary: fc.constantFrom<string | number>('KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'),
    },
    { weight: 1, arbitrary: fc.constantFrom<string | number>(5, -1) },
  ),
})

const filterRevision: Arbitrary<RevisionRef> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -15, max: 1 }).map(current) },
  { weight: 1, arbitrary: fc.constantFrom(zero(-1), zero(1), zero('9223372036854775807')) },
)

const revisionFilters = fc.record(
  {
    min_mod_revision: filterRevision,
    max_mod_revision: filterRevision,
    min_create_revision: filterRevision,
    max_create_revision: filterRevision,
  },
  { requiredKeys: [] },
)

const range: Arbitrary<Message> = fc
  .record({
    interval,
    limit: rarely(0, fc.constantFrom(1, 2, 3, 5, 12, -1, 1000), 1, 1),
    revision: rarely<RevisionRef>(zero(0), readRevision, 1, 1),
    sort: rarely<Message>({}, sortOption, 2, 1),
    filters: rarely<Message>({}, revisionFilters, 1, 2),
    serializable: flag,
    keys_only: flag,
    count_only: flag,
  })
  .map(({ interval: bounds, sort, filters, ...rest }) => ({
    ...bounds,
    ...rest,
    ...sort,
    ...filters,
  }))

const compareOperand: Arbitrary<Message> = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -1, max: 3 }).map((version) => ({ version })) },
  {
    weight: 3,
    arbitrary: rarely(zero(0), filterRevision, 3, 1).map((revision) => ({
      create_revision: revision,
    })),
  },
  {
    weight: 3,
    arbitrary: rarely(zero(0), filterRevision, 3, 1).map((revision) => ({
      mod_revision: revision,
    })),
  },
  { weight: 3, arbitrary: value.map((bytes) => ({ value: bytes })) },
  { weight: 1, arbitrary: fc.constantFrom<Message>({ lease: '0' }, { lease: '5' }) },
  { weight: 1, arbitrary: fc.constant<Message>({}) }, // no operand: 0 or no bytes
)

const TARGET_OF_OPERAND: Readonly<Record<string, string>> = {
  version: 'VERSION',
  create_revision: 'CREATE',
  mod_revision: 'MOD',
  value: 'VALUE',
  lease: 'LEASE',
}

const anyTarget = fc.constantFrom<string | number>('VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE', 9)

const compare: Arbitrary<Message> = fc
  .record({
    interval,
    operand: compareOperand,
    // Mostly the target that fits the operand; now and then another one, or an unknown one.
    otherTarget: fc.option(anyTarget, { freq: 8 }),
    result: fc.oneof(
      { weight: 30, arbitrary: fc.constantFrom<string | number>('EQUAL', 'GREATER', 'LESS') },
      { weight: 10, arbitrary: fc.constant<string | number>('NOT_EQUAL') },
      { weight: 1, arbitrary: fc.constant<string | number>(4) },
    ),
  })
  .chain(({ interval: bounds, operand, otherTarget, result }) => {
    const fitting = TARGET_OF_OPERAND[Object.keys(operand)[0] ?? '']
    const build = (target: string | number): Message => ({ ...bounds, ...operand, target, result })
    if (otherTarget !== null) return fc.constant(build(otherTarget))
    if (fitting !== undefined) return fc.constant(build(fitting))
    return anyTarget.map(build)
  })

function requestOperation(depth: number): Arbitrary<Message> {
  const choices = [
    { weight: 8, arbitrary: put.map((request_put) => ({ request_put })) },
    { weight: 6, arbitrary: range.map((request_range) => ({ request_range })) },
    { weight: 5, arbitrary: deleteRange.map((request) => ({ request_delete_range: request })) },
  ]
  if (depth > 0) {
    const nested = transaction(depth - 1).map((request_txn) => ({ request_txn }))
    choices.push({ weight: 3, arbitrary: nested as Arbitrary<never> })
  }
  return fc.oneof(
    { weight: 60, arbitrary: fc.oneof(...choices) },
    {
      weight: 1,
      arbitrary: fc.constant<Message>({}),
    },
  )
}

function transaction(depth: number): Arbitrary<Message> {
  const operations = fc.array(requestOperation(depth), { maxLength: 4 })
  return fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: operations,
    failure: operations,
  })
}

/** More than 128 operations in one list, on one level or split over two. */
const tooLargeTransaction: Arbitrary<Message> = fc
  .tuple(
    fc.constantFrom('compare', 'success', 'failure'),
    fc.constantFrom(127, 128, 129),
    fc.boolean(),
  )
  .map(([list, count, nest]) => {
    const item = (n: number): Message =>
      list === 'compare'
        ? { key: 'a', version: n }
        : { request_put: { key: `big/${n}`, value: 'v' } }
    const items = Array.from({ length: count }, (_, n) => item(n))
    const inner = { compare: [], success: [], failure: [], [list]: items }
    if (!nest) return inner
    return { compare: [], success: [{ request_txn: inner }], failure: [] }
  })

const compaction: Arbitrary<Message> = fc.record({
  revision: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: -25, max: 0 }).map(current) },
    { weight: 2, arbitrary: fc.integer({ min: -1, max: 2 }).map(compacted) },
    { weight: 2, arbitrary: fc.constantFrom(current(1), zero(0), zero(-1)) },
  ),
  physical: fc.boolean(),
})

const hash: Arbitrary<Message> = rarely<RevisionRef>(zero(0), readRevision, 2, 1).map(
  (revision) => ({ revision }),
)

const as = (method: Operation['method']) => (request: Message) => ({ method, request })

export const operation: Arbitrary<Operation> = fc.oneof(
  { weight: 30, arbitrary: put.map(as('KV.Put')) },
  { weight: 30, arbitrary: range.map(as('KV.Range')) },
  { weight: 14, arbitrary: deleteRange.map(as('KV.DeleteRange')) },
  { weight: 20, arbitrary: transaction(2).map(as('KV.Txn')) },
  { weight: 1, arbitrary: tooLargeTransaction.map(as('KV.Txn')) },
  { weight: 4, arbitrary: compaction.map(as('KV.Compact')) },
  { weight: 4, arbitrary: hash.map(as('Maintenance.HashKV')) },
)

/** Empties the key space, so that a sequence does not see the keys of the one before it. */
export const DELETE_EVERYTHING: Operation = {
  method: 'KV.DeleteRange',
  request: { key: '\x00', range_end: '\x00' },
}
