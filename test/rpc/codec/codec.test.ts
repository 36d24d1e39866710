/**
 * The generated codecs against protobufjs, which reads the same .proto files at run time: random
 * messages of every type both ways, unknown fields, and input that is cut or corrupted.
 */

import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import { describe, expect, test } from 'vitest'
import * as authpb from '../../../src/rpc/codec/authpb.ts'
import * as etcdserverpb from '../../../src/rpc/codec/etcdserverpb.ts'
import * as health from '../../../src/rpc/codec/health.ts'
import * as mvccpb from '../../../src/rpc/codec/mvccpb.ts'
import * as quoratepb from '../../../src/rpc/codec/quoratepb.ts'
import * as v3electionpb from '../../../src/rpc/codec/v3electionpb.ts'
import * as v3lockpb from '../../../src/rpc/codec/v3lockpb.ts'
import { CodecError } from '../../../src/rpc/codec/wire.ts'

type Fields = Record<string, unknown>

interface MessageCodec {
  readonly type: protobuf.Type
  decode(bytes: Uint8Array): Fields
  encode(message: Fields): Uint8Array
}

const MODULES: Record<string, object> = {
  mvccpb,
  authpb,
  etcdserverpb,
  v3lockpb,
  v3electionpb,
  'grpc.health.v1': health,
  quoratepb,
}

const root = loadRoot()
const codecs = messageTypes(root).map((type) => codecOf(type))

function loadRoot(): protobuf.Root {
  const folder = fileURLToPath(new URL('../../../proto', import.meta.url))
  const loaded = new protobuf.Root()
  loaded.resolvePath = (_origin, target) => `${folder}/${target.split('/').at(-1)}`
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.proto'))
    .toSorted()
  loaded.loadSync(files, { keepCase: true })
  loaded.resolveAll()
  return loaded
}

function messageTypes(namespace: protobuf.NamespaceBase): protobuf.Type[] {
  return namespace.nestedArray.flatMap((nested) => [
    ...(nested instanceof protobuf.Type ? [nested] : []),
    ...(nested instanceof protobuf.Namespace ? messageTypes(nested) : []),
  ])
}

function codecOf(type: protobuf.Type): MessageCodec {
  const module = MODULES[type.parent!.fullName.slice(1)] as Record<string, unknown>
  const decode = module[`decode${type.name}`] as MessageCodec['decode']
  const encode = module[`encode${type.name}`] as MessageCodec['encode']
  return { type, decode, encode }
}

function codecNamed(name: string): MessageCodec {
  return codecs.find(({ type }) => type.fullName === `.${name}`)!
}

// Random messages, as protobufjs takes them.

/** Fields whose 64 bits all matter; of the others only what a double holds. */
const EXACT_FIELDS = /^(ID|lease|leader|proposer|watch_id|cluster_id|member_id|memberID|targetID)$/

function arbitraryOf(type: protobuf.Type, depth = 0): fc.Arbitrary<Fields> {
  const plain = type.fieldsArray.filter((field) => field.partOf === null)
  const record: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of plain) {
    if (depth > 3 && field.resolvedType instanceof protobuf.Type) continue
    record[field.name] = field.repeated
      ? fc.array(valueOf(field, depth), { minLength: 1, maxLength: 3 })
      : valueOf(field, depth).filter((value) => !isDefault(value))
  }
  const oneofs = type.oneofsArray.map((oneof) => oneofOf(oneof, depth))
  const all = [fc.record(record, { requiredKeys: [] }), ...oneofs]
  return fc.tuple(...all).map((parts) => Object.assign({}, ...parts) as Fields)
}

function oneofOf(oneof: protobuf.OneOf, depth: number): fc.Arbitrary<Fields> {
  const members = oneof.fieldsArray.filter(
    ({ resolvedType }) => depth <= 3 || !(resolvedType instanceof protobuf.Type),
  )
  const one = members.map((field) =>
    valueOf(field, depth).map((value): Fields => ({ [field.name]: value })),
  )
  return fc.oneof(fc.constant({}), ...one)
}

