/**
 * What each watch was told, against the changes that were made:
 *
 *     filter     only what was asked for                 order      revisions ascend
 *     duplicate  nothing twice                           split      a revision comes whole
 *     gap        nothing left out on the way             resume     nor at the start
 *     progress   all up to it was told, nothing after    prev-kv    what was there before
 *     event-differs, phantom   as it was made            below-start, compacted, protocol
 *     behind     in the end it has everything (only where that is asked for)
 */

import { optionalDifference, sameEvent, eventText } from './differences.ts'
import { within, type KvEvent, type Watch, type WatchResponse } from './history.ts'
import { intervalText } from './steps.ts'
import type { RevisionOrder } from './revision-order.ts'
import type { Violation, ViolationKind } from './violation.ts'

export interface WatchCheckOptions {
  /** Every watch that is still open has to have been told everything. */
  readonly isComplete?: boolean
}

export function checkWatches(
  watches: readonly Watch[],
  order: RevisionOrder,
  options: WatchCheckOptions = {},
): Violation[] {
  return watches.flatMap((watch) => new WatchCheck(watch, order, options).run())
}

class WatchCheck {
  readonly #watch: Watch
  readonly #order: RevisionOrder
  readonly #options: WatchCheckOptions
  readonly #violations: Violation[] = []
  /** Revision and key of what was told. */
  readonly #told = new Set<string>()
  #start: number
  #state: 'asked' | 'open' | 'ended' = 'asked'
  /** The revision and place of the last event. */
  #last = { revision: 0, place: -1 }
  #firstTold = Infinity
  #progress = 0
  /** A response that may not go on with the revision of the one before it. */
  #isNewList = true
  /** Up to where what is missing was already looked for. */
  #searched: number

  constructor(watch: Watch, order: RevisionOrder, options: WatchCheckOptions) {
    this.#watch = watch
    this.#order = order
    this.#options = options
    this.#start = watch.request.startRevision ?? 0
    this.#searched = 0
  }

  run(): Violation[] {
    for (const response of this.#watch.responses) this.#on(response)
    // Of the last revision more may have been under way when the watch broke off.
    const whole = this.#isNewList ? this.#last.revision : this.#last.revision - 1
    if (this.#state !== 'asked') this.#searchGaps(whole, undefined)
    const isOpen = this.#state === 'open' && this.#watch.end === undefined
    if (isOpen && this.#options.isComplete) this.#searchGaps(this.#known, 'watch-behind')
    return this.#violations
  }

  /** The last revision of which the changes are known. */
  get #known(): number {
    return this.#order.log.length - 1
  }

  /** The next revision that the server has to tell, as far as the client knows. */
  get #next(): number {
    return Math.max(this.#start, this.#last.revision + 1, this.#progress + 1)
  }

  #on(response: WatchResponse): void {
    const { type, revision } = response
    if (this.#state === 'ended') this.#found('watch-protocol', `${type} came after the end`)
    if ((type === 'created') !== (this.#state === 'asked')) {
      const canRefuse = type === 'canceled' && this.#state === 'asked'
      if (!canRefuse) this.#found('watch-protocol', `${type} came while it was ${this.#state}`)
    }
    switch (type) {
      case 'created':
        this.#state = 'open'
        if (this.#start === 0) this.#start = revision + 1
        this.#searched = this.#start - 1
        return
      case 'events':
        return this.#onEvents(response)
      case 'progress':
        return this.#onProgress(revision)
      case 'canceled':
        this.#onCanceled(response)
        this.#state = 'ended'
    }
  }

  #onEvents({ events = [], revision, fragment = false }: WatchResponse): void {
    if (events.length === 0) this.#found('watch-protocol', 'a response without events')
    const before = this.#last.revision
    for (const event of events) this.#onEvent(event, before)
    if (revision < this.#last.revision) {
      const text = `a header of revision ${revision} over events up to ${this.#last.revision}`
      this.#found('watch-order', text, this.#last.revision)
    }
    this.#isNewList = !fragment
  }

  #onEvent(event: KvEvent, before: number): void {
    const { key, modRevision } = event.kv
    const name = `${modRevision} ${key}`
    const isTold = this.#told.has(name)
    this.#told.add(name)
    if (isTold) return this.#found('watch-duplicate', `${eventText(event)} came twice`, modRevision)
    if (!this.#isWanted(event)) {
      const asked = intervalText(this.#watch.request)
      this.#found('watch-filter', `${eventText(event)} is not of ${asked} as asked`, modRevision)
    }
    if (modRevision < this.#start) {
      const text = `${eventText(event)} is below the start ${this.#start}`
      return this.#found('watch-below-start', text, modRevision)
    }
    if (modRevision <= this.#progress) {
      const text = `${eventText(event)} came after progress ${this.#progress}`
      this.#found('watch-progress', text, modRevision)
    }
    const place = this.#compare(event)
    if (this.#isBefore(modRevision, place)) {
      const text = `${eventText(event)} came after revision ${this.#last.revision}`
      return this.#found('watch-order', text, modRevision)
    }
    if (modRevision === before && this.#isNewList) {
      const text = `${eventText(event)} came in another response than the rest of its revision`
      this.#found('watch-split', text, modRevision)
    }
    this.#last = { revision: modRevision, place: place ?? this.#last.place }
    this.#firstTold = Math.min(this.#firstTold, modRevision)
  }

  #isWanted({ type, kv }: KvEvent): boolean {
    const { request } = this.#watch
    return within(request, kv.key) && !(type === 'put' ? request.noPut : request.noDelete)
  }

  #isBefore(revision: number, place: number | undefined): boolean {
    if (revision !== this.#last.revision) return revision < this.#last.revision
    return place !== undefined && place < this.#last.place
  }

  /** Which change of its revision it is; says so when it is none, or another one. */
  #compare(event: KvEvent): number | undefined {
    const { key, modRevision } = event.kv
    const changes = this.#order.log[modRevision]
    if (changes === undefined) return undefined
    const place = changes.findIndex(({ kv }) => kv.key === key)
    const made = changes[place]
    if (made === undefined) {
      this.#found('watch-phantom', `${eventText(event)} was never made`, modRevision)
      return undefined
    }
    if (!sameEvent(event, made)) {
      const text = `${eventText(event)} came instead of ${eventText(made)}`
      this.#found('watch-event-differs', text, modRevision)
    }
    this.#comparePrevious(event, made)
    return place
  }

  #comparePrevious(event: KvEvent, made: KvEvent): void {
    const { modRevision } = event.kv
    const wanted = this.#watch.request.prevKv ? made.prevKv : undefined
    const problem = optionalDifference('prev_kv', event.prevKv, wanted)
    if (problem === undefined) return
    const { compactions } = this.#order
    const mayMiss = compactions.possibleAt(Infinity) > modRevision - 1
    if (event.prevKv === undefined && mayMiss) return
    this.#found('watch-prev-kv', `of ${eventText(event)} the ${problem}`, modRevision)
  }

