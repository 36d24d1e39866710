/** All mutants, area by area. */

import type { Mutant } from './mutant.ts'
import { RAFT_MUTANTS } from './raft-mutants.ts'
import { READ_MUTANTS } from './read-mutants.ts'
import { STATE_MUTANTS } from './state-mutants.ts'
import { STORAGE_MUTANTS } from './storage-mutants.ts'

export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...READ_MUTANTS,
  ...STORAGE_MUTANTS,
  ...STATE_MUTANTS,
]
