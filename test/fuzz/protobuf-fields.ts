/**
 * Mutations that know protobuf's fields: one is dropped, doubled, moved, nested, renumbered or given
 * a telling value, somewhere inside, and all lengths around it are made to fit again.
 */

import type { Random } from './random.ts'

interface Field {
  readonly tag: number
  /** What follows the tag; of wire type 2 without its length. */
  readonly value: Buffer
}

const EDGES: readonly bigint[] = [
  0n,
  1n,
  127n,
  128n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
]
const DEPTH_MAX = 8

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return Buffer.from([...bytes, Number(rest)])
}

const EDGE_VARINTS: readonly Buffer[] = [
  ...EDGES.map(varint),
  // Longer than they need be; the last is too long.
  Buffer.from('80808080808080808000', 'hex'),
  Buffer.from('8100', 'hex'),
  Buffer.from('ffffffffffffffffff7f', 'hex'),
  Buffer.from('8080808080808080808000', 'hex'),
]

export function edgeVarint(random: Random): Buffer {
  return random.pick(EDGE_VARINTS)
}

/** Undefined when the bytes are not a message. */
export function mutateFields(bytes: Buffer, random: Random, depth = 0): Buffer | undefined {
  const fields = fieldsOf(bytes)
  if (fields === undefined || fields.length === 0) return undefined
  const at = random.below(fields.length)
  const field = fields[at]!
  if ((field.tag & 7) === 2 && depth < DEPTH_MAX && random.below(3) > 0) {
    const inner = mutateFields(field.value, random, depth + 1)
    if (inner !== undefined) return joined(fields.with(at, { tag: field.tag, value: inner }))
  }
  return joined(changed(fields, at, random))
}

function changed(fields: Field[], at: number, random: Random): Field[] {
  const field = fields[at]!
  switch (random.below(8)) {
    case 0:
      return fields.toSpliced(at, 1)
    case 1:
      return fields.toSpliced(at, 0, field)
    case 2: {
      const other = random.below(fields.length)
      return fields.with(at, fields[other]!).with(other, field)
    }
    case 3:
      return fields.with(at, {
        tag: (field.tag & 7) | ((1 + random.below(20)) << 3),
        value: field.value,
      })
    case 4: // of another wire type: its value is what it may be
      return fields.with(at, otherType(field, random))
    case 5: // in itself
      return fields.with(at, { tag: (field.tag & ~7) | 2, value: joined([field]) })
    case 6: {
      const times = 1 + random.below(40)
      return fields.toSpliced(at, 0, ...Array.from({ length: times }, () => field))
    }
    default:
      return fields.with(at, telling(field, random))
  }
}

function otherType({ tag, value }: Field, random: Random): Field {
  switch (random.below(4)) {
    case 0:
      return { tag: tag & ~7, value: edgeVarint(random) }
    case 1:
      return { tag: (tag & ~7) | 1, value: Buffer.alloc(8, random.below(256)) }
    case 2:
      return { tag: (tag & ~7) | 2, value }
    default:
      return { tag: (tag & ~7) | 5, value: Buffer.alloc(4, random.below(256)) }
  }
}

function telling({ tag, value }: Field, random: Random): Field {
  if ((tag & 7) === 0) return { tag, value: edgeVarint(random) }
  if ((tag & 7) !== 2) return { tag, value: Buffer.alloc(value.length, random.oneIn(2) ? 0 : 255) }
  if (random.oneIn(2))
    return { tag, value: Buffer.alloc(random.below(4), random.pick([0, 255, 97])) }
  return { tag, value: Buffer.concat([value, value.subarray(random.below(value.length + 1))]) }
}

function fieldsOf(bytes: Buffer): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const number = (): number | undefined => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value += (byte & 127) * 2 ** shift
      if (byte < 128) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const tag = number()
    if (tag === undefined || tag >= 2 ** 31) return undefined
    let start = at
    if ((tag & 7) === 0) {
      while ((bytes[at] ?? 0) >= 128) at++
      at++
    } else if ((tag & 7) === 1) at += 8
    else if ((tag & 7) === 5) at += 4
    else if ((tag & 7) === 2) {
      const length = number()
      if (length === undefined) return undefined
      start = at
      at += length
    } else return undefined
    if (at > bytes.length) return undefined
    fields.push({ tag, value: bytes.subarray(start, at) })
  }
  return fields
}

function joined(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = []
  for (const { tag, value } of fields) {
    parts.push(varint(BigInt(tag)))
    if ((tag & 7) === 2) parts.push(varint(BigInt(value.length)))
    parts.push(value)
  }
  return Buffer.concat(parts)
}
