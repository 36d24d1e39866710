/**
 * Queues of keys, as locks and elections are made of: every contender has a key of its own below
 * the queue's name, bound to its lease. The oldest key has its turn; every other contender waits
 * for the one before it alone, so that a turn that ends wakes one and not all.
 *
 *     name/7f (revision 5: has its turn) ◄── name/1c (6) ◄── name/a3 (9)
 *
 * A contender whose wait fails, or whose caller goes away, leaves the queue: its lease may be kept
 * alive for long, and a key that nobody waits with would hold up all that come later.
 */

import type { Key } from '../base/key.ts'
import { promiseOf } from '../base/pending.ts'
import { decodeKeyValue, leaseOf } from '../mvcc/kv.ts'
import type { Store } from '../mvcc/store.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
  type Compare,
  type ResponseHeaderInput,
  type TxnResponseInput,
} from '../rpc/codec/etcdserverpb.ts'
import type { CallContext } from '../rpc/engine.ts'
import { STATUS, StatusError } from '../rpc/status.ts'
import type { Outcome } from './apply-txn.ts'
import { etcdError } from './errors.ts'
import { createdAfter, createdAt, deleteOp, putOp, rangeOp, rangeRequest } from './key-requests.ts'
import { KeyWatch } from './key-watch.ts'
import type { LeaseLoop } from './lease-loop.ts'
import type { Proposer } from './proposer.ts'
import type { ResponseHeaders } from './response-header.ts'
import type { KvService } from './services/kv.ts'

export interface KeyQueueParts {
  readonly store: Store
  readonly hub: WatchHub
  readonly kv: Pick<KvService, 'range' | 'txn'>
  readonly leases: Pick<LeaseLoop, 'lookUp'>
  readonly proposer: Pick<Proposer, 'propose'>
  readonly headers: ResponseHeaders
}

/** A key, and the revision that created it: the key may have come again since. */
export interface Place {
  readonly key: Key
  readonly createRevision: number
}

/** A contender's place in the queue, and how it came by it. */
export interface Entry extends Place {
  readonly name: Key
  /** False when the same lease had this place before. */
  readonly isNew: boolean
  /** What the key held before this call; undefined when it is new. */
  readonly value: Uint8Array | undefined
  readonly header: ResponseHeaderInput
}

export type Turn =
  /** `waited` is false when the entry had its turn as soon as it was made. */
  | { readonly ok: true; readonly waited: boolean; readonly header: ResponseHeaderInput }
  /** The key went while others had their turn: deleted, or its lease has ended. */
  | { readonly ok: false; readonly error: 'place-lost' }

/** All keys of the queue: `[key, rangeEnd)`. */
export function queueRange(name: Key): { readonly key: Key; readonly rangeEnd: Key } {
  // The character after the slash.
  return { key: `${name}/` as Key, rangeEnd: `${name}0` as Key }
}

export class KeyQueue {
  readonly #parts: KeyQueueParts
  readonly #waits = new Set<KeyWatch>()
  /** Places whose deletion failed: to be tried again. */
  readonly #leaving = new Set<Place>()
  #stopped = false

  constructor(parts: KeyQueueParts) {
    this.#parts = parts
  }

  /** Contenders that wait for their turn. */
  get waitingCount(): number {
    return this.#waits.size
  }

