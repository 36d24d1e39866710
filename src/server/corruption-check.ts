/**
 * The corruption check: members that have applied the same entries must have the same state, so
 * every few seconds the leader asks the others whether they agree, and raises the CORRUPT alarm
 * for who does not.
 *
 *     leader                                    follower
 *     newest point (index, term, hash) ──ask──► behind? wait until the index is applied
 *     compare, name the odd ones  ◄──answer──── equal | differs, with its own hash | unknown
 *
 * It asks about what is applied, which is committed and never changes. So one difference is proof,
 * whenever the answer comes: no second look is needed. 'unknown' is no proof of anything; it is
 * asked again, and told when it does not end.
 */

import type { Logger } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import type { StateHash, StatePoint } from './state-hash.ts'

/** What a member says to another one's point. */
export type HashAnswer =
  | { readonly verdict: 'equal' }
  /** It has applied the same entry and has this hash. */
  | { readonly verdict: 'differs'; readonly hash: number }
  /** It cannot tell: the index is too far away, the entry another one, or it did not answer. */
  | { readonly verdict: 'unknown' }

export interface CorruptionCheckPorts {
  readonly memberId: MemberId
  readonly logger: Logger
  readonly isLeader: () => boolean
  /** All members but this one, learners too. */
  readonly otherMembers: () => readonly MemberId[]
  /** Resolves in bounded time and never rejects: an error is 'unknown'. */
  readonly ask: (peer: MemberId, point: StatePoint) => Promise<HashAnswer>
  /** A CORRUPT alarm that names this member is in the applied state. */
  readonly isAlarmed: (id: MemberId) => boolean
  /** Proposes the alarm. Resolves with whether it was applied; never rejects. */
  readonly raiseAlarm: (id: MemberId) => Promise<boolean>
}

export interface CorruptionCheckOptions {
  readonly intervalMs: number
  /** How long a question about an index that is not applied yet may wait. */
  readonly waitMs: number
}

export const DEFAULT_OPTIONS: CorruptionCheckOptions = { intervalMs: 1000, waitMs: 3000 }

/** Each member that leads asks one at a time, so more than this is not asked in good faith. */
const WAITERS_MAX = 64
/** Rounds in a row without a word from a member, after which the log tells. */
const SILENT_ROUNDS_TOLD = 12

interface Waiter {
  readonly point: StatePoint
  readonly deadlineMs: number
  readonly answer: (answer: HashAnswer) => void
}

const UNKNOWN: HashAnswer = { verdict: 'unknown' }
const EQUAL: HashAnswer = { verdict: 'equal' }

export class CorruptionCheck {
  readonly #hash: StateHash
  readonly #ports: CorruptionCheckPorts
  readonly #options: CorruptionCheckOptions
  readonly #raising = new Set<MemberId>()
  /** Rounds in a row in which a member could not tell. */
  readonly #silentRounds = new Map<MemberId, number>()
  #waiters: Waiter[] = []
  #nowMs = 0
  #nextRoundMs: number | undefined
  #isAsking = false
  /** All members have agreed at this index; -1 before the first time. */
  #agreedIndex = -1
  #stopped = false

  constructor(
    hash: StateHash,
    ports: CorruptionCheckPorts,
    options: CorruptionCheckOptions = DEFAULT_OPTIONS,
  ) {
    this.#hash = hash
    this.#ports = ports
    this.#options = options
  }

