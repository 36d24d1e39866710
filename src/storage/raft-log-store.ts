/**
 * The Raft log on LevelDB: one synced write of one value per group commit (log-block.ts), keyed
 * by the block's sequence number, so that key order is the order of writing.
 *
 *   00               anchor: blocks before it are void
 *   01 <sequence>    a block
 *   durable-mark     a file beside the database (durable-marker.ts)
 *
 * Invariant: what open() returns contains every entry whose append resolved, or open() refuses. (Of
 * damage to what was written in the last 10 ms before a kill nothing may tell: the mark is behind.)
 *
 * LevelDB's log file is made 20 MiB long ahead of time, zeros behind what is in it (level-files.ts).
 *
 * Why compaction needs no sync: each slice deletes blocks and moves the anchor in one atomic
 * batch, and open() ignores blocks before the anchor. LevelDB may lose any of these batches in a
 * crash and keep a later one. If the newest that survived is batch n, the anchor is that of n:
 * blocks before it are void whether or not their deletes survived, and no block after it was
 * deleted. If none survived, the log is merely longer.
 */

import { join } from 'node:path'

import { assert } from '../base/assert.ts'
import type { Logger } from '../base/ports.ts'
import type { Entry } from '../raft/types.ts'
import { DurableMarker, readMarker } from './durable-marker.ts'
import { FailStop, reasonOf } from './fail-stop.ts'
import { REAL_FILES } from './files.ts'
import type { Files } from './files.ts'
import { corrupt, unwritable } from './level.ts'
import type { LevelDatabase } from './level.ts'
import { BlockEncoder, decodeAnchor, decodeBlock, encodeAnchor, FIRST_ANCHOR } from './log-block.ts'
import type { LogAnchor, StoredBlock } from './log-block.ts'
import { EntryReplay, LogReplay } from './log-replay.ts'
import type { LogBlock, RaftLogStore, RecoveredLog, StorageFailure, StoreOptions } from './ports.ts'
import { writeUint64 } from './uint64.ts'

export type OpenedRaftLog =
  | { readonly ok: true; readonly store: RaftLogStore; readonly recovered: RecoveredLog }
  | StorageFailure

const ANCHOR_KEY = Buffer.from([0])
const BLOCK_PREFIX = 1
const BLOCK_KEY_BYTES = 9
const MARKER_NAME = 'durable-mark'

/** Blocks deleted per turn of the event loop: 512 take about half a millisecond. */
const COMPACT_SLICE_BLOCKS = 512
const READ_BATCH_BYTES = 4 * 1024 * 1024

/**
 * Why a large write buffer: each time it fills, LevelDB writes it all again as a table, with
 * syncs that compete with ours.
 */
const LEVEL_OPTIONS = {
  writeBufferSize: 16 * 1024 * 1024,
  cacheSize: 1024 * 1024,
  maxFileSize: 16 * 1024 * 1024,
  maxOpenFiles: 100,
}

/**
 * How long LevelDB's log file is made ahead of time, more than is ever in one: a sync that need not
 * record a new size takes a third less. A new file is noticed after LOOK_BYTES at the latest.
 */
const LOG_FILE_BYTES = 20 * 1024 * 1024
const LOOK_BYTES = 1024 * 1024

/**
 * Opens the log in `directory` and replays it; creates it when the directory is absent or empty.
 * A tail that a crash tore before anybody was promised it is absent from what is recovered.
 * Anything else that is missing or changed is refused.
 */
export async function openRaftLogStore(
  directory: string,
  options: StoreOptions,
): Promise<OpenedRaftLog> {
  const { files = REAL_FILES } = options
  const opened = await files.openLevel(directory, LEVEL_OPTIONS)
  if (!opened.ok) return opened
  const { db } = opened
  const read = await readLog(db).catch((error: unknown) => reasonOf(error))
  const problem =
    typeof read === 'string'
      ? read
      : await checkMarker(files, join(directory, MARKER_NAME), read.replay, options.logger)
  if (typeof read === 'string' || problem !== undefined) {
    await db.close()
    return corrupt(directory, problem ?? 'it cannot be read')
  }
  const failStop = new FailStop(options.onFatal)
  const onMarkerError = (error: Error): void => {
    failStop.fail(`writing the durable mark of ${directory} failed: ${error.message}`, error)
  }
  try {
    const marker = await DurableMarker.open(files, join(directory, MARKER_NAME), onMarkerError)
    // What recovery found is durable now: LevelDB has written it again as a synced table.
    const { nextSequence, lastIndex, checksum } = read.replay
    marker.record({ sequence: nextSequence - 1, lastIndex, checksum })
    const extendFile = (): Promise<void> =>
      files.extendLogFile(directory, LOG_FILE_BYTES).catch((error: unknown) => {
        options.logger.warn('cannot extend the log file', { directory, error: reasonOf(error) })
      })
    await extendFile()
    const store = new LevelRaftLogStore(directory, db, marker, read.replay, failStop, extendFile)
    return { ok: true, store, recovered: read.recovered }
  } catch (error) {
    await db.close()
    return unwritable(directory, error)
  }
}

