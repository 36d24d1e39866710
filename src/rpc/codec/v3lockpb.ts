// Generated from proto/v3lock.proto by scripts/generate-codec.mjs. Do not edit.

import type { Key } from '../../base/key.ts'
import {
  type ResponseHeader,
  type ResponseHeaderInput,
  readResponseHeader,
  sizeOfResponseHeader,
  writeResponseHeader,
} from './etcdserverpb.ts'
import {
  Reader,
  finish,
  sizeOfBigint,
  sizeOfDelimited,
  writeBigint,
  writeKey,
  writeLength,
} from './wire.ts'

/** Paths and codecs of v3lockpb.Lock. */
export const LockService = {
  lock: {
    path: '/v3lockpb.Lock/Lock',
    codec: { decode: decodeLockRequest, encode: encodeLockResponse },
  },
  unlock: {
    path: '/v3lockpb.Lock/Unlock',
    codec: { decode: decodeUnlockRequest, encode: encodeUnlockResponse },
  },
} as const

export interface LockRequest {
  readonly name: Key
  readonly lease: bigint
}

export interface LockRequestInput {
  name?: Key | undefined
  lease?: bigint | undefined
}

export function readLockRequest(reader: Reader): LockRequest {
  let name = '' as Key
  let lease = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        name = reader.key()
        break
      case 0x10:
        lease = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { name, lease }
}

export function sizeOfLockRequest(message: LockRequestInput): number {
  const { name, lease } = message
  let size = 0
  if (name !== undefined && name.length !== 0) {
    size += 1 + sizeOfDelimited(name.length)
  }
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  return size
}

export function writeLockRequest(buffer: Buffer, end: number, message: LockRequestInput): number {
  const { name, lease } = message
  let pos = end
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

export function decodeLockRequest(bytes: Uint8Array): LockRequest {
  return readLockRequest(new Reader(bytes))
}

export function encodeLockRequest(message: LockRequestInput): Uint8Array {
  const size = sizeOfLockRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLockRequest(buffer, size, message))
}

export interface LockResponse {
  readonly header: ResponseHeader | undefined
  readonly key: Key
}

export interface LockResponseInput {
  header?: ResponseHeaderInput | undefined
  key?: Key | undefined
}

export function readLockResponse(reader: Reader): LockResponse {
  let header: ResponseHeader | undefined
  let key = '' as Key
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
        key = reader.key()
        break
      default:
        reader.skip(tag)
    }
  }
  return { header, key }
}

export function sizeOfLockResponse(message: LockResponseInput): number {
  const { header, key } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  return size
}

export function writeLockResponse(buffer: Buffer, end: number, message: LockResponseInput): number {
  const { header, key } = message
  let pos = end
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
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

export function decodeLockResponse(bytes: Uint8Array): LockResponse {
  return readLockResponse(new Reader(bytes))
}

export function encodeLockResponse(message: LockResponseInput): Uint8Array {
  const size = sizeOfLockResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeLockResponse(buffer, size, message))
}

export interface UnlockRequest {
  readonly key: Key
}

export interface UnlockRequestInput {
  key?: Key | undefined
}

export function readUnlockRequest(reader: Reader): UnlockRequest {
  let key = '' as Key
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      default:
        reader.skip(tag)
    }
  }
  return { key }
}

export function sizeOfUnlockRequest(message: UnlockRequestInput): number {
  const { key } = message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  return size
}

export function writeUnlockRequest(
  buffer: Buffer,
  end: number,
  message: UnlockRequestInput,
): number {
  const { key } = message
  let pos = end
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeUnlockRequest(bytes: Uint8Array): UnlockRequest {
  return readUnlockRequest(new Reader(bytes))
}

export function encodeUnlockRequest(message: UnlockRequestInput): Uint8Array {
  const size = sizeOfUnlockRequest(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeUnlockRequest(buffer, size, message))
}

export interface UnlockResponse {
  readonly header: ResponseHeader | undefined
}

export interface UnlockResponseInput {
  header?: ResponseHeaderInput | undefined
}

export function readUnlockResponse(reader: Reader): UnlockResponse {
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

export function sizeOfUnlockResponse(message: UnlockResponseInput): number {
  const { header } = message
  let size = 0
  if (header !== undefined) {
    size += 1 + sizeOfDelimited(sizeOfResponseHeader(header))
  }
  return size
}

export function writeUnlockResponse(
  buffer: Buffer,
  end: number,
  message: UnlockResponseInput,
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

export function decodeUnlockResponse(bytes: Uint8Array): UnlockResponse {
  return readUnlockResponse(new Reader(bytes))
}

export function encodeUnlockResponse(message: UnlockResponseInput): Uint8Array {
  const size = sizeOfUnlockResponse(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeUnlockResponse(buffer, size, message))
}

/** The names of the package's services. */
export const SERVICES = ['v3lockpb.Lock'] as const
