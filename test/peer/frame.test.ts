import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  dataFrame,
  type Frame,
  FrameReader,
  probeFrame,
  probeNumber,
} from '../../src/peer/frame.ts'
import { unpackArray } from '../../src/peer/packing.ts'

/** All frames that come out of these bytes, cut at these places. */
function read(bytes: Uint8Array, cuts: readonly number[], maxBodyBytes = 1000): (Frame | string)[] {
  const reader = new FrameReader(maxBodyBytes)
  const frames: (Frame | string)[] = []
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b)
  let start = 0
  for (const end of [...places, bytes.length]) {
    reader.push(Buffer.from(bytes.subarray(start, end)))
    start = end
    for (;;) {
      const frame = reader.next()
      if (frame === undefined) break
      frames.push(frame)
      if (typeof frame === 'string') return frames
    }
  }
  return frames
}

describe('frames', () => {
  test('they come out whole and in order, however the bytes are cut', () => {
    const item = fc.oneof(
      fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    )
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), fc.array(fc.nat()), (items, cuts) => {
        const bytes = Buffer.concat(
          items.map((one) => (typeof one === 'number' ? probeFrame('ping', one) : dataFrame(one))),
        )
        const values = read(bytes, cuts).map((frame) => {
          if (typeof frame === 'string') return frame
          return frame.type === 'ping' ? probeNumber(frame) : unpackArray(frame.body)
        })
        expect(values).toEqual(items)
      }),
    )
  })

  test('what is not a frame is told apart at its head', () => {
    const head = (length: number, type: number): Uint8Array => {
      const bytes = Buffer.alloc(5)
      bytes.writeUInt32BE(length, 0)
      bytes[4] = type
      return bytes
    }
    expect(read(head(1001, 0), [])).toEqual(['frame of 1001 bytes'])
    expect(read(head(2 ** 32 - 1, 0), [])).toEqual(['frame of 4294967295 bytes'])
    expect(read(head(4, 3), [])).toEqual(['unknown frame type 3'])
    expect(read(head(5, 1), [])).toEqual(['ping of 5 bytes'])
    expect(read(head(0, 2), [])).toEqual(['pong of 0 bytes'])
    expect(read(Buffer.from('GET / HTTP/1.1\r\n'), [1, 2, 3])).toHaveLength(1)
    expect(read(head(1000, 0), [])).toEqual([])
  })

  test('a frame within one piece is a view of it; one over several is not', () => {
    const frame = dataFrame([new Uint8Array(100)])
    const piece = Buffer.concat([frame, frame])
    const reader = new FrameReader(1000)
    reader.push(piece.subarray(0, 150))
    const first = reader.next() as Frame
    expect(first.body.buffer).toBe(piece.buffer)
    expect(reader.next()).toBeUndefined()
    reader.push(piece.subarray(150))
    const second = reader.next() as Frame
    expect(second.body.buffer).not.toBe(piece.buffer)
    expect(second.body).toEqual(first.body)
    expect(first.body.constructor).toBe(Uint8Array)
  })

  test('what a head promises takes no memory before it has come', () => {
    const reader = new FrameReader(2 ** 31)
    const head = Buffer.alloc(5)
    head.writeUInt32BE(2 ** 31, 0)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 5; i++) {
      reader.push(i === 0 ? head : Buffer.alloc(10))
      expect(reader.next()).toBeUndefined()
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24)
  })
})
