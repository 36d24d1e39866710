/** Bugs of transactions, compaction and what a restart makes of them. */

import type { Mutant } from './mutant.ts'

export const KV_MUTANTS: readonly Mutant[] = [
  {
    name: 'txn-without-ranges',
    bug: 'members without the waiting client leave the ranges of a transaction out, and so do not fail (etcd #18667)',
    file: 'server/applier.ts',
    was: 'return this.#refuse(request.value) ?? applyTxn(this.#kv, request.value)',
    is: `{
        const keeps = (op) =>
          requestOf(entry).proposer === this.#memberId ||
          op.request?.case !== 'requestRange'
        const { success, failure } = request.value
        const rest = { success: success.filter(keeps), failure: failure.filter(keeps) }
        return this.#refuse(request.value) ?? applyTxn(this.#kv, { ...request.value, ...rest })
      }`,
  },
  {
    name: 'half-txn',
    bug: 'a transaction that fails has put its first key (etcd PR 18799)',
    file: 'server/apply-txn.ts',
    was: `  const error = checkPath(kv, path)
  if (error !== undefined) return { ok: false, error }
`,
    is: `  const error = checkPath(kv, path)
  const first = path.ops[0]?.request
  if (error !== undefined && first?.case === 'requestPut' && first.value.lease === 0n) {
    write(kv, (transaction) => put(kv, transaction, first.value))
  }
  if (error !== undefined) return { ok: false, error }
`,
  },
  {
    name: 'deletes-reappear',
    bug: 'a range in a transaction does not see what that has written before (etcd PR 17230)',
    file: 'server/apply-txn.ts',
    was: 'range(kv.store, request.value, transaction.readRevision)',
    is: 'range(kv.store, request.value, transaction.revision - 1)',
  },
  {
    name: 'revision-from-keys',
    bug: 'a restart takes the revision from the puts that are left, though a delete came last (etcd #17780, PR 6633)',
    file: 'mvcc/store.ts',
    was: `      ...marks,
      finishedCompactRevision: compactedRevision,
    })`,
    is: `      ...marks,
      revision: index.newest ?? 1,
      finishedCompactRevision: compactedRevision,
    })`,
    also: [
      {
        file: 'mvcc/restore.ts',
        was: '    kv.read(record.value)\n',
        is: `    kv.read(record.value)
    if (!tombstone) this.index.newest = revision.main
`,
      },
    ],
  },
  {
    name: 'lost-tombstone',
    bug: 'a compaction removes the delete at its own revision (etcd #18089)',
    file: 'mvcc/key-index.ts',
    was: 'if (versionOf(older, first) === TOMBSTONE && mainOf(older, first) < revision) first++',
    is: 'if (versionOf(older, first) === TOMBSTONE) first++',
    also: [
      {
        file: 'mvcc/key-index.ts',
        was: 'if (index.version !== TOMBSTONE || index.main === revision) return index',
        is: 'if (index.version !== TOMBSTONE) return index',
      },
    ],
  },
  {
    name: 'forgotten-tombstone',
    bug: 'a restart forgets the delete at the compacted revision (etcd #19179)',
    file: 'mvcc/restore.ts',
    was: 'const isDead = tombstone && main < this.#marks.compactedRevision',
    is: 'const isDead = tombstone',
  },
  {
    name: 'tombstones-first',
    bug: 'a cut waits until it has written that puts go, not until that is durable: a crash brings keys back',
    file: 'server/compactor.ts',
    was: 'await this.#snapshotter.barrier()',
    is: 'await delay(2 * BLOCKED_RETRY_MS)', // a flush later
    profile: 'crash-storm',
  },
  {
    name: 'cut-before-checkpoint',
    bug: 'history is cut before the checkpoint that knows of the compaction is durable',
    file: 'server/compactor.ts',
    was: `    await this.#snapshotter.take()
`,
    is: '',
  },
  {
    name: 'proposed-twice',
    bug: 'a request of unknown outcome is proposed again (etcd PR 8335)',
    file: 'server/proposer.ts',
    was: 'for (const proposal of [...this.#held.values()]) {',
    is: 'for (const proposal of [...this.#waiting.values()].slice(0, 20)) {',
  },
  {
    name: 'revoke-order',
    bug: "a lease's keys are deleted in the order of a map (etcd #6558)",
    file: 'lease/lease-table.ts',
    was: 'return [...lease.keys].sort()',
    is: 'return [...lease.keys]',
  },
]
