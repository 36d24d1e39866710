import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { keyFromText } from '../../src/base/key.ts'
import type { Change, Commit } from '../../src/mvcc/change.ts'
import { encodeDeletion, encodeFields } from '../../src/mvcc/kv.ts'
import type { Entry } from '../../src/raft/types.ts'
import { INITIAL_POINT, StateHash, type StatePoint } from '../../src/server/state-hash.ts'

/** What one entry does when it is applied. */
interface Effect {
  readonly term: number
  readonly data: Uint8Array
  readonly commits: readonly Commit[]
  readonly operation: string
  readonly outcome: string
  readonly revision: number
}

function feed(hash: StateHash, effect: Effect): void {
  for (const commit of effect.commits) hash.change(commit)
  const { term, data, operation, outcome, revision } = effect
  const entry: Entry = { index: hash.index + 1, term, type: 'EntryNormal', data }
  hash.endEntry(entry, operation, outcome, revision)
}

function feedAll(effects: readonly Effect[], start = INITIAL_POINT): StateHash {
  const hash = new StateHash(start)
  for (const effect of effects) feed(hash, effect)
  return hash
}

const keyArbitrary = fc.constantFrom('a', 'b', 'key/1').map(keyFromText)

const changeArbitrary: fc.Arbitrary<Change> = fc
  .record({
    type: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
    key: keyArbitrary,
    version: fc.integer({ min: 1, max: 300 }),
    value: fc.uint8Array({ maxLength: 40 }),
    lease: fc.constantFrom(0n, 7n, 2n ** 62n),
  })
  .map(({ type, key, version, value, lease }) =>
    type === 'put'
      ? { type, key, record: encodeFields(key, version, version, 1, value, lease) }
      : { type, key, record: encodeDeletion(key, version) },
  )

const effectArbitrary: fc.Arbitrary<Effect> = fc.record({
  term: fc.integer({ min: 1, max: 3 }),
  data: fc.uint8Array({ maxLength: 20 }),
  commits: fc.array(
    fc.record({
      revision: fc.integer({ min: 2, max: 2 ** 40 }),
      changes: fc.array(changeArbitrary, { maxLength: 4 }),
    }),
    { maxLength: 2 },
  ),
  operation: fc.constantFrom('', 'put', 'txn', 'leaseGrant', 'compaction'),
  outcome: fc.constantFrom('ok', 'lease-not-found', 'compacted'),
  revision: fc.integer({ min: 1, max: 2 ** 40 }),
})

const effectsArbitrary = fc.array(effectArbitrary, { minLength: 1, maxLength: 12 })

function put(value: string, revision = 2, lease = 0n): Change {
  const key = keyFromText('a')
  const record = encodeFields(key, revision, revision, 1, Buffer.from(value), lease)
  return { type: 'put', key, record }
}

function effect(parts: Partial<Effect> = {}): Effect {
  return {
    term: 1,
    data: Buffer.from('entry'),
    commits: [{ revision: 2, changes: [put('v')] }],
    operation: 'put',
    outcome: 'ok',
    revision: 2,
    ...parts,
  }
}

const CHANGELESS = effect({ commits: [], operation: 'leaseGrant' })

describe('members that apply the same', () => {
  test('have the same hash at every index', () => {
    fc.assert(
      fc.property(effectsArbitrary, (effects) => {
        const one = feedAll(effects)
        const other = feedAll(effects)
        for (let i = 0; i <= effects.length; i++) expect(one.at(i)).toEqual(other.at(i))
        expect(one.newest).toEqual(other.newest)
      }),
    )
  })

  test('have it too when one of them starts again from a checkpoint in between', () => {
    fc.assert(
      fc.property(effectsArbitrary, fc.nat(), (effects, at) => {
        const cut = at % (effects.length + 1)
        const saved = feedAll(effects.slice(0, cut))
        const point = { index: cut, term: saved.newest.term, hash: saved.value }
        const again = feedAll(effects.slice(cut), point)
        expect(again.newest).toEqual(feedAll(effects).newest)
        expect(again.at(cut)).toEqual(saved.newest)
      }),
    )
  })

  test('have the hash that every version has had', () => {
    const effects = [effect(), CHANGELESS, effect({ outcome: 'no-space', commits: [] })]
    expect(feedAll(effects).value).toBe(3197657915)
  })
})

