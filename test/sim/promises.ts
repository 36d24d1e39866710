/**
 * What members tell each other rests on their disks. A vote, an accepted entry and a term are on
 * the disk of who speaks of them before the message leaves; what is committed is on the disks of a
 * majority of voters; what is applied is on the disk of who applies it; a vote that was written
 * stays as long as its term does. And a read is never answered below what was committed, anywhere,
 * when it was asked for.
 */

import type { RawNode } from '../../src/raft/raw-node.ts'
import type { Entry, HardState, MemberId, Message, Ready } from '../../src/raft/types.ts'
import type { RaftLogStore, RecoveredLog } from '../../src/storage/ports.ts'
import type { DurableLog } from './durable-log.ts'
import { WrittenLogs } from './written-log.ts'

export type Report = (kind: string, sentence: string) => void

export class Promises {
  readonly #report: Report
  readonly #written = new WrittenLogs()
  readonly #disks = new Map<MemberId, DurableLog>()
  /** Their disks have been damaged: they no longer hold what they once did. */
  readonly #damaged = new Set<MemberId>()
  /** What each member has last begun to write. */
  readonly #hardStates = new Map<MemberId, HardState>()
  #committed = 0

  constructor(report: Report) {
    this.#report = report
  }

  /** A life has opened its log. */
  onStart(id: MemberId, name: string, store: RaftLogStore, recovered: RecoveredLog): void {
    const missing = this.#written.onStart(id, store, recovered)
    if (missing === undefined || this.#damaged.has(id)) return
    this.#report('log-forgotten', `${name} starts without ${missing}, which it had written`)
  }

  onLife(id: MemberId, disk: DurableLog): void {
    this.#disks.set(id, disk)
    this.#hardStates.set(id, disk.state.hardState)
  }

  /** From now on it is not counted on. */
  onDamage(id: MemberId): void {
    this.#damaged.add(id)
  }

  onReady(raw: RawNode, name: string, ready: Ready): void {
    const disk = this.#disks.get(raw.id)
    if (disk === undefined || this.#damaged.has(raw.id)) return
    for (const message of ready.messages) {
      const missing = notOnDisk(message, disk)
      if (missing === undefined) continue
      const { type, to, term } = message
      this.#report(
        'promised-too-early',
        `${name} sends ${type} of term ${term} to ${to}, and ${missing} is not on its disk`,
      )
    }
    const last = ready.committedEntries.at(-1)
    if (last !== undefined && !holds(disk, last)) {
      this.#report('applied-too-early', `${name} applies entry ${last.index} before it is durable`)
    }
    if (ready.append?.hardState !== undefined)
      this.#onHardState(raw.id, name, ready.append.hardState)
    if (raw.committed > this.#committed) this.#onCommit(raw, name)
  }

  #onHardState(id: MemberId, name: string, next: HardState): void {
    const before = this.#hardStates.get(id)
    this.#hardStates.set(id, next)
    if (before === undefined) return
    const isForgotten = next.term === before.term && before.vote !== '' && next.vote !== before.vote
    if (next.term >= before.term && !isForgotten) return
    this.#report(
      'vote-overwritten',
      `${name} writes term ${next.term} and a vote for "${next.vote}" over term ${before.term} and one for "${before.vote}"`,
    )
  }

  /** Nobody has known so much to be committed before. */
  #onCommit(raw: RawNode, name: string): void {
    this.#committed = raw.committed
    const entry = raw.entry(raw.committed)
    const { voters, votersOutgoing } = raw.status()
    if (entry === undefined || voters.length === 0) return
    for (const half of [voters, votersOutgoing]) {
      const holders = half.filter((id) => this.#holds(id, entry))
      if (half.length === 0 || holders.length > half.length / 2) continue
      this.#report(
        'committed-too-early',
        `${name} has entry ${entry.index} as committed, and ${holders.length} of ${half.length} voters have it on disk`,
      )
    }
  }

  #holds(id: MemberId, entry: Entry): boolean {
    const disk = this.#disks.get(id)
    return disk === undefined || this.#damaged.has(id) || holds(disk, entry)
  }
}

function holds(disk: DurableLog, { index, term }: Entry): boolean {
  const { entries, compacted } = disk.state
  return index <= compacted || entries[index - compacted - 1]?.term === term
}

/** What the message speaks of and the disk does not have. */
function notOnDisk(message: Message, { state }: DurableLog): string | undefined {
  const { type, term, to } = message
  const { hardState, entries, compacted } = state
  switch (type) {
    case 'MsgVote':
    case 'MsgApp':
      return hardState.term < term ? 'the term' : undefined
    case 'MsgVoteResp':
      if (message.reject || hardState.term > term) return undefined
      return hardState.term === term && hardState.vote === to ? undefined : 'the vote'
    case 'MsgAppResp': {
      if (message.reject) return undefined
      if (hardState.term < term) return 'the term'
      return compacted + entries.length < message.index ? `entry ${message.index}` : undefined
    }
    default:
      return undefined
  }
}

/** Reads of one life of a member, which outlives none of its own. */
export class ReadBounds {
  readonly #report: Report
  readonly #committed: () => number
  /** What was committed when each read was asked for. */
  readonly #asked = new Map<string, number>()

  constructor(report: Report, committed: () => number) {
    this.#report = report
    this.#committed = committed
  }

  watch(raw: RawNode): void {
    const readIndex = raw.readIndex.bind(raw)
    raw.readIndex = (context) => {
      this.#asked.set(context, this.#committed())
      return readIndex(context)
    }
  }

  onReady(name: string, { readStates }: Ready): void {
    for (const { context, index } of readStates) {
      const least = this.#asked.get(context) ?? 0
      this.#asked.delete(context)
      if (index >= least) continue
      this.#report(
        'read-too-old',
        `${name} may read at index ${index}, though ${least} was committed when it asked`,
      )
    }
  }
}
