import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/base/assert.ts'
import { RaftLog, entryBytes } from '../../src/raft/raft-log.ts'
import type { Entry } from '../../src/raft/types.ts'
import { EMPTY_HARD_STATE } from '../../src/raft/types.ts'

function entry(index: number, term: number, size = 0): Entry {
  return { index, term, type: 'EntryNormal', data: new Uint8Array(size) }
}

function logOf(...terms: number[]): RaftLog {
  return new RaftLog({
    hardState: EMPTY_HARD_STATE,
    snapshotIndex: 0,
    snapshotTerm: 0,
    applied: 0,
    entries: terms.map((term, at) => entry(at + 1, term)),
  })
}

function terms(log: RaftLog): (number | undefined)[] {
  const found: (number | undefined)[] = []
  for (let index = log.firstIndex; index <= log.lastIndex; index++) found.push(log.term(index))
  return found
}

/** The log as an array of terms, index 1 first, done the obvious way. */
class NaiveLog {
  terms: number[] = []
  compacted = 0
  committed = 0
  applied = 0
  /** What a disk holds that is written exactly as told. */
  disk: number[] = []
  writing: { from: number; terms: number[] } | undefined

  maybeAppend(prev: number, prevTerm: number, added: number[]): number | undefined {
    if ((prev === 0 ? 0 : this.terms[prev - 1]) !== prevTerm) return undefined
    const conflict = added.findIndex((term, at) => this.terms[prev + at] !== term)
    if (conflict !== -1) {
      this.terms = [...this.terms.slice(0, prev + conflict), ...added.slice(conflict)]
    }
    return prev + added.length
  }
}

type Step =
  | { do: 'lead'; count: number }
  | { do: 'follow'; prev: number; bump: number; count: number }
  | { do: 'write' | 'written' | 'apply' }
  | { do: 'commit' | 'compact'; to: number }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('lead' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    do: fc.constant('follow' as const),
    prev: fc.nat(12),
    bump: fc.nat(2),
    count: fc.nat(4),
  }),
  fc.record({ do: fc.constantFrom('write' as const, 'written' as const, 'apply' as const) }),
  fc.record({ do: fc.constantFrom('commit' as const, 'compact' as const), to: fc.nat(20) }),
)

/** Does one step to both logs; steps that the log's callers rule out are left out. */
function perform(step: Step, log: RaftLog, naive: NaiveLog): void {
  const lastTerm = naive.terms.at(-1) ?? 1
  switch (step.do) {
    case 'lead':
      for (let at = 0; at < step.count; at++) {
        expect(log.append(lastTerm, 'EntryNormal', new Uint8Array(0))).toBe(naive.terms.length + 1)
        naive.terms.push(lastTerm)
      }
      return
    case 'follow': {
      const prev = naive.committed + step.prev
      const prevTerm = prev === 0 ? 0 : (naive.terms[prev - 1] ?? lastTerm)
      const term = Math.max(prevTerm, lastTerm) + step.bump
      const added = Array.from({ length: step.count }, (_, at) => {
        // Half of them agree with what is there, so that duplicates and conflicts both occur.
        return step.bump === 0 ? (naive.terms[prev + at] ?? term) : term
      })
      const entries = added.map((each, at) => entry(prev + at + 1, each))
      expect(log.maybeAppend(prev, prevTerm, entries)).toBe(
        naive.maybeAppend(prev, prevTerm, added),
      )
      return
    }
    case 'write': {
      if (log.writing) return
      const from = log.durable
      const entries = log.beginWrite()
      expect(entries.map((each) => each.term)).toEqual(naive.terms.slice(from))
      naive.writing = { from, terms: entries.map((each) => each.term) }
      return
    }
    case 'written':
      if (naive.writing === undefined) return
      naive.disk = [...naive.disk.slice(0, naive.writing.from), ...naive.writing.terms]
      naive.writing = undefined
      log.finishWrite()
      return
    case 'commit': {
      const to = Math.min(step.to, naive.terms.length)
      naive.committed = Math.max(naive.committed, to)
      log.commitTo(to)
      return
    }
    case 'apply': {
      const entries = log.beginApply(entryBytes(entry(1, 1)) * 2)
      expect(entries.length).toBeLessThanOrEqual(2)
      for (const each of entries) {
        expect(each.index).toBe(naive.applied + 1)
        expect(each.term).toBe(naive.terms[naive.applied])
        naive.applied++
      }
      log.appliedTo(naive.applied)
      return
    }
    case 'compact': {
      const to = Math.min(step.to, naive.applied)
      naive.compacted = Math.max(naive.compacted, to)
      log.compact(to)
    }
  }
}

function check(log: RaftLog, naive: NaiveLog): void {
  expect(log.lastIndex).toBe(naive.terms.length)
  expect(log.lastTerm).toBe(naive.terms.at(-1) ?? 0)
  expect(log.snapshotIndex).toBe(naive.compacted)
  expect(log.committed).toBe(naive.committed)
  for (let index = 1; index <= naive.terms.length + 1; index++) {
    const known = index >= naive.compacted
    expect(log.term(index)).toBe(known ? naive.terms[index - 1] : undefined)
  }
  // What counts as durable is on the disk, as it is in memory.
  expect(naive.disk.slice(0, log.durable)).toEqual(naive.terms.slice(0, log.durable))
  expect(naive.applied).toBeLessThanOrEqual(Math.min(log.durable, naive.committed))
}

