/**
 * Jepsen's logs of etcd's one register as histories. Such a log knows values alone, and 'nil', so a
 * read is a compare of the value that holds, and nothing shows a version.
 */

import {
  EMPTY_HISTORY,
  type Compare,
  type History,
  type Operation,
  type Outcome,
  type Request,
} from '../history.ts'

const LINE = /^INFO\s+jepsen\.util\s+-\s+(\d+)\s+:(\w+)\s+:(\w+)\s+(.*)$/
const KEY = 'r'

type Call = Omit<Operation, 'returnedAt' | 'outcome'> & { readonly name: string }

export function jepsenHistory(text: string): History {
  const open = new Map<string, Call>()
  const operations: Operation[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const [, process = '', type = '', name = '', argument = ''] = LINE.exec(line.trim()) ?? []
    if (type === 'invoke') {
      const request = requestOf(name, argument)
      open.set(process, { id: at, client: process, member: 'm', calledAt: at, request, name })
    }
    const call = open.get(process)
    if (call === undefined || (type !== 'ok' && type !== 'fail')) continue
    open.delete(process)
    const operation = answered(call, type, argument)
    if (operation !== undefined) operations.push({ ...operation, returnedAt: at })
  }
  for (const { name, ...call } of open.values()) {
    // What a read was not answered says nothing.
    if (name !== 'read')
      operations.push({ ...call, returnedAt: Infinity, outcome: { type: 'unknown' } })
  }
  return { ...EMPTY_HISTORY, operations }
}

function requestOf(name: string, argument: string): Request {
  if (name === 'write') return { type: 'put', key: KEY, value: argument }
  const [from = '', to = ''] = argument.match(/\d+/g) ?? []
  return name === 'cas' ? txn(holds(from), to) : txn(holds('nil'))
}

function holds(value: string): Compare {
  return value === 'nil'
    ? { key: KEY, target: 'version', result: 'equal', operand: 0 }
    : { key: KEY, target: 'value', result: 'equal', operand: value }
}

function txn(compare: Compare, value?: string): Request {
  const success = value === undefined ? [] : [{ type: 'put', key: KEY, value } as const]
  return { type: 'txn', compares: [compare], success, failure: [] }
}

function answered(
  { name, ...call }: Call,
  type: 'ok' | 'fail',
  argument: string,
): Omit<Operation, 'returnedAt'> | undefined {
  if (name === 'write') return { ...call, outcome: ok({ type: 'put' }) }
  if (name === 'cas') {
    const responses = type === 'ok' ? [{ type: 'put' } as const] : []
    return { ...call, outcome: ok({ type: 'txn', succeeded: type === 'ok', responses }) }
  }
  if (type === 'fail') return undefined
  const request = txn(holds(argument))
  return { ...call, request, outcome: ok({ type: 'txn', succeeded: true, responses: [] }) }
}

/** All at one revision, which the search is not to look at. */
function ok(result: Extract<Outcome, { type: 'ok' }>['result']): Outcome {
  return { type: 'ok', revision: 1, result }
}
