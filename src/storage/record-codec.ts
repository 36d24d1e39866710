/**
 * A record of the state store as LevelDB sees it: the key under a one-byte prefix, the value
 * with a CRC-32 over prefixed key and value behind it. LevelDB does not check its own checksums
 * when it reads a table, so this is what finds a flipped bit.
 */

import { crc32 } from 'node:zlib'

import type { Key } from '../base/key.ts'
import { asBuffer } from './uint64.ts'

export const RECORD_PREFIX = 2
const CHECKSUM_BYTES = 4
const KEPT_SCRATCH_BYTES = 4 * 1024 * 1024

/** Values up to this length have their frame kept: at most so many frames are. */
const FRAMED_VALUE_BYTES = 1024

/** A key and a value in one piece of scratch memory, good until the next call. */
export interface EncodedRecord {
  readonly key: Buffer
  readonly value: Buffer
}

/** Scratch memory for the records of one form; making these views costs as much as filling them. */
interface Frame extends EncodedRecord {
  readonly bytes: Buffer
  /** All but the checksum. */
  readonly checked: Buffer
}

export class RecordCodec {
  #scratch: Buffer
  /** By the length of the value. */
  readonly #frames: Map<number, Frame>

  constructor() {
    this.#scratch = Buffer.allocUnsafeSlow(64 * 1024)
    this.#frames = new Map()
  }

  /** The key as stored, in scratch memory. */
  key(key: Key): Buffer {
    const bytes = this.#room(1 + key.length)
    bytes[0] = RECORD_PREFIX
    bytes.write(key, 1, 'latin1')
    return bytes.subarray(0, 1 + key.length)
  }

  encode(key: Key, value: Uint8Array): EncodedRecord {
    const frame = this.#frame(key.length, value.length)
    const { bytes, checked } = frame
    bytes[0] = RECORD_PREFIX
    bytes.write(key, 1, 'latin1')
    bytes.set(value, 1 + key.length)
    bytes.writeUInt32BE(crc32(checked), checked.length)
    return frame
  }

  /** Keys nearly all have one length. */
  #frame(keyLength: number, valueLength: number): Frame {
    const kept = this.#frames.get(valueLength)
    if (kept?.key.length === 1 + keyLength) return kept
    const keyEnd = 1 + keyLength
    const valueEnd = keyEnd + valueLength
    const end = valueEnd + CHECKSUM_BYTES
    const bytes = this.#room(end)
    const frame: Frame = {
      bytes,
      checked: bytes.subarray(0, valueEnd),
      key: bytes.subarray(0, keyEnd),
      value: bytes.subarray(keyEnd, end),
    }
    if (valueLength <= FRAMED_VALUE_BYTES) this.#frames.set(valueLength, frame)
    return frame
  }

  #room(length: number): Buffer {
    if (length > KEPT_SCRATCH_BYTES) return Buffer.allocUnsafeSlow(length)
    if (length > this.#scratch.length) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.min(length * 2, KEPT_SCRATCH_BYTES))
    }
    return this.#scratch
  }
}

/** The value of a stored record, as a view, or undefined when it is damaged. */
export function decodeRecord(storedKey: Uint8Array, stored: Uint8Array): Uint8Array | undefined {
  const bytes = asBuffer(stored)
  const end = bytes.length - CHECKSUM_BYTES
  if (end < 0) return undefined
  const value = bytes.subarray(0, end)
  return crc32(value, crc32(storedKey)) === bytes.readUInt32BE(end) ? value : undefined
}

/** The stored form of a scan bound. */
export function storedBound(key: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(1 + key.length)
  bytes[0] = RECORD_PREFIX
  bytes.set(key, 1)
  return bytes
}
