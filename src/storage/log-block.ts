/**
 * The bytes of the Raft log on disk. One group commit is one block, one LevelDB value:
 *
 *   0  magic 'QLB1'                  28 compacted index (u64)     60 vote length (u8)
 *   4  checksum (u32)                36 first index (u64)         61 flags (u8): 1 = reset
 *   8  previous block's checksum     44 term (u64)                62 vote (latin1)
 *   12 sequence (u64)                52 commit (u64)
 *   20 entry count (u32)             then per entry: term (u64), type (u8), length (u32), data
 *   24 total length (u32)
 *
 * The checksum is CRC-32 over everything after it, seeded with the previous block's checksum, and
 * blocks are numbered by sequence without gaps. So a missing block, a swapped one and a flipped
 * bit all break the chain; LevelDB alone skips over a damaged record in silence.
 *
 * Every block repeats the hard state, so the newest block alone tells it.
 */

import { crc32 } from 'node:zlib'

import { assert } from '../base/assert.ts'
import type { Entry, EntryType, HardState } from '../raft/types.ts'
import { asBuffer, readUint64, writeUint64 } from './uint64.ts'

const BLOCK_MAGIC = 0x514c_4231
const HEADER_BYTES = 62
const ENTRY_HEADER_BYTES = 13
const CHECKED_FROM = 8
const FLAG_RESET = 1
const MAX_BLOCK_BYTES = 0x7fff_ffff
/** A buffer that one huge block made is not kept for the small ones that follow. */
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024

const TYPE_CODES: Record<EntryType, number> = { EntryNormal: 0, EntryConfChange: 1 }
const TYPES: readonly (EntryType | undefined)[] = ['EntryNormal', 'EntryConfChange']

export interface StoredBlock {
  readonly sequence: number
  readonly previousChecksum: number
  /** Entries up to here were forgotten when the block was written. */
  readonly compacted: number
  /** Every earlier entry is void, whatever its index. */
  readonly reset: boolean
  readonly hardState: HardState
  readonly entries: readonly Entry[]
}

export interface DecodedBlock extends StoredBlock {
  readonly checksum: number
}

/** Blocks before `sequence` are void; the chain goes on from `previousChecksum`. */
export interface LogAnchor {
  readonly sequence: number
  readonly previousChecksum: number
  readonly compacted: number
}

/** Where a new log starts. */
export const FIRST_ANCHOR: LogAnchor = { sequence: 1, previousChecksum: 0, compacted: 0 }

/** Encodes blocks into one buffer that it reuses: the bytes are good until the next call. */
export class BlockEncoder {
  #buffer: Buffer

  constructor() {
    this.#buffer = Buffer.allocUnsafeSlow(64 * 1024)
  }

  encode(block: StoredBlock): { readonly bytes: Buffer; readonly checksum: number } {
    const { entries, hardState } = block
    let length = HEADER_BYTES + hardState.vote.length
    for (const entry of entries) length += ENTRY_HEADER_BYTES + entry.data.length
    assert(length <= MAX_BLOCK_BYTES, 'a log block must stay below 2 GiB', { length })
    const bytes = this.#room(length)
    writeHeader(bytes, block)
    let offset = HEADER_BYTES + hardState.vote.length
    for (const entry of entries) offset = writeEntry(bytes, entry, offset)
    const checksum = crc32(bytes.subarray(CHECKED_FROM), block.previousChecksum)
    bytes.writeUInt32BE(checksum, 4)
    return { bytes, checksum }
  }

  #room(length: number): Buffer {
    if (length > KEPT_BUFFER_BYTES) return Buffer.allocUnsafeSlow(length)
    if (length > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(length * 2, KEPT_BUFFER_BYTES))
    }
    return this.#buffer.subarray(0, length)
  }
}

function writeHeader(bytes: Buffer, block: StoredBlock): void {
  const { entries, hardState } = block
  assert(hardState.vote.length <= 255, 'a member id is at most 255 bytes')
  bytes.writeUInt32BE(BLOCK_MAGIC, 0)
  bytes.writeUInt32BE(block.previousChecksum, 8)
  writeUint64(bytes, block.sequence, 12)
  bytes.writeUInt32BE(entries.length, 20)
  bytes.writeUInt32BE(bytes.length, 24)
  writeUint64(bytes, block.compacted, 28)
  writeUint64(bytes, entries[0]?.index ?? 0, 36)
  writeUint64(bytes, hardState.term, 44)
  writeUint64(bytes, hardState.commit, 52)
  bytes[60] = hardState.vote.length
  bytes[61] = block.reset ? FLAG_RESET : 0
  bytes.write(hardState.vote, HEADER_BYTES, 'latin1')
}

