/**
 * RangeStream: the keys of one range at one revision, in messages of bounded size. Only what the
 * client has room for is read; a slow reader costs one message of memory.
 */

import type { KeyRange } from '../base/key-range.ts'
import { keyRange } from '../base/key-range.ts'
import { withoutValue, type EncodedKeyValue } from '../mvcc/kv.ts'
import type { Pin, Store } from '../mvcc/store.ts'
import type { CallContext, ResponseStream } from '../rpc/engine.ts'
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type RangeRequest,
  type RangeStreamResponseInput,
  type ResponseHeaderInput,
} from '../rpc/codec/etcdserverpb.ts'
import { etcdError, type ErrorName } from './errors.ts'
import type { GiveWay, StepOut } from './sliced-reads.ts'
import { nextTurn } from './turn.ts'

const FIRST_CHUNK_KEYS = 10
/** Bounds the work of one turn, however small the records are. */
const CHUNK_KEYS_MAX = 1000

/** A stream is in key order and unfiltered; NONE with any target counts as the default order. */
export function checkStreamable(request: RangeRequest): ErrorName | undefined {
  const { sortOrder, sortTarget } = request
  const ascendingKeys = sortOrder === SortOrder.ASCEND && sortTarget === SortTarget.KEY
  if (sortOrder !== SortOrder.NONE && !ascendingKeys) return 'range-stream-sort'
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request
  const filters = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision]
  return filters.some((bound) => bound !== 0) ? 'range-stream-filter' : undefined
}

export interface RangeStreamTarget {
  /** Sent with the last message: the store's revision when the stream began. */
  readonly header: ResponseHeaderInput
  /** What a message aims to stay below. */
  readonly maxBytes: number
  readonly stream: ResponseStream<RangeStreamResponseInput>
  readonly context: CallContext
}

/** Ends the stream when all is sent; returns early when the client has gone away. */
export async function streamRange(
  store: Store,
  request: RangeRequest,
  revision: number,
  target: RangeStreamTarget,
  giveWay: GiveWay = nextTurn,
  stepOut: StepOut = (wait) => wait,
): Promise<void> {
  const range = keyRange(request.key, request.rangeEnd)
  const history = new HeldHistory(store, revision, stepOut)
  try {
    const more = request.countOnly
      ? false
      : await sendChunks(store, request, range, history, target, giveWay)
    if (target.context.cancelled) return
    const count = store.count(range, revision)
    target.stream.send({ rangeResponse: { header: target.header, more, count } })
    target.stream.end()
  } finally {
    history.release()
  }
}

/** Keeps a revision readable, but lets go of it while a slow reader is waited for. */
class HeldHistory {
  readonly revision: number
  readonly #store: Store
  readonly #stepOut: StepOut
  #pin: Pin

  constructor(store: Store, revision: number, stepOut: StepOut) {
    this.revision = revision
    this.#store = store
    this.#stepOut = stepOut
    this.#pin = store.pin(revision)
  }

  release(): void {
    this.#pin.release()
  }

  /**
   * A reader that has stopped reading must not hold up compaction for ever. When the revision was
   * compacted meanwhile, this throws the error to end the stream with.
   */
  async letGoDuring(wait: Promise<void>): Promise<void> {
    this.#pin.release()
    await this.#stepOut(wait)
    const checked = this.#store.checkRevision(this.revision)
    if (!checked.ok) throw etcdError(checked.error)
    this.#pin = this.#store.pin(this.revision)
  }
}

/** Sends every key but the header; true when the limit left some out. */
async function sendChunks(
  store: Store,
  request: RangeRequest,
  range: KeyRange,
  history: HeldHistory,
  { stream, context, maxBytes }: RangeStreamTarget,
  giveWay: GiveWay,
): Promise<boolean> {
  const cursor = store.cursor(range, history.revision)
  let left = request.limit > 0 ? request.limit : Number.MAX_SAFE_INTEGER
  let chunkKeys = FIRST_CHUNK_KEYS
  while (!context.cancelled) {
    const versions = cursor.next(Math.min(chunkKeys, left))
    if (versions.length === 0) return false
    const kvs = versions.map(({ modRevision }): EncodedKeyValue => {
      const record = store.record(modRevision)
      return request.keysOnly ? withoutValue(record) : record
    })
    left -= kvs.length
    if (stream.send({ rangeResponse: { kvs } })) await giveWay()
    else await history.letGoDuring(drained(stream, context))
    if (left === 0) return cursor.next(1).length > 0
    chunkKeys = nextChunkKeys(chunkKeys, kvs, maxBytes)
  }
  return false
}

function nextChunkKeys(
  chunkKeys: number,
  kvs: readonly EncodedKeyValue[],
  maxBytes: number,
): number {
  const bytes = kvs.reduce((sum, kv) => sum + kv.length, 0)
  if (bytes > maxBytes) return Math.max(1, chunkKeys >> 1)
  return bytes * 2 <= maxBytes ? Math.min(CHUNK_KEYS_MAX, chunkKeys * 2) : chunkKeys
}

function drained(stream: ResponseStream<never>, context: CallContext): Promise<void> {
  return new Promise((resolve) => {
    stream.onDrain(resolve)
    context.onCancel(resolve)
  })
}
