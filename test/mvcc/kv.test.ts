import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { AssertionError } from '../../src/base/assert.ts'
import { keyFromBytes, keyToBytes } from '../../src/base/key.ts'
import {
  decodeKeyValue,
  encodeKeyValue,
  encodeTombstone,
  keyOf,
  leaseOf,
  valueOf,
  withoutValue,
  type KeyValue,
} from '../../src/mvcc/kv.ts'

const anyCount = fc.oneof(fc.nat(300), fc.maxSafeNat())

const anyKeyValue: fc.Arbitrary<KeyValue> = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 200 }).map(keyFromBytes),
  createRevision: anyCount,
  modRevision: anyCount,
  version: anyCount,
  value: fc.uint8Array({ maxLength: 300 }),
  lease: fc.oneof(
    fc.constant(0n),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: 1n, max: 2n ** 36n }),
  ),
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function plain(kv: KeyValue): unknown {
  return { ...kv, value: hex(kv.value) }
}

describe('encoded KeyValue', () => {
  it('decodes to what was encoded, whole and field by field', () => {
    fc.assert(
      fc.property(anyKeyValue, (kv) => {
        const bytes = encodeKeyValue(kv)
        expect(plain(decodeKeyValue(bytes))).toEqual(plain(kv))
        expect(keyOf(bytes)).toBe(kv.key)
        expect(hex(valueOf(bytes))).toBe(hex(kv.value))
        expect(leaseOf(bytes)).toBe(kv.lease)
      }),
    )
  })

  it('is not read when a number in it does not end', () => {
    for (const tag of [0x0a, 0x10, 0x2a, 0x30]) {
      const bytes = Buffer.concat([Buffer.of(tag), Buffer.alloc(200, 0xff), Buffer.of(1)])
      expect(() => decodeKeyValue(bytes)).toThrow(AssertionError)
    }
  })

  it('has the bytes of protobuf with zero fields left out', () => {
    fc.assert(
      fc.property(anyKeyValue, (kv) => {
        expect(hex(encodeKeyValue(kv))).toBe(hex(slowEncoding(kv)))
      }),
    )
  })

  it('equals what etcd stores, in two examples', () => {
    const kv = { createRevision: 2, modRevision: 300, version: 1, lease: 0x694d7f1b2c3d4e5fn }
    const key = keyFromBytes(Buffer.from('foo'))
    const bytes = encodeKeyValue({ ...kv, key, value: Buffer.from('bar') })
    expect(hex(bytes)).toBe(
      '0a03666f6f' + '1002' + '18ac02' + '2001' + '2a03626172' + '30df9cf5e1b2e3dfa669',
    )
    expect(hex(encodeTombstone(key))).toBe('0a03666f6f')
  })

  it('loses its value and nothing else for keys_only', () => {
    fc.assert(
      fc.property(anyKeyValue, (kv) => {
        const stripped = withoutValue(encodeKeyValue(kv))
        expect(hex(stripped)).toBe(hex(encodeKeyValue({ ...kv, value: new Uint8Array(0) })))
      }),
    )
  })

  it('gives its value as a view, not a copy', () => {
    const kv = {
      key: keyFromBytes(Buffer.from('k')),
      createRevision: 1,
      modRevision: 1,
      version: 1,
    }
    const bytes = encodeKeyValue({ ...kv, value: Buffer.from('value'), lease: 0n })
    expect(decodeKeyValue(bytes).value.buffer).toBe(bytes.buffer)
    expect(valueOf(bytes).buffer).toBe(bytes.buffer)
  })

  it('that is cut short or has an unknown field is refused', () => {
    const kv = {
      key: keyFromBytes(Buffer.from('key')),
      createRevision: 1,
      modRevision: 1,
      version: 1,
    }
    const bytes = encodeKeyValue({ ...kv, value: Buffer.from('value'), lease: 0n })
    expect(() => decodeKeyValue(bytes.subarray(0, bytes.length - 1))).toThrow('whole')
    expect(() => decodeKeyValue(Uint8Array.of(0x3a, 0))).toThrow('known fields')
  })
})

/** Protobuf's definition, by bigint. */
function slowEncoding(kv: KeyValue): Uint8Array {
  const fields: number[] = []
  const addBytes = (tag: number, bytes: Uint8Array): void => {
    if (bytes.length > 0) fields.push(tag, ...slowVarint(BigInt(bytes.length)), ...bytes)
  }
  const addNumber = (tag: number, value: bigint): void => {
    if (value !== 0n) fields.push(tag, ...slowVarint(value))
  }
  addBytes(0x0a, keyToBytes(kv.key))
  addNumber(0x10, BigInt(kv.createRevision))
  addNumber(0x18, BigInt(kv.modRevision))
  addNumber(0x20, BigInt(kv.version))
  addBytes(0x2a, kv.value)
  addNumber(0x30, kv.lease)
  return Uint8Array.from(fields)
}

function slowVarint(value: bigint): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  return [...bytes, Number(rest)]
}