describe('raft log', () => {
  test('behaves as a naive array does, and never calls durable what the disk does not hold', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 60, size: 'max' }), (script) => {
        const log = logOf()
        const naive = new NaiveLog()
        for (const step of script) {
          perform(step, log, naive)
          check(log, naive)
        }
      }),
      { numRuns: 400 },
    )
  })

  test('the conflict by term is the last entry whose term is not above it', () => {
    const sorted = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 20 })
    fc.assert(
      fc.property(sorted, fc.nat(22), fc.nat(7), (unsorted, index, term) => {
        const log = logOf(...unsorted.sort((a, b) => a - b))
        let slow = Math.min(index, log.lastIndex)
        while ((log.term(slow) as number) > term) slow--
        expect(log.findConflictByTerm(index, term)).toBe(slow)
      }),
    )
  })

  test('the conflict by term in a compacted log is at most just below what is left', () => {
    const log = logOf(1, 1, 3, 3)
    log.commitTo(4)
    log.beginApply(1000)
    log.appliedTo(4)
    log.compact(3)
    expect(log.findConflictByTerm(4, 3)).toBe(4)
    expect(log.findConflictByTerm(4, 2)).toBe(2)
    expect(log.findConflictByTerm(1, 9)).toBe(1)
  })

  test('a completed write does not count for entries that were replaced meanwhile (ABA)', () => {
    const log = logOf(1)
    log.maybeAppend(1, 1, [entry(2, 2), entry(3, 2)])
    log.beginWrite()
    log.maybeAppend(1, 1, [entry(2, 3)])
    // A later leader brings the first entries back; the write that holds them is still going on.
    log.maybeAppend(1, 1, [entry(2, 4), entry(3, 4)])
    log.finishWrite()
    expect(log.durable).toBe(1)
    expect(log.beginWrite().map((each) => each.term)).toEqual([4, 4])
  })

  test('a completed write counts up to the first entry that was replaced', () => {
    const log = logOf(1)
    log.maybeAppend(1, 1, [entry(2, 2), entry(3, 2)])
    log.beginWrite()
    log.maybeAppend(2, 2, [entry(3, 3)])
    log.finishWrite()
    expect(log.durable).toBe(2)
  })

  test('committed entries are applied only once they are durable', () => {
    const log = logOf()
    log.append(1, 'EntryNormal', new Uint8Array(0))
    log.commitTo(1)
    expect(log.beginApply(1000)).toEqual([])
    log.beginWrite()
    expect(log.hasCommitted()).toBe(false)
    log.finishWrite()
    expect(log.beginApply(1000)).toHaveLength(1)
  })

  test('a slice holds what fits, and at least one entry', () => {
    const log = logOf()
    for (let at = 0; at < 4; at++) log.append(1, 'EntryNormal', new Uint8Array(10))
    const one = entryBytes(entry(1, 1, 10))
    expect(log.slice(1, 4, 0)).toHaveLength(1)
    expect(log.slice(1, 4, one * 2)).toHaveLength(2)
    expect(log.slice(2, 3, one * 9).map((each) => each.index)).toEqual([2, 3])
  })

  test('refuses to replace a committed entry', () => {
    const log = logOf(1, 1)
    log.commitTo(2)
    expect(() => log.maybeAppend(1, 1, [entry(2, 2)])).toThrow(AssertionError)
    expect(terms(log)).toEqual([1, 1])
  })

  test('refuses gaps, falling terms and marks out of order', () => {
    expect(() => logOf(2, 1)).toThrow(AssertionError)
    const log = logOf(1)
    expect(() => log.maybeAppend(1, 1, [entry(3, 1)])).toThrow(AssertionError)
    expect(() => log.commitTo(9)).toThrow(AssertionError)
    expect(() => log.finishWrite()).toThrow(AssertionError)
    expect(() => logOf(1).compact(1)).toThrow(AssertionError)
  })
})

describe('a log that starts anew behind a snapshot', () => {
  test('is durable, committed and applied up to there, and empty', () => {
    const log = logOf(1, 1, 2)
    log.restore(9, 4)
    const { snapshotIndex, firstIndex, lastIndex, lastTerm } = log
    expect({ snapshotIndex, firstIndex, lastIndex, lastTerm }).toEqual({
      snapshotIndex: 9,
      firstIndex: 10,
      lastIndex: 9,
      lastTerm: 4,
    })
    const { committed, applying, applied, durable } = log
    expect({ committed, applying, applied, durable }).toEqual({
      committed: 9,
      applying: 9,
      applied: 9,
      durable: 9,
    })
    expect(log.term(9)).toBe(4)
    expect(log.term(3)).toBeUndefined()
    expect(log.append(5, 'EntryNormal', new Uint8Array(0))).toBe(10)
  })

  test('may be shorter than before', () => {
    const log = logOf(1, 1, 2, 2)
    log.restore(3, 3)
    expect(log.lastIndex).toBe(3)
    expect(log.term(4)).toBeUndefined()
  })

  test('only between writes, with all that was handed out applied, and never backwards', () => {
    const writing = logOf(1)
    writing.append(1, 'EntryNormal', new Uint8Array(0))
    writing.beginWrite()
    expect(() => writing.restore(9, 1)).toThrow(AssertionError)
    const applying = logOf(1, 1)
    applying.commitTo(1)
    applying.beginApply(100)
    expect(() => applying.restore(9, 1)).toThrow(AssertionError)
    const behind = logOf(1, 1)
    behind.commitTo(2)
    expect(() => behind.restore(2, 1)).toThrow(AssertionError)
  })
})
