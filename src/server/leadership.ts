/** Handing the leader's office over, and waiting for another member to take it. */

import type { Clock } from '../base/ports.ts'
import { NO_MEMBER, type MemberId } from '../raft/types.ts'
import type { RaftNode } from './raft-node.ts'
import type { TransferOutcome } from './services/maintenance.ts'

export class Leadership {
  readonly #raftNode: RaftNode
  readonly #clock: Clock
  /** A transfer that takes longer is given up, by Raft too. */
  readonly #electionMs: number
  readonly #waiters = new Set<{ readonly deadlineMs: number; readonly wake: () => void }>()
  #isStopped = false

  constructor(raftNode: RaftNode, clock: Clock, electionMs: number) {
    this.#raftNode = raftNode
    this.#clock = clock
    this.#electionMs = electionMs
  }

  /** Resolves when that member is known to lead; fails when it does not come to that. */
  async transferTo(id: MemberId): Promise<TransferOutcome> {
    if (this.#raftNode.leader === id) return { ok: true }
    const started = this.#raftNode.transferLeadership(id)
    if (!started.ok) {
      const error = started.error === 'not-leader' ? 'not-leader' : 'bad-leader-transferee'
      return { ok: false, error }
    }
    const deadlineMs = this.#clock.nowMs() + this.#electionMs
    while (this.#raftNode.leader !== id) {
      if (this.#isStopped) return { ok: false, error: 'stopped' }
      if (this.#clock.nowMs() >= deadlineMs) return { ok: false, error: 'transfer-timeout' }
      await this.#change(deadlineMs)
    }
    return { ok: true }
  }

  /** If this member leads, resolves when another one does, or after `limitMs`. */
  async handOver(reason: string, limitMs: number): Promise<void> {
    const deadlineMs = this.#clock.nowMs() + limitMs
    while (this.#raftNode.isLeader && !this.#raftNode.isHandingOver) {
      const started = this.#raftNode.handOver(reason)
      if (started === 'started') break
      if (started === 'alone' || this.#isStopped || this.#clock.nowMs() >= deadlineMs) return
      await this.#change(this.#clock.nowMs())
    }
    if (!this.#raftNode.isLeader) return
    const { memberId } = this.#raftNode
    while (this.#raftNode.leader === memberId || this.#raftNode.leader === NO_MEMBER) {
      if (this.#isStopped || this.#clock.nowMs() >= deadlineMs) return
      await this.#change(deadlineMs)
    }
  }

  /** Called when another leader is known, or none. */
  onLeader(): void {
    for (const waiter of this.#waiters) this.#wake(waiter)
  }

  /** Called often. */
  tick(): void {
    const nowMs = this.#clock.nowMs()
    for (const waiter of this.#waiters) if (waiter.deadlineMs <= nowMs) this.#wake(waiter)
  }

  /** Ends what waits. */
  stop(): void {
    this.#isStopped = true
    for (const waiter of this.#waiters) this.#wake(waiter)
  }

  #change(deadlineMs: number): Promise<void> {
    return new Promise((wake) => this.#waiters.add({ deadlineMs, wake }))
  }

  #wake(waiter: { readonly deadlineMs: number; readonly wake: () => void }): void {
    this.#waiters.delete(waiter)
    waiter.wake()
  }
}
