/**
 * The state store on LevelDB: records written unsynced by a background flusher, and a checkpoint
 * that makes all of them durable.
 *
 * Why a barrier before the checkpoint: LevelDB keeps no order between unsynced writes when it
 * turns to a new log file, because the old one is closed without fsync. compactRange first turns
 * to a new log file and waits until the memtable behind the old one is a synced table that the
 * synced manifest names; over a key interval without any key that is all it does.
 *
 * Invariant: a checkpoint that open() returns has every record written before it was saved.
 */

import type { BackendRecord } from '../base/ports.ts'
import { assert } from '../base/assert.ts'
import { keyFromBytes } from '../base/key.ts'
import { encodeCheckpoint } from './checkpoint-record.ts'
import { FailStop, reasonOf } from './fail-stop.ts'
import { REAL_FILES } from './files.ts'
import { corrupt, unwritable } from './level.ts'
import { ParallelRead } from './parallel-read.ts'
import type { RecordView, StagedState, StateStore, StorageFailure, StoreOptions } from './ports.ts'
import { decodeRecord, RecordCodec, storedBound } from './record-codec.ts'
import { LevelRecordView, type OpenRead, type ViewHost } from './record-view.ts'
import { LevelStagedState } from './staged-state.ts'
import { COPIES, openStateDatabase, RECORDS, stateBytes } from './state-database.ts'
import type { OpenedStateDatabase, StateDatabase } from './state-database.ts'
import { StateDirectory } from './state-directory.ts'
import { WriteBuffer } from './write-buffer.ts'
import type { PendingWrite } from './write-buffer.ts'

export type OpenedStateStore =
  | {
      readonly ok: true
      readonly store: StateStore
      /** What the last saveCheckpoint saved; undefined when none ever completed. */
      readonly checkpoint: Uint8Array | undefined
    }
  | StorageFailure

/**
 * A batch is written when this much waits: its encoding takes about 0.3 ms of the main thread.
 * Why it is done there: handing packed batches to a worker thread saved half a microsecond of it
 * per record, and cost the process more than one. Larger batches save less, and hold it longer.
 */
const FLUSH_BYTES = 128 * 1024
/** Or when the oldest write has waited this long. */
const FLUSH_DELAY_MS = 10

/**
 * Opens the store in `directory`; creates it when the directory is absent or empty. A damaged
 * copy of the checkpoint is repaired from the other; both damaged is refused. An installation
 * that a crash interrupted is finished, one that had not begun is forgotten. Call it with the
 * Raft log open: that is the lock on both.
 */
export async function openStateStore(
  path: string,
  options: StoreOptions,
): Promise<OpenedStateStore> {
  const directory = new StateDirectory(options.files ?? REAL_FILES, path)
  const opened = await openRecovered(directory, options)
  if (!opened.ok) return opened
  const { database, saved } = opened
  try {
    await directory.removeStaged()
    await directory.removeOld()
  } catch (error) {
    await database.close()
    return unwritable(path, error)
  }
  const store = new LevelStateStore(directory, opened, options)
  return { ok: true, store, checkpoint: saved?.checkpoint }
}

async function openRecovered(
  directory: StateDirectory,
  { logger }: StoreOptions,
): Promise<OpenedStateDatabase> {
  const { live } = directory
  try {
    if (!(await directory.recover())) {
      return corrupt(live, 'it is missing beside what is left of an installed state')
    }
  } catch (error) {
    return unwritable(live, error)
  }
  return openStateDatabase(directory.files, live, logger)
}

class LevelStateStore implements StateStore {
  readonly #directory: StateDirectory
  readonly #options: StoreOptions
  readonly #failStop: FailStop
  readonly #codec: RecordCodec
  /** Open scans, and open views of whoever copies the state. */
  readonly #scans: Set<OpenRead>
  readonly #views: Set<OpenRead>
  #database: StateDatabase
  /** That of the record, as stored, which was put last since it was opened; or deleted, before any. */
  #newestKey: Buffer | undefined
  /** Of the files of its records, when it was opened. */
  #openedBytes: number
  #buffer: WriteBuffer
  #checkpointSequence: number
  #bytesInUse: number
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined
  #isSaving: boolean
  #defragmenting: Promise<void>
  #staged: LevelStagedState | undefined
  #installing: Promise<void> | undefined
  #removing: Promise<void>

  constructor(
    directory: StateDirectory,
    { database, saved, bytes }: Extract<OpenedStateDatabase, { ok: true }>,
    options: StoreOptions,
  ) {
    this.#directory = directory
    this.#options = options
    this.#failStop = new FailStop(options.onFatal)
    this.#codec = new RecordCodec()
    this.#scans = new Set()
    this.#views = new Set()
    this.#database = database
    this.#newestKey = undefined
    this.#openedBytes = bytes
    this.#buffer = new WriteBuffer()
    this.#checkpointSequence = saved?.sequence ?? 0
    this.#bytesInUse = 0
    this.#flushing = undefined
    this.#timer = undefined
    this.#soon = undefined
    this.#isSaving = false
    this.#defragmenting = Promise.resolve()
    this.#staged = undefined
    this.#installing = undefined
    this.#removing = Promise.resolve()
  }

