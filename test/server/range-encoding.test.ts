import fc from 'fast-check'
import { expect, test } from 'vitest'

import { encodeRangeResponse } from '../../src/rpc/codec/etcdserverpb.ts'
import { encodeInSlices, encodeRange } from '../../src/server/range-encoding.ts'

const header = { clusterId: 'cdf818194e3a8c32', memberId: '8e9e05c52164694d', revision: 7 }
const anyKv = fc.oneof(
  { weight: 20, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 600_000 }).map((n) => Buffer.alloc(n)) },
)

test('a range encoded in slices has the bytes of one encoded at once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyKv, { maxLength: 12 }),
      fc.constantFrom(0, 1, 300, 999, 1000),
      fc.boolean(),
      fc.nat(5_000_000),
      async (some, times, more, count) => {
        const kvs = [...Array.from({ length: times }, () => some).flat(), ...some].slice(0, 5000)
        const response = { header, kvs, more, count }
        const sliced = await encodeInSlices(response, () => Promise.resolve())
        expect(sliced.encoded !== undefined).toBe(kvs.length > 1000 || isLong(kvs))
        expect(Buffer.compare(encodeRange(sliced), encodeRangeResponse(response))).toBe(0)
      },
    ),
    { numRuns: 60 },
  )
})

/** More than a slice, which ends with the record that makes it half a mebibyte. */
function isLong(kvs: readonly Uint8Array[]): boolean {
  const beforeLast = kvs.slice(0, -1).reduce((sum, { length }) => sum + length, 0)
  return beforeLast >= 512 * 1024
}

test('it gives way after a thousand keys, and after half a mebibyte', async () => {
  const turns = async (keys: number, bytes: number): Promise<number> => {
    let count = 0
    const kvs = Array.from({ length: keys }, () => Buffer.alloc(bytes))
    await encodeInSlices({ header, kvs, count: keys }, () => Promise.resolve(void count++))
    return count
  }
  expect(await turns(10_000, 10)).toBe(10)
  expect(await turns(10, 256 * 1024)).toBe(5)
})

test('it ends when nobody waits any more', async () => {
  const kvs = Array.from({ length: 5000 }, () => Buffer.alloc(10))
  const gone = new Error('gone')
  await expect(encodeInSlices({ header, kvs }, () => Promise.reject(gone))).rejects.toBe(gone)
})
