/**
 * All records of a large database, read by several threads and given in key order:
 *
 *     keys        ├── 0 ──┼── 1 ──┼── 2 ──┼── 3 ──┼── 4 ──┼── 5 ──┤
 *     thread 0        ▪▪▪             ▪▪              ▪
 *     thread 1                ▪▪▪             ▪               ▪▪▪
 *
 * The slices are dealt by turns, and taken by turns. A slice has the records of the moment when its
 * thread comes to it: nothing may be written meanwhile, and nothing deleted but what was given.
 *
 * Invariant: a thread has the database open no longer than the read is registered at its store. The
 * memory that LevelDB works with belongs to the handle that was opened first, the store's.
 */

import { Worker } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import type { BackendRecord } from '../base/ports.ts'
import { reasonOf } from './fail-stop.ts'
import type { LevelDatabase } from './level.ts'
import { storedBound } from './record-codec.ts'
import { unpackRecords } from './record-parcel.ts'
import type { OpenRead, ViewHost } from './record-view.ts'
import type { ReaderCommand, ReaderReport, Slice } from './slice-reader.ts'
import type { SliceWorkerData } from './slice-worker.ts'
import { RECORDS } from './state-database.ts'
import { ViewEndedError } from './transfer-errors.ts'

/** What is used of a Worker. */
export interface SliceThread {
  postMessage(command: ReaderCommand, handed: readonly ArrayBuffer[]): void
  on(event: 'message', listener: (report: ReaderReport) => void): unknown
  on(event: 'error' | 'messageerror', listener: (error: Error) => void): unknown
  /** Nothing comes any more, and it has closed the database. */
  on(event: 'exit', listener: () => void): unknown
}

/** How threads of this process read a database that it has open. */
export interface SliceThreads {
  /** At most; 0 where one processor does everything. */
  readonly count: number
  /** A smaller database is read sooner than they have started. */
  readonly fromBytes: number
  /** Less than a thread may be ahead by: it does not wait while slices of others are taken. */
  readonly sliceBytes: number
  /** Throws where the system has no thread left. */
  start(data: SliceWorkerData): SliceThread
}

/**
 * The entries that LevelDB's package gives are garbage soon, most of it outside of V8's heap, and
 * what they took stays with the process. So they are collected more often than by default.
 */
const YOUNG_GENERATION_MB = 4

export function startSliceWorker(workerData: SliceWorkerData): SliceThread {
  // The name of the file as it is compiled.
  return new Worker(new URL('./slice-worker.js', import.meta.url), {
    workerData,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  })
}

const HEAD_BYTES = 8

export class ParallelRead implements OpenRead {
  readonly #db: LevelDatabase
  readonly #bytes: number
  readonly #threads: SliceThreads
  readonly #host: ViewHost
  readonly #readers: Reader[]
  #slices: readonly Slice[]
  #closing: Promise<void> | undefined
  /** By the store, under the hands of whoever reads. */
  #isEnded: boolean

  /** `bytes` of the database, about. */
  constructor(db: LevelDatabase, bytes: number, threads: SliceThreads, host: ViewHost) {
    this.#db = db
    this.#bytes = bytes
    this.#threads = threads
    this.#host = host
    this.#readers = []
    this.#slices = []
    this.#closing = undefined
    this.#isEnded = false
  }

  /** Undefined when the threads are at work; or why there are none, and nothing is left of it. */
  async start(): Promise<string | undefined> {
    try {
      this.#slices = await this.#plan()
      this.#checkWanted()
      this.#startReaders()
      return undefined
    } catch (error) {
      await this.#close()
      if (this.#isEnded) throw new ViewEndedError()
      return reasonOf(error)
    }
  }

  /** In key order, to be called once, after `start`. */
  async *batches(): AsyncGenerator<readonly BackendRecord[]> {
    try {
      for (let at = 0; at < this.#slices.length; at++) {
        const reader = this.#readers[at % this.#readers.length]
        assert(reader !== undefined, 'each slice is dealt to a thread')
        yield* this.#slice(reader)
      }
    } catch (error) {
      await this.#close()
      throw this.#isEnded ? new ViewEndedError() : this.#host.onReadError(error)
    } finally {
      await this.#close()
    }
  }

  end(): Promise<void> {
    this.#isEnded = true
    return this.#close()
  }

  async *#slice(reader: Reader): AsyncGenerator<readonly BackendRecord[]> {
    for (;;) {
      const report = await reader.next()
      this.#checkWanted()
      if (report.type === 'slice-end') return
      if (report.type === 'failed') throw new Error(report.reason)
      if (report.type === 'damaged') {
        this.#host.decode(report.storedKey, report.stored)
      } else {
        yield unpackRecords(report.parcel)
        reader.giveBack(report.parcel)
      }
    }
  }

