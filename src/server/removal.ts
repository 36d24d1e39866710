/**
 * The end of a member that the cluster has removed for good: it learns so from its own log or from
 * the others, and goes on for a while, so that its client and, where it leads, its successor hear
 * of it.
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { Membership } from './membership.ts'
import type { RaftNode } from './raft-node.ts'

export interface RemovalPorts {
  readonly membership: Membership
  readonly raftNode: RaftNode
  readonly clock: Clock
  readonly logger: Logger
  readonly electionMs: number
  /** Called once: the member is to be stopped. */
  readonly onRemoved: () => void
}

/** As in etcd. */
const DELAY_MS = 1000
/** How long a leader waits for the others to know that it was removed, in election timeouts. */
const LEADER_PATIENCE = 5

export class Removal {
  readonly #ports: RemovalPorts
  #notedMs: number | undefined
  #isOver = false

  constructor(ports: RemovalPorts) {
    this.#ports = ports
  }

  /** The others say so. */
  note(): void {
    this.#notedMs ??= this.#ports.clock.nowMs()
  }

  /** Called often. */
  tick(): void {
    const { membership, raftNode, clock, logger, electionMs, onRemoved } = this.#ports
    const { memberId } = raftNode
    if (this.#isOver) return
    if (membership.isRemoved(memberId)) this.note()
    if (this.#notedMs === undefined) return
    const sinceMs = clock.nowMs() - this.#notedMs
    const isNeeded = raftNode.isLeader && sinceMs < LEADER_PATIENCE * electionMs
    if (sinceMs < DELAY_MS || isNeeded) return
    this.#isOver = true
    logger.warn('the member has been permanently removed from the cluster', {
      'local-member-id': memberId,
    })
    logger.warn('the data directory of this member must be removed: it cannot be used again')
    onRemoved()
  }
}
