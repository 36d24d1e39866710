/**
 * The leases as replicated state: which exist, what was granted, and which keys hang on which.
 * Every member has the same table after the same entries; no clock comes near it. When a lease
 * ends is the leader's business (`lessor.ts`); here it ends when an entry says so.
 *
 * Invariant: every key with lease L is in L's set, and every key in L's set has lease L.
 */

import { assert } from '../base/assert.ts'
import type { Key } from '../base/key.ts'

/** The largest TTL in seconds that may be granted, as in etcd. */
export const LEASE_TTL_MAX = 9_000_000_000

export interface Lease {
  readonly id: bigint
  /** Seconds granted. */
  readonly ttl: number
  /**
   * The index of the entry that granted it: tells this lease from an earlier or later one with
   * the same id.
   */
  readonly grantIndex: number
  /** Seconds that were left at the last checkpoint; 0 when none was taken since the last renewal. */
  readonly remainingTtl: number
  readonly keys: ReadonlySet<Key>
}

/** A lease in a state checkpoint. Its keys are not in it: the store knows them. */
export interface LeaseState {
  readonly id: bigint
  readonly ttl: number
  readonly grantIndex: number
  readonly remainingTtl: number
}

/** Told of every change right after it was made. */
export interface LeaseObserver {
  onGranted(lease: Lease): void
  /** The lease is not in the table any more. */
  onRevoked(lease: Lease): void
  onCheckpointed(lease: Lease): void
}

export type GrantResult =
  | { readonly ok: true; readonly lease: Lease }
  | { readonly ok: false; readonly error: 'lease-exists' | 'lease-ttl-too-large' }

class Entry implements Lease {
  readonly id: bigint
  readonly ttl: number
  readonly grantIndex: number
  readonly keys: Set<Key>
  remainingTtl: number

  constructor({ id, ttl, grantIndex, remainingTtl }: LeaseState) {
    this.id = id
    this.ttl = ttl
    this.grantIndex = grantIndex
    this.keys = new Set()
    this.remainingTtl = remainingTtl
  }
}

export class LeaseTable {
  /** In the order of granting. */
  readonly #leases: Map<bigint, Entry>
  readonly #leaseOfKey: Map<Key, Entry>
  #observer: LeaseObserver | undefined

  /** From a checkpoint's leases, and the live keys that have one according to the store. */
  constructor(
    leases: readonly LeaseState[] = [],
    attachments: Iterable<readonly [Key, bigint]> = [],
  ) {
    this.#leases = new Map()
    this.#leaseOfKey = new Map()
    this.#observer = undefined
    for (const state of leases) this.#leases.set(state.id, new Entry(state))
    for (const [key, id] of attachments) this.setLease(key, id)
  }

