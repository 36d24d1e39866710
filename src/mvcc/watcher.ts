/** One watch of one stream: what it wants to hear, and how far it has heard it. */

import type { KeyRange } from '../base/key-range.ts'
import type { EventsOutput } from './watch-output.ts'
import type { WatchEvent } from './watch-event.ts'
import type { WatchStream } from './watch-stream.ts'

export interface WatchOptions {
  readonly range: KeyRange
  /** The first revision wanted; 0: what comes from now on. */
  readonly startRevision: number
  readonly withoutPuts: boolean
  readonly withoutDeletes: boolean
  readonly withPrevious: boolean
  readonly progressNotify: boolean
  readonly fragment: boolean
}

/**
 * synced: hears every revision as it is made. hungry: is behind, and waits to be fed from history.
 * feeding: is being fed. stalled: is behind, and its stream has no room. ended: hears no more.
 */
export type WatcherState = 'synced' | 'hungry' | 'feeding' | 'stalled' | 'ended'

export class Watcher {
  readonly stream: WatchStream
  readonly id: bigint
  readonly options: WatchOptions
  state: WatcherState
  /**
   * The next revision wanted: everything below is delivered, or was never wanted. While synced the
   * hub's next revision counts when it is greater, so that a commit need not touch those who are
   * not concerned.
   */
  next: number
  /** Its newest output, while more events may be added to that. */
  tail: EventsOutput | undefined
  /** Whether events were queued since the last progress notification fell due. */
  hasHeard: boolean

  constructor(stream: WatchStream, id: bigint, options: WatchOptions, next: number) {
    this.stream = stream
    this.id = id
    this.options = options
    this.state = 'ended'
    this.next = next
    this.tail = undefined
    this.hasHeard = false
  }

  wants({ type }: WatchEvent): boolean {
    return type === 'put' ? !this.options.withoutPuts : !this.options.withoutDeletes
  }
}
