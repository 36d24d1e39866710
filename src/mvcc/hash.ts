/**
 * HashKV: one number over the history up to a revision, equal on all members that have compacted
 * to the same revision, and equal to etcd's (3.6) for the same operations. CRC-32C over the
 * bucket name "key" and then key and value bytes of each record in revision order, where
 *
 *     compacted ─┐                    ┌─ hash revision
 *     ───────────┤────────────────────┤──────────────
 *     only what  │  everything        │  nothing
 *     is current at the hash revision
 *
 * A tombstone at exactly the compacted revision is left out: etcd before 3.5.16 deleted it. When
 * no key is live at the hash revision, etcd hashes whatever its compaction has left, which is
 * what is current at the compacted revision; taken so, the number does not depend on how far the
 * physical cut has come.
 */

import { crc32c } from '../base/crc32c.ts'
import { EMPTY_KEY } from '../base/key.ts'
import type { Backend, BackendRecord } from '../base/ports.ts'
import { keyOf } from './kv.ts'
import { decodeRevision, encodeRevisionParts, type Revision } from './revision.ts'
import type { TreeIndex } from './tree-index.ts'

const BUCKET_NAME = Uint8Array.of(0x6b, 0x65, 0x79)

export interface HashBounds {
  readonly revision: number
  /** -1 when never compacted. */
  readonly compactedRevision: number
}

/** The caller pins the compacted revision until this resolves. */
export async function hashHistory(
  backend: Backend,
  index: TreeIndex,
  bounds: HashBounds,
  onSlice: () => Promise<void>,
): Promise<number> {
  const isEmpty = index.versionsAt(EMPTY_KEY, undefined, bounds.revision, 1).length === 0
  const keptAt = isEmpty ? bounds.compactedRevision : bounds.revision
  return hashRecords(backend, bounds.revision, onSlice, (record) => {
    const { revision, tombstone } = decodeRevision(record.key)
    if (revision.main > bounds.compactedRevision) return true
    return !tombstone && isCurrent(index, record, revision, keptAt)
  })
}

/** The hash of a history without records. */
export function hashOfNothing(): number {
  return crc32c(BUCKET_NAME)
}

/** Over every record there is, for the Hash RPC, whose number etcd does not define. */
export function hashEverything(backend: Backend, onSlice: () => Promise<void>): Promise<number> {
  return hashRecords(backend, Number.MAX_SAFE_INTEGER - 1, onSlice, () => true)
}

async function hashRecords(
  backend: Backend,
  lastRevision: number,
  onSlice: () => Promise<void>,
  includes: (record: BackendRecord) => boolean,
): Promise<number> {
  const start = encodeRevisionParts(0, 0, false)
  const end = encodeRevisionParts(lastRevision + 1, 0, false)
  let hash = crc32c(BUCKET_NAME)
  for await (const batch of backend.scan(start, end)) {
    for (const record of batch) {
      if (includes(record)) hash = crc32c(record.value, crc32c(record.key, hash))
    }
    await onSlice()
  }
  return hash
}

function isCurrent(
  index: TreeIndex,
  record: BackendRecord,
  revision: Revision,
  keptAt: number,
): boolean {
  const kept = index.versionAt(keyOf(record.value), keptAt)?.modRevision
  return kept !== undefined && kept.main === revision.main && kept.sub === revision.sub
}
