/**
 * A LevelDB database with what a crash, a full disk and a failed sync make of the real one:
 *
 *     base       what tables hold: durable
 *     segments   log files, oldest first; each a row of batches, of which a first part is durable
 *
 * A synced write makes everything before it in its own segment durable, and nothing in an older one
 * (the old log file is closed without a sync). A segment that is full is left behind and becomes a
 * table some time later; a barrier waits for that. A crash keeps of what is not durable, segment by
 * segment, a first part or any whole blocks of the file, but never half a batch.
 *
 * A write that fails for want of space spoils its segment: what is written to it later is
 * acknowledged and lost. A failed sync leaves a handle that takes no more writes, and the batch may
 * be there at the next start.
 */

import type { Draws } from './draws.ts'

export interface Write {
  readonly key: string
  /** Undefined deletes. */
  readonly value: Buffer | undefined
}

interface Batch {
  readonly writes: readonly Write[]
  /** Where in the log file it lies. */
  readonly start: number
  readonly end: number
  /** Written behind a failed one, or not at all: no reader finds it. */
  readonly isLost: boolean
  isInFlight: boolean
}

interface Segment {
  readonly batches: Batch[]
  bytes: number
  /** The first so many batches are durable. */
  durable: number
  isSpoiled: boolean
}

export type DiskFailure = 'full' | 'failed-sync'

export interface CrashChoice {
  readonly draws: Draws
  /** What is being written reaches the disk, whole and with all before it; or does not. */
  readonly keepInFlight: boolean
  /** Nothing that was not durable remains, but what `keepInFlight` wants. */
  readonly loseUnsynced: boolean
}

export interface CrashEffect {
  readonly lost: number
  readonly kept: number
  readonly inFlightLost: number
  readonly inFlightKept: number
  /** An older batch is gone and a younger one is there. */
  readonly isTorn: boolean
}

const BATCH_BYTES = 19
const WRITE_BYTES = 6
/** How often the blocks of a file get to the disk in no order. */
const ANY_ORDER = 0.1

export class LevelDisk {
  readonly #segmentBytes: number
  readonly #blockBytes: number
  /** A segment is a table so many writes after it was left behind. */
  readonly #flushWrites: number
  #writesToFlush = 0
  #base = new Map<string, Buffer>()
  #live: Map<string, Buffer> | undefined
  #segments: Segment[] = [newSegment()]
  #isDead = false
  #rotations = 0

  /** Sizes are those of LevelDB in small, so that short runs fill them. */
  constructor(segmentBytes: number, blockBytes: number, flushWrites: number) {
    this.#segmentBytes = segmentBytes
    this.#blockBytes = blockBytes
    this.#flushWrites = flushWrites
  }

  /** What reads see. */
  get live(): Map<string, Buffer> {
    this.#live ??= new Map(this.#base)
    return this.#live
  }

  /** What is durable at a start, where nothing else is there. */
  get base(): Map<string, Buffer> {
    return this.#base
  }

