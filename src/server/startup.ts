/**
 * From a member that has its disk to one that serves: it finds a leader, catches up with its log,
 * and tells the cluster its name and URLs. Clients are served when that is applied.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { NO_MEMBER } from '../raft/types.ts'
import type { Applier } from './applier.ts'
import type { Peers } from './peers.ts'
import type { ProposedRequest, Proposer } from './proposer.ts'
import type { RaftNode } from './raft-node.ts'
import { delay } from './turn.ts'
import { CLUSTER_VERSION } from './version.ts'

export interface StartupPorts {
  readonly applier: Applier
  readonly raftNode: RaftNode
  readonly proposer: Proposer
  readonly peers: Peers
  readonly clock: Clock
  readonly logger: Logger
}

export interface StartupOptions {
  readonly name: string
  readonly clientUrls: readonly string[]
  readonly heartbeatMs: number
  readonly electionMs: number
  /** The first election comes sooner. */
  readonly advanceElection: boolean
  /** The last index of the log as it was found. */
  readonly replayTo: number
}

export class Startup {
  readonly #ports: StartupPorts
  readonly #options: StartupOptions
  #onReplayed: (() => void) | undefined
  #hasCampaigned = false
  #isOver = false
  #isStopped = false

  constructor(ports: StartupPorts, options: StartupOptions) {
    this.#ports = ports
    this.#options = options
  }

  /** The log as it was found has been applied, under a leader. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Resolves when there is a leader, and everything that was in the log at start is applied. */
  async replay(): Promise<void> {
    const { logger, clock, applier, raftNode } = this.#ports
    const { replayTo } = this.#options
    const startMs = clock.nowMs()
    const from = applier.appliedIndex
    const replayed = new Promise<void>((resolve) => (this.#onReplayed = resolve))
    this.#campaignIfAlone()
    raftNode.schedule()
    await replayed
    this.#onReplayed = undefined
    this.#isOver = true
    logger.info('replayed the Raft log', {
      'from-index': from,
      'to-index': replayTo,
      entries: replayTo - from,
      'took-ms': Math.round(clock.nowMs() - startMs),
      revision: applier.store.currentRevision,
    })
  }

  /** Called after entries were applied or the leader changed. */
  onAdvanced(): void {
    this.#campaignIfAlone()
    if (this.#isReplayed()) this.#onReplayed?.()
  }

  /**
   * Called at every heartbeat. When the first of the others can be reached, nobody need wait for a
   * whole election timeout for a leader that may not exist. One that does has a heartbeat's time
   * to show itself.
   */
  tick(): void {
    const { raftNode, peers } = this.#ports
    const { advanceElection, electionMs, heartbeatMs } = this.#options
    if (!advanceElection || !peers.takeFirstConnection()) return
    if (raftNode.leader !== NO_MEMBER) return
    raftNode.advanceTicks(Math.ceil(electionMs / heartbeatMs) - 2)
  }

  /** Tells the cluster this member's name and URLs, and the version if nobody has yet. */
  async publish(): Promise<void> {
    const { logger, applier, raftNode } = this.#ports
    const { name, clientUrls } = this.#options
    const { membership } = applier
    const { memberId } = raftNode
    await this.#proposeUntilApplied({
      case: 'memberAttributes',
      value: { memberId, name, clientUrls },
    })
    if (membership.clusterVersion === '') {
      const value = { version: CLUSTER_VERSION }
      await this.#proposeUntilApplied({ case: 'clusterVersion', value })
    }
    logger.info('enabled capabilities for version', {
      'cluster-version': membership.clusterVersion,
    })
    logger.info('published local member to cluster through raft', {
      'local-member-id': memberId,
      'local-member-attributes': `{Name:${name} ClientURLs:[${clientUrls.join(' ')}]}`,
      'cluster-id': membership.clusterId,
    })
  }

  stop(): void {
    this.#isStopped = true
  }

  /** A lone voter has nobody to wait for. In a new log its own entry makes it a voter first. */
  #campaignIfAlone(): void {
    if (this.#hasCampaigned) return
    const { applier, raftNode } = this.#ports
    const { voters } = applier.membership
    if (voters.length !== 1 || voters[0]?.id !== raftNode.memberId) return
    this.#hasCampaigned = true
    raftNode.campaign()
  }

  /** What the log ended in at the start may be replaced by less: then it ends where it does now. */
  #isReplayed(): boolean {
    const { applier, raftNode } = this.#ports
    if (this.#onReplayed === undefined || raftNode.leader === NO_MEMBER) return false
    const end = Math.min(this.#options.replayTo, raftNode.status().lastIndex)
    return applier.appliedIndex >= end
  }

  /** For what is idempotent and must happen. */
  async #proposeUntilApplied(request: ProposedRequest): Promise<void> {
    for (;;) {
      const outcome = await this.#ports.proposer.propose(request, 'upkeep')
      if (outcome.ok || this.#isStopped) return
      this.#ports.logger.warn('publishing is tried again', { reason: outcome.error })
      await delay(this.#options.heartbeatMs)
    }
  }
}
