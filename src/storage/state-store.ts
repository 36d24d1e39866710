/**
 * The state store on LevelDB: records written unsynced by a background flusher, and a checkpoint
 * that makes all of them durable.
 *
 *   01            checkpoint, first copy
 *   02 <key>      a record (record-codec.ts)
 *   03            checkpoint, second copy
 *
 * Why a barrier before the checkpoint: LevelDB keeps no order between unsynced writes when it
 * turns to a new log file, because the old one is closed without fsync. compactRange first turns
 * to a new log file and waits until the memtable behind the old one is a synced table that the
 * synced manifest names; over a key interval without any key that is all it does. It reports no
 * error, but a failure sticks to the database, so the synced write that follows fails.
 *
 * Invariant: a checkpoint that open() returns has every record written before it was saved.
 */

import type { BackendRecord, Logger } from '../base/ports.ts'
import { assert } from '../base/assert.ts'
import { keyFromBytes } from '../base/key.ts'
import { chooseCheckpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint-record.ts'
import type { FoundCopy } from './checkpoint-record.ts'
import { FailStop, reasonOf } from './fail-stop.ts'
import { corrupt, directoryBytes, openLevel, unwritable } from './level.ts'
import type { LevelDatabase } from './level.ts'
import type { StateStore, StorageFailure, StoreOptions } from './ports.ts'
import { decodeRecord, RecordCodec, storedBound } from './record-codec.ts'
import { WriteBuffer } from './write-buffer.ts'

export type OpenedStateStore =
  | {
      readonly ok: true
      readonly store: StateStore
      /** What the last saveCheckpoint saved; undefined when none ever completed. */
      readonly checkpoint: Uint8Array | undefined
    }
  | StorageFailure

const COPY_KEYS: readonly Buffer[] = [Buffer.from([1]), Buffer.from([3])]
/** An interval that holds no key: compacting it flushes the memtable and rewrites nothing. */
const BARRIER_START = Buffer.from([0xff])
const BARRIER_END = Buffer.from([0xff, 0xff])
const ALL_START = Buffer.from([0])

/** A batch is written when this much waits: its encoding takes about 0.3 ms of the main thread. */
const FLUSH_BYTES = 128 * 1024
/** Or when the oldest write has waited this long. */
const FLUSH_DELAY_MS = 10
const SCAN_BATCH_RECORDS = 1000
const SCAN_BATCH_BYTES = 256 * 1024

const LEVEL_OPTIONS = {
  writeBufferSize: 16 * 1024 * 1024,
  cacheSize: 64 * 1024 * 1024,
  maxFileSize: 8 * 1024 * 1024,
  maxOpenFiles: 800,
}

/**
 * Opens the store in `directory`; creates it when the directory is absent or empty. A damaged
 * copy of the checkpoint is repaired from the other; both damaged is refused.
 */
export async function openStateStore(
  directory: string,
  options: StoreOptions,
): Promise<OpenedStateStore> {
  const opened = await openLevel(directory, LEVEL_OPTIONS)
  if (!opened.ok) return opened
  const { db } = opened
  const chosen = chooseCheckpoint(COPY_KEYS.map((key) => readCopy(db, key)))
  if (chosen.kind === 'damaged') {
    await db.close()
    return corrupt(directory, 'both copies of its checkpoint are damaged')
  }
  if (chosen.kind === 'none') {
    const store = new LevelStateStore(directory, db, 0, options)
    return { ok: true, store, checkpoint: undefined }
  }
  try {
    await rewriteCopies(db, chosen.stale, encodeCheckpoint(chosen.copy), options.logger)
  } catch (error) {
    await db.close()
    return unwritable(directory, error)
  }
  const store = new LevelStateStore(directory, db, chosen.copy.sequence, options)
  return { ok: true, store, checkpoint: chosen.copy.checkpoint }
}

function readCopy(db: LevelDatabase, key: Buffer): FoundCopy {
  try {
    const value = db.getSync(key)
    return value === undefined ? 'absent' : (decodeCheckpoint(value) ?? 'damaged')
  } catch {
    return 'damaged'
  }
}

async function rewriteCopies(
  db: LevelDatabase,
  positions: readonly number[],
  bytes: Buffer,
  logger: Logger,
): Promise<void> {
  for (const position of positions) {
    const key = COPY_KEYS[position]
    if (key === undefined) continue
    logger.warn('repaired one copy of the checkpoint from the other', { position })
    await db.put(key, bytes, { sync: true })
  }
}

class LevelStateStore implements StateStore {
  readonly #directory: string
  readonly #db: LevelDatabase
  readonly #failStop: FailStop
  readonly #codec: RecordCodec
  readonly #buffer: WriteBuffer
  #checkpointSequence: number
  #bytesInUse: number
  #flushing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Immediate | undefined
  #isSaving: boolean

  constructor(
    directory: string,
    db: LevelDatabase,
    checkpointSequence: number,
    options: StoreOptions,
  ) {
    this.#directory = directory
    this.#db = db
    this.#failStop = new FailStop(options.onFatal)
    this.#codec = new RecordCodec()
    this.#buffer = new WriteBuffer()
    this.#checkpointSequence = checkpointSequence
    this.#bytesInUse = 0
    this.#flushing = undefined
    this.#timer = undefined
    this.#soon = undefined
    this.#isSaving = false
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
    const name = keyFromBytes(key)
    const pending = this.#buffer.find(name)
    if (pending !== undefined) return pending.value
    const storedKey = this.#codec.key(name)
    const stored = this.#read(storedKey)
    return stored === undefined ? undefined : this.#decode(storedKey, stored)
  }

  put(key: Uint8Array, value: Uint8Array): void {
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
    await this.flush()
    const snapshot = this.#db.snapshot()
    const iterator = this.#db.iterator({
      gte: storedBound(start),
      lt: storedBound(end),
      snapshot,
      highWaterMarkBytes: SCAN_BATCH_BYTES,
      fillCache: false,
    })
    try {
      for (;;) {
        const batch = await iterator.nextv(SCAN_BATCH_RECORDS).catch((error: unknown) => {
          throw this.#fail('reading', error)
        })
        if (batch.length === 0) return
        yield batch.map(([key, stored]) => ({
          key: key.subarray(1),
          value: this.#decode(key, stored),
        }))
      }
    } finally {
      await iterator.close()
      await snapshot.close()
    }
  }

  async flush(): Promise<void> {
    while (this.#flushing !== undefined || !this.#buffer.isQueueEmpty) {
      await (this.#flushing ?? this.#startFlush())
    }
    if (this.#failStop.failed) await this.#failStop.never()
  }

  async saveCheckpoint(checkpoint: Uint8Array): Promise<void> {
    assert(!this.#isSaving, 'one checkpoint is saved at a time')
    this.#isSaving = true
    await this.flush()
    const sequence = this.#checkpointSequence + 1
    const bytes = encodeCheckpoint({ sequence, checkpoint })
    try {
      await this.#db.compactRange(BARRIER_START, BARRIER_END)
      // One after the other: in one batch they would share one record of LevelDB's log.
      for (const key of COPY_KEYS) {
        if (this.#failStop.failed) return await this.#failStop.never()
        await this.#db.put(key, bytes, { sync: true })
      }
    } catch (error) {
      this.#fail('saving a checkpoint to', error)
    }
    if (this.#failStop.failed) await this.#failStop.never()
    this.#checkpointSequence = sequence
    this.#isSaving = false
  }

  diskBytes(): Promise<number> {
    return directoryBytes(this.#directory)
  }

  async defragment(): Promise<void> {
    await this.flush()
    await this.#db.compactRange(ALL_START, BARRIER_END)
  }

  async close(): Promise<void> {
    if (!this.#failStop.failed) await this.flush()
    this.#cancelSchedule()
    await this.#db.close()
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
    const batch = this.#db.batch()
    for (const { key, value } of writes) {
      if (value === undefined) {
        batch.del(this.#codec.key(key))
      } else {
        const record = this.#codec.encode(key, value)
        batch.put(record.key, record.value)
      }
    }
    const written = batch.write().then(
      () => {
        this.#buffer.done(writes)
        this.#flushing = undefined
        if (!this.#buffer.isQueueEmpty) this.#schedule()
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
      return this.#db.getSync(storedKey)
    } catch (error) {
      throw this.#fail('reading', error)
    }
  }

  #decode(storedKey: Uint8Array, stored: Uint8Array): Uint8Array {
    const value = decodeRecord(storedKey, stored)
    if (value !== undefined) return value
    const name = Buffer.from(storedKey.subarray(1)).toString('hex')
    throw this.#failStop.fail(`state record ${name} in ${this.#directory} is corrupt`)
  }

  #fail(doing: string, error: unknown): Error {
    const reason = reasonOf(error)
    return this.#failStop.fail(
      `${doing} the state store in ${this.#directory} failed: ${reason}`,
      error,
    )
  }
}