function valueOf(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return arbitraryOf(field.resolvedType, depth + 1)
  if (field.resolvedType instanceof protobuf.Enum) return fc.integer({ min: -3, max: 9 })
  switch (field.type) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 200, size: 'max' }).map((bytes) => Buffer.from(bytes))
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 40, size: 'max' })
    case 'bool':
      return fc.boolean()
    case 'uint32':
      return fc.integer({ min: 0, max: 2 ** 32 - 1 })
    case 'int64':
      return EXACT_FIELDS.test(field.name)
        ? integer64(-(2n ** 63n), 2n ** 63n - 1n)
        : integer64(-(2n ** 53n), 2n ** 53n)
    case 'uint64':
      return EXACT_FIELDS.test(field.name)
        ? integer64(0n, 2n ** 64n - 1n)
        : integer64(0n, 2n ** 53n)
    default:
      throw new Error(`no values for ${field.type}`)
  }
}

/** Every length of varint is about equally likely. */
function integer64(min: bigint, max: bigint): fc.Arbitrary<string> {
  return fc
    .tuple(fc.bigInt({ min, max }), fc.integer({ min: 0, max: 63 }))
    .map(([value, shift]) => String(value >> BigInt(shift)))
}

function isDefault(value: unknown): boolean {
  return value === 0 || value === '0' || value === '' || value === false || isEmptyBytes(value)
}

function isEmptyBytes(value: unknown): boolean {
  return Buffer.isBuffer(value) && value.length === 0
}

function encodeByOther(type: protobuf.Type, message: Fields): Uint8Array {
  return type.encode(type.fromObject(message)).finish()
}

// One comparable form for both decoders' results.

function comparable(type: protobuf.Type, message: Fields): Fields {
  const result: Fields = {}
  for (const field of type.fieldsArray) {
    const value = ourValue(field, message)
    if (value === undefined || (field.repeated && (value as unknown[]).length === 0)) continue
    const one = (single: unknown): unknown => comparableValue(field, single)
    const shown = field.repeated ? (value as unknown[]).map(one) : one(value)
    if (field.partOf !== null || !isDefaultShown(shown)) result[field.name] = shown
  }
  return result
}

function ourValue(field: protobuf.Field, message: Fields): unknown {
  if (field.partOf === null) return message[camelCase(field.name)]
  const union = message[camelCase(field.partOf.name)] as
    { case: string; value: unknown } | undefined
  return union?.case === camelCase(field.name) ? union.value : undefined
}

function comparableValue(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType, type } = field
  if (resolvedType instanceof protobuf.Type) {
    const fields =
      value instanceof Uint8Array ? codecNamed(resolvedType.fullName.slice(1)).decode(value) : value
    return comparable(resolvedType, fields as Fields)
  }
  if (type === 'bytes') return hexOf(value)
  if (type === 'uint64' && typeof value === 'string') return String(BigInt(`0x0${value}`))
  return type === 'string' || type === 'bool' ? value : String(value)
}

function hexOf(bytes: unknown): string {
  return typeof bytes === 'string'
    ? Buffer.from(bytes, 'latin1').toString('hex')
    : Buffer.from(bytes as Uint8Array).toString('hex')
}

function isDefaultShown(value: unknown): boolean {
  return value === '' || value === '0' || value === false
}

/** What was put in, in the same form. */
function expected(type: protobuf.Type, message: Fields): Fields {
  const result: Fields = {}
  for (const [name, value] of Object.entries(message)) {
    const field = type.fields[name]!
    const one = (single: unknown): unknown => {
      if (field.resolvedType instanceof protobuf.Type)
        return expected(field.resolvedType, single as Fields)
      if (field.type === 'bytes') return hexOf(single)
      return field.type === 'string' || field.type === 'bool' ? single : String(single)
    }
    result[name] = field.repeated ? (value as unknown[]).map(one) : one(value)
  }
  return result
}

