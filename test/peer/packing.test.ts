import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { isPlain, packArray, unpackArray } from '../../src/peer/packing.ts'

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.boolean(),
    fc.nat(),
    fc.maxSafeNat(),
    fc.string({ maxLength: 80 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 20 }),
  ),
})).value

function bytesOf(...bytes: number[]): Uint8Array {
  return new Uint8Array(bytes)
}

describe('packing', () => {
  test('what is let in comes out as it went in', () => {
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 40 }), (value) => {
        expect(unpackArray(new Uint8Array(packArray(value)))).toEqual(value)
      }),
    )
  })

  test('headroom is left before the array', () => {
    const bytes = packArray([1, 2], 5)
    expect([...bytes.subarray(5)]).toEqual([0x92, 1, 2])
    expect(bytes).toHaveLength(8)
  })

  test('what was packed stays as it was when more is packed', () => {
    const first = packArray([1, 'first'])
    const copy = Buffer.from(first)
    for (let i = 0; i < 1000; i++) packArray([i, 'x'.repeat(100)])
    expect(first.equals(copy)).toBe(true)
  })

  test.each<[string, unknown]>([
    ['null', null],
    ['a negative number', -1],
    ['a negative 32-bit number', -70_000],
    ['a 64-bit integer', 2n ** 60n],
    ['an object', { a: 1 }],
    ['a date', new Date(0)],
    ['undefined', undefined],
    ['a set', new Set([1])],
    ['a regular expression', /x/],
    ['an error', new Error('x')],
  ])('%s is not let in', (_name, value) => {
    const packr = new Packr({ useRecords: false, moreTypes: true })
    expect(unpackArray(new Uint8Array(packr.pack([value])))).toBeUndefined()
  })

  test('records, which would leave something behind for later frames, are not let in', () => {
    const records = new Packr({ useRecords: true }).pack([{ a: 1 }, { a: 2 }])
    expect(unpackArray(new Uint8Array(records))).toBeUndefined()
  })

  test.each<[string, Uint8Array]>([
    ['nothing', bytesOf()],
    ['an array that is cut off', bytesOf(0x92, 1)],
    ['something after the array', bytesOf(0x91, 1, 1)],
    ['a length that is cut off', bytesOf(0x91, 0xc5, 1)],
    ['bytes that are cut off', bytesOf(0x91, 0xc4, 4, 1, 2, 3)],
    ['an array of 2^32 - 1 values', bytesOf(0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2, 3)],
    ['an array of 65535 values', bytesOf(0xdc, 0xff, 0xff, 1)],
    ['the byte that msgpack never uses', bytesOf(0x91, 0xc1)],
    ['a short float', bytesOf(0x91, 0xca, 0, 0, 0, 0)],
    ['arrays in arrays without end', new Uint8Array(10_000).fill(0x91)],
  ])('%s is refused, before the library sees it', (_name, bytes) => {
    expect(isPlain(bytes)).toBe(false)
    expect(unpackArray(bytes)).toBeUndefined()
  })

  test('arrays in arrays are let in down to a depth of six', () => {
    const nested = (depth: number): Uint8Array =>
      bytesOf(...Array.from({ length: depth }, () => 0x91), 1)
    expect(isPlain(nested(6))).toBe(true)
    expect(isPlain(nested(7))).toBe(false)
  })

  test('a value that is no array is refused', () => {
    expect(unpackArray(bytesOf(1))).toBeUndefined()
  })

  test('a frame of millions of tiny values is refused', () => {
    const bytes = new Uint8Array(5 + 3_000_000)
    bytes.set([0xdd, 0, 0x2d, 0xc6, 0xc0])
    expect(isPlain(bytes)).toBe(false)
    const fewer = bytes.slice(0, 5 + 1_000_000)
    fewer.set([0xdd, 0, 0x0f, 0x42, 0x40])
    expect(isPlain(fewer)).toBe(true)
  })
})
