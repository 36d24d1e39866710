/**
 * One member's Raft state: term, vote, role, and the rules that hold in every role. What a role
 * does with a message is in step-leader, step-follower and step-candidate; the table below names
 * a handler for every pair.
 *
 * Nothing here waits and nothing leaves by itself: messages gather in two lists. `messages` may
 * leave at once. `messagesAfterAppend` hold a promise (a vote, an accepted entry), so RawNode
 * lets them out only when the term, vote and entries they speak of are durable.
 */

import { assert } from '../base/assert.ts'
import type { Logger, Random } from '../base/ports.ts'
import { isInOrder } from './message-check.ts'
import { leaveJoint, mustLeaveJoint, type OpenProposal } from './proposals.ts'
import { RaftLog } from './raft-log.ts'
import { ForwardedReads, ReadOnly } from './read-only.ts'
import type { SnapshotOffer } from './snapshots.ts'
import { campaign, candidateHandlers, preCandidateHandlers } from './step-candidate.ts'
import { followerHandlers, forwardReads } from './step-follower.ts'
import {
  broadcastAppend,
  broadcastHeartbeat,
  completeReads,
  leaderHandlers,
  maybeCommit,
  startReads,
} from './step-leader.ts'
import { Tracker } from './tracker.ts'
import { abortTransfer, tickTransfer } from './transfer.ts'
import {
  NO_MEMBER,
  type ConfChange,
  type ConfState,
  type HardState,
  type MemberId,
  type Message,
  type MessageType,
  type RaftConfig,
  type ReadState,
  type Role,
} from './types.ts'
import { answerVote } from './votes.ts'

export type HandlerTable = {
  readonly [T in MessageType]: (raft: Raft, message: Extract<Message, { type: T }>) => void
}

const HANDLERS: Readonly<Record<Role, HandlerTable>> = {
  follower: followerHandlers,
  'pre-candidate': preCandidateHandlers,
  candidate: candidateHandlers,
  leader: leaderHandlers,
}

/** They mean the same in any term. */
const TERMLESS: ReadonlySet<MessageType> = new Set(['MsgProp', 'MsgPropRefused', 'MsgReadIndex'])

/** Only the leader of its term says these. */
const FROM_LEADER: ReadonlySet<MessageType> = new Set([
  'MsgApp',
  'MsgHeartbeat',
  'MsgSnap',
  'MsgTimeoutNow',
])

function checkConfig(config: RaftConfig): void {
  assert(config.id !== NO_MEMBER, 'a member needs an id')
  assert(config.heartbeatTicks > 0, 'heartbeatTicks must be positive')
  assert(config.electionTicks > config.heartbeatTicks, 'electionTicks must exceed heartbeatTicks')
  assert(config.maxInflightMessages > 0, 'maxInflightMessages must be positive')
  assert(config.maxInflightBytes > 0, 'maxInflightBytes must be positive')
}

export class Raft {
  readonly id: MemberId
  readonly config: RaftConfig
  readonly logger: Logger
  readonly log: RaftLog
  readonly tracker: Tracker
  readonly readOnly = new ReadOnly()
  readonly forwardedReads: ForwardedReads

  term: number
  vote: MemberId
  role: Role = 'follower'
  leader: MemberId = NO_MEMBER

  /** Out at once, in this order. */
  messages: Message[] = []
  /** Out when everything that is unstable now is durable. Some are to this member itself. */
  messagesAfterAppend: Message[] = []
  readStates: ReadState[] = []
  /** Forward ids of what the leader refused. */
  refusedProposals: number[] = []
  /** Members that need the state itself, not told in a Ready yet, unless it is too late by then. */
  snapshotsDue: MemberId[] = []
  openProposal: OpenProposal | undefined
  /** The state that is to take the place of this member's. */
  offer: SnapshotOffer | undefined

  /** A leader has something to tell its followers: entries, a commit index, or a probe. */
  appendsDue = false
  /** A leader accepts a membership change only when its applied index is not below this. */
  pendingConfIndex = 0
  /** Invariant: on a leader, the payload of all entries beyond the commit index. */
  uncommittedBytes = 0
  /** Whom a leader hands the leadership over to; it takes no proposals meanwhile. */
  leadTransferee: MemberId = NO_MEMBER
  /** Since the leadership is being handed over. */
  transferTicks = 0
  /** The leader has asked for an election that has to wait for a membership change to be applied. */
  campaignDue = false

  #ticks = 0
  #electionElapsed = 0
  #heartbeatElapsed = 0
  #electionTimeout = 0
  #heardOfAnyone = false
  #forwardId: number
  readonly #random: Random

