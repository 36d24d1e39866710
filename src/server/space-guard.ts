/**
 * The guard of the space quota, at the door: a request that would not fit raises the NOSPACE alarm
 * for the whole cluster and is refused. The alarm, once applied, is what every member obeys.
 */

import type { MemberId } from '../raft/types.ts'
import { AlarmRequest_AlarmAction as AlarmAction, AlarmType } from '../rpc/codec/etcdserverpb.ts'
import { etcdError } from './errors.ts'
import type { Proposer } from './proposer.ts'
import { hasRoom, requestCost, type GrowingRequest } from './quota.ts'

export class SpaceGuard {
  readonly #proposer: Proposer
  readonly #memberId: MemberId
  readonly #usedBytes: () => number
  readonly #quotaBytes: number

  /** `quotaBytes` may be Infinity. */
  constructor(proposer: Proposer, memberId: MemberId, usedBytes: () => number, quotaBytes: number) {
    this.#proposer = proposer
    this.#memberId = memberId
    this.#usedBytes = usedBytes
    this.#quotaBytes = quotaBytes
  }

  hasRoom(request: GrowingRequest): boolean {
    return hasRoom(this.#usedBytes(), requestCost(request), this.#quotaBytes)
  }

  /** Raises the alarm and rejects with the error to answer with. */
  async refuse(): Promise<never> {
    const value = {
      action: AlarmAction.ACTIVATE,
      memberId: this.#memberId,
      alarm: AlarmType.NOSPACE,
    }
    const outcome = await this.#proposer.propose({ case: 'alarm', value })
    throw etcdError(outcome.ok ? 'no-space' : outcome.error)
  }
}
