import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { decodeRevision, encodeRevision } from '../../src/mvcc/revision.ts'

const anyRevision = fc.record({
  main: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  sub: fc.oneof(fc.nat(300), fc.maxSafeNat()),
})

describe('revision keys', () => {
  it('are 17 bytes as in etcd, 18 with the tombstone mark', () => {
    const bytes = encodeRevision({ main: 0x0102030405, sub: 7 })
    expect(Buffer.from(bytes).toString('hex')).toBe('0000000102030405' + '5f' + '0000000000000007')
    const tombstone = encodeRevision({ main: 2, sub: 1 }, true)
    expect(Buffer.from(tombstone).toString('hex')).toBe('00000000000000025f000000000000000174')
  })

  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(anyRevision, fc.boolean(), (revision, tombstone) => {
        const decoded = decodeRevision(encodeRevision(revision, tombstone))
        expect(decoded).toEqual({ revision, tombstone })
      }),
    )
  })

  it('sort as bytes in revision order', () => {
    fc.assert(
      fc.property(anyRevision, anyRevision, fc.boolean(), fc.boolean(), (a, b, markA, markB) => {
        const byBytes = Buffer.compare(encodeRevision(a, markA), encodeRevision(b, markB))
        const order = Math.sign(a.main === b.main ? a.sub - b.sub : a.main - b.main)
        if (order !== 0) expect(byBytes).toBe(order)
      }),
    )
  })

  it('of any other form are refused', () => {
    expect(() => decodeRevision(new Uint8Array(16))).toThrow('17 bytes')
    expect(() => decodeRevision(new Uint8Array(17))).toThrow('separator')
    expect(() => decodeRevision(new Uint8Array(18))).toThrow('17 bytes')
  })
})
