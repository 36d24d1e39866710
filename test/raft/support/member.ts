/**
 * A Raft member with a disk and a state machine in memory. It crashes the way a machine does:
 * what was not synced is gone.
 */

import type { Logger, Random } from '../../../src/base/ports.ts'
import { RawNode } from '../../../src/raft/raw-node.ts'
import type {
  Append,
  ConfChange,
  ConfState,
  Entry,
  HardState,
  MemberId,
  RaftConfig,
  Ready,
  SnapshotMetadata,
} from '../../../src/raft/types.ts'
import { EMPTY_HARD_STATE } from '../../../src/raft/types.ts'
import {
  changed,
  decodeConfChange,
  EMPTY_CONF_STATE,
  encodeConfChange,
  membersOf,
} from './conf-changes.ts'
import { simpleChange } from './conf-changes.ts'

export {
  confStateOf,
  decodeConfChange,
  EMPTY_CONF_STATE,
  encodeConfChange,
} from './conf-changes.ts'
export { simpleChange } from './conf-changes.ts'

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Always the shortest election timeout. */
export const NO_JITTER: Random = { below: () => 0 }

/** mulberry32: small, seeded, good enough for jitter. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return {
    below(bound) {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound)
    },
  }
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}

export function text(data: Uint8Array): string {
  return Buffer.from(data).toString('latin1')
}

export type Options = Partial<Omit<RaftConfig, 'id' | 'initial' | 'logger'>>

/** A whole state machine: where it is, and a hash of everything that was ever applied. */
export interface StateImage extends SnapshotMetadata {
  readonly hash: number
  /** Members that are not to come back, when removals are for good. */
  readonly removed: readonly MemberId[]
}

export const EMPTY_STATE: StateImage = {
  index: 0,
  term: 0,
  confState: EMPTY_CONF_STATE,
  hash: 0,
  removed: [],
}

/** The state after one entry more. A change that may not take effect leaves no `change`. */
export function nextState(
  state: StateImage,
  entry: Entry,
  removalsAreForGood: boolean,
): { readonly state: StateImage; readonly change: ConfChange | undefined } {
  const { index, term } = entry
  const next = { ...state, index, term, hash: nextHash(state.hash, entry) }
  if (entry.type !== 'EntryConfChange') return { state: next, change: undefined }
  const change = decodeConfChange(entry.data)
  const confState = changed(state.confState, change)
  const comesBack = change.steps.some(
    ({ type, id }) => type !== 'remove' && state.removed.includes(id),
  )
  if (confState === undefined || comesBack) return { state: next, change: undefined }
  const now = membersOf(confState)
  const gone = removalsAreForGood
    ? membersOf(state.confState).filter((id) => !now.includes(id))
    : []
  return { state: { ...next, confState, removed: [...state.removed, ...gone] }, change }
}

function nextHash(hash: number, entry: Entry): number {
  let mixed = Math.imul(hash ^ entry.index, 0x01000193) ^ Math.imul(entry.term, 0x9e3779b1)
  for (const byte of entry.data) mixed = Math.imul(mixed ^ byte, 0x01000193)
  return mixed | 0
}

/** What is synced: the log with its hard state, and a checkpoint of the state machine. */
export class Disk {
  hardState: HardState = EMPTY_HARD_STATE
  /** The entry before the first of `entries`. */
  snapshotIndex = 0
  snapshotTerm = 0
  entries: Entry[] = []
  checkpoint: StateImage = EMPTY_STATE
  /** The checkpoint came from another member, and the log may not have reached it yet. */
  installed = false

  get lastIndex(): number {
    return this.snapshotIndex + this.entries.length
  }

  get lastTerm(): number {
    return this.entries.at(-1)?.term ?? this.snapshotTerm
  }

  get applied(): number {
    return this.checkpoint.index
  }

  get confState(): ConfState {
    return this.checkpoint.confState
  }

  /** Lets a test begin with a configuration that no entry made. */
  set confState(confState: ConfState) {
    this.checkpoint = { ...this.checkpoint, confState }
  }

  entry(index: number): Entry | undefined {
    return this.entries[index - this.snapshotIndex - 1]
  }

  term(index: number): number | undefined {
    return index === this.snapshotIndex ? this.snapshotTerm : this.entry(index)?.term
  }

  write(append: Append): void {
    const first = append.entries[0]
    if (first !== undefined) {
      if (first.index <= this.snapshotIndex || first.index > this.lastIndex + 1) {
        throw new Error(`an append at ${first.index} does not fit a log to ${this.lastIndex}`)
      }
      this.entries.length = first.index - this.snapshotIndex - 1
    }
    this.entries.push(...append.entries)
    if (append.hardState !== undefined) this.hardState = append.hardState
  }

  /** Forgets the entries <= index; they must be behind the checkpoint. */
  compact(index: number): void {
    if (index <= this.snapshotIndex) return
    this.snapshotTerm = this.term(index) as number
    this.entries = this.entries.slice(index - this.snapshotIndex)
    this.snapshotIndex = index
  }

  /** Puts another member's state in place of this one's. The log does not follow by itself. */
  install(image: StateImage): void {
    this.checkpoint = image
    this.installed = true
  }

  /** The log goes on behind the checkpoint; all that was in it is forgotten. */
  resetLog(): void {
    this.entries = []
    this.snapshotIndex = this.checkpoint.index
    this.snapshotTerm = this.checkpoint.term
  }

