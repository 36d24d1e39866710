import fc from 'fast-check'
import { expect, test } from 'vitest'

import { LeaseIds } from '../../src/lease/lease-ids.ts'

const memberId = fc
  .bigInt({ min: 0n, max: 2n ** 64n - 1n })
  .map((id) => id.toString(16).padStart(16, '0'))

test('minted ids are positive 64-bit numbers, and no two of a run are equal', () => {
  fc.assert(
    fc.property(memberId, fc.nat(2 ** 45), (member, wallMs) => {
      const ids = new LeaseIds(member, wallMs)
      const minted = Array.from({ length: 300 }, () => ids.next())
      expect(new Set(minted).size).toBe(300)
      for (const id of minted) {
        expect(id > 0n && id < 2n ** 63n).toBe(true)
      }
    }),
  )
})

test('ids tell the member and go on from the time of the start', () => {
  const ids = new LeaseIds('8e9e05c52164694d', 0x12_3456_789a)
  expect(ids.next().toString(16)).toBe('694d123456789a01')
  for (let i = 0; i < 255; i++) ids.next()
  expect(ids.next().toString(16)).toBe('694d123456789b01')
})

test('members whose ids end alike but for the sign bit stay positive', () => {
  expect(new LeaseIds('000000000000ffff', 0).next()).toBe(0x7fff_0000_0000_0001n)
})
