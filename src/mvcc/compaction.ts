/**
 * The physical half of a compaction: walks the key index in slices and removes the revisions that
 * no read at the target or later needs, from the index and from the backend alike. It may be
 * dropped at any point, by a crash too; the next one, or the restore, removes what is left.
 */

import { EMPTY_KEY, type Key } from '../base/key.ts'
import type { Backend } from '../base/ports.ts'
import { encodeRevisionParts } from './revision.ts'
import type { TreeIndex } from './tree-index.ts'

export type CompactionStep = 'progress' | 'done' | 'blocked'

export interface CompactionHost {
  /** Whether a pin below `revision` forbids the cut for now. */
  isPinnedBelow(revision: number): boolean
  onCutBegun(revision: number): void
  onCutFinished(revision: number): void
}

export class Compaction {
  /** History below this revision goes. */
  readonly revision: number
  readonly #index: TreeIndex
  readonly #backend: Backend
  readonly #host: CompactionHost
  #next: Key | undefined

  constructor(revision: number, index: TreeIndex, backend: Backend, host: CompactionHost) {
    this.revision = revision
    this.#index = index
    this.#backend = backend
    this.#host = host
    this.#next = EMPTY_KEY
  }

  /** Whether a pin stands in the way; it goes on when the pin is released. */
  get blocked(): boolean {
    return this.#next !== undefined && this.#host.isPinnedBelow(this.revision)
  }

  /** Looks at up to `maxKeys` keys of the index. After 'done' further calls do nothing. */
  step(maxKeys: number): CompactionStep {
    if (this.#next === undefined) return 'done'
    if (this.blocked) return 'blocked'
    this.#host.onCutBegun(this.revision)
    this.#next = this.#index.cut(this.#next, this.revision, maxKeys, (main, sub, tombstone) => {
      this.#backend.delete(encodeRevisionParts(main, sub, tombstone))
    })
    if (this.#next !== undefined) return 'progress'
    this.#host.onCutFinished(this.revision)
    return 'done'
  }
}
