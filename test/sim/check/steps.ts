/**
 * The calls of a history as steps of the store: what the linearizability checkers place. A lock is
 * the write and the deletion of a key, and every lease that was granted may end by itself; what
 * says nothing about the store is left out.
 */

import {
  isSerializable,
  type Failure,
  type History,
  type KeyValue,
  type Operation,
  type Request,
  type Result,
  type TxnOperation,
  type TxnOperationResult,
} from './history.ts'
import type { StoreRequest } from './kv-model.ts'

export interface Step {
  /** Of the operation that it comes from. */
  readonly id: number
  readonly what: string
  readonly request: StoreRequest
  readonly calledAt: number
  /** Infinity while the outcome is unknown. */
  readonly returnedAt: number
  readonly outcome: StepOutcome
}

export type StepOutcome =
  /** `result` is absent where the answer does not tell it. */
  | { readonly type: 'ok'; readonly revision: number; readonly result?: Result }
  | { readonly type: 'failed'; readonly error: string }
  | { readonly type: 'unknown' }

export type OkStep = Step & { readonly outcome: Extract<StepOutcome, { type: 'ok' }> }

export interface Steps {
  /** Answered, by a state of the whole cluster. */
  readonly known: readonly OkStep[]
  readonly failed: readonly Step[]
  /** May have happened. */
  readonly unknown: readonly Step[]
  /** Answered by one member's state: serializable reads. */
  readonly serializable: readonly OkStep[]
}

export function stepsOf(history: History): Steps {
  const known: OkStep[] = []
  const failed: Step[] = []
  const unknown: Step[] = []
  const serializable: OkStep[] = []
  for (const operation of history.operations) {
    for (const step of stepsOfOperation(operation)) {
      if (isOk(step)) (isSerializable(step.request) ? serializable : known).push(step)
      else if (step.outcome.type === 'failed') failed.push(step)
      else if (canWrite(step.request)) unknown.push(step)
    }
  }
  return { known, failed, unknown, serializable }
}

export function isOk(step: Step): step is OkStep {
  return step.outcome.type === 'ok'
}

function stepsOfOperation(operation: Operation): Step[] {
  const { request } = operation
  switch (request.type) {
    case 'lock':
      return lockSteps(operation, request)
    case 'unlock':
      return isRefused(operation) ? [] : [unlockStep(operation, request.key)]
    case 'lease-grant':
      return grantSteps(operation, request)
    case 'proclaim':
      return isRefused(operation) ? [] : [proclaimStep(operation, request)]
    case 'leader':
      return leaderSteps(operation, request.name)
    case 'lease-keep-alive':
    case 'lease-time-to-live':
    case 'alarm':
      return []
    default:
      return isRefused(operation) ? [] : [plainStep(operation, request)]
  }
}

function plainStep(operation: Operation, request: StoreRequest): Step {
  const { id, calledAt, outcome } = operation
  const what = describeOperation(operation)
  if (outcome.type === 'unknown') return unknownStep(operation, what, request)
  if (outcome.type === 'failed') {
    return { id, what, request, calledAt, returnedAt: operation.returnedAt, outcome }
  }
  const { revision, result } = outcome
  const known = result.type === 'lease-revoke' || result.type === 'unlock' ? {} : { result }
  const ok: StepOutcome = { type: 'ok', revision, ...known }
  return { id, what, request, calledAt, returnedAt: operation.returnedAt, outcome: ok }
}

function unknownStep({ id, calledAt }: Operation, what: string, request: StoreRequest): Step {
  return { id, what, request, calledAt, returnedAt: Infinity, outcome: { type: 'unknown' } }
}

/** What the error tells is not about keys (space-checks.ts), or about more than one (election-checks.ts). */
const WITHOUT_STEPS: ReadonlySet<string> = new Set([
  'refused',
  'no-space',
  'no-leader',
  'not-leader',
] satisfies Failure[])

function isRefused({ outcome }: Operation): boolean {
  return outcome.type === 'failed' && WITHOUT_STEPS.has(outcome.error)
}

function unlockStep(operation: Operation, key: string): Step {
  return plainStep(operation, { type: 'delete', key })
}

function proclaimStep(
  operation: Operation,
  { key, revision, value, lease }: Extract<Request, { type: 'proclaim' }>,
): Step {
  const request: StoreRequest = {
    type: 'txn',
    compares: [{ key, target: 'create', result: 'equal', operand: revision }],
    success: [{ type: 'put', key, value, lease }],
    failure: [],
  }
  const step = plainStep(operation, request)
  if (!isOk(step)) return step
  const result: Result = { type: 'txn', succeeded: true, responses: [{ type: 'put' }] }
  return { ...step, outcome: { ...step.outcome, result } }
}

/** A read of which election-checks.ts judges the answer. */
function leaderSteps(operation: Operation, name: string): Step[] {
  if (isRefused(operation)) return []
  const step = plainStep(operation, { type: 'range', ...contendersOf(name) })
  if (!isOk(step)) return [step]
  return [{ ...step, outcome: { type: 'ok', revision: step.outcome.revision } }]
}

