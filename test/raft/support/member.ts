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
} from '../../../src/raft/types.ts'
import { EMPTY_HARD_STATE } from '../../../src/raft/types.ts'

export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

export const EMPTY_CONF_STATE: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
}

export function confStateOf(voters: readonly MemberId[]): ConfState {
  return { ...EMPTY_CONF_STATE, voters: [...voters].sort() }
}

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

export function encodeConfChange(change: ConfChange): Uint8Array {
  return bytes(`${change.type} ${change.id}`)
}

export function decodeConfChange(data: Uint8Array): ConfChange {
  const [type, id] = text(data).split(' ') as [ConfChange['type'], MemberId]
  return { type, id }
}

export type Options = Partial<Omit<RaftConfig, 'id' | 'initial' | 'logger'>>

export class Disk {
  hardState: HardState = EMPTY_HARD_STATE
  snapshotIndex = 0
  snapshotTerm = 0
  entries: Entry[] = []
  /** The durable checkpoint: what is applied, and the configuration as of then. */
  applied = 0
  confState = EMPTY_CONF_STATE

  get lastIndex(): number {
    return this.snapshotIndex + this.entries.length
  }

  entry(index: number): Entry | undefined {
    return this.entries[index - this.snapshotIndex - 1]
  }

  write(append: Append): void {
    const first = append.entries[0]
    if (first !== undefined) this.entries.length = first.index - this.snapshotIndex - 1
    this.entries.push(...append.entries)
    if (append.hardState !== undefined) this.hardState = append.hardState
  }

  /** As etcd's bootstrap does: one membership entry per voter, committed at term 1. */
  bootstrap(voters: readonly MemberId[]): void {
    const entries = [...voters].sort().map((id, at): Entry => {
      const data = encodeConfChange({ type: 'add', id })
      return { index: at + 1, term: 1, type: 'EntryConfChange', data }
    })
    this.write({ entries, hardState: { term: 1, vote: '', commit: voters.length } })
  }
}

export class Member {
  readonly id: MemberId
  readonly disk: Disk
  readonly #options: Options
  raw: RawNode
  /** Given out and not synced yet. */
  writing: Append | undefined
  /** The state machine: entries applied since the start of the process. */
  applied: Entry[] = []
  confState: ConfState

  constructor(id: MemberId, disk: Disk, options: Options = {}) {
    this.id = id
    this.disk = disk
    this.#options = options
    this.raw = this.#start()
    this.confState = disk.confState
  }

  #start(): RawNode {
    const { hardState, confState, snapshotIndex, snapshotTerm, entries, applied } = this.disk
    return new RawNode({
      id: this.id,
      electionTicks: 10,
      heartbeatTicks: 1,
      preVote: false,
      checkQuorum: false,
      maxBytesPerMessage: 1 << 20,
      maxInflightMessages: 256,
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

  /** Takes a Ready and applies what it commits. Its append stays in flight. */
  takeReady(): Ready {
    const ready = this.raw.ready()
    if (ready.append !== undefined) this.writing = ready.append
    for (const entry of ready.committedEntries) this.#apply(entry)
    return ready
  }

  #apply(entry: Entry): void {
    this.applied.push(entry)
    if (entry.type === 'EntryConfChange') {
      this.confState = this.raw.applyConfChange(decodeConfChange(entry.data))
    }
    this.raw.applied(entry.index)
  }

  finishAppend(): void {
    if (this.writing === undefined) throw new Error(`${this.id}: no append in flight`)
    this.disk.write(this.writing)
    this.writing = undefined
    this.raw.appended()
  }

  /** Saves the state machine durably and forgets the log behind it, but for `keep` entries. */
  checkpoint(keep = 0): void {
    const { applied } = this.raw.status()
    this.disk.applied = applied
    this.disk.confState = this.confState
    const index = Math.min(applied - keep, this.disk.lastIndex)
    if (index <= this.disk.snapshotIndex) return
    this.disk.snapshotTerm = this.disk.entry(index)?.term as number
    this.disk.entries = this.disk.entries.slice(index - this.disk.snapshotIndex)
    this.disk.snapshotIndex = index
    this.raw.compactLog(index)
  }

  /** `synced`: the write in flight reached the disk, although nobody was told. */
  restart(synced = false): void {
    if (synced && this.writing !== undefined) this.disk.write(this.writing)
    this.writing = undefined
    this.applied = []
    this.confState = this.disk.confState
    this.raw = this.#start()
  }
}
