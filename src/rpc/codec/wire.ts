/**
 * The protobuf wire format, as the generated codecs use it.
 *
 * Reading: a cursor over the message's bytes that never passes `end`, so a length that lies is
 * found before anything is allocated. Byte fields come out as views into the input.
 *
 * Writing: the exact size is computed first, then the message is written backwards, last field
 * first. A nested message's length is known when its prefix is due, so nothing is moved and
 * nothing is computed twice:
 *
 *     |        free        | len | nested fields | later fields |
 *                     <── pos
 */

import { assert } from '../../base/assert.ts'
import type { Key } from '../../base/key.ts'
import { hexIdOf } from './hex-id.ts'

/** The bytes are not the message they should be. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

/** Messages inside messages deeper than this are refused, so that no input exhausts the stack. */
export const NESTING_MAX = 64

/** For our own log entries: a request that a client nested to the limit lies inside a message. */
export const LOG_NESTING_MAX = NESTING_MAX + 8

export const NO_BYTES: Uint8Array = new Uint8Array(0)

/** Shorter strings and arrays are copied here, longer ones by native code, which costs a call. */
const COPY_HERE_MAX = 24

const TWO_32 = 4294967296
/** The largest doubles below 2^63 and 2^64. */
const INT64_MAX = 2 ** 63 - 1024
const UINT64_MAX = 2 ** 64 - 2048

/** Node's methods behind `toString` and `write`, without their argument checks. */
interface NativeStrings {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
  readonly latin1Write: (this: Buffer, text: string, start: number, length: number) => number
  readonly utf8Write: (this: Buffer, text: string, start: number, length: number) => number
}

const { latin1Slice, utf8Slice, latin1Write, utf8Write } =
  Buffer.prototype as unknown as NativeStrings

/** A cursor over encoded bytes. `end` moves inwards while a nested message is read. */
export class Reader {
  readonly bytes: Uint8Array
  pos = 0
  end: number
  /** The two halves of the varint that `varint` read last, as 32-bit integers. */
  low = 0
  high = 0
  #depth = 0
  readonly #depthMax: number

  constructor(bytes: Uint8Array, depthMax = NESTING_MAX) {
    this.bytes = bytes
    this.end = bytes.length
    this.#depthMax = depthMax
  }

  /** Starts a nested message and returns the end to give back to `leave`. */
  enter(): number {
    const outer = this.end
    const length = this.#length() // moves pos
    this.end = this.pos + length
    if (++this.#depth > this.#depthMax) throw new CodecError('messages are nested too deeply')
    return outer
  }

  leave(outer: number): void {
    this.#depth--
    this.end = outer
  }

  /** A field's number and wire type. */
  tag(): number {
    const byte = this.bytes[this.pos]!
    if (byte < 0x80 && byte > 7) {
      this.pos++
      return byte
    }
    this.varint()
    if (this.high !== 0 || this.low >>> 3 === 0) throw new CodecError('invalid field number')
    return this.low >>> 0
  }

  /** Reads a varint of any length into `low` and `high`. */
  varint(): void {
    const { bytes, end } = this
    let { pos } = this
    const first = bytes[pos]!
    if (first < 0x80 && pos < end) {
      this.pos = pos + 1
      this.low = first
      this.high = 0
      return
    }
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) throw new CodecError('unexpected EOF')
      const byte = bytes[pos++]!
      const part = byte & 0x7f
      if (shift < 28) low |= part << shift
      else if (shift === 28) {
        low |= part << 28
        high = part >>> 4
      } else high |= part << (shift - 32)
      if (byte < 0x80) {
        this.pos = pos
        this.low = low
        this.high = high
        return
      }
    }
    throw new CodecError('varint is longer than 10 bytes')
  }

  bool(): boolean {
    this.varint()
    return (this.low | this.high) !== 0
  }

  int32(): number {
    this.varint()
    return this.low
  }

  uint32(): number {
    this.varint()
    return this.low >>> 0
  }

  /**
   * Beyond 2^53 the number is the nearest that a double can hold, but never one that its own type
   * cannot: it has to be written again, and 2^63 would come out negative.
   */
  int64(): number {
    this.varint()
    return Math.min(this.high * TWO_32 + (this.low >>> 0), INT64_MAX)
  }

  uint64(): number {
    this.varint()
    return Math.min((this.high >>> 0) * TWO_32 + (this.low >>> 0), UINT64_MAX)
  }

  bigint(): bigint {
    this.varint()
    const { low, high } = this
    if (high === 0) return BigInt(low >>> 0)
    return (BigInt(high) << 32n) | BigInt(low >>> 0)
  }

  /** A 64-bit id as 16 hex digits; '' for zero. */
  hexId(): string {
    this.varint()
    const { low, high } = this
    return (low | high) === 0 ? '' : hexIdOf(high, low)
  }

  key(): Key {
    const length = this.#length()
    const start = this.pos
    this.pos = start + length
    return latin1Slice.call(this.bytes, start, start + length) as Key
  }

  string(): string {
    const length = this.#length()
    const start = this.pos
    this.pos = start + length
    const text = utf8Slice.call(this.bytes, start, start + length)
    // Invalid bytes would become U+FFFD, and different names would become the same.
    if (text.includes('\ufffd') && !isUtf8(text, this.bytes.subarray(start, this.pos))) {
      throw new CodecError('string is not valid UTF-8')
    }
    return text
  }

  /** A view into the input. */
  view(): Uint8Array {
    const length = this.#length()
    const start = this.pos
    this.pos = start + length
    const { bytes } = this
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length)
  }

  /** Passes over an unknown field. Groups, which proto3 does not have, are refused. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        return this.varint()
      case 1:
        return this.#advance(8)
      case 2:
        return this.#advance(this.#length())
      case 5:
        return this.#advance(4)
      default:
        throw new CodecError(`invalid wire type ${tag & 7}`)
    }
  }

  #advance(count: number): void {
    if (count > this.end - this.pos) throw new CodecError('unexpected EOF')
    this.pos += count
  }

  /** A length that the rest of the message can hold. */
  #length(): number {
    const byte = this.bytes[this.pos]!
    let length = byte
    if (byte < 0x80) this.pos++
    else {
      this.varint()
      length = this.high === 0 ? this.low >>> 0 : Infinity
    }
    // Also false for the NaN that reading past the input gives.
    if (length <= this.end - this.pos) return length
    throw new CodecError('unexpected EOF')
  }
}

