/**
 * Does the simulator have teeth? Each mutant is the built server with one known bug put back in,
 * in a copy beside the build; the simulator has to catch it.
 *
 *     node scripts/sim.mjs --seeds 1        builds
 *     node test/sim/mutants.mjs [name] [--seeds N]
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))))
const build = path.join(root, 'dist-bench/sim')

/** `was` has to be in the file exactly once. */
const MUTANTS = [
  {
    name: 'commit-by-count',
    bug: 'an entry of an older term is committed by counting (Raft, figure 8)',
    file: 'raft/step-leader.js',
    was: '|| raft.log.term(index) !== raft.term',
    is: '',
  },
  {
    name: 'promise-before-sync',
    bug: 'votes and accepted entries are promised before they are durable',
    file: 'raft/raw-node.js',
    was: `this.#held = raft.messagesAfterAppend;
        raft.messagesAfterAppend = [];`,
    is: `const early = raft.messagesAfterAppend;
        raft.messagesAfterAppend = [];
        this.#held = [];
        this.#release(early);`,
  },
  {
    name: 'old-read-acks',
    bug: 'acknowledgements of an older round of reads count for the new one (etcd #20418)',
    file: 'raft/read-only.js',
    was: 'round.round > confirmed)',
    is: 'round.round > confirmed + 1)',
  },
  {
    name: 'read-before-own-commit',
    bug: 'a new leader answers reads before it has committed in its term (etcd #7331, #12680)',
    file: 'raft/step-leader.js',
    was: 'if (!raft.readOnly.hasWaiting || !raft.committedInTerm)',
    is: 'if (!raft.readOnly.hasWaiting)',
  },
  {
    name: 'unconfirmed-reads',
    bug: 'a leader answers reads without asking whether it still leads',
    file: 'raft/step-leader.js',
    was: 'raft.readOnly.takeConfirmed(confirmed)',
    is: 'raft.readOnly.takeConfirmed(Infinity)',
  },
  {
    name: 'stale-revoke',
    bug: 'a replaced leader revokes leases (etcd #15247)',
    file: 'server/applier.js',
    was: 'if (hasExpired && term !== entry.term)',
    is: 'if (false && term !== entry.term)',
  },
  {
    name: 'stale-keep-alive',
    bug: 'a keep-alive is answered by a leader that has been replaced (etcd #15247)',
    file: 'server/lease-loop.js',
    was: 'const askedMs = clock.nowMs();\n            const outcome = await confirmRead();',
    is: "const askedMs = clock.nowMs();\n            const outcome = 'ready';",
  },
  {
    name: 'short-leases',
    bug: 'a new leader does not give leases their time anew',
    file: 'lease/lessor.js',
    was: 'seconds * 1000 + extendMs',
    is: 'seconds * 300',
  },
  {
    name: 'lock-after-expiry',
    bug: 'a lock is answered though the session ended while it waited (etcd PR 11408)',
    file: 'server/key-queue.js',
    was: 'if (!hasEnded && this.#isThere(entry))',
    is: 'if (entry !== undefined)',
  },
  {
    name: 'revoke-order',
    bug: "a lease's keys are deleted in the order of a map (etcd #6558)",
    file: 'lease/lease-table.js',
    was: 'return [...lease.keys].sort();',
    is: 'return [...lease.keys];',
  },
  {
    name: 'skipped-watch',
    bug: 'a watch that lags behind a compaction skips what it missed (etcd #17529)',
    file: 'mvcc/watch-hub.js',
    was: `for (const watcher of this.#hungry) {
            if (watcher.next < compactedRevision)
                watcher.stream.endCompacted(watcher, compactedRevision);`,
    is: `for (const watcher of this.#hungry) {
            if (watcher.next < compactedRevision)
                watcher.next = compactedRevision;`,
  },
  {
    name: 'deaf-after-snapshot',
    bug: 'watches miss what a snapshot brings (etcd #9086)',
    file: 'mvcc/watch-hub.js',
    was: "if (watcher.state === 'hungry')\n                this.#file(watcher);",
    is: "if (watcher.state === 'hungry') {\n watcher.next = Math.max(watcher.next, currentRevision + 1);\n this.#file(watcher); }",
  },
  {
    name: 'proposed-twice',
    bug: 'a request of unknown outcome is proposed again (etcd PR 8335)',
    file: 'server/proposer.js',
    was: 'for (const proposal of [...this.#held.values()]) {',
    is: 'for (const proposal of [...this.#waiting.values()].slice(0, 20)) {',
  },
  {
    name: 'log-cut-early',
    bug: 'the log is cut before the checkpoint behind it is durable',
    file: 'server/snapshotter.js',
    was: 'await this.#measure(',
    is: 'void this.#measure(',
  },
  {
    name: 'lost-tombstone',
    bug: 'a compaction removes the delete at its own revision (etcd #18089)',
    file: 'mvcc/key-index.js',
    was: 'if (versionOf(older, first) === TOMBSTONE && mainOf(older, first) < revision)',
    is: 'if (versionOf(older, first) === TOMBSTONE)',
  },
  {
    name: 'two-conf-changes',
    bug: 'a membership change is taken while another one is not applied (etcd #11284)',
    file: 'raft/proposals.js',
    was: 'if (raft.pendingConfIndex > raft.log.applied)',
    is: 'if (false)',
  },
  {
    name: 'forgotten-vote',
    bug: 'a vote is not written when the term is known already',
    file: 'raft/raw-node.js',
    was: 'log.hasUnstable() || term !== handed.term || vote !== handed.vote)',
    is: 'log.hasUnstable() || term !== handed.term || (vote !== handed.vote && false))',
  },
  {
    name: 'lease-without-keys',
    bug: 'leases lose their keys when a snapshot is put in place',
    file: 'server/snapshot-receiver.js',
    was: 'applier.leases.adopt(checkpoint.leases, leaseOfKey);',
    is: 'applier.leases.adopt(checkpoint.leases, new Map());',
  },
]

function argument(name, fallback) {
  const at = process.argv.indexOf(name)
  return at === -1 ? fallback : process.argv[at + 1]
}

const seeds = argument('--seeds', '200')
const wanted = process.argv[2]?.startsWith('--') ? undefined : process.argv[2]

function caughtBy({ file, was, is }) {
  const copy = mkdtempSync(path.join(tmpdir(), 'quorate-mutant-'))
  try {
    cpSync(build, copy, { recursive: true })
    cpSync(path.join(root, 'package.json'), path.join(copy, 'package.json'))
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'))
    const target = path.join(copy, 'src', file)
    const text = readFileSync(target, 'utf8')
    if (text.split(was).length !== 2) return 'the place of the bug was not found'
    writeFileSync(target, text.replace(was, is))
    const cli = path.join(copy, 'test/sim/cli.js')
    const args = [
      cli,
      '--seeds',
      seeds,
      '--workers',
      '1',
      '--stop-at',
      '1',
      '--minimise-runs',
      '0',
      '--duration-ms',
      '15000',
    ]
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
    const first = /^seed (\d+) \(([\w-]+)\) ([\w-]+): (.*)$/m.exec(stdout)
    const done = /^(\d+) schedules/m.exec(stdout)?.[1] ?? '?'
    if (first === null) return `SURVIVED ${done} schedules`
    return `${first[3]} after ${done} (seed ${first[1]}, ${first[2]}): ${first[4].slice(0, 110)}`
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

for (const mutant of MUTANTS) {
  if (wanted !== undefined && mutant.name !== wanted) continue
  process.stdout.write(`| ${mutant.name} | ${mutant.bug} | ${caughtBy(mutant)} |\n`)
}
