/**
 * The watches of one client stream, and the one ordered queue of what is to be said on it. What a
 * watch is told, and when, is decided here and in the hub; whoever sends takes from the queue.
 *
 * Invariants: `created` comes before anything else of a watch, `cancelled` or `compacted` after
 * everything; a watch's events are in revision order, none twice, a revision never in two outputs;
 * a progress output at R stands behind all events ≤ R. The queue holds at most `streamBytes`
 * of events, or one output that is larger by itself.
 */

import { assert } from '../base/assert.ts'
import type { KeyRange } from '../base/key-range.ts'
import type { EncodedEvents } from './watch-event.ts'
import type { WatchLimits } from './watch-limits.ts'
import type { EventsOutput, WatchOutput, WatchRejection } from './watch-output.ts'
import { Watcher, type WatchOptions } from './watcher.ts'

/** What an event costs beside its bytes. */
const EVENT_OVERHEAD_BYTES = 16

/** The hub, as its streams see it. */
export interface WatchHubSide {
  /** All revisions up to this one have been handed to the watchers. */
  readonly revision: number
  readonly limits: WatchLimits
  /** Whether all streams together may hold so many bytes more. */
  hasRoom(bytes: number): boolean
  /** How much more, or less, waits from now on. */
  onQueued(bytes: number, events: number): void
  /** Files a new watcher, or one whose stream has room again, by how far behind it is. */
  admit(watcher: Watcher): void
  remove(watcher: Watcher): void
  /** Wants `onRevision` at each revision until it is called off. */
  awaitRevision(stream: WatchStream, awaits: boolean): void
  onClosed(stream: WatchStream): void
}

export class WatchStream {
  readonly #hub: WatchHubSide
  /** Told when the queue is no longer empty. */
  readonly #onOutput: () => void
  readonly #watchers: Map<bigint, Watcher>
  readonly #stalled: Set<Watcher>
  #queue: WatchOutput[]
  /** Where the queue begins in `#queue`. */
  #head: number
  #queuedBytes: number
  #queuedEvents: number
  #heldBytes: number
  #nextId: bigint
  #progressWanted: boolean
  #isClosed: boolean

  constructor(hub: WatchHubSide, onOutput: () => void) {
    this.#hub = hub
    this.#onOutput = onOutput
    this.#watchers = new Map()
    this.#stalled = new Set()
    this.#queue = []
    this.#head = 0
    this.#queuedBytes = 0
    this.#queuedEvents = 0
    this.#heldBytes = 0
    this.#nextId = 0n
    this.#progressWanted = false
    this.#isClosed = false
  }

  get hasOutput(): boolean {
    return this.#head < this.#queue.length
  }

  /** Outputs in the queue. */
  get outputCount(): number {
    return this.#queue.length - this.#head
  }

  /** Bytes of events in the queue and with the sender. */
  get bytes(): number {
    return this.#queuedBytes + this.#heldBytes
  }

  get watchCount(): number {
    return this.#watchers.size
  }

  /** Whether a watch with this id is open. */
  has(id: bigint): boolean {
    return this.#watchers.has(id)
  }