function isUtf8(text: string, bytes: Uint8Array): boolean {
  return Buffer.from(text, 'utf8').equals(bytes)
}

// Sizes, without the tag but with the length prefix of keys, strings and bytes.

/** Of a length, in [0, 2^31). */
export function sizeOfLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5
}

/** Of a nested message, or of anything else with a length prefix. */
export function sizeOfDelimited(length: number): number {
  return sizeOfLength(length) + length
}

export function sizeOfInt(value: number): number {
  if (value >= 0 && value < 0x10000000) return sizeOfLength(value)
  return sizeOfHalves(value >>> 0, Math.floor(value / TWO_32) >>> 0)
}

export function sizeOfBigint(value: bigint): number {
  if (value >= 0n && value < 0x80n) return 1
  return sizeOfHalves(lowHalf(value), highHalf(value))
}

export function sizeOfString(text: string): number {
  return sizeOfDelimited(Buffer.byteLength(text, 'utf8'))
}

// Writing: each writes before `pos` and returns where it began.

export function writeLength(buffer: Buffer, pos: number, value: number): number {
  if (value < 0x80) {
    buffer[pos - 1] = value
    return pos - 1
  }
  const start = pos - sizeOfLength(value)
  let at = start
  for (; value >= 0x80; value >>>= 7) buffer[at++] = (value & 0x7f) | 0x80
  buffer[at] = value
  return start
}

export function writeInt(buffer: Buffer, pos: number, value: number): number {
  if (value >= 0 && value < 0x10000000) return writeLength(buffer, pos, value)
  return writeHalves(buffer, pos, value >>> 0, Math.floor(value / TWO_32) >>> 0)
}

export function writeBigint(buffer: Buffer, pos: number, value: bigint): number {
  return writeHalves(buffer, pos, lowHalf(value), highHalf(value))
}

export function writeKey(buffer: Buffer, pos: number, key: Key): number {
  const { length } = key
  const start = pos - length
  if (length > COPY_HERE_MAX) latin1Write.call(buffer, key, start, length)
  else for (let i = 0; i < length; i++) buffer[start + i] = key.charCodeAt(i)
  return writeLength(buffer, start, length)
}

export function writeString(buffer: Buffer, pos: number, text: string): number {
  const length = Buffer.byteLength(text, 'utf8')
  utf8Write.call(buffer, text, pos - length, length)
  return writeLength(buffer, pos - length, length)
}

export function writeBytes(buffer: Buffer, pos: number, bytes: Uint8Array): number {
  const { length } = bytes
  const start = pos - length
  if (length > COPY_HERE_MAX) buffer.set(bytes, start)
  else for (let i = 0; i < length; i++) buffer[start + i] = bytes[i]!
  return writeLength(buffer, start, length)
}

/** The end of an encoding: the size that was computed is the size that was written. */
export function finish(buffer: Buffer, pos: number): Uint8Array {
  if (pos !== 0) assert(false, 'an encoded message has the size computed for it', { pos })
  return buffer
}

// 64-bit integers as two unsigned halves.

function sizeOfHalves(low: number, high: number): number {
  if (high === 0) return sizeOfLength(low)
  if (high < 0x8) return 5
  return high < 0x400 ? 6 : high < 0x20000 ? 7 : high < 0x1000000 ? 8 : high < 0x80000000 ? 9 : 10
}

function writeHalves(buffer: Buffer, pos: number, low: number, high: number): number {
  const start = pos - sizeOfHalves(low, high)
  let at = start
  while (high !== 0) {
    buffer[at++] = (low & 0x7f) | 0x80
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  for (; low >= 0x80; low >>>= 7) buffer[at++] = (low & 0x7f) | 0x80
  buffer[at] = low
  return start
}

function lowHalf(value: bigint): number {
  return Number(BigInt.asUintN(32, value))
}

function highHalf(value: bigint): number {
  return Number(BigInt.asUintN(32, value >> 32n))
}
