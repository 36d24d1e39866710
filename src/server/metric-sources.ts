/** What the metrics read when they are scraped. */

import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import type { LeaseLoop } from './lease-loop.ts'
import type { Proposer } from './proposer.ts'
import type { RaftNode } from './raft-node.ts'
import type { ReadIndex } from './read-index.ts'
import type { ResponseHeaders } from './response-header.ts'
import type { WatchService } from './services/watch.ts'

/** Operations on the store since the start of the process, by kind. */
export interface OperationCounts {
  range: number
  put: number
  delete: number
  txn: number
}

export interface MetricSources {
  readonly applier: Applier
  readonly raftNode: RaftNode
  readonly proposer: Proposer
  readonly readIndex: ReadIndex
  readonly leaseLoop: LeaseLoop
  readonly state: StateStore
  readonly identity: ResponseHeaders
  readonly operations: OperationCounts
  readonly watchHub: WatchHub
  readonly watch: WatchService
  /** Infinity when there is no quota. */
  readonly quotaBytes: number
}
