/**
 * What a leader knows of one member's log, and how fast it may send to it.
 *
 *   StateProbe  <-------+   the match is being looked for: one MsgApp per heartbeat interval
 *     |  ^   \          |
 *     |  |    \ compacted entries are needed     answered, failed, or not answered in time
 *     |  |     \        |
 *     |  |      StateSnapshot     the state itself is on its way: no MsgApp
 *     v  |
 *   StateReplicate          MsgApp are sent ahead of the answers, as far as the window allows
 *
 * Invariant: match < next. In StateSnapshot next is match + 1.
 */

import { assert } from '../base/assert.ts'
import { Inflights, type WindowLimits } from './inflights.ts'

export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot'

export class Progress {
  /** The highest index known to be durable in the member's log. */
  match: number
  /** The next index to send. */
  next: number
  state: ProgressState = 'StateProbe'
  /** An answer came since the last check of the quorum. */
  recentActive = false
  /** It has a snapshot and is putting it in place, as it last said. */
  installing = false
  /** The highest commit index that was sent. */
  sentCommit = 0
  /** The newest round of reads whose heartbeat the member answered. */
  ackedRound = 0
  /** The commit index that the member told. */
  ackedCommit = 0
  /** In StateSnapshot: the tick at which the member had all of the state. */
  snapshotSentTick: number | undefined
  /** In StateSnapshot: an accepted MsgApp, or the snapshot, was answered meanwhile. */
  snapshotAnswered = false
  readonly inflights: Inflights
  #waiting = false

  constructor(match: number, next: number, limits: WindowLimits) {
    this.match = match
    this.next = next
    this.inflights = new Inflights(limits)
    this.#check()
  }

  /** Nothing more may be sent until an answer comes: to a MsgApp, a heartbeat or a snapshot. */
  get paused(): boolean {
    return this.#waiting || this.state === 'StateSnapshot'
  }

  pause(): void {
    this.#waiting = true
  }

  /** The member lives: another probe may go. */
  resume(): void {
    this.#waiting = false
  }

  /** Starts anew, as at the beginning of a term. */
  reset(match: number, next: number): void {
    this.match = match
    this.next = next
    this.sentCommit = 0
    this.ackedRound = 0
    this.ackedCommit = 0
    this.recentActive = false
    this.installing = false
    this.#enter('StateProbe')
  }

  becomeProbe(): void {
    this.probeFrom(this.match)
  }

  /** Probes with `index` as the previous entry: at least `match`, and more is a guess. */
  probeFrom(index: number): void {
    this.next = index + 1
    this.sentCommit = Math.min(this.sentCommit, this.match)
    this.#enter('StateProbe')
  }

  becomeReplicate(): void {
    this.next = this.match + 1
    this.#enter('StateReplicate')
  }

  becomeSnapshot(): void {
    this.next = this.match + 1
    this.sentCommit = Math.min(this.sentCommit, this.match)
    this.#enter('StateSnapshot')
  }

  /** An accepted MsgApp. False when it tells nothing new. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.#waiting = false
    this.snapshotAnswered = this.state === 'StateSnapshot'
    return true
  }

  /**
   * A rejected MsgApp whose previous entry was at `rejected`; `hint` is where the logs may match.
   * False when the answer is older than what is known since.
   */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === 'StateSnapshot') return false
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false
      this.becomeProbe()
      return true
    }
    if (this.next - 1 !== rejected) return false
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1)
    this.sentCommit = Math.min(this.sentCommit, this.next - 1)
    this.#waiting = false
    this.#check()
    return true
  }

  /** A MsgApp with `count` entries of `bytes` and this commit index has been sent. */
  sent(count: number, bytes: number, commit: number): void {
    this.sentCommit = Math.max(this.sentCommit, commit)
    if (this.state === 'StateProbe') {
      this.#waiting = true
      return
    }
    if (count === 0) return
    this.next += count
    this.inflights.add(this.next - 1, bytes)
    this.#waiting = this.inflights.full
  }

  /** Whether an empty MsgApp would let the member commit more: it has entries beyond sentCommit. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1
  }

  #enter(state: ProgressState): void {
    this.state = state
    this.#waiting = false
    this.snapshotSentTick = undefined
    this.snapshotAnswered = false
    this.inflights.reset()
    this.#check()
  }

  #check(): void {
    if (this.match >= this.next) {
      assert(false, 'match must be below next', { match: this.match, next: this.next })
    }
  }
}
