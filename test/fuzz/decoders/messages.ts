/**
 * The generated protobuf codecs. Every message of the API that a client may send, and every one that
 * lies in the log or travels between members, is a decoder of its own; responses share one.
 *
 * Laws: what was decoded can be encoded; what that gives is stable; and where protobufjs reads the
 * same bytes too, it reads the same.
 */

import fc from 'fast-check'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import protobuf from 'protobufjs'
import * as authpb from '../../../src/rpc/codec/authpb.ts'
import * as etcdserverpb from '../../../src/rpc/codec/etcdserverpb.ts'
import * as health from '../../../src/rpc/codec/health.ts'
import * as mvccpb from '../../../src/rpc/codec/mvccpb.ts'
import * as quoratepb from '../../../src/rpc/codec/quoratepb.ts'
import * as v3electionpb from '../../../src/rpc/codec/v3electionpb.ts'
import * as v3lockpb from '../../../src/rpc/codec/v3lockpb.ts'
import { CodecError } from '../../../src/rpc/codec/wire.ts'
import { hold, unlessRefused, type Decoder } from '../decoder.ts'
import { varint } from '../protobuf-fields.ts'
import { differenceOf } from './protobuf-reference.ts'

export type Fields = Record<string, unknown>

export interface MessageCodec {
  readonly type: protobuf.Type
  readonly decode: (bytes: Uint8Array) => Fields
  readonly encode: (message: Fields) => Uint8Array
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
const SEED_COUNT = 40
const FULL_INPUTS = 1_000_000
/** The other decoder is asked about one accepted input in so many, roughly: it is slow. */
const COMPARED_ONE_IN = 8

export function loadProto(): protobuf.Root {
  const folder = path.resolve('proto')
  const loaded = new protobuf.Root()
  loaded.resolvePath = (_origin, target) => `${folder}/${path.basename(target)}`
  const files = readdirSync(folder).filter((file) => file.endsWith('.proto'))
  loaded.loadSync(files.toSorted(), { keepCase: true })
  loaded.resolveAll()
  return loaded
}

export function codecOf(type: protobuf.Type): MessageCodec {
  const module = MODULES[type.parent!.fullName.slice(1)] as Record<string, unknown>
  const decode = module[`decode${type.name}`] as MessageCodec['decode']
  const encode = module[`encode${type.name}`] as MessageCodec['encode']
  return { type, decode, encode }
}

export function messageDecoders(): Decoder[] {
  const root = loadProto()
  const types = within(root, protobuf.Type)
  const requests = new Set(
    within(root, protobuf.Service).flatMap((service) =>
      service.methodsArray.map((method) => root.lookupType(method.requestType)),
    ),
  )
  const own = types.filter(({ parent }) => parent?.name === 'quoratepb')
  const rest = types.filter((type) => !requests.has(type) && !own.includes(type))
  return [
    ...[...requests].map((type) => messageDecoder('request', codecOf(type))),
    ...own.map((type) => messageDecoder('internal', codecOf(type))),
    responsesDecoder(rest.map(codecOf)),
  ]
}

function within<Kind extends protobuf.ReflectionObject>(
  namespace: protobuf.NamespaceBase,
  kind: new (...args: never[]) => Kind,
): Kind[] {
  return namespace.nestedArray.flatMap((nested) => [
    ...(nested instanceof kind ? [nested] : []),
    ...(nested instanceof protobuf.Namespace ? within(nested, kind) : []),
  ])
}

function messageDecoder(group: string, codec: MessageCodec): Decoder {
  return {
    name: `${group}/${codec.type.name}`,
    seeds: [...seedsOf(codec.type), ...bombsOf(codec.type)],
    inputs: FULL_INPUTS,
    form: 'protobuf',
    run: (bytes) => checkCodec(codec, bytes),
  }
}

/** The first byte says which message it is. */
function responsesDecoder(codecs: readonly MessageCodec[]): Decoder {
  const seeds = codecs.flatMap(({ type }, at) =>
    seedsOf(type, 5).map((bytes) => Buffer.concat([Buffer.of(at), bytes])),
  )
  return {
    name: 'response/all',
    seeds,
    inputs: FULL_INPUTS,
    run: (bytes) => {
      const codec = codecs[(bytes[0] ?? 0) % codecs.length]!
      return checkCodec(codec, bytes.subarray(1))
    },
  }
}

function checkCodec(codec: MessageCodec, bytes: Buffer): boolean {
  const { decode, encode, type } = codec
  const message = unlessRefused(CodecError, () => decode(bytes))
  if (message === undefined) return false
  const encoded = encode(message)
  const again = encode(decode(encoded))
  hold(Buffer.compare(encoded, again) === 0, 'what was encoded does not come back the same')
  // By the bytes alone, so that an input is judged the same when it is tried again.
  const mark = bytes.length + (bytes.at(-1) ?? 0) + (bytes.at(bytes.length >> 1) ?? 0)
  if (mark % COMPARED_ONE_IN === 0) {
    const difference = differenceOf(type, bytes, message)
    hold(difference === undefined, `protobufjs reads it otherwise: ${difference}`)
  }
  return true
}

export function seedsOf(type: protobuf.Type, count = SEED_COUNT): Buffer[] {
  const samples = fc.sample(arbitraryOf(type), { numRuns: count, seed: 1 })
  return samples.map((fields) => Buffer.from(type.encode(type.fromObject(fields)).finish()))
}

/** A message of this type inside itself, however deep: by each field that leads back to it. */
function bombsOf(type: protobuf.Type): Buffer[] {
  const tags = wayBack(type, type, [])
  if (tags === undefined) return []
  return [31, 32, 33, 36, 64, 5000].map((levels) => {
    let bytes = Buffer.alloc(0)
    for (let i = 0; i < levels; i++) {
      for (const tag of tags.toReversed()) {
        bytes = Buffer.concat([varint(BigInt(tag)), varint(BigInt(bytes.length)), bytes])
      }
    }
    return bytes
  })
}

function wayBack(
  from: protobuf.Type,
  to: protobuf.Type,
  seen: readonly protobuf.Type[],
): number[] | undefined {
  if (seen.includes(from)) return undefined
  for (const { id, resolvedType } of from.fieldsArray) {
    if (!(resolvedType instanceof protobuf.Type)) continue
    const tag = id * 8 + 2
    if (resolvedType === to) return [tag]
    const further = wayBack(resolvedType, to, [...seen, from])
    if (further !== undefined) return [tag, ...further]
  }
  return undefined
}

function arbitraryOf(type: protobuf.Type, depth = 0): fc.Arbitrary<Fields> {
  const fields = type.fieldsArray.filter(
    ({ resolvedType }) => depth < 4 || !(resolvedType instanceof protobuf.Type),
  )
  const plain: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of fields.filter(({ partOf }) => partOf === null)) {
    const value = valueOf(field, depth)
    plain[field.name] = field.repeated ? fc.array(value, { maxLength: 3 }) : value
  }
  const unions = type.oneofsArray.map((oneof) => {
    const members = fields.filter(({ partOf }) => partOf === oneof)
    const one = members.map((field) =>
      valueOf(field, depth).map((value) => ({ [field.name]: value })),
    )
    return fc.oneof(fc.constant({}), ...one)
  })
  return fc
    .tuple(fc.record(plain, { requiredKeys: [] }), ...unions)
    .map((parts) => Object.assign({}, ...parts) as Fields)
}

function valueOf(field: protobuf.Field, depth: number): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return arbitraryOf(field.resolvedType, depth + 1)
  if (field.resolvedType instanceof protobuf.Enum) return fc.integer({ min: -1, max: 6 })
  switch (field.type) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 20 })
    case 'bool':
      return fc.boolean()
    case 'uint32':
      return fc.nat()
    default:
      return fc.oneof(fc.nat(300), fc.maxSafeNat()).map(String)
  }
}