  get bytesInUse(): number {
    return this.#bytesInUse
  }

  get pendingBytes(): number {
    return this.#buffer.bytes
  }

  setBytesInUse(bytes: number): void {
    this.#bytesInUse = bytes
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkLive()
    const name = keyFromBytes(key)
    const pending = this.#buffer.find(name)
    if (pending !== undefined) return pending.value
    const storedKey = this.#codec.key(name)
    const stored = this.#read(storedKey)
    return stored === undefined ? undefined : this.#decode(storedKey, stored)
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#checkLive()
    const name = keyFromBytes(key)
    const replaced = this.#buffer.find(name)?.value
    if (replaced !== undefined) this.#bytesInUse -= key.length + replaced.length
    this.#bytesInUse += key.length + value.length
    this.#buffer.add(name, value)
    this.#schedule()
  }

  delete(key: Uint8Array): void {
    const value = this.get(key)
    if (value === undefined) return
    this.#bytesInUse -= key.length + value.length
    this.#buffer.add(keyFromBytes(key), undefined)
    this.#schedule()
  }

  async *scan(start: Uint8Array, end: Uint8Array): AsyncGenerator<readonly BackendRecord[]> {
    this.#checkLive()
    await this.flush()
    this.#checkLive()
    yield* this.#view(storedBound(start), storedBound(end), this.#scans)
  }

