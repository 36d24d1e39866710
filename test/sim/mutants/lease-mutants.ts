/**
 * Bugs of leases and locks. Not here: a keep-alive that is answered though the lease was revoked
 * while it waited (etcd PR 20615). Nobody outside can tell: the lease was there when the call began,
 * so the renewal may have come first. test/server/lease-loop.test.ts sees it.
 */

import type { Mutant } from './mutant.ts'

export const LEASE_MUTANTS: readonly Mutant[] = [
  {
    name: 'lease-not-yet-there',
    profile: 'snapshots',
    bug: 'a member looks a lease up before it has applied its grant (etcd PR 13932)',
    file: 'server/lease-loop.ts',
    was: `    const outcome = await this.#ports.confirmRead()
    if (outcome !== 'ready') return { ok: false, error: outcome }
    const remainder`,
    is: '    const remainder',
  },
  {
    name: 'ttl-of-demoted',
    bug: 'a member that has lost its office tells what leases have left (etcd PR 17704)',
    file: 'server/lease-loop.ts',
    was: `    const outcome = await this.#ports.confirmRead()
    if (outcome !== 'ready') return { ok: false, error: outcome }
    const remainder`,
    is: '    const remainder',
    also: [
      {
        file: 'server/lease-loop.ts',
        was: `    for (;;) {
      const refusal = await this.#confirm(deadlineMs)
      if (refusal !== undefined) return { ok: false, error: refusal }
      if (this.#lessor.epoch === undefined) continue
`,
        is: `    for (;;) {
      if (this.#lessor.epoch === undefined) {
        const refusal = await this.#confirm(deadlineMs)
        if (refusal !== undefined) return { ok: false, error: refusal }
        continue
      }
`,
      },
    ],
    profile: 'broken-network',
  },
  {
    name: 'stale-revoke',
    bug: 'a replaced leader revokes leases (etcd #15247)',
    file: 'server/applier.ts',
    was: 'if (hasExpired && term !== entry.term)',
    is: 'if (hasExpired && term > entry.term)',
    profile: 'stale-leader',
  },
  {
    name: 'stale-keep-alive',
    bug: 'a keep-alive is answered by a leader that has been replaced (etcd #15247)',
    file: 'server/lease-loop.ts',
    was: '      const askedMs = clock.nowMs()\n      const outcome = await confirmRead()',
    is: "      const askedMs = clock.nowMs()\n      const outcome = (confirmRead, 'ready')",
  },
  {
    name: 'expired-is-renewed',
    bug: 'a lease that is being revoked because it has expired is renewed (etcd PR 20615)',
    file: 'lease/lessor.ts',
    was: `    if (term.deadlineMs <= nowMs) return { ok: false, error: 'expired', lease }
`,
    is: '',
  },
  {
    name: 'short-leases',
    bug: 'a new leader does not give leases their time anew (etcd #13508)',
    file: 'lease/lessor.ts',
    was: 'seconds * 1000 + extendMs',
    is: 'seconds * 300',
  },
  {
    name: 'ttl-anew',
    bug: 'each leader gives all leases their whole time (etcd PR 13508)',
    file: 'lease/lessor.ts',
    was: 'const seconds = remainingTtl > 0 ? remainingTtl : ttl',
    is: 'const seconds = ttl; void remainingTtl',
  },
  {
    name: 'kept-checkpoint',
    bug: 'a renewal leaves what was left of the lease in the log, for the next leader (etcd PR 13508)',
    file: 'lease/lessor.ts',
    was: 'mustClearCheckpoint: term.mayBeCheckpointed',
    is: 'mustClearCheckpoint: false',
    profile: 'elections',
  },
  {
    name: 'stale-checkpoint',
    bug: 'a replaced leader saves what leases have left (etcd PR 14087)',
    file: 'server/applier.ts',
    was: `    if (term !== entry.term) return { ok: false, error: 'leader-changed' }
    for (`,
    is: '    for (',
    profile: 'broken-network',
  },
  {
    name: 'key-stays-on-lease',
    bug: 'a key that was put without a lease still ends with its old one (etcd #10686)',
    file: 'server/apply-txn.ts',
    was: `  leases.setLease(key, lease)
  return`,
    is: `  if (lease !== 0n) leases.setLease(key, lease)
  return`,
  },
  {
    name: 'lease-without-keys',
    bug: 'leases lose their keys when a snapshot is put in place',
    file: 'server/snapshot-receiver.ts',
    was: 'applier.leases.adopt(checkpoint.leases, leaseOfKey)',
    is: 'applier.leases.adopt(checkpoint.leases, new Map())',
  },
  {
    name: 'lock-after-expiry',
    bug: 'a lock is answered though the session ended while it waited (etcd PR 11408)',
    file: 'server/key-queue.ts',
    was: 'if (!hasEnded && this.#isThere(entry)) {',
    is: 'if (entry !== undefined) {',
  },
]
