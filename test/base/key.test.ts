import fc from 'fast-check'
import { expect, test } from 'vitest'

import { keyFromBytes, keyToBytes } from '../../src/base/key.ts'

test('a key has one character for each byte, wherever the bytes lie', () => {
  const part = fc.nat({ max: 80 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), part, part, (bytes, from, length) => {
      const view = bytes.subarray(from, from + length)
      const expected = String.fromCharCode(...view)
      expect(keyFromBytes(view)).toBe(expected)
      expect(keyFromBytes(Uint8Array.from(view))).toBe(expected)
      expect(keyFromBytes(Buffer.from(view))).toBe(expected)
      expect(Buffer.from(view).equals(keyToBytes(keyFromBytes(view)))).toBe(true)
    }),
  )
})