  /**
   * Goes on with the leases of another state, given as to the constructor. A lease that is in both,
   * by id and grant, stays the same object, so that whoever waits for it goes on waiting. The
   * observer is told of what has gone, then of what is new, then of remaining TTLs that differ;
   * all of it when the table is as it will be.
   */
  adopt(leases: readonly LeaseState[], attachments: Iterable<readonly [Key, bigint]>): void {
    const before = new Map(this.#leases)
    const granted: Lease[] = []
    const checkpointed: Lease[] = []
    this.#leases.clear()
    this.#leaseOfKey.clear()
    for (const state of leases) {
      const known = before.get(state.id)
      const isKept = known?.grantIndex === state.grantIndex
      const lease = isKept ? known : new Entry(state)
      this.#leases.set(state.id, lease)
      if (!isKept) granted.push(lease)
      else if (lease.remainingTtl !== state.remainingTtl) checkpointed.push(lease)
      lease.remainingTtl = state.remainingTtl
    }
    for (const lease of before.values()) lease.keys.clear()
    for (const [key, id] of attachments) this.setLease(key, id)
    for (const lease of before.values()) {
      if (this.#leases.get(lease.id) !== lease) this.#observer?.onRevoked(lease)
    }
    for (const lease of granted) this.#observer?.onGranted(lease)
    for (const lease of checkpointed) this.#observer?.onCheckpointed(lease)
  }

  /** One observer, set once. */
  observe(observer: LeaseObserver): void {
    assert(this.#observer === undefined, 'the leases have one observer')
    this.#observer = observer
  }

  get size(): number {
    return this.#leases.size
  }

  get(id: bigint): Lease | undefined {
    return this.#leases.get(id)
  }

  has(id: bigint): boolean {
    return this.#leases.has(id)
  }

  /** In the order they were granted. */
  all(): IterableIterator<Lease> {
    return this.#leases.values()
  }

  /** `ttl` is the one to keep: the minimum was applied before the proposal. */
  grant(id: bigint, ttl: number, grantIndex: number): GrantResult {
    assert(id !== 0n, 'a lease has an id')
    if (ttl > LEASE_TTL_MAX) return { ok: false, error: 'lease-ttl-too-large' }
    if (this.#leases.has(id)) return { ok: false, error: 'lease-exists' }
    const lease = new Entry({ id, ttl, grantIndex, remainingTtl: 0 })
    this.#leases.set(id, lease)
    this.#observer?.onGranted(lease)
    return { ok: true, lease }
  }

  /** Takes the lease out. Its keys must have been deleted by then: see `keysOf`. */
  revoke(id: bigint): void {
    const lease = this.#leases.get(id)
    assert(lease !== undefined, 'only a lease that exists is revoked')
    assert(lease.keys.size === 0, 'the keys of a lease go before it', { keys: lease.keys.size })
    this.#leases.delete(id)
    this.#observer?.onRevoked(lease)
  }

  /** Saves what is left of a lease; 0 for all of its TTL. */
  checkpoint(id: bigint, remainingTtl: number): void {
    const lease = this.#leases.get(id)
    assert(lease !== undefined, 'only a lease that exists has a checkpoint')
    lease.remainingTtl = remainingTtl
    this.#observer?.onCheckpointed(lease)
  }

  /**
   * The lease of a key from now on; 0n for none, as after a put without one and after a delete.
   * A key has one lease at most: the one it had before loses it.
   */
  setLease(key: Key, id: bigint): void {
    if (id === 0n && this.#leaseOfKey.size === 0) return
    const before = this.#leaseOfKey.get(key)
    if (before !== undefined) {
      if (before.id === id) return
      const removed = before.keys.delete(key)
      assert(removed, 'a key with a lease is in its set')
    }
    if (id === 0n) {
      if (before !== undefined) this.#leaseOfKey.delete(key)
      return
    }
    const lease = this.#leases.get(id)
    if (lease === undefined) assert(false, 'a key hangs on a lease that exists', { lease: id })
    lease.keys.add(key)
    this.#leaseOfKey.set(key, lease)
  }

  /** 0n when the key has none. */
  leaseOf(key: Key): bigint {
    return this.#leaseOfKey.get(key)?.id ?? 0n
  }

  /** The keys of a lease in byte order, which is the order they are deleted in. */
  keysOf(lease: Lease): Key[] {
    return [...lease.keys].sort()
  }

  /** Plain data for a checkpoint: later changes do not reach it. */
  state(): LeaseState[] {
    return Array.from(this.#leases.values(), ({ id, ttl, grantIndex, remainingTtl }) => ({
      id,
      ttl,
      grantIndex,
      remainingTtl,
    }))
  }

  /** Walks both directions of the key relation and asserts that they agree. For tests and checks. */
  checkConsistency(): void {
    let count = 0
    for (const lease of this.#leases.values()) {
      count += lease.keys.size
      for (const key of lease.keys) {
        assert(this.#leaseOfKey.get(key) === lease, 'a key in a set has that lease')
      }
    }
    assert(count === this.#leaseOfKey.size, 'every key with a lease is in its set')
  }
}
