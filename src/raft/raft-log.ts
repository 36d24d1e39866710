/**
 * The log: entries in memory from firstIndex on, and four marks on it.
 *
 *      compacted    | entries kept in memory                           |
 *   ... snapshotIndex | first ... applied ... applying ... committed ... last
 *                                         ... durable (on disk) ... last
 *
 * Invariant: snapshotIndex <= applied <= applying <= committed <= lastIndex.
 * Invariant: applying <= durable <= lastIndex. The log up to `durable` is on disk as it is here;
 * what follows is unstable, and at most one write of it is in flight.
 * Invariant: indexes are contiguous and terms never go down.
 */

import { assert } from '../base/assert.ts'
import type { Entry, EntryType, InitialState } from './types.ts'

/** What an entry is counted for, besides its data, wherever bytes of entries are limited. */
const ENTRY_OVERHEAD_BYTES = 24

export function entryBytes(entry: Entry): number {
  return entry.data.length + ENTRY_OVERHEAD_BYTES
}

interface LogWrite {
  /**
   * Its last index that the log still agrees with. A conflict that replaces entries while the
   * write is in flight lowers it, so that the completion cannot count for the replacements: not
   * even when a later leader brings back the very entries that the write holds.
   */
  validTo: number
  readonly lastIndex: number
  readonly lastTerm: number
}

export class RaftLog {
  #entries: Entry[] = []
  /** Indexes of the membership changes among the entries, ascending. */
  #confIndexes: number[] = []
  #snapshotIndex: number
  #snapshotTerm: number
  #committed: number
  #applying: number
  #applied: number
  #durable: number
  #write: LogWrite | undefined

  constructor(initial: Omit<InitialState, 'confState'>) {
    this.#snapshotIndex = initial.snapshotIndex
    this.#snapshotTerm = initial.snapshotTerm
    for (const entry of initial.entries) this.#push(entry)
    this.#durable = this.lastIndex
    this.#applied = initial.applied
    this.#applying = initial.applied
    // Why max: a commit index is written with the next append only, so that the state machine may
    // have saved more than the log knows to be committed.
    this.#committed = Math.max(initial.hardState.commit, initial.applied)
    this.#checkMarks()
  }

  /** The index before the first entry that is still here. */
  get snapshotIndex(): number {
    return this.#snapshotIndex
  }

  get firstIndex(): number {
    return this.#snapshotIndex + 1
  }

  get lastIndex(): number {
    return this.#snapshotIndex + this.#entries.length
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#snapshotTerm
  }

  get committed(): number {
    return this.#committed
  }

  get applying(): number {
    return this.#applying
  }

  get applied(): number {
    return this.#applied
  }

  get durable(): number {
    return this.#durable
  }

  get writing(): boolean {
    return this.#write !== undefined
  }

