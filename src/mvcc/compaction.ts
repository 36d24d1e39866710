/**
 * The physical half of a compaction: walks the key index in slices and removes the revisions that
 * no read at the target or later needs, from the index and from the backend alike. It may be
 * dropped at any point, by a crash too; the restore finishes what is left.
 *
 * Why two passes over the records: of the deletes before a crash any may be lost, in any order.
 * If a tombstone's were kept and that of the put before it lost, the key would come back:
 *
 *     k: put@5  deleted@8   compacted at 9   ──crash──►   put@5        alive again?
 *
 * So the puts go first, then a barrier makes that durable, and only then the tombstones go.
 */

import { EMPTY_KEY, type Key } from '../base/key.ts'
import type { Backend } from '../base/ports.ts'
import { encodeRevisionParts } from './revision.ts'
import type { TreeIndex } from './tree-index.ts'

/** 'barrier': make every delete so far durable, then call `barrierPassed` and step on. */
export type CompactionStep = 'progress' | 'done' | 'blocked' | 'barrier'

export interface CompactionHost {
  /** Whether a pin below `revision` forbids the cut for now. */
  isPinnedBelow(revision: number): boolean
  onCutBegun(revision: number): void
  onCutFinished(revision: number): void
}

export interface RemovedRevision {
  readonly main: number
  readonly sub: number
}

export class Compaction {
  /** History below this revision goes. */
  readonly revision: number
  readonly #index: TreeIndex
  readonly #backend: Backend
  #host: CompactionHost
  /** Where the walk of the index goes on; undefined after the last key. */
  #next: Key | undefined
  /** Out of the index, still in the backend; one key may have had very many. Taken from the end. */
  readonly #puts: RemovedRevision[]
  readonly #tombstones: RemovedRevision[]
  #hasPassedBarrier: boolean
  #isDone: boolean

  constructor(revision: number, index: TreeIndex, backend: Backend, host: CompactionHost) {
    this.revision = revision
    this.#index = index
    this.#backend = backend
    this.#host = host
    this.#next = EMPTY_KEY
    this.#puts = []
    this.#tombstones = []
    this.#hasPassedBarrier = false
    this.#isDone = false
  }

  /** What a restore has left of a cut: `tombstones`, whose puts it has deleted. */
  static rest(
    revision: number,
    tombstones: readonly RemovedRevision[],
    index: TreeIndex,
    backend: Backend,
    host: CompactionHost,
  ): Compaction {
    const compaction = new Compaction(revision, index, backend, host)
    compaction.#next = undefined
    compaction.#tombstones.push(...tombstones)
    return compaction
  }

  /** Whether a pin stands in the way; it goes on when the pin is released. */
  get blocked(): boolean {
    return !this.#isDone && this.#host.isPinnedBelow(this.revision)
  }

  /**
   * Does about `maxWork` units of work, keys of the index looked at and records deleted. After
   * 'done' further calls do nothing. It is also done when the state was replaced.
   */
  step(maxWork: number): CompactionStep {
    if (this.#isDone) return 'done'
    if (this.blocked) return 'blocked'
    this.#host.onCutBegun(this.revision)
    if (this.#puts.length > 0) this.#delete(this.#puts, maxWork, false)
    else if (this.#next !== undefined) this.#cutIndex(this.#next, maxWork)
    else if (this.#hasPassedBarrier) this.#delete(this.#tombstones, maxWork, true)
    if (this.#next !== undefined || this.#puts.length > 0) return 'progress'
    if (this.#tombstones.length > 0) return this.#hasPassedBarrier ? 'progress' : 'barrier'
    this.#isDone = true
    this.#host.onCutFinished(this.revision)
    return 'done'
  }

  /** Every delete made before the last step returned 'barrier' is durable. */
  barrierPassed(): void {
    this.#hasPassedBarrier = true
  }

  /** The store that it cuts has become part of another one. */
  handOver(host: CompactionHost): void {
    this.#host = host
  }

  /** What it cuts was replaced: it has nothing to do any more, and `step` says 'done'. */
  supersede(): void {
    this.#isDone = true
  }

  #cutIndex(start: Key, maxWork: number): void {
    this.#next = this.#index.cut(start, this.revision, maxWork, (main, sub, tombstone) => {
      if (tombstone) this.#tombstones.push({ main, sub })
      else this.#puts.push({ main, sub })
    })
  }

  #delete(removed: RemovedRevision[], maxWork: number, tombstone: boolean): void {
    for (const { main, sub } of removed.splice(Math.max(0, removed.length - maxWork))) {
      this.#backend.delete(encodeRevisionParts(main, sub, tombstone))
    }
  }
}
