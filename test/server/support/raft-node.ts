/** A Raft node of one voter over a log whose disk does a write when the test says so. */

import { RawNode } from '../../../src/raft/raw-node.ts'
import type { Entry, Message, ReadState, SnapshotMetadata } from '../../../src/raft/types.ts'
import { RaftNode, type RaftNodeEvents } from '../../../src/server/raft-node.ts'
import { MemoryLogDisk, MemoryRaftLogStore } from '../../../src/storage/memory-raft-log-store.ts'
import type { LogBlock } from '../../../src/storage/ports.ts'
import {
  ManualClock,
  recordingLogger,
  seededRandom,
  turns,
  type RecordingLogger,
} from './doubles.ts'

export const VOTER = '00000000000000a1'
export const OTHERS = ['00000000000000a2', '00000000000000a3'] as const

/** Keeps the blocks as they were handed to the disk. */
class RecordingLogStore extends MemoryRaftLogStore {
  readonly blocks: LogBlock[] = []

  override append(block: LogBlock): Promise<void> {
    this.blocks.push(block)
    return super.append(block)
  }
}

export class NodeHarness implements RaftNodeEvents {
  readonly clock = new ManualClock()
  readonly logger: RecordingLogger = recordingLogger()
  readonly disk: MemoryLogDisk
  readonly log: RecordingLogStore
  readonly raw: RawNode
  readonly node: RaftNode
  readonly synced: number[] = []
  readonly committed: Entry[] = []
  readonly events: string[] = []
  beforeReady: (() => void) | undefined
  leaderChanges = 0
  readonly #writes: (() => void)[] = []
  #putInPlace: () => void = () => undefined

  constructor(
    disk = new MemoryLogDisk(),
    applied = 0,
    maxBytes = 1_000_000,
    voters: readonly string[] = [VOTER],
  ) {
    this.disk = disk
    this.log = new RecordingLogStore(disk, (finish) => void this.#writes.push(finish))
    const { hardState, entries, compacted } = disk.state
    this.raw = new RawNode({
      id: VOTER,
      electionTicks: 10,
      heartbeatTicks: 1,
      preVote: true,
      checkQuorum: true,
      maxBytesPerMessage: maxBytes,
      maxInflightMessages: 100,
      maxInflightBytes: 1_000_000_000,
      maxUncommittedBytes: 1_000_000_000,
      random: seededRandom(),
      logger: this.logger,
      initial: {
        hardState,
        confState: {
          voters,
          votersOutgoing: [],
          learners: [],
          learnersNext: [],
          autoLeave: false,
        },
        snapshotIndex: compacted,
        snapshotTerm: 0,
        entries,
        applied,
      },
    })
    const onSynced = (seconds: number): void => void this.synced.push(seconds)
    this.node = new RaftNode(this.raw, this.log, {
      clock: this.clock,
      logger: this.logger,
      onSynced,
      heartbeatMs: 100,
      stallMs: 1000,
    })
    this.node.listen(this)
  }

  /** A node that leads and has applied its own first entry. */
  static async leading(): Promise<NodeHarness> {
    const harness = new NodeHarness()
    harness.node.campaign()
    await harness.settle()
    harness.log.blocks.length = 0
    harness.committed.length = 0
    harness.events.length = 0
    return harness
  }

  /** One of three voters, elected by the others, with its first entry committed. */
  static async leadingOthers(): Promise<NodeHarness> {
    const harness = new NodeHarness(undefined, 0, undefined, [VOTER, ...OTHERS])
    harness.node.campaign()
    const vote = { from: OTHERS[0], to: VOTER, reject: false, commit: 0, commitTerm: 0 } as const
    await harness.settle()
    harness.node.step({ ...vote, type: 'MsgPreVoteResp', term: 1 })
    await harness.settle()
    harness.node.step({ ...vote, type: 'MsgVoteResp', term: 1 })
    await harness.settle()
    harness.acknowledge(OTHERS[0], 1)
    await harness.settle()
    harness.events.length = 0
    return harness
  }

  /** That member has the log up to there. */
  acknowledge(from: string, index: number): void {
    const { term } = this.node
    this.node.step({
      type: 'MsgAppResp',
      from,
      to: VOTER,
      term,
      index,
      reject: false,
      rejectHint: 0,
      logTerm: 0,
    })
  }

  onCommitted(entries: readonly Entry[]): void {
    this.committed.push(...entries)
    this.events.push(`committed ${entries.map(({ index }) => index).join(' ')}`)
  }

  onReadStates(states: readonly ReadState[]): void {
    for (const { context, index } of states) this.events.push(`read ${context} at ${index}`)
  }

  onMessages(messages: readonly Message[]): void {
    for (const { type, to } of messages) this.events.push(`sent ${type} to ${to}`)
  }

  onRefused(forwardIds: readonly number[]): void {
    this.events.push(`refused ${forwardIds.join(' ')}`)
  }

  onSnapshotsDue(ids: readonly string[]): void {
    this.events.push(`snapshots due for ${ids.join(' ')}`)
  }

  /** Ends when the test calls `putInPlace`. */
  onSnapshot({ index }: SnapshotMetadata): Promise<void> {
    this.events.push(`snapshot at ${index}`)
    return new Promise((resolve) => (this.#putInPlace = resolve))
  }

  putInPlace(): void {
    this.#putInPlace()
  }

  onInstalled(): void {
    this.events.push('installed')
  }

  onLeader(): void {
    this.leaderChanges++
  }

  onAdvanced(): void {
    this.events.push('advanced')
  }

  onBeforeReady(): void {
    this.beforeReady?.()
    this.beforeReady = undefined
  }

  propose(...texts: string[]): void {
    for (const text of texts) this.node.propose('EntryNormal', Buffer.from(text))
  }

  get writesWaiting(): number {
    return this.#writes.length
  }

  get committedTexts(): string[] {
    return this.committed.map(({ data }) => Buffer.from(data).toString())
  }

  get blockTexts(): string[][] {
    return this.log.blocks.map(({ entries }) =>
      entries.map(({ data }) => Buffer.from(data).toString()),
    )
  }

  /** The write in flight reaches the disk, and what follows from it happens. */
  async finishWrite(): Promise<void> {
    this.#writes.shift()?.()
    await turns(3)
  }

  /** Until nothing is left to be done. */
  async settle(): Promise<void> {
    await turns(3)
    while (this.writesWaiting > 0) await this.finishWrite()
  }
}
