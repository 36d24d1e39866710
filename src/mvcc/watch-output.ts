/** What a stream of watches says, in the order in which it is to be sent. */

import type { EncodedEvents } from './watch-event.ts'

export type WatchRejection = 'compacted' | 'empty-range' | 'duplicate-id'

export interface EventsOutput {
  readonly type: 'events'
  readonly watchId: bigint
  /** Every event of the watch up to this revision is in this output or came before it. */
  revision: number
  events: EncodedEvents
  /** The same list, once it is this output's own. */
  ownEvents: Uint8Array[] | undefined
  bytes: number
  readonly fragment: boolean
}

export interface ProgressOutput {
  readonly type: 'progress'
  /** Undefined: for all watches of the stream. */
  readonly watchId: bigint | undefined
  revision: number
}

export type WatchOutput =
  | { readonly type: 'created'; readonly watchId: bigint; readonly revision: number }
  | { readonly type: 'rejected'; readonly reason: WatchRejection; readonly revision: number }
  | { readonly type: 'cancelled'; readonly watchId: bigint; readonly revision: number }
  | { readonly type: 'compacted'; readonly watchId: bigint; readonly compactRevision: number }
  | EventsOutput
  | ProgressOutput
