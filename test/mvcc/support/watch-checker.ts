/**
 * What a watch may say, judged against the write log. One checker follows one watch from its
 * creation and is told every output about it; it knows nothing of the hub.
 */

import { rangeContains } from '../../../src/base/key-range.ts'
import type { WatchOutput } from '../../../src/mvcc/watch-output.ts'
import type { WatchOptions } from '../../../src/mvcc/watcher.ts'
import { decodeKeyValue } from '../../../src/rpc/codec/mvccpb.ts'
import { readEvent } from '../../../src/rpc/codec/mvccpb.ts'
import { Reader } from '../../../src/rpc/codec/wire.ts'
import type { HistoryModel, ModelRecord } from '../../support/history-model.ts'

interface SeenEvent {
  readonly revision: number
  readonly text: string
  readonly previous: string | undefined
}

export class WatchChecker {
  readonly options: WatchOptions
  readonly #model: HistoryModel
  #first = 0
  #state: 'asked' | 'open' | 'ended' = 'asked'
  #seen: SeenEvent[] = []
  /** Everything up to here has been told, as the watch itself claims. */
  #claimed = 0
  compactRevision: number | undefined

  constructor(model: HistoryModel, options: WatchOptions) {
    this.#model = model
    this.options = options
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  get eventCount(): number {
    return this.#seen.length
  }

  on(output: WatchOutput): void {
    if (output.type === 'created') {
      this.#require(this.#state === 'asked', 'created once, and first')
      this.#state = 'open'
      this.#first = this.options.startRevision || output.revision + 1
      this.#claimed = this.#first - 1
      return
    }
    this.#require(this.#state === 'open', `nothing before created or after the end: ${output.type}`)
    switch (output.type) {
      case 'events':
        return this.#onEvents(output)
      case 'progress':
        this.#require(output.revision >= this.#claimed, 'progress does not go back')
        return this.#claim(output.revision)
      case 'compacted':
        this.#state = 'ended'
        this.compactRevision = output.compactRevision
        this.#require(output.compactRevision > this.#claimed, 'only what is missed ends a watch')
        return this.#isPrefix()
      case 'cancelled':
        this.#state = 'ended'
        return this.#isPrefix()
      case 'rejected':
        throw new Error('a rejection names no watch')
    }
  }

  /** At the end of a run: an open watch has heard all there is. */
  finish(): void {
    if (this.isOpen) this.#claim(this.#model.current)
  }

  #onEvents(output: Extract<WatchOutput, { type: 'events' }>): void {
    const events = output.events.map((bytes) => decodeEvent(bytes))
    this.#require(events.length > 0, 'no empty list of events')
    for (const event of events) {
      this.#require(event.revision >= this.#first, 'nothing below the start revision')
      this.#require(event.revision > this.#claimed, 'nothing twice, no revision in two outputs')
      const before = this.#seen.at(-1)?.revision ?? 0
      this.#require(event.revision >= before, 'events in revision order')
      this.#seen.push(event)
    }
    this.#claim(output.revision)
  }

  /** What came so far is exactly what the log has up to the revision. */
  #claim(revision: number): void {
    this.#claimed = Math.max(this.#claimed, revision)
    const expected = this.#expected(this.#claimed)
    const seen = this.#seen.map(({ text }) => text)
    this.#require(
      JSON.stringify(seen) === JSON.stringify(expected.map(({ text }) => text)),
      `all events up to ${revision}: ${JSON.stringify(seen)} for ${JSON.stringify(expected)}`,
    )
    for (const [i, { previous, revision: at }] of this.#seen.entries()) {
      const wanted = this.options.withPrevious ? expected[i]!.previous : undefined
      const mayMiss = at - 1 < this.#model.compacted
      if (previous === wanted || (previous === undefined && mayMiss)) continue
      this.#require(false, `the previous value ${previous} instead of ${wanted}`)
    }
  }

  #isPrefix(): void {
    const expected = this.#expected(Infinity).slice(0, this.#seen.length)
    this.#require(
      JSON.stringify(this.#seen.map(({ text }) => text)) ===
        JSON.stringify(expected.map(({ text }) => text)),
      'nothing left out before the end',
    )
  }

  #expected(last: number): SeenEvent[] {
    const { range, withoutPuts, withoutDeletes } = this.options
    return this.#model.records
      .filter(({ main }) => main >= this.#first && main <= last)
      .filter(({ key }) => rangeContains(range, key))
      .filter(({ value }) => (value === undefined ? !withoutDeletes : !withoutPuts))
      .map((record) => ({
        revision: record.main,
        text: textOf(record),
        previous: this.#previousOf(record),
      }))
  }

  #previousOf(record: ModelRecord): string | undefined {
    if (record.value !== undefined && record.createRevision === record.main) return undefined
    const previous = this.#model.stateAt(record.main - 1).get(record.key)
    return previous === undefined ? undefined : textOf(previous)
  }

  #require(holds: boolean, what: string): void {
    if (!holds) throw new Error(`${what} (watch ${JSON.stringify(this.options)})`)
  }
}

function textOf({ key, main, value, version, createRevision, lease }: ModelRecord): string {
  if (value === undefined) return `delete ${key}@${main}`
  return `put ${key}@${main} ${value} v${version} c${createRevision} l${lease}`
}

function decodeEvent(bytes: Uint8Array): SeenEvent {
  const reader = new Reader(bytes)
  if (reader.tag() !== 0x5a) throw new Error('an event has the tag of WatchResponse.events')
  reader.enter()
  const { type, kv, prevKv } = readEvent(reader)
  if (kv === undefined) throw new Error('an event has a kv')
  return {
    revision: decodeKeyValue(kv).modRevision,
    text: textOfKeyValue(kv, type === 1),
    previous: prevKv === undefined ? undefined : textOfKeyValue(prevKv, false),
  }
}

function textOfKeyValue(bytes: Uint8Array, isDelete: boolean): string {
  const { key, modRevision: main, value, version, createRevision, lease } = decodeKeyValue(bytes)
  if (isDelete && (version | createRevision | value.length) !== 0) throw new Error('a bare delete')
  const text = isDelete ? undefined : Buffer.from(value).toString()
  return textOf({ key, main, sub: 0, value: text, version, createRevision, lease })
}
