import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../../src/rpc/native/frame-reader.ts'
import { ConnectionError, ERROR, PREFACE } from '../../../src/rpc/native/protocol.ts'
import { frame } from './raw-client.ts'

const MAX_BYTES = 16_384

function read(chunks: readonly Uint8Array[]): string[] {
  const frames: string[] = []
  const reader = new FrameReader(
    {
      onFrame: (type, flags, streamId, bytes, start, end) => {
        const payload = bytes.subarray(start, end).toString('hex')
        frames.push([type, flags, streamId, payload].join('/'))
      },
    },
    MAX_BYTES,
  )
  for (const chunk of chunks) reader.push(Buffer.from(chunk))
  return frames
}

describe('frames out of a byte stream, RFC 9113 §4.1', () => {
  const one = fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(MAX_BYTES).map((length) => Buffer.alloc(length, length)),
    ),
  })

  test('are the same wherever the chunks are cut', () => {
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 20 }),
        (all, sizes) => {
          const bytes = Buffer.concat([
            PREFACE,
            ...all.map((each) => frame(each.type, each.flags, each.streamId, each.payload)),
          ])
          const chunks: Buffer[] = []
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length]!
            chunks.push(bytes.subarray(at, at + size))
            at += size
          }
          const expected = all.map((each) =>
            [each.type, each.flags, each.streamId, Buffer.from(each.payload).toString('hex')].join(
              '/',
            ),
          )
          expect(read(chunks)).toEqual(expected)
        },
      ),
    )
  })

  test('come also byte by byte', () => {
    const bytes = Buffer.concat([PREFACE, frame(4, 0, 0), frame(0, 1, 3, Buffer.from('hello'))])
    expect(read([...bytes].map((byte) => Buffer.of(byte)))).toEqual(['4/0/0/', '0/1/3/68656c6c6f'])
  })

  test('the reserved bit of the stream id is ignored', () => {
    expect(read([PREFACE, Buffer.from('000000040080000001', 'hex')])).toEqual(['4/0/1/'])
  })

  test('a frame larger than the setting is FRAME_SIZE_ERROR, before its payload has come', () => {
    const largest = frame(0, 0, 1, Buffer.alloc(MAX_BYTES))
    expect(read([PREFACE, largest])).toHaveLength(1)
    const header = frame(0, 0, 1, Buffer.alloc(MAX_BYTES + 1)).subarray(0, 9)
    for (const chunks of [[header], [header.subarray(0, 4), header.subarray(4)]]) {
      const error = caught(() => read([PREFACE, ...chunks]))
      expect(error).toMatchObject({ code: ERROR.FRAME_SIZE_ERROR })
    }
  })

  test('what is not the preface is PROTOCOL_ERROR', () => {
    const wrong = Buffer.from(PREFACE)
    wrong[20] = 0
    expect(caught(() => read([wrong]))).toMatchObject({ code: ERROR.PROTOCOL_ERROR })
  })

  test('a reader that was stopped hands on nothing more of its chunk', () => {
    let count = 0
    const reader: FrameReader = new FrameReader(
      {
        onFrame: () => {
          count++
          reader.stop()
        },
      },
      MAX_BYTES,
    )
    reader.push(Buffer.concat([PREFACE, frame(4, 0, 0), frame(4, 0, 0), Buffer.alloc(3)]))
    reader.push(frame(4, 0, 0))
    expect(count).toBe(1)
  })
})

function caught(run: () => void): ConnectionError | undefined {
  try {
    run()
  } catch (error) {
    if (error instanceof ConnectionError) return error
    throw error
  }
  return undefined
}
