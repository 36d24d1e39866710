import fc from 'fast-check'
import { expect, test } from 'vitest'

import { keyFromBytes } from '../../src/base/key.ts'
import { decodeRecord, RECORD_PREFIX, RecordCodec } from '../../src/storage/record-codec.ts'

/** Lengths on both sides of what the codec keeps, and again and again the same ones. */
const bytes = (lengths: readonly number[]): fc.Arbitrary<Uint8Array> =>
  fc
    .constantFrom(...lengths)
    .chain((length) => fc.uint8Array({ minLength: length, maxLength: length }))

const record = fc.record({
  key: bytes([0, 1, 17, 18, 300]),
  value: bytes([0, 1, 20, 1024, 1025, 70_000]),
})

test('a stored record gives back its value, whatever records the codec stored before', () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      const codec = new RecordCodec()
      for (const { key, value } of records) {
        const stored = codec.encode(keyFromBytes(key), value)
        expect(stored.key.equals(Uint8Array.of(RECORD_PREFIX, ...key))).toBe(true)
        expect(codec.key(keyFromBytes(key)).equals(Uint8Array.of(RECORD_PREFIX, ...key))).toBe(true)
        const decoded = decodeRecord(Uint8Array.of(RECORD_PREFIX, ...key), stored.value)
        expect(Buffer.from(value).equals(decoded ?? Buffer.from('damaged'))).toBe(true)
      }
    }),
    { numRuns: 50 },
  )
})

test('a flipped bit in key, value or checksum is found', () => {
  const codec = new RecordCodec()
  const stored = codec.encode(keyFromBytes(Buffer.from('key')), Buffer.from('value'))
  const [key, value] = [Buffer.from(stored.key), Buffer.from(stored.value)]
  for (const bytes of [key, value]) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(decodeRecord(key, value)).toBeUndefined()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
  expect(decodeRecord(key, value)).toEqual(Buffer.from('value'))
})
