/**
 * What happens to some keys from a revision on, for the server's own use: a watch stream of the
 * hub that is read one output at a time. Whoever does not read costs no more than a slow client.
 */

import type { KeyRange } from '../base/key-range.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { WatchOutput } from '../mvcc/watch-output.ts'
import type { WatchStream } from '../mvcc/watch-stream.ts'

/** `startRevision` 0: from now on. */
export interface KeyWatchOptions {
  readonly startRevision: number
  readonly only: 'puts' | 'deletes' | 'both'
}

export class KeyWatch {
  readonly #stream: WatchStream
  #wake: (() => void) | undefined
  #isClosed = false

  constructor(hub: WatchHub) {
    // This runs in the middle of a commit: a waiting reader goes on later.
    this.#stream = hub.open(() => this.#wake?.())
  }

  add(range: KeyRange, { startRevision, only }: KeyWatchOptions): void {
    this.#stream.create(0n, {
      range,
      startRevision,
      withoutPuts: only === 'deletes',
      withoutDeletes: only === 'puts',
      withPrevious: false,
      progressNotify: false,
      fragment: false,
    })
  }

  /** Events, or the end of a watch whose next revision is compacted; undefined once closed. */
  async next(): Promise<WatchOutput | undefined> {
    while (!this.#isClosed) {
      const output = this.#stream.take()
      if (output === undefined) await new Promise<void>((resolve) => (this.#wake = resolve))
      else if (output.type !== 'created') return output
    }
    return undefined
  }

  /** May be called more than once. Not from within a commit. */
  close(): void {
    this.#isClosed = true
    this.#stream.close()
    this.#wake?.()
  }
}
