/** What the Raft log of one member holds for good, read from its blocks as they become durable. */

import { EMPTY_HARD_STATE } from '../../src/raft/types.ts'
import type { Entry, HardState } from '../../src/raft/types.ts'
import { decodeAnchor, decodeBlock, type StoredBlock } from '../../src/storage/log-block.ts'

export const ANCHOR_KEY = '\u0000'

export class DurableLog {
  #hardState: HardState = EMPTY_HARD_STATE
  #entries: Entry[] = []
  #compacted = 0

  get state(): {
    readonly hardState: HardState
    /** The first is `compacted` + 1. */
    readonly entries: readonly Entry[]
    readonly compacted: number
  } {
    return { hardState: this.#hardState, entries: this.#entries, compacted: this.#compacted }
  }

  /** As a start finds it. */
  load(records: ReadonlyMap<string, Buffer>): void {
    const anchor = decodeAnchor(records.get(ANCHOR_KEY) ?? Buffer.alloc(0))
    this.#hardState = EMPTY_HARD_STATE
    this.#entries = []
    this.#compacted = anchor?.compacted ?? 0
    for (const key of [...records.keys()].sort()) {
      if (key === ANCHOR_KEY || sequenceOf(key) < (anchor?.sequence ?? 0)) continue
      this.add(records.get(key)!)
    }
  }

  /** A block is durable. */
  add(bytes: Buffer): void {
    const block = decodeBlock(bytes)
    if (typeof block !== 'string') this.#add(block)
  }

  #add({ hardState, entries, compacted, reset }: StoredBlock): void {
    this.#hardState = hardState
    if (reset) this.#entries = []
    if (compacted > this.#compacted) {
      this.#entries.splice(0, compacted - this.#compacted)
      this.#compacted = compacted
    }
    for (const entry of entries) {
      const at = entry.index - this.#compacted - 1
      if (at < 0) continue
      if (at < this.#entries.length) this.#entries.length = at
      this.#entries.push(entry)
    }
  }
}

export function sequenceOf(blockKey: string): number {
  return Number(Buffer.from(blockKey, 'latin1').readBigUInt64BE(1))
}
