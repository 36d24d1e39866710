/** A store over a simulated disk, as the functions of the server get it, and its fingerprint. */

import { LeaseTable } from '../../../src/lease/lease-table.ts'
import type { Commit } from '../../../src/mvcc/store.ts'
import { Store } from '../../../src/mvcc/store.ts'
import type { KvState } from '../../../src/server/apply-txn.ts'
import { MemoryStateDisk, MemoryStateStore } from '../../../src/storage/memory-state-store.ts'

export class MemoryKv implements KvState {
  readonly disk = new MemoryStateDisk()
  readonly commits: Commit[] = []
  readonly leases = new LeaseTable()
  store: Store

  constructor(leases: readonly bigint[] = []) {
    for (const [i, id] of leases.entries()) this.leases.grant(id, 60, i + 1)
    this.store = new Store(new MemoryStateStore(this.disk))
  }

  onCommit(commit: Commit): void {
    this.commits.push(commit)
  }

  /** Closes and opens the store, as a clean stop and start do. */
  async restart(): Promise<void> {
    const { currentRevision, compactedRevision, finishedCompactRevision } = this.store
    this.store = await Store.restore(new MemoryStateStore(this.disk), {
      revision: currentRevision,
      compactedRevision,
      finishedCompactRevision,
    })
  }

  /** HashKV, with the marks and with the hash over what a cut has yet to remove. */
  fingerprint(): Promise<object> {
    return fingerprint(this.store)
  }
}

export async function fingerprint(store: Store): Promise<object> {
  const hashKv = await store.hash(0, immediately)
  const { currentRevision, compactedRevision, keyCount } = store
  return { hashKv, currentRevision, compactedRevision, keyCount }
}

export async function immediately(): Promise<void> {
  return undefined
}
