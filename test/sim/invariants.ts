/**
 * What must hold at every step, whatever clients see: one leader in a term, and a leader is a voter
 * that a majority has voted for, and has all that was committed; entries of equal index and term are equal, and so are those before
 * them; what was committed at an index stays; nobody votes twice or forgets a term that it acted in;
 * one membership change at a time; equal state at equal applied index; a revision is made of the
 * same changes wherever and however often it is applied. What must be on disk: promises.ts.
 */

import { crc32c } from '../../src/base/crc32c.ts'
import type { Commit } from '../../src/mvcc/change.ts'
import { decodeKeyValue } from '../../src/mvcc/kv.ts'
import type { RawNode } from '../../src/raft/raw-node.ts'
import type { Entry, MemberId, Message, Ready } from '../../src/raft/types.ts'
import { StateHash, type StatePoint } from '../../src/server/state-hash.ts'
import type { Census } from './census.ts'
import type { KvEvent, MemberLog, RevisionChanges } from './check/history.ts'
import { Moments } from './moments.ts'
import { Promises, ReadBounds } from './promises.ts'
import type { DurableLog } from './durable-log.ts'
import type { Owner, World } from './world.ts'
import { LogSightings } from './sightings.ts'

interface Fingerprint {
  readonly term: number
  readonly hash: number
  readonly by: string
}

interface GrowingLog extends MemberLog {
  readonly changes: RevisionChanges[]
}

export class Invariants {
  readonly #world: World
  readonly #census: Census
  readonly #report: (kind: string, sentence: string) => void
  readonly #leaders = new Map<number, MemberId>()
  readonly #candidates = new Map<number, Set<MemberId>>()
  readonly #entries = new Map<string, Fingerprint>()
  /** By index and term, the term of the entry before. */
  readonly #before = new Map<string, number>()
  readonly #committed = new Map<number, Fingerprint>()
  readonly #states = new Map<number, Fingerprint>()
  readonly #revisions = new Map<number, { readonly hash: number; readonly by: string }>()
  readonly #logs = new Map<string, GrowingLog[]>()
  /** The highest term in which a member has done what it may only do once that term is durable. */
  readonly #promised = new Map<MemberId, number>()
  readonly #votes = new Map<string, MemberId>()
  readonly #isSnapshotUnderWay: () => boolean
  readonly promises: Promises
  readonly moments = new Moments()
  #committedIndex = 0
  /** By the term of a member that knew it as committed, up to which index. */
  readonly #committedIn = new Map<number, number>()

  constructor(
    world: World,
    census: Census,
    report: (kind: string, sentence: string) => void,
    isSnapshotUnderWay: () => boolean,
  ) {
    this.#isSnapshotUnderWay = isSnapshotUnderWay
    this.#world = world
    this.#census = census
    this.#report = report
    this.promises = new Promises(report)
  }

  get leaderTerms(): number {
    return this.#leaders.size
  }

  get committedIndex(): number {
    return this.#committedIndex
  }

  memberLogs(): MemberLog[] {
    return [...this.#logs.values()].flat()
  }

  /** Looks at everything that Raft hands out. */
  watch(raw: RawNode, owner: Owner, disk: DurableLog): void {
    const ready = raw.ready.bind(raw)
    const reads = new ReadBounds(this.#report, () => this.#committedIndex)
    reads.watch(raw)
    this.promises.onLife(raw.id, disk)
    let commit = 0
    const sightings = new LogSightings(this.#census)
    sightings.watch(raw)
    raw.ready = () => {
      const result = ready()
      this.#onReady(raw, owner, result)
      this.promises.onReady(raw, owner.name, result)
      reads.onReady(owner.name, result)
      this.moments.onReady(raw, result)
      if (raw.committed < commit) {
        this.#report(
          'commit-went-back',
          `${owner.name} went back from commit ${commit} to ${raw.committed}`,
        )
      }
      commit = raw.committed
      sightings.onReady(result)
      return result
    }
  }

  #onReady(raw: RawNode, owner: Owner, ready: Ready): void {
    const { id, term } = raw
    const promised = this.#promised.get(id) ?? 0
    if (term < promised) {
      this.#report(
        'term-went-back',
        `${owner.name} is in term ${term}, after it acted in ${promised}`,
      )
    }
    for (const message of ready.messages) this.#onMessage(id, message, owner)
    const role = ready.softState?.role
    if (role === 'leader') this.#onLeader(raw, owner)
    if (role === 'candidate') this.#onCandidate(id, term)
    for (const entry of ready.append?.entries ?? []) this.#onAppended(raw, entry, owner)
    for (const entry of ready.committedEntries) this.#onCommitted(entry, owner, term)
  }

