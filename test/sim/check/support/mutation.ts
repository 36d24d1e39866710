/** What all mutations of histories share: the correct history they start from, and small edits. */

import type { History, Operation, Outcome, Watch, WatchResponse } from '../history.ts'
import { checkRevisionOrder, type RevisionOrder } from '../revision-order.ts'
import type { ViolationKind } from '../violation.ts'
import type { Random } from './random.ts'
import type { RandomHistoryOptions } from './random-history.ts'

export interface Mutation {
  /** What the correct history has to have. */
  readonly needs?: Omit<RandomHistoryOptions, 'seed'>
  /** One of them has to be found. */
  readonly kinds: readonly ViolationKind[]
  /** The search that is told of revisions has to find it too. */
  readonly isForSearch?: boolean
  /** The search of values alone has to find it too. */
  readonly isForValues?: boolean
  /** Undefined: this history has no place for it. */
  readonly mutate: (draft: Draft) => History | undefined
}

export interface Draft {
  readonly history: History
  readonly order: RevisionOrder
  readonly random: Random
}

export function draftOf(history: History, random: Random): Draft {
  return { history, order: checkRevisionOrder(history), random }
}

export type OkOperation = Operation & { readonly outcome: Extract<Outcome, { type: 'ok' }> }

export function okOperations({ operations }: History): OkOperation[] {
  return operations.filter((one): one is OkOperation => one.outcome.type === 'ok')
}

/** One of them that fits, in random order of trying. */
export function findOne<T>(
  items: readonly T[],
  random: Random,
  fits: (item: T) => boolean = () => true,
): T | undefined {
  const from = random.int(0, Math.max(0, items.length - 1))
  for (let i = 0; i < items.length; i++) {
    const item = items[(from + i) % items.length]!
    if (fits(item)) return item
  }
  return undefined
}

export function withOperation(history: History, id: number, change: Partial<Operation>): History {
  const operations = history.operations.map((one) => (one.id === id ? { ...one, ...change } : one))
  return { ...history, operations }
}

export function withAnswer(
  history: History,
  { id, outcome }: OkOperation,
  change: Partial<OkOperation['outcome']>,
): History {
  return withOperation(history, id, { outcome: { ...outcome, ...change } })
}

export function withNewOperation(history: History, operation: Omit<Operation, 'id'>): History {
  const id = Math.max(-1, ...history.operations.map((one) => one.id)) + 1
  return { ...history, operations: [...history.operations, { ...operation, id }] }
}

export function withResponses(
  history: History,
  { id }: Watch,
  responses: readonly WatchResponse[],
): History {
  const watches = history.watches.map((one) => (one.id === id ? { ...one, responses } : one))
  return { ...history, watches }
}

/** What somebody saw before the time, in an answer of the whole cluster. */
export function seenBefore({ order }: Draft, time: number): number {
  let highest = 1
  for (const { returnedAt, outcome } of order.steps.known) {
    if (returnedAt < time) highest = Math.max(highest, outcome.revision)
  }
  return highest
}