/** What a server does for one who wants a lock: it puts a key if it is not there, and cleans up. */
function lockSteps(operation: Operation, request: Extract<Request, { type: 'lock' }>): Step[] {
  if (isRefused(operation)) return []
  const { outcome } = operation
  const key =
    outcome.type === 'ok' && outcome.result.type === 'lock'
      ? outcome.result.key
      : lockKey(request.name, request.lease)
  const { lease, value = '' } = request
  const put = { type: 'put', key, value, lease } as const
  const enter: StoreRequest = {
    type: 'txn',
    compares: [{ key, target: 'create', result: 'equal', operand: 0 }],
    success: [put],
    failure: [],
  }
  const what = describeOperation(operation)
  return [
    unknownStep(operation, `the key of ${what}`, enter),
    unknownStep(operation, `the clean-up of ${what}`, { type: 'delete', key }),
  ]
}

/** All keys of a lock, or of an election. */
export function contendersOf(name: string): { readonly key: string; readonly rangeEnd: string } {
  return { key: `${name}/`, rangeEnd: `${name}0` }
}

/** The key below a lock's name that stands for a contender. */
export function lockKey(name: string, lease: bigint): string {
  return `${name}/${lease.toString(16)}`
}

function grantSteps(
  operation: Operation,
  request: Extract<Request, { type: 'lease-grant' }>,
): Step[] {
  const { outcome } = operation
  const chosen =
    outcome.type === 'ok' && outcome.result.type === 'lease-grant'
      ? outcome.result.lease
      : undefined
  const lease = chosen ?? request.lease
  if (lease === 0n || isRefused(operation)) return []
  const grant = plainStep(operation, { ...request, lease })
  if (outcome.type === 'failed') return [grant]
  const what = `the end of lease ${lease}`
  return [grant, unknownStep(operation, what, { type: 'lease-revoke', lease })]
}

function canWrite(request: StoreRequest): boolean {
  if (request.type === 'range') return false
  if (request.type !== 'txn') return true
  return [...request.success, ...request.failure].some((op) => canWrite(op))
}

/** Whether an answer says that something was written; undefined where it does not tell. */
export function wrote({ request, outcome }: OkStep): boolean | undefined {
  if (request.type === 'lease-revoke') return undefined
  if (outcome.result === undefined) return undefined
  return resultWrote(outcome.result)
}

function resultWrote(result: Result): boolean {
  if (result.type === 'put') return true
  if (result.type === 'delete') return result.deleted > 0
  return result.type === 'txn' && result.responses.some((one) => resultWrote(one))
}

/** All requests of a tree, both branches, without the transactions themselves. */
export function* leavesOf(
  request: StoreRequest,
): Generator<Exclude<StoreRequest, { type: 'txn' }>> {
  if (request.type !== 'txn') {
    yield request
    return
  }
  for (const op of request.success) yield* leavesOf(op)
  for (const op of request.failure) yield* leavesOf(op)
}

export function describeOperation({ client, member, request }: Operation): string {
  return `${client}→${member} ${describeRequest(request)}`
}

export function describeRequest(request: Request): string {
  switch (request.type) {
    case 'put': {
      const lease = request.lease === undefined ? '' : ` lease ${request.lease}`
      const value = request.ignoreValue ? '(its value)' : JSON.stringify(request.value)
      return `put ${request.key}=${value}${lease}`
    }
    case 'range': {
      const at = request.revision === undefined ? '' : ` at ${request.revision}`
      return `${request.serializable ? 'serializable ' : ''}range ${intervalText(request)}${at}`
    }
    case 'delete':
      return `delete ${intervalText(request)}`
    case 'txn': {
      const list = (ops: readonly TxnOperation[]): string => ops.map(describeRequest).join('; ')
      const compares = request.compares.map(
        (one) =>
          `${one.target} ${intervalText(one)} ${one.result} ${one.target === 'lease' ? one.lease : one.operand}`,
      )
      return `txn if [${compares.join(', ')}] then [${list(request.success)}] else [${list(request.failure)}]`
    }
    case 'compact':
      return `compact ${request.revision}`
    case 'lock':
      return `${request.value === undefined ? 'lock' : 'campaign'} ${request.name} lease ${request.lease}`
    case 'unlock':
      return `${request.revision === undefined ? 'unlock' : 'resign'} ${request.key}`
    case 'proclaim':
      return `proclaim ${JSON.stringify(request.value)} of ${request.key}`
    case 'leader':
      return `leader of ${request.name}`
    case 'alarm':
      return request.disarms === undefined ? 'alarms' : `disarm ${request.disarms}`
    default:
      return `${request.type} ${request.lease}`
  }
}

export function intervalText({ key, rangeEnd }: { key: string; rangeEnd?: string }): string {
  return rangeEnd === undefined || rangeEnd === ''
    ? JSON.stringify(key)
    : `[${JSON.stringify(key)}, ${JSON.stringify(rangeEnd)})`
}

/** All kvs that an answer shows, old ones of `prev_kv` too. */
export function* kvsOf(result: Result | TxnOperationResult): Generator<KeyValue> {
  switch (result.type) {
    case 'put':
      if (result.prevKv !== undefined) yield result.prevKv
      return
    case 'range':
      yield* result.kvs
      return
    case 'delete':
      yield* result.prevKvs ?? []
      return
    case 'txn':
      for (const one of result.responses) yield* kvsOf(one)
      return
    case 'leader':
      yield result.kv
      return
    default:
  }
}
