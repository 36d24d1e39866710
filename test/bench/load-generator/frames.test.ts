import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  FrameReader,
  encodeFrame,
  encodeSettings,
  encodeWindowUpdate,
  frameType,
} from '../../../bench/load-generator/frames.ts'

interface Frame {
  type: number
  flags: number
  streamId: number
  payload: string
}

function collector(): { reader: FrameReader; frames: Frame[] } {
  const frames: Frame[] = []
  const reader = new FrameReader((type, flags, streamId, bytes, start, end) =>
    frames.push({ type, flags, streamId, payload: bytes.toString('hex', start, end) }),
  )
  return { reader, frames }
}

const frameArbitrary = fc.record({
  type: fc.nat(9),
  flags: fc.nat(255),
  streamId: fc.nat(2 ** 31 - 1),
  payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex')),
})

test('frames come out as they went in, wherever the chunks are cut', () => {
  fc.assert(
    fc.property(fc.array(frameArbitrary), fc.array(fc.nat(400)), (frames, cuts) => {
      const bytes = Buffer.concat(
        frames.map(({ type, flags, streamId, payload }) =>
          encodeFrame(type, flags, streamId, Buffer.from(payload, 'hex')),
        ),
      )
      const { reader, frames: seen } = collector()
      const borders = [0, ...cuts.filter((cut) => cut < bytes.length), bytes.length]
      borders.sort((a, b) => a - b)
      borders.slice(1).forEach((end, at) => reader.push(bytes.subarray(borders[at], end)))
      expect(seen).toEqual(frames)
    }),
  )
})

test('a frame larger than the announced size is refused', () => {
  const { reader } = collector()
  expect(() => reader.push(encodeFrame(frameType.data, 0, 1, Buffer.alloc(16_385)))).toThrow(
    'too large',
  )
})

test('SETTINGS and WINDOW_UPDATE have the layout of RFC 9113 §6.5 and §6.9', () => {
  expect(encodeSettings([[4, 65_536]]).toString('hex')).toBe('000006040000000000000400010000')
  expect(encodeWindowUpdate(3, 10).toString('hex')).toBe('0000040800000000030000000a')
})