  /**
   * Takes a place at the end, or finds the one that the lease has. Rejects with the StatusError of
   * the transaction; where it is not known whether that took effect, the place is given up.
   */
  async enter(name: Key, lease: bigint, value: Uint8Array): Promise<Entry> {
    if (this.#stopped) throw etcdError('stopped')
    const { store, kv } = this.#parts
    const key = `${name}/${lease.toString(16)}` as Key
    const revisionBefore = store.currentRevision
    const txn = {
      compare: [createdAt(key, 0)],
      success: [putOp(key, value, lease)],
      failure: [rangeOp(key)],
    }
    try {
      return entryOf(name, key, await promiseOf(kv.txn(txn)))
    } catch (error) {
      const isUnknown = error instanceof StatusError && error.code === STATUS.UNAVAILABLE
      // Tried once: later on, it might be another call's place.
      if (isUnknown) void this.#delete(createdAfter(key, revisionBefore))
      throw error
    }
  }

  /**
   * Resolves when no older key is left. Rejects with a StatusError when the caller has gone or the
   * server stops, after the entry has left the queue; one that had its turn before this call and
   * never waited keeps it.
   */
  async awaitTurn(entry: Entry, context: CallContext): Promise<Turn> {
    // As things were when it entered, so that the entry's header tells the truth.
    let revision = this.#readable(entry.header.revision ?? 0)
    let waited = revision === 0
    try {
      for (;;) {
        const before = await this.#placeBefore(entry, revision)
        revision = 0
        if (context.cancelled) throw new StatusError(STATUS.CANCELLED, 'context canceled')
        if (!this.#isThere(entry)) return { ok: false, error: 'place-lost' }
        if (before === undefined) break
        waited = true
        if (this.#isThere(before)) await this.#untilGone(before, entry, context)
      }
      if (!waited) return { ok: true, waited, header: entry.header }
      return await this.#confirmTurn(entry, context)
    } catch (error) {
      if (waited || entry.isNew) await this.leave(entry)
      throw error
    }
  }

  /** Deletes the key unless it is another's by now. Resolves when it is gone or was tried once. */
  async leave(place: Place): Promise<void> {
    const outcome = await this.#delete(createdAt(place.key, place.createRevision))
    if (!outcome.ok && outcome.error !== 'stopped') this.#leaving.add(place)
  }

  /** Called at every heartbeat: tries again what could not be deleted. */
  tick(): void {
    for (const place of this.#leaving) {
      this.#leaving.delete(place)
      void this.leave(place)
    }
  }

  /** Ends all waits; nobody enters any more. */
  stop(): void {
    this.#stopped = true
    for (const wait of this.#waits) wait.close()
  }

  /**
   * The newest of the keys older than the entry's. The member's own state will do: the entry is
   * applied here, and what was older than it and is gone does not come back.
   */
  async #placeBefore(
    { name, createRevision }: Entry,
    revision: number,
  ): Promise<Place | undefined> {
    const { kvs } = await this.#parts.kv.range(
      rangeRequest({
        ...queueRange(name),
        sortTarget: SortTarget.CREATE,
        sortOrder: SortOrder.DESCEND,
        maxCreateRevision: createRevision - 1,
        limit: 1,
        keysOnly: true,
        serializable: true,
        revision,
      }),
    )
    const record = kvs?.[0]
    return record === undefined ? undefined : decodeKeyValue(record)
  }

  /** 0, which stands for now, when the revision is compacted. */
  #readable(revision: number): number {
    return revision < this.#parts.store.compactedRevision ? 0 : revision
  }

  #isThere({ key, createRevision }: Place): boolean {
    const { store } = this.#parts
    return store.versionAt(key, store.currentRevision)?.createRevision === createRevision
  }

  /** Both are there, in this very turn. The entry's own key may go first: its wait is over then. */
  async #untilGone(before: Place, entry: Place, context: CallContext): Promise<void> {
    if (this.#stopped) throw etcdError('stopped')
    const wait = new KeyWatch(this.#parts.hub)
    for (const { key } of [before, entry]) {
      wait.add({ type: 'point', key }, { startRevision: 0, only: 'deletes' })
    }
    this.#waits.add(wait)
    context.onCancel(() => wait.close())
    await wait.next()
    this.#waits.delete(wait)
    wait.close()
    if (this.#stopped) throw etcdError('stopped')
  }

  /**
   * Long after it entered, the entry's lease may have ended without that being applied here, or
   * without being applied at all yet: the leader knows.
   */
  async #confirmTurn(entry: Entry, context: CallContext): Promise<Turn> {
    const { store, leases, headers } = this.#parts
    const version = store.versionAt(entry.key, store.currentRevision)
    const lease = version === undefined ? 0n : leaseOf(store.record(version.modRevision))
    const found = await leases.lookUp(lease)
    if (!found.ok) throw etcdError(found.error)
    if (context.cancelled) throw new StatusError(STATUS.CANCELLED, 'context canceled')
    const hasEnded = lease !== 0n && (found.lease === undefined || found.remainingMs <= 0)
    if (!hasEnded && this.#isThere(entry)) {
      return { ok: true, waited: true, header: headers.at(store.currentRevision) }
    }
    await this.leave(entry)
    return { ok: false, error: 'place-lost' }
  }

  #delete(compare: Compare): Promise<Outcome<object>> {
    const value = { compare: [compare], success: [deleteOp(compare.key)], failure: [] }
    return this.#parts.proposer.propose({ case: 'txn', value }, 'upkeep')
  }
}

function entryOf(name: Key, key: Key, { header, succeeded, responses }: TxnResponseInput): Entry {
  const common = { name, key, header: header ?? {} }
  const found = responses?.[0]?.response
  const record = found?.case === 'responseRange' ? found.value.kvs?.[0] : undefined
  if (succeeded === true || record === undefined) {
    return { ...common, createRevision: header?.revision ?? 0, isNew: true, value: undefined }
  }
  const { createRevision, value } = decodeKeyValue(record)
  return { ...common, createRevision, isNew: false, value }
}
