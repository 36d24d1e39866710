/** One header field of a request, and what the engine does with fields of its name. */

/** HPACK's own cost of a table entry, also used for header list sizes (RFC 7541 §4.1). */
const FIELD_OVERHEAD_BYTES = 32

export const FIELD = {
  /** Not for the engine: a call's metadata. */
  METADATA: 0,
  METHOD: 1,
  PATH: 2,
  SCHEME: 3,
  AUTHORITY: 4,
  CONTENT_TYPE: 5,
  TIMEOUT: 6,
  ENCODING: 7,
  CONTENT_LENGTH: 8,
  /** Known to mean nothing here. */
  IGNORED: 9,
  /** A request with this field is malformed (RFC 9113 §8.2). */
  MALFORMED: 10,
} as const

export type FieldKind = (typeof FIELD)[keyof typeof FIELD]

/** What never reaches a handler. */
const KINDS: ReadonlyMap<string, FieldKind> = new Map([
  [':method', FIELD.METHOD],
  [':path', FIELD.PATH],
  [':scheme', FIELD.SCHEME],
  [':authority', FIELD.AUTHORITY],
  ['content-type', FIELD.CONTENT_TYPE],
  ['grpc-timeout', FIELD.TIMEOUT],
  ['grpc-encoding', FIELD.ENCODING],
  ['content-length', FIELD.CONTENT_LENGTH],
  ['grpc-accept-encoding', FIELD.IGNORED],
  ['accept-encoding', FIELD.IGNORED],
  // Fields about one HTTP/1 connection (RFC 9113 §8.2.2).
  ['connection', FIELD.MALFORMED],
  ['proxy-connection', FIELD.MALFORMED],
  ['keep-alive', FIELD.MALFORMED],
  ['transfer-encoding', FIELD.MALFORMED],
  ['upgrade', FIELD.MALFORMED],
])

/** Immutable, and shared by all requests of a connection that refer to the same table entry. */
export class HeaderField {
  readonly name: string
  /** One char per byte. */
  readonly value: string
  /** As a table and a header list count it. */
  readonly sizeBytes: number
  readonly kind: FieldKind

  constructor(name: string, value: string) {
    this.name = name
    this.value = value
    this.sizeBytes = name.length + value.length + FIELD_OVERHEAD_BYTES
    this.kind = kindOf(name, value)
  }
}

function kindOf(name: string, value: string): FieldKind {
  if (!isValue(value)) return FIELD.MALFORMED
  const kind = KINDS.get(name)
  if (kind !== undefined) return kind
  if (name === 'te') return value === 'trailers' ? FIELD.IGNORED : FIELD.MALFORMED
  return isName(name) ? FIELD.METADATA : FIELD.MALFORMED
}

/** RFC 9113 §8.2.1, and no colon: pseudo fields are known ones only. */
function isName(name: string): boolean {
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at)
    const isUpper = code >= 0x41 && code <= 0x5a
    if (code <= 0x20 || code >= 0x7f || isUpper || code === 0x3a) return false
  }
  return name.length > 0
}

function isValue(value: string): boolean {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if (code === 0 || code === 0x0a || code === 0x0d) return false
  }
  return true
}
