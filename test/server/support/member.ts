/** An applier over a simulated disk that can be cut off at any point and started again. */

import type { Commit } from '../../../src/mvcc/store.ts'
import type { LeaseTable } from '../../../src/lease/lease-table.ts'
import type { Store } from '../../../src/mvcc/store.ts'
import type { ConfChange, ConfState, Entry } from '../../../src/raft/types.ts'
import { Applier, type Applied } from '../../../src/server/applier.ts'
import { restoreState } from '../../../src/server/bootstrap.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
  type Checkpoint,
} from '../../../src/server/checkpoint.ts'
import { MemoryStateDisk, MemoryStateStore } from '../../../src/storage/memory-state-store.ts'

export const CLUSTER_ID = '00000000000000c1'
export const MEMBER_ID = '0000000000000001'

export class Member {
  readonly disk: MemoryStateDisk
  readonly state: MemoryStateStore
  readonly applier: Applier
  readonly commits: Commit[]
  /** What Raft was asked to change, in order. */
  readonly changes: ConfChange[] = []
  #confState: ConfState

  private constructor(
    disk: MemoryStateDisk,
    state: MemoryStateStore,
    restored: { readonly store: Store; readonly leases: LeaseTable },
    from: Checkpoint,
  ) {
    this.disk = disk
    this.state = state
    this.commits = []
    const { store, leases } = restored
    this.applier = new Applier(store, leases, from, (commit) => void this.commits.push(commit))
    this.#confState = from.confState
  }

  static async start(disk = new MemoryStateDisk()): Promise<Member> {
    const saved = disk.checkpoint
    const from =
      saved === undefined ? initialCheckpoint(CLUSTER_ID, MEMBER_ID) : decodeCheckpoint(saved)
    if (from === undefined) throw new Error('the checkpoint cannot be read')
    const state = new MemoryStateStore(disk)
    return new Member(disk, state, await restoreState(state, from), from)
  }

  apply(entry: Entry): Applied | undefined {
    if (entry.type === 'EntryNormal') return this.applier.applyNormal(entry)
    return this.applier.applyConfChange(entry, (change) => this.#changeConf(change))
  }

  save(): Promise<void> {
    return this.state.saveCheckpoint(encodeCheckpoint(this.applier.checkpoint()))
  }

  /** What Raft answers: the configuration as it is after the change. */
  #changeConf(change: ConfChange): ConfState {
    this.changes.push(change)
    let { voters, learners } = this.#confState
    for (const { type, id } of change.steps) {
      voters = voters.filter((voter) => voter !== id)
      learners = learners.filter((learner) => learner !== id)
      if (type === 'add-voter') voters = [...voters, id].toSorted()
      if (type === 'add-learner') learners = [...learners, id].toSorted()
    }
    this.#confState = { ...this.#confState, voters, learners }
    return this.#confState
  }
}
