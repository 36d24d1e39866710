/**
 * The compactor: removes compacted history from disk, in slices, in the background.
 *
 * A compaction takes effect for readers the moment it is applied. Its records may go only once a
 * checkpoint that knows of it is durable: replay from an older one would need the versions that
 * the cut removes, to give keys the same create_revision and version again.
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { Store } from '../mvcc/store.ts'
import type { Snapshotter } from './snapshotter.ts'
import { delay, nextTurn } from './turn.ts'

/** Keys looked at and records deleted in one slice: about half a millisecond of work. */
const SLICE_WORK = 100
/** How often a cut looks again whether the read that holds it up has ended. */
const BLOCKED_RETRY_MS = 10

export class Compactor {
  readonly #store: Store
  readonly #snapshotter: Snapshotter
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onFinished: (tookMs: number) => void
  #running: Promise<void> | undefined
  #stopped = false
  #paused = false

  constructor(
    store: Store,
    snapshotter: Snapshotter,
    clock: Clock,
    logger: Logger,
    onFinished: (tookMs: number) => void = () => undefined,
  ) {
    this.#store = store
    this.#snapshotter = snapshotter
    this.#clock = clock
    this.#logger = logger
    this.#onFinished = onFinished
  }

  /** Starts cutting what is due, at start-up or after a compaction was applied. */
  schedule(): void {
    if (this.#isHalted || !this.#isDue()) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      this.schedule()
    })
  }

  /** Resolves when everything compacted so far is gone from the store. */
  async finished(): Promise<void> {
    const revision = this.#store.compactedRevision
    while (this.#store.finishedCompactRevision < revision && !this.#stopped) {
      this.schedule()
      await (this.#running ?? delay(BLOCKED_RETRY_MS))
    }
  }

  /** Resolves when nothing is being cut, and nothing will be until `resume`. */
  async pause(): Promise<void> {
    this.#paused = true
    await this.#running
  }

  resume(): void {
    this.#paused = false
    this.schedule()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  get #isHalted(): boolean {
    return this.#stopped || this.#paused
  }

  #isDue(): boolean {
    return this.#store.finishedCompactRevision < this.#store.compactedRevision
  }

  async #run(): Promise<void> {
    const startMs = this.#clock.nowMs()
    const revision = this.#store.compactedRevision
    await this.#snapshotter.take()
    const compaction = this.#store.compaction(revision)
    if (compaction === undefined) return
    for (;;) {
      if (this.#isHalted) return
      const step = compaction.step(SLICE_WORK)
      if (step === 'done') break
      if (step === 'barrier') {
        await this.#snapshotter.barrier()
        compaction.barrierPassed()
      } else {
        await (step === 'blocked' ? delay(BLOCKED_RETRY_MS) : nextTurn())
      }
    }
    const tookMs = this.#clock.nowMs() - startMs
    this.#onFinished(tookMs)
    this.#logger.info('finished scheduled compaction', {
      'compact-revision': revision,
      'took-ms': Math.round(tookMs),
    })
  }
}
