/**
 * The same bytes through protobufjs. Differences that are meant are passed over: numbers beyond 2^53
 * in fields that are doubles here, varints of more than 64 bits (what is too much is dropped here, as
 * Go does it), and a message that comes twice in a field that takes one (the last counts here).
 */

import protobuf from 'protobufjs'

type Fields = Record<string, unknown>

const TOO_LARGE = 2n ** 53n
const NAMES: Readonly<Record<string, string>> = {
  ID: 'id',
  TTL: 'ttl',
  remaining_TTL: 'remainingTtl',
  grantedTTL: 'grantedTtl',
  memberID: 'memberId',
  targetID: 'targetId',
  peerURLs: 'peerUrls',
  clientURLs: 'clientUrls',
}

/** A name of the field that differs and both values; undefined when it is the same. */
export function differenceOf(
  type: protobuf.Type,
  bytes: Uint8Array,
  ours: Fields,
): string | undefined {
  let theirs: protobuf.Message
  try {
    theirs = type.decode(bytes)
    if (hasTooManyBits(bytes) || hasMessageTwice(type, bytes)) return undefined
  } catch {
    return undefined
  }
  return firstDifference(type, ours, theirs as unknown as Fields)
}

/** Anywhere something that, read as a varint, has ten bytes of which the last is above 1. */
function hasTooManyBits(bytes: Uint8Array): boolean {
  let length = 0
  for (const byte of bytes) {
    if (++length >= 10 && byte > 1) return true
    if (byte < 128) length = 0
  }
  return false
}

/** In a field that is not a list. */
function hasMessageTwice(type: protobuf.Type, bytes: Uint8Array): boolean {
  const reader = protobuf.Reader.create(bytes)
  const seen = new Set<number>()
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    const field = type.fieldsById[tag >>> 3]
    if (!(field?.resolvedType instanceof protobuf.Type) || (tag & 7) !== 2) {
      reader.skipType(tag & 7)
      continue
    }
    if (!field.repeated && seen.has(tag)) return true
    seen.add(tag)
    if (hasMessageTwice(field.resolvedType, reader.bytes())) return true
  }
  return false
}

function firstDifference(type: protobuf.Type, ours: Fields, theirs: Fields): string | undefined {
  for (const field of type.fieldsArray) {
    const mine = ourValue(field, ours)
    const other = Object.hasOwn(theirs, field.name) ? theirs[field.name] : undefined
    const pairs: [unknown, unknown][] = field.repeated
      ? pairUp((mine ?? []) as unknown[], (other ?? []) as unknown[])
      : [[mine, other]]
    for (const [left, right] of pairs) {
      const difference = valueDifference(field, left, right)
      if (difference !== undefined) return `${field.name}${difference}`
    }
  }
  return undefined
}

function pairUp(left: unknown[], right: unknown[]): [unknown, unknown][] {
  const length = Math.max(left.length, right.length)
  return Array.from({ length }, (_, at) => [left[at], right[at]])
}

function valueDifference(
  field: protobuf.Field,
  ours: unknown,
  theirs: unknown,
): string | undefined {
  if (field.resolvedType instanceof protobuf.Type) {
    // Embedded as bytes here: these are not looked into.
    if (ours instanceof Uint8Array) return undefined
    if (ours === undefined || theirs === undefined) {
      return ours === theirs ? undefined : ' is there for one of them only'
    }
    const inner = firstDifference(field.resolvedType, ours as Fields, theirs as Fields)
    return inner === undefined ? undefined : `.${inner}`
  }
  const [left, right] = [shown(field, ours), shown(field, theirs)]
  return left === right ? undefined : ` is ${left}, not ${right}`
}

function shown(field: protobuf.Field, value: unknown): string {
  if (field.type === 'bytes') {
    if (value === undefined) return ''
    return typeof value === 'string'
      ? Buffer.from(value, 'latin1').toString('hex')
      : Buffer.from(value as Uint8Array).toString('hex')
  }
  if (field.type === 'string') return typeof value === 'string' ? value : ''
  if (field.type === 'bool') return value === true ? 'true' : 'false'
  return number(field, value ?? 0)
}

function number(field: protobuf.Field, value: unknown): string {
  if (!field.type.endsWith('64')) return String(value)
  const isId = typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
  if (value === '') return '0'
  let big = BigInt(isId ? `0x${value}` : String(value))
  if (field.type === 'int64') big = BigInt.asIntN(64, big)
  return big >= TOO_LARGE || big <= -TOO_LARGE ? 'large' : String(big)
}

function ourValue(field: protobuf.Field, message: Fields): unknown {
  if (field.partOf === null) return message[camelCase(field.name)]
  const union = message[camelCase(field.partOf.name)] as Fields | undefined
  return union?.['case'] === camelCase(field.name) ? union['value'] : undefined
}

function camelCase(name: string): string {
  return NAMES[name] ?? name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}
