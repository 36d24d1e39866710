/**
 * Rebuilds a Raft log from its blocks in sequence order, and knows while it runs which block
 * holds which live entries. The store keeps one for its whole life: what it would rebuild after
 * a crash and what it drops at compaction are decided by the same code. A block is added once it
 * is durable, so compaction never drops what a block in flight is about to replace.
 *
 *   blocks   #1 [1..4]   #2 [5..9]   #3 [7..8]      #3 overwrote 7..9 (Raft §5.3)
 *   log       1  2  3  4  5  6  7' 8'
 *
 * Invariant: live entries are contiguous and start at compacted + 1; terms never go down.
 */

import { EMPTY_HARD_STATE } from '../raft/types.ts'
import type { Entry, HardState } from '../raft/types.ts'
import type { DecodedBlock, LogAnchor, StoredBlock } from './log-block.ts'

/**
 * A block on disk: its place in the chain and the last index it holds, 0 for none. A later block
 * may have overwritten that index: then this one is dropped later than it could be, no more.
 */
interface BlockMark {
  readonly sequence: number
  readonly checksum: number
  readonly lastIndex: number
}

export interface LogSlice {
  readonly from: number
  readonly anchor: LogAnchor
  readonly more: boolean
}

export class LogReplay {
  /** Live blocks in sequence order, from #head on. */
  #blocks: BlockMark[]
  #head: number
  #anchor: LogAnchor
  #nextSequence: number
  #checksum: number
  #compacted: number
  #lastIndex: number
  #hardState: HardState

  constructor(anchor: LogAnchor) {
    this.#blocks = []
    this.#head = 0
    this.#anchor = anchor
    this.#nextSequence = anchor.sequence
    this.#checksum = anchor.previousChecksum
    this.#compacted = anchor.compacted
    this.#lastIndex = anchor.compacted
    this.#hardState = EMPTY_HARD_STATE
  }

  get nextSequence(): number {
    return this.#nextSequence
  }

  /** The newest block's checksum: the next one is seeded with it. */
  get checksum(): number {
    return this.#checksum
  }

  get compacted(): number {
    return this.#compacted
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  get hardState(): HardState {
    return this.#hardState
  }

  /** Where recovery starts once what was dropped is deleted. */
  get anchor(): LogAnchor {
    return this.#anchor
  }

  /** The checksum of a block that is still kept. */
  checksumAt(sequence: number): number | undefined {
    const first = this.#blocks[this.#head]
    if (first === undefined) return undefined
    return this.#blocks[this.#head + sequence - first.sequence]?.checksum
  }

  /** Why `block` cannot follow what came before, or undefined: then it may be added. */
  problemWith(block: DecodedBlock): string | undefined {
    if (block.sequence !== this.#nextSequence) {
      const missing = `group commits ${this.#nextSequence} to ${block.sequence - 1} are missing`
      return `${missing} after index ${this.#lastIndex}`
    }
    if (block.previousChecksum !== this.#checksum) {
      return `group commit ${block.sequence} does not continue the one before, after index ${this.#lastIndex}`
    }
    const first = block.entries[0]
    const start = Math.max(block.compacted, block.reset ? 0 : this.#lastIndex)
    if (first !== undefined && first.index > start + 1) {
      return `entries ${start + 1} to ${first.index - 1} are missing`
    }
    return undefined
  }

  add(block: StoredBlock, checksum: number): void {
    const first = block.entries[0]
    if (block.reset) this.#lastIndex = block.compacted
    if (block.compacted > this.#compacted) this.#compacted = block.compacted
    if (first !== undefined) this.#lastIndex = first.index + block.entries.length - 1
    this.#lastIndex = Math.max(this.#lastIndex, this.#compacted)
    this.#hardState = block.hardState
    this.#checksum = checksum
    this.#nextSequence = block.sequence + 1
    const lastIndex = first === undefined ? 0 : this.#lastIndex
    this.#blocks.push({ sequence: block.sequence, checksum, lastIndex })
  }

  /** Live entries up to `index` are no longer needed. */
  compactTo(index: number): void {
    if (index > this.#compacted) this.#compacted = index
  }

  /**
   * Drops the oldest blocks that hold nothing live, at most `limit`: the sequences [from,
   * anchor.sequence) are to be deleted together with writing `anchor`. `more` says that another
   * slice is due. The newest block always stays: it carries the hard state and the chain.
   */
  dropSlice(limit: number): LogSlice {
    let count = 0
    while (count < limit && this.#isDroppable(this.#head + count)) count++
    const from = this.#anchor.sequence
    this.#anchor = { ...this.#anchor, compacted: this.#compacted }
    this.#forgetBefore(this.#head + count)
    return { from, anchor: this.#anchor, more: this.#isDroppable(this.#head) }
  }

  #isDroppable(position: number): boolean {
    const block = this.#blocks[position]
    const isNewest = position >= this.#blocks.length - 1
    return block !== undefined && !isNewest && block.lastIndex <= this.#compacted
  }

  #forgetBefore(position: number): void {
    const dropped = position > this.#head ? this.#blocks[position - 1] : undefined
    this.#head = position
    if (dropped !== undefined) {
      const { sequence, checksum } = dropped
      const compacted = this.#compacted
      this.#anchor = { sequence: sequence + 1, previousChecksum: checksum, compacted }
    }
    if (this.#head > 1024 && this.#head * 2 > this.#blocks.length) {
      this.#blocks = this.#blocks.slice(this.#head)
      this.#head = 0
    }
  }
}

/** The entries that the blocks leave alive. */
export class EntryReplay {
  #entries: Entry[]

  constructor() {
    this.#entries = []
  }

  add(block: StoredBlock): void {
    if (block.reset) this.#entries = []
    const first = block.entries[0]
    if (first === undefined) return
    const base = this.#entries[0]?.index ?? first.index
    if (first.index <= base) this.#entries = []
    else if (first.index - base < this.#entries.length) this.#entries.length = first.index - base
    else if (first.index - base > this.#entries.length) this.#entries = []
    for (const entry of block.entries) this.#entries.push(entry)
  }

  /** Those above `compacted`. */
  live(compacted: number): readonly Entry[] {
    const first = this.#entries[0]
    if (first === undefined || first.index > compacted) return this.#entries
    return this.#entries.slice(compacted + 1 - first.index)
  }
}
