/**
 * All versions of one key that are not compacted away, oldest first. A generation is the life of
 * the key from its creation to the tombstone that ends it:
 *
 *     put(1) put(2) delete(3) put(4) delete(5) put(8)
 *
 *       main     1   2   3   4   5   8
 *       version  1   2   t   1   t   1
 *                └─ gen ─┘   └gen┘   └ current generation
 *
 * Compaction cuts a prefix off, so the oldest generation may have lost its beginning; what it was
 * created at is then kept beside it. Within a generation versions have no gaps, so the creating
 * version of an entry is (version − 1) places before it, or cut off.
 *
 * Most keys have one version. That one is the plain number of its main revision when it is a
 * first version with sub 0; everything else takes a KeyHistory.
 */

import { assert } from '../base/assert.ts'
import type { Key } from '../base/key.ts'
import type { Revision } from './revision.ts'

export type KeyIndex = number | KeyHistory

/** A version of a key that is a put; deletes are the absence of one. */
export interface KeyVersion {
  readonly key: Key
  readonly modRevision: Revision
  /** Main revision of the put that created the key. */
  readonly createRevision: number
  /** 1 for the creating put, growing by 1 with each further put. */
  readonly version: number
}

/** Told of each revision that a cut removes. */
export type DropRevision = (main: number, sub: number, tombstone: boolean) => void

const STRIDE = 3
/** Up to here `older` grows by exact copies: a pushed-to array keeps room for 17 more numbers. */
const EXACT_LENGTH_MAX = 1 + 8 * STRIDE
const TOMBSTONE = 0

/** The newest version in fields, where nearly every read looks; those before it in an array. */
export class KeyHistory {
  main: number
  sub: number
  /** 0 in a tombstone. */
  version: number
  /** Main revision of the generation's first put; 0 in a tombstone. */
  created: number
  /**
   * [created of the oldest entry's generation, then main, sub, version of each, ascending];
   * undefined when there is none.
   */
  older: number[] | undefined

  constructor(main: number, sub: number, version: number, created: number, older?: number[]) {
    this.main = main
    this.sub = sub
    this.version = version
    this.created = created
    this.older = older
  }
}

export function isLive(index: KeyIndex): boolean {
  return typeof index === 'number' || index.version !== TOMBSTONE
}

/** Main revision of the newest version or tombstone. */
export function newestMain(index: KeyIndex): number {
  return typeof index === 'number' ? index : index.main
}

/** The first put of a key, or the next; changes and returns `index` where it can. */
export function withPut(index: KeyIndex, main: number, sub: number): KeyHistory
export function withPut(index: KeyIndex | undefined, main: number, sub: number): KeyIndex
export function withPut(index: KeyIndex | undefined, main: number, sub: number): KeyIndex {
  if (index === undefined) return sub === 0 ? main : new KeyHistory(main, sub, 1, main)
  const history = pushed(index, main, sub)
  if (history.version === TOMBSTONE) history.created = main
  history.version++
  return history
}

/** Ends the current generation; the key must be live. */
export function withTombstone(index: KeyIndex, main: number, sub: number): KeyIndex {
  assert(isLive(index), 'a tombstone ends a generation', { main, sub })
  const history = pushed(index, main, sub)
  history.version = TOMBSTONE
  history.created = 0
  return history
}

/** An index with one known entry, whose predecessors are compacted; version 0 is a tombstone. */
export function restoredIndex(
  main: number,
  sub: number,
  version: number,
  created: number,
): KeyIndex {
  if (version === 1 && sub === 0 && created === main) return main
  return new KeyHistory(main, sub, version, version === TOMBSTONE ? 0 : created)
}

/** Moves the newest entry to the older ones and sets the revision of a new newest. */
function pushed(index: KeyIndex, main: number, sub: number): KeyHistory {
  const history = typeof index === 'number' ? new KeyHistory(index, 0, 1, index) : index
  if (main < history.main || (main === history.main && sub <= history.sub)) {
    assert(false, 'revisions of a key ascend', { main, sub, newest: history.main })
  }
  const { older } = history
  if (older === undefined) {
    history.older = [history.created, history.main, history.sub, history.version]
  } else if (older.length < EXACT_LENGTH_MAX) {
    history.older = older.concat([history.main, history.sub, history.version])
  } else {
    older.push(history.main, history.sub, history.version)
  }
  history.main = main
  history.sub = sub
  return history
}