  /** Called often: a few times in each interval at least. */
  tick(nowMs: number): void {
    if (this.#stopped) return
    this.#nowMs = nowMs
    this.#endLongWaits()
    this.#nextRoundMs ??= nowMs + this.#options.intervalMs
    if (nowMs < this.#nextRoundMs) return
    this.#nextRoundMs = nowMs + this.#options.intervalMs
    void this.#round()
  }

  /** After entries were applied, or a state was installed. */
  onApplied(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ point }) => point.index > this.#hash.index)
    for (const { point, answer } of waiters) {
      if (point.index <= this.#hash.index) answer(this.#judge(point))
    }
  }

  /** Another member asks whether this one has the same state at that point. */
  onAsk(point: StatePoint): Promise<HashAnswer> {
    if (point.index <= this.#hash.index) return Promise.resolve(this.#judge(point))
    if (this.#stopped || this.#waiters.length >= WAITERS_MAX) return Promise.resolve(UNKNOWN)
    const deadlineMs = this.#nowMs + this.#options.waitMs
    return new Promise((answer) => this.#waiters.push({ point, deadlineMs, answer }))
  }

  /** Who waits is told 'unknown', and nothing is asked any more. */
  stop(): void {
    this.#stopped = true
    for (const { answer } of this.#waiters.splice(0)) answer(UNKNOWN)
  }

  /**
   * Why 'unknown' when the terms differ: the two are not speaking of the same entry. If both have
   * really applied it, their hashes differ at every later index too, where the terms agree again.
   */
  #judge(asked: StatePoint): HashAnswer {
    const own = this.#hash.at(asked.index)
    if (own === undefined || own.term !== asked.term) return UNKNOWN
    return own.hash === asked.hash ? EQUAL : { verdict: 'differs', hash: own.hash }
  }

  #endLongWaits(): void {
    if (this.#waiters.length === 0) return
    const waiters = this.#waiters
    this.#waiters = waiters.filter(({ deadlineMs }) => deadlineMs > this.#nowMs)
    for (const { deadlineMs, answer } of waiters) if (deadlineMs <= this.#nowMs) answer(UNKNOWN)
  }

  async #round(): Promise<void> {
    const { isLeader, otherMembers, ask } = this.#ports
    if (!isLeader()) {
      this.#silentRounds.clear()
      return
    }
    const point = this.#hash.newest
    if (this.#isAsking || point.index === this.#agreedIndex) return
    const peers = otherMembers()
    this.#isAsking = true
    const answers = await Promise.all(peers.map((peer) => ask(peer, point)))
    this.#isAsking = false
    if (this.#stopped || !isLeader()) return
    const byPeer = new Map(peers.map((peer, i) => [peer, answers[i] ?? UNKNOWN]))
    if (answers.every(({ verdict }) => verdict === 'equal')) this.#agreedIndex = point.index
    this.#countSilent(byPeer)
    this.#raiseAlarms(point, byPeer)
  }

  #raiseAlarms(point: StatePoint, answers: ReadonlyMap<MemberId, HashAnswer>): void {
    const { memberId } = this.#ports
    for (const { id, hash, hashElsewhere } of oddOnesOut(memberId, point.hash, answers)) {
      if (this.#ports.isAlarmed(id) || this.#raising.has(id)) continue
      this.#ports.logger.error('found a corrupt member: its state differs at the same index', {
        'corrupt-member-id': id,
        index: point.index,
        term: point.term,
        'corrupt-hash': hash,
        hash: hashElsewhere,
      })
      void this.#raise(id)
    }
  }

  /** One that fails is raised again in a later round. */
  async #raise(id: MemberId): Promise<void> {
    this.#raising.add(id)
    const raised = await this.#ports.raiseAlarm(id)
    this.#raising.delete(id)
    if (!raised) {
      this.#ports.logger.warn('failed to raise the alarm for a corrupt member', {
        'corrupt-member-id': id,
      })
    }
  }

  #countSilent(answers: ReadonlyMap<MemberId, HashAnswer>): void {
    for (const id of this.#silentRounds.keys()) if (!answers.has(id)) this.#silentRounds.delete(id)
    for (const [id, { verdict }] of answers) {
      const rounds = verdict === 'unknown' ? (this.#silentRounds.get(id) ?? 0) + 1 : 0
      this.#silentRounds.set(id, rounds)
      if (rounds !== SILENT_ROUNDS_TOLD) continue
      this.#ports.logger.warn('cannot compare the state of a member: it has not answered lately', {
        'remote-peer-id': id,
        rounds,
      })
    }
  }
}

export interface OddOne {
  readonly id: MemberId
  readonly hash: number
  /** What the members have that it differs from. */
  readonly hashElsewhere: number
}

/**
 * Who is corrupt. When more than half of all members agree with each other, it is who differs from
 * them, the leader too. Otherwise the leader is believed.
 */
export function oddOnesOut(
  leader: MemberId,
  leaderHash: number,
  answers: ReadonlyMap<MemberId, HashAnswer>,
): OddOne[] {
  const hashes = new Map<MemberId, number>([[leader, leaderHash]])
  for (const [id, answer] of answers) {
    if (answer.verdict === 'equal') hashes.set(id, leaderHash)
    else if (answer.verdict === 'differs') hashes.set(id, answer.hash)
  }
  const right = majorityHash([...hashes.values()], answers.size + 1) ?? leaderHash
  return [...hashes]
    .filter(([, hash]) => hash !== right)
    .map(([id, hash]) => ({ id, hash, hashElsewhere: right }))
}

function majorityHash(hashes: readonly number[], memberCount: number): number | undefined {
  return hashes.find((hash) => hashes.filter((one) => one === hash).length > memberCount / 2)
}
