// Generated from proto/kv.proto by scripts/generate-codec.mjs. Do not edit.

import type { Key } from '../../base/key.ts'
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
} from './wire.ts'

export interface KeyValue {
  readonly key: Key
  readonly createRevision: number
  readonly modRevision: number
  readonly version: number
  readonly value: Uint8Array
  readonly lease: bigint
}

export interface KeyValueInput {
  key?: Key | undefined
  createRevision?: number | undefined
  modRevision?: number | undefined
  version?: number | undefined
  value?: Uint8Array | undefined
  lease?: bigint | undefined
}

export function readKeyValue(reader: Reader): KeyValue {
  let key = '' as Key
  let createRevision = 0
  let modRevision = 0
  let version = 0
  let value: Uint8Array = NO_BYTES
  let lease = 0n
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x0a:
        key = reader.key()
        break
      case 0x10:
        createRevision = reader.int64()
        break
      case 0x18:
        modRevision = reader.int64()
        break
      case 0x20:
        version = reader.int64()
        break
      case 0x2a:
        value = reader.view()
        break
      case 0x30:
        lease = reader.bigint()
        break
      default:
        reader.skip(tag)
    }
  }
  return { key, createRevision, modRevision, version, value, lease }
}

export function sizeOfKeyValue(message: KeyValueInput): number {
  const { key, createRevision, modRevision, version, value, lease } = message
  let size = 0
  if (key !== undefined && key.length !== 0) {
    size += 1 + sizeOfDelimited(key.length)
  }
  if (createRevision !== undefined && createRevision !== 0) {
    size += 1 + sizeOfInt(createRevision)
  }
  if (modRevision !== undefined && modRevision !== 0) {
    size += 1 + sizeOfInt(modRevision)
  }
  if (version !== undefined && version !== 0) {
    size += 1 + sizeOfInt(version)
  }
  if (value !== undefined && value.length !== 0) {
    size += 1 + sizeOfDelimited(value.length)
  }
  if (lease !== undefined && lease !== 0n) {
    size += 1 + sizeOfBigint(lease)
  }
  return size
}

export function writeKeyValue(buffer: Buffer, end: number, message: KeyValueInput): number {
  const { key, createRevision, modRevision, version, value, lease } = message
  let pos = end
  if (lease !== undefined && lease !== 0n) {
    pos = writeBigint(buffer, pos, lease)
    buffer[--pos] = 0x30
  }
  if (value !== undefined && value.length !== 0) {
    pos = writeBytes(buffer, pos, value)
    buffer[--pos] = 0x2a
  }
  if (version !== undefined && version !== 0) {
    pos = writeInt(buffer, pos, version)
    buffer[--pos] = 0x20
  }
  if (modRevision !== undefined && modRevision !== 0) {
    pos = writeInt(buffer, pos, modRevision)
    buffer[--pos] = 0x18
  }
  if (createRevision !== undefined && createRevision !== 0) {
    pos = writeInt(buffer, pos, createRevision)
    buffer[--pos] = 0x10
  }
  if (key !== undefined && key.length !== 0) {
    pos = writeKey(buffer, pos, key)
    buffer[--pos] = 0x0a
  }
  return pos
}

export function decodeKeyValue(bytes: Uint8Array): KeyValue {
  return readKeyValue(new Reader(bytes))
}

export function encodeKeyValue(message: KeyValueInput): Uint8Array {
  const size = sizeOfKeyValue(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeKeyValue(buffer, size, message))
}

export interface Event {
  readonly type: Event_EventType
  readonly kv: Uint8Array | undefined
  readonly prevKv: Uint8Array | undefined
}

export interface EventInput {
  type?: Event_EventType | undefined
  kv?: Uint8Array | undefined
  prevKv?: Uint8Array | undefined
}

export function readEvent(reader: Reader): Event {
  let type: Event_EventType = 0
  let kv: Uint8Array | undefined
  let prevKv: Uint8Array | undefined
  while (reader.pos < reader.end) {
    const tag = reader.tag()
    switch (tag) {
      case 0x08:
        type = reader.int32()
        break
      case 0x12:
        kv = reader.view()
        break
      case 0x1a:
        prevKv = reader.view()
        break
      default:
        reader.skip(tag)
    }
  }
  return { type, kv, prevKv }
}

export function sizeOfEvent(message: EventInput): number {
  const { type, kv, prevKv } = message
  let size = 0
  if (type !== undefined && type !== 0) {
    size += 1 + sizeOfInt(type)
  }
  if (kv !== undefined) {
    size += 1 + sizeOfDelimited(kv.length)
  }
  if (prevKv !== undefined) {
    size += 1 + sizeOfDelimited(prevKv.length)
  }
  return size
}

export function writeEvent(buffer: Buffer, end: number, message: EventInput): number {
  const { type, kv, prevKv } = message
  let pos = end
  if (prevKv !== undefined) {
    pos = writeBytes(buffer, pos, prevKv)
    buffer[--pos] = 0x1a
  }
  if (kv !== undefined) {
    pos = writeBytes(buffer, pos, kv)
    buffer[--pos] = 0x12
  }
  if (type !== undefined && type !== 0) {
    pos = writeInt(buffer, pos, type)
    buffer[--pos] = 0x08
  }
  return pos
}

export function decodeEvent(bytes: Uint8Array): Event {
  return readEvent(new Reader(bytes))
}

export function encodeEvent(message: EventInput): Uint8Array {
  const size = sizeOfEvent(message)
  const buffer = Buffer.allocUnsafe(size)
  return finish(buffer, writeEvent(buffer, size, message))
}

export const Event_EventType = {
  PUT: 0,
  DELETE: 1,
} as const
/** One of the constants, or a number that this version does not know. */
export type Event_EventType = number
