/**
 * Linearizable reads without a log entry (thesis §6.4). A leader collects requests; when a round
 * starts it notes its commit index and asks all members by heartbeat whether it still leads. A
 * majority of answers to that round, or to a later one, confirms it.
 *
 * Invariant: rounds grow for as long as the process lives, so that an answer to an older round
 * never confirms a younger request, however late it comes (etcd issue 20418).
 */

import type { MemberId } from './types.ts'

/** A request and who asked: the member itself, or a follower that forwarded it. */
export interface ReadRequest {
  readonly from: MemberId
  readonly context: string
}

export interface ReadRound {
  readonly round: number
  /** The leader's commit index when the round started. */
  readonly index: number
  readonly requests: readonly ReadRequest[]
}

/** The leader's part. */
export class ReadOnly {
  #waiting: ReadRequest[] = []
  #rounds: ReadRound[] = []
  #newest = 0

  /** The newest round that was started; heartbeats carry it. */
  get newestRound(): number {
    return this.#newest
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  get hasRounds(): boolean {
    return this.#rounds.length > 0
  }

  add(request: ReadRequest): void {
    this.#waiting.push(request)
  }

  /** All waiting requests go into one round, to be served at `commit`. */
  startRound(commit: number): void {
    this.#newest++
    this.#rounds.push({ round: this.#newest, index: commit, requests: this.#waiting })
    this.#waiting = []
  }

  /** Takes out the rounds up to `confirmed`, oldest first. */
  takeConfirmed(confirmed: number): ReadRound[] {
    const still = this.#rounds.findIndex((round) => round.round > confirmed)
    return this.#rounds.splice(0, still === -1 ? this.#rounds.length : still)
  }

  /** Leadership ended: nobody answers these, the callers ask again. */
  reset(): void {
    this.#waiting = []
    this.#rounds = []
  }
}

interface Attempt {
  readonly contexts: readonly string[]
  readonly startedTick: number
}

/** The follower's part: reads it asked its leader for, under an id of its own per attempt. */
export class ForwardedReads {
  readonly #prefix: string
  readonly #attempts = new Map<string, Attempt>()
  #waiting: string[] = []
  #count = 0

  /** `nonce` tells this process from earlier ones of the same member, whose answers may be late. */
  constructor(nonce: string) {
    this.#prefix = nonce
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  add(context: string): void {
    this.#waiting.push(context)
  }

  /** All waiting reads become one attempt; returns its id. */
  startAttempt(tick: number): string {
    this.#count++
    const id = `${this.#prefix}.${this.#count}`
    this.#attempts.set(id, { contexts: this.#waiting, startedTick: tick })
    this.#waiting = []
    return id
  }

  /** The reads that this answer is for; none when it was given up. */
  takeAnswered(attempt: string): readonly string[] {
    const found = this.#attempts.get(attempt)
    this.#attempts.delete(attempt)
    return found?.contexts ?? []
  }

  /** Gives up attempts that began before `tick`: request or answer got lost. */
  expire(tick: number): void {
    for (const [id, attempt] of this.#attempts) {
      if (attempt.startedTick >= tick) return
      this.#attempts.delete(id)
    }
  }

  reset(): void {
    this.#attempts.clear()
    this.#waiting = []
  }
}