  /** The term of the entry at `index`, or undefined when it is compacted or not there yet. */
  term(index: number): number | undefined {
    if (index === this.#snapshotIndex) return this.#snapshotTerm
    return this.entry(index)?.term
  }

  entry(index: number): Entry | undefined {
    return this.#entries[index - this.#snapshotIndex - 1]
  }

  /** Whether a log that ends in this entry is at least as up-to-date as this one (Raft §5.4.1). */
  isUpToDate(index: number, term: number): boolean {
    const lastTerm = this.lastTerm
    return term > lastTerm || (term === lastTerm && index >= this.lastIndex)
  }

  /** A leader's append: the next index is its own to give. Returns it. */
  append(term: number, type: EntryType, data: Uint8Array): number {
    const index = this.lastIndex + 1
    this.#push({ index, term, type, data })
    return index
  }

  /**
   * A follower's append (Raft §5.3): entries already here stay, the first one that conflicts is
   * replaced with everything behind it. Returns the last index that now matches the leader's log,
   * or undefined when the entry before `entries` does not match.
   */
  maybeAppend(prevIndex: number, prevTerm: number, entries: readonly Entry[]): number | undefined {
    if (this.term(prevIndex) !== prevTerm) return undefined
    let known = 0
    for (const entry of entries) {
      if (this.term(entry.index) !== entry.term) break
      known++
    }
    const conflict = entries[known]
    if (conflict !== undefined) {
      if (conflict.index <= this.lastIndex) this.#truncate(conflict.index)
      for (let i = known; i < entries.length; i++) this.#push(entries[i] as Entry)
    }
    return prevIndex + entries.length
  }

  /**
   * The last index <= `index` whose term is <= `term`: the highest place where another log, which
   * has `term` at `index`, may agree with this one. Below snapshotIndex when that is compacted.
   */
  findConflictByTerm(index: number, term: number): number {
    if (index < this.#snapshotIndex) return index
    let low = this.#snapshotIndex - 1
    let high = Math.min(index, this.lastIndex)
    while (low < high) {
      const middle = low + Math.ceil((high - low) / 2)
      if ((this.term(middle) as number) <= term) low = middle
      else high = middle - 1
    }
    return Math.max(low, 0)
  }

  /** Entries [from, to], at least one when there is one, and then no more than fit in maxBytes. */
  slice(from: number, to: number, maxBytes: number): Entry[] {
    assert(from > this.#snapshotIndex, 'entries are compacted')
    const start = from - this.#snapshotIndex - 1
    const end = to - this.#snapshotIndex
    let bytes = 0
    let stop = start
    while (stop < end) {
      bytes += entryBytes(this.#entries[stop] as Entry)
      if (bytes > maxBytes && stop > start) break
      stop++
    }
    return this.#entries.slice(start, stop)
  }

  /** Payload of the entries [from, to]. */
  payloadBytes(from: number, to: number): number {
    let bytes = 0
    const end = to - this.#snapshotIndex
    for (let at = from - this.#snapshotIndex - 1; at < end; at++) {
      bytes += (this.#entries[at] as Entry).data.length
    }
    return bytes
  }

  hasConfChange(from: number, to: number): boolean {
    return this.confChangeFrom(from) <= to
  }

  /** The index of the first membership change at `index` or behind it; Infinity for none. */
  confChangeFrom(index: number): number {
    return this.#confIndexes.find((one) => one >= index) ?? Infinity
  }

  commitTo(index: number): void {
    if (index <= this.#committed) return
    this.#committed = index
    this.#checkMarks()
  }

  hasUnstable(): boolean {
    return this.#durable < this.lastIndex
  }

  /** Hands out everything that is not on disk yet. One write at a time. */
  beginWrite(): Entry[] {
    assert(this.#write === undefined, 'an append is already in flight')
    const lastIndex = this.lastIndex
    this.#write = { validTo: lastIndex, lastIndex, lastTerm: this.lastTerm }
    return this.#entries.slice(this.#durable - this.#snapshotIndex)
  }

  /** The write is on disk: what of it was not replaced meanwhile is durable. */
  finishWrite(): void {
    const write = this.#write
    assert(write !== undefined, 'no append is in flight')
    this.#write = undefined
    if (write.validTo === write.lastIndex) {
      assert(this.term(write.lastIndex) === write.lastTerm, 'a written entry changed its term')
    }
    this.#durable = Math.max(this.#durable, write.validTo)
    this.#checkMarks()
  }

  /** Whether there is something to apply, up to `limit`. */
  hasCommitted(limit = Infinity): boolean {
    return this.#applying < Math.min(this.#committed, this.#durable, limit)
  }

  /** Hands out the next entries to apply: committed, and durable here. */
  beginApply(maxBytes: number, limit = Infinity): Entry[] {
    const to = Math.min(this.#committed, this.#durable, limit)
    if (this.#applying >= to) return []
    const entries = this.slice(this.#applying + 1, to, maxBytes)
    this.#applying += entries.length
    return entries
  }

  appliedTo(index: number): void {
    assert(index >= this.#applied && index <= this.#applying, 'applied index out of order')
    this.#applied = index
  }

  /** Forgets entries <= `index`, which must be applied. Less than is forgotten already: no-op. */
  compact(index: number): void {
    if (index <= this.#snapshotIndex) return
    assert(index <= this.#applied, 'only applied entries may be compacted')
    const term = this.term(index) as number
    this.#entries = this.#entries.slice(index - this.#snapshotIndex)
    this.#confIndexes = this.#confIndexes.filter((one) => one > index)
    this.#snapshotIndex = index
    this.#snapshotTerm = term
    this.#checkMarks()
  }

  /**
   * The log starts anew behind a snapshot that is in place: everything up to `index` is durable and
   * applied. Only between writes, and when all entries handed out are applied.
   */
  restore(index: number, term: number): void {
    assert(this.#write === undefined, 'a snapshot replaces the log while it is being written')
    assert(this.#applied === this.#applying, 'a snapshot replaces the log while it is applied')
    assert(index > this.#committed, 'a snapshot is behind the log')
    this.#entries = []
    this.#confIndexes = []
    this.#snapshotIndex = index
    this.#snapshotTerm = term
    this.#committed = index
    this.#applying = index
    this.#applied = index
    this.#durable = index
    this.#checkMarks()
  }

  #truncate(from: number): void {
    assert(from > this.#committed, 'a conflict must not replace a committed entry')
    this.#entries.length = from - this.#snapshotIndex - 1
    while ((this.#confIndexes.at(-1) ?? 0) >= from) this.#confIndexes.pop()
    this.#durable = Math.min(this.#durable, from - 1)
    if (this.#write !== undefined) this.#write.validTo = Math.min(this.#write.validTo, from - 1)
  }

  #push(entry: Entry): void {
    if (entry.index !== this.lastIndex + 1 || entry.term < this.lastTerm) {
      const { index, term } = entry
      const { lastIndex, lastTerm } = this
      assert(false, 'entries are not contiguous', { index, term, lastIndex, lastTerm })
    }
    this.#entries.push(entry)
    if (entry.type === 'EntryConfChange') this.#confIndexes.push(entry.index)
  }

  #checkMarks(): void {
    const holds =
      this.#snapshotIndex <= this.#applied &&
      this.#applied <= this.#applying &&
      this.#applying <= this.#committed &&
      this.#committed <= this.lastIndex &&
      this.#applying <= this.#durable &&
      this.#durable <= this.lastIndex
    if (holds) return
    assert(false, 'the marks of the log are out of order', {
      snapshotIndex: this.#snapshotIndex,
      applied: this.#applied,
      applying: this.#applying,
      committed: this.#committed,
      durable: this.#durable,
      lastIndex: this.lastIndex,
    })
  }
}