  constructor(config: RaftConfig) {
    checkConfig(config)
    const { initial } = config
    this.id = config.id
    this.config = config
    this.logger = config.logger
    this.#random = config.random
    this.log = new RaftLog(initial)
    this.term = initial.hardState.term
    this.vote = initial.hardState.vote
    assert(this.term >= this.log.lastTerm, 'the stored term is older than the log')
    this.tracker = new Tracker(initial.confState, this.log.lastIndex + 1, {
      messages: config.maxInflightMessages,
      bytes: config.maxInflightBytes,
    })
    // Why at random: a late answer to an earlier process of this member must not be taken for one
    // to this process, which would propose again what was taken.
    this.#forwardId = this.#random.below(2 ** 32) * 2 ** 20
    this.forwardedReads = new ForwardedReads(this.#random.below(2 ** 32).toString(16))
    this.becomeFollower(this.term, NO_MEMBER)
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed }
  }

  /** Only a voter that knows itself to be one, and whose log is whole, may start an election. */
  get promotable(): boolean {
    return this.tracker.isVoter(this.id) && this.offer === undefined
  }

  nextForwardId(): number {
    this.#forwardId++
    return this.#forwardId
  }

  tick(): void {
    this.#ticks++
    this.#electionElapsed++
    if (this.role === 'leader') {
      this.#tickLeader()
      return
    }
    this.forwardedReads.expire(this.#ticks - this.config.electionTicks)
    if (this.promotable && this.#electionElapsed >= this.#electionTimeout) {
      this.#electionElapsed = 0
      this.campaign(false)
    }
  }

  /** Starts an election, if it may. `transfer`: because the leader asked for it. */
  campaign(transfer: boolean): void {
    campaign(this, transfer)
  }

  /** At most up to the last tick before an election, and only while there is nobody to disturb. */
  advanceTicks(count: number): void {
    if (this.#heardOfAnyone || this.role !== 'follower') return
    const latest = Math.max(this.#electionElapsed, this.#electionTimeout - 1)
    this.#electionElapsed = Math.min(this.#electionElapsed + count, latest)
  }

  #tickLeader(): void {
    if (this.#electionElapsed >= this.config.electionTicks) {
      this.#electionElapsed = 0
      if (this.config.checkQuorum && !this.tracker.takeQuorumActive(this.id)) {
        this.logger.warn('stepped down, since the quorum is not active', { term: this.term })
        this.becomeFollower(this.term, NO_MEMBER)
        return
      }
    }
    tickTransfer(this)
    this.#heartbeatElapsed++
    if (this.#heartbeatElapsed >= this.config.heartbeatTicks) {
      this.#heartbeatElapsed = 0
      broadcastHeartbeat(this)
    }
  }

  /** The rules for terms (Raft §5.1), once for all messages, then the role's handler. */
  step(message: Message): void {
    if (message.to !== this.id) {
      this.logger.warn('ignored a message for another member', { to: message.to })
      return
    }
    if (!isInOrder(message)) {
      this.logger.error('ignored a malformed message', { from: message.from, type: message.type })
      return
    }
    this.#heardOfAnyone ||= message.from !== this.id
    if (!TERMLESS.has(message.type)) {
      if (message.term < this.term) {
        this.#onLowerTerm(message)
        return
      }
      if (message.term > this.term && !this.#onHigherTerm(message)) return
    }
    const handler = HANDLERS[this.role][message.type] as (raft: Raft, message: Message) => void
    handler(this, message)
  }

  /** Returns whether the message is to be handled. */
  #onHigherTerm(message: Message): boolean {
    const { type, term } = message
    if (type === 'MsgVote' || type === 'MsgPreVote') {
      // Thesis §4.2.3: who hears its leader does not help to depose it, unless it wants to go.
      if (!message.transfer && this.#hearsLeader()) return false
    }
    // A pre-vote speaks of a term that its sender has not entered; nobody follows it there.
    if (type === 'MsgPreVote' || (type === 'MsgPreVoteResp' && !message.reject)) return true
    this.becomeFollower(term, FROM_LEADER.has(type) ? message.from : NO_MEMBER)
    return true
  }

  #hearsLeader(): boolean {
    return (
      this.config.checkQuorum &&
      this.leader !== NO_MEMBER &&
      this.#electionElapsed < this.config.electionTicks
    )
  }

  /**
   * Mostly silence. But with stickiness or pre-votes a member in a higher term cannot depose a
   * leader by campaigning, and would never be reached by it: an answer that carries the higher
   * term makes the leader step down. The same goes for a pre-candidate of a lower term.
   */
  #onLowerTerm(message: Message): void {
    const { type, from } = message
    const { preVote, checkQuorum } = this.config
    if ((type === 'MsgApp' || type === 'MsgHeartbeat') && (preVote || checkQuorum)) {
      this.accept(from, 0)
    } else if (type === 'MsgPreVote') {
      answerVote(this, message, false)
    }
  }

  /**
   * Queues a message by what it promises. Why MsgVote waits too: it carries the candidate's own
   * vote, and a candidate that forgot both its term and the end of its log in a crash could
   * otherwise win that same term with votes given to the longer log.
   */
  send(message: Message): void {
    switch (message.type) {
      case 'MsgAppResp':
      case 'MsgVote':
      case 'MsgVoteResp':
      case 'MsgPreVoteResp':
        this.messagesAfterAppend.push(message)
        return
      default:
        this.messages.push(message)
    }
  }

  /** Tells a leader that the log matches its own up to `index`. */
  accept(to: MemberId, index: number): void {
    const { id, term } = this
    const nothing = { reject: false, rejectHint: 0, logTerm: 0 }
    this.send({ type: 'MsgAppResp', from: id, to, term, index, ...nothing })
  }

  becomeFollower(term: number, leader: MemberId): void {
    this.#reset(term)
    this.role = 'follower'
    this.leader = leader
  }

  /** Term and vote stay: a pre-candidate has only asked. */
  becomePreCandidate(): void {
    assert(this.role !== 'leader', 'a leader never becomes a pre-candidate')
    this.#reset(this.term)
    this.role = 'pre-candidate'
  }

  becomeCandidate(): void {
    assert(this.role !== 'leader', 'a leader never becomes a candidate')
    assert(Number.isSafeInteger(this.term + 1), 'terms are used up')
    this.#reset(this.term + 1)
    this.role = 'candidate'
    this.vote = this.id
  }

  /** Begins the term with an empty entry, the only way to learn what is committed (thesis §6.4). */
  becomeLeader(): void {
    assert(this.role === 'candidate', 'only a candidate becomes leader')
    this.#reset(this.term)
    this.role = 'leader'
    this.leader = this.id
    this.tracker.progress(this.id)?.becomeReplicate()
    const { log } = this
    this.uncommittedBytes = log.payloadBytes(log.committed + 1, log.lastIndex)
    // Why its own entry's index: an earlier leader's membership change may be in the log, and a
    // new one is safe only after an entry of this term has committed (Ongaro, raft-dev, 2015).
    this.pendingConfIndex = log.append(this.term, 'EntryNormal', new Uint8Array(0))
    this.appendsDue = true
    this.logger.info('became leader', { term: this.term })
  }

  #reset(term: number): void {
    assert(term >= this.term, 'terms never go down')
    if (term > this.term) this.vote = NO_MEMBER
    this.term = term
    this.leader = NO_MEMBER
    this.#electionElapsed = 0
    this.#heartbeatElapsed = 0
    const { electionTicks } = this.config
    this.#electionTimeout = electionTicks + this.#random.below(electionTicks)
    this.appendsDue = false
    this.pendingConfIndex = 0
    this.uncommittedBytes = 0
    this.leadTransferee = NO_MEMBER
    this.campaignDue = false
    this.readOnly.reset()
    this.forwardedReads.reset()
    this.tracker.resetVotes()
    this.openProposal = undefined
    const next = this.log.lastIndex + 1
    this.tracker.eachPeer(this.id, (_id, progress) => progress.reset(0, next))
    this.tracker.progress(this.id)?.reset(this.log.durable, next)
  }

