/**
 * An HPACK decoder (RFC 7541): static table, dynamic table, Huffman strings. The load generator
 * looks only at a few fields, but every block has to be decoded in full: a skipped insertion would
 * shift all later dynamic indices of the connection.
 */

import { HuffmanDecoder } from '../../src/rpc/native/huffman.ts'

export interface HeaderField {
  readonly name: string
  readonly value: string
}

export class HpackError extends Error {
  override readonly name = 'HpackError'
}

/** RFC 7541 appendix A, entries 1–61 in order: "name" or "name=value". */
const staticFields =
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|' +
  ':status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|' +
  'accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|' +
  'content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|' +
  'if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|' +
  'proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'

/** What an entry costs beyond its octets (RFC 7541 §4.1). */
const entryOverheadBytes = 32

export class HpackDecoder {
  readonly #huffman = new HuffmanDecoder()
  readonly #static: readonly HeaderField[]
  /** Oldest first; HPACK's index 62 is the last element. */
  readonly #dynamic: HeaderField[] = []
  readonly #allowedBytes: number
  #maxBytes: number
  #usedBytes = 0

  #bytes: Buffer = Buffer.alloc(0)
  #offset = 0
  #end = 0

  /** `allowedBytes` is the SETTINGS_HEADER_TABLE_SIZE announced to the peer. */
  constructor(allowedBytes = 4096) {
    this.#allowedBytes = allowedBytes
    this.#maxBytes = allowedBytes
    this.#static = staticFields.split('|').map((field) => {
      const equals = field.indexOf('=')
      if (equals < 0) return { name: field, value: '' }
      return { name: field.slice(0, equals), value: field.slice(equals + 1) }
    })
  }

  /** The dynamic table, newest entry first, as the RFC prints it. */
  get dynamicTable(): readonly HeaderField[] {
    return this.#dynamic.toReversed()
  }

  /** The dynamic table's size in the RFC's sense. */
  get dynamicTableBytes(): number {
    return this.#usedBytes
  }

  /** Decodes the complete block in bytes [start, end). Throws HpackError when it is malformed. */
  decode(bytes: Buffer, start: number, end: number, onField: (field: HeaderField) => void): void {
    this.#bytes = bytes
    this.#offset = start
    this.#end = end
    while (this.#offset < end) {
      const first = bytes[this.#offset]!
      if (first >= 0x80) onField(this.#fieldAt(this.#integer(7)))
      else if (first >= 0x40) onField(this.#insert(this.#literal(6)))
      else if (first >= 0x20) this.#resize(this.#integer(5))
      else onField(this.#literal(4))
    }
  }

  #fieldAt(index: number): HeaderField {
    const dynamicIndex = index - this.#static.length - 1
    const field =
      dynamicIndex < 0
        ? this.#static[index - 1]
        : this.#dynamic[this.#dynamic.length - 1 - dynamicIndex]
    if (field === undefined) throw new HpackError(`index ${index} is in neither table`)
    return field
  }

  #literal(prefixBits: number): HeaderField {
    const nameIndex = this.#integer(prefixBits)
    const name = nameIndex === 0 ? this.#string() : this.#fieldAt(nameIndex).name
    return { name, value: this.#string() }
  }

  /** RFC 7541 §5.1. The first octet's high bits, beyond the prefix, are the caller's. */
  #integer(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1
    let value = this.#octet() & prefixMax
    if (value < prefixMax) return value
    for (let scale = 1; ; scale *= 128) {
      if (scale > 2 ** 28) throw new HpackError('integer is too long')
      const octet = this.#octet()
      value += (octet & 0x7f) * scale
      if (octet < 0x80) return value
    }
  }

  #string(): string {
    if (this.#offset >= this.#end) throw new HpackError('block is cut short')
    const isHuffman = this.#bytes[this.#offset]! >= 0x80
    const length = this.#integer(7)
    const start = this.#offset
    if (start + length > this.#end) throw new HpackError('string is longer than its block')
    this.#offset = start + length
    if (!isHuffman) return this.#bytes.toString('latin1', start, this.#offset)
    const text = this.#huffman.decode(this.#bytes, start, this.#offset)
    if (text === undefined) throw new HpackError('invalid Huffman code')
    return text
  }

  #octet(): number {
    if (this.#offset >= this.#end) throw new HpackError('block is cut short')
    return this.#bytes[this.#offset++]!
  }

  #insert(field: HeaderField): HeaderField {
    const bytes = entryBytes(field)
    this.#evictUntil(this.#maxBytes - bytes)
    // An entry larger than the table empties it and is not stored (RFC 7541 §4.4).
    if (bytes <= this.#maxBytes) {
      this.#dynamic.push(field)
      this.#usedBytes += bytes
    }
    return field
  }

  #resize(maxBytes: number): void {
    if (maxBytes > this.#allowedBytes) throw new HpackError('table size is above the setting')
    this.#maxBytes = maxBytes
    this.#evictUntil(maxBytes)
  }

  #evictUntil(limitBytes: number): void {
    while (this.#usedBytes > limitBytes && this.#dynamic.length > 0) {
      this.#usedBytes -= entryBytes(this.#dynamic.shift()!)
    }
  }
}

function entryBytes(field: HeaderField): number {
  return field.name.length + field.value.length + entryOverheadBytes
}