  /**
   * Opens a watch. `id` 0n: the stream picks one. The checks come in etcd's order, and each
   * refusal is one output.
   */
  create(id: bigint, options: WatchOptions): void {
    if (options.startRevision < 0) return this.reject('compacted')
    if (isEmpty(options.range)) return this.reject('empty-range')
    if (id !== 0n && this.#watchers.has(id)) return this.reject('duplicate-id')
    const watchId = id === 0n ? this.#freeId() : id
    const { revision } = this.#hub
    const next = options.startRevision === 0 ? revision + 1 : options.startRevision
    const watcher = new Watcher(this, watchId, options, next)
    this.#watchers.set(watchId, watcher)
    this.#push({ type: 'created', watchId, revision })
    this.#hub.admit(watcher)
  }

  reject(reason: WatchRejection): void {
    this.#push({ type: 'rejected', reason, revision: this.#hub.revision })
  }

  /** Does nothing when there is no such watch, as in etcd. */
  cancel(id: bigint): void {
    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#forget(watcher)
    this.#push({ type: 'cancelled', watchId: id, revision: this.#hub.revision })
    this.#answerProgress()
  }

  /**
   * Asks for one progress output for all watches, as soon as each of them is synced and has come
   * to its start revision. Without a watch there is nothing to tell, and nothing is told.
   */
  requestProgress(): void {
    this.#progressWanted = true
    this.#answerProgress()
  }

  /** A progress notification fell due: for every watch that wants it and has been quiet. */
  notifyProgress(): void {
    const { revision } = this.#hub
    const isIdle = !this.hasOutput
    for (const watcher of this.#watchers.values()) {
      const { progressNotify, startRevision } = watcher.options
      if (!progressNotify) continue
      const isQuiet = isIdle && !watcher.hasHeard
      watcher.hasHeard = false
      if (!isQuiet || watcher.state !== 'synced' || startRevision > revision) continue
      this.#push({ type: 'progress', watchId: watcher.id, revision })
      this.#closeTails()
    }
  }

  /** The next thing to send. */
  take(): WatchOutput | undefined {
    const output = this.#queue[this.#head]
    if (output === undefined) return undefined
    this.#head++
    if (this.#head === this.#queue.length) this.#queue = []
    else if (this.#head >= 64 && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
    } else return this.#taken(output)
    this.#head = 0
    return this.#taken(output)
  }

  /** How much of what was taken has not left yet, as far as the sender knows. */
  hold(bytes: number): void {
    if (this.#isClosed) return
    this.#hub.onQueued(bytes - this.#heldBytes, 0)
    this.#heldBytes = bytes
    this.#resume()
  }

  /** Ends all watches, without a word. */
  close(): void {
    if (this.#isClosed) return
    for (const watcher of this.#watchers.values()) this.#forget(watcher)
    this.#hub.onQueued(-this.bytes, -this.#queuedEvents)
    this.#hub.awaitRevision(this, false)
    this.#queue = []
    this.#head = 0
    this.#queuedBytes = 0
    this.#queuedEvents = 0
    this.#heldBytes = 0
    this.#isClosed = true
    this.#hub.onClosed(this)
  }

  // What the hub calls.

  /** Queues a watcher's events of one revision, all of them or none: false when there is no room. */
  offer(watcher: Watcher, events: EncodedEvents, revision: number): boolean {
    const bytes = sizeOf(events)
    if (!this.#hasRoom(bytes)) return false
    watcher.hasHeard = true
    this.#queuedBytes += bytes
    this.#queuedEvents += events.length
    this.#hub.onQueued(bytes, events.length)
    const { tail } = watcher
    if (tail !== undefined && tail.bytes + bytes <= this.#hub.limits.outputBytes) {
      extend(tail, events, bytes, revision)
      return true
    }
    const { id: watchId, options } = watcher
    const output: EventsOutput = {
      type: 'events',
      watchId,
      revision,
      events,
      ownEvents: undefined,
      bytes,
      fragment: options.fragment,
    }
    watcher.tail = output
    this.#push(output)
    return true
  }

  stall(watcher: Watcher): void {
    watcher.state = 'stalled'
    this.#stalled.add(watcher)
  }

  /** The watcher's next revision is compacted: what it missed cannot be told any more. */
  endCompacted(watcher: Watcher, compactRevision: number): void {
    this.#forget(watcher)
    this.#push({ type: 'compacted', watchId: watcher.id, compactRevision })
    this.#answerProgress()
  }

  /** The watcher has nothing to come up to `revision`; its newest output may say so. */
  onSynced(watcher: Watcher, revision: number): void {
    if (watcher.tail !== undefined) watcher.tail.revision = revision
    this.#answerProgress()
  }

  onRevision(): void {
    this.#answerProgress()
  }

  #freeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++
    return this.#nextId++
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher.id)
    this.#stalled.delete(watcher)
    this.#hub.remove(watcher)
    watcher.tail = undefined
  }

  #hasRoom(bytes: number): boolean {
    if (this.bytes === 0) return true
    return this.bytes + bytes <= this.#hub.limits.streamBytes && this.#hub.hasRoom(bytes)
  }

  #push(output: WatchOutput): void {
    assert(!this.#isClosed, 'a closed stream says nothing')
    const wasEmpty = !this.hasOutput
    this.#queue.push(output)
    if (wasEmpty) this.#onOutput()
  }

  #taken(output: WatchOutput): WatchOutput {
    if (output.type !== 'events') return output
    const watcher = this.#watchers.get(output.watchId)
    if (watcher?.tail === output) watcher.tail = undefined
    this.#queuedBytes -= output.bytes
    this.#queuedEvents -= output.events.length
    this.#hub.onQueued(-output.bytes, -output.events.length)
    this.#resume()
    return output
  }

  /** Half of the room must be free: a watcher that goes back and forth costs more than it gets. */
  #resume(): void {
    if (this.#stalled.size === 0 || this.bytes * 2 > this.#hub.limits.streamBytes) return
    const watchers = [...this.#stalled]
    this.#stalled.clear()
    for (const watcher of watchers) this.#hub.admit(watcher)
  }

  #answerProgress(): void {
    if (!this.#progressWanted) return
    const { revision } = this.#hub
    let starts = 0
    for (const { state, options } of this.#watchers.values()) {
      if (state !== 'synced') return this.#hub.awaitRevision(this, false)
      starts = Math.max(starts, options.startRevision)
    }
    if (starts > revision) return this.#hub.awaitRevision(this, true)
    this.#hub.awaitRevision(this, false)
    this.#progressWanted = false
    if (this.#watchers.size === 0) return
    // One answer that waits behind everything else serves many requests.
    const last = this.hasOutput ? this.#queue.at(-1) : undefined
    if (last?.type === 'progress' && last.watchId === undefined) last.revision = revision
    else this.#push({ type: 'progress', watchId: undefined, revision })
    this.#closeTails()
  }

  /** Later events must not be moved to before a progress output. */
  #closeTails(): void {
    for (const watcher of this.#watchers.values()) watcher.tail = undefined
  }
}

function extend(
  output: EventsOutput,
  events: EncodedEvents,
  bytes: number,
  revision: number,
): void {
  if (revision <= output.revision) assert(false, 'events come in revision order', { revision })
  // The list that came first may be shared with other streams.
  output.ownEvents ??= [...output.events]
  output.events = output.ownEvents
  for (const event of events) output.ownEvents.push(event)
  output.bytes += bytes
  output.revision = revision
}

function isEmpty(range: KeyRange): boolean {
  return range.type === 'half-open' && range.end <= range.start
}

function sizeOf(events: EncodedEvents): number {
  let bytes = 0
  for (const event of events) bytes += event.length + EVENT_OVERHEAD_BYTES
  return bytes
}
