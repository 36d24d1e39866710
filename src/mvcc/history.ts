/**
 * Reads changes back from the backend, for watchers that start in the past. The caller pins the
 * first revision it asks for until the walk ends. `onBatch` runs before each batch is handed out.
 */

import type { Backend, BackendRecord } from '../base/ports.ts'
import type { Change } from './change.ts'
import { encodeDeletion, keyOf } from './kv.ts'
import { decodeRevision, encodeRevisionParts, type Revision } from './revision.ts'

export interface HistoricChange {
  readonly revision: Revision
  /** `previous` is not known here: ask for the key's version at revision.main - 1. */
  readonly change: Change
}

/** Changes with first <= main <= last in revision order, in batches as the backend gives them. */
export async function* historyOf(
  backend: Backend,
  first: number,
  last: number,
  onBatch: () => void,
): AsyncGenerator<readonly HistoricChange[]> {
  const start = encodeRevisionParts(first, 0, false)
  const end = encodeRevisionParts(last + 1, 0, false)
  for await (const batch of backend.scan(start, end)) {
    onBatch()
    yield batch.map(toChange)
  }
}

function toChange(record: BackendRecord): HistoricChange {
  const { revision, tombstone } = decodeRevision(record.key)
  const key = keyOf(record.value)
  if (!tombstone) return { revision, change: { type: 'put', key, record: record.value } }
  const deletion = encodeDeletion(key, revision.main)
  return { revision, change: { type: 'delete', key, record: deletion } }
}
