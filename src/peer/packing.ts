/**
 * Values on the wire: msgpack, of which only what the protocol needs is let in: arrays, byte
 * strings, text, booleans and numbers that are not negative. Bytes of another member are walked
 * through before they are unpacked, so that no extension, map, deep nesting or lying length ever
 * reaches the library.
 *
 * Records are off, so that every frame stands for itself. Whole numbers beyond 32 bits travel as
 * floats, exact up to 2^53; 64-bit integers would come out as bigint and are refused.
 */

import { Packr, RESERVE_START_SPACE, Unpackr } from 'msgpackr'

const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })

/** Arrays within arrays: no message needs more than four. */
const MAX_DEPTH = 6
/** Values in one frame, so that a frame of tiny values cannot become a huge array. */
const MAX_VALUES = 1 << 21

/** Packs an array, leaving `headroom` (at most 255) bytes before it for the caller to fill in. */
export function packArray(value: readonly unknown[], headroom = 0): Buffer {
  return packr.pack(value, RESERVE_START_SPACE | headroom)
}

/** The array that `bytes` hold, or undefined. Byte strings in it are views of `bytes`. */
export function unpackArray(bytes: Uint8Array): readonly unknown[] | undefined {
  if (!isPlain(bytes)) return undefined
  try {
    const value: unknown = unpackr.unpack(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Whether `bytes` are exactly one value of the kinds that are let in. */
export function isPlain(bytes: Uint8Array): boolean {
  /** Values that the arrays around the current position still miss, innermost last. */
  const missing = [1]
  let position = 0
  let values = 0
  while (missing.length > 0) {
    const open = missing.length - 1
    if (missing[open] === 0) {
      missing.pop()
      continue
    }
    missing[open] = (missing[open] ?? 0) - 1
    if (position >= bytes.length || ++values > MAX_VALUES) return false
    const token = bytes[position] ?? 0
    const size = sizeOf(token, bytes, position)
    if (size === undefined) return false
    position += size.bytes
    if (position > bytes.length) return false
    if (size.values === 0) continue
    if (missing.length > MAX_DEPTH) return false
    missing.push(size.values)
  }
  return position === bytes.length
}

interface Size {
  /** Of the value, or of an array's head. */
  bytes: number
  /** In the array; 0 for what is none. */
  values: number
}

/** One object for all calls: this runs for every value that comes in. */
const SIZE: Size = { bytes: 0, values: 0 }

function sized(bytes: number, values = 0): Size {
  SIZE.bytes = bytes
  SIZE.values = values
  return SIZE
}

/** Undefined for what is not let in, or when the length is cut off. */
function sizeOf(token: number, bytes: Uint8Array, position: number): Size | undefined {
  if (token < 0x80) return sized(1) // a small number
  if (token >= 0x90 && token < 0xa0) return sized(1, token - 0x90)
  if (token >= 0xa0 && token < 0xc0) return sized(1 + token - 0xa0)
  switch (token) {
    case 0xc2: // false
    case 0xc3: // true
      return sized(1)
    case 0xcc: // uint 8, 16, 32
      return sized(2)
    case 0xcd:
      return sized(3)
    case 0xce:
      return sized(5)
    case 0xcb: // float 64
      return sized(9)
    case 0xc4: // bytes, text with a length of 1, 2, 4 bytes
    case 0xd9:
      return lengthAt(bytes, position, 1, false)
    case 0xc5:
    case 0xda:
      return lengthAt(bytes, position, 2, false)
    case 0xc6:
    case 0xdb:
      return lengthAt(bytes, position, 4, false)
    case 0xdc: // array with a count of 2, 4 bytes
      return lengthAt(bytes, position, 2, true)
    case 0xdd:
      return lengthAt(bytes, position, 4, true)
    default:
      return undefined
  }
}

function lengthAt(
  bytes: Uint8Array,
  position: number,
  width: number,
  isArray: boolean,
): Size | undefined {
  if (position + 1 + width > bytes.length) return undefined
  let length = 0
  for (let i = 1; i <= width; i++) length = length * 256 + (bytes[position + i] ?? 0)
  return isArray ? sized(1 + width, length) : sized(1 + width + length)
}
