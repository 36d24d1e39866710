// Generated from proto/v3election.proto by scripts/generate-codec.mjs. Do not edit.

import type { Key } from '../../base/key.ts'
import {
  type ResponseHeader,
  type ResponseHeaderInput,
  readResponseHeader,
  sizeOfResponseHeader,
  writeResponseHeader,
} from './etcdserverpb.ts'
import {
  NO_BYTES,
  Reader,
  finish,
  sizeOfBigint,
  sizeOfDelimited,
  sizeOfInt,
  writeBigint,
  writeBytes,
  writeInt,
  writeKey,
  writeLength,
} from './wire.ts'

/** Paths and codecs of v3electionpb.Election. */
export const ElectionService = {
  campaign: {
    path: '/v3electionpb.Election/Campaign',
    codec: { decode: decodeCampaignRequest, encode: encodeCampaignResponse },
  },
  proclaim: {
    path: '/v3electionpb.Election/Proclaim',
    codec: { decode: decodeProclaimRequest, encode: encodeProclaimResponse },
  },
  leader: {
    path: '/v3electionpb.Election/Leader',
    codec: { decode: decodeLeaderRequest, encode: encodeLeaderResponse },
  },
  observe: {
    path: '/v3electionpb.Election/Observe',
    codec: { decode: decodeLeaderRequest, encode: encodeLeaderResponse },
  },
  resign: {
    path: '/v3electionpb.Election/Resign',
    codec: { decode: decodeResignRequest, encode: encodeResignResponse },
  },
} as const

export interface CampaignRequest {
  readonly name: Key
  readonly lease: bigint
  readonly value: Uint8Array
}

export interface CampaignRequestInput {
  name?: Key | undefined
  lease?: bigint | undefined
  value?: Uint8Array | undefined
}

export function readCampaignRequest(reader: Reader): CampaignRequest {
  let name = '' as Key
  let lease = 0n
  let value: Uint8Array = NO_BYTES
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.key()
        break
      case 0x10:
        lease = reader.bigint()
        break
      case 0x1a:
        value = reader.view()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, lease, value }
}

export function sizeOfCampaignRequest(message: CampaignRequestInput): number {
  const { name, lease, value } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  if (value !== undefined && value.length !== 0) {
    size += 1 + sizeOfDelimited(value.length)
  }
  return size
}

