/**
 * The calls of a history as the search places them, without revisions: what an answer says of values,
 * versions, leases and what exists is kept; what it says of revisions, and what was asked about
 * them, is left out.
 *
 *     range at an old revision, or bounded by revisions, compact     left out
 *     range that was cut by its limit                                up to its last key, whole
 *     txn that compares revisions                                    the branch is taken as answered;
 *                                                                    without an answer either may be
 *     keep-alive, time to live                                       whether the lease is there
 *
 * Whatever is left out can only make a wrong history look right, never a right one wrong.
 */

import {
  isSerializable,
  type Compare,
  type FinalState,
  type History,
  type Operation,
  type RangeRequest,
  type RangeResult,
  type Result,
  type TxnOperation,
  type TxnOperationResult,
  type TxnRequest,
} from './history.ts'
import { EVERYTHING, type StoreRequest } from './kv-model.ts'
import { describeOperation, stepsOf, type Step, type StepOutcome } from './steps.ts'

export interface SearchStep extends Step {
  /** Of several steps of one call, of which at most one happens: the call's. */
  readonly oneOf?: Step
}

/** A request without revisions, and what has to be answered; no result: anything. */
interface Form<Request = StoreRequest> {
  readonly request: Request
  readonly result?: Result
}

/** All steps with their revisions, for a search of the whole that judges those too. */
export function exactSteps(history: History, converged: boolean): Step[] {
  const { known, failed, unknown } = stepsOf(history)
  const refused = failed.filter(({ request }) => !isSerializable(request))
  const finals = converged ? history.finals.map((final, i) => finalRead(final, -1 - i)) : []
  return [...known, ...refused, ...finals, ...unknown]
}

export function valueSteps(history: History, converged: boolean): SearchStep[] {
  const sights = history.operations.flatMap(leaseSight)
  return [...exactSteps(history, converged).flatMap(withoutRevisions), ...sights]
}

function finalRead({ member, at, revision, kvs }: FinalState, id: number): Step {
  const result: Result = { type: 'range', kvs, count: kvs.length }
  return {
    id,
    what: `the final state of ${member}`,
    request: { type: 'range', ...EVERYTHING },
    calledAt: at,
    returnedAt: at,
    outcome: { type: 'ok', revision, result },
  }
}

/** Who renews a lease or asks for it sees whether it is there. */
function leaseSight(operation: Operation): SearchStep[] {
  const { id, request, outcome, calledAt, returnedAt } = operation
  if (outcome.type !== 'ok') return []
  const { revision, result } = outcome
  const isRenewal = request.type === 'lease-keep-alive' && result.type === 'lease-keep-alive'
  const isLook = request.type === 'lease-time-to-live' && result.type === 'lease-time-to-live'
  // A lease whose time is over has none to live, though it may still be there.
  if (!isRenewal && !(isLook && result.ttl > 0)) return []
  const { lease } = request
  const ttl = result.ttl > 0 ? 1 : 0
  return [
    {
      id,
      what: describeOperation(operation),
      request: { type: 'lease-keep-alive', lease },
      calledAt,
      returnedAt,
      outcome: { type: 'ok', revision, result: { type: 'lease-keep-alive', ttl } },
    },
  ]
}

function withoutRevisions(step: Step): SearchStep[] {
  const { outcome, request } = step
  switch (outcome.type) {
    case 'failed':
      return isOfRevisions(outcome.error) || asksForRevisions(request) ? [] : [step]
    case 'unknown': {
      const forms = formsWithoutAnswer(request).filter((one) => !isNothing(one))
      if (forms.length === 1) return [{ ...step, request: forms[0]! }]
      return forms.map((one) => ({ ...step, request: one, oneOf: step }))
    }
    case 'ok': {
      const form = answeredForm(request, outcome.result)
      if (form === undefined) return []
      return readsOf(form).map((one) => ({
        ...step,
        request: one.request,
        outcome: okOutcome(outcome.revision, one.result),
      }))
    }
  }
}

function okOutcome(revision: number, result: Result | undefined): StepOutcome {
  return { type: 'ok', revision, ...(result !== undefined && { result }) }
}

function isOfRevisions(error: string): boolean {
  return error === 'compacted' || error === 'future-revision'
}

/** A transaction that asks for nothing but ranges is as many reads. */
function readsOf(form: Form): Form[] {
  const { request, result } = form
  if (request.type !== 'txn' || result?.type !== 'txn' || request.compares.length > 0) return [form]
  const ops = request.success
  if (ops.some(({ type }) => type !== 'range')) return [form]
  return ops.map((op, i) => ({ request: op, result: result.responses[i]! }))
}

/** Undefined: nothing is left of it. */
function answeredForm(request: StoreRequest, result: Result | undefined): Form | undefined {
  switch (request.type) {
    case 'compact':
      return undefined
    case 'range':
      return result?.type === 'range' ? rangeForm(request, result) : undefined
    case 'txn':
      return result?.type === 'txn' ? txnForm(request, result) : undefined
    default:
      return { request, ...(result !== undefined && { result }) }
  }
}

