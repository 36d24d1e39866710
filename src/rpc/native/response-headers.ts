/**
 * The few header blocks that a gRPC server sends, encoded for one connection (RFC 7541).
 *
 * The two fields that nearly every call needs, its content type and the status 0, go into the
 * client's dynamic table when they are first sent; from then on they are one byte each. Nothing
 * else is ever inserted, so an entry's index follows from how many came after it.
 *
 * Invariant: a block that was asked for is sent, and in that order.
 */

import type { Admission } from './admission.ts'
import { STATIC_COUNT } from './header-table.ts'
import { DEFAULT_TABLE_BYTES } from './protocol.ts'

// The forms of a field (RFC 7541 §6): their first bits, and how many are left for an index.
const INDEXED = 0x80
const INSERTED = { bits: 0x40, indexBits: 6 } as const
const LITERAL = { bits: 0, indexBits: 4 } as const
const EMPTY_TABLE = Buffer.of(0x20)

const STATUS_200 = Buffer.of(INDEXED | 8)
const STATUS_INDEX = 8
const CONTENT_TYPE_INDEX = 31
const CONTENT_TYPE = 'application/grpc'

type Form = typeof INSERTED | typeof LITERAL

export class ResponseHeaders {
  #usesTable = true
  #mustEmptyTable = false
  #insertedCount = 0
  /** An entry's number in the order of insertions, from 1; 0 while it is not in the table. */
  #contentTypeEntry = 0
  #okEntry = 0
  /** The usual blocks, once they do not change any more. */
  #headers: Buffer | undefined
  #okTrailers: Buffer | undefined

  /** The client's SETTINGS_HEADER_TABLE_SIZE: a table smaller than the usual one is not used. */
  setTableBytes(bytes: number): void {
    if (bytes >= DEFAULT_TABLE_BYTES || !this.#usesTable) return
    this.#usesTable = false
    this.#mustEmptyTable = true
    this.#headers = undefined
    this.#okTrailers = undefined
  }

  /** Of a response that has messages. */
  headers(): Buffer {
    if (this.#headers !== undefined) return this.#headers
    const block = this.#finish([STATUS_200, this.#contentType()])
    if (this.#isSettled) this.#headers = Buffer.concat([STATUS_200, this.#contentType()])
    return block
  }

  /** After the messages, with status OK. */
  okTrailers(): Buffer {
    if (this.#okTrailers !== undefined) return this.#okTrailers
    const block = this.#finish([this.#ok()])
    if (this.#isSettled) this.#okTrailers = this.#ok()
    return block
  }

  /** After the messages. */
  trailers(code: number, message: string): Buffer {
    return this.#finish([statusFields(code, message)])
  }

  /** All of a response without messages. */
  trailersOnly(code: number, message: string): Buffer {
    return this.#finish([STATUS_200, this.#contentType(), statusFields(code, message)])
  }

  /** To a request that is refused by its headers. */
  refusal({ error, httpStatus, code, text }: Extract<Admission, { ok: false }>): Buffer {
    if (error === 'refused') return this.trailersOnly(code, text)
    const status = error === 'not-grpc' ? httpStatusField(httpStatus) : STATUS_200
    const fields = [status, this.#contentType(), statusFields(code, text)]
    if (error === 'unsupported-encoding') {
      fields.push(literal(LITERAL, 'grpc-accept-encoding', 'identity'))
    }
    return this.#finish(fields)
  }

  get #isSettled(): boolean {
    if (!this.#usesTable) return !this.#mustEmptyTable
    return this.#contentTypeEntry > 0 && this.#okEntry > 0
  }

  #finish(fields: readonly Buffer[]): Buffer {
    if (!this.#mustEmptyTable) return Buffer.concat(fields)
    this.#mustEmptyTable = false
    return Buffer.concat([EMPTY_TABLE, ...fields])
  }

  #contentType(): Buffer {
    if (!this.#usesTable) return literal(LITERAL, CONTENT_TYPE_INDEX, CONTENT_TYPE)
    if (this.#contentTypeEntry > 0) return this.#indexed(this.#contentTypeEntry)
    this.#contentTypeEntry = ++this.#insertedCount
    return literal(INSERTED, CONTENT_TYPE_INDEX, CONTENT_TYPE)
  }

  #ok(): Buffer {
    if (!this.#usesTable) return literal(LITERAL, 'grpc-status', '0')
    if (this.#okEntry > 0) return this.#indexed(this.#okEntry)
    this.#okEntry = ++this.#insertedCount
    return literal(INSERTED, 'grpc-status', '0')
  }

  #indexed(entry: number): Buffer {
    return Buffer.of(INDEXED | (STATIC_COUNT + 1 + this.#insertedCount - entry))
  }
}

function httpStatusField(httpStatus: number): Buffer {
  return literal(LITERAL, STATUS_INDEX, String(httpStatus))
}

function statusFields(code: number, message: string): Buffer {
  return Buffer.concat([
    literal(LITERAL, 'grpc-status', String(code)),
    literal(LITERAL, 'grpc-message', percentEncoded(message)),
  ])
}

/** `name` is text or a static entry's index. */
function literal(form: Form, name: string | number, value: string): Buffer {
  const index = integer(form.bits, form.indexBits, typeof name === 'number' ? name : 0)
  if (typeof name === 'number') return Buffer.concat([index, string(value)])
  return Buffer.concat([index, string(name), string(value)])
}

function string(text: string): Buffer {
  return Buffer.concat([integer(0, 7, text.length), Buffer.from(text, 'latin1')])
}

/** RFC 7541 §5.1. */
function integer(firstBits: number, prefixBits: number, value: number): Buffer {
  const prefixMax = (1 << prefixBits) - 1
  if (value < prefixMax) return Buffer.of(firstBits | value)
  const octets = [firstBits | prefixMax]
  let rest = value - prefixMax
  for (; rest >= 0x80; rest >>>= 7) octets.push((rest & 0x7f) | 0x80)
  octets.push(rest)
  return Buffer.from(octets)
}

/** As gRPC wants it in grpc-message: printable ASCII but "%", the rest as UTF-8 octets in hex. */
export function percentEncoded(message: string): string {
  if (/^[ -$&-~]*$/.test(message)) return message
  let text = ''
  for (const byte of Buffer.from(message, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25
    const hex = byte.toString(16).toUpperCase().padStart(2, '0')
    text += isPlain ? String.fromCharCode(byte) : `%${hex}`
  }
  return text
}
