/**
 * WatchResponse messages. Events come encoded from the hub and are the last field of the message,
 * so a response is a small head followed by their bytes.
 */

import {
  encodeWatchResponse,
  sizeOfWatchResponse,
  writeWatchResponse,
  type WatchResponseInput,
} from '../rpc/codec/etcdserverpb.ts'
import type { EventsOutput, WatchOutput, WatchRejection } from '../mvcc/watch-output.ts'
import { errorText } from './errors.ts'
import type { ResponseHeaders } from './response-header.ts'

/** A response larger than this is not kept for the next stream. */
const KEPT_BYTES_MAX = 128 * 1024
/** Stands for no watch, and for all of a stream. */
const NO_WATCH = -1n

const REASONS: Readonly<Record<WatchRejection, string>> = {
  compacted: errorText('compacted'),
  'empty-range': 'mvcc: watcher range is empty',
  'duplicate-id': 'mvcc: duplicate watch ID provided on the WatchStream',
}

export class WatchResponses {
  readonly #headers: ResponseHeaders
  readonly #fragmentBytes: number
  /** The whole response that was encoded last: streams that watch alike get alike responses. */
  #last:
    { readonly output: EventsOutput; readonly term: number; readonly bytes: Uint8Array } | undefined

  /** A response that may be fragmented is cut at `fragmentBytes`, between two events. */
  constructor(headers: ResponseHeaders, fragmentBytes: number) {
    this.#headers = headers
    this.#fragmentBytes = fragmentBytes
  }

  /** The messages to send for one output: one, but for events that are fragmented. */
  encode(output: WatchOutput): readonly Uint8Array[] {
    if (output.type === 'events') return this.#encodeEvents(output)
    return [encodeWatchResponse(this.#control(output))]
  }

  #control(output: Exclude<WatchOutput, EventsOutput>): WatchResponseInput {
    switch (output.type) {
      case 'created': {
        const { watchId, revision } = output
        return { header: this.#headers.at(revision), watchId, created: true }
      }
      case 'rejected':
        return {
          header: this.#headers.at(output.revision),
          watchId: NO_WATCH,
          created: true,
          canceled: true,
          cancelReason: REASONS[output.reason],
        }
      case 'cancelled': {
        const { watchId, revision } = output
        return { header: this.#headers.at(revision), watchId, canceled: true }
      }
      case 'compacted': {
        const { watchId, compactRevision } = output
        return { header: this.#headers.at(0), watchId, canceled: true, compactRevision }
      }
      case 'progress': {
        const { watchId = NO_WATCH, revision } = output
        return { header: this.#headers.at(revision), watchId }
      }
    }
  }

  #encodeEvents(output: EventsOutput): readonly Uint8Array[] {
    const { revision, watchId, events } = output
    const header = this.#headers.at(revision)
    const term = header.raftTerm ?? 0
    const last = this.#last
    if (last !== undefined && last.term === term && isAlike(last.output, output)) {
      return [last.bytes]
    }
    const head = { header, watchId }
    const pieces = output.fragment ? this.#cut(head, events) : [events]
    const messages = pieces.map((piece, i) =>
      join(i < pieces.length - 1 ? { ...head, fragment: true } : head, piece),
    )
    const [bytes] = messages
    // What is large is not kept: it would stay until the next one.
    const isKept = messages.length === 1 && bytes !== undefined && bytes.length <= KEPT_BYTES_MAX
    this.#last = isKept ? { output, term, bytes } : undefined
    return messages
  }

  /** As many events in each piece as fit, and at least one; etcd's way to cut. */
  #cut(head: WatchResponseInput, events: readonly Uint8Array[]): (readonly Uint8Array[])[] {
    const whole = events.reduce((sum, { length }) => sum + length, sizeOfWatchResponse(head))
    if (whole < this.#fragmentBytes || events.length < 2) return [events]
    const headSize = sizeOfWatchResponse({ ...head, fragment: true })
    let piece: Uint8Array[] = []
    const pieces = [piece]
    let size = headSize
    for (const event of events) {
      if (piece.length > 0 && size + event.length >= this.#fragmentBytes) {
        pieces.push((piece = []))
        size = headSize
      }
      piece.push(event)
      size += event.length
    }
    return pieces
  }
}

function isAlike(a: EventsOutput, b: EventsOutput): boolean {
  if (a.watchId !== b.watchId || a.revision !== b.revision || a.bytes !== b.bytes) return false
  if (a.fragment !== b.fragment || a.events.length !== b.events.length) return false
  for (let i = 0; i < a.events.length; i++) if (a.events[i] !== b.events[i]) return false
  return true
}

function join(head: WatchResponseInput, events: readonly Uint8Array[]): Uint8Array {
  const headSize = sizeOfWatchResponse(head)
  let size = headSize
  for (const { length } of events) size += length
  const bytes = Buffer.allocUnsafe(size)
  writeWatchResponse(bytes, headSize, head)
  let at = headSize
  for (const event of events) {
    bytes.set(event, at)
    at += event.length
  }
  return bytes
}
