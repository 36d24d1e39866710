/**
 * Every version that every key ever had, in memory, with the last writes undoable. Keys stay in
 * the sorted list when they are deleted or undone; they then have no live version.
 */

import type { Interval, KeyValue } from './history.ts'

/** Undefined `kv`: the key was deleted at the revision. */
interface Version {
  readonly revision: number
  readonly kv: KeyValue | undefined
}

export class VersionedKeys {
  readonly #keys: string[] = []
  readonly #versions = new Map<string, Version[]>()
  readonly #journal: Version[][] = []

  /** How much has been written: what `undoTo` goes back to. */
  get mark(): number {
    return this.#journal.length
  }

  /** Revisions of a key must not go down. */
  write(key: string, revision: number, kv: KeyValue | undefined): void {
    let versions = this.#versions.get(key)
    if (versions === undefined) {
      versions = []
      this.#versions.set(key, versions)
      this.#keys.splice(this.#slot(key), 0, key)
    }
    versions.push({ revision, kv })
    this.#journal.push(versions)
  }

  undoTo(mark: number): void {
    while (this.#journal.length > mark) this.#journal.pop()?.pop()
  }

  at(key: string, revision: number): KeyValue | undefined {
    const versions = this.#versions.get(key)
    if (versions === undefined) return undefined
    const last = versions.at(-1)
    if (last === undefined) return undefined
    if (last.revision <= revision) return last.kv
    let low = 0
    let high = versions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (versions[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return versions[low - 1]?.kv
  }

  /** What lives in the interval at the revision, in byte order. */
  live({ key, rangeEnd }: Interval, revision: number): KeyValue[] {
    if (rangeEnd === undefined || rangeEnd === '') {
      const kv = this.at(key, revision)
      return kv === undefined ? [] : [kv]
    }
    const kvs: KeyValue[] = []
    for (let i = this.#slot(key); i < this.#keys.length; i++) {
      const name = this.#keys[i]!
      if (rangeEnd !== '\0' && name >= rangeEnd) break
      const kv = this.at(name, revision)
      if (kv !== undefined) kvs.push(kv)
    }
    return kvs
  }

  /** The first position whose key is not below. */
  #slot(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
