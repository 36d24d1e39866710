/**
 * A walk over the keys of a range as they were at one revision. Between two calls anything may
 * happen to the store: each call seeks anew, from behind the last key it returned, and versions
 * written later are not visible at the revision. Whoever lets a compaction run meanwhile holds a
 * pin at the revision. Only a store that has been replaced ends a walk: to go on is a bug.
 */

import { rangeEnd, rangeStart, type KeyRange } from '../base/key-range.ts'
import type { Key } from '../base/key.ts'
import { assert } from '../base/assert.ts'
import type { KeyVersion } from './key-index.ts'

export interface VersionSource {
  /** Changes when the state is replaced by another one. */
  readonly generation: number
  versionAt(key: Key, revision: number): KeyVersion | undefined
  versionsAt(start: Key, end: Key | undefined, revision: number, max: number): KeyVersion[]
}

export class RangeCursor {
  readonly revision: number
  readonly #source: VersionSource
  readonly #generation: number
  readonly #isPoint: boolean
  readonly #end: Key | undefined
  #start: Key
  #done: boolean

  constructor(source: VersionSource, range: KeyRange, revision: number) {
    this.revision = revision
    this.#source = source
    this.#generation = source.generation
    this.#isPoint = range.type === 'point'
    this.#start = rangeStart(range)
    this.#end = this.#isPoint ? undefined : rangeEnd(range)
    this.#done = false
  }

  /** Whether the last `next` has come to the end of the range. */
  get isDone(): boolean {
    return this.#done
  }

  /** At most `maxKeys` (>= 1) further versions in key order; none means the end is reached. */
  next(maxKeys: number): KeyVersion[] {
    if (this.#done) return []
    assert(this.#source.generation === this.#generation, 'no read outlives the state it began in')
    if (this.#isPoint) return this.#nextOfPoint()
    const versions = this.#source.versionsAt(this.#start, this.#end, this.revision, maxKeys)
    const last = versions.at(-1)
    if (last === undefined || versions.length < maxKeys) this.#done = true
    else this.#start = `${last.key}\0` as Key
    return versions
  }

  #nextOfPoint(): KeyVersion[] {
    this.#done = true
    const version = this.#source.versionAt(this.#start, this.revision)
    return version === undefined ? [] : [version]
  }
}