  #onMessage(id: MemberId, message: Message, owner: Owner): void {
    const { type, term, to } = message
    const isVote = type === 'MsgVote' || (type === 'MsgVoteResp' && !message.reject)
    const isPromise = isVote || type === 'MsgApp' || (type === 'MsgAppResp' && !message.reject)
    if (!isPromise) return
    this.#promised.set(id, Math.max(this.#promised.get(id) ?? 0, term))
    if (!isVote) return
    const candidate = type === 'MsgVote' ? id : to
    const vote = `${id}/${term}`
    const other = this.#votes.get(vote) ?? candidate
    this.#votes.set(vote, candidate)
    if (other === candidate) return
    this.#report('voted-twice', `${owner.name} voted for ${other} and ${candidate} in term ${term}`)
  }

  #onCandidate(id: MemberId, term: number): void {
    const known = this.#candidates.get(term) ?? new Set()
    known.add(id)
    this.#candidates.set(term, known)
    if (known.size === 2) this.#census.count('two candidates in one term')
  }

  #onLeader(raw: RawNode, owner: Owner): void {
    const { id, term } = raw
    const other = this.#leaders.get(term)
    if (other === undefined) {
      this.#leaders.set(term, id)
      if (this.#leaders.size > 1) this.#census.count('leader change')
      if (this.#isSnapshotUnderWay()) {
        this.#census.count('leader change while a snapshot is on its way')
      }
    } else if (other !== id) {
      this.#report('two-leaders', `${owner.name} and ${other} both lead in term ${term}`)
    }
    // Leader completeness (Raft §5.4.3). Late votes may make a leader of a term that is long over.
    const earlier = [...this.#committedIn].filter(([committedIn]) => committedIn < term)
    const index = Math.max(0, ...earlier.map(([, upTo]) => upTo))
    const committed = this.#committed.get(index)
    const { firstIndex, lastIndex, voters, votersOutgoing } = raw.status()
    if (!voters.includes(id) && !votersOutgoing.includes(id)) {
      this.#report('leader-without-vote', `${owner.name} leads in term ${term} and is no voter`)
    }
    for (const half of [voters, votersOutgoing]) this.#electedBy(half, raw, owner)
    const isMissing = lastIndex < index
    const found = index >= firstIndex ? raw.entry(index)?.term : committed?.term
    if (committed === undefined || (!isMissing && found === committed.term)) return
    this.#report(
      'leader-incomplete',
      `${owner.name} leads in term ${term} without entry ${index} of term ${committed.term}, which ${committed.by} had as committed`,
    )
  }

  /** More than half of them have voted for it, whatever it has counted. */
  #electedBy(half: readonly MemberId[], { id, term }: RawNode, owner: Owner): void {
    const votes = half.filter((one) => one === id || this.#votes.get(`${one}/${term}`) === id)
    if (half.length === 0 || votes.length > half.length / 2) return
    this.#report(
      'leader-by-minority',
      `${owner.name} leads in term ${term} by ${votes.length} votes of ${half.length}`,
    )
  }

  #onAppended(raw: RawNode, entry: Entry, owner: Owner): void {
    const name = `${entry.index}/${entry.term}`
    if (entry.type === 'EntryConfChange') this.#onConfChange(raw, entry, owner)
    this.#follows(name, raw.entry(entry.index - 1)?.term, owner)
    this.#same(
      this.#entries,
      name,
      entry,
      owner,
      'log-mismatch',
      `entry ${entry.index} of term ${entry.term}`,
    )
  }

  /** Log matching (Raft §5.3): who has this entry has the same one before it. */
  #follows(name: string, before: number | undefined, owner: Owner): void {
    if (before === undefined) return
    const known = this.#before.get(name)
    if (known === undefined) this.#before.set(name, before)
    else if (known !== before) {
      this.#report(
        'log-mismatch',
        `at ${owner.name} entry ${name} follows one of term ${before}, elsewhere one of term ${known}`,
      )
    }
  }

  /** A leader changes the membership one by one, and after its own term has begun. */
  #onConfChange(raw: RawNode, entry: Entry, owner: Owner): void {
    const { role, term, applied, commit } = raw.status()
    if (role !== 'leader' || entry.term !== term) return
    for (let index = applied + 1; index < entry.index; index++) {
      if (raw.entry(index)?.type !== 'EntryConfChange') continue
      this.#report(
        'two-conf-changes',
        `${owner.name} appends membership change ${entry.index} while ${index} is not applied`,
      )
    }
    const committed = raw.entry(commit)?.term
    if (committed === undefined || committed === term) return
    this.#report(
      'conf-change-too-early',
      `${owner.name} appends membership change ${entry.index} before it has committed in term ${term}`,
    )
  }

  #onCommitted(entry: Entry, owner: Owner, term: number): void {
    this.#same(
      this.#committed,
      entry.index,
      entry,
      owner,
      'committed-differs',
      `committed entry ${entry.index}`,
    )
    this.#committedIndex = Math.max(this.#committedIndex, entry.index)
    this.#committedIn.set(term, Math.max(this.#committedIn.get(term) ?? 0, entry.index))
  }

  #same<Key>(
    known: Map<Key, Fingerprint>,
    key: Key,
    { term, data, type }: Entry,
    owner: Owner,
    kind: string,
    what: string,
  ): void {
    const hash = crc32c(data, type === 'EntryNormal' ? 0 : 1)
    const other = known.get(key)
    if (other === undefined) known.set(key, { term, hash, by: owner.name })
    else if (other.term !== term || other.hash !== hash) {
      this.#report(
        kind,
        `${what} is another one at ${owner.name} (term ${term}) than at ${other.by} (term ${other.term})`,
      )
    }
  }

  onState(owner: Owner, { index, term, hash }: StatePoint): void {
    if (index === 0) return
    const known = this.#states.get(index)
    if (known === undefined) this.#states.set(index, { term, hash, by: owner.name })
    else if (known.hash !== hash || known.term !== term) {
      this.#report(
        'state-hash-differs',
        `the state of ${owner.name} at index ${index} is not that of ${known.by}`,
      )
    }
  }

  onCommit(owner: Owner, { revision, changes }: Commit): void {
    if (changes.length === 0) return
    let hash = changes.length
    for (const { record } of changes) hash = crc32c(record, hash)
    const known = this.#revisions.get(revision)
    if (known === undefined) this.#revisions.set(revision, { hash, by: owner.name })
    else if (known.hash !== hash) {
      this.#report(
        'revision-differs',
        `${owner.name} made other changes at revision ${revision} than ${known.by}`,
      )
    }
    this.#log(owner.name.replace(/#.*/, ''), revision, changes)
    this.#world.note(revision)
    this.#world.note(hash)
  }

  #log(member: string, revision: number, changes: Commit['changes']): void {
    const logs = this.#logs.get(member) ?? []
    this.#logs.set(member, logs)
    let log = logs.at(-1)
    const last = log?.changes.at(-1)?.revision
    // Replayed after a crash: it was compared above.
    if (last !== undefined && revision <= last) return
    if (log === undefined || last === undefined || revision > last + 1) {
      log = { member, changes: [] }
      logs.push(log)
    }
    log.changes.push({ revision, events: changes.map(eventOf) })
  }
}

export function eventOf({ type, record }: Commit['changes'][number]): KvEvent {
  const { key, value, createRevision, modRevision, version, lease } = decodeKeyValue(record)
  if (type === 'delete') {
    return { type, kv: { key, value: '', createRevision: 0, modRevision, version: 0 } }
  }
  const text = Buffer.from(value).toString('latin1')
  const kv = { key, value: text, createRevision, modRevision, version }
  return { type, kv: lease === 0n ? kv : { ...kv, lease } }
}

/** Has every member's state hash tell what it is given. Returns how it was. */
export function observeStateHashes(world: World, invariants: () => Invariants): () => void {
  const { endEntry, reset, change } = StateHash.prototype
  StateHash.prototype.endEntry = function (this: StateHash, ...args): void {
    endEntry.apply(this, args)
    invariants().onState(world.current, this.newest)
  }
  StateHash.prototype.reset = function (this: StateHash, ...args): void {
    reset.apply(this, args)
    invariants().onState(world.current, this.newest)
  }
  StateHash.prototype.change = function (this: StateHash, ...args): void {
    change.apply(this, args)
    invariants().onCommit(world.current, args[0])
  }
  return () => {
    Object.assign(StateHash.prototype, { endEntry, reset, change })
  }
}
