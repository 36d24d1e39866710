/**
 * What a leader knows of one member's log, and how fast it may send to it.
 *
 *   StateProbe      the match is being looked for: one MsgApp per heartbeat interval
 *      |  ^
 *      v  |         accepted / rejected
 *   StateReplicate  MsgApp are sent ahead of the answers, as far as the window allows
 *
 * Invariant: match < next.
 */

import { assert } from '../base/assert.ts'

export type ProgressState = 'StateProbe' | 'StateReplicate'

/** Last indexes of the MsgApp that are on their way, oldest first, in a ring. */
class Inflights {
  readonly #capacity: number
  readonly #ring: number[] = []
  #head = 0
  #count = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get count(): number {
    return this.#count
  }

  get full(): boolean {
    return this.#count >= this.#capacity
  }

  add(index: number): void {
    assert(!this.full, 'the window of messages is full')
    this.#ring[(this.#head + this.#count) % this.#capacity] = index
    this.#count++
  }

  freeTo(index: number): void {
    while (this.#count > 0 && (this.#ring[this.#head] as number) <= index) {
      this.#head = (this.#head + 1) % this.#capacity
      this.#count--
    }
  }

  reset(): void {
    this.#head = 0
    this.#count = 0
  }
}

export class Progress {
  /** The highest index known to be durable in the member's log. */
  match: number
  /** The next index to send. */
  next: number
  state: ProgressState = 'StateProbe'
  /** Nothing more may be sent until an answer to a MsgApp or to a heartbeat comes. */
  paused = false
  /** An answer came since the last check of the quorum. */
  recentActive = false
  /** The highest commit index that was sent. */
  sentCommit = 0
  /** The newest round of reads whose heartbeat the member answered. */
  ackedRound = 0
  /** The commit index that the member told. */
  ackedCommit = 0
  readonly inflights: Inflights

  constructor(match: number, next: number, maxInflightMessages: number) {
    this.match = match
    this.next = next
    this.inflights = new Inflights(maxInflightMessages)
    this.#check()
  }

  /** Starts anew, as at the beginning of a term. */
  reset(match: number, next: number): void {
    this.match = match
    this.next = next
    this.sentCommit = 0
    this.ackedRound = 0
    this.ackedCommit = 0
    this.recentActive = false
    this.#enter('StateProbe')
  }

  becomeProbe(): void {
    this.next = this.match + 1
    this.sentCommit = Math.min(this.sentCommit, this.match)
    this.#enter('StateProbe')
  }

  becomeReplicate(): void {
    this.next = this.match + 1
    this.#enter('StateReplicate')
  }

  /** An accepted MsgApp. False when it tells nothing new. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.paused = false
    return true
  }

  /**
   * A rejected MsgApp whose previous entry was at `rejected`; `hint` is where the logs may match.
   * False when the answer is older than what is known since.
   */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false
      this.becomeProbe()
      return true
    }
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
    this.paused = false
    this.#check()
    return true
  }

  /** A MsgApp with `count` entries and this commit index has been sent. */
  sent(count: number, commit: number): void {
    this.sentCommit = Math.max(this.sentCommit, commit)
    if (this.state === 'StateProbe') {
      this.paused = true
      return
    }
    if (count === 0) return
    this.next += count
    this.inflights.add(this.next - 1)
    this.paused = this.inflights.full
  }

  /** Whether an empty MsgApp would let the member commit more: it has entries beyond sentCommit. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.paused = false
    this.inflights.reset()
    this.#check()
  }

  #check(): void {
    if (this.match >= this.next) {
      assert(false, 'match must be below next', { match: this.match, next: this.next })
    }
  }
}
