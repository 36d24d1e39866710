/** Answers to clients that a correct cluster does not give. */

import { difference } from '../differences.ts'
import type { Operation, RangeRequest, Request, Result, TxnRequest } from '../history.ts'
import { isSerializable } from '../history.ts'
import { wrote } from '../steps.ts'
import {
  findOne,
  okOperations,
  seenBefore,
  withAnswer,
  withOperation,
  type Draft,
  type Mutation,
  type OkOperation,
} from './mutation.ts'

/** A range of the newest state, or of a member's. */
function isRead(operation: Operation, isLocal: boolean): boolean {
  const { request } = operation
  return (
    request.type === 'range' && (request.revision ?? 0) === 0 && isSerializable(request) === isLocal
  )
}

function reads({ history }: Draft, isLocal: boolean): OkOperation[] {
  return okOperations(history).filter((one) => isRead(one, isLocal))
}

function readAt({ order }: Draft, request: Request, revision: number): Result {
  return order.model.readAt(request as RangeRequest | TxnRequest, revision)
}

const ORDINARY = { unknown: 0.05 }

export const ANSWER_MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a stale read': {
    kinds: ['real-time-order'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: (draft) => {
      const read = findOne(reads(draft, false), draft.random, (one) => {
        return seenBefore(draft, one.calledAt) > 1
      })
      if (read === undefined) return undefined
      const revision = draft.random.int(1, seenBefore(draft, read.calledAt) - 1)
      const result = readAt(draft, read.request, revision)
      return withAnswer(draft.history, read, { revision, result })
    },
  },
  'an old value under a new revision': {
    kinds: ['wrong-response'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: (draft) => withOldValue(draft, false),
  },
  'an old value under a new revision, from a member alone': {
    kinds: ['wrong-response'],
    needs: ORDINARY,
    mutate: (draft) => withOldValue(draft, true),
  },
  'two revisions swapped': {
    kinds: ['real-time-order'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: ({ history, order, random }) => {
      const writes = order.steps.known.filter((step) => wrote(step) === true)
      const later = findOne(writes, random, (b) => writes.some((a) => a.returnedAt < b.calledAt))
      if (later === undefined) return undefined
      const earlier = findOne(writes, random, (a) => a.returnedAt < later.calledAt)!
      const [a, b] = [earlier, later].map(({ id }) => history.operations.find((o) => o.id === id)!)
      const half = withAnswer(history, a as OkOperation, { revision: later.outcome.revision })
      return withAnswer(half, b as OkOperation, { revision: earlier.outcome.revision })
    },
  },
  'an answer before its cause was called': {
    kinds: ['real-time-order'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: ({ history, order, random }) => {
      const writes = order.steps.known.filter((step) => wrote(step) === true)
      const cause = findOne(writes, random, ({ calledAt }) => calledAt > 1)
      const last = findOne(
        order.steps.known,
        random,
        ({ outcome }) => outcome.revision > (cause?.outcome.revision ?? Infinity),
      )
      if (cause === undefined || last === undefined) return undefined
      const returnedAt = cause.calledAt - 0.5
      return withOperation(history, last.id, { calledAt: returnedAt - 0.1, returnedAt })
    },
  },
  'a wrong field in an answer': {
    kinds: ['wrong-response'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: ({ history, random }) => {
      const operation = findOne(okOperations(history), random, (one) => {
        return !isSerializable(one.request) && spoiled(one.outcome.result) !== undefined
      })
      if (operation === undefined) return undefined
      return withAnswer(history, operation, { result: spoiled(operation.outcome.result)! })
    },
  },
  'a write that nobody asked for': {
    kinds: ['unexplained-write'],
    needs: { unknown: 0.05 },
    mutate: ({ history, random }) => {
      const put = findOne(okOperations(history), random, ({ request }) => request.type === 'put')
      if (put === undefined || (put.request.type === 'put' && put.request.ignoreValue)) {
        return undefined
      }
      const operations = history.operations.filter((one) => one !== put)
      return { ...history, operations }
    },
  },
  'a member’s read from the future': {
    kinds: ['serializable-from-the-future'],
    needs: ORDINARY,
    mutate: (draft) => {
      const { history, order, random } = draft
      const writes = order.steps.known.filter((step) => wrote(step) === true)
      const read = findOne(reads(draft, true), random, ({ returnedAt }) =>
        writes.some(({ calledAt }) => calledAt > returnedAt),
      )
      if (read === undefined) return undefined
      const future = findOne(writes, random, ({ calledAt }) => calledAt > read.returnedAt)!
      const { revision } = future.outcome
      return withAnswer(history, read, { revision, result: readAt(draft, read.request, revision) })
    },
  },
  'a member’s reads going back': {
    kinds: ['serializable-went-back'],
    needs: ORDINARY,
    mutate: (draft) => {
      const { history, random } = draft
      const before = ({ member, calledAt }: Operation): number => {
        const own = okOperations(history).filter(
          (one) => one.member === member && one.returnedAt < calledAt && isKv(one.request),
        )
        return Math.max(1, ...own.map(({ outcome }) => outcome.revision))
      }
      const read = findOne(reads(draft, true), random, (one) => before(one) > 1)
      if (read === undefined) return undefined
      const revision = random.int(1, before(read) - 1)
      return withAnswer(history, read, { revision, result: readAt(draft, read.request, revision) })
    },
  },
  'a compaction error without a compaction': {
    kinds: ['wrong-error'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: ({ history, random }) => {
      const old = findOne(okOperations(history), random, ({ request }) => {
        return request.type === 'range' && !request.serializable && (request.revision ?? 0) > 0
      })
      if (old === undefined) return undefined
      return withOperation(history, old.id, { outcome: { type: 'failed', error: 'compacted' } })
    },
  },
  'a future revision that was seen before': {
    kinds: ['wrong-error'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: (draft) => {
      const { history, random } = draft
      const old = findOne(okOperations(history), random, ({ request, calledAt }) => {
        if (request.type !== 'range' || request.serializable) return false
        const { revision = 0 } = request
        return revision > 0 && revision <= seenBefore(draft, calledAt)
      })
      if (old === undefined) return undefined
      const outcome = { type: 'failed', error: 'future-revision' } as const
      return withOperation(history, old.id, { outcome })
    },
  },
  'a missing key that is there': {
    kinds: ['wrong-error'],
    needs: ORDINARY,
    isForSearch: true,
    mutate: (draft) => {
      const { history, order, random } = draft
      // A put that found its key, at a time when the key was there all along.
      const put = findOne(okOperations(history), random, ({ request, calledAt, returnedAt }) => {
        if (request.type !== 'put' || request.ignoreValue !== true) return false
        const from = seenBefore(draft, calledAt)
        const to = order.highestSeen.before(returnedAt) + 5
        const last = Math.min(to, order.model.revision)
        for (let r = from; r <= last; r++) {
          if (order.model.at(request.key, r) === undefined) return false
        }
        return true
      })
      if (put === undefined) return undefined
      const outcome = { type: 'failed', error: 'key-not-found' } as const
      // Its write has to be somebody's, or that is all that would be found.
      const other: Operation = { ...put, id: history.operations.length, outcome }
      return { ...history, operations: [...history.operations, other] }
    },
  },
  'a read of what is compacted': {
    kinds: ['read-of-compacted'],
    needs: { unknown: 0.05, compactions: true },
    isForSearch: true,
    mutate: (draft) => {
      const { history, order, random } = draft
      const read = findOne(history.operations, random, ({ request, outcome, calledAt }) => {
        if (request.type !== 'range' || request.serializable) return false
        if (outcome.type !== 'failed' || outcome.error !== 'compacted') return false
        return (request.revision ?? 0) < order.compactions.doneBefore(calledAt)
      })
      if (read === undefined || read.request.type !== 'range') return undefined
      const revision = Math.max(seenBefore(draft, read.calledAt), read.request.revision ?? 0)
      const result = readAt(draft, read.request, revision)
      return withOperation(history, read.id, { outcome: { type: 'ok', revision, result } })
    },
  },
}

function isKv({ type }: Request): boolean {
  return ['put', 'range', 'delete', 'txn'].includes(type)
}

function withOldValue(draft: Draft, isLocal: boolean): ReturnType<Mutation['mutate']> {
  const { history, random } = draft
  const olderOf = ({ request, outcome }: OkOperation): Result | undefined => {
    for (let revision = outcome.revision - 1; revision >= 1; revision--) {
      const result = readAt(draft, request, revision)
      if (difference(result, outcome.result) !== undefined) return result
    }
    return undefined
  }
  const read = findOne(reads(draft, isLocal), random, (one) => olderOf(one) !== undefined)
  return read && withAnswer(history, read, { result: olderOf(read)! })
}

/** The same answer with one field wrong; undefined when there is none to spoil. */
function spoiled(result: Result): Result | undefined {
  switch (result.type) {
    case 'put':
      if (result.prevKv === undefined) return undefined
      return { ...result, prevKv: { ...result.prevKv, version: result.prevKv.version + 1 } }
    case 'range': {
      const [first, ...rest] = result.kvs
      if (first === undefined) return { ...result, count: result.count + 1 }
      return { ...result, kvs: [{ ...first, createRevision: first.createRevision + 1 }, ...rest] }
    }
    case 'delete':
      return result.deleted > 0 ? { ...result, deleted: result.deleted + 1 } : undefined
    case 'txn':
      return { ...result, succeeded: !result.succeeded }
    default:
      return undefined
  }
}
