import fc from 'fast-check'
import { expect, test } from 'vitest'

import { crc32c } from '../../src/storage/crc32c.ts'

test('the check value of CRC-32C, and that of 32 zero bytes (RFC 3720 B.4)', () => {
  expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe306_9283)
  expect(crc32c(Buffer.alloc(32), 0, 32)).toBe(0x8a91_36aa)
  expect(crc32c(Buffer.alloc(0), 0, 0)).toBe(0)
})

test('any part of any bytes has the checksum that bit by bit division gives', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (bytes, skip) => {
      const start = Math.min(skip, bytes.length)
      expect(crc32c(bytes, start, bytes.length)).toBe(bitByBit(bytes.subarray(start)))
    }),
  )
})

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0)
  }
  return ~crc >>> 0
}
