import { expect, test } from 'vitest'
import { EMPTY_HISTORY, type Operation, type Request } from './history.ts'
import { searchLinearization } from './search.ts'
import { stepsOf } from './steps.ts'

const REQUESTS: readonly Request[] = [
  { type: 'put', key: 'a', value: 'x' },
  { type: 'delete', key: 'a' },
  { type: 'compact', revision: 2 },
  { type: 'lease-grant', lease: 1n, ttl: 5 },
  { type: 'lease-revoke', lease: 1n },
  { type: 'lease-keep-alive', lease: 1n },
  { type: 'lock', name: 'l', lease: 1n },
  { type: 'unlock', key: 'l/1' },
]

test.each(REQUESTS)('a $type that was refused is no step of the store', (request) => {
  const outcome = { type: 'failed', error: 'refused' } as const
  const call = { id: 1, client: 'c', member: 'm', calledAt: 0, returnedAt: 1 }
  const operation: Operation = { ...call, request, outcome }
  const history = { ...EMPTY_HISTORY, operations: [operation] }
  expect(stepsOf(history)).toEqual({ known: [], failed: [], unknown: [], serializable: [] })
  expect(searchLinearization(history).type).toBe('linearizable')
})
