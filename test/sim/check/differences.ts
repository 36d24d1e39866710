/** Whether two answers are equal, field by field, and where they are not. */

import type { KeyValue, KvEvent, Result } from './history.ts'

export function sameKv(a: KeyValue, b: KeyValue): boolean {
  return (
    a === b ||
    (a.modRevision === b.modRevision &&
      a.key === b.key &&
      a.value === b.value &&
      a.version === b.version &&
      a.createRevision === b.createRevision &&
      (a.lease ?? 0n) === (b.lease ?? 0n))
  )
}

/** What differs, in a few words; undefined when nothing does. */
export function difference(actual: Result, expected: Result): string | undefined {
  if (actual.type !== expected.type) return `a ${actual.type} answered instead of ${expected.type}`
  if (actual.type === 'put' && expected.type === 'put') {
    return optionalDifference('prev_kv', actual.prevKv, expected.prevKv)
  }
  if (actual.type === 'range' && expected.type === 'range') {
    const { count, more = false } = expected
    if (actual.count !== count) return `count ${actual.count} instead of ${count}`
    if ((actual.more ?? false) !== more) return `more is ${!more} instead of ${more}`
    return listDifference('kvs', actual.kvs, expected.kvs)
  }
  if (actual.type === 'delete' && expected.type === 'delete') {
    const { deleted, prevKvs = [] } = expected
    if (actual.deleted !== deleted) return `deleted ${actual.deleted} instead of ${deleted}`
    return listDifference('prev_kvs', actual.prevKvs ?? [], prevKvs)
  }
  if (actual.type === 'txn' && expected.type === 'txn') {
    const { succeeded, responses } = expected
    if (actual.succeeded !== succeeded) return `succeeded is ${!succeeded} instead of ${succeeded}`
    if (actual.responses.length !== responses.length) return 'another number of responses'
    for (const [i, response] of responses.entries()) {
      const inner = difference(actual.responses[i]!, response)
      if (inner !== undefined) return `in response ${i}: ${inner}`
    }
  }
  return undefined
}

/** Whether two answers are equal but for their revisions; TTLs, but for whether there is one. */
export function sameValues(actual: Result, expected: Result): boolean {
  if (actual.type === 'put' && expected.type === 'put') {
    return sameValue(actual.prevKv, expected.prevKv)
  }
  if (actual.type === 'range' && expected.type === 'range') {
    return actual.count === expected.count && sameValueLists(actual.kvs, expected.kvs)
  }
  if (actual.type === 'delete' && expected.type === 'delete') {
    const { deleted, prevKvs = [] } = expected
    return actual.deleted === deleted && sameValueLists(actual.prevKvs ?? [], prevKvs)
  }
  if (actual.type === 'txn' && expected.type === 'txn') {
    const { succeeded, responses } = expected
    if (actual.succeeded !== succeeded) return false
    if (actual.responses.length !== responses.length) return false
    return responses.every((one, i) => sameValues(actual.responses[i]!, one))
  }
  if (actual.type === 'lease-keep-alive' && expected.type === 'lease-keep-alive') {
    return actual.ttl > 0 === expected.ttl > 0
  }
  return actual.type === expected.type
}

function sameValueLists(a: readonly KeyValue[], b: readonly KeyValue[]): boolean {
  return a.length === b.length && a.every((kv, i) => sameValue(kv, b[i]))
}

function sameValue(a: KeyValue | undefined, b: KeyValue | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return (
    a.key === b.key &&
    a.value === b.value &&
    a.version === b.version &&
    (a.lease ?? 0n) === (b.lease ?? 0n)
  )
}

function listDifference(
  name: string,
  actual: readonly KeyValue[],
  expected: readonly KeyValue[],
): string | undefined {
  if (actual.length !== expected.length) {
    return `${actual.length} ${name} instead of ${expected.length}`
  }
  for (let i = 0; i < expected.length; i++) {
    const found = optionalDifference(`${name}[${i}]`, actual[i], expected[i])
    if (found !== undefined) return found
  }
  return undefined
}

export function optionalDifference(
  name: string,
  actual: KeyValue | undefined,
  expected: KeyValue | undefined,
): string | undefined {
  if (actual === expected) return undefined
  if (actual !== undefined && expected !== undefined && sameKv(actual, expected)) return undefined
  return `${name} is ${kvText(actual)} instead of ${kvText(expected)}`
}

export function kvText(kv: KeyValue | undefined): string {
  if (kv === undefined) return 'nothing'
  const { key, value, createRevision, modRevision, version, lease } = kv
  const attached = lease === undefined ? '' : ` lease ${lease}`
  return `${key}=${JSON.stringify(value)}@${modRevision} (created ${createRevision}, version ${version}${attached})`
}

/** The change alone, without what was there before. */
export function eventText({ type, kv }: KvEvent): string {
  return type === 'put' ? `put ${kvText(kv)}` : `delete ${kv.key}@${kv.modRevision}`
}

export function eventsText(events: readonly KvEvent[]): string {
  return events.length === 0 ? 'nothing' : events.map(eventText).join(', ')
}

export function sameEvent(a: KvEvent, b: KvEvent): boolean {
  return a.type === b.type && sameKv(a.kv, b.kv)
}

export function sameEvents(a: readonly KvEvent[], b: readonly KvEvent[]): boolean {
  return a.length === b.length && a.every((event, i) => sameEvent(event, b[i]!))
}
