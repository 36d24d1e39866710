/**
 * Watches a cluster from outside, across crashes, for the properties of Raft figure 3, for
 * promises that leave before they are durable, and for what membership changes, snapshots, reads
 * and forwarded proposals add to them. Every violation throws at the step that made it.
 *
 * It keeps the one history that all members must agree on: every committed entry, and the state
 * and the configuration after it. These it computes itself.
 */

import type {
  Append,
  ConfState,
  Entry,
  MemberId,
  Message,
  MsgVote,
  ReadState,
  Ready,
  SnapshotMetadata,
} from '../../../src/raft/types.ts'
import type { Census } from './census.ts'
import { hasQuorum, isJoint, isVoterOf } from './conf-changes.ts'
import { EMPTY_STATE, nextState, text, type Member, type StateImage } from './member.ts'

function same(a: Entry, b: Entry): boolean {
  if (a === b) return true
  if (a.term !== b.term || a.type !== b.type || a.data.length !== b.data.length) return false
  return a.data.every((byte, at) => byte === b.data[at])
}

function fail(claim: string, details: unknown): never {
  throw new Error(`${claim}: ${JSON.stringify(details)}`)
}

function shown(entry: Entry | undefined): string {
  return entry === undefined ? 'none' : `${entry.index}/${entry.term} ${text(entry.data)}`
}

/** An entry and the term of the one before it, which together fix all of the log before it. */
interface Logged {
  readonly entry: Entry
  readonly previousTerm: number
}

export class ClusterChecker {
  readonly #members: ReadonlyMap<MemberId, Member>
  readonly #census: Census
  readonly #removalsAreForGood: boolean
  readonly #leaders = new Map<number, MemberId>()
  /** By term, who voted for whom. */
  readonly #votes = new Map<number, Map<MemberId, MemberId>>()
  readonly #logged = new Map<string, Logged>()
  /** Index by index, what was ever committed anywhere; index 0 is unused. */
  readonly committed: (Entry | undefined)[] = [undefined]
  /** The term of the leader that committed it. */
  readonly #committedIn: number[] = [0]
  /** The state machine after each of them. */
  readonly states: StateImage[] = [EMPTY_STATE]
  /** The last committed entry that changed the configuration. */
  confIndex = 0
  /** Whether anything went wrong since then: a crash, a message that got lost or came late. */
  faultSinceChange = false
  readonly #confTexts = new WeakMap<ConfState, string>()
  /** The last index of a leader's log when it last had somebody to hand over to. */
  readonly #handingOver = new Map<MemberId, number>()
  readonly #payloads = new Set<string>()
  /** By context: what was committed when the read began. */
  readonly #reads = new Map<string, number>()
  /** How far each process has been compared with `committed`. */
  readonly #seen = new Map<MemberId, number>()

  constructor(members: ReadonlyMap<MemberId, Member>, census: Census, removalsAreForGood: boolean) {
    this.#members = members
    this.#census = census
    this.#removalsAreForGood = removalsAreForGood
  }

  /** Entries that all first members begin with, committed. */
  bootstrapped(entries: readonly Entry[]): void {
    let previousTerm = 0
    for (const entry of entries) {
      this.#checkLogged(entry, previousTerm)
      previousTerm = entry.term
      this.#extend(entry, entry.term)
    }
  }

  get lastState(): StateImage {
    return this.states.at(-1) as StateImage
  }

  get lastConfState(): ConfState {
    return this.lastState.confState
  }

  isCommitted(payload: string): boolean {
    return this.#payloads.has(payload)
  }

  leaderOf(term: number): MemberId | undefined {
    return this.#leaders.get(term)
  }

  /** Call after every step of a member, and after every single entry that it applies. */
  afterStep(member: Member): void {
    const status = member.raw.status()
    const { role, term, commit } = status
    if (role === 'leader' && this.#leaders.get(term) !== member.id) this.#onNewLeader(member, term)
    // Proposals are refused meanwhile, so the log does not grow.
    if (status.leadTransferee !== '') this.#handingOver.set(member.id, status.lastIndex)
    const seen = this.#seen.get(member.id) ?? 0
    if (commit < seen) fail('a commit index went back', { id: member.id, seen, commit })
    if (commit === seen) return
    this.#seen.set(member.id, commit)
    if (commit >= this.committed.length) this.#onFirstCommit(member, term, commit)
    for (let index = seen + 1; index <= commit; index++) {
      const entry = member.raw.entry(index)
      const known = this.committed[index] as Entry
      if (entry !== undefined && !same(known, entry)) {
        fail('a committed entry changed', { id: member.id, was: shown(known), is: shown(entry) })
      }
    }
  }

  #onNewLeader(member: Member, term: number): void {
    const other = this.#leaders.get(term)
    if (other !== undefined) fail('two leaders in one term', { term, other, id: member.id })
    this.#leaders.set(term, member.id)
    this.#checkElection(member, term)
    this.#checkCompleteness(member, term)
    this.#census.count('leader elected')
    if (isJoint(member.confState)) this.#census.count('leader elected in a joint configuration')
    const busy = [...this.#members.values()].some((one) => one.installing !== undefined)
    if (busy) this.#census.count('leader elected while a snapshot is installed')
  }

  /** Counts the votes again, by what was sent and what is on disk. */
  #checkElection(member: Member, term: number): void {
    const { id, confState } = member
    if (!isVoterOf(confState, id)) fail('a leader that is no voter', { id, term, confState })
    const votes = this.#votes.get(term)
    const { hardState } = member.disk
    const own = hardState.term === term && hardState.vote === id
    const elected = hasQuorum(confState, (one) => (one === id ? own : votes?.get(one) === id))
    if (!elected) fail('elected without a quorum of durable votes', { id, term, confState })
  }

