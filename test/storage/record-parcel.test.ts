import fc from 'fast-check'
import { expect, test } from 'vitest'

import { packRecords, unpackRecords } from '../../src/storage/record-parcel.ts'

const bytes = fc.uint8Array({ maxLength: 40 })

test('records come out of a parcel as they went in, whatever their lengths', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ key: bytes, value: bytes })), (records) => {
      const plain = (records: readonly { key: Uint8Array; value: Uint8Array }[]): string[] =>
        records.map(({ key, value }) => [key, value].map((one) => [...one].join()).join(' = '))
      expect(plain(unpackRecords(packRecords(records)))).toEqual(plain(records))
    }),
  )
})
