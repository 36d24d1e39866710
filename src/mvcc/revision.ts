/**
 * Revisions and their key form. A write transaction takes one main revision; the changes inside
 * it are told apart by sub, counted from 0. The backend keeps each change under etcd's key bytes,
 * so that byte order is revision order:
 *
 *     8 bytes main, big endian | '_' | 8 bytes sub, big endian | 't' for a tombstone
 */

import { assert } from '../base/assert.ts'

export interface Revision {
  readonly main: number
  readonly sub: number
}

export const REVISION_BYTES = 17
const TOMBSTONE_BYTES = REVISION_BYTES + 1
const SEPARATOR = 0x5f
const TOMBSTONE_MARK = 0x74
const TWO_32 = 2 ** 32

export function encodeRevision(revision: Revision, tombstone = false): Uint8Array {
  return encodeRevisionParts(revision.main, revision.sub, tombstone)
}

export function encodeRevisionParts(main: number, sub: number, tombstone: boolean): Uint8Array {
  const bytes = new Uint8Array(tombstone ? TOMBSTONE_BYTES : REVISION_BYTES)
  writeUint64(bytes, 0, main)
  bytes[8] = SEPARATOR
  writeUint64(bytes, 9, sub)
  if (tombstone) bytes[REVISION_BYTES] = TOMBSTONE_MARK
  return bytes
}

/** Asserts that the bytes have the form above: nothing else is kept in the backend. */
export function decodeRevision(bytes: Uint8Array): { revision: Revision; tombstone: boolean } {
  const tombstone = bytes.length === TOMBSTONE_BYTES && bytes[REVISION_BYTES] === TOMBSTONE_MARK
  assert(tombstone || bytes.length === REVISION_BYTES, 'a revision key has 17 bytes, or 18 with t')
  assert(bytes[8] === SEPARATOR, 'a revision key has its separator')
  return { revision: { main: readUint64(bytes, 0), sub: readUint64(bytes, 9) }, tombstone }
}

function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / TWO_32)
  const low = value >>> 0
  bytes[at] = high >>> 24
  bytes[at + 1] = high >>> 16
  bytes[at + 2] = high >>> 8
  bytes[at + 3] = high
  bytes[at + 4] = low >>> 24
  bytes[at + 5] = low >>> 16
  bytes[at + 6] = low >>> 8
  bytes[at + 7] = low
}

function readUint64(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * TWO_32 + readUint32(bytes, at + 4)
}

function readUint32(bytes: Uint8Array, at: number): number {
  const high = (bytes[at]! << 24) | (bytes[at + 1]! << 16)
  return (high | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
