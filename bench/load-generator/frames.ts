/** HTTP/2 frames (RFC 9113 §4 and §6): constants, writing, and an incremental reader. */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  resetStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const frameFlag = {
  /** On DATA and HEADERS. */
  endStream: 0x1,
  /** On SETTINGS and PING. */
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const

export const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
export const frameHeaderBytes = 9
/** SETTINGS_MAX_FRAME_SIZE when none was announced. */
export const defaultMaxFrameBytes = 16_384
/** SETTINGS_INITIAL_WINDOW_SIZE when none was announced; also the connection's first window. */
export const defaultWindowBytes = 65_535

/** One whole frame. */
export function encodeFrame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array,
): Buffer {
  const frame = Buffer.allocUnsafe(frameHeaderBytes + payload.length)
  frame.writeUIntBE(payload.length, 0, 3)
  frame[3] = type
  frame[4] = flags
  frame.writeUInt32BE(streamId, 5)
  frame.set(payload, frameHeaderBytes)
  return frame
}

export function encodeSettings(
  settings: readonly (readonly [id: number, value: number])[],
): Buffer {
  const payload = Buffer.alloc(settings.length * 6)
  settings.forEach(([id, value], at) => {
    payload.writeUInt16BE(id, at * 6)
    payload.writeUInt32BE(value, at * 6 + 2)
  })
  return encodeFrame(frameType.settings, 0, 0, payload)
}

export function encodeWindowUpdate(streamId: number, increment: number): Buffer {
  const payload = Buffer.alloc(4)
  payload.writeUInt32BE(increment)
  return encodeFrame(frameType.windowUpdate, 0, streamId, payload)
}

/** Gets every frame as a view: payload bytes [start, end) of `bytes`, valid during the call only. */
export type FrameListener = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void

/** Cuts a byte stream into frames, whatever the chunk borders. */
export class FrameReader {
  readonly #onFrame: FrameListener
  readonly #maxFrameBytes: number
  #rest: Buffer | undefined

  constructor(onFrame: FrameListener, maxFrameBytes = defaultMaxFrameBytes) {
    this.#onFrame = onFrame
    this.#maxFrameBytes = maxFrameBytes
  }

  /** Throws on a frame larger than announced; the connection is then unusable. */
  push(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    let offset = 0
    while (bytes.length - offset >= frameHeaderBytes) {
      const length = (bytes[offset]! << 16) | (bytes[offset + 1]! << 8) | bytes[offset + 2]!
      if (length > this.#maxFrameBytes) throw new Error(`frame of ${length} bytes is too large`)
      const start = offset + frameHeaderBytes
      const end = start + length
      if (end > bytes.length) break
      const streamId = bytes.readUInt32BE(offset + 5) & 0x7fff_ffff
      this.#onFrame(bytes[offset + 3]!, bytes[offset + 4]!, streamId, bytes, start, end)
      offset = end
    }
    this.#rest = offset === bytes.length ? undefined : bytes.subarray(offset)
  }
}
