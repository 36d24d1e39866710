/**
 * What is known of revisions that no answered call explains: from members' logs, from watches, and
 * from the kvs that reads and final states show.
 *
 * Why only those: where an answer says what was written, the answer is the better witness, and the
 * others are judged by it.
 */

import {
  type History,
  type KeyValue,
  type KvEvent,
  type MemberLog,
  type Request,
  type Watch,
} from './history.ts'
import { eventsText, eventText } from './differences.ts'
import { kvsOf } from './steps.ts'
import { isOfEverything, toldRevisions } from './write-log.ts'

export type Evidence =
  /** All changes of the revision, in order. */
  | { readonly type: 'full'; readonly events: readonly KvEvent[] }
  /** Some of them; perhaps none. */
  | { readonly type: 'partial'; readonly events: readonly KvEvent[] }

const NONE: Evidence = { type: 'partial', events: [] }

export class EvidenceOfGaps {
  readonly #isGap: (revision: number) => boolean
  /** How often each list of events was told. */
  readonly #full = new Map<number, Map<string, { events: readonly KvEvent[]; votes: number }>>()
  readonly #partial = new Map<number, Map<string, KvEvent>>()

  constructor(history: History, isGap: (revision: number) => boolean) {
    this.#isGap = isGap
    for (const log of history.logs) this.#addLog(log)
    for (const watch of history.watches) this.#addWatch(watch)
    for (const { request, outcome } of history.operations) {
      if (outcome.type !== 'ok' || hidesValues(request)) continue
      for (const kv of kvsOf(outcome.result)) this.#addKv(kv)
    }
    for (const { kvs } of history.finals) for (const kv of kvs) this.#addKv(kv)
  }

  at(revision: number): Evidence {
    const lists = this.#full.get(revision)
    if (lists !== undefined) {
      const [most] = [...lists.values()].sort((a, b) => b.votes - a.votes)
      if (most !== undefined) return { type: 'full', events: most.events }
    }
    const events = this.#partial.get(revision)
    return events === undefined ? NONE : { type: 'partial', events: [...events.values()] }
  }

  /** A log outweighs any number of watches. */
  #addLog({ changes }: MemberLog): void {
    for (const { revision, events } of changes) this.#vote(revision, events, 1000)
  }

  #addWatch(watch: Watch): void {
    const isFull = isOfEverything(watch)
    for (const { revision, events, isWhole } of toldRevisions(watch, this.#isGap)) {
      if (isFull && isWhole) this.#vote(revision, events, 1)
      else for (const event of events) this.#addPart(event)
      for (const { prevKv } of events) if (prevKv !== undefined) this.#addKv(prevKv)
    }
  }

  #vote(revision: number, events: readonly KvEvent[], votes: number): void {
    if (!this.#isGap(revision)) return
    const lists = this.#full.get(revision) ?? new Map()
    this.#full.set(revision, lists)
    const text = eventsText(events)
    const list = lists.get(text) ?? { events, votes: 0 }
    lists.set(text, { events, votes: list.votes + votes })
  }

  #addKv(kv: KeyValue): void {
    if (this.#isGap(kv.modRevision)) this.#addPart({ type: 'put', kv })
  }

  #addPart(event: KvEvent): void {
    const revision = event.kv.modRevision
    const events = this.#partial.get(revision) ?? new Map<string, KvEvent>()
    this.#partial.set(revision, events)
    const text = eventText(event)
    if (!events.has(text)) events.set(text, event)
  }
}

/** Whether its answer may have kvs without their values. */
function hidesValues(request: Request): boolean {
  if (request.type === 'range') return request.keysOnly === true
  return request.type === 'txn' && [...request.success, ...request.failure].some(hidesValues)
}
