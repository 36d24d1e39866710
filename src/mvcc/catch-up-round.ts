/**
 * One round of catching up: some watchers, and the revisions they missed, read once for all of
 * them. What is still in memory is taken from there, up to the newest; what is older is read from
 * the store. The driver, which may wait between the steps:
 *
 *     if (round.needsHistory) for await (const batch of round.history()) {
 *       round.push(batch)
 *       while (round.step()) await …
 *     }
 *     round.endHistory()
 *     while (round.step()) await …
 *     hub.endRound(round)
 *
 * A commit between the last step and the end is no harm: another round takes what it brought.
 *
 * Invariant: whoever is still in the round has been offered everything up to `#position`.
 */

import { assert } from '../base/assert.ts'
import type { HistoricChange } from './history.ts'
import type { RecentRevisions, RevisionEvents } from './recent-revisions.ts'
import type { Pin, Store } from './store.ts'
import { deliverRevision } from './watch-delivery.ts'
import { WatchEvent } from './watch-event.ts'
import type { Watcher } from './watcher.ts'
import { WatcherGroup } from './watcher-group.ts'

/** Offers and revisions in one step: a millisecond or two. */
const STEP_WORK_MAX = 4000

export class CatchUpRound {
  readonly #store: Store
  readonly #recent: RecentRevisions
  readonly #members: Set<Watcher>
  readonly #group: WatcherGroup
  /** The last revision to be read from the store; below the first when all is in memory. */
  readonly #historyEnd: number
  readonly #first: number
  #position: number
  /** Whole revisions that were read and wait to be handed out. */
  #read: RevisionEvents[]
  #readAt: number
  /** The revision that the next batch may go on with. */
  #partial: { readonly revision: number; readonly events: WatchEvent[] } | undefined
  #historyIsRead: boolean
  #pin: Pin | undefined
  #isEnded: boolean

  /** Every watcher wants its first revision in [first, last]. */
  constructor(
    store: Store,
    recent: RecentRevisions,
    watchers: readonly Watcher[],
    { first, last }: { readonly first: number; readonly last: number },
  ) {
    this.#store = store
    this.#recent = recent
    this.#members = new Set(watchers)
    this.#group = new WatcherGroup()
    for (const watcher of watchers) this.#group.add(watcher)
    this.#historyEnd = Math.min(last, recent.first - 1)
    this.#first = first
    this.#position = first - 1
    this.#read = []
    this.#readAt = 0
    this.#partial = undefined
    this.#historyIsRead = this.#first > this.#historyEnd
    this.#pin = undefined
    this.#isEnded = false
  }

  get needsHistory(): boolean {
    return this.#first <= this.#historyEnd
  }

  /** Nobody is left: all were refused, have gone, or were taken out by the hub. */
  get isEmpty(): boolean {
    return this.#isEnded || this.#members.size === 0
  }

  /** Pins what it reads until the round ends. */
  history(): AsyncGenerator<readonly HistoricChange[]> {
    this.#pin = this.#store.pin(this.#first)
    return this.#store.history(this.#first, this.#historyEnd)
  }

  /** Takes a batch; its last revision waits for the next batch, or for the end of the history. */
  push(batch: readonly HistoricChange[]): void {
    for (const { revision, change } of batch) {
      if (this.#partial !== undefined && this.#partial.revision !== revision.main)
        this.#endPartial()
      this.#partial ??= { revision: revision.main, events: [] }
      this.#partial.events.push(new WatchEvent(revision.main, change, true))
    }
  }

  /** All batches have been pushed. */
  endHistory(): void {
    this.#endPartial()
    this.#historyIsRead = true
  }

  /** Hands out some of what there is; true when there is more. */
  step(): boolean {
    for (let work = 0; work < STEP_WORK_MAX; work++) {
      if (this.isEmpty) return false
      const next = this.#next()
      if (next === undefined) return false
      work += deliverRevision(this.#group, next, this.#store, (watcher) =>
        this.#refused(watcher, next.revision),
      )
      this.#position = next.revision
    }
    return true
  }

  remove(watcher: Watcher): void {
    if (this.#members.delete(watcher)) this.#group.delete(watcher)
  }

  /** Those who are left, with the positions they have come to. */
  end(): readonly Watcher[] {
    assert(!this.#isEnded, 'a round ends once')
    this.#isEnded = true
    this.#pin?.release()
    for (const watcher of this.#members) watcher.next = Math.max(watcher.next, this.#position + 1)
    return [...this.#members]
  }

  #next(): RevisionEvents | undefined {
    const read = this.#read[this.#readAt]
    if (read === undefined) {
      if (!this.#historyIsRead) return undefined
      this.#position = Math.max(this.#position, this.#historyEnd)
      return this.#recent.get(this.#position + 1)
    }
    if (++this.#readAt === this.#read.length) {
      this.#read = []
      this.#readAt = 0
    }
    return read
  }

  #refused(watcher: Watcher, revision: number): void {
    this.remove(watcher)
    watcher.next = revision
    watcher.stream.stall(watcher)
  }

  #endPartial(): void {
    if (this.#partial === undefined) return
    const { revision } = this.#partial
    const expected = (this.#read.at(-1)?.revision ?? this.#position) + 1
    if (revision < expected) assert(false, 'history comes in order', { revision, expected })
    this.#read.push(this.#partial)
    this.#partial = undefined
  }
}