export function versionAt(index: KeyIndex, key: Key, revision: number): KeyVersion | undefined {
  if (typeof index === 'number') {
    if (index > revision) return undefined
    return { key, modRevision: { main: index, sub: 0 }, createRevision: index, version: 1 }
  }
  if (index.main <= revision) {
    if (index.version === TOMBSTONE) return undefined
    const modRevision = { main: index.main, sub: index.sub }
    return { key, modRevision, createRevision: index.created, version: index.version }
  }
  const { older } = index
  const at = older === undefined ? -1 : lastAtOrBelow(older, revision)
  if (older === undefined || at < 0 || versionOf(older, at) === TOMBSTONE) return undefined
  const modRevision = { main: mainOf(older, at), sub: subOf(older, at) }
  const createRevision = createdOf(older, at)
  return { key, modRevision, createRevision, version: versionOf(older, at) }
}

export function isLiveAt(index: KeyIndex, revision: number): boolean {
  if (typeof index === 'number') return index <= revision
  if (index.main <= revision) return index.version !== TOMBSTONE
  const { older } = index
  if (older === undefined) return false
  const at = lastAtOrBelow(older, revision)
  return at >= 0 && versionOf(older, at) !== TOMBSTONE
}

/**
 * Removes what no read at `revision` or later needs: every entry before the newest one with
 * main <= revision, and that one too if it is a tombstone below `revision`. A tombstone at
 * exactly `revision` stays, for the watcher that starts there (etcd issues 18089 and 19179).
 * Returns undefined when nothing is left.
 */
export function cutIndex(
  index: KeyIndex,
  revision: number,
  drop: DropRevision,
): KeyIndex | undefined {
  if (typeof index === 'number') return index
  const { older } = index
  if (index.main <= revision) {
    if (older !== undefined) dropFirst(older, entryCount(older), drop)
    index.older = undefined
    if (index.version !== TOMBSTONE || index.main === revision) return index
    drop(index.main, index.sub, true)
    return undefined
  }
  if (older === undefined) return index
  let first = lastAtOrBelow(older, revision)
  if (first < 0) return index
  if (versionOf(older, first) === TOMBSTONE && mainOf(older, first) < revision) first++
  if (first > 0) {
    dropFirst(older, first, drop)
    index.older = first === entryCount(older) ? undefined : withoutFirst(older, first)
  }
  return index
}

/** The entries in ascending order, version 0 for a tombstone. For checks and tests. */
export function entriesOf(
  index: KeyIndex,
): { main: number; sub: number; version: number; created: number }[] {
  if (typeof index === 'number') return [{ main: index, sub: 0, version: 1, created: index }]
  const older = index.older ?? []
  const entries = []
  for (let at = 0; at < entryCount(older); at++) {
    const [main, sub, version] = [mainOf(older, at), subOf(older, at), versionOf(older, at)]
    entries.push({ main, sub, version, created: createdOf(older, at) })
  }
  const { main, sub, version, created } = index
  return [...entries, { main, sub, version, created }]
}

function entryCount(older: readonly number[]): number {
  return older.length === 0 ? 0 : (older.length - 1) / STRIDE
}

function mainOf(older: readonly number[], at: number): number {
  return older[1 + at * STRIDE]!
}

function subOf(older: readonly number[], at: number): number {
  return older[2 + at * STRIDE]!
}

function versionOf(older: readonly number[], at: number): number {
  return older[3 + at * STRIDE]!
}

function createdOf(older: readonly number[], at: number): number {
  const version = versionOf(older, at)
  if (version === TOMBSTONE) return 0
  const creating = at - (version - 1)
  return creating < 0 ? older[0]! : mainOf(older, creating)
}

/** The newest entry with main <= revision, or -1. */
function lastAtOrBelow(older: readonly number[], revision: number): number {
  let low = 0
  let high = entryCount(older)
  while (low < high) {
    const middle = (low + high) >>> 1
    if (mainOf(older, middle) <= revision) low = middle + 1
    else high = middle
  }
  return low - 1
}

function dropFirst(older: readonly number[], count: number, drop: DropRevision): void {
  for (let at = 0; at < count; at++) {
    drop(mainOf(older, at), subOf(older, at), versionOf(older, at) === TOMBSTONE)
  }
}

function withoutFirst(older: readonly number[], count: number): number[] {
  const created = createdOf(older, count)
  const rest = older.slice(count * STRIDE)
  rest[0] = created
  return rest
}