  async *readAll(): AsyncGenerator<readonly BackendRecord[]> {
    this.#checkLive()
    await this.flush()
    this.#checkLive()
    const { threads } = this.#directory.files
    if (threads === undefined || threads.count === 0 || this.#openedBytes < threads.fromBytes) {
      yield* this.#view(RECORDS.start, RECORDS.end, this.#scans)
      return
    }
    const host = this.#hostOf(this.#scans)
    const read = new ParallelRead(this.#database.records, this.#openedBytes, threads, host)
    this.#scans.add(read)
    const failure = await read.start()
    if (failure === undefined) yield* read.batches()
    else {
      this.#options.logger.warn('the state is read without threads', { error: failure })
      yield* this.#view(RECORDS.start, RECORDS.end, this.#scans)
    }
  }

  /** Without a flush: while writes come without a pause, the buffer is never empty. */
  async exportRecords(): Promise<RecordView> {
    this.#checkLive()
    return this.#view(RECORDS.start, RECORDS.end, this.#views, this.#buffer.pending())
  }

  async flush(): Promise<void> {
    const { addedCount } = this.#buffer
    while (this.#buffer.doneCount < addedCount) await (this.#flushing ?? this.#startFlush())
    if (this.#failStop.failed) await this.#failStop.never()
  }

  async saveCheckpoint(checkpoint: Uint8Array): Promise<void> {
    this.#checkLive()
    assert(!this.#isSaving, 'one checkpoint is saved at a time')
    this.#isSaving = true
    await this.flush()
    const sequence = this.#checkpointSequence + 1
    const bytes = encodeCheckpoint({ sequence, checkpoint })
    try {
      await this.#barrier()
      for (const position of COPIES) {
        if (this.#failStop.failed) return await this.#failStop.never()
        await this.#database.writeCopy(position, bytes)
      }
      await this.#database.settleCopies()
    } catch (error) {
      this.#fail('saving a checkpoint to', error)
    }
    if (this.#failStop.failed) await this.#failStop.never()
    this.#checkpointSequence = sequence
    this.#isSaving = false
  }

  async stage(): Promise<StagedState> {
    const { failed } = this.#failStop
    if (failed) return this.#failStop.never()
    const before = this.#staged
    assert(before?.isOpen !== true, 'one state is staged at a time')
    const staged = new LevelStagedState(this.#directory, this.#options.logger)
    this.#staged = staged
    await before?.abort()
    await this.#installing
    await this.#removing
    await staged.begin()
    return staged
  }

  async install(staged: StagedState): Promise<void> {
    this.#checkLive()
    const ready = this.#staged
    assert(ready !== undefined && ready === staged, 'a staged state of this store is installed')
    assert(!this.#isSaving, 'no checkpoint is saved while a state is installed')
    assert(this.#scans.size === 0, 'no scan is under way when a state is installed')
    ready.markInstalled()
    this.#cancelSchedule()
    this.#installing = this.#install().catch((error: unknown) => {
      this.#fail('installing a state in', error)
      return this.#failStop.never()
    })
    await this.#installing
  }

  diskBytes(): Promise<number> {
    return stateBytes(this.#directory.files, this.#directory.live)
  }

  async defragment(): Promise<void> {
    await this.#installing
    await this.flush()
    const defragmenting = this.#database.rewriteRecords()
    this.#defragmenting = defragmenting.catch(() => undefined)
    await defragmenting
  }

  async close(): Promise<void> {
    if (!this.#failStop.failed) {
      await this.#installing
      await this.flush()
    }
    this.#cancelSchedule()
    await this.#endViews()
    await this.#staged?.abort()
    await this.#removing
    await this.#database.close()
  }

  /** Writes of the old state that wait are dropped: the new one is newer. */
  async #install(): Promise<void> {
    await this.#flushing
    await this.#defragmenting
    await this.#endViews()
    await this.#removing
    await this.#database.close()
    await this.#directory.switch()
    const opened = await openStateDatabase(
      this.#directory.files,
      this.#directory.live,
      this.#options.logger,
    )
    if (!opened.ok) throw new Error(opened.message)
    if (opened.saved === undefined) throw new Error('the installed state has no checkpoint')
    this.#database = opened.database
    this.#newestKey = undefined
    this.#openedBytes = opened.bytes
    this.#buffer = new WriteBuffer()
    this.#checkpointSequence = opened.saved.sequence
    this.#bytesInUse = 0
    this.#installing = undefined
    this.#removing = this.#removeOld()
  }

  async #removeOld(): Promise<void> {
    try {
      await this.#directory.removeOld()
    } catch (error) {
      // The next stage(), or the next start, tries again.
      this.#options.logger.warn('cannot remove the replaced state', { error: reasonOf(error) })
    }
  }

  #checkLive(): void {
    assert(this.#installing === undefined, 'a state store that is being replaced is left alone')
  }

  #view(
    start: Buffer,
    end: Buffer,
    open: Set<OpenRead>,
    pending: readonly PendingWrite[] = [],
  ): LevelRecordView {
    const view = new LevelRecordView(
      this.#database.records,
      start,
      end,
      pending,
      this.#hostOf(open),
    )
    open.add(view)
    return view
  }

  #hostOf(open: Set<OpenRead>): ViewHost {
    return {
      decode: (storedKey, stored) => this.#decode(storedKey, stored),
      onReadError: (error) => this.#fail('reading', error),
      onEnded: (ended) => void open.delete(ended),
    }
  }

  async #endViews(): Promise<void> {
    await Promise.all([...this.#views, ...this.#scans].map((view) => view.end()))
  }

  #schedule(): void {
    if (this.#flushing !== undefined || this.#soon !== undefined) return
    if (this.#buffer.queuedBytes >= FLUSH_BYTES) {
      this.#soon = setImmediate(() => void this.#startFlush())
    } else {
      this.#timer ??= setTimeout(() => void this.#startFlush(), FLUSH_DELAY_MS)
    }
  }

  #cancelSchedule(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#soon)
    this.#timer = undefined
    this.#soon = undefined
  }

  /** Writes one batch of what waits. Only one is under way at a time; errors end the store. */
  #startFlush(): Promise<void> {
    this.#cancelSchedule()
    if (this.#flushing !== undefined) return this.#flushing
    if (this.#failStop.failed) return this.#failStop.never()
    const writes = this.#buffer.take(FLUSH_BYTES)
    const batch = this.#database.records.batch()
    for (const { key, value } of writes) {
      if (value === undefined) {
        batch.del(this.#codec.key(key))
      } else {
        const record = this.#codec.encode(key, value)
        batch.put(record.key, record.value)
      }
    }
    this.#noteKeys(writes)
    return this.#write(batch.write(), () => this.#buffer.done(writes))
  }

  #noteKeys(writes: readonly PendingWrite[]): void {
    const put = writes.findLast(({ value }) => value !== undefined)
    const newest = put ?? (this.#newestKey === undefined ? writes.at(-1) : undefined)
    if (newest !== undefined) this.#newestKey = Buffer.from(this.#codec.key(newest.key))
  }

  /** Between two batches. */
  async #barrier(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
    if (this.#failStop.failed) await this.#failStop.never()
    await this.#write(this.#database.barrier(this.#newestKey))
  }

  /** The only write to the records that is under way; errors end the store. */
  #write(write: Promise<void>, onDone?: () => void): Promise<void> {
    const written = write.then(
      () => {
        onDone?.()
        this.#flushing = undefined
        if (this.#installing === undefined && !this.#buffer.isQueueEmpty) this.#schedule()
      },
      (error: unknown) => {
        this.#fail('writing to', error)
        return this.#failStop.never()
      },
    )
    this.#flushing = written
    return written
  }

  #read(storedKey: Buffer): Uint8Array | undefined {
    try {
      return this.#database.records.getSync(storedKey)
    } catch (error) {
      throw this.#fail('reading', error)
    }
  }

  #decode(storedKey: Uint8Array, stored: Uint8Array): Uint8Array {
    const value = decodeRecord(storedKey, stored)
    if (value !== undefined) return value
    const name = Buffer.from(storedKey.subarray(1)).toString('hex')
    throw this.#failStop.fail(`state record ${name} in ${this.#directory.live} is corrupt`)
  }

  #fail(doing: string, error: unknown): Error {
    const reason = reasonOf(error)
    return this.#failStop.fail(
      `${doing} the state store in ${this.#directory.live} failed: ${reason}`,
      error,
    )
  }
}
