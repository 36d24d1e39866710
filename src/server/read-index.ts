/**
 * Linearizable reads (thesis §6.4): ask Raft for an index that is committed now and confirmed by a
 * quorum, wait until it is applied, then read locally. All reads that ask within one turn share a
 * round, and every round has an id of its own, so that no answer to an old one counts.
 */

import type { Clock } from '../base/ports.ts'
import type { ReadState } from '../raft/types.ts'

/** What the read index needs of the Raft node. */
export interface ReadIndexSource {
  /** The first read of a round has come: `flush` is to be called later in this turn. */
  onGathering(): void
  /** Starts a round; its answer comes back through `onReadStates` with the same context. */
  readIndex(context: string): void
  readonly appliedIndex: number
  /** Nothing may be read now: the disk stalls, or another state is being put in. */
  readonly isHeldUp: boolean
}

/** A lost round is asked again, with a fresh id, after this long. */
const RETRY_MS = 500

export type ReadOutcome = 'ready' | 'timeout' | 'stopped'

/** Told once, in the very moment. It throws nothing. */
export interface ReadWaiter {
  onRead(outcome: ReadOutcome): void
}

interface Round {
  readonly deadlineMs: number
  readonly waiters: ReadWaiter[]
  retryAtMs: number
  /** Known once Raft has answered. */
  index: number | undefined
}

export class ReadIndex {
  readonly #source: ReadIndexSource
  readonly #clock: Clock
  readonly #timeoutMs: number
  /** Rounds under way by the id of their latest attempt, oldest first. */
  readonly #rounds = new Map<string, Round>()
  #gathering: Round | undefined
  #nextId = 0
  #stopped = false
  #slowCount = 0
  #failedCount = 0

  constructor(source: ReadIndexSource, clock: Clock, timeoutMs: number) {
    this.#source = source
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /** Rounds that had to be asked again. */
  get slowCount(): number {
    return this.#slowCount
  }

  get failedCount(): number {
    return this.#failedCount
  }

  /** Resolves when a local read sees everything that was acknowledged before this call. */
  wait(): Promise<ReadOutcome> {
    return new Promise((resolve) => this.join({ onRead: resolve }))
  }

  /** The same without a promise. */
  join(waiter: ReadWaiter): void {
    if (this.#stopped) {
      waiter.onRead('stopped')
      return
    }
    if (this.#gathering === undefined) {
      this.#gathering = this.#newRound()
      this.#source.onGathering()
    }
    this.#gathering.waiters.push(waiter)
  }

  /** Called once a turn, after its reads have gathered: starts their round. */
  flush(): void {
    const round = this.#gathering
    if (round === undefined) return
    this.#gathering = undefined
    this.#ask(round)
  }

  onReadStates(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      const round = this.#rounds.get(context)
      if (round !== undefined) round.index = index
    }
  }

  /** Called after entries were applied or answers came: ends the rounds that have caught up. */
  onApplied(): void {
    const { appliedIndex, isHeldUp } = this.#source
    if (isHeldUp) return
    for (const [id, round] of this.#rounds) {
      if (round.index === undefined || round.index > appliedIndex) continue
      this.#rounds.delete(id)
      end(round, 'ready')
    }
  }

  /** Called when there is a leader: what was asked of another one gets no answer any more. */
  onLeader(): void {
    for (const [id, round] of [...this.#rounds]) {
      if (round.index !== undefined) continue
      this.#rounds.delete(id)
      this.#ask(round)
    }
  }

  /** Called now and then: asks again where no answer came, and gives up after the timeout. */
  expire(): void {
    this.onApplied()
    const nowMs = this.#clock.nowMs()
    for (const [id, round] of [...this.#rounds]) {
      if (round.deadlineMs <= nowMs) {
        this.#rounds.delete(id)
        this.#failedCount++
        end(round, 'timeout')
      } else if (round.index === undefined && round.retryAtMs <= nowMs) {
        this.#rounds.delete(id)
        this.#slowCount++
        this.#ask(round)
      }
    }
  }

  stop(): void {
    this.#stopped = true
    const rounds = [...this.#rounds.values()]
    if (this.#gathering !== undefined) rounds.push(this.#gathering)
    this.#gathering = undefined
    this.#rounds.clear()
    for (const round of rounds) end(round, 'stopped')
  }

  #newRound(): Round {
    const deadlineMs = this.#clock.nowMs() + this.#timeoutMs
    return { deadlineMs, waiters: [], retryAtMs: 0, index: undefined }
  }

  #ask(round: Round): void {
    const id = String(this.#nextId++)
    round.retryAtMs = this.#clock.nowMs() + RETRY_MS
    this.#rounds.set(id, round)
    this.#source.readIndex(id)
  }
}

function end({ waiters }: Round, outcome: ReadOutcome): void {
  for (const waiter of waiters) waiter.onRead(outcome)
}
