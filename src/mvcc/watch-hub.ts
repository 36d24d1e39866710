/**
 * The watch hub: hears every commit, and sees to it that every watcher hears of all the revisions
 * it wants, in order and once.
 *
 *              start ≤ newest                     caught up
 *     create ──────────────────► hungry ─► feeding ────────► synced ◄── create, start later or 0
 *                                  ▲          │ no room        │ no room
 *                                  └────── stalled ◄───────────┘
 *
 * Synced watchers are told at each commit, for what the watchers it concerns cost. Those behind
 * are fed from history by whoever drives `beginRound`. A stream without room costs no more than
 * that: its watchers keep a position, and come back when there is room. A watcher whose next
 * revision is compacted is ended with that revision.
 *
 * Invariants: commits come with consecutive revisions; a synced watcher wants nothing at or below
 * `revision`; a stalled or hungry one wants something there.
 */

import { assert } from '../base/assert.ts'
import type { Commit, Store } from './store.ts'
import { CatchUpRound } from './catch-up-round.ts'
import { CommittedRevision, RecentRevisions } from './recent-revisions.ts'
import { deliverRevision } from './watch-delivery.ts'
import { WATCH_LIMITS, type WatchLimits } from './watch-limits.ts'
import { WatchStream, type WatchHubSide } from './watch-stream.ts'
import type { Watcher } from './watcher.ts'
import { WatcherGroup } from './watcher-group.ts'

export class WatchHub {
  readonly #limits: WatchLimits
  readonly #store: Store
  #revision: number
  #recent: RecentRevisions
  readonly #synced: WatcherGroup
  readonly #syncedWatchers: Set<Watcher>
  /** In the order in which their turn comes. */
  readonly #hungry: Set<Watcher>
  readonly #streams: Set<WatchStream>
  readonly #awaiting: Set<WatchStream>
  readonly #side: WatchHubSide
  #round: CatchUpRound | undefined
  #onHungry: () => void
  #watcherCount: number
  #bytes: number
  #events: number

  constructor(store: Store, limits = WATCH_LIMITS) {
    this.#limits = limits
    this.#store = store
    this.#revision = store.currentRevision
    this.#recent = this.#noRevisions()
    this.#synced = new WatcherGroup()
    this.#syncedWatchers = new Set()
    this.#hungry = new Set()
    this.#streams = new Set()
    this.#awaiting = new Set()
    this.#side = this.#makeSide()
    this.#round = undefined
    this.#onHungry = () => undefined
    this.#watcherCount = 0
    this.#bytes = 0
    this.#events = 0
  }

