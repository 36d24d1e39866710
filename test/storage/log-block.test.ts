import fc from 'fast-check'
import { expect, test } from 'vitest'

import type { Entry } from '../../src/raft/types.ts'
import {
  BlockEncoder,
  decodeAnchor,
  decodeBlock,
  encodeAnchor,
} from '../../src/storage/log-block.ts'
import type { StoredBlock } from '../../src/storage/log-block.ts'
import { entriesFrom, flipped, plain } from '../support/storage.ts'

const index = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 100 })

const block: fc.Arbitrary<StoredBlock> = fc
  .record({
    sequence: index,
    previousChecksum: fc.nat(0xffff_ffff),
    compacted: fc.nat(),
    reset: fc.boolean(),
    hardState: fc.record({
      term: index,
      vote: fc.constantFrom('', '8e9e05c52164694d', 'x'),
      commit: index,
    }),
    first: index,
    data: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
  })
  .map(({ first, data, ...rest }) => ({
    ...rest,
    entries: data.map((bytes, i): Entry => ({
      index: first + i,
      term: first,
      type: i % 2 === 0 ? 'EntryNormal' : 'EntryConfChange',
      data: bytes,
    })),
  }))

test('a block decodes to what was encoded, also when the buffer was used before', () => {
  const encoder = new BlockEncoder()
  fc.assert(
    fc.property(block, (written) => {
      const { bytes, checksum } = encoder.encode(written)
      const read = decodeBlock(Buffer.from(bytes))
      if (typeof read === 'string') throw new Error(read)
      expect({ ...read, entries: plain(read.entries) }).toEqual({
        ...written,
        checksum,
        entries: plain(written.entries),
      })
    }),
  )
})

test('a block with any bit flipped or any length cut is recognised', () => {
  const { bytes } = new BlockEncoder().encode({
    sequence: 3,
    previousChecksum: 99,
    compacted: 0,
    reset: false,
    hardState: { term: 1, vote: '8e9e05c52164694d', commit: 0 },
    entries: entriesFrom(5, 3),
  })
  expect(typeof decodeBlock(bytes)).toBe('object')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    expect(typeof decodeBlock(flipped(bytes, bit)), `bit ${bit}`).toBe('string')
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(typeof decodeBlock(bytes.subarray(0, length)), `length ${length}`).toBe('string')
  }
})

test('an anchor with any bit flipped is recognised', () => {
  const anchor = { sequence: 2 ** 40, previousChecksum: 7, compacted: 2 ** 41 }
  const bytes = encodeAnchor(anchor)
  expect(decodeAnchor(bytes)).toEqual(anchor)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    expect(decodeAnchor(flipped(bytes, bit)), `bit ${bit}`).toBeUndefined()
  }
})

test('random bytes never decode, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(typeof decodeBlock(bytes)).toBe('string')
      expect(decodeAnchor(bytes)).toBeUndefined()
    }),
  )
})