  /** Leader completeness (Raft §5.4.3): it has what was committed in earlier terms. */
  #checkCompleteness(member: Member, term: number): void {
    const { firstIndex } = member.raw.status()
    for (let index = firstIndex; index < this.committed.length; index++) {
      // A leader that lags behind its time may become one in a term that is long over.
      if ((this.#committedIn[index] as number) >= term) return
      const own = member.raw.entry(index)
      const entry = this.committed[index] as Entry
      if (own === undefined || !same(own, entry)) {
        fail('leader has another entry than the committed one', [shown(own), shown(entry)])
      }
    }
  }

  /** Nobody has known these entries to be committed until now: so it must be a leader's doing. */
  #onFirstCommit(member: Member, term: number, commit: number): void {
    const { id, confState } = member
    if (this.#leaders.get(term) !== id) fail('committed by a follower first', { id, commit })
    const last = member.raw.entry(commit)
    if (last?.term !== term) fail('a leader counted an entry of an older term', shown(last))
    const holds = (one: MemberId): boolean => this.#isDurable(one, commit, term)
    if (!hasQuorum(confState, holds)) {
      fail('committed without a durable quorum', { id, entry: shown(last), confState })
    }
    for (let index = this.committed.length; index <= commit; index++) {
      this.#extend(member.raw.entry(index) as Entry, term)
    }
  }

  #isDurable(id: MemberId, index: number, term: number): boolean {
    const disk = this.#members.get(id)?.disk
    if (disk === undefined) return false
    return disk.term(index) === term
  }

  #extend(entry: Entry, term: number): void {
    const before = this.lastState
    const { state, change } = nextState(before, entry, this.#removalsAreForGood)
    if (change !== undefined) {
      this.#countChange(before.confState, state.confState, change.steps.length === 0, entry)
      this.confIndex = entry.index
      this.faultSinceChange = false
    } else if (entry.type === 'EntryConfChange') {
      if (entry.data.length === 0) fail('left no joint configuration', shown(entry))
      this.#census.count('membership change without effect')
    } else if (entry.data.length > 0) {
      const payload = text(entry.data)
      if (this.#payloads.has(payload)) fail('a proposal was committed twice', shown(entry))
      this.#payloads.add(payload)
    }
    this.committed.push(entry)
    this.#committedIn.push(term)
    this.states.push(state)
  }

  #countChange(before: ConfState, after: ConfState, leaves: boolean, entry: Entry): void {
    const census = this.#census
    if (leaves) census.count(before.autoLeave ? 'joint left by itself' : 'joint left explicitly')
    else if (isJoint(after)) census.count('joint entered')
    else census.count('simple change')
    const leader = this.#leaders.get(entry.term) ?? ''
    if (isVoterOf(before, leader) && !isVoterOf(after, leader)) census.count('leader removed')
    const promoted = before.learners.some((id) => after.voters.includes(id))
    if (promoted) census.count('learner promoted')
    if (before.voters.some((id) => after.learners.includes(id))) census.count('voter demoted')
    if (after.learnersNext.length > 0) census.count('voter demoted in a joint configuration')
  }

  restarted(member: Member): void {
    this.faultSinceChange = true
    this.#seen.delete(member.id)
    const { checkpoint } = member.disk
    this.#checkState(member.id, checkpoint)
    if (isJoint(checkpoint.confState)) this.#census.count('joint configuration after a restart')
  }

