/**
 * What watchers are told of one change, encoded once however many they are: the bytes of one
 * entry of `WatchResponse.events`, tag and length included, so that a response is its small
 * header followed by such pieces.
 *
 *     5a len | 08 01 if it is a delete | 12 len KeyValue | 1a len previous KeyValue, if wanted
 *
 * Invariant: an event's bytes never change after they were made; queues of many streams hold them.
 */

import type { Key } from '../base/key.ts'
import type { Change } from './change.ts'
import type { KeyVersion } from './key-index.ts'
import { decodeKeyValue, type EncodedKeyValue } from './kv.ts'
import type { Revision } from './revision.ts'

const EVENTS_TAG = 0x5a
const TYPE_TAG = 0x08
const DELETE = 1
const KV_TAG = 0x12
const PREVIOUS_KV_TAG = 0x1a

/** Where a change's previous version is looked up. */
export interface PreviousVersions {
  readonly compactedRevision: number
  versionAt(key: Key, revision: number): KeyVersion | undefined
  record(revision: Revision): EncodedKeyValue
}

/** One or more encoded events, in order. */
export type EncodedEvents = readonly Uint8Array[]

/** A change as watchers see it. */
export class WatchEvent {
  readonly key: Key
  readonly type: 'put' | 'delete'
  readonly #revision: number
  readonly #change: Change
  readonly #isFromHistory: boolean
  #plain: EncodedEvents | undefined
  #withPrevious: EncodedEvents | undefined

  /** A change from history does not know what it replaced. */
  constructor(revision: number, change: Change, isFromHistory: boolean) {
    this.key = change.key
    this.type = change.type
    this.#revision = revision
    this.#change = change
    this.#isFromHistory = isFromHistory
    this.#plain = undefined
    this.#withPrevious = undefined
  }

  /** A list of this event alone. */
  plain(): EncodedEvents {
    this.#plain ??= [encodeEvent(this.type, this.#change.record, undefined)]
    return this.#plain
  }

  /**
   * The same with the value as it was at the revision before; without it when the key was created,
   * or when that revision is compacted by now, as in etcd.
   */
  withPrevious(store: PreviousVersions): EncodedEvents {
    if (this.#withPrevious !== undefined) return this.#withPrevious
    const previous = this.#previous(store)
    this.#withPrevious =
      previous === undefined
        ? this.plain()
        : [encodeEvent(this.type, this.#change.record, previous)]
    return this.#withPrevious
  }

  #previous(store: PreviousVersions): EncodedKeyValue | undefined {
    const { previous } = this.#change
    const before = this.#revision - 1
    if (before < store.compactedRevision) return undefined
    if (!this.#isFromHistory) {
      if (previous === undefined) return undefined
      // What the same transaction had put before is not the revision before.
      if (previous.main <= before) return store.record(previous)
    }
    if (this.type === 'put' && isCreation(this.#change.record)) return undefined
    const version = store.versionAt(this.key, before)
    return version === undefined ? undefined : store.record(version.modRevision)
  }
}

function isCreation(record: EncodedKeyValue): boolean {
  const { createRevision, modRevision } = decodeKeyValue(record)
  return createRevision === modRevision
}

function encodeEvent(
  type: 'put' | 'delete',
  kv: EncodedKeyValue,
  previous: EncodedKeyValue | undefined,
): Uint8Array {
  const isDelete = type === 'delete'
  const size =
    (isDelete ? 2 : 0) + fieldSize(kv) + (previous === undefined ? 0 : fieldSize(previous))
  const bytes = Buffer.allocUnsafeSlow(1 + lengthSize(size) + size)
  bytes[0] = EVENTS_TAG
  let at = writeLength(bytes, 1, size)
  if (isDelete) {
    bytes[at++] = TYPE_TAG
    bytes[at++] = DELETE
  }
  at = writeField(bytes, at, KV_TAG, kv)
  if (previous !== undefined) writeField(bytes, at, PREVIOUS_KV_TAG, previous)
  return bytes
}

function fieldSize(value: Uint8Array): number {
  return 1 + lengthSize(value.length) + value.length
}

function lengthSize(length: number): number {
  let size = 1
  for (let rest = length; rest >= 0x80; rest >>>= 7) size++
  return size
}

function writeField(bytes: Uint8Array, start: number, tag: number, value: Uint8Array): number {
  bytes[start] = tag
  const at = writeLength(bytes, start + 1, value.length)
  bytes.set(value, at)
  return at + value.length
}

function writeLength(bytes: Uint8Array, start: number, length: number): number {
  let at = start
  let rest = length
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = (rest & 0x7f) | 0x80
  bytes[at++] = rest
  return at
}
