/**
 * The snapshotter: takes a checkpoint every `--snapshot-count` entries, or 64 MiB of them, and
 * forgets the log behind it, so that a start has a bounded log to read and to replay.
 *
 * Invariant: the log is never compacted beyond the durable checkpoint.
 */

import type { Logger } from '../base/ports.ts'
import type { StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import { encodeCheckpoint } from './checkpoint.ts'
import { unmeasured, type Measure } from './measure.ts'

/** Entries kept behind a checkpoint are about this much at most, beyond what came since the last. */
const CATCH_UP_BYTES = 64 * 1024 * 1024
const CHECKPOINT_BYTES = 64 * 1024 * 1024
/** Checkpoints closer together than this are one mark, so that idle compactions leave no trail. */
const MARK_BYTES = 8 * 1024 * 1024

/** A checkpoint on disk, and the bytes of all entries that had come by then. */
interface Mark {
  readonly index: number
  readonly bytes: number
}

export interface SnapshotterOptions {
  /** Applied entries between two checkpoints. */
  readonly snapshotCount: number
  /** Entries kept behind a checkpoint, so that a slow member catches up from the log. */
  readonly catchUpEntries: number
  /** Entries behind this index are needed, by a member that is being sent a snapshot. */
  readonly heldIndex: () => number
}

export class Snapshotter {
  readonly #applier: Applier
  readonly #state: StateStore
  readonly #compactLog: (index: number) => Promise<void>
  readonly #options: SnapshotterOptions
  readonly #logger: Logger
  readonly #measure: Measure
  #durableIndex: number
  /** Of all entries applied by this process. */
  #appliedBytes = 0
  /** Of those that the last checkpoint covers. */
  #durableBytes = 0
  /** Checkpoints, MARK_BYTES apart or more, up to which the log may be cut; oldest first. */
  #marks: Mark[] = []
  #running: Promise<void> | undefined
  #paused = false

  constructor(
    applier: Applier,
    state: StateStore,
    compactLog: (index: number) => Promise<void>,
    options: SnapshotterOptions,
    logger: Logger,
    measure: Measure = unmeasured,
  ) {
    this.#applier = applier
    this.#state = state
    this.#compactLog = compactLog
    this.#options = options
    this.#logger = logger
    this.#measure = measure
    this.#durableIndex = applier.appliedIndex
  }

  /** Bytes of all entries that this process has applied. */
  get appliedBytes(): number {
    return this.#appliedBytes
  }

  /** The applied index of the last checkpoint on disk. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  /** Told of every entry that is applied. */
  onEntry(bytes: number): void {
    this.#appliedBytes += bytes
  }

  onApplied(): void {
    if (this.#running !== undefined || this.#paused) return
    const entries = this.#applier.appliedIndex - this.#durableIndex
    const bytes = this.#appliedBytes - this.#durableBytes
    if (entries >= this.#options.snapshotCount || bytes >= CHECKPOINT_BYTES) void this.#start()
  }

  /** Another member's state was put in place of this one's, with its checkpoint. */
  onInstalled(): void {
    this.#durableIndex = this.#applier.appliedIndex
    this.#durableBytes = this.#appliedBytes
    this.#marks = []
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

  /** Resolves when no checkpoint is being taken, and none will be by itself until `resume`. */
  async pause(): Promise<void> {
    this.#paused = true
    while (this.#running !== undefined) await this.#running
  }

  resume(): void {
    this.#paused = false
  }

  #start(): Promise<void> {
    const running = this.#save().finally(() => (this.#running = undefined))
    this.#running = running
    return running
  }

  async #save(): Promise<void> {
    const checkpoint = this.#applier.checkpoint()
    const mark = { index: checkpoint.appliedIndex, bytes: this.#appliedBytes }
    await this.#measure(() => this.#state.saveCheckpoint(encodeCheckpoint(checkpoint)))
    this.#durableIndex = mark.index
    this.#durableBytes = mark.bytes
    this.#logger.info('saved snapshot', {
      'snapshot-index': checkpoint.appliedIndex,
      revision: checkpoint.revision,
    })
    const last = this.#marks.at(-1)
    if (last === undefined || mark.bytes - last.bytes >= MARK_BYTES) this.#marks.push(mark)
    const { catchUpEntries, heldIndex } = this.#options
    const compactIndex = Math.min(
      Math.max(mark.index - catchUpEntries, this.#indexBehindCatchUpBytes(mark)),
      heldIndex(),
    )
    if (compactIndex > 0) await this.#compactLog(compactIndex)
  }

  /** The newest checkpoint with enough bytes of entries after it; 0 for none. Forgets older ones. */
  #indexBehindCatchUpBytes({ bytes }: Mark): number {
    const at = this.#marks.findLastIndex((mark) => bytes - mark.bytes >= CATCH_UP_BYTES)
    if (at > 0) this.#marks = this.#marks.slice(at)
    return at === -1 ? 0 : (this.#marks[0]?.index ?? 0)
  }
}