  /** A message from the leader of this term came. */
  heardLeader(leader: MemberId): void {
    this.restartElectionTimer()
    this.leader = leader
  }

  restartElectionTimer(): void {
    this.#electionElapsed = 0
  }

  get ticks(): number {
    return this.#ticks
  }

  /** Entries up to log.durable are on disk: a leader's acknowledgement of its own log. */
  onDurable(): void {
    if (this.role !== 'leader') return
    if (this.tracker.progress(this.id)?.maybeUpdate(this.log.durable)) maybeCommit(this)
  }

  commitTo(index: number): void {
    const { log } = this
    const before = log.committed
    if (index <= before) return
    log.commitTo(index)
    if (this.role !== 'leader') return
    this.uncommittedBytes -= log.payloadBytes(before + 1, index)
    const exact = this.uncommittedBytes === 0 || index < log.lastIndex
    assert(exact && this.uncommittedBytes >= 0, 'uncommitted bytes are miscounted')
  }

  /** Whether an entry of the current term is committed, so that the commit index is up to date. */
  get committedInTerm(): boolean {
    return this.log.term(this.log.committed) === this.term
  }

  applyConfChange(change: ConfChange): ConfState {
    this.tracker.apply(change, this.log.lastIndex + 1)
    if (this.role === 'leader') this.#onNewConfiguration()
    return this.tracker.confState
  }

  #onNewConfiguration(): void {
    const { leadTransferee } = this
    if (leadTransferee !== NO_MEMBER && !this.tracker.isVoter(leadTransferee)) {
      abortTransfer(this, 'no voter any more')
    }
    this.appendsDue = true
    maybeCommit(this)
    completeReads(this)
  }

  /** Turns what gathered since the last Ready into messages: one MsgApp for many proposals. */
  flush(): void {
    if (this.role === 'leader') {
      if (mustLeaveJoint(this)) leaveJoint(this)
      startReads(this)
      broadcastAppend(this)
    } else {
      forwardReads(this)
    }
    this.openProposal = undefined
  }
}