  async #plan(): Promise<readonly Slice[]> {
    const all = { gte: RECORDS.start, lt: RECORDS.end, limit: 1 }
    const [first] = await this.#db.keys(all).all()
    const [last] = await this.#db.keys({ ...all, reverse: true }).all()
    if (first === undefined || last === undefined) return []
    const count = Math.max(1, Math.ceil(this.#bytes / this.#threads.sliceBytes))
    return slicesOf(first, last, count)
  }

  #startReaders(): void {
    const slices = this.#slices
    const directory = this.#db.location
    const count = Math.min(this.#threads.count, slices.length)
    for (let turn = 0; turn < count; turn++) {
      const dealt = slices.filter((_slice, at) => at % count === turn)
      this.#readers.push(new Reader(this.#threads.start({ directory, slices: dealt })))
    }
  }

  #checkWanted(): void {
    if (this.#isEnded) throw new ViewEndedError()
  }

  #close(): Promise<void> {
    this.#closing ??= this.#endReaders()
    return this.#closing
  }

  async #endReaders(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.end()))
    this.#host.onEnded(this)
  }
}

/** A thread, as the one that takes what it reports sees it. */
class Reader {
  readonly #thread: SliceThread
  readonly #reports: ReaderReport[]
  readonly #exited: Promise<void>
  #error: Error
  #isOver: boolean
  #onReport: (() => void) | undefined

  constructor(thread: SliceThread) {
    this.#thread = thread
    this.#reports = []
    this.#error = new Error('a thread that reads it has ended')
    this.#isOver = false
    this.#onReport = undefined
    thread.on('message', (report) => {
      this.#reports.push(report)
      this.#onReport?.()
    })
    thread.on('error', (error) => {
      this.#error = error
    })
    thread.on('messageerror', (error) => {
      this.#reports.push({ type: 'failed', reason: reasonOf(error) })
      this.#onReport?.()
    })
    this.#exited = new Promise((resolve) => {
      thread.on('exit', () => {
        this.#isOver = true
        this.#onReport?.()
        resolve()
      })
    })
  }

  /** Rejects when the thread is over without another report. */
  async next(): Promise<ReaderReport> {
    while (this.#reports.length === 0 && !this.#isOver) await this.#report()
    const report = this.#reports.shift()
    if (report === undefined) throw this.#error
    return report
  }

  giveBack(parcel: ArrayBuffer): void {
    this.#thread.postMessage({ type: 'used', parcel }, [parcel])
  }

  /** Resolves when the thread is over. */
  end(): Promise<void> {
    this.#thread.postMessage({ type: 'end' }, [])
    return this.#exited
  }

  #report(): Promise<void> {
    return new Promise((resolve) => {
      this.#onReport = resolve
    })
  }
}

/** Of about equal spans by the first eight bytes of a key, which of revisions is the main one. */
function slicesOf(first: Uint8Array, last: Uint8Array, count: number): readonly Slice[] {
  const lowest = headOf(first)
  const span = headOf(last) - lowest + 1n
  const starts = Array.from({ length: count }, (_, at) =>
    at === 0 ? RECORDS.start : boundAt(lowest + (span * BigInt(at)) / BigInt(count)),
  )
  return starts.map((start, at) => ({ start, end: starts[at + 1] ?? RECORDS.end }))
}

function headOf(storedKey: Uint8Array): bigint {
  const head = Buffer.alloc(HEAD_BYTES)
  head.set(storedKey.subarray(1, 1 + HEAD_BYTES))
  return head.readBigUInt64BE()
}

function boundAt(head: bigint): Buffer {
  const key = Buffer.alloc(HEAD_BYTES)
  key.writeBigUInt64BE(head)
  return storedBound(key)
}
