import fc from 'fast-check'
import { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { FrameReader } from '../../../src/rpc/native/frame-reader.ts'
import { FrameWriter } from '../../../src/rpc/native/frame-writer.ts'
import { ERROR, FLAG, FRAME, PREFACE } from '../../../src/rpc/native/protocol.ts'
import { SLAB_BYTES, SlabPool } from '../../../src/rpc/native/slab-pool.ts'

/** A socket that takes bytes at once, or only when it is told to. */
class FakeSocket extends Duplex {
  readonly chunks: Buffer[] = []
  writes = 0
  isSlow = false
  #pending: { readonly chunks: readonly Buffer[]; readonly done: () => void } | undefined

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  /** The system takes what it was given. */
  release(): void {
    const pending = this.#pending
    this.#pending = undefined
    if (pending === undefined) return
    for (const chunk of pending.chunks) this.chunks.push(Buffer.from(chunk))
    pending.done()
  }

  #take(chunks: readonly Buffer[], done: () => void): void {
    this.writes++
    this.#pending = { chunks, done }
    if (!this.isSlow) this.release()
  }

  frames(): string[] {
    const frames: string[] = []
    const reader = new FrameReader(
      {
        onFrame: (type, flags, streamId, bytes, start, end) => {
          const payload = bytes.subarray(start, end).toString('hex')
          frames.push([type, flags, streamId, payload].join('/'))
        },
      },
      2 ** 24,
    )
    reader.push(Buffer.concat([PREFACE, ...this.chunks]))
    return frames
  }
}

function setUp(): { socket: FakeSocket; writer: FrameWriter; dirty: () => number } {
  const socket = new FakeSocket()
  let dirty = 0
  const writer = new FrameWriter(socket, new SlabPool(), () => void dirty++)
  return { socket, writer, dirty: () => dirty }
}

describe('the frames of a turn', () => {
  test('leave in one write, in order', () => {
    const { socket, writer, dirty } = setUp()
    writer.settings([[3, 100]])
    writer.settingsAck()
    writer.headers(1, Buffer.from([0x88]), false)
    writer.message(1, Buffer.from('hi'), 0, 7)
    writer.headers(1, Buffer.from([0xbe]), true)
    writer.ping(Buffer.from('xx12345678'), 2, true)
    writer.resetStream(3, ERROR.CANCEL)
    writer.windowUpdate(0, 70_000)
    writer.goAway(5, ERROR.ENHANCE_YOUR_CALM, 'calm')
    expect(socket.writes).toBe(0)
    expect(dirty()).toBe(1)
    writer.flush()
    writer.flush()
    expect(socket.writes).toBe(1)
    expect(socket.frames()).toEqual([
      `${FRAME.SETTINGS}/0/0/000300000064`,
      `${FRAME.SETTINGS}/${FLAG.ACK}/0/`,
      `${FRAME.HEADERS}/${FLAG.END_HEADERS}/1/88`,
      `${FRAME.DATA}/0/1/00000000026869`,
      `${FRAME.HEADERS}/${FLAG.END_HEADERS | FLAG.END_STREAM}/1/be`,
      `${FRAME.PING}/${FLAG.ACK}/0/3132333435363738`,
      `${FRAME.RST_STREAM}/0/3/00000008`,
      `${FRAME.WINDOW_UPDATE}/0/0/00011170`,
      `${FRAME.GOAWAY}/0/0/000000050000000b63616c6d`,
    ])
  })

  const sizes = fc.array(fc.oneof(fc.nat(60), fc.nat(9000), fc.nat(3 * SLAB_BYTES)), {
    minLength: 1,
    maxLength: 12,
  })

  test('are whole, also large ones, and also while the socket is slow', () => {
    fc.assert(
      fc.property(
        sizes,
        fc.array(fc.constantFrom('flush', 'release', 'slow', 'fast')),
        (all, acts) => {
          const { socket, writer } = setUp()
          const expected: string[] = []
          all.forEach((size, i) => {
            const message = Buffer.alloc(size, i + 1)
            const streamId = 2 * i + 1
            // In two parts, cut inside or behind the prefix.
            const cut = Math.min((i % 7) + 1, size + 5)
            writer.message(streamId, message, 0, cut)
            writer.message(streamId, message, cut, size + 5)
            const whole = Buffer.concat([Buffer.alloc(5), message])
            whole.writeUInt32BE(size, 1)
            expected.push(`0/0/${streamId}/${whole.subarray(0, cut).toString('hex')}`)
            expected.push(`0/0/${streamId}/${whole.subarray(cut).toString('hex')}`)
            const act = acts[i % Math.max(1, acts.length)]
            if (act === 'flush') writer.flush()
            else if (act === 'release') socket.release()
            else socket.isSlow = act === 'slow'
          })
          writer.flush()
          socket.isSlow = false
          while (socket.writableLength > 0) socket.release()
          expect(socket.frames()).toEqual(expected)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('what a slow socket has not passed on yet is not overwritten', () => {
    const { socket, writer } = setUp()
    socket.isSlow = true
    const expected: string[] = []
    for (let turn = 0; turn < 6; turn++) {
      for (let i = 0; i < 20; i++) {
        const bytes = Buffer.alloc(4000, turn * 20 + i)
        writer.message(1, bytes, 5, 4005)
        expected.push(`0/0/1/${bytes.toString('hex')}`)
      }
      writer.flush()
    }
    while (socket.writableLength > 0) socket.release()
    expect(socket.frames()).toEqual(expected)
  })

  test('a slow socket leaves no room for messages until it has drained', () => {
    const { socket, writer } = setUp()
    socket.isSlow = true
    const kilobyte = Buffer.alloc(1024)
    let count = 0
    while (writer.hasRoom && count < 10_000) {
      writer.message(1, kilobyte, 0, 1029)
      count++
    }
    expect(count).toBeGreaterThan(100)
    expect(count).toBeLessThan(1000)
    socket.isSlow = false
    while (socket.writableLength > 0) socket.release()
    expect(writer.hasRoom).toBe(false)
    writer.onSocketDrain()
    expect(writer.hasRoom).toBe(true)
  })

  test('a closed writer sends nothing more', () => {
    const { socket, writer } = setUp()
    writer.settingsAck()
    writer.close()
    writer.flush()
    expect(socket.writes).toBe(0)
  })
})
