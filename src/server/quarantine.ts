/**
 * The quarantine of a member that was found corrupt: it serves nothing any more and does not
 * lead. It ends with the process alone; disarming the alarm does not make the state right again.
 */

import type { Logger } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { AlarmType } from '../rpc/codec/etcdserverpb.ts'
import type { Alarm } from './alarms.ts'

export interface QuarantinePorts {
  readonly memberId: MemberId
  readonly logger: Logger
  readonly isLeader: () => boolean
  /** Asks another member to lead; false when none could be asked. It may fail silently later. */
  readonly handLeadershipOver: () => boolean
}

/** A hand-over takes a round trip; one that fails is given up after an election timeout. */
const HAND_OVER_RETRY_MS = 2000

export class Quarantine {
  readonly #ports: QuarantinePorts
  #isCorrupt = false
  #askedAtMs: number | undefined

  constructor(ports: QuarantinePorts) {
    this.#ports = ports
  }

  /**
   * The alarms of the applied state: at the start, and after they changed. Not yet while entries
   * are replayed that were committed before the start: an alarm among them may have been disarmed
   * since.
   */
  onAlarms(alarms: readonly Alarm[]): void {
    const { memberId, logger } = this.#ports
    if (this.#isCorrupt) return
    const isNamed = ({ type, memberId: id }: Alarm): boolean =>
      type === AlarmType.CORRUPT && id === memberId
    if (!alarms.some(isNamed)) return
    this.#isCorrupt = true
    logger.error('this member is corrupt: it serves no more requests until it is replaced', {
      'local-member-id': memberId,
    })
  }

  /** Why a request is refused, whatever it asks for; undefined when it is not. */
  refusal(): 'corrupt' | undefined {
    return this.#isCorrupt ? 'corrupt' : undefined
  }

  /** Called often. */
  tick(nowMs: number): void {
    if (!this.#isCorrupt || !this.#ports.isLeader()) return
    if (this.#askedAtMs !== undefined && nowMs - this.#askedAtMs < HAND_OVER_RETRY_MS) return
    if (this.#ports.handLeadershipOver()) this.#askedAtMs = nowMs
  }
}
