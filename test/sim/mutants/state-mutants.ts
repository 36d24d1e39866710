/** Bugs of the key-value store, watches, leases and locks. */

import type { Mutant } from './mutant.ts'

export const STATE_MUTANTS: readonly Mutant[] = [
  {
    name: 'stale-revoke',
    bug: 'a replaced leader revokes leases (etcd #15247)',
    file: 'server/applier.ts',
    was: 'if (hasExpired && term !== entry.term)',
    is: 'if (hasExpired && term > entry.term)',
  },
  {
    name: 'stale-keep-alive',
    bug: 'a keep-alive is answered by a leader that has been replaced (etcd #15247)',
    file: 'server/lease-loop.ts',
    was: '      const askedMs = clock.nowMs()\n      const outcome = await confirmRead()',
    is: "      const askedMs = clock.nowMs()\n      const outcome = (confirmRead, 'ready')",
  },
  {
    name: 'short-leases',
    bug: 'a new leader does not give leases their time anew (etcd #13508)',
    file: 'lease/lessor.ts',
    was: 'seconds * 1000 + extendMs',
    is: 'seconds * 300',
  },
  {
    name: 'lock-after-expiry',
    bug: 'a lock is answered though the session ended while it waited (etcd PR 11408)',
    file: 'server/key-queue.ts',
    was: 'if (!hasEnded && this.#isThere(entry)) {',
    is: 'if (entry !== undefined) {',
  },
  {
    name: 'revoke-order',
    bug: "a lease's keys are deleted in the order of a map (etcd #6558)",
    file: 'lease/lease-table.ts',
    was: 'return [...lease.keys].sort()',
    is: 'return [...lease.keys]',
  },
  {
    name: 'skipped-watch',
    bug: 'a watch that lags behind a compaction skips what it missed (etcd #17529)',
    file: 'mvcc/watch-hub.ts',
    was: 'if (watcher.next < compactedRevision) watcher.stream.endCompacted(watcher, compactedRevision)',
    is: 'if (watcher.next < compactedRevision) watcher.next = compactedRevision',
  },
  {
    name: 'deaf-after-snapshot',
    bug: 'watches miss what a snapshot brings (etcd #9086)',
    file: 'mvcc/watch-hub.ts',
    was: "    for (const watcher of filed) if (watcher.state === 'hungry') this.#file(watcher)",
    is: `    for (const watcher of filed) {
      if (watcher.state !== 'hungry') continue
      watcher.next = Math.max(watcher.next, currentRevision + 1)
      this.#file(watcher)
    }`,
  },
  {
    name: 'proposed-twice',
    bug: 'a request of unknown outcome is proposed again (etcd PR 8335)',
    file: 'server/proposer.ts',
    was: 'for (const proposal of [...this.#held.values()]) {',
    is: 'for (const proposal of [...this.#waiting.values()].slice(0, 20)) {',
  },
  {
    name: 'lost-tombstone',
    bug: 'a compaction removes the delete at its own revision (etcd #18089)',
    file: 'mvcc/key-index.ts',
    was: 'if (versionOf(older, first) === TOMBSTONE && mainOf(older, first) < revision) first++',
    is: 'if (versionOf(older, first) === TOMBSTONE) first++',
  },
  {
    name: 'lease-without-keys',
    bug: 'leases lose their keys when a snapshot is put in place',
    file: 'server/snapshot-receiver.ts',
    was: 'applier.leases.adopt(checkpoint.leases, leaseOfKey)',
    is: 'applier.leases.adopt(checkpoint.leases, new Map())',
  },
]
