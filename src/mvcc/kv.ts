/**
 * The stored form of a key's version: `mvccpb.KeyValue` as etcd marshals it, byte for byte, since
 * HashKV runs over these bytes. Fields stand in order, and those that are zero or empty are left
 * out:
 *
 *     1 key | 2 create_revision | 3 mod_revision | 4 version | 5 value | 6 lease
 */

import { assert } from '../base/assert.ts'
import { keyFromBytes, type Key } from '../base/key.ts'

export interface KeyValue {
  readonly key: Key
  /** Main revision of the put that created the key; 0 in a tombstone. */
  readonly createRevision: number
  readonly modRevision: number
  /** 1 for the put that created the key, growing by 1 with each further put. */
  readonly version: number
  readonly value: Uint8Array
  /** 0n when no lease is attached. */
  readonly lease: bigint
}

/** The protobuf bytes of a KeyValue. Never changed after they were made. */
export type EncodedKeyValue = Uint8Array

export const EMPTY_VALUE = new Uint8Array(0)

const KEY_TAG = 0x0a
const CREATE_REVISION_TAG = 0x10
const MOD_REVISION_TAG = 0x18
const VERSION_TAG = 0x20
const VALUE_TAG = 0x2a
const LEASE_TAG = 0x30
const TWO_28 = 2 ** 28
const TWO_70 = 2 ** 70
const TWO_32_BIGINT = 2n ** 32n

export function encodeKeyValue(kv: KeyValue): EncodedKeyValue {
  return encodeFields(kv.key, kv.createRevision, kv.modRevision, kv.version, kv.value, kv.lease)
}

/** As `encodeKeyValue`, for the put path: no object to make. */
export function encodeFields(
  key: Key,
  createRevision: number,
  modRevision: number,
  version: number,
  value: Uint8Array,
  lease: bigint,
): EncodedKeyValue {
  const leaseBits = BigInt.asUintN(64, lease)
  const size =
    bytesFieldSize(key.length) +
    numberFieldSize(createRevision) +
    numberFieldSize(modRevision) +
    numberFieldSize(version) +
    bytesFieldSize(value.length) +
    (lease === 0n ? 0 : 1 + varintSize64(leaseBits))
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  if (key.length > 0) {
    bytes[at++] = KEY_TAG
    at = writeVarint(bytes, at, key.length)
    at += bytes.write(key, at, key.length, 'latin1')
  }
  at = writeNumberField(bytes, at, CREATE_REVISION_TAG, createRevision)
  at = writeNumberField(bytes, at, MOD_REVISION_TAG, modRevision)
  at = writeNumberField(bytes, at, VERSION_TAG, version)
  if (value.length > 0) {
    bytes[at++] = VALUE_TAG
    at = writeVarint(bytes, at, value.length)
    bytes.set(value, at)
    at += value.length
  }
  if (lease !== 0n) {
    bytes[at++] = LEASE_TAG
    at = writeVarint64(bytes, at, leaseBits)
  }
  assert(at === size, 'an encoded KeyValue has the size computed for it')
  return bytes
}

/** What is stored for a delete: the key alone. */
export function encodeTombstone(key: Key): EncodedKeyValue {
  return encodeFields(key, 0, 0, 0, EMPTY_VALUE, 0n)
}

/** What a watcher is told of a delete: the key and the revision that deleted it. */
export function encodeDeletion(key: Key, modRevision: number): EncodedKeyValue {
  return encodeFields(key, 0, modRevision, 0, EMPTY_VALUE, 0n)
}

/** `value` is a view into `bytes`. Asserts the form above: no one else writes these records. */
export function decodeKeyValue(bytes: EncodedKeyValue): KeyValue {
  const fields = new StoredFields()
  fields.read(bytes)
  const { key, createRevision, modRevision, version, lease, valueStart, valueEnd } = fields
  const value = valueStart === valueEnd ? EMPTY_VALUE : bytes.subarray(valueStart, valueEnd)
  return { key, createRevision, modRevision, version, value, lease }
}

/**
 * The fields of one record after the other: the restore reads millions, and looks at no value.
 * As in a KeyValue, but of the value only where it stands.
 */
export class StoredFields {
  key = '' as Key
  createRevision = 0
  modRevision = 0
  version = 0
  lease = 0n
  valueStart = 0
  valueEnd = 0

  /** Asserts the form above. */
  read(bytes: EncodedKeyValue): void {
    this.#clear()
    const reader = new FieldReader(bytes)
    while (reader.at < bytes.length) {
      const tag = reader.byte()
      if (tag === KEY_TAG) this.key = reader.key()
      else if (tag === CREATE_REVISION_TAG) this.createRevision = reader.number()
      else if (tag === MOD_REVISION_TAG) this.modRevision = reader.number()
      else if (tag === VERSION_TAG) this.version = reader.number()
      else if (tag === VALUE_TAG) {
        const length = reader.skipBytes()
        this.valueStart = reader.at - length
        this.valueEnd = reader.at
      } else if (tag === LEASE_TAG) this.lease = reader.bigint()
      else assert(false, 'a stored KeyValue has known fields', { tag, at: reader.at - 1 })
    }
  }