function writeEntry(bytes: Buffer, entry: Entry, offset: number): number {
  writeUint64(bytes, entry.term, offset)
  bytes[offset + 8] = TYPE_CODES[entry.type]
  bytes.writeUInt32BE(entry.data.length, offset + 9)
  bytes.set(entry.data, offset + ENTRY_HEADER_BYTES)
  return offset + ENTRY_HEADER_BYTES + entry.data.length
}

/**
 * The block, or a phrase that says what is wrong with it. Entry data are views into `value`. The
 * checksum is verified against the previous checksum that the block itself names; whether that is
 * the right one is for the replay to judge.
 */
export function decodeBlock(value: Uint8Array): DecodedBlock | string {
  const bytes = asBuffer(value)
  if (bytes.length < HEADER_BYTES) return 'it is cut short'
  if (bytes.readUInt32BE(0) !== BLOCK_MAGIC) return 'it is not a log block'
  if (bytes.readUInt32BE(24) !== bytes.length) return 'its length does not match'
  const checksum = bytes.readUInt32BE(4)
  const previousChecksum = bytes.readUInt32BE(8)
  if (crc32(bytes.subarray(CHECKED_FROM), previousChecksum) !== checksum) {
    return 'its checksum does not match'
  }
  const entriesAt = HEADER_BYTES + (bytes[60] ?? 0)
  const count = bytes.readUInt32BE(20)
  if (entriesAt + count * ENTRY_HEADER_BYTES > bytes.length) return 'its entry count is too large'
  const entries = readEntries(bytes, entriesAt, count)
  if (typeof entries === 'string') return entries
  const hardState: HardState = {
    term: readUint64(bytes, 44),
    vote: bytes.toString('latin1', HEADER_BYTES, entriesAt),
    commit: readUint64(bytes, 52),
  }
  const sequence = readUint64(bytes, 12)
  const compacted = readUint64(bytes, 28)
  const reset = ((bytes[61] ?? 0) & FLAG_RESET) !== 0
  return { sequence, previousChecksum, checksum, compacted, reset, hardState, entries }
}

function readEntries(bytes: Buffer, start: number, count: number): Entry[] | string {
  const entries: Entry[] = []
  const firstIndex = readUint64(bytes, 36)
  let offset = start
  for (let i = 0; i < count; i++) {
    if (offset + ENTRY_HEADER_BYTES > bytes.length) return 'an entry header passes its end'
    const type = TYPES[bytes[offset + 8] ?? 255]
    if (type === undefined) return 'an entry has an unknown type'
    const dataAt = offset + ENTRY_HEADER_BYTES
    const end = dataAt + bytes.readUInt32BE(offset + 9)
    if (end > bytes.length) return 'an entry passes its end'
    const term = readUint64(bytes, offset)
    entries.push({ index: firstIndex + i, term, type, data: bytes.subarray(dataAt, end) })
    offset = end
  }
  return offset === bytes.length ? entries : 'it has bytes after its last entry'
}

const ANCHOR_MAGIC = 0x514c_4131
const ANCHOR_BYTES = 28

export function encodeAnchor(anchor: LogAnchor): Buffer {
  const bytes = Buffer.allocUnsafe(ANCHOR_BYTES)
  bytes.writeUInt32BE(ANCHOR_MAGIC, 0)
  writeUint64(bytes, anchor.sequence, 8)
  bytes.writeUInt32BE(anchor.previousChecksum, 16)
  writeUint64(bytes, anchor.compacted, 20)
  bytes.writeUInt32BE(crc32(bytes.subarray(CHECKED_FROM)), 4)
  return bytes
}

export function decodeAnchor(value: Uint8Array): LogAnchor | undefined {
  const bytes = asBuffer(value)
  if (bytes.length !== ANCHOR_BYTES || bytes.readUInt32BE(0) !== ANCHOR_MAGIC) return undefined
  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32BE(4)) return undefined
  return {
    sequence: readUint64(bytes, 8),
    previousChecksum: bytes.readUInt32BE(16),
    compacted: readUint64(bytes, 20),
  }
}
