/** Bugs of linearizable reads. */

import type { Mutant } from './mutant.ts'

export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: 'old-read-acks',
    bug: 'acknowledgements of an older round of reads count for the new one (etcd #20418)',
    file: 'raft/read-only.ts',
    was: 'round.round > confirmed)',
    is: 'round.round > confirmed + 1)',
  },
  {
    name: 'read-before-own-commit',
    bug: 'a new leader answers reads before it has committed in its term (etcd #7331, #12680)',
    file: 'raft/step-leader.ts',
    was: 'if (!raft.readOnly.hasWaiting || !raft.committedInTerm) return',
    is: 'if (!raft.readOnly.hasWaiting) return',
  },
  {
    name: 'unconfirmed-reads',
    bug: 'a leader answers reads without asking whether it still leads',
    file: 'raft/step-leader.ts',
    was: 'raft.readOnly.takeConfirmed(confirmed)',
    is: 'raft.readOnly.takeConfirmed(Math.max(confirmed, Infinity))',
  },
]
