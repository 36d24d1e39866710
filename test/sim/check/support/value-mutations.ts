/** Answers whose values are wrong, whatever their revisions are: the search needs no revision to tell. */

import type { History, KeyValue, Operation } from '../history.ts'
import {
  findOne,
  okOperations,
  withNewOperation,
  type Draft,
  type Mutation,
  type OkOperation,
} from './mutation.ts'

const ORDINARY = { unknown: 0.05 }

export const VALUE_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a value that was overwritten before': {
    kinds: ['real-time-order', 'wrong-response'],
    needs: ORDINARY,
    isForValues: true,
    mutate: (draft) => {
      // Of a key that was written twice, one after the other.
      const writes = acknowledgedPuts(draft)
      const second = findOne(writes, draft.random, (b) => firstOf(writes, b) !== undefined)
      if (second === undefined) return undefined
      const first = firstOf(writes, second)!
      const kv = kvOf(draft, first)
      const at = second.returnedAt + 0.1
      return kv && withRead(draft.history, at, kv, first.outcome.revision)
    },
  },
  'a value that nobody wrote': {
    kinds: ['wrong-response'],
    needs: ORDINARY,
    isForValues: true,
    mutate: (draft) => {
      const write = findOne(acknowledgedPuts(draft), draft.random)
      if (write === undefined) return undefined
      const kv = kvOf(draft, write)
      if (kv === undefined) return undefined
      const other = { ...kv, value: 'of nobody' }
      return withRead(draft.history, write.returnedAt + 0.1, other, write.outcome.revision)
    },
  },
  'a member’s value that nobody wrote yet': {
    kinds: ['serializable-from-the-future', 'wrong-response'],
    needs: ORDINARY,
    isForValues: true,
    mutate: (draft) => {
      const write = findOne(acknowledgedPuts(draft), draft.random, ({ calledAt }) => calledAt > 1)
      const kv = write && kvOf(draft, write)
      if (write === undefined || kv === undefined) return undefined
      return withNewOperation(draft.history, {
        ...reader(write.calledAt - 0.6),
        request: { type: 'range', key: kv.key, serializable: true },
        outcome: {
          type: 'ok',
          revision: write.outcome.revision,
          result: { type: 'range', kvs: [kv], count: 1 },
        },
      })
    },
  },
  'a transaction that took the wrong branch': {
    kinds: ['wrong-response'],
    needs: { ...ORDINARY, unknown: 0, simple: true },
    isForValues: true,
    mutate: ({ history, random }) => {
      // Before anything was written, every key has version 0.
      const first = Math.min(...history.operations.map(({ returnedAt }) => returnedAt))
      const request = {
        type: 'txn',
        compares: [{ key: 'kzz', target: 'version', result: 'equal', operand: random.int(1, 5) }],
        success: [],
        failure: [],
      } as const
      const result = { type: 'txn', succeeded: true, responses: [] } as const
      return withNewOperation(history, {
        client: 'c9',
        member: 'm1',
        calledAt: 0,
        returnedAt: first / 2,
        request,
        outcome: { type: 'ok', revision: 1, result },
      })
    },
  },
  'an acknowledged put that no later read sees': {
    kinds: ['wrong-response', 'real-time-order'],
    needs: { unknown: 0 },
    isForValues: true,
    mutate: (draft) => {
      const write = findOne(acknowledgedPuts(draft), draft.random, ({ outcome, request }) => {
        const before = draft.order.model.at(request.key, outcome.revision - 1)
        return before === undefined
      })
      if (write === undefined || isDeletedLater(draft, write)) return undefined
      const at = write.returnedAt + 0.1
      return withNewOperation(draft.history, {
        ...reader(at),
        request: { type: 'range', key: write.request.key },
        outcome: {
          type: 'ok',
          revision: write.outcome.revision,
          result: { type: 'range', kvs: [], count: 0 },
        },
      })
    },
  },
  'a lease that is renewed after it was revoked': {
    kinds: ['lease-revived'],
    needs: { leases: true, logs: true, unknown: 0, operations: 90 },
    isForValues: true,
    mutate: ({ history, random }) => {
      const grantsOf = (lease: bigint): Operation[] =>
        history.operations.filter(
          ({ request, outcome }) =>
            request.type === 'lease-grant' && request.lease === lease && outcome.type !== 'failed',
        )
      // Of one that was granted once, so that it is clear which one is renewed.
      const revoke = findOne(okOperations(history), random, ({ request, calledAt }) => {
        if (request.type !== 'lease-revoke') return false
        const [grant, other] = grantsOf(request.lease)
        return grant?.outcome.type === 'ok' && !other && grant.returnedAt < calledAt
      })
      if (revoke?.request.type !== 'lease-revoke') return undefined
      const { lease } = revoke.request
      return withNewOperation(history, {
        ...reader(revoke.returnedAt + 0.1),
        request: { type: 'lease-keep-alive', lease },
        outcome: {
          type: 'ok',
          revision: revoke.outcome.revision,
          result: { type: 'lease-keep-alive', ttl: 5 },
        },
      })
    },
  },
}

type AcknowledgedPut = OkOperation & {
  readonly request: Extract<Operation['request'], { type: 'put' }>
}

function acknowledgedPuts({ history }: Draft): AcknowledgedPut[] {
  return okOperations(history).filter(
    (one): one is AcknowledgedPut => one.request.type === 'put' && !one.request.ignoreValue,
  )
}

function firstOf(
  writes: readonly AcknowledgedPut[],
  second: AcknowledgedPut,
): AcknowledgedPut | undefined {
  return writes.find(
    (one) => one.request.key === second.request.key && one.returnedAt < second.calledAt,
  )
}

/** Whether anything may delete the key after it was put. */
function isDeletedLater({ history, order }: Draft, write: AcknowledgedPut): boolean {
  const { key } = write.request
  const after = order.log.slice(write.outcome.revision).flat()
  if (after.some((event) => event.type === 'delete' && event.kv.key === key)) return true
  return history.operations.some(({ outcome }) => outcome.type === 'unknown')
}

function kvOf({ order }: Draft, { request, outcome }: AcknowledgedPut): KeyValue | undefined {
  return order.model.at(request.key, outcome.revision)
}

function reader(at: number): Pick<Operation, 'client' | 'member' | 'calledAt' | 'returnedAt'> {
  return { client: 'c9', member: 'm1', calledAt: at, returnedAt: at + 0.5 }
}

function withRead(history: History, at: number, kv: KeyValue, revision: number): History {
  return withNewOperation(history, {
    ...reader(at),
    request: { type: 'range', key: kv.key },
    outcome: { type: 'ok', revision, result: { type: 'range', kvs: [kv], count: 1 } },
  })
}
