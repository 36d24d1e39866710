/** Bugs of elections, replication and membership changes. */

import type { Mutant } from './mutant.ts'

export const RAFT_MUTANTS: readonly Mutant[] = [
  {
    name: 'commit-by-count',
    bug: 'an entry of an older term is committed by counting (Raft paper, figure 8)',
    file: 'raft/step-leader.ts',
    was: ' || raft.log.term(index) !== raft.term',
    is: '',
    profile: 'elections',
  },
  {
    name: 'promise-before-sync',
    bug: 'votes and accepted entries are promised before they are durable (Raft paper, figure 2)',
    file: 'raft/raw-node.ts',
    was: `    this.#held = raft.messagesAfterAppend
    raft.messagesAfterAppend = []`,
    is: `    const early = raft.messagesAfterAppend
    raft.messagesAfterAppend = []
    this.#held = []
    this.#release(early)`,
  },
  {
    name: 'answer-before-sync',
    bug: 'a leader counts its own entries before they are durable: one member loses what it acknowledged (etcd #14370)',
    file: 'raft/proposals.ts',
    was: `  raft.appendsDue = true
  return index
}`,
    is: `  raft.appendsDue = true
  raft.tracker.progress(raft.id)?.maybeUpdate(index)
  return index
}`,
    also: [
      {
        file: 'raft/raft.ts',
        was: 'if (this.tracker.progress(this.id)?.maybeUpdate(this.log.durable)) maybeCommit(this)',
        is: 'this.tracker.progress(this.id)?.maybeUpdate(this.log.durable); maybeCommit(this)',
      },
    ],
  },
  {
    name: 'forgotten-vote',
    bug: 'a vote is not written when the term is known already (Raft paper §5.2)',
    file: 'raft/raw-node.ts',
    was: 'if (log.hasUnstable() || term !== handed.term || vote !== handed.vote) return true',
    is: 'if (log.hasUnstable() || term !== handed.term) return true; void vote',
    profile: 'elections',
  },
  {
    name: 'two-votes',
    bug: 'a member votes for everybody who asks in a term (Raft paper §5.2)',
    file: 'raft/votes.ts',
    was: '(raft.vote === NO_MEMBER && raft.leader === NO_MEMBER)',
    is: 'raft.leader === NO_MEMBER',
  },
  {
    name: 'votes-for-short-logs',
    bug: 'a vote goes to a candidate with a shorter log (Raft paper §5.4.1)',
    file: 'raft/votes.ts',
    was: 'free && raft.log.isUpToDate(message.index, message.logTerm)',
    is: 'free',
  },
  {
    name: 'old-votes-count',
    bug: 'votes of one election count in the next one (raft-rs #83, #84)',
    file: 'raft/raft.ts',
    was: '    this.tracker.resetVotes()\n',
    is: '',
    profile: 'elections',
  },
  {
    name: 'learner-campaigns',
    bug: 'a learner becomes leader (etcd PR 10822)',
    file: 'raft/raft.ts',
    was: 'return this.tracker.isVoter(this.id) && this.offer === undefined',
    is: 'return this.tracker.progress(this.id) !== undefined && this.offer === undefined',
    profile: 'churn',
  },
  {
    name: 'learner-refuses',
    bug: 'who does not know yet that it is a voter refuses its vote (etcd PR 10998)',
    file: 'raft/votes.ts',
    was: 'const granted = free && ',
    is: 'const granted = free && raft.promotable && ',
    profile: 'churn',
  },
  {
    name: 'two-conf-changes',
    bug: 'a membership change is taken while another one is not applied (etcd #11284)',
    file: 'raft/proposals.ts',
    was: "  if (raft.pendingConfIndex > raft.log.applied) return 'pending-conf-change'\n",
    is: '',
    profile: 'churn',
  },
  {
    name: 'early-conf-change',
    bug: 'a new leader changes the membership before it has committed in its term (Ongaro, raft-dev 2015)',
    file: 'raft/raft.ts',
    was: "    this.pendingConfIndex = log.append(this.term, 'EntryNormal', new Uint8Array(0))",
    is: "    log.append(this.term, 'EntryNormal', new Uint8Array(0))",
    profile: 'churn',
  },
  {
    name: 'members-lost-in-snapshot',
    bug: 'a snapshot does not change who votes (etcd-io/raft e515a67)',
    file: 'raft/snapshots.ts',
    was: '  raft.tracker.restore(confState, index + 1)\n',
    is: '',
    profile: 'churn',
  },
  {
    name: 'skipped-page',
    bug: 'entries beyond the limit of a page are counted as applied (etcd #10063)',
    file: 'raft/raft-log.ts',
    was: '    this.#applying += entries.length',
    is: '    this.#applying = to',
    profile: 'elections',
  },
  {
    name: 'compacted-is-term-0',
    bug: 'the term of a compacted entry reads as 0 (etcd-io/raft #31)',
    file: 'raft/step-leader.ts',
    was: '  const logTerm = log.term(index)\n',
    is: '  const logTerm = log.term(index) ?? 0\n',
    profile: 'snapshots',
  },
  {
    name: 'window-stays-full',
    bug: 'what was accepted is never taken out of the window (etcd-io/raft #54)',
    file: 'raft/step-leader.ts',
    was: "  else if (progress.state === 'StateReplicate') progress.inflights.freeTo(message.index)\n",
    is: "  else if (progress.state === 'StateReplicate') void 0\n",
    profile: 'broken-network',
  },
  {
    name: 'probe-waits',
    bug: 'a probe that got lost is never sent again (etcd #7037)',
    file: 'raft/step-leader.ts',
    was: '  progress.resume()\n',
    is: '',
    profile: 'broken-network',
  },
  {
    name: 'lost-entries-not-resent',
    bug: 'who rejects an append is not probed again (etcd-io/raft 85e68cf)',
    file: 'raft/step-leader.ts',
    was: 'if (progress.maybeDecrease(message.index, hint)) raft.appendsDue = true',
    is: 'void hint',
    profile: 'broken-network',
  },
  {
    name: 'leaked-bytes',
    bug: 'what is committed still counts as uncommitted, until no proposal is taken (etcd-io/raft a370b6f)',
    file: 'raft/raft.ts',
    was: 'this.uncommittedBytes -= log.payloadBytes(before + 1, index)',
    is: 'this.uncommittedBytes += log.payloadBytes(before + 1, index)',
  },
  {
    name: 'stale-write-counts',
    bug: 'a write that was replaced on its way counts for what replaced it (etcd-io/raft, async storage ABA)',
    file: 'raft/raft-log.ts',
    was: '    if (this.#write !== undefined) this.#write.validTo = Math.min(this.#write.validTo, from - 1)\n',
    is: '',
    also: [
      {
        file: 'raft/raft-log.ts',
        was: "      assert(this.term(write.lastIndex) === write.lastTerm, 'a written entry changed its term')\n",
        is: '',
      },
      {
        file: 'raft/raft-log.ts',
        was: 'this.#durable = Math.max(this.#durable, write.validTo)',
        is: 'this.#durable = Math.max(this.#durable, Math.min(write.validTo, this.lastIndex))',
      },
    ],
    profile: 'elections',
  },
  {
    name: 'append-cuts-log',
    bug: 'an append that comes late cuts off what was accepted since (Raft paper §5.3)',
    file: 'raft/raft-log.ts',
    was: '      if (this.term(entry.index) !== entry.term) break\n',
    is: '      if (entry.index > this.#committed) break\n',
    profile: 'hostile-network',
  },
  {
    name: 'heartbeat-commits',
    bug: 'a heartbeat carries a commit index beyond what is known to match (Raft paper, figure 2)',
    file: 'raft/step-leader.ts',
    was: 'const commit = Math.min(progress.match, raft.log.committed)',
    is: 'const commit = (void progress, raft.log.committed)',
    profile: 'broken-network',
  },
  {
    name: 'apply-before-durable',
    bug: 'what is committed is applied before it is durable here: local reads go back in a crash',
    file: 'raft/raft-log.ts',
    was: '    const to = Math.min(this.#committed, this.#durable, limit)\n',
    is: '    const to = Math.min(this.#committed, limit)\n',
    also: [
      {
        file: 'raft/raft-log.ts',
        was: 'return this.#applying < Math.min(this.#committed, this.#durable, limit)',
        is: 'return this.#applying < Math.min(this.#committed, limit)',
      },
      { file: 'raft/raft-log.ts', was: '      this.#applying <= this.#durable &&\n', is: '' },
    ],
    profile: 'elections',
  },
  {
    name: 'second-snapshot',
    bug: 'a second snapshot is taken while the first is put in place (etcd #18055)',
    file: 'server/snapshot-receiver.ts',
    was: 'if (this.#isBusy || checkpoint === undefined',
    is: 'if (checkpoint === undefined',
    profile: 'snapshots',
  },
]
