/**
 * The databases of a state, in use or being gathered:
 *
 *     state/               02 <key>   a record (record-codec.ts)
 *     state/checkpoint/    01, 02     the checkpoint, in two copies
 *
 * Why two databases: records are written in the order of their keys, so LevelDB's tables of them lie
 * side by side and none has to be merged with another. A table that held a copy as well would
 * reach across all of them, and all would be written again and again for it.
 */

import { join } from 'node:path'

import { assert } from '../base/assert.ts'
import type { Logger } from '../base/ports.ts'
import { chooseCheckpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint-record.ts'
import type { CheckpointCopy, FoundCopy } from './checkpoint-record.ts'
import type { Files } from './files.ts'
import { newestLogFile } from './level-files.ts'
import { corrupt, unwritable } from './level.ts'
import type { LevelDatabase } from './level.ts'
import type { StorageFailure } from './ports.ts'
import { RECORD_PREFIX } from './record-codec.ts'

const CHECKPOINT = 'checkpoint'
const COPY_KEYS: readonly Buffer[] = [Buffer.from([1]), Buffer.from([2])]
/** What `writeCopy` takes. */
export const COPIES = [0, 1] as const
/** The interval of all records. */
export const RECORDS = {
  start: Buffer.from([RECORD_PREFIX]),
  end: Buffer.from([RECORD_PREFIX + 1]),
} as const
/** An interval that holds no key: compacting it flushes the memtable and rewrites nothing. */
const NOTHING_START = Buffer.from([0xff])
const NOTHING_END = Buffer.from([0xff, 0xff])
const ALL_START = Buffer.from([0])

const RECORD_OPTIONS = {
  writeBufferSize: 16 * 1024 * 1024,
  cacheSize: 64 * 1024 * 1024,
  maxFileSize: 8 * 1024 * 1024,
  maxOpenFiles: 800,
  multithreading: true,
}

const CHECKPOINT_OPTIONS = {
  writeBufferSize: 1024 * 1024,
  cacheSize: 64 * 1024,
  maxFileSize: 8 * 1024 * 1024,
  maxOpenFiles: 100,
}

export type OpenedStateDatabase =
  | {
      readonly ok: true
      readonly database: StateDatabase
      /** What was saved last; undefined when nothing ever was. */
      readonly saved: CheckpointCopy | undefined
      /** Of the files of the records. */
      readonly bytes: number
    }
  | StorageFailure

/**
 * Opens the state in `directory`; creates it when that is absent or empty. A damaged copy of
 * the checkpoint is repaired from the other; both damaged is refused, and so is a state of which
 * the checkpoint's database is missing.
 */
export async function openStateDatabase(
  files: Files,
  directory: string,
  logger: Logger,
): Promise<OpenedStateDatabase> {
  const inner = join(directory, CHECKPOINT)
  // Both are made before anybody is promised anything: that one is missing is no trace of a crash.
  const [names, innerNames] = [await files.names(directory), await files.names(inner)]
  if (names.length > 0 && innerNames.length === 0) {
    return corrupt(directory, 'its checkpoint is missing')
  }
  const records = await files.openLevel(directory, RECORD_OPTIONS)
  if (!records.ok) return records
  const copies = await files.openLevel(inner, CHECKPOINT_OPTIONS)
  if (!copies.ok) {
    await records.db.close()
    return copies
  }
  const database = new StateDatabase(records.db, copies.db, files, directory)
  // It decides how the records are read, no more: a failure must not leave the databases open.
  const bytes = await files.directoryBytes(directory).catch(() => 0)
  const chosen = chooseCheckpoint(COPY_KEYS.map((key) => readCopy(copies.db, key)))
  if (chosen.kind === 'damaged') {
    await database.close()
    return corrupt(directory, 'both copies of its checkpoint are damaged')
  }
  if (chosen.kind === 'none') return { ok: true, database, saved: undefined, bytes }
  try {
    for (const position of chosen.stale) {
      logger.warn('repaired one copy of the checkpoint from the other', { position })
      await database.writeCopy(position, encodeCheckpoint(chosen.copy))
    }
    if (chosen.stale.length > 0) await database.settleCopies()
  } catch (error) {
    await database.close()
    return unwritable(directory, error)
  }
  return { ok: true, database, saved: chosen.copy, bytes }
}

/** A phrase about the first damage found in the files of a state that nobody has open. */
export async function findStateDamage(
  files: Files,
  directory: string,
): Promise<string | undefined> {
  return (
    (await files.findDamage(directory)) ?? (await files.findDamage(join(directory, CHECKPOINT)))
  )
}

/** Bytes of all files of a state. */
export async function stateBytes(files: Files, directory: string): Promise<number> {
  const parts = [directory, join(directory, CHECKPOINT)]
  const sizes = await Promise.all(parts.map((part) => files.directoryBytes(part)))
  return sizes.reduce((sum, size) => sum + size, 0)
}

export class StateDatabase {
  readonly records: LevelDatabase
  readonly #copies: LevelDatabase
  readonly #files: Files
  readonly #directory: string

  constructor(records: LevelDatabase, copies: LevelDatabase, files: Files, directory: string) {
    this.records = records
    this.#copies = copies
    this.#files = files
    this.#directory = directory
  }

  /**
   * Makes every earlier write of a record durable, or rejects; see state-store.ts for why it takes
   * this. `newestKey` is that of the record, as stored, which was put last, undefined when none was
   * written since the database was opened. No write of a record may be under way: LevelDB would take it together with the
   * barrier, and forget the barrier.
   *
   * compactRange itself tells of no failure. That of a new log file leaves the old one in use, so it
   * is looked for. Any other sticks to the database, and its next write tells: a deletion of a key that
   * is not there, right behind the newest, where it reaches across no table.
   */
  async barrier(newestKey: Uint8Array | undefined): Promise<void> {
    if (newestKey === undefined) return
    const before = await this.#logFile()
    await flushMemtable(this.records)
    if ((await this.#logFile()) === before) throw new Error(`no log file came after ${before}`)
    let key = newestKey
    do key = Buffer.concat([key, Buffer.of(0)])
    while (this.records.getSync(key) !== undefined)
    await this.records.del(key)
  }

  /**
   * Durable when it resolves. One after the other: in one batch they would share one record of
   * LevelDB's log. After the last one `settleCopies`.
   */
  writeCopy(position: number, bytes: Uint8Array): Promise<void> {
    const key = COPY_KEYS[position]
    assert(key !== undefined, 'a checkpoint has two copies', { position })
    return this.#copies.put(key, bytes, { sync: true })
  }

  /**
   * Takes the copies, which are durable, out of the log file: what is damaged there LevelDB passes over in
   * silence, and an older checkpoint would be found.
   */
  settleCopies(): Promise<void> {
    return flushMemtable(this.#copies)
  }

  /** Rewrites all records, without what was deleted. */
  rewriteRecords(): Promise<void> {
    return this.records.compactRange(ALL_START, NOTHING_END)
  }

  async close(): Promise<void> {
    try {
      await this.records.close()
    } finally {
      await this.#copies.close()
    }
  }

  async #logFile(): Promise<string | undefined> {
    return newestLogFile(await this.#files.names(this.#directory))
  }
}

function flushMemtable(db: LevelDatabase): Promise<void> {
  return db.compactRange(NOTHING_START, NOTHING_END)
}

function readCopy(db: LevelDatabase, key: Buffer): FoundCopy {
  try {
    const value = db.getSync(key)
    return value === undefined ? 'absent' : (decodeCheckpoint(value) ?? 'damaged')
  } catch {
    return 'damaged'
  }
}
