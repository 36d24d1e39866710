/** Bugs of elections, and of the quota of space. */

import type { Mutant } from './mutant.ts'

export const OFFICE_MUTANTS: readonly Mutant[] = [
  {
    name: 'campaign-after-expiry',
    bug: 'a campaign is answered though the session ended while it waited',
    file: 'server/services/election.ts',
    was: '    if (!turn.ok) throw notLeader()',
    is: '    if (!turn.ok && !this.#stopped) return { header, leader }',
  },
  {
    name: 'missed-reign',
    bug: 'an observer looks up who leads now, not who led when the office changed hands',
    file: 'server/leader-observation.ts',
    was: 'leadership = await this.#leadershipAt(end)',
    is: 'leadership = await this.#leadershipNow(end !== undefined)',
  },
  {
    name: 'leader-of-long-ago',
    bug: 'a member says who leads without asking whether it is up to date',
    file: 'server/services/election.ts',
    was: 'this.#parts.kv.range(oldestOf(name))',
    is: 'this.#parts.kv.range({ ...oldestOf(name), serializable: true })',
  },
  {
    name: 'proclaimed-by-anybody',
    bug: 'who is no candidate any more proclaims all the same, and its key is back',
    file: 'server/services/election.ts',
    was: `      compare: [createdAt(key, rev)],
      success: [putOp(key, value, lease)],`,
    is: `      compare: [],
      success: [putOp(key, value, lease)],`,
  },
  {
    name: 'quota-at-the-door',
    bug: 'what got past the door is applied though there is an alarm (etcd: quotaApplierV3)',
    file: 'server/applier.ts',
    was: "return requestCost(growing) > 0 ? { ok: false, error: 'no-space' } : undefined",
    is: "return requestCost(growing) < 0 ? { ok: false, error: 'no-space' } : undefined",
  },
  {
    name: 'alarms-lost-in-snapshot',
    bug: 'a snapshot does not bring the alarms',
    file: 'server/applier.ts',
    was: '    this.alarms.adopt(checkpoint.alarms)\n  }',
    is: '  }',
  },
  {
    name: 'full-for-all',
    bug: 'without space deletes are refused as well, so that no room can be made',
    file: 'server/applier.ts',
    was: 'if (growing === undefined || !this.alarms.isActive(AlarmType.NOSPACE)) return undefined\n    return requestCost(growing) > 0',
    is: 'if (!this.alarms.isActive(AlarmType.NOSPACE)) return undefined\n    return growing === undefined || requestCost(growing) > 0',
  },
]
