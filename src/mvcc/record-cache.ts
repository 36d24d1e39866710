/**
 * Records that were read lately, by revision, so that what many clients read again and again is
 * not fetched, checked and copied each time. A record of a revision never changes, so nothing in
 * here is ever out of date.
 *
 *     get ──► young ──miss──► old ──miss──► undefined
 *               ▲               │
 *               └─ copied when read again
 *
 * When the young half is full it becomes the old one, and what the old one still had is forgotten:
 * what was read in the last two rounds stays. Each half packs its records into slabs, since a
 * backing store for each of them would cost as much as a record, and the garbage collector's time.
 */

import type { EncodedKeyValue } from './kv.ts'

const SLAB_BYTES = 256 * 1024
/** What a record costs beside its bytes, about: a view into the slab, and its place in a map. */
const OVERHEAD_BYTES = 150
/** Longer ones are few, and would push out many. */
const RECORD_BYTES_MAX = 16 * 1024
/** Subs below this share one number with their main revision; the few others are not kept. */
const SUBS = 2048
const MAIN_MAX = Math.floor(Number.MAX_SAFE_INTEGER / SUBS) - 1

class Half {
  readonly records: Map<number, EncodedKeyValue> = new Map()
  bytes = 0
  #slab = Buffer.alloc(0)
  #used = 0

  add(name: number, record: EncodedKeyValue): void {
    const { length } = record
    if (this.#used + length > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      this.#used = 0
    }
    const start = this.#used
    this.#used += length
    this.#slab.set(record, start)
    this.records.set(name, this.#slab.subarray(start, this.#used))
    this.bytes += length + OVERHEAD_BYTES
  }
}

export class RecordCache {
  readonly #halfBytes: number
  #young: Half
  #old: Half

  /** Takes about `maxBytes` of memory at most, and a slab for each half. */
  constructor(maxBytes: number) {
    this.#halfBytes = maxBytes / 2
    this.#young = new Half()
    this.#old = new Half()
  }

  get(main: number, sub: number): EncodedKeyValue | undefined {
    const name = nameOf(main, sub)
    if (name === undefined) return undefined
    const record = this.#young.records.get(name)
    if (record !== undefined) return record
    const older = this.#old.records.get(name)
    if (older !== undefined) this.#keep(name, older)
    return older
  }

  /** What `get` does not have; the cache copies it. */
  add(main: number, sub: number, record: EncodedKeyValue): void {
    const name = nameOf(main, sub)
    if (name === undefined || record.length > RECORD_BYTES_MAX) return
    this.#keep(name, record)
  }

  clear(): void {
    this.#young = new Half()
    this.#old = new Half()
  }

  #keep(name: number, record: EncodedKeyValue): void {
    this.#young.add(name, record)
    if (this.#young.bytes < this.#halfBytes) return
    this.#old = this.#young
    this.#young = new Half()
  }
}

/**
 * One number for a revision, and no other revision's; undefined for the few that have none. Most
 * have sub 0 and so a small integer, which a map finds fastest.
 */
function nameOf(main: number, sub: number): number | undefined {
  if (sub >= SUBS || main > MAIN_MAX) return undefined
  return sub === 0 ? main : -(main * SUBS + sub)
}
