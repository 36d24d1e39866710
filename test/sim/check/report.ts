/** Violations for people: a sentence each, and the calls around the first ones in time. */

import type { History, Operation, Outcome, Result } from './history.ts'
import { kvText } from './differences.ts'
import { describeOperation } from './steps.ts'
import type { Violation } from './violation.ts'

export interface ReportOptions {
  /** Sentences, and lines of the timeline. 10 and 20 when absent. */
  readonly violations?: number
  readonly lines?: number
}

export function report(
  history: History,
  violations: readonly Violation[],
  { violations: most = 10, lines = 20 }: ReportOptions = {},
): string {
  if (violations.length === 0) return 'no violations'
  const shown = violations.slice(0, most)
  const sentences = shown.map(({ kind, sentence }) => `${kind}: ${sentence}`)
  if (violations.length > most) sentences.push(`and ${violations.length - most} more`)
  return [...sentences, '', ...timeline(history, shown, lines)].join('\n')
}

function timeline(history: History, violations: readonly Violation[], lines: number): string[] {
  const named = new Set(violations.flatMap(({ operations }) => operations))
  const [first] = violations
  const revision = first?.revision
  const chosen = history.operations.filter(({ id, outcome }) => {
    if (named.has(id)) return true
    if (revision === undefined || outcome.type !== 'ok') return false
    return Math.abs(outcome.revision - revision) <= 2
  })
  const urgent = chosen.sort((a, b) => Number(named.has(b.id)) - Number(named.has(a.id)))
  return urgent
    .slice(0, lines)
    .sort((a, b) => a.calledAt - b.calledAt)
    .map((operation) => `${named.has(operation.id) ? '»' : ' '} ${lineOf(operation)}`)
}

function lineOf(operation: Operation): string {
  const { id, calledAt, returnedAt, outcome } = operation
  const from = calledAt.toFixed(1).padStart(10)
  const to = (outcome.type === 'unknown' ? '?' : returnedAt.toFixed(1)).padStart(10)
  return `${from} ${to}  #${id} ${describeOperation(operation)} → ${outcomeText(outcome)}`
}

function outcomeText(outcome: Outcome): string {
  if (outcome.type === 'unknown') return 'unknown'
  if (outcome.type === 'failed') return outcome.error
  return `@${outcome.revision} ${resultText(outcome.result)}`.trimEnd()
}

function resultText(result: Result): string {
  switch (result.type) {
    case 'put':
      return result.prevKv === undefined ? '' : `before: ${kvText(result.prevKv)}`
    case 'range': {
      const kvs = result.kvs.slice(0, 3).map(kvText)
      return `${result.count}: ${kvs.join(', ')}${result.kvs.length > 3 ? ', …' : ''}`
    }
    case 'delete':
      return `deleted ${result.deleted}`
    case 'txn':
      return `${result.succeeded ? 'then' : 'else'} [${result.responses.map(resultText).join('; ')}]`
    case 'lease-grant':
    case 'lease-keep-alive':
    case 'lease-time-to-live':
      return `TTL ${result.ttl}`
    case 'lock':
      return result.key
    case 'leader':
      return kvText(result.kv)
    case 'alarm':
      return `without space: ${result.withoutSpace.join(', ') || 'nobody'}`
    default:
      return ''
  }
}
