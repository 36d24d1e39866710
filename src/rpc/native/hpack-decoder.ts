/**
 * HPACK for what a client sends (RFC 7541). Every block is decoded in full, also one that will be
 * refused: a skipped insertion would shift all later indices of the connection.
 */

import { HeaderField } from './header-field.ts'
import type { HeaderTable } from './header-table.ts'
import type { HuffmanDecoder } from './huffman.ts'
import { ConnectionError, ERROR } from './protocol.ts'

export interface FieldListener {
  onField(field: HeaderField): void
}

/** Continuation octets of an integer, in bits: beyond that none of our limits would allow it. */
const INTEGER_SHIFT_MAX = 21

const NOTHING = Buffer.alloc(0)

export class HpackDecoder {
  readonly #table: HeaderTable
  readonly #huffman: HuffmanDecoder
  #bytes: Buffer = NOTHING
  #at = 0
  #end = 0

  constructor(table: HeaderTable, huffman: HuffmanDecoder) {
    this.#table = table
    this.#huffman = huffman
  }

  /** Decodes the complete block in bytes [start, end). Throws a ConnectionError. */
  decode(bytes: Buffer, start: number, end: number, listener: FieldListener): void {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    let isBeginning = true
    while (this.#at < end) {
      const first = bytes[this.#at]!
      if (first >= 0x80) listener.onField(this.#indexed(first))
      else if (first >= 0x40) {
        const field = this.#literal(6)
        this.#table.insert(field)
        listener.onField(field)
      } else if (first >= 0x20) {
        this.#resize(isBeginning)
        continue
      } else listener.onField(this.#literal(4))
      isBeginning = false
    }
    this.#bytes = NOTHING // else an idle connection keeps all that was read with it
  }

  #indexed(first: number): HeaderField {
    if (first === 0xff) return this.#fieldAt(this.#integer(7))
    this.#at++
    return this.#fieldAt(first & 0x7f)
  }

  #fieldAt(index: number): HeaderField {
    const field = this.#table.at(index)
    if (field === undefined) throw broken(`index ${index} is in neither table`)
    return field
  }

  #literal(prefixBits: number): HeaderField {
    const nameIndex = this.#integer(prefixBits)
    const name = nameIndex === 0 ? this.#string() : this.#fieldAt(nameIndex).name
    return new HeaderField(name, this.#string())
  }

  #resize(isAllowed: boolean): void {
    const maxBytes = this.#integer(5)
    if (!isAllowed) throw broken('a table size update comes after a field')
    if (!this.#table.resize(maxBytes)) throw broken('the table size is above the setting')
  }

  /** RFC 7541 §5.1. The first octet's high bits, beyond the prefix, are the caller's. */
  #integer(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1
    let value = this.#octet() & prefixMax
    if (value < prefixMax) return value
    for (let shift = 0; shift <= INTEGER_SHIFT_MAX; shift += 7) {
      const octet = this.#octet()
      value += (octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
    throw broken('an integer is too large')
  }

  #string(): string {
    if (this.#at >= this.#end) throw broken('the block is cut short')
    const isHuffman = this.#bytes[this.#at]! >= 0x80
    const length = this.#integer(7)
    const start = this.#at
    if (length > this.#end - start) throw broken('a string is longer than its block')
    this.#at = start + length
    if (!isHuffman) return this.#bytes.toString('latin1', start, this.#at)
    const text = this.#huffman.decode(this.#bytes, start, this.#at)
    if (text === undefined) throw broken('invalid Huffman code')
    return text
  }

  #octet(): number {
    if (this.#at >= this.#end) throw broken('the block is cut short')
    return this.#bytes[this.#at++]!
  }
}

function broken(text: string): ConnectionError {
  return new ConnectionError(ERROR.COMPRESSION_ERROR, `header compression: ${text}`)
}
