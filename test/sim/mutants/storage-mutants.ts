/** Bugs of what is written, cut and loaded again. */

import type { Mutant } from './mutant.ts'

export const STORAGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'log-cut-early',
    bug: 'the log is cut before the checkpoint behind it is durable (etcd #3591, #2819)',
    file: 'server/snapshotter.ts',
    was: 'await this.#measure(() => this.#state.saveCheckpoint(encodeCheckpoint(checkpoint)))',
    is: `const saved = this.#measure(() => this.#state.saveCheckpoint(encodeCheckpoint(checkpoint)))
    const early = mark.index - this.#options.catchUpEntries
    if (early > 0) await this.#compactLog(Math.min(early, this.#options.heldIndex()))
    await saved`,
    profile: 'crash-storm',
  },
  {
    name: 'checkpoint-before-records',
    bug: 'the applied index is durable before what was applied (etcd #13766)',
    file: 'storage/state-store.ts',
    was: '      await this.#barrier()\n',
    is: '',
    profile: 'crash-storm',
  },
  {
    name: 'unsynced-log',
    bug: 'the log is not synced (negative control)',
    file: 'storage/raft-log-store.ts',
    was: 'this.#db.put(key, value, { sync: true })',
    is: 'this.#db.put(key, value, { sync: false })',
    profile: 'crash-storm',
  },
  {
    name: 'unsynced-checkpoint',
    bug: 'a checkpoint is not synced, and the log is cut behind it',
    file: 'storage/state-database.ts',
    was: 'return this.#copies.put(key, bytes, { sync: true })',
    is: 'return this.#copies.put(key, bytes, { sync: false })',
    // Else it would be durable a little later.
    also: [
      {
        file: 'storage/state-store.ts',
        was: '      await this.#database.settleCopies()\n',
        is: '',
      },
    ],
    profile: 'crash-storm',
  },
  {
    name: 'log-before-state',
    bug: 'a snapshot restarts the log before the state is in place (etcd PR 13933)',
    file: 'server/raft-node.ts',
    was: `    await this.#events?.onSnapshot(snapshot)
    await this.#log.reset(snapshot.index)`,
    is: `    await this.#log.reset(snapshot.index)
    await this.#events?.onSnapshot(snapshot)`,
    profile: 'snapshots',
  },
  {
    name: 'log-not-restarted',
    bug: 'a crash between the state of a snapshot and its log leaves the old log (etcd PR 13933)',
    file: 'server/bootstrap.ts',
    was: '? await followInstalled(log, recoveredLog, checkpoint)',
    is: '? (void followInstalled, log, recoveredLog)',
    profile: 'snapshots',
  },
  {
    name: 'unpublished-state',
    bug: 'a snapshot is put to use before it is durable',
    file: 'storage/staged-state.ts',
    was: `      await database.barrier(this.#newestKey)
`,
    is: '',
    also: [
      {
        file: 'storage/state-directory.ts',
        was: '    await this.files.syncTree(this.staging)\n',
        is: '',
      },
    ],
    profile: 'snapshots',
  },
  {
    name: 'failed-write-ignored',
    bug: 'a failed write is not the end: later ones are acknowledged and lost (LevelDB, PostgreSQL fsync)',
    file: 'storage/raft-log-store.ts',
    was: "      (error: unknown) => this.#fail('writing to', error),\n    )\n    return this.#appending",
    is: '      () => this.#onDurable(block, checksum),\n    )\n    return this.#appending',
    profile: 'bad-disks',
  },
  {
    name: 'failed-barrier-untold',
    bug: 'a checkpoint is saved although the records below it could not be made durable',
    file: 'storage/state-database.ts',
    was: '    await this.records.del(key)\n',
    is: '',
    profile: 'bad-disks',
  },
  {
    name: 'hole-in-log',
    bug: 'a log is taken to end where it cannot be read (LevelDB drops what it cannot read)',
    file: 'storage/raft-log-store.ts',
    was: '  if (problem !== undefined) return problem\n  replay.add(block, block.checksum)',
    is: '  if (problem !== undefined) return undefined\n  replay.add(block, block.checksum)',
    also: [
      {
        file: 'storage/raft-log-store.ts',
        was: "if (typeof block === 'string') return `${where} cannot be read: ${block}`",
        is: "if (typeof block === 'string') return undefined",
      },
      // Else the mark beside the log tells.
      {
        file: 'storage/raft-log-store.ts',
        was: '  if (mark.sequence > lastSequence) {',
        is: '  if (mark.sequence > Infinity) {',
      },
    ],
    profile: 'bad-disks',
  },
  {
    name: 'short-log-is-whole',
    bug: 'a log that lost its acknowledged end is taken for a torn one (FAST 2018, protocol-aware recovery)',
    file: 'storage/raft-log-store.ts',
    was: '  if (mark.sequence > lastSequence) {',
    is: '  if (mark.sequence > Infinity) {',
    profile: 'bad-disks',
  },
]
