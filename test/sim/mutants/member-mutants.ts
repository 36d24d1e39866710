/** Bugs of who is in the cluster. */

import type { Mutant } from './mutant.ts'

export const MEMBER_MUTANTS: readonly Mutant[] = [
  {
    name: 'two-memberships',
    bug: 'a snapshot changes who votes, and not who is a member (etcd #19557, #20967)',
    file: 'server/applier.ts',
    was: `    this.membership.adopt(checkpoint.membership)
`,
    is: '',
  },
  {
    name: 'unready-promoted',
    profile: 'churn',
    bug: 'a learner that has not caught up gets a vote (etcd PR 15096, PR 11640)',
    file: 'server/reconfiguration.ts',
    was: `    if (activeSinceMs(id) === undefined || !hasCaughtUp(id, status)) return 'learner-not-ready'
`,
    is: '',
  },
  {
    name: 'update-promotes',
    profile: 'churn',
    bug: 'an update of its address promotes a learner (etcd PR 21736)',
    file: 'server/membership.ts',
    was: 'this.#merge(change.id, { peerUrls: change.peerUrls })',
    is: 'this.#merge(change.id, { peerUrls: change.peerUrls, isLearner: false })',
  },
]
