/** Bugs that only one kind of fault brings to light. */

import type { Mutant } from './mutant.ts'

export const FAULT_MUTANTS: readonly Mutant[] = [
  {
    name: 'record-unchecked',
    bug: 'a flipped bit in a stored record is served (etcd #14211, FAST 2017)',
    file: 'storage/record-codec.ts',
    was: 'return crc32(value, crc32(storedKey)) === bytes.readUInt32BE(end) ? value : undefined',
    is: 'return crc32(value, crc32(storedKey)) >= 0 ? value : undefined',
    profile: 'bad-disks',
  },
  {
    name: 'checkpoint-unchecked',
    bug: 'a damaged copy of the checkpoint is taken for good',
    file: 'storage/checkpoint-record.ts',
    was: '  if (crc32(bytes.subarray(CHECKED_FROM)) !== bytes.readUInt32BE(4)) return undefined\n',
    is: '',
    profile: 'bad-disks',
  },
  {
    name: 'copy-not-used',
    bug: 'one damaged copy of the checkpoint costs the member its start',
    file: 'storage/checkpoint-record.ts',
    was: "  if (best === undefined) return { kind: copies.includes('damaged') ? 'damaged' : 'none' }",
    is: "  if (best === undefined || copies.includes('damaged'))\n    return { kind: copies.includes('damaged') ? 'damaged' : 'none' }",
    profile: 'bad-disks',
  },
  {
    name: 'lost-flush',
    bug: 'a failed write of the state is taken for done (LevelDB goes on after a full disk)',
    file: 'storage/state-store.ts',
    was: "        this.#fail('writing to', error)\n        return this.#failStop.never()",
    is: '        void error\n        this.#buffer.done(writes)\n        this.#flushing = undefined\n        return undefined',
    profile: 'bad-disks',
  },
  {
    name: 'half-switch',
    bug: 'a start does not finish the change of states that a power cut interrupted',
    file: 'storage/state-directory.ts',
    was: '      await this.files.move(this.#staged, this.live)\n      return true',
    is: '      return true',
    profile: 'snapshots',
  },
  {
    name: 'stranger-unanswered',
    bug: 'a follower cannot answer a leader that was added by an entry it has missed (etcd: rafthttp remotes)',
    file: 'server/peers.ts',
    was: '    this.#strangers.set(peer.id, peer)\n',
    is: '',
    profile: 'churn',
  },
  {
    name: 'votes-by-count',
    bug: 'an answer to a vote that comes twice counts twice',
    file: 'raft/tracker.ts',
    was: '    if (!this.#votes.has(id)) this.#votes.set(id, granted)\n',
    is: `    if (!this.#votes.has(id)) this.#votes.set(id, granted)
    else {
      const free = this.#confState.voters.find((other) => !this.#votes.has(other))
      if (free !== undefined) this.#votes.set(free, granted)
    }
`,
    profile: 'hostile-network',
  },
  {
    name: 'answers-of-old-terms',
    bug: 'an answer to an append of an older term counts in this one (etcd raft: stale MsgAppResp)',
    file: 'raft/raft.ts',
    was: '      if (message.term < this.term) {\n',
    is: "      if (message.term < this.term && message.type !== 'MsgAppResp') {\n",
    profile: 'hostile-network',
  },
]