function camelCase(name: string): string {
  const special: Record<string, string> = {
    ID: 'id',
    TTL: 'ttl',
    remaining_TTL: 'remainingTtl',
    grantedTTL: 'grantedTtl',
    memberID: 'memberId',
    targetID: 'targetId',
    peerURLs: 'peerUrls',
    clientURLs: 'clientUrls',
  }
  return special[name] ?? name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

// The laws.

describe.each(codecs.map((codec) => [codec.type.fullName.slice(1), codec] as const))(
  '%s',
  (_name, { type, decode, encode }) => {
    const message = arbitraryOf(type)

    test('decodes what protobufjs encodes and encodes the same bytes again', () => {
      fc.assert(
        fc.property(message, (fields) => {
          const bytes = encodeByOther(type, fields)
          const decoded = decode(bytes)
          expect(comparable(type, decoded)).toEqual(expected(type, fields))
          expect(Buffer.from(encode(decoded)).toString('hex')).toBe(
            Buffer.from(bytes).toString('hex'),
          )
        }),
        { numRuns: 60 },
      )
    })

    test('passes over unknown fields', () => {
      fc.assert(
        fc.property(message, unknownFields(), unknownFields(), (fields, before, after) => {
          const bytes = encodeByOther(type, fields)
          const withUnknown = Buffer.concat([before, bytes, after])
          expect(decode(withUnknown)).toEqual(decode(bytes))
        }),
        { numRuns: 15 },
      )
    })

    test('refuses cut or corrupted input with a CodecError, or reads it', () => {
      fc.assert(
        fc.property(message, fc.array(fc.tuple(fc.nat(), fc.nat(255))), fc.nat(), readOrRefuse),
        { numRuns: 60 },
      )
    })

    function readOrRefuse(fields: Fields, changes: [number, number][], cut: number): void {
      const bytes = Buffer.from(encodeByOther(type, fields))
      if (bytes.length === 0) return
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte
      try {
        decode(bytes.subarray(0, bytes.length - (cut % bytes.length)))
      } catch (error) {
        expect(error).toBeInstanceOf(CodecError)
      }
    }
  },
)

/** Fields of every wire type proto3 has, with numbers that no message uses. */
function unknownFields(): fc.Arbitrary<Buffer> {
  const field = fc.tuple(fc.integer({ min: 1000, max: 2 ** 29 - 1 }), fc.uint8Array(), fc.nat(3))
  return fc.array(field, { maxLength: 3 }).map((fields) => {
    const writer = protobuf.Writer.create()
    for (const [number, bytes, kind] of fields) {
      if (kind === 0) writer.uint32(number * 8).uint32(bytes.length)
      else if (kind === 1) writer.uint32(number * 8 + 1).double(bytes.length)
      else if (kind === 2) writer.uint32(number * 8 + 2).bytes(bytes)
      else writer.uint32(number * 8 + 5).float(bytes.length)
    }
    return Buffer.from(writer.finish())
  })
}

/** TxnRequest.success[0].request_txn, so many levels deep; built from the inside. */
function nestedTxn(levels: number): Uint8Array {
  const pieces: Buffer[] = []
  let length = 0
  const wrap = (tag: number): void => {
    const prefix = Buffer.from(protobuf.Writer.create().uint32(tag).uint32(length).finish())
    pieces.push(prefix)
    length += prefix.length
  }
  for (let i = 0; i < levels; i++) {
    wrap(0x22)
    wrap(0x12)
  }
  return Buffer.concat(pieces.toReversed())
}

describe('decoding', () => {
  test('random bytes are read or refused with a CodecError', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...codecs),
        fc.uint8Array({ maxLength: 64, size: 'max' }),
        (codec, bytes) => {
          try {
            codec.decode(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(CodecError)
          }
        },
      ),
      { numRuns: 5000 },
    )
  })

  test('a length beyond the end is refused, however large', () => {
    for (const length of [[0x05], [0xff, 0xff, 0xff, 0xff, 0x0f], Array(9).fill(0xff).concat(1)]) {
      expect(() => etcdserverpb.decodePutRequest(Uint8Array.of(0x0a, ...length, 1))).toThrow(
        CodecError,
      )
    }
  })

  test('a nested message cannot reach beyond its own end', () => {
    // success { request_put { … } } of too few bytes, and after it what would complete it
    const cut = [
      [0x12, 5, 0x12, 3, 0x0a, 3, 0x61, 0x62, 0x63], // key of 3 bytes, 1 inside
      [0x12, 3, 0x12, 1, 0x18, 0x05], // lease, its value outside
      [0x12, 4, 0x12, 2, 0x18, 0x85, 0x01], // lease, half its value outside
      [0x12, 4, 0x12, 2, 0x39, 1, 2, 3, 4, 5, 6, 7, 8], // unknown fixed64
      [0x12, 4, 0x12, 3, 0x3a, 2, 1, 2], // request_put itself ends outside of success
    ]
    for (const bytes of cut) {
      expect(() => etcdserverpb.decodeTxnRequest(Uint8Array.from(bytes))).toThrow(CodecError)
    }
  })

  test('an unknown field that is cut short is refused', () => {
    for (const bytes of [
      [0x39, 1, 2, 3],
      [0x3d, 1, 2],
      [0x3a, 5, 1],
    ]) {
      expect(() => etcdserverpb.decodePutRequest(Uint8Array.from(bytes))).toThrow(CodecError)
    }
  })

  test('any number of messages may follow each other', () => {
    const success = Array.from({ length: 1000 }, () => ({}))
    const bytes = etcdserverpb.encodeTxnRequest({ success })
    expect(etcdserverpb.decodeTxnRequest(bytes).success).toHaveLength(1000)
  })

  test('groups, field number 0 and varints of 11 bytes are refused', () => {
    for (const bytes of [[0x0b], [0x0c], [0x00, 0x00], [0x18, ...Array<number>(11).fill(0x80)]]) {
      expect(() => etcdserverpb.decodePutRequest(Uint8Array.from(bytes))).toThrow(CodecError)
    }
  })

  test('a string that is not UTF-8 is refused, U+FFFD itself is not', () => {
    expect(() => authpb.decodeRole(Uint8Array.of(0x0a, 1, 0xff))).not.toThrow()
    const name = (...bytes: number[]): Uint8Array => Uint8Array.of(0x0a, bytes.length, ...bytes)
    expect(() => etcdserverpb.decodeAuthUserGetRequest(name(0xff))).toThrow(CodecError)
    expect(etcdserverpb.decodeAuthUserGetRequest(name(0xef, 0xbf, 0xbd)).name).toBe('\ufffd')
  })

  test('transactions nest 32 deep, as 64 messages, and no deeper', () => {
    expect(() => etcdserverpb.decodeTxnRequest(nestedTxn(32))).not.toThrow()
    expect(() => etcdserverpb.decodeTxnRequest(nestedTxn(33))).toThrow(CodecError)
    expect(() => etcdserverpb.decodeTxnRequest(nestedTxn(20_000))).toThrow(CodecError)
  })

  test('the deepest transaction a client can send can be read from the log', () => {
    const value = etcdserverpb.decodeTxnRequest(nestedTxn(32))
    const bytes = quoratepb.encodeInternalRequest({ request: { case: 'txn', value } })
    expect(quoratepb.decodeInternalRequest(bytes).request).toEqual({ case: 'txn', value })
  })

  test('packed and unpacked lists of enums are the same', () => {
    const packed = Uint8Array.of(0x2a, 2, 0, 1)
    const unpacked = Uint8Array.of(0x28, 0, 0x28, 1)
    expect(etcdserverpb.decodeWatchCreateRequest(packed).filters).toEqual([0, 1])
    expect(etcdserverpb.decodeWatchCreateRequest(unpacked).filters).toEqual([0, 1])
  })

  test('bytes are views into the input', () => {
    const input = Buffer.from(etcdserverpb.encodePutRequest({ value: Uint8Array.of(1, 2, 3) }))
    expect(etcdserverpb.decodePutRequest(input).value.buffer).toBe(input.buffer)
  })
})

describe('encoding', () => {
  test('a key-value is embedded as it is, empty ones included', () => {
    const kv = mvccpb.encodeKeyValue({ version: 3 })
    const response = { kvs: [kv, new Uint8Array(0)] }
    const decoded = etcdserverpb.decodeRangeResponse(etcdserverpb.encodeRangeResponse(response))
    expect(decoded.kvs.map((bytes) => [...bytes])).toEqual([[...kv], []])
  })

  test('ids of zero are absent, whichever way they are written', () => {
    for (const id of ['', '0'.repeat(16), undefined]) {
      expect(etcdserverpb.encodeResponseHeader({ memberId: id }).length).toBe(0)
    }
    const small = { memberId: '00000000000000ff', clusterId: 'cdf818194e3a8c32' }
    expect(
      etcdserverpb.decodeResponseHeader(etcdserverpb.encodeResponseHeader(small)),
    ).toMatchObject(small)
  })
})
