/**
 * One of the threads that read a database together: it goes through its slices of the keys, and
 * hands over what is in them as parcels. What is handed over and has not come back is at most
 * AHEAD_BYTES and a parcel.
 *
 * The memory of parcels goes back and forth. Left to the garbage collection of two threads, it would
 * come to ten times as much, and stay with the process.
 */

import type { BackendRecord } from '../base/ports.ts'
import { reasonOf } from './fail-stop.ts'
import type { LevelDatabase } from './level.ts'
import { decodeRecord } from './record-codec.ts'
import { packRecords } from './record-parcel.ts'

/** Entries take more room while they are on their way than as parcels: so few of them at a time. */
const PARCEL_RECORDS = 500
const PARCEL_BYTES = 128 * 1024
/** What a parcel takes if no record in it is large. */
const USUAL_BYTES = PARCEL_BYTES + 16 * 1024
const AHEAD_BYTES = 5 * 1024 * 1024

/** The stored keys in [start, end). */
export interface Slice {
  readonly start: Uint8Array
  readonly end: Uint8Array
}

export type ReaderCommand =
  /** The parcel was used. */
  | { readonly type: 'used'; readonly parcel: ArrayBuffer }
  /** Nobody wants the rest. */
  | { readonly type: 'end' }

/** Of its first slice until the first slice-end, and so on. */
export type ReaderReport =
  | { readonly type: 'parcel'; readonly parcel: ArrayBuffer }
  | { readonly type: 'slice-end' }
  /** The last report, both of them. */
  | { readonly type: 'damaged'; readonly storedKey: Uint8Array; readonly stored: Uint8Array }
  | { readonly type: 'failed'; readonly reason: string }

/** Where reports go; what is in `handed` is lost to the sender. */
export type SendReport = (report: ReaderReport, handed?: readonly ArrayBuffer[]) => void

type Entries = readonly (readonly [storedKey: Uint8Array, stored: Uint8Array])[]

export class SliceReader {
  readonly #db: LevelDatabase
  readonly #send: SendReport
  readonly #used: ArrayBuffer[]
  #aheadBytes: number
  #isEnded: boolean
  #onCommand: (() => void) | undefined

  constructor(db: LevelDatabase, send: SendReport) {
    this.#db = db
    this.#send = send
    this.#used = []
    this.#aheadBytes = 0
    this.#isEnded = false
    this.#onCommand = undefined
  }

  obey(command: ReaderCommand): void {
    if (command.type === 'used') {
      this.#aheadBytes -= command.parcel.byteLength
      this.#used.push(command.parcel)
    } else {
      this.#isEnded = true
    }
    this.#onCommand?.()
  }

  /** Resolves when all slices are read, or there is no use in going on; the database is left alone. */
  async read(slices: readonly Slice[]): Promise<void> {
    try {
      for (const slice of slices) {
        const isRead = await this.#readSlice(slice)
        if (!isRead) return
        this.#send({ type: 'slice-end' })
      }
    } catch (error) {
      this.#send({ type: 'failed', reason: reasonOf(error) })
    }
  }

  /** False when it was not read to its end. */
  async #readSlice({ start, end }: Slice): Promise<boolean> {
    const iterator = this.#db.iterator({
      gte: start,
      lt: end,
      highWaterMarkBytes: PARCEL_BYTES,
      fillCache: false,
    })
    try {
      // What comes next is read while the entries before are handed over.
      let entries = await iterator.nextv(PARCEL_RECORDS)
      while (entries.length > 0) {
        const ahead = iterator.nextv(PARCEL_RECORDS)
        ahead.catch(() => undefined)
        if (!(await this.#handOver(entries))) return false
        entries = await ahead
      }
      return true
    } finally {
      await iterator.close()
    }
  }

  async #handOver(entries: Entries): Promise<boolean> {
    while (this.#aheadBytes >= AHEAD_BYTES && !this.#isEnded) await this.#command()
    if (this.#isEnded) return false
    const records: BackendRecord[] = []
    for (const [storedKey, stored] of entries) {
      const value = decodeRecord(storedKey, stored)
      if (value === undefined) {
        this.#send({ type: 'damaged', storedKey, stored })
        return false
      }
      records.push({ key: storedKey.subarray(1), value })
    }
    const parcel = packRecords(records, (bytes) => this.#allocate(bytes))
    this.#aheadBytes += parcel.byteLength
    this.#send({ type: 'parcel', parcel }, [parcel])
    return true
  }

  #allocate(bytes: number): ArrayBuffer {
    const used = this.#used.pop()
    if (used !== undefined && used.byteLength >= bytes) return used
    return new ArrayBuffer(Math.max(bytes, USUAL_BYTES))
  }

  #command(): Promise<void> {
    return new Promise((resolve) => {
      this.#onCommand = resolve
    })
  }
}
