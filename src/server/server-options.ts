/** What a member is told when it is made. */

import type { Clock, Logger, Random } from '../base/ports.ts'
import type { WatchLimits } from '../mvcc/watch-limits.ts'
import type { Transport } from '../peer/ports.ts'
import type { AutoCompaction } from './auto-compactor.ts'

/** What a message may weigh beyond the request in it, as etcd allows. */
export const GRPC_OVERHEAD_BYTES = 512 * 1024

export interface ServerOptions {
  readonly name: string
  readonly clientUrls: readonly string[]
  readonly heartbeatMs: number
  readonly electionMs: number
  readonly snapshotCount: number
  /** Log entries kept behind a checkpoint for members that lag. */
  readonly snapshotCatchUpEntries: number
  readonly autoCompaction: AutoCompaction | undefined
  readonly strictReconfigCheck: boolean
  readonly maxLearners: number
  /** Elections of a member that has just started come sooner. */
  readonly initialElectionTickAdvance: boolean
  /** Infinity for none. */
  readonly quotaBytes: number
  readonly maxRequestBytes: number
  readonly maxTxnOps: number
  /** Time between two progress notifications of a watch; 10 minutes when absent. */
  readonly watchProgressNotifyIntervalMs?: number
  /** What watching may cost; the defaults of `mvcc/watch-limits` when absent. */
  readonly watchLimits?: WatchLimits
  /** Where the response of a watch that takes fragments is cut; a request's size when absent. */
  readonly watchFragmentBytes?: number
  /** Time between two checkpoints of what a long lease has left; 5 minutes when absent. */
  readonly leaseCheckpointIntervalMs?: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Wall time at start, in milliseconds: ids of leases begin with it. */
  readonly startWallMs: number
  /** Milliseconds since 1970. */
  readonly wallMs: () => number
  /** To the other members. Its events go to `Server.peers`. */
  readonly transport: Transport
  /** Called when the cluster has removed this member for good: it is to be stopped. */
  readonly onRemoved: () => void
  /** Called while there is no leader yet, when all others turn out to be of another cluster. */
  readonly onForeign: () => void
}
