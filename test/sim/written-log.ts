/**
 * What each member has written to its log to the end, to be there at its next start. Promises.ts
 * looks at the disks themselves; this is about what a start makes of them.
 */

import type { Entry, HardState, MemberId } from '../../src/raft/types.ts'
import type { LogBlock, RaftLogStore, RecoveredLog } from '../../src/storage/ports.ts'

interface WrittenLog {
  hardState: HardState
  entries: Entry[]
  compacted: number
  /** A reset of the log that has begun and not ended, to behind this index. */
  resetting: number | undefined
  /** From here on an append that has begun and not ended replaces the log. */
  replacing: number | undefined
}

export class WrittenLogs {
  readonly #logs = new Map<MemberId, WrittenLog>()

  /** A life begins. Returns what its log lacks, and follows what it writes there from now on. */
  onStart(id: MemberId, store: RaftLogStore, recovered: RecoveredLog): string | undefined {
    const before = this.#logs.get(id)
    const { hardState, entries, compacted } = recovered
    const log = {
      hardState,
      entries: [...entries],
      compacted,
      resetting: undefined,
      replacing: undefined,
    }
    this.#logs.set(id, log)
    follow(store, log)
    return before === undefined ? undefined : missingFrom(recovered, before)
  }
}

/** Has what is written to the end become part of `log`. */
function follow(store: RaftLogStore, log: WrittenLog): void {
  const append = store.append.bind(store)
  const compact = store.compact.bind(store)
  const reset = store.reset.bind(store)
  store.append = async (block) => {
    log.replacing = block.entries[0]?.index
    await append(block)
    log.replacing = undefined
    onAppended(log, block)
  }
  store.compact = async (index) => {
    await compact(index)
    log.entries = log.entries.filter((entry) => entry.index > index)
    log.compacted = Math.max(log.compacted, index)
  }
  store.reset = async (index) => {
    log.resetting = index
    await reset(index)
    Object.assign(log, { entries: [], compacted: index, resetting: undefined })
  }
}

function onAppended(log: WrittenLog, { entries, hardState }: LogBlock): void {
  if (hardState !== undefined) log.hardState = hardState
  const first = entries[0]
  if (first === undefined) return
  // A compaction may have ended while the append was on its way.
  log.entries.length = Math.min(log.entries.length, Math.max(0, first.index - log.compacted - 1))
  for (const entry of entries) if (entry.index > log.compacted) log.entries.push(entry)
}

/** More than was written to the end may be there: the append that was on its way in the crash. */
function missingFrom(found: RecoveredLog, log: WrittenLog): string | undefined {
  const { term, vote } = log.hardState
  if (found.hardState.term < term) return `term ${term}`
  if (found.hardState.term === term && vote !== '' && found.hardState.vote !== vote) {
    return `its vote of term ${term}`
  }
  if (found.compacted === log.resetting) return undefined
  for (const { index, term: written } of log.entries) {
    if (index <= found.compacted) continue
    const there = found.entries[index - found.compacted - 1]
    // The entries of a later leader may be of older terms.
    if (log.replacing !== undefined && index >= log.replacing) return undefined
    if (there === undefined || there.term < written) return `entry ${index} of term ${written}`
    // A later leader has replaced it, and all behind it.
    if (there.term > written) return undefined
  }
  return undefined
}
