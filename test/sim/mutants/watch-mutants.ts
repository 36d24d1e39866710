/** Bugs of watches. */

import type { Mutant } from './mutant.ts'

export const WATCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'watch-goes-back',
    bug: 'a snapshot sends a watch back to where it began to be up to date (etcd #15271)',
    file: 'mvcc/watch-hub.ts',
    was: `      this.#unfile(watcher)
      // Nobody`,
    is: `      const { next } = watcher
      this.#unfile(watcher)
      watcher.next = next
      // Nobody`,
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
    name: 'no-future-at-snapshot',
    bug: 'a snapshot meets a watch of the future and ends the process (etcd #9775)',
    file: 'mvcc/watch-hub.ts',
    was: `      this.#unfile(watcher)
      // Nobody`,
    is: `      assert(watcher.next <= this.#revision + 1, 'a watch does not begin in the future')
      this.#unfile(watcher)
      // Nobody`,
  },
  {
    name: 'early-events',
    profile: 'snapshots',
    bug: 'a snapshot lets a watch of the future begin too early (etcd #20221)',
    file: 'mvcc/watch-hub.ts',
    was: `      this.#unfile(watcher)
      // Nobody`,
    is: `      this.#unfile(watcher)
      watcher.next = Math.min(watcher.next, currentRevision + 1)
      // Nobody`,
  },
  {
    name: 'early-progress',
    bug: 'a watch of the future is told of progress before its start (etcd #19487)',
    file: 'mvcc/watch-stream.ts',
    was: "if (!isQuiet || watcher.state !== 'synced' || startRevision > revision) continue",
    is: "if (!isQuiet || watcher.state !== 'synced') continue",
  },
  {
    name: 'hasty-progress',
    bug: 'progress overtakes events (etcd #15220)',
    file: 'mvcc/watch-stream.ts',
    was: "if (state !== 'synced') return this.#hub.awaitRevision(this, false)",
    is: 'void state',
  },
  {
    name: 'lost-progress',
    bug: 'a request for progress is never answered (etcd #17507)',
    file: 'mvcc/watch-stream.ts',
    was: `watcher.tail.revision = revision
    this.#answerProgress()`,
    is: 'watcher.tail.revision = revision',
  },
  {
    name: 'skipped-watch',
    bug: 'a watch that lags behind a compaction skips what it missed (etcd #17529)',
    file: 'mvcc/watch-hub.ts',
    was: '    if (watcher.next < this.#store.compactedRevision) {',
    is: `    const { compactedRevision } = this.#store
    if (watcher.state !== 'ended') watcher.next = Math.max(watcher.next, compactedRevision)
    if (watcher.next < compactedRevision) {`,
  },
  {
    name: 'shared-events',
    bug: 'lists of events are shared between watches and grow (etcd #17247)',
    file: 'mvcc/watch-stream.ts',
    was: 'output.ownEvents ??= [...output.events]',
    is: 'output.ownEvents ??= output.events as Uint8Array[]',
  },
  {
    name: 'no-id-0',
    bug: 'watch 0 cannot be cancelled (etcd PR 14563)',
    file: 'mvcc/watch-stream.ts',
    was: `    const watcher = this.#watchers.get(id)
    if (watcher === undefined) return
    this.#forget(watcher)`,
    is: `    const watcher = this.#watchers.get(id)
    if (watcher === undefined || id === 0n) return
    this.#forget(watcher)`,
  },
  {
    name: 'negative-start',
    bug: 'a watch from a negative revision begins with everything (etcd PR 20707)',
    file: 'mvcc/watch-stream.ts',
    was: `    if (options.startRevision < 0) return this.reject('compacted')
`,
    is: '',
  },
  {
    name: 'compacted-prev-kv',
    bug: 'what a change replaced is looked up though it is compacted',
    file: 'mvcc/watch-event.ts',
    was: `    if (before < store.compactedRevision) return undefined
`,
    is: '',
  },
  {
    name: 'unmarked-fragments',
    bug: 'parts of a response do not say that more follows',
    file: 'server/watch-response.ts',
    was: 'join(i < pieces.length - 1 ? { ...head, fragment: true } : head, piece)',
    is: 'join(i < 0 ? { ...head, fragment: true } : head, piece)',
  },
]
