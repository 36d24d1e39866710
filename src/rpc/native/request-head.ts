/**
 * A request's headers as the engine needs them: what decides about the call is picked out, the
 * rest is metadata. Requests with the same header block share one.
 */

import type { Admission } from './admission.ts'
import { FIELD, type HeaderField } from './header-field.ts'

export interface HeadLimits {
  /** Names and values of all fields, without HPACK's own overhead. */
  readonly maxHeaderBytes: number
  readonly maxHeaderPairs: number
}

/** No timeout was asked for. */
export const NO_TIMEOUT = -1
/** No content-length was sent. */
export const NO_LENGTH = -1
const NO_FIELDS: readonly HeaderField[] = []
/** A timeout has at most eight digits (gRPC over HTTP/2). */
const TIMEOUT_DIGITS_MAX = 8
const MS_BY_UNIT: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

export class RequestHead {
  method = ''
  path = ''
  scheme = ''
  authority = ''
  contentType = ''
  timeout: string | undefined
  encoding: string | undefined
  contentLength: string | undefined
  /** The request may not be (RFC 9113 §8.1.1). */
  isMalformed = false
  /** Above the limits, so that some of it is missing here. */
  isTooLarge = false
  /** Found once for all requests that share the head. */
  admission: Admission | undefined
  #metadata: HeaderField[] | undefined

  get metadata(): readonly HeaderField[] {
    return this.#metadata ?? NO_FIELDS
  }

  /** A value by lowercase name, the first when it is repeated; that of a "-bin" name decoded. */
  value(name: string): string | undefined {
    for (const field of this.metadata) {
      if (field.name === name)
        return name.endsWith('-bin') ? decodeBinary(field.value) : field.value
    }
    return undefined
  }

  /** What a request must have; trailers have none of it. */
  get isRequest(): boolean {
    return this.method !== '' && this.path !== '' && this.scheme !== ''
  }

  get isTrailers(): boolean {
    return this.method === '' && this.path === '' && this.scheme === '' && this.authority === ''
  }

  get isGrpc(): boolean {
    const type = this.contentType
    if (!type.startsWith('application/grpc')) return false
    const next = type[16]
    return next === undefined || next === '+' || next === ';'
  }

  /** What content-length says; NO_LENGTH, or undefined when it is no number. */
  get contentBytes(): number | undefined {
    if (this.contentLength === undefined) return NO_LENGTH
    return /^\d{1,15}$/.test(this.contentLength) ? Number(this.contentLength) : undefined
  }

  /** Milliseconds with fractions, NO_TIMEOUT, or undefined when it can not be understood. */
  get timeoutMs(): number | undefined {
    const text = this.timeout
    if (text === undefined) return NO_TIMEOUT
    const digits = text.length - 1
    const unitMs = MS_BY_UNIT[text.slice(digits)]
    if (unitMs === undefined || digits < 1 || digits > TIMEOUT_DIGITS_MAX) return undefined
    let count = 0
    for (let at = 0; at < digits; at++) {
      const digit = text.charCodeAt(at) - 0x30
      if (digit < 0 || digit > 9) return undefined
      count = count * 10 + digit
    }
    return count * unitMs
  }

  addMetadata(field: HeaderField): void {
    if (this.#metadata === undefined) this.#metadata = [field]
    else this.#metadata.push(field)
  }
}

/** Fills heads with the fields of one block after the other. */
export class HeadBuilder {
  readonly #limits: HeadLimits
  #head = new RequestHead()
  #bytes = 0
  #pairs = 0
  #isAfterPseudo = false

  constructor(limits: HeadLimits) {
    this.#limits = limits
  }

  begin(): void {
    this.#head = new RequestHead()
    this.#bytes = 0
    this.#pairs = 0
    this.#isAfterPseudo = false
  }

  end(): RequestHead {
    return this.#head
  }

  onField(field: HeaderField): void {
    const head = this.#head
    this.#bytes += field.name.length + field.value.length
    this.#pairs++
    if (this.#bytes > this.#limits.maxHeaderBytes || this.#pairs > this.#limits.maxHeaderPairs) {
      head.isTooLarge = true
    }
    if (field.kind >= FIELD.METHOD && field.kind <= FIELD.AUTHORITY) this.#onPseudo(head, field)
    else {
      this.#isAfterPseudo = true
      this.#onRegular(head, field)
    }
  }

  /** Each once, and before all others (RFC 9113 §8.3). */
  #onPseudo(head: RequestHead, field: HeaderField): void {
    const { kind, value } = field
    let previous: string
    if (kind === FIELD.METHOD) {
      previous = head.method
      head.method = value
    } else if (kind === FIELD.PATH) {
      previous = head.path
      head.path = value
    } else if (kind === FIELD.SCHEME) {
      previous = head.scheme
      head.scheme = value
    } else {
      previous = head.authority
      head.authority = value
    }
    const isEmpty = value === '' && kind !== FIELD.AUTHORITY
    if (previous !== '' || this.#isAfterPseudo || isEmpty) head.isMalformed = true
  }

  #onRegular(head: RequestHead, field: HeaderField): void {
    switch (field.kind) {
      case FIELD.CONTENT_TYPE:
        head.contentType = field.value
        return
      case FIELD.TIMEOUT:
        head.timeout = field.value
        return
      case FIELD.ENCODING:
        head.encoding = field.value
        return
      case FIELD.CONTENT_LENGTH:
        if (head.contentLength !== undefined)
          head.isMalformed ||= head.contentLength !== field.value
        head.contentLength = field.value
        return
      case FIELD.MALFORMED:
        head.isMalformed = true
        return
      case FIELD.METADATA:
        if (!head.isTooLarge) head.addMetadata(field)
        return
      default: // ignored
    }
  }
}

/** Base64 with or without padding; several values may be joined by commas. One char per byte. */
function decodeBinary(value: string): string {
  const comma = value.indexOf(',')
  const first = comma < 0 ? value : value.slice(0, comma)
  return Buffer.from(first, 'base64').toString('latin1')
}
