import { expect, test } from 'vitest'
import { EMPTY_HISTORY, type Operation, type TxnRequest } from './history.ts'
import { searchLinearization } from './search.ts'

test('a transaction without an answer may have done nothing in one that it holds', () => {
  const inner: TxnRequest = {
    type: 'txn',
    compares: [{ key: 'a', target: 'mod', result: 'equal', operand: 9 }],
    success: [{ type: 'delete', key: 'a' }],
    failure: [],
  }
  const outer: TxnRequest = {
    type: 'txn',
    compares: [],
    success: [{ type: 'put', key: 'b', value: '1' }, inner],
    failure: [],
  }
  const common = { client: 'c1', member: 'm1' }
  const kv = (key: string, value: string, revision: number): object => {
    return { key, value, createRevision: revision, modRevision: revision, version: 1 }
  }
  const operations = [
    {
      ...common,
      id: 1,
      calledAt: 1,
      returnedAt: 2,
      request: { type: 'put', key: 'a', value: '0' },
      outcome: { type: 'ok', revision: 2, result: { type: 'put' } },
    },
    { ...common, id: 2, calledAt: 3, returnedAt: 9, request: outer, outcome: { type: 'unknown' } },
    {
      ...common,
      id: 3,
      calledAt: 10,
      returnedAt: 11,
      request: { type: 'range', key: 'a', rangeEnd: 'c' },
      outcome: {
        type: 'ok',
        revision: 3,
        result: { type: 'range', kvs: [kv('a', '0', 2), kv('b', '1', 3)], count: 2 },
      },
    },
  ] as Operation[]
  expect(searchLinearization({ ...EMPTY_HISTORY, operations }).type).toBe('linearizable')
})