  #checkState(id: MemberId, state: StateImage): void {
    const { index, hash, confState } = state
    const expected = this.states[index]
    if (expected === undefined) fail('a state of entries that are not committed', { id, index })
    if (hash !== expected.hash) fail('another state at the same index', { id, index })
    const conf = this.#confText(confState)
    const expectedConf = this.#confText(expected.confState)
    if (conf !== expectedConf) fail('another configuration', { id, index, conf, expectedConf })
  }

  #confText(state: ConfState): string {
    let known = this.#confTexts.get(state)
    if (known === undefined) this.#confTexts.set(state, (known = confText(state)))
    return known
  }

  /** One entry has been applied. */
  onApplied(member: Member, entry: Entry): void {
    this.#checkState(member.id, member.state)
    this.afterStep(member)
    const { id, state, disk } = member
    if (state.index !== entry.index) fail('applied out of order', { id, entry: shown(entry) })
    const onDisk = disk.entry(entry.index)
    if (disk.snapshotIndex < entry.index && (onDisk === undefined || !same(onDisk, entry))) {
      fail('applied before durable', { id, entry: shown(entry) })
    }
  }

  onInstalled(member: Member, snapshot: SnapshotMetadata): void {
    this.#checkState(member.id, member.state)
    const { commit, applied, lastIndex } = member.raw.status()
    const { index } = snapshot
    if (applied !== index || commit < index || lastIndex < index) {
      fail('installed, but the log does not say so', { id: member.id, index, applied, commit })
    }
    this.afterStep(member)
  }

  /** Before what it asks for begins. `handed` is the last entry that it gave out to be applied. */
  onReady(member: Member, ready: Ready, handed: number): void {
    const { id } = member
    let expected = handed + 1
    for (const entry of ready.committedEntries) {
      const known = this.committed[entry.index]
      if (known === undefined || !same(known, entry)) fail('applies what is not committed', entry)
      if (entry.index !== expected) fail('a gap in what is applied', { id, expected })
      expected++
    }
    for (const message of ready.messages) this.#onSend(member, message)
    for (const read of ready.readStates) this.#onRead(read)
    if (ready.snapshot !== undefined) this.#onSnapshot(member, ready, ready.snapshot, handed)
  }

  #onSnapshot(member: Member, ready: Ready, snapshot: SnapshotMetadata, handed: number): void {
    const { id, disk } = member
    const { index, term } = snapshot
    if (ready.append !== undefined || ready.committedEntries.length > 0) {
      fail('a snapshot with an append or entries', { id, index })
    }
    if (index <= handed) fail('a snapshot of what is applied', { id, index, handed })
    if (this.states[index]?.term !== term) fail('a snapshot of no committed state', { id, index })
    if (disk.term(index) === term && disk.lastIndex > index) {
      fail('a snapshot in place of a log that contains it', { id, index })
    }
    if (disk.hardState.term < term) this.#census.count('snapshot of a term that is not on disk')
  }

  /** A write is about to become durable. */
  onWrite(member: Member, { entries, hardState }: Append): void {
    const { id, disk } = member
    if (hardState !== undefined) {
      const before = disk.hardState
      if (hardState.term < before.term) fail('a durable term went back', { id, hardState })
      const revoted = hardState.term === before.term && before.vote !== ''
      if (revoted && hardState.vote !== before.vote) fail('a durable vote changed', { id })
    }
    const [first] = entries
    if (first === undefined) return
    let previousTerm = disk.term(first.index - 1) ?? -1
    for (const entry of entries) {
      this.#checkLogged(entry, previousTerm)
      previousTerm = entry.term
    }
    this.#checkReplaced(member, entries, first.index)
  }

  /** Log matching (Raft §5.3), by induction: an index and a term name one entry, and one before. */
  #checkLogged(entry: Entry, previousTerm: number): void {
    const key = `${entry.index}/${entry.term}`
    const known = this.#logged.get(key)
    if (known === undefined) {
      this.#logged.set(key, { entry, previousTerm })
      return
    }
    if (!same(known.entry, entry)) fail('logs differ', [shown(known.entry), shown(entry)])
    if (known.previousTerm !== previousTerm) {
      fail('logs match above a difference', { key, previousTerm, other: known.previousTerm })
    }
  }

  #checkReplaced(member: Member, entries: readonly Entry[], from: number): void {
    const { disk } = member
    for (let index = from; index <= disk.lastIndex; index++) {
      const old = disk.entry(index) as Entry
      const entry = entries[index - from]
      if (entry !== undefined && same(old, entry)) continue
      const committed = this.committed[index]
      if (committed !== undefined && same(committed, old)) {
        fail('a committed entry was cut off', { id: member.id, old: shown(old) })
      }
      this.#census.count('durable entry replaced')
      if (old.type === 'EntryConfChange') this.#census.count('membership change rolled back')
    }
  }

  readStarted(context: string): void {
    this.#reads.set(context, this.committed.length - 1)
  }

  readsAnswered = 0

  #onRead(read: ReadState): void {
    const needed = this.#reads.get(read.context)
    if (needed === undefined) fail('a read that nobody waits for', read)
    if (read.index < needed) fail('stale read', { read, needed })
    this.#reads.delete(read.context)
    this.readsAnswered++
    this.#census.count('read answered')
  }

  /** Before a request is stepped; the check that it returns is for afterwards. */
  onVoteRequest(member: Member, message: MsgVote): () => void {
    const { raw, disk } = member
    const before = raw.status()
    const { lastIndex } = before
    const lastTerm = raw.entry(lastIndex)?.term ?? disk.term(lastIndex) ?? 0
    return () => {
      const { term, vote } = raw.status()
      if (vote !== message.from || term !== message.term) return
      if (before.term === term && before.vote === vote) return
      const { logTerm, index } = message
      const upToDate = logTerm > lastTerm || (logTerm === lastTerm && index >= lastIndex)
      if (!upToDate) fail('a vote for a log that is behind', { message, lastIndex, lastTerm })
    }
  }

  #onSend(member: Member, message: Message): void {
    switch (message.type) {
      case 'MsgVote':
        this.#onVote(member, message, member.id)
        this.#checkCampaign(member)
        return
      case 'MsgVoteResp':
        if (!message.reject) this.#onVote(member, message, message.to)
        return
      case 'MsgAppResp':
        if (!message.reject) this.#onAccept(member, message.to, message.term, message.index)
        return
      case 'MsgTimeoutNow':
        this.#onTimeoutNow(member, message.to)
        return
      case 'MsgSnap':
        fail('Raft sends no snapshots itself', message)
        break
      default:
    }
  }

  #onVote(member: Member, message: Message, candidate: MemberId): void {
    const { id, disk } = member
    const { term, vote } = disk.hardState
    if (term < message.term) fail('vote before its term is durable', message)
    if (term === message.term && vote !== candidate) fail('vote that is not durable', message)
    let votes = this.#votes.get(message.term)
    if (votes === undefined) this.#votes.set(message.term, (votes = new Map<MemberId, MemberId>()))
    const before = votes.get(id)
    if (before !== undefined && before !== candidate) fail('two votes in one term', message)
    votes.set(id, candidate)
    if (candidate !== id || before === id) return
    const rivals = [...votes].filter(([voter, choice]) => voter === choice)
    if (rivals.length > 1) this.#census.count('two candidates in one term')
  }

  /** Why: two changes further on, its configuration need not overlap the one in force. */
  #checkCampaign({ id, raw, state }: Member): void {
    const { role, commit } = raw.status()
    if (role !== 'candidate') return
    const unapplied = this.committed.slice(state.index + 1, commit + 1)
    if (unapplied.some((entry) => entry?.type === 'EntryConfChange')) {
      fail('campaigns with a configuration that is over', { id, applied: state.index, commit })
    }
  }

  #onAccept(member: Member, to: MemberId, term: number, index: number): void {
    const { id, disk } = member
    if (disk.hardState.term < term) fail('answer before its term is durable', { id, term })
    const last = Math.max(disk.lastIndex, disk.applied)
    if (last < index) fail('answer before its entries are durable', { id, index, last })
    const leader = this.#members.get(to)?.raw
    if (leader === undefined || this.#leaders.get(term) !== to || leader.term !== term) return
    const expected = leader.entry(index)?.term
    const actual = disk.term(index)
    if (expected === undefined || actual === undefined || expected === actual) return
    fail('accepted another entry than the leader has', { id, index, expected, actual })
  }

  #onTimeoutNow(member: Member, to: MemberId): void {
    const lastIndex = this.#handingOver.get(member.id)
    if (lastIndex === undefined) fail('leadership that nobody wanted to hand over', { to })
    const disk = this.#members.get(to)?.disk
    // A leader that has been replaced does not know yet what became of its log elsewhere.
    if (disk !== undefined && disk.hardState.term > member.raw.term) return
    const term = member.raw.entry(lastIndex)?.term
    if (disk === undefined || (term !== undefined && disk.term(lastIndex) !== term)) {
      fail('leadership for a member that lags', { to, lastIndex })
    }
  }

  /** What is in the memory of all members at the end, against what was ever written. */
  checkLogs(): void {
    for (const { raw } of this.#members.values()) {
      const { firstIndex, lastIndex } = raw.status()
      for (let index = firstIndex; index <= lastIndex; index++) {
        const entry = raw.entry(index) as Entry
        const known = this.#logged.get(`${index}/${entry.term}`)
        if (known !== undefined && !same(known.entry, entry)) {
          fail('logs differ', [shown(known.entry), shown(entry)])
        }
      }
    }
  }
}

function confText(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state
  const lists = [voters, votersOutgoing, learners, learnersNext]
  return JSON.stringify([...lists.map((ids) => [...ids].sort()), autoLeave])
}
