/** Locks and elections: the two services over one kind of queue, wired and kept going. */

import type { Clock } from '../base/ports.ts'
import type { Method } from '../rpc/engine.ts'
import { KeyQueue, type KeyQueueParts } from './key-queue.ts'
import { NeedLeader } from './need-leader.ts'
import { ElectionService, type ElectionParts } from './services/election.ts'
import type { KvService } from './services/kv.ts'
import type { LeaseService } from './services/lease.ts'
import { LockService } from './services/lock.ts'

export interface RecipeParts extends KeyQueueParts {
  readonly kv: KvService
  readonly lease: LeaseService
  readonly clock: Clock
  readonly electionMs: number
}

export class Recipes {
  readonly #queue: KeyQueue
  readonly #lock: LockService
  readonly #election: ElectionService

  constructor(parts: RecipeParts) {
    const { kv, lease, hub, headers, clock, electionMs } = parts
    this.#queue = new KeyQueue(parts)
    this.#lock = new LockService({ kv, lease, queue: this.#queue })
    const needLeader: ElectionParts['needLeader'] = new NeedLeader(clock, electionMs)
    const queue = this.#queue
    this.#election = new ElectionService({ kv, lease, queue, hub, headers, needLeader })
  }

  /** Calls of Lock and Campaign that wait for their turn. */
  get waitingCount(): number {
    return this.#queue.waitingCount
  }

  methods(): Method[] {
    return [...this.#lock.methods(), ...this.#election.methods()]
  }

  /** Called at every heartbeat. */
  tick(hasLeader: boolean): void {
    this.#queue.tick()
    this.#election.tick(hasLeader)
  }

  /** Ends all waits and streams; new ones are refused. */
  stop(): void {
    this.#queue.stop()
    this.#election.stop()
  }
}
