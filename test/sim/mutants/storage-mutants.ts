/** Bugs of what is written, cut and loaded again, and of how entries are applied. */

import type { Mutant } from './mutant.ts'

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'log-cut-early',
    bug: 'the log is cut before the checkpoint behind it is durable',
    file: 'server/snapshotter.ts',
    was: 'await this.#measure(',
    is: 'void this.#measure(',
  },
]
