/** All mutants, area by area. */

import { KV_MUTANTS } from './kv-mutants.ts'
import { LEASE_MUTANTS } from './lease-mutants.ts'
import { MEMBER_MUTANTS } from './member-mutants.ts'
import { FAULT_MUTANTS } from './fault-mutants.ts'
import type { Mutant } from './mutant.ts'
import { OFFICE_MUTANTS } from './office-mutants.ts'
import { RAFT_MUTANTS } from './raft-mutants.ts'
import { READ_MUTANTS } from './read-mutants.ts'
import { STORAGE_MUTANTS } from './storage-mutants.ts'
import { WATCH_MUTANTS } from './watch-mutants.ts'

export const MUTANTS: readonly Mutant[] = [
  ...RAFT_MUTANTS,
  ...READ_MUTANTS,
  ...STORAGE_MUTANTS,
  ...FAULT_MUTANTS,
  ...KV_MUTANTS,
  ...WATCH_MUTANTS,
  ...LEASE_MUTANTS,
  ...OFFICE_MUTANTS,
  ...MEMBER_MUTANTS,
]
