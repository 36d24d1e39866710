import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { RecordCache } from '../../src/mvcc/record-cache.ts'

/** A record that tells which one it is. */
function recordOf(main: number, sub: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length, (main * 31 + sub) % 251)
  if (length >= 12) {
    bytes.writeUInt32LE(main >>> 0, 0)
    bytes.writeUInt32LE(sub, 4)
    bytes.writeUInt32LE(length, 8)
  }
  return bytes
}

const revision = fc.record({
  main: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constantFrom(2 ** 31, 2 ** 44, 2 ** 53 - 1)),
  sub: fc.oneof(
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom(2047, 2048, 2049, 2050, 4097, 100_000),
  ),
})
const length = fc.oneof(fc.integer({ min: 0, max: 400 }), fc.constantFrom(16_384, 16_385, 300_000))

describe('RecordCache', () => {
  test('gives back what was added for a revision, or nothing', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 200_000 }),
        fc.array(fc.record({ revision, length }), { maxLength: 200, size: 'max' }),
        (maxBytes, steps) => {
          const cache = new RecordCache(maxBytes)
          const added = new Map<string, Uint8Array>()
          for (const step of steps) {
            const { main, sub } = step.revision
            const name = `${main}/${sub}`
            const kept = cache.get(main, sub)
            if (kept !== undefined) {
              expect(Buffer.compare(kept, added.get(name) ?? Buffer.of())).toBe(0)
              continue
            }
            const record = recordOf(main, sub, step.length)
            cache.add(main, sub, record)
            added.set(name, Uint8Array.from(record))
            // What the caller does with its bytes afterwards is its own business.
            record.fill(0)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('never gives a record of another revision, however many changes one has', () => {
    const cache = new RecordCache(1024 * 1024)
    for (const sub of [1, 2]) cache.add(6, sub, recordOf(6, sub, 20))
    for (const sub of [2048 + 1, 2048 + 2]) expect(cache.get(5, sub)).toBeUndefined()
    cache.add(5, 2048 + 1, recordOf(5, 2049, 20))
    expect(cache.get(6, 1)).toEqual(recordOf(6, 1, 20))
    expect(cache.get(2 ** 53 - 1, 1)).toBeUndefined()
  })

  test('keeps what is read again, and forgets what is not', () => {
    const cache = new RecordCache(64 * 1024)
    cache.add(1, 0, recordOf(1, 0, 100))
    cache.add(2, 0, recordOf(2, 0, 100))
    for (let main = 3; main < 2000; main++) {
      cache.add(main, 0, recordOf(main, 0, 100))
      expect(cache.get(1, 0)).toEqual(recordOf(1, 0, 100))
    }
    expect(cache.get(2, 0)).toBeUndefined()
    expect(cache.get(1999, 0)).toEqual(recordOf(1999, 0, 100))
  })

  test('holds no more than it may, whatever is added', () => {
    const maxBytes = 1024 * 1024
    const cache = new RecordCache(maxBytes)
    for (let main = 1; main < 20_000; main++) cache.add(main, 0, recordOf(main, 0, 500))
    let bytes = 0
    let count = 0
    for (let main = 1; main < 20_000; main++) {
      // A miss changes nothing; a hit may move the record, and so push others out.
      const record = cache.get(main, 0)
      if (record === undefined) continue
      bytes += record.length
      count++
    }
    expect(bytes).toBeLessThan(maxBytes)
    expect(count).toBeGreaterThan(maxBytes / 650 / 3)
  })

  test('is empty when it was cleared', () => {
    const cache = new RecordCache(1024 * 1024)
    cache.add(5, 0, recordOf(5, 0, 50))
    cache.clear()
    expect(cache.get(5, 0)).toBeUndefined()
  })
})