  /** What a start does first: finishes an install that a crash cut short. */
  recover(): void {
    const { index, term } = this.checkpoint
    if (this.installed && this.term(index) !== term) this.resetLog()
  }

  /** As etcd's bootstrap does: one membership entry per member, committed at term 1. */
  bootstrap(voters: readonly MemberId[], learners: readonly MemberId[] = []): void {
    const changes = [
      ...[...voters].sort().map((id) => simpleChange('add-voter', id)),
      ...[...learners].sort().map((id) => simpleChange('add-learner', id)),
    ]
    const entries = changes.map((change, at): Entry => {
      const data = encodeConfChange(change)
      return { index: at + 1, term: 1, type: 'EntryConfChange', data }
    })
    this.write({ entries, hardState: { term: 1, vote: '', commit: entries.length } })
  }
}

export class Member {
  readonly id: MemberId
  readonly disk: Disk
  readonly #options: Options
  raw: RawNode
  /** Given out and not synced yet. */
  writing: Append | undefined
  /** A state that is to take the place of this one's, as Ready.snapshot said. */
  installing: SnapshotMetadata | undefined
  /** States of other members that have come in whole, by place(). */
  readonly staged = new Map<string, StateImage>()
  /** Entries applied since the start of the process or the last install. */
  applied: Entry[] = []
  /** The state machine. */
  state: StateImage
  removalsAreForGood = false

  constructor(id: MemberId, disk: Disk, options: Options = {}) {
    this.id = id
    this.disk = disk
    this.#options = options
    this.raw = this.#start()
    this.state = disk.checkpoint
  }

  get confState(): ConfState {
    return this.state.confState
  }

  #start(): RawNode {
    this.disk.recover()
    const { hardState, confState, snapshotIndex, snapshotTerm, entries, applied } = this.disk
    return new RawNode({
      id: this.id,
      electionTicks: 10,
      heartbeatTicks: 1,
      preVote: false,
      checkQuorum: false,
      maxBytesPerMessage: 1 << 20,
      maxInflightMessages: 256,
      maxInflightBytes: 1 << 30,
      maxUncommittedBytes: 1 << 30,
      random: NO_JITTER,
      ...this.#options,
      logger: SILENT,
      initial: {
        hardState,
        confState,
        snapshotIndex,
        snapshotTerm,
        applied,
        entries: [...entries],
      },
    })
  }

  /** Takes a Ready and applies what it commits. Its append, or its install, is then in flight. */
  takeReady(): Ready {
    const ready = this.takeReadyUnapplied()
    for (const entry of ready.committedEntries) this.apply(entry)
    return ready
  }

  /** The same, but each committed entry is to be given to apply(), now or later. */
  takeReadyUnapplied(): Ready {
    const ready = this.raw.ready()
    if (ready.append !== undefined) this.writing = ready.append
    if (ready.snapshot !== undefined) this.installing = ready.snapshot
    return ready
  }

  /** A membership change that may not take effect is an entry without effect. */
  apply(entry: Entry): void {
    this.applied.push(entry)
    const { state, change } = nextState(this.state, entry, this.removalsAreForGood)
    if (change === undefined) this.state = state
    else this.state = { ...state, confState: this.raw.applyConfChange(change) }
    this.raw.applied(entry.index)
  }

  finishAppend(): void {
    if (this.writing === undefined) throw new Error(`${this.id}: no append in flight`)
    this.disk.write(this.writing)
    this.writing = undefined
    this.raw.appended()
  }

  /** Another member's state has come in whole; what becomes of it is Raft's to say. */
  stage(image: StateImage): void {
    this.staged.set(place(image), image)
  }

  /** The point of no return of an install. A crash right after it leaves the old log behind. */
  switchState(): void {
    if (this.installing === undefined) throw new Error(`${this.id}: nothing to install`)
    const image = this.staged.get(place(this.installing))
    if (image === undefined) throw new Error(`${this.id}: that state is not here`)
    this.disk.install(image)
  }

  /** All of an install, from wherever it is. */
  finishInstall(): void {
    this.switchState()
    this.disk.resetLog()
    this.finishInstalled()
  }

  /** The state is in place and the log begins behind it: Raft may go on. */
  finishInstalled(): void {
    this.installing = undefined
    this.staged.clear()
    this.state = this.disk.checkpoint
    this.applied = []
    this.raw.snapshotInstalled()
  }

  /** Saves the state machine durably and forgets the log behind it, but for `keep` entries. */
  checkpoint(keep = 0): void {
    if (this.installing !== undefined) return
    this.disk.checkpoint = this.state
    this.disk.installed = false
    const index = Math.min(this.state.index - keep, this.disk.lastIndex)
    this.disk.compact(index)
    this.raw.compactLog(index)
  }

  /** `synced`: the write in flight reached the disk, although nobody was told. */
  crash(synced = false): void {
    if (synced && this.writing !== undefined) this.disk.write(this.writing)
    this.writing = undefined
    this.installing = undefined
    this.staged.clear()
    this.applied = []
  }

  restart(synced = false): void {
    this.crash(synced)
    this.raw = this.#start()
    this.state = this.disk.checkpoint
  }
}

/** Names a state by the entry that it ends with. */
export function place(state: { readonly index: number; readonly term: number }): string {
  return `${state.index}/${state.term}`
}
