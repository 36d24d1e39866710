/**
 * Each invariant is seen to fail: a member hands out what a correct one never does. What the mutants
 * trip (mutants/) is not here again.
 */

import { describe, expect, test } from 'vitest'
import type { RawNode } from '../../src/raft/raw-node.ts'
import type { Entry, Message, Ready } from '../../src/raft/types.ts'
import { EMPTY_HARD_STATE } from '../../src/raft/types.ts'
import type { RaftLogStore } from '../../src/storage/ports.ts'
import { Census } from './census.ts'
import { DurableLog } from './durable-log.ts'
import { Invariants } from './invariants.ts'
import { Owner, World } from './world.ts'

const NOTHING: Ready = {
  messages: [],
  committedEntries: [],
  readStates: [],
  refusedProposals: [],
  snapshotsDue: [],
}

const entry = (index: number, term: number, data = ''): Entry => ({
  index,
  term,
  type: 'EntryNormal',
  data: Buffer.from(data),
})

class Bench {
  readonly kinds: string[] = []
  readonly invariants: Invariants
  readonly #world = new World(1)
  #lives = 0

  constructor() {
    const report = (kind: string): void => void this.kinds.push(kind)
    this.invariants = new Invariants(this.#world, new Census(), report, () => false)
  }

  /** A life of the member `id` that hands out what it is given. */
  member(id: string, log: readonly Entry[] = []): Puppet {
    const puppet = new Puppet(id, log)
    const owner = new Owner(this.#world, `${id}#${++this.#lives}`, 1)
    this.invariants.watch(puppet as unknown as RawNode, owner, new DurableLog())
    return puppet
  }
}

class Puppet {
  readonly id: string
  term = 1
  committed = 0
  next: Partial<Ready> = {}
  readonly #log: readonly Entry[]

  constructor(id: string, log: readonly Entry[]) {
    this.id = id
    this.#log = log
  }

  ready(): Ready {
    return { ...NOTHING, ...this.next }
  }

  readIndex(): object {
    return { ok: true }
  }

  step(): void {}

  entry(index: number): Entry | undefined {
    return this.#log[index - 1]
  }

  status(): object {
    const lastIndex = this.#log.length
    const { id, term, committed: commit } = this
    const voters = ['a', 'b', 'c']
    return {
      id,
      term,
      commit,
      firstIndex: 1,
      lastIndex,
      applied: commit,
      voters,
      votersOutgoing: [],
    }
  }

  hands(next: Partial<Ready>, term = this.term): void {
    this.term = term
    this.next = next
    this.ready()
  }
}

const vote = (from: string, to: string, term: number): Message => ({
  ...{ type: 'MsgVoteResp', from, to, term, reject: false, commit: 0, commitTerm: 0 },
  type: 'MsgVoteResp',
})

const leads = { softState: { role: 'leader', leader: 'a' } } as const

describe('it is reported that', () => {
  test('two members lead in one term', () => {
    const bench = new Bench()
    bench.member('a').hands(leads, 2)
    bench.member('b').hands(leads, 2)
    expect(bench.kinds).toContain('two-leaders')
  })

  test('a minority has elected a leader', () => {
    const bench = new Bench()
    bench.member('b').hands({ messages: [vote('b', 'a', 2)] }, 2)
    bench.member('a').hands(leads, 2)
    expect(bench.kinds).not.toContain('leader-by-minority')
    bench.member('c').hands(leads, 3)
    expect(bench.kinds).toContain('leader-by-minority')
  })

  test('who is no voter leads', () => {
    const bench = new Bench()
    bench.member('d').hands(leads, 2)
    expect(bench.kinds).toContain('leader-without-vote')
  })

  test('a leader lacks what was committed', () => {
    const bench = new Bench()
    bench.member('a').hands({ committedEntries: [entry(1, 1)] })
    bench.member('b', [entry(1, 2)]).hands(leads, 3)
    expect(bench.kinds).toContain('leader-incomplete')
  })

  test('a member votes for two, in two lives', () => {
    const bench = new Bench()
    bench.member('a').hands({ messages: [vote('a', 'b', 2)] }, 2)
    bench.member('a').hands({ messages: [vote('a', 'c', 2)] }, 2)
    expect(bench.kinds).toContain('voted-twice')
  })

  test('a member forgets a term that it acted in', () => {
    const bench = new Bench()
    bench.member('a').hands({ messages: [vote('a', 'b', 5)] }, 5)
    bench.member('a').hands({}, 4)
    expect(bench.kinds).toContain('term-went-back')
  })

  test('what is committed goes back', () => {
    const bench = new Bench()
    const member = bench.member('a', [entry(1, 1), entry(2, 1)])
    member.committed = 2
    member.hands({})
    member.committed = 1
    member.hands({})
    expect(bench.kinds).toContain('commit-went-back')
  })

  test('entries of equal index and term differ, or follow different ones', () => {
    const differing = new Bench()
    differing.member('a').hands({ append: { entries: [entry(1, 1, 'x')] } })
    differing.member('b').hands({ append: { entries: [entry(1, 1, 'y')] } })
    expect(differing.kinds).toEqual(['log-mismatch'])
    const following = new Bench()
    following.member('a', [entry(1, 1)]).hands({ append: { entries: [entry(2, 3)] } })
    following.member('b', [entry(1, 2)]).hands({ append: { entries: [entry(2, 3)] } })
    expect(following.kinds).toEqual(['log-mismatch'])
  })

  test('a committed entry differs', () => {
    const bench = new Bench()
    bench.member('a').hands({ committedEntries: [entry(1, 1)] })
    bench.member('b').hands({ committedEntries: [entry(1, 2)] })
    expect(bench.kinds).toContain('committed-differs')
  })

  test('a start lacks what was written to the end', async () => {
    const bench = new Bench()
    const store = {
      append: async () => undefined,
      compact: async () => undefined,
      reset: async () => undefined,
    } as unknown as RaftLogStore
    const empty = { hardState: EMPTY_HARD_STATE, entries: [], compacted: 0, bytes: 0 }
    const { promises } = bench.invariants
    promises.onStart('a', 'a#1', store, empty)
    await store.append({ entries: [entry(1, 1)], hardState: { term: 1, vote: 'b', commit: 0 } })
    const hardState = { term: 1, vote: 'b', commit: 0 }
    promises.onStart('a', 'a#2', { ...store }, { ...empty, hardState, entries: [entry(1, 1)] })
    expect(bench.kinds).toEqual([])
    promises.onStart('a', 'a#3', { ...store }, { ...empty, hardState })
    expect(bench.kinds).toEqual(['log-forgotten'])
  })
})