export function writeCampaignRequest(
  buffer: Buffer,
  end: number,
  message: CampaignRequestInput,
): number {
  const { name, lease, value } = message
  let pos = end
  if (value !== undefined && value.length !== 0) {
    pos = writeBytes(buffer, pos, value)
    buffer[--pos] = 0x1a
  }
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x10
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeKey(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeCampaignRequest(bytes: Uint8Array): CampaignRequest {
  return readCampaignRequest(new Reader(bytes))
}

export function encodeCampaignRequest(message: CampaignRequestInput): Uint8Array {
  const size = sizeOfCampaignRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeCampaignRequest(buffer, size, message))
}

export interface CampaignResponse {
  readonly header: ResponseHeader | undefined
  readonly leader: LeaderKey | undefined
}

export interface CampaignResponseInput {
  header?: ResponseHeaderInput | undefined
  leader?: LeaderKeyInput | undefined
}

export function readCampaignResponse(reader: Reader): CampaignResponse {
  let header: ResponseHeader | undefined
  let leader: LeaderKey | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12: {
        const outer = reader.enter()
        leader = readLeaderKey(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header, leader }
}

export function sizeOfCampaignResponse(message: CampaignResponseInput): number {
  const { header, leader } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (leader !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfLeaderKey(leader))
  }
  return size
}

export function writeCampaignResponse(
  buffer: Buffer,
  end: number,
  message: CampaignResponseInput,
): number {
  const { header, leader } = message
  let pos = end
  if (leader !== undefined) {
    {
      const start = writeLeaderKey(buffer, pos, leader)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x12
    }
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeCampaignResponse(bytes: Uint8Array): CampaignResponse {
  return readCampaignResponse(new Reader(bytes))
}

export function encodeCampaignResponse(message: CampaignResponseInput): Uint8Array {
  const size = sizeOfCampaignResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeCampaignResponse(buffer, size, message))
}

export interface LeaderKey {
  readonly name: Key
  readonly key: Key
  readonly rev: number
  readonly lease: bigint
}

export interface LeaderKeyInput {
  name?: Key | undefined
  key?: Key | undefined
  rev?: number | undefined
  lease?: bigint | undefined
}

export function readLeaderKey(reader: Reader): LeaderKey {
  let name = '' as Key
  let key = '' as Key
  let rev = 0
  let lease = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.key()
        break
      case 0x12:
        key = reader.key()
        break
      case 0x18:
        rev = reader.int64()
        break
      case 0x20:
        lease = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, key, rev, lease }
}

export function sizeOfLeaderKey(message: LeaderKeyInput): number {
  const { name, key, rev, lease } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (rev !== undefined && rev !== 0) {
    size += 1 + sizeOfInt(rev)
  }
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  return size
}

export function writeLeaderKey(buffer: Buffer, end: number, message: LeaderKeyInput): number {
  const { name, key, rev, lease } = message
  let pos = end
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x20
  }
  if (rev !== undefined && rev !== 0) {
    pos = writeInt(buffer, pos, rev)
    buffer[--pos] = 0x18
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x12
  }
  if (name !== undefined && name.length !== 0) {
    pos = writeKey(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeLeaderKey(bytes: Uint8Array): LeaderKey {
  return readLeaderKey(new Reader(bytes))
}

export function encodeLeaderKey(message: LeaderKeyInput): Uint8Array {
  const size = sizeOfLeaderKey(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaderKey(buffer, size, message))
}

export interface LeaderRequest {
  readonly name: Key
}

export interface LeaderRequestInput {
  name?: Key | undefined
}

export function readLeaderRequest(reader: Reader): LeaderRequest {
  let name = '' as Key
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.key()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name }
}

export function sizeOfLeaderRequest(message: LeaderRequestInput): number {
  const { name } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  return size
}

export function writeLeaderRequest(
  buffer: Buffer,
  end: number,
  message: LeaderRequestInput,
): number {
  const { name } = message
  let pos = end
  if (name !== undefined && name.length !== 0) {
    pos = writeKey(buffer, pos, name)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeLeaderRequest(bytes: Uint8Array): LeaderRequest {
  return readLeaderRequest(new Reader(bytes))
}

export function encodeLeaderRequest(message: LeaderRequestInput): Uint8Array {
  const size = sizeOfLeaderRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaderRequest(buffer, size, message))
}

export interface LeaderResponse {
  readonly header: ResponseHeader | undefined
  readonly kv: Uint8Array | undefined
}

export interface LeaderResponseInput {
  header?: ResponseHeaderInput | undefined
  kv?: Uint8Array | undefined
}

export function readLeaderResponse(reader: Reader): LeaderResponse {
  let header: ResponseHeader | undefined
  let kv: Uint8Array | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        kv = reader.view()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, kv }
}

export function sizeOfLeaderResponse(message: LeaderResponseInput): number {
  const { header, kv } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (kv !== undefined) {
    size += 1 + sizeOfDelimited(kv.length)
  }
  return size
}

export function writeLeaderResponse(
  buffer: Buffer,
  end: number,
  message: LeaderResponseInput,
): number {
  const { header, kv } = message
  let pos = end
  if (kv !== undefined) {
    pos = writeBytes(buffer, pos, kv)
    buffer[--pos] = 0x12
  }
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeLeaderResponse(bytes: Uint8Array): LeaderResponse {
  return readLeaderResponse(new Reader(bytes))
}

export function encodeLeaderResponse(message: LeaderResponseInput): Uint8Array {
  const size = sizeOfLeaderResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLeaderResponse(buffer, size, message))
}

export interface ResignRequest {
  readonly leader: LeaderKey | undefined
}

export interface ResignRequestInput {
  leader?: LeaderKeyInput | undefined
}

export function readResignRequest(reader: Reader): ResignRequest {
  let leader: LeaderKey | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        leader = readLeaderKey(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { leader }
}

export function sizeOfResignRequest(message: ResignRequestInput): number {
  const { leader } = message
  let size = 0
  if (leader !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfLeaderKey(leader))
  }
  return size
}

export function writeResignRequest(
  buffer: Buffer,
  end: number,
  message: ResignRequestInput,
): number {
  const { leader } = message
  let pos = end
  if (leader !== undefined) {
    {
      const start = writeLeaderKey(buffer, pos, leader)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeResignRequest(bytes: Uint8Array): ResignRequest {
  return readResignRequest(new Reader(bytes))
}

export function encodeResignRequest(message: ResignRequestInput): Uint8Array {
  const size = sizeOfResignRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeResignRequest(buffer, size, message))
}

export interface ResignResponse {
  readonly header: ResponseHeader | undefined
}

export interface ResignResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readResignResponse(reader: Reader): ResignResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfResignResponse(message: ResignResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeResignResponse(
  buffer: Buffer,
  end: number,
  message: ResignResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeResignResponse(bytes: Uint8Array): ResignResponse {
  return readResignResponse(new Reader(bytes))
}

export function encodeResignResponse(message: ResignResponseInput): Uint8Array {
  const size = sizeOfResignResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeResignResponse(buffer, size, message))
}

export interface ProclaimRequest {
  readonly leader: LeaderKey | undefined
  readonly value: Uint8Array
}

export interface ProclaimRequestInput {
  leader?: LeaderKeyInput | undefined
  value?: Uint8Array | undefined
}

export function readProclaimRequest(reader: Reader): ProclaimRequest {
  let leader: LeaderKey | undefined
  let value: Uint8Array = NO_BYTES
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        leader = readLeaderKey(reader)
        reader.leave(outer)
        break
      }
      case 0x12:
        value = reader.view()
        break
      default:
        reader.skip(tag)
    }
  }
  return { leader, value }
}

export function sizeOfProclaimRequest(message: ProclaimRequestInput): number {
  const { leader, value } = message
  let size = 0
  if (leader !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfLeaderKey(leader))
  }
  if (value !== undefined && value.length !== 0) {
    size += 1 + sizeOfDelimited(value.length)
  }
  return size
}

export function writeProclaimRequest(
  buffer: Buffer,
  end: number,
  message: ProclaimRequestInput,
): number {
  const { leader, value } = message
  let pos = end
  if (value !== undefined && value.length !== 0) {
    pos = writeBytes(buffer, pos, value)
    buffer[--pos] = 0x12
  }
  if (leader !== undefined) {
    {
      const start = writeLeaderKey(buffer, pos, leader)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeProclaimRequest(bytes: Uint8Array): ProclaimRequest {
  return readProclaimRequest(new Reader(bytes))
}

export function encodeProclaimRequest(message: ProclaimRequestInput): Uint8Array {
  const size = sizeOfProclaimRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeProclaimRequest(buffer, size, message))
}

export interface ProclaimResponse {
  readonly header: ResponseHeader | undefined
}

export interface ProclaimResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readProclaimResponse(reader: Reader): ProclaimResponse {
  let header: ResponseHeader | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a: {
        const outer = reader.enter()
        header = readResponseHeader(reader)
        reader.leave(outer)
        break
      }
      default:
        reader.skip(tag)
    }
  }
  return { header }
}

export function sizeOfProclaimResponse(message: ProclaimResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeProclaimResponse(
  buffer: Buffer,
  end: number,
  message: ProclaimResponseInput,
): number {
  const { header } = message
  let pos = end
  if (header !== undefined) {
    {
      const start = writeResponseHeader(buffer, pos, header)
      pos = writeLength(buffer, start, pos - start)
      buffer[--pos] = 0x0a
    }
  }
  return pos
}

export function decodeProclaimResponse(bytes: Uint8Array): ProclaimResponse {
  return readProclaimResponse(new Reader(bytes))
}

export function encodeProclaimResponse(message: ProclaimResponseInput): Uint8Array {
  const size = sizeOfProclaimResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeProclaimResponse(buffer, size, message))
}

/** The names of the package's services. */
export const SERVICES = ['v3electionpb.Election'] as const