function rangeForm(request: RangeRequest, result: RangeResult): Form<RangeRequest> | undefined {
  const { key, rangeEnd, order, target, countOnly = false, keysOnly = false } = request
  if (asksForRevisions(request)) return undefined
  const { kvs, more = false, count } = result
  if (countOnly)
    return { request: { type: 'range', ...interval(key, rangeEnd), countOnly }, result }
  const last = kvs.at(-1)
  if (more && (order !== undefined || target !== undefined || last === undefined)) return undefined
  const isPoint = rangeEnd === undefined || rangeEnd === ''
  const end = more && !isPoint && last !== undefined ? `${last.key}\0` : rangeEnd
  const inOrder = order === undefined && target === undefined ? kvs : kvs.toSorted(byKey)
  // Of what was not cut the count is known too.
  const isComplete = !more && (request.limit ?? 0) === 0
  return {
    request: { type: 'range', ...interval(key, end), ...(keysOnly && { keysOnly }) },
    result: { type: 'range', kvs: inOrder, count: isComplete ? count : kvs.length },
  }
}

function interval(key: string, rangeEnd: string | undefined): { key: string; rangeEnd?: string } {
  return rangeEnd === undefined ? { key } : { key, rangeEnd }
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0
}

type TxnResultOf = Extract<Result, { type: 'txn' }>

function txnForm(request: TxnRequest, result: TxnResultOf): Form<TxnRequest> | undefined {
  const { succeeded, responses } = result
  const judged = request.compares.filter((one) => !comparesRevision(one))
  const isJudged = judged.length === request.compares.length
  const ops: TxnOperation[] = []
  const answers: TxnOperationResult[] = []
  for (const [i, op] of (succeeded ? request.success : request.failure).entries()) {
    const form = answeredForm(op, responses[i])
    if (form?.result === undefined) continue
    ops.push(form.request as TxnOperation)
    answers.push(form.result as TxnOperationResult)
  }
  // Why it failed cannot be told where one of the compares cannot.
  const compares = succeeded || isJudged ? judged : []
  if (compares.length === 0 && ops.length === 0) return undefined
  const isThen = compares.length === 0 || succeeded
  return {
    request: {
      type: 'txn',
      compares,
      success: isThen ? ops : [],
      failure: isThen ? [] : ops,
    },
    result: { type: 'txn', succeeded: isThen, responses: answers },
  }
}

/** What a call without an answer may have been; reads are left out. */
function formsWithoutAnswer(request: StoreRequest): StoreRequest[] {
  if (request.type === 'compact' || request.type === 'range') return []
  return request.type === 'txn' ? txnForms(request) : [request]
}

function txnForms(request: TxnRequest): TxnRequest[] {
  const compares = request.compares.filter((one) => !comparesRevision(one))
  const thens = branchForms(request.success)
  const elses = branchForms(request.failure)
  const txn = (some: Compare[], success: TxnOperation[], failure: TxnOperation[]): TxnRequest => {
    return { type: 'txn', compares: some, success, failure }
  }
  if (compares.length === request.compares.length) {
    return thens.flatMap((success) => elses.map((failure) => txn(compares, success, failure)))
  }
  const ifTrue = thens.map((success) => txn(compares, success, []))
  const ifFalse = elses.map((failure) => txn([], failure, []))
  return [...ifTrue, ...ifFalse]
}

/** Left out it says the same; inside another one it is needed, as one that may do nothing. */
function isNothing(request: StoreRequest): boolean {
  if (request.type !== 'txn') return false
  return request.compares.length === 0 && request.success.length === 0
}

function branchForms(ops: readonly TxnOperation[]): TxnOperation[][] {
  let forms: TxnOperation[][] = [[]]
  for (const op of ops) {
    const options = formsWithoutAnswer(op) as TxnOperation[]
    if (options.length === 0) continue
    forms = forms.flatMap((form) => options.map((one) => [...form, one]))
  }
  return forms
}

/** Of revisions only whether there is one at all may be asked. */
function comparesRevision(compare: Compare): boolean {
  if (compare.target !== 'create' && compare.target !== 'mod') return false
  return compare.operand !== 0 || compare.result === 'less'
}

function asksForRevisions(request: StoreRequest): boolean {
  switch (request.type) {
    case 'compact':
      return true
    case 'range':
      return Boolean(
        request.revision ||
        request.minModRevision ||
        request.maxModRevision ||
        request.minCreateRevision ||
        request.maxCreateRevision,
      )
    case 'txn':
      return (
        request.compares.some(comparesRevision) ||
        [...request.success, ...request.failure].some(asksForRevisions)
      )
    default:
      return false
  }
}
