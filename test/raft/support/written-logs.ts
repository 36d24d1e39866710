/**
 * All that was ever written to the log of any member. Log matching (Raft §5.3) by induction: an
 * index and a term name one entry, and the term of the one before it.
 */

import type { Append, Entry } from '../../../src/raft/types.ts'
import type { Census } from './census.ts'
import type { History } from './history.ts'
import type { Member } from './member.ts'
import { fail, same, shown } from './violation.ts'

interface Logged {
  readonly entry: Entry
  readonly previousTerm: number
}

export class WrittenLogs {
  readonly #history: History
  readonly #census: Census
  readonly #logged = new Map<string, Logged>()

  constructor(history: History, census: Census) {
    this.#history = history
    this.#census = census
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
    this.add(entries, disk.term(first.index - 1) ?? -1)
    this.#checkReplaced(member, entries, first.index)
  }

  add(entries: readonly Entry[], termBefore: number): void {
    let previousTerm = termBefore
    for (const entry of entries) {
      this.#addOne(entry, previousTerm)
      previousTerm = entry.term
    }
  }

  #addOne(entry: Entry, previousTerm: number): void {
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

  /**
   * What was committed stays in every log that has it. But a leader of an earlier term may not have
   * it and may replace it, before it is committed by a later one; and a slow disk may be told of
   * that after.
   */
  #checkReplaced({ id, disk }: Member, entries: readonly Entry[], from: number): void {
    const newestTerm = entries.at(-1)?.term ?? 0
    for (let index = from; index <= disk.lastIndex; index++) {
      const old = disk.entry(index) as Entry
      const entry = entries[index - from]
      if (entry !== undefined && same(old, entry)) continue
      const committed = this.#history.entry(index)
      const isLate = newestTerm < this.#history.committedIn(index)
      if (committed !== undefined && same(committed, old) && !isLate) {
        fail('a committed entry was cut off', { id, old: shown(old) })
      }
      this.#census.count('durable entry replaced')
      if (old.type === 'EntryConfChange') this.#census.count('membership change rolled back')
    }
  }

  /** What is in memory, against what was written anywhere. */
  checkMemory({ raw }: Member): void {
    const { firstIndex, lastIndex } = raw.status()
    for (let index = firstIndex; index <= lastIndex; index++) {
      const entry = raw.entry(index) as Entry
      const known = this.#logged.get(`${index}/${entry.term}`)
      if (known === undefined || same(known.entry, entry)) continue
      fail('logs differ', [shown(known.entry), shown(entry)])
    }
  }
}
