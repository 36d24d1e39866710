/**
 * The one history that all members must agree on: every entry that was ever committed anywhere,
 * and the state machine after it. It is computed here, from the entries alone.
 */

import type { ConfState, Entry, MemberId } from '../../../src/raft/types.ts'
import type { Census } from './census.ts'
import { isJoint, isVoterOf } from './conf-changes.ts'
import { EMPTY_STATE, nextState, text, type StateImage } from './member.ts'
import { fail, shown } from './violation.ts'

export class History {
  readonly #census: Census
  readonly #removalsAreForGood: boolean
  /** By index, which is 0 for none. */
  readonly #entries: (Entry | undefined)[] = [undefined]
  /** The term of the leader that committed it. */
  readonly #terms: number[] = [0]
  readonly #states: StateImage[] = [EMPTY_STATE]
  readonly #payloads = new Set<string>()
  readonly #confTexts = new WeakMap<ConfState, string>()
  /** The last entry that changed the configuration. */
  confIndex = 0

  constructor(census: Census, removalsAreForGood: boolean) {
    this.#census = census
    this.#removalsAreForGood = removalsAreForGood
  }

  get lastIndex(): number {
    return this.#entries.length - 1
  }

  get lastState(): StateImage {
    return this.#states.at(-1) as StateImage
  }

  get confState(): ConfState {
    return this.lastState.confState
  }

  entry(index: number): Entry | undefined {
    return this.#entries[index]
  }

  /** The term of the leader that committed the entry; not less than the entry's own. */
  committedIn(index: number): number {
    return this.#terms[index] ?? 0
  }

  state(index: number): StateImage | undefined {
    return this.#states[index]
  }

  hasConfChange(from: number, to: number): boolean {
    const entries = this.#entries.slice(from, to + 1)
    return entries.some((entry) => entry?.type === 'EntryConfChange')
  }

  isCommitted(payload: string): boolean {
    return this.#payloads.has(payload)
  }

  /** `leader` is the one whose entry it is, if anybody's. */
  extend(entry: Entry, committedIn: number, leader: MemberId): void {
    const before = this.lastState
    const { state, change } = nextState(before, entry, this.#removalsAreForGood)
    if (change !== undefined) {
      this.#countChange(before.confState, state.confState, change.steps.length === 0, leader)
      this.confIndex = entry.index
    } else if (entry.type === 'EntryConfChange') {
      if (entry.data.length === 0) fail('left no joint configuration', shown(entry))
      this.#census.count('membership change without effect')
    } else if (entry.data.length > 0) {
      const payload = text(entry.data)
      if (this.#payloads.has(payload)) fail('a proposal was committed twice', shown(entry))
      this.#payloads.add(payload)
    }
    this.#entries.push(entry)
    this.#terms.push(committedIn)
    this.#states.push(state)
  }

  #countChange(before: ConfState, after: ConfState, leaves: boolean, leader: MemberId): void {
    const census = this.#census
    if (leaves) census.count(before.autoLeave ? 'joint left by itself' : 'joint left explicitly')
    else if (isJoint(after)) census.count('joint entered')
    else census.count('simple change')
    if (isVoterOf(before, leader) && !isVoterOf(after, leader)) census.count('leader removed')
    const promoted = before.learners.some((id) => after.voters.includes(id))
    if (promoted) census.count('learner promoted')
    if (before.voters.some((id) => after.learners.includes(id))) census.count('voter demoted')
    if (after.learnersNext.length > 0) census.count('voter demoted in a joint configuration')
  }

  /** State machine safety: the same entries make the same state, and the same configuration. */
  checkState(id: MemberId, state: StateImage): void {
    const { index, hash, confState } = state
    const expected = this.#states[index]
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
}

function confText(state: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = state
  const lists = [voters, votersOutgoing, learners, learnersNext]
  return JSON.stringify([...lists.map((ids) => [...ids].sort()), autoLeave])
}