  /** The name of the log file in use. */
  get logName(): string {
    return `${String(this.#rotations + 1).padStart(6, '0')}.log`
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** It is on its way to the file. The result completes it. */
  begin(writes: readonly Write[], isSync: boolean): (failure?: DiskFailure) => boolean {
    if (this.#current.bytes > this.#segmentBytes) this.rotate()
    const segment = this.#current
    const start = segment.bytes
    segment.bytes += sizeOf(writes)
    // A handle in its error state refuses a write before it writes anything.
    const isLost = segment.isSpoiled || this.#isDead
    const batch = { writes, start, end: segment.bytes, isLost, isInFlight: true }
    segment.batches.push(batch)
    return (failure) => this.#finish(segment, batch, isSync, failure)
  }

  /** The segment in use is left behind: it becomes a table later, `flushOld` at the latest. */
  rotate(): void {
    this.#rotations++
    this.#segments.push(newSegment())
    this.#writesToFlush = this.#flushWrites
  }

  /** All segments but the one in use are tables now. */
  flushOld(): void {
    while (this.#segments.length > 1) {
      // LevelDB makes tables of what memory has, not of what it wrote to the file.
      const [oldest] = this.#segments
      if (oldest?.batches.some(({ isInFlight }) => isInFlight) === true) return
      for (const { writes } of oldest?.batches ?? []) applyAll(this.#base, writes)
      this.#segments.shift()
    }
  }

  die(): void {
    this.#isDead = true
  }

  syncAll(): void {
    for (const segment of this.#segments) segment.durable = segment.batches.length
  }

  /** As a start finds it after the process ended while the system lived on. */
  settle(): void {
    this.#recover((segment) => segment.batches.map(({ isInFlight }) => !isInFlight))
  }

  /** Power is cut. */
  crash({ draws, keepInFlight, loseUnsynced }: CrashChoice): CrashEffect {
    return this.#recover((segment) => {
      const unsynced = segment.batches.slice(segment.durable)
      const kept = unsynced.some(({ isInFlight }) => isInFlight && keepInFlight)
        ? unsynced.map(() => true)
        : this.#keeps(unsynced, draws, loseUnsynced)
      return [...segment.batches.slice(0, segment.durable).map(() => true), ...kept]
    })
  }

  get #current(): Segment {
    return this.#segments.at(-1)!
  }

  #finish(
    segment: Segment,
    batch: Batch,
    isSync: boolean,
    failure: DiskFailure | undefined,
  ): boolean {
    batch.isInFlight = false
    if (failure === 'full' || this.#isDead) {
      const at = segment.batches.indexOf(batch)
      if (at !== -1) segment.batches.splice(at, 1)
      segment.isSpoiled = true
      return false
    }
    if (failure === 'failed-sync' && isSync) {
      this.#isDead = true
      return false
    }
    applyAll(this.live, batch.writes)
    if (--this.#writesToFlush === 0) this.flushOld()
    if (isSync) segment.durable = Math.max(segment.durable, segment.batches.indexOf(batch) + 1)
    return true
  }

  #keeps(unsynced: readonly Batch[], draws: Draws, loseAll: boolean): boolean[] {
    if (loseAll) return unsynced.map(() => false)
    const first = unsynced.findIndex(({ isInFlight }) => isInFlight)
    const end = first === -1 ? unsynced.length : first
    if (!draws.chance(ANY_ORDER)) {
      const count = draws.below(end + 1)
      return unsynced.map((_, i) => i < count)
    }
    const blocks = new Map<number, boolean>()
    const isThere = (block: number): boolean => {
      const known = blocks.get(block) ?? draws.chance(0.5)
      blocks.set(block, known)
      return known
    }
    return unsynced.map((batch, i) => {
      if (i >= end) return false
      const last = Math.floor((batch.end - 1) / this.#blockBytes)
      for (let block = Math.floor(batch.start / this.#blockBytes); block <= last; block++) {
        if (!isThere(block)) return false
      }
      return true
    })
  }

  #recover(keepsOf: (segment: Segment) => boolean[]): CrashEffect {
    let lost = 0
    let kept = 0
    let inFlightLost = 0
    let inFlightKept = 0
    let isTorn = false
    for (const segment of this.#segments) {
      const keeps = keepsOf(segment)
      segment.batches.forEach((batch, i) => {
        const isKept = keeps[i] === true && !batch.isLost
        if (isKept) applyAll(this.#base, batch.writes)
        if (batch.isInFlight && isKept) inFlightKept++
        else if (batch.isInFlight) inFlightLost++
        else if (!isKept) lost++
        else {
          if (lost > 0) isTorn = true
          if (i >= segment.durable) kept++
        }
      })
    }
    this.#segments = [newSegment()]
    this.#live = undefined
    this.#isDead = false
    return { lost, kept, inFlightLost, inFlightKept, isTorn }
  }
}

function newSegment(): Segment {
  return { batches: [], bytes: 0, durable: 0, isSpoiled: false }
}

function sizeOf(writes: readonly Write[]): number {
  let bytes = BATCH_BYTES
  for (const { key, value } of writes) bytes += WRITE_BYTES + key.length + (value?.length ?? 0)
  return bytes
}

function applyAll(records: Map<string, Buffer>, writes: readonly Write[]): void {
  for (const { key, value } of writes) {
    if (value === undefined) records.delete(key)
    else records.set(key, value)
  }
}

/** An iterator of LevelDB over the records of one moment. It ends with its database. */
export class LevelRows {
  readonly #rows: [Buffer, Buffer][]
  readonly #checkOpen: () => void
  #at = 0
  #isClosed = false

  /** `checkOpen` throws once the database is closed. */
  constructor(
    records: ReadonlyMap<string, Buffer>,
    start: string,
    end: string | undefined,
    checkOpen: () => void,
  ) {
    const found = [...records].filter(([key]) => key >= start && (end === undefined || key < end))
    found.sort(([a], [b]) => (a < b ? -1 : 1))
    this.#rows = found.map(([key, value]) => [Buffer.from(key, 'latin1'), value])
    this.#checkOpen = checkOpen
  }

  async nextv(count: number): Promise<[Buffer, Buffer][]> {
    this.#checkOpen()
    if (this.#isClosed) throw new Error('Iterator is not open')
    const rows = this.#rows.slice(this.#at, this.#at + count)
    this.#at += rows.length
    return rows
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }
}
