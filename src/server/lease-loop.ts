/**
 * The lease loop: lets the lessor act. It promotes and demotes it with the leader's office,
 * proposes the revocation of what has expired and the checkpoints that are due, and renews on
 * behalf of the service.
 *
 *     clock ─► lessor: expired ─► revoke entries ─► applier ─► table ─► lessor: gone
 *     keep-alive ─► read index (am I still the leader?) ─► lessor.renew ─► answer
 *
 * Why revocations are rationed: ten thousand leases that end at once must not hold up what clients
 * write. A revocation names the term it was decided in, so one by a leader that has been replaced
 * has no effect.
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { Lease, LeaseTable } from '../lease/lease-table.ts'
import { Lessor, type Renewal } from '../lease/lessor.ts'
import type { MemberId } from '../raft/types.ts'
import type { Outcome } from './apply-txn.ts'
import type { ErrorName } from './errors.ts'
import type { ProposedRequest } from './proposer.ts'
import type { ReadOutcome } from './read-index.ts'

export interface LeaseLoopPorts {
  readonly clock: Clock
  readonly logger: Logger
  /** The term in which this member is the leader and has applied an entry; undefined otherwise. */
  readonly leadingTerm: () => number | undefined
  /** Resolves when a quorum has confirmed who leads and all it had committed is applied. */
  readonly confirmRead: () => Promise<ReadOutcome>
  readonly propose: (request: ProposedRequest) => Promise<Outcome<object>>
  /** Told the TTL of each lease granted. */
  readonly onGranted: (ttl: number) => void
  /** The other member that leads, as far as is known; undefined for none, and for this one. */
  readonly remoteLeader: () => MemberId | undefined
  /** Ask that member; undefined when there is no answer, or it does not lead any more. */
  readonly renewAt: (leader: MemberId, id: bigint) => Promise<RenewOutcome | undefined>
  readonly remainingAt: (leader: MemberId, id: bigint) => Promise<RemainderOutcome | undefined>
}

export interface LeaseLoopOptions {
  readonly electionMs: number
  /** How long a call may wait for a leader or for a revocation. */
  readonly timeoutMs: number
  /** What a lease with more than this left has left is saved this often. */
  readonly checkpointIntervalMs: number
}

type Refusal = { readonly ok: false; readonly error: ErrorName }

/** Seconds that the lease has from now on; 'lease-not-found' also when it has just ended. */
export type RenewOutcome = { readonly ok: true; readonly ttl: number } | Refusal

/** Not above zero once the lease has expired. */
export type RemainderOutcome = { readonly ok: true; readonly remainingMs: number } | Refusal

export type LookupOutcome =
  { readonly ok: true; readonly lease: Lease | undefined; readonly remainingMs: number } | Refusal

/** As in etcd. */
const REVOKES_PER_SECOND = 1000
/** A pause in ticks must not end in a burst. */
const REVOKE_BURST_MAX = REVOKES_PER_SECOND / 4
const REVOKES_IN_FLIGHT_MAX = 16
const REVOKE_RETRY_MS = 500
/** A leader that gave no answer is asked again after this long, or when another one is known. */
const ASK_RETRY_MS = 100
const CHECKPOINTS_PER_ENTRY = 1000

/** Why a wait came to its end. 'changed' means: look again. */
type Wake = 'changed' | 'timeout' | 'stopped'

interface Waiter {
  readonly deadlineMs: number
  readonly wake: (why: Wake) => void
}

export class LeaseLoop {
  readonly #table: LeaseTable
  readonly #lessor: Lessor
  readonly #ports: LeaseLoopPorts
  readonly #options: LeaseLoopOptions
  /** Calls that wait for an expired lease to go, or for this member to lead. */
  readonly #waiters = new Map<Lease | 'leadership', Set<Waiter>>()
  #revokesInFlight = 0
  #revokeCredit = 0
  #creditedAtMs: number
  #checkpointInFlight = false
  #stopped = false
  #grantedCount = 0
  #revokedCount = 0
  #renewedCount = 0
  #expiredCount = 0