describe('members that apply something else', () => {
  const differing: readonly (readonly [string, Effect, Effect])[] = [
    ['a term', effect({ term: 1 }), effect({ term: 2 })],
    ['a revision afterwards', effect({ revision: 2 }), effect({ revision: 3 })],
    ['a revision far away', effect({ revision: 2 }), effect({ revision: 2 ** 32 + 2 })],
    ['an operation', effect({ operation: 'put' }), effect({ operation: 'txn' })],
    ['an outcome', effect({ outcome: 'ok' }), effect({ outcome: 'no-space' })],
    [
      'the bytes of an entry without changes',
      CHANGELESS,
      { ...CHANGELESS, data: Buffer.from('x') },
    ],
    [
      'a change more',
      effect(),
      effect({ commits: [{ revision: 2, changes: [put('v'), put('v')] }] }),
    ],
    ['no change', effect(), effect({ commits: [{ revision: 2, changes: [] }] })],
    [
      'the revision of a change',
      effect(),
      effect({ commits: [{ revision: 3, changes: [put('v')] }] }),
    ],
    ['a lease', effect(), effect({ commits: [{ revision: 2, changes: [put('v', 2, 9n)] }] })],
    [
      'a put for a delete of the same bytes',
      effect({ commits: [{ revision: 2, changes: [{ ...put('v'), type: 'put' }] }] }),
      effect({ commits: [{ revision: 2, changes: [{ ...put('v'), type: 'delete' }] }] }),
    ],
    [
      'where one transaction ends',
      effect({ commits: [{ revision: 2, changes: [put('v'), put('w')] }] }),
      effect({
        commits: [
          { revision: 2, changes: [put('v')] },
          { revision: 2, changes: [put('w')] },
        ],
      }),
    ],
    [
      'where one text ends',
      effect({ operation: 'txn', outcome: 'ok' }),
      effect({ operation: 'tx', outcome: 'nok' }),
    ],
  ]

  test.each(differing)('differ: %s', (_name, one, other) => {
    expect(feedAll([one]).value).not.toBe(feedAll([other]).value)
  })

  test('differ by a single flipped bit of a record, and from there on for good', () => {
    fc.assert(
      fc.property(effectsArbitrary, effectsArbitrary, fc.nat(), fc.nat(), (before, after, a, b) => {
        const change = put('some value')
        const record = Buffer.from(change.record)
        const at = a % record.length
        record[at] = (record[at] ?? 0) ^ (1 << (b % 8))
        const right = effect({ commits: [{ revision: 5, changes: [change] }] })
        const wrong = effect({ commits: [{ revision: 5, changes: [{ ...change, record }] }] })
        expectApart(
          feedAll([...before, right, ...after]),
          feedAll([...before, wrong, ...after]),
          before.length,
        )
      }),
    )
  })

  test('differ by a change left out or two in the other order, and from there on for good', () => {
    fc.assert(
      fc.property(
        effectsArbitrary,
        effectsArbitrary,
        fc.array(changeArbitrary, { minLength: 2, maxLength: 5 }),
        fc.nat(),
        fc.boolean(),
        (before, after, changes, at, leaveOut) => {
          const i = at % (changes.length - 1)
          const [one, other] = [changes[i], changes[i + 1]]
          fc.pre(one !== undefined && other !== undefined)
          fc.pre(one.type !== other.type || !Buffer.from(one.record).equals(other.record))
          const altered = leaveOut ? changes.toSpliced(i, 1) : changes.toSpliced(i, 2, other, one)
          const right = effect({ commits: [{ revision: 5, changes }] })
          const wrong = effect({ commits: [{ revision: 5, changes: altered }] })
          expectApart(
            feedAll([...before, right, ...after]),
            feedAll([...before, wrong, ...after]),
            before.length,
          )
        },
      ),
    )
  })

  test('differ when one has skipped what an entry does', () => {
    fc.assert(
      fc.property(effectsArbitrary, effectsArbitrary, (before, after) => {
        const skipped = effect({ commits: [], outcome: 'ok', revision: 1 })
        expectApart(
          feedAll([...before, effect(), ...after]),
          feedAll([...before, skipped, ...after]),
          before.length,
        )
      }),
    )
  })

  /** Equal up to `index`, different at every later one. */
  function expectApart(one: StateHash, other: StateHash, index: number): void {
    expect(one.index).toBe(other.index)
    for (let i = 0; i <= one.index; i++) {
      if (i <= index) expect(other.at(i)).toEqual(one.at(i))
      else expect(other.at(i)?.hash).not.toBe(one.at(i)?.hash)
    }
  }
})

describe('the points kept', () => {
  test('are the newest ones since the start or the last reset', () => {
    const step = fc.oneof(
      { weight: 20, arbitrary: fc.constant('end' as const) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 100 }) },
    )
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 45 }),
        fc.array(step, { maxLength: 60 }),
        (start, steps) => {
          const kept = 8
          const hash = new StateHash({ index: start, term: 1, hash: 5 }, kept)
          let model: StatePoint[] = [{ index: start, term: 1, hash: 5 }]
          for (const [i, one] of steps.entries()) {
            if (one === 'end') {
              feed(hash, effect({ term: i + 2 }))
              model = [...model, hash.newest].slice(-kept)
              expect(hash.newest.term).toBe(i + 2)
            } else {
              const point = { index: hash.index + one, term: 9, hash: one }
              hash.reset(point)
              model = [point]
            }
          }
          for (let i = hash.index - 2 * kept; i <= hash.index + 2; i++) {
            expect(hash.at(i)).toEqual(model.find(({ index }) => index === i))
          }
          expect(hash.value).toBe(model.at(-1)?.hash)
        },
      ),
    )
  })

  test('go on from an installed state as the sender goes on', () => {
    const sender = feedAll([effect(), CHANGELESS, effect()])
    const receiver = feedAll([effect({ outcome: 'compacted' })])
    receiver.change({ revision: 9, changes: [put('half applied')] })
    receiver.reset(sender.newest)
    expect(receiver.at(1)).toBeUndefined()
    for (const hash of [sender, receiver]) feed(hash, CHANGELESS)
    expect(receiver.newest).toEqual(sender.newest)
  })

  test('are those of entries that have ended', () => {
    const hash = feedAll([effect()])
    const before = hash.value
    hash.change({ revision: 3, changes: [put('w', 3)] })
    expect(hash.value).toBe(before)
    expect(hash.newest).toEqual({ index: 1, term: 1, hash: before })
  })
})

test('an entry out of order ends the process', () => {
  const hash = feedAll([effect()])
  const entry = (index: number): Entry => ({
    index,
    term: 1,
    type: 'EntryNormal',
    data: new Uint8Array(0),
  })
  expect(() => hash.endEntry(entry(1), '', 'ok', 1)).toThrow('in order')
  expect(() => hash.endEntry(entry(3), '', 'ok', 1)).toThrow('in order')
})
