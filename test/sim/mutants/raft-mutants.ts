/** Bugs of elections, replication and membership changes. */

import type { Mutant } from './mutant.ts'

export const RAFT_MUTANTS: readonly Mutant[] = [
  {
    name: 'commit-by-count',
    bug: 'an entry of an older term is committed by counting (Raft paper, figure 8)',
    file: 'raft/step-leader.ts',
    was: ' || raft.log.term(index) !== raft.term',
    is: '',
  },
  {
    name: 'promise-before-sync',
    bug: 'votes and accepted entries are promised before they are durable (etcd #14370)',
    file: 'raft/raw-node.ts',
    was: `    this.#held = raft.messagesAfterAppend
    raft.messagesAfterAppend = []`,
    is: `    const early = raft.messagesAfterAppend
    raft.messagesAfterAppend = []
    this.#held = []
    this.#release(early)`,
  },
  {
    name: 'forgotten-vote',
    bug: 'a vote is not written when the term is known already (Raft paper §5.2)',
    file: 'raft/raw-node.ts',
    was: 'if (log.hasUnstable() || term !== handed.term || vote !== handed.vote) return true',
    is: 'if (log.hasUnstable() || term !== handed.term) return true; void vote',
  },
  {
    name: 'two-conf-changes',
    bug: 'a membership change is taken while another one is not applied (etcd #11284)',
    file: 'raft/proposals.ts',
    was: "  if (raft.pendingConfIndex > raft.log.applied) return 'pending-conf-change'\n",
    is: '',
  },
]
