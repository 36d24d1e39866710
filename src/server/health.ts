/** The checks behind /health, /livez and /readyz. Each ends in undefined, or the reason why not. */

import { NO_MEMBER } from '../raft/types.ts'
import { AlarmType } from '../rpc/codec/etcdserverpb.ts'
import type { Applier } from './applier.ts'
import { errorText } from './errors.ts'
import type { RaftNode } from './raft-node.ts'
import type { ReadIndex } from './read-index.ts'

export type CheckName =
  'serializable_read' | 'data_corruption' | 'linearizable_read' | 'non_learner'

/** /livez asks whether this process should live on, /readyz whether it can serve. */
export const LIVEZ_CHECKS: readonly CheckName[] = ['serializable_read']
export const READYZ_CHECKS: readonly CheckName[] = [
  'data_corruption',
  'serializable_read',
  'linearizable_read',
  'non_learner',
]

export interface HealthQuery {
  /** Names of alarms that do not count. */
  readonly exclude: readonly string[]
  /** Asks about this member alone, without a quorum. */
  readonly serializable: boolean
}

export class Health {
  readonly #applier: Applier
  readonly #raftNode: RaftNode
  readonly #readIndex: ReadIndex

  constructor(applier: Applier, raftNode: RaftNode, readIndex: ReadIndex) {
    this.#applier = applier
    this.#raftNode = raftNode
    this.#readIndex = readIndex
  }

  /** The reason that /health gives, or '' when all is well. */
  async reason({ exclude, serializable }: HealthQuery): Promise<string> {
    for (const [name, type] of Object.entries(AlarmType)) {
      if (type === AlarmType.NONE || exclude.includes(name)) continue
      if (this.#applier.alarms.isActive(type)) return `ALARM ${name}`
    }
    if (!serializable && this.#raftNode.leader === NO_MEMBER) return 'RAFT NO LEADER'
    const failure = await this.check(serializable ? 'serializable_read' : 'linearizable_read')
    return failure === undefined ? '' : `RANGE ERROR:${failure}`
  }

  async check(name: CheckName): Promise<string | undefined> {
    switch (name) {
      case 'serializable_read':
        return undefined
      case 'data_corruption':
        return this.#applier.alarms.isActive(AlarmType.CORRUPT)
          ? 'alarm activated: CORRUPT'
          : undefined
      case 'linearizable_read': {
        const outcome = await this.#readIndex.wait()
        return outcome === 'ready' ? undefined : errorText(outcome)
      }
      case 'non_learner':
        return this.#applier.isLearner ? 'not supported for learner' : undefined
    }
  }
}
