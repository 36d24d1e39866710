/**
 * The snapshotter: takes a checkpoint every `--snapshot-count` entries and forgets the log behind
 * it. Invariant: the log is never compacted beyond the durable checkpoint.
 */

import type { Logger } from '../base/ports.ts'
import type { StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import { encodeCheckpoint } from './checkpoint.ts'
import { unmeasured, type Measure } from './measure.ts'

/** Entries kept behind a checkpoint, so that a slow member catches up from the log. */
const CATCH_UP_ENTRIES = 5000

export class Snapshotter {
  readonly #applier: Applier
  readonly #state: StateStore
  readonly #compactLog: (index: number) => Promise<void>
  readonly #snapshotCount: number
  readonly #logger: Logger
  readonly #measure: Measure
  #durableIndex: number
  #running: Promise<void> | undefined

  constructor(
    applier: Applier,
    state: StateStore,
    compactLog: (index: number) => Promise<void>,
    snapshotCount: number,
    logger: Logger,
    measure: Measure = unmeasured,
  ) {
    this.#applier = applier
    this.#state = state
    this.#compactLog = compactLog
    this.#snapshotCount = snapshotCount
    this.#logger = logger
    this.#measure = measure
    this.#durableIndex = applier.appliedIndex
  }

  /** The applied index of the last checkpoint on disk. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  onApplied(): void {
    const behind = this.#applier.appliedIndex - this.#durableIndex
    if (behind < this.#snapshotCount || this.#running !== undefined) return
    void this.#start()
  }

  /** Resolves when a checkpoint at the current applied index or later is on disk. */
  async take(): Promise<void> {
    const index = this.#applier.appliedIndex
    while (this.#durableIndex < index) await (this.#running ?? this.#start())
  }

  /** Resolves when everything written to the state store so far is on disk. */
  async barrier(): Promise<void> {
    while (this.#running !== undefined) await this.#running
    await this.#start()
  }

  /** Waits for the checkpoint being taken, if there is one. */
  async stop(): Promise<void> {
    await this.#running
  }

  #start(): Promise<void> {
    const running = this.#save().finally(() => (this.#running = undefined))
    this.#running = running
    return running
  }

  async #save(): Promise<void> {
    const checkpoint = this.#applier.checkpoint()
    await this.#measure(() => this.#state.saveCheckpoint(encodeCheckpoint(checkpoint)))
    this.#durableIndex = checkpoint.appliedIndex
    this.#logger.info('saved snapshot', {
      'snapshot-index': checkpoint.appliedIndex,
      revision: checkpoint.revision,
    })
    const compactIndex = checkpoint.appliedIndex - CATCH_UP_ENTRIES
    if (compactIndex > 0) await this.#compactLog(compactIndex)
  }
}