  /** The newest revision that was handed out. */
  get revision(): number {
    return this.#revision
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get watcherCount(): number {
    return this.#watcherCount
  }

  /** Watchers that are behind. */
  get slowCount(): number {
    return this.#watcherCount - this.#syncedWatchers.size
  }

  /** Whether somebody waits for a round. */
  get hasHungry(): boolean {
    return this.#hungry.size > 0
  }

  /** Bytes of events that wait on all streams. */
  get waitingBytes(): number {
    return this.#bytes
  }

  /** Events that wait in the queues of all streams. */
  get waitingEvents(): number {
    return this.#events
  }

  /** `listener` runs whenever somebody waits to be fed: it sees to it that rounds are run. */
  onHungry(listener: () => void): void {
    this.#onHungry = listener
  }

  /** `onOutput` runs when the stream has something to say after a silence. */
  open(onOutput: () => void): WatchStream {
    const stream = new WatchStream(this.#side, onOutput)
    this.#streams.add(stream)
    return stream
  }

  /** Takes a transaction's end, in order, right after it; one that changed nothing is no revision. */
  onCommit(commit: Commit): void {
    const { revision, changes } = commit
    if (changes.length === 0) return
    assert(revision === this.#revision + 1, 'the hub hears of every revision')
    const made = new CommittedRevision(commit)
    this.#recent.push(made)
    if (this.#synced.size > 0) {
      deliverRevision(this.#synced, made, this.#store, (watcher) => this.#fallBehind(watcher))
    }
    this.#revision = revision
    for (const stream of this.#awaiting) stream.onRevision()
  }

  /**
   * The store has adopted a newer state, as a snapshot brings it: call it in the same turn. Nobody
   * has heard of the revisions in between, so all watchers catch up from their own position, and
   * those whose position is compacted in the new state end. A round that goes on reads from memory
   * alone, or it would hold a pin, and what it has there stays true.
   */
  onAdopted(): void {
    const { currentRevision } = this.#store
    assert(currentRevision >= this.#revision, 'an adopted state is not older')
    const filed = [...this.#syncedWatchers, ...this.#hungry]
    for (const watcher of filed) {
      this.#unfile(watcher)
      // Nobody counts as synced with the new state before its position was looked at.
      watcher.state = 'hungry'
    }
    this.#revision = currentRevision
    this.#recent = this.#noRevisions()
    // What one of them is told may make its stream end another.
    for (const watcher of filed) if (watcher.state === 'hungry') this.#file(watcher)
  }

  /**
   * Takes those who wait near the one that waits longest, to be fed together. One round at a
   * time; undefined when nobody waits. `endRound` takes them back.
   */
  beginRound(): CatchUpRound | undefined {
    assert(this.#round === undefined, 'one round at a time')
    this.#endCompacted()
    const [lead] = this.#hungry
    if (lead === undefined) return undefined
    const last = Math.min(this.#revision, lead.next + this.#limits.roundRevisions - 1)
    const members = [...this.#hungry].filter(({ next }) => next >= lead.next && next <= last)
    for (const watcher of members) {
      this.#hungry.delete(watcher)
      watcher.state = 'feeding'
    }
    this.#round = new CatchUpRound(this.#store, this.#recent, members, { first: lead.next, last })
    return this.#round
  }

  /** Who has caught up is synced from now on, in this very turn; the others wait for another. */
  endRound(round: CatchUpRound): void {
    if (this.#round !== round) return
    this.#round = undefined
    for (const watcher of round.end()) this.#file(watcher)
  }

  #noRevisions(): RecentRevisions {
    const { recentRevisions, recentBytes } = this.#limits
    return new RecentRevisions(this.#revision + 1, recentRevisions, recentBytes)
  }

  #makeSide(): WatchHubSide {
    const revision = (): number => this.#revision
    return {
      get revision() {
        return revision()
      },
      limits: this.#limits,
      hasRoom: (bytes) => this.#bytes + bytes <= this.#limits.totalBytes,
      onQueued: (bytes, events) => {
        this.#bytes += bytes
        this.#events += events
      },
      admit: (watcher) => this.#admit(watcher),
      remove: (watcher) => this.#remove(watcher),
      awaitRevision: (stream, awaits) => {
        if (awaits) this.#awaiting.add(stream)
        else this.#awaiting.delete(stream)
      },
      onClosed: (stream) => void this.#streams.delete(stream),
    }
  }

  #admit(watcher: Watcher): void {
    if (watcher.state === 'ended') this.#watcherCount++
    this.#file(watcher)
  }

  /** By its position: synced when nothing that was made is wanted any more. */
  #file(watcher: Watcher): void {
    if (watcher.next < this.#store.compactedRevision) {
      watcher.state = 'hungry'
      watcher.stream.endCompacted(watcher, this.#store.compactedRevision)
    } else if (watcher.next > this.#revision) {
      watcher.state = 'synced'
      this.#synced.add(watcher)
      this.#syncedWatchers.add(watcher)
      watcher.stream.onSynced(watcher, this.#revision)
    } else {
      watcher.state = 'hungry'
      this.#hungry.add(watcher)
      this.#onHungry()
    }
  }

  #unfile(watcher: Watcher): void {
    switch (watcher.state) {
      case 'synced':
        this.#synced.delete(watcher)
        this.#syncedWatchers.delete(watcher)
        watcher.next = Math.max(watcher.next, this.#revision + 1)
        return
      case 'hungry':
        this.#hungry.delete(watcher)
        return
      case 'feeding':
        this.#round?.remove(watcher)
        return
      case 'stalled':
      case 'ended':
    }
  }

  #remove(watcher: Watcher): void {
    this.#unfile(watcher)
    watcher.state = 'ended'
    this.#watcherCount--
  }

  /** In the middle of a commit: the revision that found no room is the next one wanted. */
  #fallBehind(watcher: Watcher): void {
    this.#unfile(watcher)
    watcher.stream.stall(watcher)
  }

  #endCompacted(): void {
    const { compactedRevision } = this.#store
    for (const watcher of this.#hungry) {
      if (watcher.next < compactedRevision) watcher.stream.endCompacted(watcher, compactedRevision)
    }
  }
}
