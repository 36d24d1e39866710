/**
 * The Raft log in memory, with a disk that outlives it: what tests and the simulator run on. It
 * keeps what the LevelDB store keeps after a crash: every append that resolved; the one in flight
 * or not, as the caller of crash() decides; a compaction that no later append followed, or not.
 */

import { assert } from '../base/assert.ts'
import { EMPTY_HARD_STATE } from '../raft/types.ts'
import type { Entry, HardState } from '../raft/types.ts'
import type { LogBlock, RaftLogStore, RecoveredLog } from './ports.ts'

/** Runs `finish` when the simulated disk is done with a write. */
export type DiskSchedule = (finish: () => void) => void

interface LogState {
  readonly hardState: HardState
  readonly entries: readonly Entry[]
  readonly compacted: number
}

export interface LogCrash {
  /** The append in flight reached the disk although nobody was told. */
  readonly keepInFlight?: boolean
  /** Deletes that no synced write followed are lost: the log is longer than it was. */
  readonly loseCompaction?: boolean
}

export class MemoryLogDisk {
  /** What the file system would give back. */
  #state: LogState
  /** Before the compactions that no append has made durable. */
  #uncompacted: LogState
  #inFlight: LogState | undefined
  /** Grows with each crash: a store of an earlier epoch is dead. */
  #epoch: number

  constructor() {
    this.#state = { hardState: EMPTY_HARD_STATE, entries: [], compacted: 0 }
    this.#uncompacted = this.#state
    this.#inFlight = undefined
    this.#epoch = 0
  }

  get state(): LogState {
    return this.#state
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Power is cut: the store on this disk stops, and only durable state remains. */
  crash({ keepInFlight = false, loseCompaction = false }: LogCrash = {}): void {
    if (keepInFlight && this.#inFlight !== undefined) this.finish()
    else if (loseCompaction) this.#state = this.#uncompacted
    this.#inFlight = undefined
    this.#epoch++
  }

  begin(state: LogState): void {
    assert(this.#inFlight === undefined, 'one append to the raft log at a time')
    this.#inFlight = state
  }

  /** The write in flight is durable, and with it the compactions before. */
  finish(): void {
    assert(this.#inFlight !== undefined, 'an append is in flight')
    const compacted = Math.max(this.#state.compacted, this.#inFlight.compacted)
    this.#state = above(this.#inFlight, compacted)
    this.#uncompacted = this.#state
    this.#inFlight = undefined
  }

  compact(index: number): void {
    if (index > this.#state.compacted) this.#state = above(this.#state, index)
  }
}

function above(state: LogState, compacted: number): LogState {
  const entries = state.entries.filter((entry) => entry.index > compacted)
  return { ...state, entries, compacted }
}

export class MemoryRaftLogStore implements RaftLogStore {
  readonly #disk: MemoryLogDisk
  readonly #schedule: DiskSchedule
  readonly #epoch: number

  constructor(disk: MemoryLogDisk, schedule: DiskSchedule = queueMicrotask) {
    this.#disk = disk
    this.#schedule = schedule
    this.#epoch = disk.epoch
  }

  append(block: LogBlock): Promise<void> {
    const { state } = this.#disk
    const first = block.entries[0]
    const hardState = block.hardState ?? state.hardState
    if (first === undefined) return this.#write({ ...state, hardState })
    const last = lastIndexOf(state)
    const continues = first.index > state.compacted && first.index <= last + 1
    assert(continues, 'entries continue the log', { first: first.index, last })
    const kept = state.entries.slice(0, first.index - state.compacted - 1)
    return this.#write({ ...state, hardState, entries: [...kept, ...block.entries] })
  }

  async compact(index: number): Promise<void> {
    const last = lastIndexOf(this.#disk.state)
    assert(index <= last, 'a log is compacted up to its last index', { index, last })
    if (this.#disk.epoch === this.#epoch) this.#disk.compact(index)
  }

  reset(index: number): Promise<void> {
    const { state } = this.#disk
    assert(index >= state.compacted, 'a log is not reset below its compacted index')
    return this.#write({ ...state, entries: [], compacted: index })
  }

  async close(): Promise<void> {
    return undefined
  }

  #write(state: LogState): Promise<void> {
    if (this.#disk.epoch !== this.#epoch) return new Promise<never>(() => undefined)
    this.#disk.begin(state)
    return new Promise((resolve) => {
      this.#schedule(() => {
        if (this.#disk.epoch !== this.#epoch) return
        this.#disk.finish()
        resolve()
      })
    })
  }
}

export function openMemoryRaftLogStore(
  disk: MemoryLogDisk,
  schedule?: DiskSchedule,
): { readonly store: RaftLogStore; readonly recovered: RecoveredLog } {
  const { hardState, entries, compacted } = disk.state
  const bytes = entries.reduce((sum, entry) => sum + entry.data.length, 0)
  const recovered = { hardState, entries, compacted, bytes }
  return { store: new MemoryRaftLogStore(disk, schedule), recovered }
}

function lastIndexOf(state: LogState): number {
  return state.compacted + state.entries.length
}
