/** Bugs of linearizable reads. */

import type { Mutant } from './mutant.ts'

export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: 'old-read-acks',
    bug: 'acknowledgements of an older round of reads count for the new one (etcd #20418)',
    file: 'raft/read-only.ts',
    was: 'round.round > confirmed)',
    is: 'round.round > confirmed + 1)',
    profile: 'broken-network',
  },
  {
    name: 'reused-read-id',
    bug: 'a read that is asked again keeps its id, and the late answer to the first attempt counts (etcd #20418)',
    file: 'raft/read-only.ts',
    was: '    this.#count++\n',
    is: '',
    profile: 'broken-network',
  },
  {
    name: 'read-id-of-earlier-life',
    bug: 'a restarted member asks under ids of its earlier life (etcd #20418)',
    file: 'raft/raft.ts',
    was: 'new ForwardedReads(this.#random.below(2 ** 32).toString(16))',
    is: "new ForwardedReads('')",
    profile: 'hostile-network',
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
    bug: "a leader trusts its clock that it still leads (etcd's ReadOnlyLeaseBased, Consul's default)",
    file: 'raft/step-leader.ts',
    was: 'raft.readOnly.takeConfirmed(confirmed)',
    is: 'raft.readOnly.takeConfirmed(Math.max(confirmed, Infinity))',
    profile: 'stale-leader',
  },
  {
    name: 'reads-outlive-term',
    bug: 'reads that a leader was asked for are answered in its next term (etcd PR 21378)',
    file: 'raft/read-only.ts',
    was: '    this.#waiting = []\n    this.#rounds = []\n',
    is: '    this.#waiting = []\n',
    profile: 'stale-leader',
  },
  {
    name: 'read-before-applied',
    bug: 'a read does not wait until its index is applied (etcd PR 13932)',
    file: 'server/read-index.ts',
    was: 'if (round.index === undefined || round.index > appliedIndex) continue',
    is: 'if (round.index === undefined || appliedIndex < 0) continue',
  },
]
