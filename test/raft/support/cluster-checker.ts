/**
 * Watches a cluster from outside, across crashes, for the properties of Raft figure 3 and for
 * promises that leave before they are durable. Every violation throws at the step that made it.
 */

import type { Entry, MemberId, Message, ReadState, Ready } from '../../../src/raft/types.ts'
import { text, type Member } from './member.ts'

function same(a: Entry, b: Entry): boolean {
  return a.term === b.term && a.type === b.type && text(a.data) === text(b.data)
}

function fail(claim: string, details: unknown): never {
  throw new Error(`${claim}: ${JSON.stringify(details)}`)
}

export class ClusterChecker {
  readonly #members: ReadonlyMap<MemberId, Member>
  readonly #leaders = new Map<number, MemberId>()
  readonly #votes = new Map<string, MemberId>()
  /** Index by index, what was ever committed anywhere; index 0 is unused. */
  readonly committed: (Entry | undefined)[] = [undefined]
  /** By context: what was committed when the read began. */
  readonly #reads = new Map<string, number>()
  /** How far each process has been compared with `committed`. */
  #seen = new Map<MemberId, number>()
  readReturns = 0

  constructor(members: ReadonlyMap<MemberId, Member>) {
    this.#members = members
  }

  /** Call after every step of a member. */
  afterStep(member: Member): void {
    const status = member.raw.status()
    if (status.role === 'leader' && this.#leaders.get(status.term) !== member.id) {
      this.#onNewLeader(member)
    }
    let seen = this.#seen.get(member.id) ?? 0
    while (seen < status.commit) {
      seen++
      const entry = member.raw.entry(seen)
      if (entry !== undefined) this.#onCommitted(member, entry)
    }
    this.#seen.set(member.id, seen)
  }

  #onNewLeader(member: Member): void {
    const { term } = member.raw.status()
    const other = this.#leaders.get(term)
    if (other !== undefined) fail('two leaders in one term', { term, other, id: member.id })
    this.#leaders.set(term, member.id)
    for (const entry of this.committed) {
      if (entry === undefined) continue
      const own = member.raw.entry(entry.index)
      if (own === undefined) {
        if (entry.index >= firstIndex(member)) fail('leader lacks a committed entry', entry)
      } else if (!same(own, entry)) {
        fail('leader has another entry than the committed one', { own, entry })
      }
    }
  }

  #onCommitted(member: Member, entry: Entry): void {
    const known = this.committed[entry.index]
    if (known === undefined) this.committed[entry.index] = entry
    else if (!same(known, entry)) fail('a committed entry changed', { id: member.id, known, entry })
  }

  restarted(member: Member): void {
    this.#seen.delete(member.id)
  }

  onReady(member: Member, ready: Ready): void {
    for (const entry of ready.committedEntries) {
      const known = this.committed[entry.index]
      if (known === undefined || !same(known, entry)) fail('applied what is not committed', entry)
      const onDisk = member.disk.entry(entry.index)
      if (onDisk === undefined || !same(onDisk, entry)) fail('applied before durable', entry)
    }
    for (const message of ready.messages) this.#onSend(member, message)
    for (const read of ready.readStates) this.#onRead(read)
  }

  readStarted(context: string): void {
    this.#reads.set(context, this.committed.length - 1)
  }

  #onRead(read: ReadState): void {
    const needed = this.#reads.get(read.context)
    if (needed === undefined || read.index < needed) fail('stale read', { read, needed })
    this.readReturns++
  }

  #onSend(member: Member, message: Message): void {
    const { hardState } = member.disk
    const isVote = message.type === 'MsgVote'
    if (isVote || (message.type === 'MsgVoteResp' && !message.reject)) {
      const candidate = isVote ? message.from : message.to
      if (hardState.term < message.term) fail('vote before its term is durable', message)
      if (hardState.term === message.term && hardState.vote !== candidate) {
        fail('vote that is not durable', message)
      }
      const key = `${message.from} in ${message.term}`
      const before = this.#votes.get(key)
      if (before !== undefined && before !== candidate) fail('two votes in one term', message)
      this.#votes.set(key, candidate)
    }
    if (message.type === 'MsgAppResp' && !message.reject) {
      if (hardState.term < message.term) fail('answer before its term is durable', message)
      const last = member.disk.lastIndex
      if (last < message.index) fail('answer before its entries are durable', { message, last })
    }
  }

  /** Log matching, pair by pair, over what is in memory. */
  checkLogMatching(): void {
    const members = [...this.#members.values()]
    for (const a of members) for (const b of members) if (a.id < b.id) matchLogs(a, b)
  }
}

function firstIndex(member: Member): number {
  return member.raw.status().firstIndex
}

function matchLogs(a: Member, b: Member): void {
  let matches = false
  const last = Math.min(a.raw.status().lastIndex, b.raw.status().lastIndex)
  for (let index = last; index > 0; index--) {
    const left = a.raw.entry(index)
    const right = b.raw.entry(index)
    if (left === undefined || right === undefined) return
    if (left.term === right.term) matches = true
    if (matches && !same(left, right)) fail('logs match above a difference', { left, right })
  }
}
