import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import {
  decodeMessages,
  packedMessages,
  packedSnapshotMessage,
  snapshotMessageOf,
  type StreamMessage,
} from '../../src/peer/message-codec.ts'
import { packArray, unpackArray } from '../../src/peer/packing.ts'
import type { MsgApp } from '../../src/raft/types.ts'
import {
  FROM,
  messageArbitrary,
  ROUTE,
  snapshotArbitrary,
  TO,
} from './support/arbitrary-messages.ts'

/** As it comes from a connection: plain bytes. */
function encoded(messages: readonly StreamMessage[]): Uint8Array {
  return new Uint8Array(packArray(packedMessages(messages)))
}

function packed(value: readonly unknown[]): Uint8Array {
  return new Uint8Array(packArray(value))
}

function decoded(...message: unknown[]): StreamMessage[] | undefined {
  return decodeMessages(packed([message]), ROUTE)
}

const BYTES = new Uint8Array([1, 2, 3])

describe('messages on the wire', () => {
  test('every message comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(messageArbitrary, { maxLength: 8 }), (messages) => {
        expect(decodeMessages(encoded(messages), ROUTE)).toEqual(messages)
      }),
    )
  })

  test('the head of a snapshot comes out as it went in', () => {
    fc.assert(
      fc.property(snapshotArbitrary, (message) => {
        const value = unpackArray(packed(packedSnapshotMessage(message)))
        expect(snapshotMessageOf(value, ROUTE)).toEqual(message)
      }),
    )
  })

  test('damaged bytes are refused or are messages that keep every promise', () => {
    fc.assert(
      fc.property(
        fc.array(messageArbitrary, { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        (messages, damage, cut) => {
          const body = encoded(messages)
          for (const [at, byte] of damage) body[at % body.length] = byte
          const whole = decodeMessages(body, ROUTE)
          const part = decodeMessages(body.subarray(0, cut % body.length), ROUTE)
          for (const message of [...(whole ?? []), ...(part ?? [])]) expectSound(message)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('any bytes at all are refused or are sound', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        for (const message of decodeMessages(body, ROUTE) ?? []) expectSound(message)
      }),
      { numRuns: 5000 },
    )
  })

  test('any values in the place of fields are refused or are sound', () => {
    const value = fc.oneof(
      fc.constantFrom(0, 1, 2, -1, -0, 1.5, NaN, Infinity, 2 ** 53, '', 'x', true, false, null),
      fc.constantFrom(BYTES, [], [1], [BYTES], [1, 1, 0], [1, 1, 1, 1, 2, 0], [[]]),
      fc.nat(20),
    )
    fc.assert(
      fc.property(fc.integer({ min: -1, max: 16 }), fc.array(value, { maxLength: 8 }), (tag, v) => {
        for (const message of decoded(tag, ...v) ?? []) expectSound(message)
      }),
      { numRuns: 5000 },
    )
  })

  test.each<[string, unknown[]]>([
    ['an unknown tag', [99, 1]],
    ['the tag of a snapshot', [14, 1, 1, 1, [], [], [], [], false]],
    ['a tag alone', [7]],
    ['a field too few', [7, 1, 1]],
    ['a field too many', [7, 1, 1, 1, 1]],
    ['a negative number', [7, -1, 1, 1]],
    ['a fraction', [7, 1.5, 1, 1]],
    ['no number', [7, NaN, 1, 1]],
    ['a number beyond 2^53', [7, 2 ** 53, 1, 1]],
    ['a 64-bit integer', [7, 5n, 1, 1]],
    ['text for a number', [7, '1', 1, 1]],
    ['a number for a flag', [5, 1, 1]],
    ['bytes for text', [11, BYTES]],
    ['text without end', [11, 'x'.repeat(1025)]],
    ['text for data', [1, 2, 0, 0, 0, [1, 1, 0], ['abc']]],
    ['entries without a term', [1, 2, 0, 0, 0, [], [BYTES]]],
    ['fewer data than terms', [1, 2, 0, 0, 0, [2, 1, 0], [BYTES]]],
    ['more data than terms', [1, 2, 0, 0, 0, [1, 1, 0], [BYTES, BYTES]]],
    ['an empty run', [1, 2, 0, 0, 0, [0, 1, 0, 1, 1, 0], [BYTES]]],
    ['a run cut off', [1, 2, 0, 0, 0, [1, 1, 0, 1], [BYTES]]],
    ['an unknown entry type', [1, 2, 0, 0, 0, [1, 1, 2], [BYTES]]],
    ['term 0 in an entry', [1, 2, 0, 0, 0, [1, 0, 0], [BYTES]]],
    ['terms that go down', [1, 3, 0, 0, 0, [1, 2, 0, 1, 1, 0], [BYTES, BYTES]]],
    ['a term below the entry before', [1, 3, 5, 3, 0, [1, 2, 0], [BYTES]]],
    ['a term beyond the leader’s', [1, 3, 5, 3, 0, [1, 4, 0], [BYTES]]],
    ['an index beyond 2^53', [1, 3, 2 ** 53 - 1, 1, 0, [1, 1, 0], [BYTES]]],
    ['a proposal of nothing', [9, 1, [], []]],
    ['a proposal without types', [9, 1, [], [BYTES]]],
  ])('%s is no message', (_name, message) => {
    expect(decoded(...message)).toBeUndefined()
  })

  test('negative zero is no number', () => {
    const body = new Uint8Array([0x91, 0x94, 7, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1])
    expect(decodeMessages(body, ROUTE)).toHaveLength(1)
    body[4] = 0x80
    expect(decodeMessages(body, ROUTE)).toBeUndefined()
  })

  test('one bad message spoils its frame', () => {
    const good = [7, 1, 1, 1]
    expect(decodeMessages(packed([good, good]), ROUTE)).toHaveLength(2)
    expect(decodeMessages(packed([good, [7, 1, 1]]), ROUTE)).toBeUndefined()
    expect(decodeMessages(packed([good, 7]), ROUTE)).toBeUndefined()
  })

  test.each<[string, (fields: unknown[]) => void]>([
    ['an id that is none', (fields) => (fields[4] = ['xyz'])],
    ['an id twice', (fields) => (fields[4] = [FROM, FROM])],
    ['the id zero', (fields) => (fields[4] = ['0000000000000000'])],
    ['too many ids', (fields) => (fields[6] = Array.from({ length: 1001 }, (_, i) => idOf(i + 1)))],
    ['a term beyond the sender’s', (fields) => (fields[3] = 9)],
    ['another tag', (fields) => (fields[0] = 13)],
    ['a field more', (fields) => fields.push(1)],
  ])('%s is no head of a snapshot', (_name, spoil) => {
    const fields: unknown[] = [14, 3, 10, 2, [FROM, TO], [], [], [], false]
    expect(snapshotMessageOf(unpackArray(packed(fields)), ROUTE)).toBeDefined()
    spoil(fields)
    expect(snapshotMessageOf(unpackArray(packed(fields)), ROUTE)).toBeUndefined()
  })

  test('entries that do not follow the message’s index are a bug of the sender', () => {
    const entry = { index: 9, term: 1, type: 'EntryNormal', data: BYTES } as const
    const fields = { from: FROM, to: TO, term: 1, index: 7, logTerm: 1, commit: 0 }
    const message: MsgApp = { type: 'MsgApp', ...fields, entries: [entry] }
    expect(() => packedMessages([message])).toThrow(AssertionError)
  })
})

function idOf(number: number): string {
  return number.toString(16).padStart(16, '0')
}

/** What the Raft core relies on. */
function expectSound(message: StreamMessage): void {
  expect([message.from, message.to]).toEqual([FROM, TO])
  for (const [name, value] of Object.entries(message)) {
    if (typeof value === 'number') {
      expect(Number.isSafeInteger(value) && value >= 0, `${name}=${value}`).toBe(true)
      expect(Object.is(value, -0)).toBe(false)
    }
  }
  if (message.type === 'MsgProp') {
    expect(message.entries.length).toBeGreaterThan(0)
    for (const { data } of message.entries) expect(data).toBeInstanceOf(Uint8Array)
  }
  if (message.type !== 'MsgApp') return
  let [index, term] = [message.index, Math.max(1, message.logTerm)]
  for (const entry of message.entries) {
    expect(entry.index).toBe(++index)
    expect(Number.isSafeInteger(entry.index)).toBe(true)
    expect(entry.term).toBeGreaterThanOrEqual(term)
    expect(entry.term).toBeLessThanOrEqual(message.term)
    expect(['EntryNormal', 'EntryConfChange']).toContain(entry.type)
    expect(entry.data).toBeInstanceOf(Uint8Array)
    term = entry.term
  }
}
