/**
 * What is done about a member whose state differs from the others': the leader compares and raises
 * the alarm, and the member that it names serves no more.
 */

import type { Clock, Logger } from '../base/ports.ts'
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../rpc/codec/etcdserverpb.ts'
import type { Applier } from './applier.ts'
import { CorruptionCheck, type HashAnswer } from './corruption-check.ts'
import type { Peers } from './peers.ts'
import type { Proposer } from './proposer.ts'
import { Quarantine } from './quarantine.ts'
import type { RaftNode } from './raft-node.ts'
import type { StatePoint } from './state-hash.ts'

export interface StateGuardPorts {
  readonly applier: Applier
  readonly raftNode: RaftNode
  readonly proposer: Proposer
  readonly peers: Peers
  readonly clock: Clock
  readonly logger: Logger
}

export class StateGuard {
  readonly #ports: StateGuardPorts
  readonly #check: CorruptionCheck
  readonly #quarantine: Quarantine
  #watchesAlarms = false

  constructor(ports: StateGuardPorts) {
    const { applier, raftNode, proposer, peers, logger } = ports
    const { alarms, membership, stateHash } = applier
    const { memberId } = raftNode
    this.#ports = ports
    this.#quarantine = new Quarantine({
      memberId,
      logger,
      isLeader: () => raftNode.isLeader,
      handLeadershipOver: () => raftNode.handOver('its state is corrupt') === 'started',
    })
    this.#check = new CorruptionCheck(stateHash, {
      memberId,
      logger,
      // Why not while corrupt: then this member is no measure for the others.
      isLeader: () => raftNode.isLeader && this.refusal() === undefined,
      otherMembers: () => membership.members.map(({ id }) => id).filter((id) => id !== memberId),
      ask: (peer, point) => peers.calls.compareState(peer, point),
      isAlarmed: (id) => alarms.list(AlarmType.CORRUPT).some((alarm) => alarm.memberId === id),
      raiseAlarm: async (id) => {
        const value = { action: AlarmAction.ACTIVATE, memberId: id, alarm: AlarmType.CORRUPT }
        const outcome = await proposer.propose({ case: 'alarm', value }, 'upkeep')
        return outcome.ok
      },
    })
  }

  /** Why no key or lease may be read or written through this member, if so. */
  refusal(): 'corrupt' | undefined {
    return this.#quarantine.refusal()
  }

  /** Another member asks whether this one has the same state at that point. */
  compare(point: StatePoint): Promise<HashAnswer> {
    return this.#check.onAsk(point)
  }

  /** From now on alarms count: one that was replayed may have been disarmed since. */
  start(): void {
    this.#watchesAlarms = true
    this.onAlarms()
  }

  /** Called when alarms may have changed. */
  onAlarms(): void {
    if (this.#watchesAlarms) this.#quarantine.onAlarms(this.#ports.applier.alarms.list())
  }

  /** Called after entries were applied. */
  onApplied(): void {
    this.#check.onApplied()
  }

  tick(): void {
    const nowMs = this.#ports.clock.nowMs()
    this.#check.tick(nowMs)
    this.#quarantine.tick(nowMs)
  }

  stop(): void {
    this.#check.stop()
  }
}
