import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ParcelWriter, readParcel } from '../../../src/rpc/bridge/parcel.ts'

type Entry = readonly [kind: number, call: number, number: number, text: string]

function write(writer: ParcelWriter, entries: readonly Entry[]): ArrayBuffer {
  for (const [kind, call, number, text] of entries) {
    writer.add(kind, call, number, Buffer.from(text, 'latin1'))
  }
  return writer.take()
}

function read(parcel: ArrayBuffer): Entry[] {
  const entries: Entry[] = []
  readParcel(parcel, (kind, call, number, payload) => {
    entries.push([kind, call, number, payload.toString('latin1')])
  })
  return entries
}

const field = fc.integer({ min: 0, max: 0xffff_ffff })
const payload = fc.string({ unit: 'binary-ascii', maxLength: 300 })
const entries = fc.array(fc.tuple(field, field, field, payload), { maxLength: 200 })

test('what is put into a parcel comes out of it, parcel after parcel', () => {
  fc.assert(
    fc.property(fc.array(entries, { maxLength: 3 }), (parcels) => {
      const writer = new ParcelWriter()
      for (const one of parcels) {
        expect(read(write(writer, one))).toEqual(one)
        expect(writer.isEmpty).toBe(true)
        expect(writer.bytes).toBe(0)
      }
    }),
  )
})

test('a payload that goes to many calls is there once', () => {
  const writer = new ParcelWriter()
  const event = Buffer.alloc(10_000, 1)
  for (let call = 0; call < 100; call++) writer.add(3, call, 0, event)
  const parcel = writer.take()
  expect(parcel.byteLength).toBeLessThan(13_000)
  const sizes: number[] = []
  readParcel(parcel, (_kind, _call, _number, { length }) => void sizes.push(length))
  expect(sizes).toEqual(Array.from({ length: 100 }, () => 10_000))
})

test('a payload of the parcel before is not taken for one of this', () => {
  const writer = new ParcelWriter()
  const event = Buffer.from('event')
  writer.add(3, 1, 0, event)
  writer.take()
  writer.add(3, 1, 0, event)
  expect(read(writer.take())).toEqual([[3, 1, 0, 'event']])
})