  constructor(table: LeaseTable, ports: LeaseLoopPorts, options: LeaseLoopOptions) {
    this.#table = table
    this.#ports = ports
    this.#options = options
    this.#creditedAtMs = ports.clock.nowMs()
    this.#lessor = new Lessor(table, {
      clock: ports.clock,
      extendMs: options.electionMs,
      checkpointIntervalMs: options.checkpointIntervalMs,
    })
    table.observe({
      onGranted: (lease) => this.#onGranted(lease),
      onRevoked: (lease) => this.#onRevoked(lease),
      onCheckpointed: (lease) => this.#lessor.onCheckpointed(lease),
    })
  }

  /** The smallest TTL in seconds that a lease gets: it must outlast the choice of a leader. */
  get minimumTtl(): number {
    return Math.ceil((1.5 * this.#options.electionMs) / 1000)
  }

  get grantedCount(): number {
    return this.#grantedCount
  }

  get revokedCount(): number {
    return this.#revokedCount
  }

  get renewedCount(): number {
    return this.#renewedCount
  }

  /** Leases that this member found expired and had revoked. */
  get expiredCount(): number {
    return this.#expiredCount
  }

  /** Called after entries were applied or the leader changed. */
  onAdvanced(): void {
    const term = this.#ports.leadingTerm()
    if (term === this.#lessor.epoch) return
    if (this.#lessor.epoch !== undefined) this.#lessor.demote()
    if (term !== undefined) this.#promote(term)
    this.#wakeAll('changed')
  }

  /** Called often, a few times in each election timeout at least. */
  tick(): void {
    if (this.#stopped) return
    this.onAdvanced()
    this.#earnCredit()
    this.#revokeExpired()
    this.#saveRemaining()
    this.#endLongWaits()
  }

  /** Ends what waits and expires nothing any more. */
  stop(): void {
    this.#stopped = true
    this.#wakeAll('stopped')
  }

  /** Called when another member leads, or none. */
  onLeader(): void {
    this.#wake('leadership', 'changed')
  }

  /**
   * Gives the lease its whole TTL from now, here or at the member that leads. A lease past its
   * deadline is not renewed, and the answer waits until it is gone.
   */
  async renew(id: bigint): Promise<RenewOutcome> {
    return this.#whereLed(
      (leader) => this.#ports.renewAt(leader, id),
      (deadlineMs) => this.#renewHere(id, deadlineMs),
    )
  }

  /** The same for another member that asks, if this one leads: else 'not-leader'. */
  renewForMember(id: bigint): Promise<RenewOutcome> {
    return this.#renewHere(id, this.#deadline())
  }

  /** The lease, and what it has left by the clock of the confirmed leader. */
  async lookUp(id: bigint): Promise<LookupOutcome> {
    const outcome = await this.#ports.confirmRead()
    if (outcome !== 'ready') return { ok: false, error: outcome }
    const remainder = await this.#whereLed(
      (leader) => this.#ports.remainingAt(leader, id),
      (deadlineMs) => this.#remainingHere(id, deadlineMs),
    )
    const lease = this.#table.get(id)
    if (remainder.ok) return { ok: true, lease, remainingMs: remainder.remainingMs }
    if (remainder.error !== 'lease-not-found') return remainder
    return { ok: true, lease: undefined, remainingMs: 0 }
  }

  remainingForMember(id: bigint): Promise<RemainderOutcome> {
    return this.#remainingHere(id, this.#deadline())
  }

  #deadline(): number {
    return this.#ports.clock.nowMs() + this.#options.timeoutMs
  }

  async #whereLed<Answer extends { readonly ok: true }>(
    askLeader: (leader: MemberId) => Promise<Answer | Refusal | undefined>,
    answerHere: (deadlineMs: number) => Promise<Answer | Refusal>,
  ): Promise<Answer | Refusal> {
    const { clock, remoteLeader } = this.#ports
    const deadlineMs = this.#deadline()
    for (;;) {
      const leader = remoteLeader()
      const answer = leader === undefined ? await answerHere(deadlineMs) : await askLeader(leader)
      if (answer !== undefined && (answer.ok || answer.error !== 'not-leader')) return answer
      if (clock.nowMs() >= deadlineMs) return { ok: false, error: 'timeout' }
      if (remoteLeader() !== leader) continue
      const retryMs = Math.min(deadlineMs, clock.nowMs() + ASK_RETRY_MS)
      if ((await this.#wait('leadership', retryMs)) === 'stopped') {
        return { ok: false, error: 'stopped' }
      }
    }
  }

  async #renewHere(id: bigint, deadlineMs: number): Promise<RenewOutcome> {
    for (;;) {
      const refusal = await this.#confirm(deadlineMs)
      if (refusal !== undefined) return { ok: false, error: refusal }
      const renewal = this.#lessor.renew(id)
      if (renewal.ok) return this.#finishRenewal(renewal)
      if (renewal.error === 'lease-not-found') return { ok: false, error: renewal.error }
      if (renewal.error === 'not-primary') continue
      const why = await this.#wait(renewal.lease, deadlineMs)
      if (why !== 'changed') return { ok: false, error: why }
    }
  }

  async #remainingHere(id: bigint, deadlineMs: number): Promise<RemainderOutcome> {
    for (;;) {
      const refusal = await this.#confirm(deadlineMs)
      if (refusal !== undefined) return { ok: false, error: refusal }
      if (this.#lessor.epoch === undefined) continue
      const lease = this.#table.get(id)
      if (lease === undefined) return { ok: false, error: 'lease-not-found' }
      return { ok: true, remainingMs: this.#lessor.remainingMs(lease) }
    }
  }

  /** This member's view; ordered by expiry where it leads. */
  list(): Lease[] {
    return this.#lessor.byExpiry()
  }

  #onGranted(lease: Lease): void {
    this.#grantedCount++
    this.#ports.onGranted(lease.ttl)
    this.#lessor.onGranted(lease)
  }

  #onRevoked(lease: Lease): void {
    this.#revokedCount++
    this.#lessor.onRevoked(lease)
    this.#wake(lease, 'changed')
  }

  #promote(term: number): void {
    this.#lessor.promote(term)
    this.#ports.logger.info('promoted the lessor', { term, leases: this.#table.size })
  }

  /**
   * Resolves with undefined when this member may act as the leader; whether it still does, the
   * lessor knows. A confirmation that took an election timeout or longer, as when the process was
   * stopped meanwhile, proves nothing.
   */
  async #confirm(deadlineMs: number): Promise<ErrorName | undefined> {
    const { clock, confirmRead } = this.#ports
    for (;;) {
      const askedMs = clock.nowMs()
      const outcome = await confirmRead()
      if (outcome !== 'ready') return outcome
      const isFresh = clock.nowMs() - askedMs < this.#options.electionMs
      if (isFresh && this.#lessor.epoch !== undefined) return undefined
      if (clock.nowMs() >= deadlineMs) return 'timeout'
      if (this.#ports.remoteLeader() !== undefined) return 'not-leader'
      if (isFresh) {
        const why = await this.#wait('leadership', deadlineMs)
        if (why !== 'changed') return why
      }
    }
  }

  async #finishRenewal({
    lease,
    mustClearCheckpoint,
  }: Extract<Renewal, { ok: true }>): Promise<RenewOutcome> {
    if (mustClearCheckpoint) {
      const outcome = await this.#proposeRemaining([{ lease, remainingTtl: 0 }])
      if (!outcome.ok) return outcome
      // It may have been revoked meanwhile.
      if (this.#table.get(lease.id) !== lease) return { ok: false, error: 'lease-not-found' }
    }
    this.#renewedCount++
    return { ok: true, ttl: lease.ttl }
  }

  #earnCredit(): void {
    const nowMs = this.#ports.clock.nowMs()
    const earned = ((nowMs - this.#creditedAtMs) * REVOKES_PER_SECOND) / 1000
    this.#creditedAtMs = nowMs
    this.#revokeCredit = Math.min(this.#revokeCredit + earned, REVOKE_BURST_MAX)
  }

  #revokeExpired(): void {
    if (this.#stopped || this.#lessor.epoch === undefined) return
    const room = REVOKES_IN_FLIGHT_MAX - this.#revokesInFlight
    const limit = Math.min(room, Math.floor(this.#revokeCredit))
    for (const lease of this.#lessor.takeExpired(limit)) void this.#revoke(lease)
  }

  async #revoke({ id: lease, grantIndex }: Lease): Promise<void> {
    const term = this.#lessor.epoch ?? 0
    this.#revokesInFlight++
    this.#revokeCredit--
    const value = { lease, term, grantIndex }
    const outcome = await this.#ports.propose({ case: 'leaseRevoke', value })
    this.#revokesInFlight--
    if (outcome.ok) this.#expiredCount++
    else this.#onRevokeFailed(lease, grantIndex, outcome.error)
    this.#revokeExpired()
  }

  /** Unless someone else has ended it, it is tried again. */
  #onRevokeFailed(id: bigint, grantIndex: number, error: ErrorName): void {
    if (error === 'lease-not-found' || error === 'stopped') return
    this.#ports.logger.warn('failed to revoke lease', { 'lease-id': leaseText(id), error })
    const lease = this.#table.get(id)
    if (lease?.grantIndex === grantIndex) this.#lessor.retryExpired(lease, REVOKE_RETRY_MS)
  }

  #saveRemaining(): void {
    if (this.#checkpointInFlight || this.#lessor.epoch === undefined) return
    const due = this.#lessor.takeCheckpoints(CHECKPOINTS_PER_ENTRY)
    if (due.length === 0) return
    this.#checkpointInFlight = true
    void this.#proposeRemaining(due).then(() => (this.#checkpointInFlight = false))
  }

  #proposeRemaining(
    remaining: readonly { readonly lease: Lease; readonly remainingTtl: number }[],
  ): Promise<Outcome<object>> {
    const term = this.#lessor.epoch ?? 0
    const leases = remaining.map(({ lease: { id: lease, grantIndex }, remainingTtl }) => ({
      lease,
      grantIndex,
      remainingTtl,
    }))
    return this.#ports.propose({ case: 'leaseCheckpoint', value: { term, leases } })
  }

  #wait(subject: Lease | 'leadership', deadlineMs: number): Promise<Wake> {
    if (this.#stopped) return Promise.resolve('stopped')
    return new Promise((wake) => {
      const waiters = this.#waiters.get(subject) ?? new Set()
      this.#waiters.set(subject, waiters.add({ deadlineMs, wake }))
    })
  }

  #wake(subject: Lease | 'leadership', why: Wake): void {
    const waiters = this.#waiters.get(subject)
    if (waiters === undefined) return
    this.#waiters.delete(subject)
    for (const { wake } of waiters) wake(why)
  }

  #wakeAll(why: Wake): void {
    for (const subject of [...this.#waiters.keys()]) this.#wake(subject, why)
  }

  #endLongWaits(): void {
    const nowMs = this.#ports.clock.nowMs()
    for (const [subject, waiters] of this.#waiters) {
      for (const waiter of waiters) {
        if (waiter.deadlineMs > nowMs) continue
        waiters.delete(waiter)
        waiter.wake('timeout')
      }
      if (waiters.size === 0) this.#waiters.delete(subject)
    }
  }
}

/** As etcd writes lease ids: hexadecimal, two's complement. */
function leaseText(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0')
}
