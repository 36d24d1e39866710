/**
 * Watches a cluster from outside, across crashes, for the properties of Raft figure 3, for
 * promises that leave before they are durable, and for what membership changes, snapshots, reads
 * and forwarded proposals add to them. Every violation throws at the step that made it.
 *
 * Quorums, configurations and states are computed anew here, never asked of the members.
 */

import type {
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
import { History } from './history.ts'
import type { Member } from './member.ts'
import { fail, same, shown } from './violation.ts'
import { WrittenLogs } from './written-logs.ts'

export class ClusterChecker {
  readonly #members: ReadonlyMap<MemberId, Member>
  readonly #census: Census
  readonly history: History
  readonly logs: WrittenLogs
  readonly #leaders = new Map<number, MemberId>()
  /** By term, who voted for whom. */
  readonly #votes = new Map<number, Map<MemberId, MemberId>>()
  /** The last index of a leader's log when it last had somebody to hand over to. */
  readonly #handingOver = new Map<MemberId, number>()
  /** By context: what was committed when the read began. */
  readonly #reads = new Map<string, number>()
  /** How far each process has been compared with the history. */
  readonly #seen = new Map<MemberId, number>()
  /** The highest commit index that each member has ever known. */
  readonly #known = new Map<MemberId, number>()

  constructor(members: ReadonlyMap<MemberId, Member>, census: Census, removalsAreForGood: boolean) {
    this.#members = members
    this.#census = census
    this.history = new History(census, removalsAreForGood)
    this.logs = new WrittenLogs(this.history, census)
  }

  /** Entries that all first members begin with, committed. */
  bootstrapped(entries: readonly Entry[]): void {
    this.logs.add(entries, 0)
    for (const entry of entries) this.history.extend(entry, entry.term, '')
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
    if (commit > (this.#known.get(member.id) ?? 0)) this.#known.set(member.id, commit)
    if (commit > this.history.lastIndex) this.#onFirstCommit(member, term, commit)
    for (let index = seen + 1; index <= commit; index++) {
      const entry = member.raw.entry(index)
      const known = this.history.entry(index) as Entry
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
    for (let index = firstIndex; index <= this.history.lastIndex; index++) {
      // A leader that lags behind its time may become one in a term that is long over.
      if (this.history.committedIn(index) >= term) return
      const own = member.raw.entry(index)
      const entry = this.history.entry(index) as Entry
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
    for (let index = this.history.lastIndex + 1; index <= commit; index++) {
      const entry = member.raw.entry(index) as Entry
      this.history.extend(entry, term, this.#leaders.get(entry.term) ?? '')
    }
  }

  #isDurable(id: MemberId, index: number, term: number): boolean {
    const disk = this.#members.get(id)?.disk
    if (disk === undefined) return false
    return disk.term(index) === term
  }

  restarted(member: Member): void {
    this.#seen.delete(member.id)
    const { checkpoint } = member.disk
    this.history.checkState(member.id, checkpoint)
    if (isJoint(checkpoint.confState)) this.#census.count('joint configuration after a restart')
  }

  /** One entry has been applied. */
  onApplied(member: Member, entry: Entry): void {
    this.history.checkState(member.id, member.state)
    this.afterStep(member)
    const { id, state, disk } = member
    if (state.index !== entry.index) fail('applied out of order', { id, entry: shown(entry) })
    const onDisk = disk.entry(entry.index)
    if (disk.snapshotIndex < entry.index && (onDisk === undefined || !same(onDisk, entry))) {
      fail('applied before durable', { id, entry: shown(entry) })
    }
  }

  onInstalled(member: Member, snapshot: SnapshotMetadata): void {
    this.history.checkState(member.id, member.state)
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
      const known = this.history.entry(entry.index)
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
    if (this.history.state(index)?.term !== term)
      fail('a snapshot of no committed state', { id, index })
    if (disk.term(index) === term && disk.lastIndex > index) {
      fail('a snapshot in place of a log that contains it', { id, index })
    }
    if (disk.hardState.term < term) this.#census.count('snapshot of a term that is not on disk')
  }

  readStarted(context: string): void {
    this.#reads.set(context, this.history.lastIndex)
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

  /** Before a message is stepped; the check that it returns is for afterwards. */
  aroundStep(member: Member, message: Message): (() => void) | undefined {
    switch (message.type) {
      case 'MsgVote':
        return this.#aroundVote(member, message)
      case 'MsgApp':
        return this.#aroundCommit(member, message.index + message.entries.length)
      case 'MsgHeartbeat':
        return this.#aroundCommit(member, message.commit)
      case 'MsgAppResp':
        return () => this.#checkMatch(member, message.from)
      case 'MsgHeartbeatResp':
        return this.#aroundLeadership(member)
      default:
        return undefined
    }
  }

  #aroundVote(member: Member, message: MsgVote): () => void {
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

  /** Raft §5.3: what follows the entries of a message may not be the leader's. */
  #aroundCommit({ id, raw }: Member, limit: number): () => void {
    const before = raw.committed
    return () => {
      if (raw.committed > Math.max(before, limit)) {
        fail('committed more than is known to match', { id, commit: raw.committed, limit })
      }
    }
  }

  /** What a leader takes for durable elsewhere is so. */
  #checkMatch({ id, raw }: Member, from: MemberId): void {
    const { role, term, progress } = raw.status()
    const match = progress.get(from)?.match ?? 0
    const disk = this.#members.get(from)?.disk
    // Who has gone on to another leader may have lost it since.
    if (role !== 'leader' || disk === undefined || disk.hardState.term > term) return
    const expected = raw.entry(match)?.term
    const actual = match <= disk.applied ? expected : disk.term(match)
    if (expected !== undefined && actual !== expected) {
      fail('a leader counts with what is not durable', { id, from, match, expected, actual })
    }
  }

  /**
   * A leader that was removed may go, by itself, when the others know that it was. Other reasons
   * come with a higher term or with a tick.
   */
  #aroundLeadership(member: Member): (() => void) | undefined {
    const { raw, confState } = member
    const { term } = raw
    if (this.#leaders.get(term) !== member.id || isVoterOf(confState, member.id)) return undefined
    if (raw.status().role !== 'leader') return undefined
    return () => {
      if (raw.status().role === 'leader' || raw.term > term) return
      this.#census.count('removed leader stepped down')
      const index = member.state.index
      const knows = (id: MemberId): boolean => (this.#known.get(id) ?? 0) >= index
      if (!hasQuorum(confState, knows)) {
        fail('a removed leader goes before the others know', { id: member.id, index })
      }
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
    if (this.history.hasConfChange(state.index + 1, commit)) {
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
    const { voters, lastIndex: end } = member.raw.status()
    // A leader that was removed hands over when it goes.
    const isRemoved = !voters.includes(member.id)
    const lastIndex = isRemoved ? end : this.#handingOver.get(member.id)
    if (lastIndex === undefined) fail('leadership that nobody wanted to hand over', { to })
    const disk = this.#members.get(to)?.disk
    // A leader that has been replaced does not know yet what became of its log elsewhere.
    if (disk !== undefined && disk.hardState.term > member.raw.term) return
    const term = member.raw.entry(lastIndex)?.term
    if (disk === undefined || (term !== undefined && disk.term(lastIndex) !== term)) {
      fail('leadership for a member that lags', { to, lastIndex })
    }
  }
}
