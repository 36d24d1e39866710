/**
 * The LevelDB of a state, in use or being gathered:
 *
 *   01            checkpoint, first copy
 *   02 <key>      a record (record-codec.ts)
 *   03            checkpoint, second copy
 */

import type { Logger } from '../base/ports.ts'
import { chooseCheckpoint, decodeCheckpoint, encodeCheckpoint } from './checkpoint-record.ts'
import type { CheckpointCopy, FoundCopy } from './checkpoint-record.ts'
import type { Files } from './files.ts'
import { corrupt, unwritable } from './level.ts'
import type { LevelDatabase } from './level.ts'
import type { StorageFailure } from './ports.ts'
import { RECORD_PREFIX } from './record-codec.ts'

/** Both copies of the checkpoint; write them one after the other. */
export const COPY_KEYS: readonly [Buffer, Buffer] = [Buffer.from([1]), Buffer.from([3])]
/** The interval of all records. */
export const RECORDS = { start: Buffer.from([RECORD_PREFIX]), end: COPY_KEYS[1] } as const
/** An interval that holds no key: compacting it flushes the memtable and rewrites nothing. */
const NOTHING_START = Buffer.from([0xff])
const NOTHING_END = Buffer.from([0xff, 0xff])
const ALL_START = Buffer.from([0])

const LEVEL_OPTIONS = {
  writeBufferSize: 16 * 1024 * 1024,
  cacheSize: 64 * 1024 * 1024,
  maxFileSize: 8 * 1024 * 1024,
  maxOpenFiles: 800,
  multithreading: true,
}

export type OpenedStateDatabase =
  | {
      readonly ok: true
      readonly db: LevelDatabase
      /** What was saved last; undefined when nothing ever was. */
      readonly saved: CheckpointCopy | undefined
      /** Of its files. */
      readonly bytes: number
    }
  | StorageFailure

/**
 * Opens the database in `directory`; creates it when that is absent or empty. A damaged copy of
 * the checkpoint is repaired from the other; both damaged is refused.
 */
export async function openStateDatabase(
  files: Files,
  directory: string,
  logger: Logger,
): Promise<OpenedStateDatabase> {
  const opened = await files.openLevel(directory, LEVEL_OPTIONS)
  if (!opened.ok) return opened
  const { db } = opened
  // It decides how the records are read, no more: a failure must not leave the database open.
  const bytes = await files.directoryBytes(directory).catch(() => 0)
  const chosen = chooseCheckpoint(COPY_KEYS.map((key) => readCopy(db, key)))
  if (chosen.kind === 'damaged') {
    await db.close()
    return corrupt(directory, 'both copies of its checkpoint are damaged')
  }
  if (chosen.kind === 'none') return { ok: true, db, saved: undefined, bytes }
  try {
    await rewriteCopies(db, chosen.stale, encodeCheckpoint(chosen.copy), logger)
  } catch (error) {
    await db.close()
    return unwritable(directory, error)
  }
  return { ok: true, db, saved: chosen.copy, bytes }
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

/**
 * Makes every earlier write durable; see state-store.ts for why it takes this. It reports no
 * error, but a failure sticks to the database, so that the synced write that follows fails.
 */
export function barrier(db: LevelDatabase): Promise<void> {
  return db.compactRange(NOTHING_START, NOTHING_END)
}

/** Rewrites the whole database, without what was deleted. */
export function rewriteAll(db: LevelDatabase): Promise<void> {
  return db.compactRange(ALL_START, NOTHING_END)
}