  #onProgress(revision: number): void {
    if (revision < this.#start - 1) {
      const text = `progress ${revision} came, but it starts at ${this.#start}`
      this.#found('watch-below-start', text, revision)
    }
    if (revision < (this.#watch.request.startRevision ?? 0)) {
      const text = `progress ${revision} came before the start ${this.#start}`
      this.#found('watch-below-start', text, revision)
    }
    if (revision < this.#progress || revision < this.#last.revision) {
      const reached = Math.max(this.#progress, this.#last.revision)
      this.#found('watch-progress', `progress ${revision} came after ${reached}`, revision)
    }
    this.#searchGaps(Math.min(revision, this.#known), 'watch-progress')
    this.#progress = Math.max(this.#progress, revision)
    this.#isNewList = true
  }

  #onCanceled({ at, compactRevision = 0 }: WatchResponse): void {
    if (compactRevision === 0) return
    const { compactions } = this.#order
    if (
      !compactions.wasRequested(compactRevision) ||
      compactions.possibleAt(at) < compactRevision
    ) {
      const text = `it was ended by a compaction at ${compactRevision}, which there was not`
      this.#found('watch-compacted', text, compactRevision)
    } else if (compactRevision <= this.#next) {
      const text = `it was ended by the compaction at ${compactRevision}, but needed only ${this.#next} and later`
      this.#found('watch-compacted', text, compactRevision)
    }
  }

  /** What should have come up to a revision. Without a kind it depends on where it is missing. */
  #searchGaps(revision: number, kind: ViolationKind | undefined): void {
    const { log } = this.#order
    for (let r = Math.max(this.#searched + 1, this.#start); r <= revision; r++) {
      for (const event of log[r] ?? []) {
        if (!this.#isWanted(event) || this.#told.has(`${r} ${event.kv.key}`)) continue
        const isAtStart = r < this.#firstTold
        const kindHere = kind ?? (isAtStart ? 'watch-resume' : 'watch-gap')
        const where = kind === 'watch-progress' ? `before progress ${revision}` : 'at all'
        this.#found(kindHere, `${eventText(event)} did not come ${where}`, r)
      }
    }
    this.#searched = Math.max(this.#searched, revision)
  }

  #found(kind: ViolationKind, text: string, revision?: number): void {
    const { id, member, request } = this.#watch
    const from = request.startRevision === undefined ? '' : ` from ${request.startRevision}`
    const sentence = `watch ${id} on ${member} of ${intervalText(request)}${from}: ${text}`
    const operations = revision === undefined ? undefined : this.#order.madeBy.get(revision)?.id
    this.#violations.push({
      kind,
      sentence,
      operations: operations === undefined ? [] : [operations],
      watch: id,
      ...(revision === undefined ? {} : { revision }),
    })
  }
}
