/**
 * HPACK's two tables in their one index space (RFC 7541 §2.3): 1–61 are static, 62 is the dynamic
 * entry that was added last.
 *
 * The dynamic table is a ring. No entry is smaller than 32 bytes, so its number of slots is fixed.
 */

import { HeaderField } from './header-field.ts'

/** RFC 7541 appendix A, entries 1–61 in order: "name" or "name=value". */
const STATIC_FIELDS =
  ':authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|' +
  ':status=200|:status=204|:status=206|:status=304|:status=400|:status=404|:status=500|' +
  'accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept|' +
  'access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|' +
  'content-encoding|content-language|content-length|content-location|content-range|content-type|' +
  'cookie|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|' +
  'if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|' +
  'proxy-authorization|range|referer|refresh|retry-after|server|set-cookie|' +
  'strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate'

export const STATIC_COUNT = 61
const ENTRY_BYTES_MIN = 32

/** One for all connections. */
export function staticTable(): readonly HeaderField[] {
  return STATIC_FIELDS.split('|').map((field) => {
    const equals = field.indexOf('=')
    if (equals < 0) return new HeaderField(field, '')
    return new HeaderField(field.slice(0, equals), field.slice(equals + 1))
  })
}

export class HeaderTable {
  readonly #static: readonly HeaderField[]
  readonly #allowedBytes: number
  readonly #ring: (HeaderField | undefined)[]
  /** Where the next entry goes; counts on, the slot is the remainder. */
  #next = 0
  #count = 0
  #usedBytes = 0
  #maxBytes: number
  /** Changes with every change of what an index means. */
  generation = 0

  /** `allowedBytes` is the SETTINGS_HEADER_TABLE_SIZE announced to the peer. */
  constructor(staticFields: readonly HeaderField[], allowedBytes: number) {
    this.#static = staticFields
    this.#allowedBytes = allowedBytes
    this.#maxBytes = allowedBytes
    this.#ring = Array.from({ length: Math.ceil(allowedBytes / ENTRY_BYTES_MIN) })
  }

  get count(): number {
    return this.#count
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Undefined for an index that is in neither table. */
  at(index: number): HeaderField | undefined {
    if (index <= STATIC_COUNT) return this.#static[index - 1]
    const age = index - STATIC_COUNT
    if (age > this.#count) return undefined
    return this.#ring[(this.#next - age) % this.#ring.length]
  }

  insert(field: HeaderField): void {
    this.generation++
    this.#evictUntil(this.#maxBytes - field.sizeBytes)
    // An entry larger than the table empties it and is not stored (RFC 7541 §4.4).
    if (field.sizeBytes > this.#maxBytes) return
    this.#ring[this.#next++ % this.#ring.length] = field
    this.#count++
    this.#usedBytes += field.sizeBytes
  }

  /** False when the peer may not make the table that large. */
  resize(maxBytes: number): boolean {
    if (maxBytes > this.#allowedBytes) return false
    this.generation++
    this.#maxBytes = maxBytes
    this.#evictUntil(maxBytes)
    return true
  }

  #evictUntil(limitBytes: number): void {
    while (this.#usedBytes > limitBytes && this.#count > 0) {
      const slot = (this.#next - this.#count) % this.#ring.length
      this.#usedBytes -= this.#ring[slot]?.sizeBytes ?? 0
      this.#ring[slot] = undefined
      this.#count--
    }
  }
}
