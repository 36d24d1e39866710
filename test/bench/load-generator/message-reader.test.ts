import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MessageReader } from '../../../bench/load-generator/message-reader.ts'

test('messages come out whole, however their bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (messages, cuts) => {
        const stream = Buffer.concat(
          messages.flatMap((message) => {
            const prefix = Buffer.alloc(5)
            prefix.writeUInt32BE(message.length, 1)
            return [prefix, Buffer.from(message)]
          }),
        )
        const read: Uint8Array[] = []
        const reader = new MessageReader((bytes, start, end) => {
          read.push(new Uint8Array(bytes.subarray(start, end)))
        })
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = Math.min(stream.length, at + cuts[i % cuts.length]!)
          reader.push(stream, at, end)
          at = end
        }
        expect(read).toEqual(messages)
      },
    ),
  )
})