interface ReadLog {
  readonly replay: LogReplay
  readonly recovered: RecoveredLog
}

/** The log, or a phrase that says where it is damaged. */
async function readLog(db: LevelDatabase): Promise<ReadLog | string> {
  const anchor = await readAnchor(db)
  if (anchor === undefined) return 'its anchor record is damaged'
  const replay = new LogReplay(anchor)
  const entries = new EntryReplay()
  let bytes = 0
  const iterator = db.iterator({
    gte: blockKey(anchor.sequence),
    highWaterMarkBytes: READ_BATCH_BYTES,
  })
  try {
    for (;;) {
      const batch = await iterator.nextv(1000)
      if (batch.length === 0) break
      for (const [key, value] of batch) {
        const problem = addBlock(replay, entries, key, value)
        if (problem !== undefined) return problem
        bytes += value.length
      }
    }
  } finally {
    await iterator.close()
  }
  await deleteVoidBlocks(db, anchor)
  const { hardState, compacted } = replay
  return { replay, recovered: { hardState, entries: entries.live(compacted), compacted, bytes } }
}

async function readAnchor(db: LevelDatabase): Promise<LogAnchor | undefined> {
  const value = await db.get(ANCHOR_KEY)
  return value === undefined ? FIRST_ANCHOR : decodeAnchor(value)
}

function addBlock(
  replay: LogReplay,
  entries: EntryReplay,
  key: Uint8Array,
  value: Uint8Array,
): string | undefined {
  const block = decodeBlock(value)
  const where = `the group commit after index ${replay.lastIndex}`
  if (typeof block === 'string') return `${where} cannot be read: ${block}`
  if (Buffer.compare(key, blockKey(block.sequence)) !== 0) {
    return `${where} is stored in the wrong place`
  }
  const problem = replay.problemWith(block)
  if (problem !== undefined) return problem
  replay.add(block, block.checksum)
  entries.add(block)
  return undefined
}

/** Removes what a compaction whose deletes were lost in a crash left before the anchor. */
async function deleteVoidBlocks(db: LevelDatabase, anchor: LogAnchor): Promise<void> {
  if (anchor.sequence === FIRST_ANCHOR.sequence) return
  await db.clear({ gte: blockKey(0), lt: blockKey(anchor.sequence) })
}

/** What the marker witnesses against the log, or undefined. */
async function checkMarker(
  files: Files,
  path: string,
  replay: LogReplay,
  logger: Logger,
): Promise<string | undefined> {
  const found = await readMarker(files, path)
  const lastSequence = replay.nextSequence - 1
  if (found.kind !== 'found') {
    if (lastSequence > 0) logger.warn('raft log has no durable mark', { path, kind: found.kind })
    return undefined
  }
  const { mark } = found
  if (mark.sequence > lastSequence) {
    const count = mark.sequence - lastSequence
    return `it ends at index ${replay.lastIndex}, but the ${count} group commits after it, up to index ${mark.lastIndex}, had been acknowledged`
  }
  const checksum = replay.checksumAt(mark.sequence)
  if (checksum !== undefined && checksum !== mark.checksum) {
    return `the group commit that ended at index ${mark.lastIndex} is not the one that was written`
  }
  return undefined
}

function blockKey(sequence: number): Buffer {
  const key = Buffer.allocUnsafe(BLOCK_KEY_BYTES)
  key[0] = BLOCK_PREFIX
  writeUint64(key, sequence, 1)
  return key
}

class LevelRaftLogStore implements RaftLogStore {
  readonly #directory: string
  readonly #db: LevelDatabase
  readonly #marker: DurableMarker
  readonly #replay: LogReplay
  readonly #failStop: FailStop
  readonly #encoder: BlockEncoder
  readonly #extendFile: () => Promise<void>
  #appending: Promise<void> | undefined
  /** The next append waits for it: nobody writes much meanwhile. */
  #extending: Promise<void> | undefined
  #bytesSinceLook: number
  #compacting: Promise<void>