  #clear(): void {
    this.key = '' as Key
    this.createRevision = 0
    this.modRevision = 0
    this.version = 0
    this.lease = 0n
    this.valueStart = 0
    this.valueEnd = 0
  }
}

/** The key alone, without looking at the rest. */
export function keyOf(bytes: EncodedKeyValue): Key {
  const reader = new FieldReader(bytes)
  assert(bytes[0] === KEY_TAG, 'a stored KeyValue begins with its key')
  reader.at = 1
  return reader.key()
}

/** The value as a view into `bytes`. */
export function valueOf(bytes: EncodedKeyValue): Uint8Array {
  const reader = new FieldReader(bytes)
  const at = reader.skipTo(VALUE_TAG)
  if (at === undefined) return EMPTY_VALUE
  reader.at = at + 1
  return reader.bytes()
}

/** 0n when no lease is attached. */
export function leaseOf(bytes: EncodedKeyValue): bigint {
  const reader = new FieldReader(bytes)
  const at = reader.skipTo(LEASE_TAG)
  if (at === undefined) return 0n
  reader.at = at + 1
  return reader.bigint()
}

/** The same record with an empty value, for keys_only. */
export function withoutValue(bytes: EncodedKeyValue): EncodedKeyValue {
  const reader = new FieldReader(bytes)
  const start = reader.skipTo(VALUE_TAG)
  if (start === undefined) return bytes
  reader.at = start + 1
  reader.skipBytes()
  const result = Buffer.allocUnsafe(start + bytes.length - reader.at)
  result.set(bytes.subarray(0, start), 0)
  result.set(bytes.subarray(reader.at), start)
  return result
}

class FieldReader {
  readonly #bytes: Uint8Array
  at: number

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.at = 0
  }

  /** Where the field with this tag stands, or undefined; fields with a smaller tag are passed. */
  skipTo(tag: number): number | undefined {
    while (this.at < this.#bytes.length) {
      const at = this.at
      const found = this.byte()
      if (found === tag) return at
      if (found > tag) return undefined
      if ((found & 7) === 2) this.skipBytes()
      else this.number()
    }
    return undefined
  }

  byte(): number {
    if (this.at >= this.#bytes.length) {
      assert(false, 'a stored KeyValue is whole', { at: this.at })
    }
    return this.#bytes[this.at++]!
  }

  number(): number {
    let result = 0
    let scale = 1
    for (;;) {
      const byte = this.byte()
      result += (byte & 0x7f) * scale
      if (byte < 0x80) return result
      scale *= 128
      if (scale >= TWO_70) assert(false, 'a stored number has at most 10 bytes', { at: this.at })
    }
  }

  bigint(): bigint {
    let low = 0
    let scale = 1
    for (let i = 0; i < 4; i++) {
      const byte = this.byte()
      low += (byte & 0x7f) * scale
      if (byte < 0x80) return BigInt(low)
      scale *= 128
    }
    return BigInt.asIntN(64, BigInt(low) + this.#bigintRest() * BigInt(TWO_28))
  }

  /** The part above the first 28 bits, at most 36 bits and so exact as a number. */
  #bigintRest(): bigint {
    return BigInt(this.number())
  }

  key(): Key {
    const length = this.skipBytes()
    return keyFromBytes(this.#bytes, this.at - length, this.at)
  }

  bytes(): Uint8Array {
    const length = this.skipBytes()
    return this.#bytes.subarray(this.at - length, this.at)
  }

  /** How many they are. */
  skipBytes(): number {
    const length = this.number()
    const end = this.at + length
    if (end > this.#bytes.length) {
      assert(false, 'a stored KeyValue is whole', { start: this.at, length })
    }
    this.at = end
    return length
  }
}

function bytesFieldSize(length: number): number {
  return length === 0 ? 0 : 1 + varintSize(length) + length
}

function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value)
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
  return size
}

function varintSize64(value: bigint): number {
  return value < TWO_32_BIGINT ? varintSize(Number(value)) : 4 + varintSize(Number(value >> 28n))
}

function writeNumberField(bytes: Uint8Array, start: number, tag: number, value: number): number {
  if (value === 0) return start
  bytes[start] = tag
  return writeVarint(bytes, start + 1, value)
}

function writeVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}

function writeVarint64(bytes: Uint8Array, start: number, value: bigint): number {
  if (value < TWO_32_BIGINT) return writeVarint(bytes, start, Number(value))
  let low = Number(BigInt.asUintN(28, value))
  for (let i = 0; i < 4; i++) {
    bytes[start + i] = (low & 0x7f) | 0x80
    low >>>= 7
  }
  return writeVarint(bytes, start + 4, Number(value >> 28n))
}
