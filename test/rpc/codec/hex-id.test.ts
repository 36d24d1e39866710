import fc from 'fast-check'
import { expect, it } from 'vitest'

import { hexIdOf, isNoId, sizeOfHexId, writeHexId } from '../../../src/rpc/codec/hex-id.ts'

/** Many share their lowest bits, and so a place among the kept ones. */
const anyId = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.nat(3).map((n) => BigInt(n) << 62n),
  fc.nat(300).map((n) => BigInt(n)),
)

function textOf(id: bigint): string {
  return id.toString(16).padStart(16, '0')
}

function varintOf(id: bigint): number[] {
  const bytes: number[] = []
  let rest = id
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return [...bytes, Number(rest)]
}

it('reads and writes ids, however many there are and however often', () => {
  fc.assert(
    fc.property(fc.array(anyId, { maxLength: 300, size: 'max' }), (ids) => {
      for (const id of [...ids, ...ids]) {
        const text = textOf(id)
        expect(hexIdOf(Number(id >> 32n), Number(id & 0xffff_ffffn))).toBe(text)
        expect(hexIdOf(Number(id >> 32n) | 0, Number(id & 0xffff_ffffn) | 0)).toBe(text)
        const wanted = varintOf(id)
        expect(sizeOfHexId(text)).toBe(wanted.length)
        const buffer = Buffer.alloc(20, 0xee)
        expect(writeHexId(buffer, 15, text)).toBe(15 - wanted.length)
        expect([...buffer.subarray(15 - wanted.length, 15)]).toEqual(wanted)
        expect(buffer[14 - wanted.length]).toBe(0xee)
        expect(buffer[15]).toBe(0xee)
        expect(isNoId(text)).toBe(id === 0n)
      }
    }),
    { numRuns: 30 },
  )
})

it.each(['', 'abc', '0123456789abcdeg', '0123456789ABCDEF', '00123456789abcdef'])(
  'takes %j for no id',
  (text) => {
    expect(() => sizeOfHexId(text)).toThrow('an id has 16 hex digits')
  },
)
