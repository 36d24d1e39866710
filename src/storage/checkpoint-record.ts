/**
 * The checkpoint on disk: one record kept in two copies, written one after the other. A copy that
 * cannot be read, or was not written any more, is made again from the other.
 *
 *   0 magic 'QCP1'   4 CRC-32 of the rest   8 sequence (u64)   16 length (u32)   20 the bytes
 *
 * The copy with the higher sequence wins: a crash between the two writes leaves the older one
 * behind, and whoever asked for the newer was not answered yet.
 */

import { crc32 } from 'node:zlib'

import { asBuffer, readUint64, writeUint64 } from './uint64.ts'

const MAGIC = 0x5143_5031
const HEADER_BYTES = 20
const CHECKED_FROM = 8

export interface CheckpointCopy {
  readonly sequence: number
  readonly checkpoint: Uint8Array
}

export function encodeCheckpoint(copy: CheckpointCopy): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + copy.checkpoint.length)
  bytes.writeUInt32BE(MAGIC, 0)
  writeUint64(bytes, copy.sequence, 8)
  bytes.writeUInt32BE(copy.checkpoint.length, 16)
  bytes.set(copy.checkpoint, HEADER_BYTES)
  bytes.writeUInt32BE(crc32(bytes.subarray(CHECKED_FROM)), 4)
  return bytes
}

export function decodeCheckpoint(value: Uint8Array): CheckpointCopy | undefined {
  const bytes = asBuffer(value)
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) return undefined
  if (bytes.readUInt32BE(16) !== bytes.length - HEADER_BYTES) return undefined
  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32BE(4)) return undefined
  return { sequence: readUint64(bytes, 8), checkpoint: bytes.subarray(HEADER_BYTES) }
}

/** A copy as read: absent, unreadable, or good. */
export type FoundCopy = CheckpointCopy | 'absent' | 'damaged'

export type ChosenCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged' }
  /** `stale` are the positions of copies to be written again from this one. */
  | { readonly kind: 'found'; readonly copy: CheckpointCopy; readonly stale: readonly number[] }

export function chooseCheckpoint(copies: readonly FoundCopy[]): ChosenCheckpoint {
  let best: CheckpointCopy | undefined
  for (const copy of copies) {
    if (typeof copy !== 'string' && copy.sequence > (best?.sequence ?? -1)) best = copy
  }
  if (best === undefined) return { kind: copies.includes('damaged') ? 'damaged' : 'none' }
  const { sequence } = best
  const stale: number[] = []
  copies.forEach((copy, position) => {
    if (typeof copy === 'string' || copy.sequence !== sequence) stale.push(position)
  })
  return { kind: 'found', copy: best, stale }
}
