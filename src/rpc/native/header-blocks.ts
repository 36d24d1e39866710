/**
 * Header blocks of one connection, from their fragments to request heads (RFC 9113 §4.3, §6.10).
 *
 * Most requests of a connection repeat a block of an earlier one. A block that leaves the dynamic
 * table as it is means the same as long as the table does not change, so its head is kept.
 */

import type { HeaderField } from './header-field.ts'
import { HeaderTable } from './header-table.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { HuffmanDecoder } from './huffman.ts'
import { ConnectionError, DEFAULT_TABLE_BYTES, ERROR } from './protocol.ts'
import { HeadBuilder, type HeadLimits, type RequestHead } from './request-head.ts'

/** Slots of the memory of blocks; a power of two. */
const KEPT_COUNT = 8
/** Longer blocks are not worth remembering. */
const KEPT_BYTES_MAX = 512
/** A block larger than this is no mistake: it could not be within any limit on headers. */
const BLOCK_BYTES_MAX = 64 * 1024
/** Frames of one block: enough for any that is within the limits. */
const FRAGMENT_COUNT_MAX = 32

interface KeptBlock {
  readonly bytes: Buffer
  readonly generation: number
  readonly head: RequestHead
}

export class HeaderBlocks {
  readonly #decoder: HpackDecoder
  readonly #table: HeaderTable
  readonly #builder: HeadBuilder
  readonly #kept = Array.from<KeptBlock | undefined>({ length: KEPT_COUNT })
  #fragments: Buffer[] = []
  #fragmentBytes = 0

  constructor(staticFields: readonly HeaderField[], huffman: HuffmanDecoder, limits: HeadLimits) {
    this.#table = new HeaderTable(staticFields, DEFAULT_TABLE_BYTES)
    this.#decoder = new HpackDecoder(this.#table, huffman)
    this.#builder = new HeadBuilder(limits)
  }

  /** A part of a block that is not its last. Throws a ConnectionError when there are too many. */
  addFragment(bytes: Buffer, start: number, end: number): void {
    this.#fragmentBytes += end - start
    this.#fragments.push(Buffer.from(bytes.subarray(start, end)))
    const isTooLong = this.#fragmentBytes > BLOCK_BYTES_MAX
    if (!isTooLong && this.#fragments.length < FRAGMENT_COUNT_MAX) return
    throw new ConnectionError(ERROR.ENHANCE_YOUR_CALM, 'a header block is too long')
  }

  /** The block's last or only part. Throws a ConnectionError. */
  finish(bytes: Buffer, start: number, end: number): RequestHead {
    if (this.#fragments.length === 0) return this.#read(bytes, start, end)
    this.addFragment(bytes, start, end)
    const block = Buffer.concat(this.#fragments)
    this.#fragments = []
    this.#fragmentBytes = 0
    return this.#decode(block, 0, block.length)
  }

  #read(bytes: Buffer, start: number, end: number): RequestHead {
    const length = end - start
    if (length === 0 || length > KEPT_BYTES_MAX) return this.#decode(bytes, start, end)
    const slot = (length + bytes[start + (length >> 1)]! + bytes[end - 1]!) & (KEPT_COUNT - 1)
    const kept = this.#kept[slot]
    const { generation } = this.#table
    if (kept !== undefined && kept.generation === generation) {
      if (isSame(kept.bytes, bytes, start, end)) return kept.head
    }
    const head = this.#decode(bytes, start, end)
    if (this.#table.generation === generation) {
      this.#kept[slot] = { bytes: Buffer.from(bytes.subarray(start, end)), generation, head }
    }
    return head
  }

  #decode(bytes: Buffer, start: number, end: number): RequestHead {
    this.#builder.begin()
    this.#decoder.decode(bytes, start, end, this.#builder)
    return this.#builder.end()
  }
}

function isSame(kept: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (kept.length !== end - start) return false
  for (let at = 0; at < kept.length; at++) {
    if (kept[at] !== bytes[start + at]) return false
  }
  return true
}
