/**
 * Ids of clusters and members: 16 hex digits in the program, 64-bit varints on the wire. One stands in
 * every entry of the log, two in every response, and there are few of them, so both forms are kept.
 */

import { assert } from '../../base/assert.ts'

/** Of the encodings kept; a client may make up ids, so there is an end. */
const ENCODED_MAX = 64
/** A power of two. */
const DECODED_SLOTS = 16

const encoded = new Map<string, Uint8Array>()

/** The ids that were read last, by their lowest bits. */
const decoded = {
  highs: new Int32Array(DECODED_SLOTS),
  lows: new Int32Array(DECODED_SLOTS),
  ids: Array.from({ length: DECODED_SLOTS }, () => '0000000000000000'),
}

/** The id with these halves, as 32-bit integers of either sign. */
export function hexIdOf(high: number, low: number): string {
  const { highs, lows, ids } = decoded
  const slot = low & (DECODED_SLOTS - 1)
  if (highs[slot] === (high | 0) && lows[slot] === (low | 0)) return ids[slot]!
  const id = hexOf(high) + hexOf(low)
  highs[slot] = high
  lows[slot] = low
  ids[slot] = id
  return id
}

/** Whether an id is absent on the wire: '' and sixteen zeros are nobody. */
export function isNoId(id: string): boolean {
  return id === '' || id === '0000000000000000'
}

/** In bytes. An id that is not 16 hex digits is an assertion, here and in `writeHexId`. */
export function sizeOfHexId(id: string): number {
  return encodedId(id).length
}

/** Before `pos`; returns where it begins. */
export function writeHexId(buffer: Buffer, pos: number, id: string): number {
  const bytes = encodedId(id)
  const start = pos - bytes.length
  for (let i = 0; i < bytes.length; i++) buffer[start + i] = bytes[i]!
  return start
}

function encodedId(id: string): Uint8Array {
  const known = encoded.get(id)
  if (known !== undefined) return known
  if (encoded.size >= ENCODED_MAX) encoded.clear()
  const bytes = encode(id)
  encoded.set(id, bytes)
  return bytes
}

function encode(id: string): Uint8Array {
  assert(/^[0-9a-f]{16}$/.test(id), 'an id has 16 hex digits', { id })
  const bytes: number[] = []
  let rest = BigInt(`0x${id}`)
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Uint8Array.from([...bytes, Number(rest)])
}

function hexOf(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0')
}