  constructor(
    directory: string,
    db: LevelDatabase,
    marker: DurableMarker,
    replay: LogReplay,
    failStop: FailStop,
    extendFile: () => Promise<void>,
  ) {
    this.#directory = directory
    this.#db = db
    this.#marker = marker
    this.#replay = replay
    this.#failStop = failStop
    this.#encoder = new BlockEncoder()
    this.#extendFile = extendFile
    this.#appending = undefined
    this.#extending = undefined
    this.#bytesSinceLook = 0
    this.#compacting = Promise.resolve()
  }

  append(block: LogBlock): Promise<void> {
    const { entries } = block
    assertContiguous(entries, this.#replay)
    const hardState = block.hardState ?? this.#replay.hardState
    const { compacted } = this.#replay
    return this.#write({ ...this.#link(), compacted, reset: false, hardState, entries })
  }

  async reset(index: number): Promise<void> {
    const { hardState, compacted } = this.#replay
    assert(index >= compacted, 'a log is not reset below its compacted index', { index, compacted })
    await this.#write({
      ...this.#link(),
      compacted: index,
      reset: true,
      hardState,
      entries: [],
    })
    await this.compact(index)
  }

  compact(index: number): Promise<void> {
    const { lastIndex } = this.#replay
    assert(index <= lastIndex, 'a log is compacted up to its last index', { index, lastIndex })
    this.#replay.compactTo(index)
    this.#compacting = this.#compacting.then(() => this.#deleteBlocks())
    return this.#compacting
  }

  async close(): Promise<void> {
    if (!this.#failStop.failed) {
      await this.#appending
      await this.#extending
      await this.#compacting
    }
    await this.#db.close()
    await this.#marker.close()
  }

  #link(): { readonly sequence: number; readonly previousChecksum: number } {
    const { nextSequence, checksum } = this.#replay
    return { sequence: nextSequence, previousChecksum: checksum }
  }

  #write(block: StoredBlock): Promise<void> {
    if (this.#failStop.failed) return this.#failStop.never()
    assert(this.#appending === undefined, 'one append to the raft log at a time')
    const { bytes, checksum } = this.#encoder.encode(block)
    this.#bytesSinceLook += bytes.length
    this.#appending = this.#put(blockKey(block.sequence), bytes).then(
      () => this.#onDurable(block, checksum),
      (error: unknown) => this.#fail('writing to', error),
    )
    return this.#appending
  }

  #put(key: Buffer, value: Buffer): Promise<void> {
    const put = (): Promise<void> => this.#db.put(key, value, { sync: true })
    return this.#extending === undefined ? put() : this.#extending.then(put)
  }

  #onDurable(block: StoredBlock, checksum: number): void | Promise<void> {
    this.#appending = undefined
    if (this.#failStop.failed) return this.#failStop.never()
    this.#replay.add(block, checksum)
    const { lastIndex } = this.#replay
    this.#marker.record({ sequence: block.sequence, lastIndex, checksum })
    if (this.#bytesSinceLook >= LOOK_BYTES) this.#lookForNewFile()
  }

  #lookForNewFile(): void {
    this.#bytesSinceLook = 0
    this.#extending = this.#extendFile().then(() => {
      this.#extending = undefined
    })
  }

  async #deleteBlocks(): Promise<void> {
    let more = true
    while (more) {
      if (this.#failStop.failed) return this.#failStop.never()
      const slice = this.#replay.dropSlice(COMPACT_SLICE_BLOCKS)
      more = slice.more
      const batch = this.#db.batch()
      batch.put(ANCHOR_KEY, encodeAnchor(slice.anchor))
      for (let sequence = slice.from; sequence < slice.anchor.sequence; sequence++) {
        batch.del(blockKey(sequence))
      }
      try {
        await batch.write()
      } catch (error) {
        return this.#fail('compacting', error)
      }
    }
  }

  #fail(doing: string, error: unknown): Promise<never> {
    const reason = reasonOf(error)
    this.#failStop.fail(`${doing} the raft log in ${this.#directory} failed: ${reason}`, error)
    return this.#failStop.never()
  }
}

function assertContiguous(entries: readonly Entry[], replay: LogReplay): void {
  const first = entries[0]
  if (first === undefined) return
  const { compacted, lastIndex } = replay
  if (first.index <= compacted || first.index > lastIndex + 1) {
    assert(false, 'entries continue the log', { first: first.index, compacted, lastIndex })
  }
  for (let i = 1; i < entries.length; i++) {
    const index = entries[i]?.index
    if (index !== first.index + i) assert(false, 'entries are contiguous', { index, i })
  }
}
