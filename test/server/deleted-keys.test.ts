import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Key } from '../../src/base/key.ts'
import { DeletedKeys } from '../../src/server/deleted-keys.ts'

const key = fc.string({
  unit: fc.constantFrom('\0', 'a', 'b', 'c'),
  maxLength: 3,
}) as fc.Arbitrary<Key>
const deletion = fc.record({ key, rangeEnd: key })

/** The rule in its plain form. */
function covers(deletions: readonly { key: Key; rangeEnd: Key }[], one: Key): boolean {
  return deletions.some(({ key: start, rangeEnd }) =>
    rangeEnd === '' ? start === one : start <= one && one < rangeEnd,
  )
}

test('covers the keys that one of its deletions covers, however they came together', () => {
  fc.assert(
    fc.property(
      fc.array(deletion, { maxLength: 12 }),
      fc.array(deletion, { maxLength: 12 }),
      fc.array(key, { minLength: 1 }),
      (first, second, keys) => {
        const [deleted, others] = [new DeletedKeys(), new DeletedKeys()]
        for (const one of first) deleted.add(one)
        expect(keys.map((one) => deleted.has(one))).toEqual(keys.map((one) => covers(first, one)))
        for (const one of second) others.add(one)
        deleted.addAll(others)
        const both = [...first, ...second]
        expect(keys.map((one) => deleted.has(one))).toEqual(keys.map((one) => covers(both, one)))
      },
    ),
    { numRuns: 500 },
  )
})
