/** Rare things that only the inside of a member shows, counted in the census. */

import { CatchUpRound } from '../../src/mvcc/catch-up-round.ts'
import { WatchHub } from '../../src/mvcc/watch-hub.ts'
import type { Watcher } from '../../src/mvcc/watcher.ts'
import type { RawNode } from '../../src/raft/raw-node.ts'
import type { Ready } from '../../src/raft/types.ts'
import { ReadIndex } from '../../src/server/read-index.ts'
import type { Census } from './census.ts'

/** Has every member's reads and watches tell. Returns how it was. */
export function observeInside(census: Census): () => void {
  const { expire } = ReadIndex.prototype
  const { end } = CatchUpRound.prototype
  const { endRound } = WatchHub.prototype
  const caughtUp = new WeakSet<Watcher>()
  let ended: readonly Watcher[] = []
  ReadIndex.prototype.expire = function (this: ReadIndex): void {
    const before = this.slowCount
    expire.call(this)
    if (this.slowCount > before) census.count('read index asked again')
  }
  CatchUpRound.prototype.end = function (this: CatchUpRound): readonly Watcher[] {
    const watchers = end.call(this)
    ended = watchers
    return watchers
  }
  WatchHub.prototype.endRound = function (this: WatchHub, round): void {
    ended = []
    endRound.call(this, round)
    for (const watcher of ended) {
      if (watcher.state !== 'synced') continue
      if (caughtUp.has(watcher)) census.count('live watch that fell behind and caught up')
      caughtUp.add(watcher)
    }
  }
  return () => {
    ReadIndex.prototype.expire = expire
    CatchUpRound.prototype.end = end
    WatchHub.prototype.endRound = endRound
  }
}

/** What one life of a member does with its log and as a leader. */
export class LogSightings {
  readonly #census: Census
  /** Changes of members that it has appended and not committed. */
  readonly #changes: number[] = []
  /** The index of the first entry of its term, as a leader. */
  #leadsFrom: number | undefined
  #appended = 0

  constructor(census: Census) {
    this.#census = census
  }

  watch(raw: RawNode): void {
    const { step, readIndex } = raw
    this.#appended = raw.status().lastIndex
    raw.readIndex = (context) => {
      this.#onRead(raw)
      return readIndex.call(raw, context)
    }
    raw.step = (message) => {
      if (message.type === 'MsgReadIndex') this.#onRead(raw)
      return step.call(raw, message)
    }
  }

  onReady({ softState, append, committedEntries }: Ready): void {
    const first = append?.entries[0]
    if (first !== undefined) {
      if (first.index <= this.#appended) this.#onReplaced(first.index)
      this.#appended = append?.entries.at(-1)?.index ?? this.#appended
    }
    if (softState !== undefined) {
      if (softState.role !== 'leader') this.#leadsFrom = undefined
      else this.#leadsFrom ??= first?.index ?? this.#appended + 1
    }
    for (const { type, index } of append?.entries ?? []) {
      if (type === 'EntryConfChange') this.#changes.push(index)
    }
    const committed = committedEntries.at(-1)?.index
    while (committed !== undefined && (this.#changes[0] ?? Infinity) <= committed) {
      this.#changes.shift()
    }
  }

  #onReplaced(from: number): void {
    this.#census.count('divergent log entries replaced')
    const lost = this.#changes.filter((index) => index >= from)
    if (lost.length === 0) return
    this.#census.count('membership change rolled back')
    this.#changes.splice(this.#changes.length - lost.length)
  }

  #onRead(raw: RawNode): void {
    if (this.#leadsFrom === undefined || raw.committed >= this.#leadsFrom) return
    this.#census.count('read that waited for the first commit of a term')
  }
}
