/**
 * The dumb model of the MVCC store: the list of all changes ever made, searched from the start
 * for every question. It knows etcd's rules and no data structure.
 */

import { rangeContains, type KeyRange } from '../../src/base/key-range.ts'
import type { Key } from '../../src/base/key.ts'
import { encodeKeyValue, encodeTombstone } from '../../src/mvcc/kv.ts'
import { encodeRevision } from '../../src/mvcc/revision.ts'

export interface ModelRecord {
  readonly key: Key
  readonly main: number
  readonly sub: number
  /** Absent in a tombstone. */
  readonly value: string | undefined
  readonly lease: bigint
  readonly createRevision: number
  /** 0 in a tombstone. */
  readonly version: number
}

export class HistoryModel {
  records: ModelRecord[] = []
  current = 1
  compacted = -1
  #sub = 0

  copy(): HistoryModel {
    const copy = new HistoryModel()
    copy.records = [...this.records]
    copy.current = this.current
    copy.compacted = this.compacted
    return copy
  }

  put(key: Key, value: string, lease: bigint): void {
    const previous = this.stateAt(Infinity).get(key)
    const main = this.current + 1
    const createRevision = previous?.createRevision ?? main
    const version = (previous?.version ?? 0) + 1
    this.records.push({ key, main, sub: this.#sub++, value, lease, createRevision, version })
  }

  deleteRange(range: KeyRange): ModelRecord[] {
    const deleted = this.versionsIn(range, Infinity)
    for (const { key } of deleted) {
      const main = this.current + 1
      const none = { value: undefined, lease: 0n, createRevision: 0, version: 0 }
      this.records.push({ key, main, sub: this.#sub++, ...none })
    }
    return deleted
  }

  end(): void {
    if (this.#sub > 0) this.current++
    this.#sub = 0
  }

  /** The newest put of each key that lives at the revision. */
  stateAt(revision: number): Map<Key, ModelRecord> {
    const state = new Map<Key, ModelRecord>()
    for (const record of this.records) {
      if (record.main > revision) break
      if (record.value === undefined) state.delete(record.key)
      else state.set(record.key, record)
    }
    return state
  }

  versionsIn(range: KeyRange, revision: number): ModelRecord[] {
    return [...this.stateAt(revision).values()]
      .filter((record) => rangeContains(range, record.key))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  /** What stays after a cut at the revision. */
  recordsAfterCut(revision: number): ModelRecord[] {
    return this.records.filter((record, i) => {
      if (record.main > revision) return true
      const isSuperseded = this.records
        .slice(i + 1)
        .some((later) => later.key === record.key && later.main <= revision)
      return !isSuperseded && (record.value !== undefined || record.main === revision)
    })
  }

  /** etcd's rule for HashKV, over a backend whose compaction has ended. */
  recordsToHash(revision: number): ModelRecord[] {
    const keep = new Set(this.stateAt(revision).values())
    return this.recordsAfterCut(this.compacted).filter((record) => {
      if (record.main > revision) return false
      if (record.main <= this.compacted && keep.size > 0 && !keep.has(record)) return false
      return record.main !== this.compacted || record.value !== undefined
    })
  }
}

/** Key and value bytes as the backend holds them, as latin1 text. */
export function storedForm(record: ModelRecord): [key: string, value: string] {
  const { key, main, sub, value, lease, createRevision, version } = record
  const revision = Buffer.from(encodeRevision({ main, sub }, value === undefined))
  const bytes =
    value === undefined
      ? encodeTombstone(key)
      : encodeKeyValue({
          key,
          createRevision,
          modRevision: main,
          version,
          value: Buffer.from(value),
          lease,
        })
  return [revision.toString('latin1'), Buffer.from(bytes).toString('latin1')]
}
