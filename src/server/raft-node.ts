/**
 * The Ready loop: drives the pure Raft core and carries its effects out, once a turn.
 *
 *   proposals, reads, messages, ticks          (gathered during the turn)
 *        └─► run(): take a Ready ─► write the append part, synced
 *                              └► apply committed entries ─► answer reads
 *
 * One write is in flight at most; what arrives meanwhile is the next block. Raft itself holds
 * back every message that depends on the write until `appended` says that it is done.
 */

import { assert } from '../base/assert.ts'
import type { Clock, Logger } from '../base/ports.ts'
import type { RawNode } from '../raft/raw-node.ts'
import {
  NO_MEMBER,
  type ConfChange,
  type ConfState,
  type Entry,
  type MemberId,
  type Message,
  type ReadState,
  type Role,
} from '../raft/types.ts'
import type { RaftLogStore } from '../storage/ports.ts'

/** What the loop hands entries and answers to. Everything in here is synchronous. */
export interface RaftNodeEvents {
  /** Committed entries in index order, each exactly once. */
  onCommitted(entries: readonly Entry[]): void
  onReadStates(states: readonly ReadState[]): void
  /** After the entries and read states of one Ready. */
  onAdvanced(): void
  /** Asks Raft what the turn has gathered, before the Ready is taken. */
  onBeforeReady(): void
}

export interface RaftNodePorts {
  readonly clock: Clock
  readonly logger: Logger
  /** Told how long each synced write took, in seconds. */
  readonly onSynced: (seconds: number) => void
}

export class RaftNode {
  readonly #raw: RawNode
  readonly #log: RaftLogStore
  readonly #ports: RaftNodePorts
  #events: RaftNodeEvents | undefined
  #scheduled = false
  #stopped = false
  #writing: Promise<void> | undefined
  #leader: MemberId = NO_MEMBER
  #role: Role = 'follower'
  #leaderChanges = 0

  constructor(raw: RawNode, log: RaftLogStore, ports: RaftNodePorts) {
    this.#raw = raw
    this.#log = log
    this.#ports = ports
  }

  /** Before the first `schedule`. */
  listen(events: RaftNodeEvents): void {
    this.#events = events
  }

  get leader(): MemberId {
    return this.#leader
  }

  get isLeader(): boolean {
    return this.#role === 'leader'
  }

  get leaderChanges(): number {
    return this.#leaderChanges
  }

  get term(): number {
    return this.#raw.term
  }

  get committedIndex(): number {
    return this.#raw.committed
  }

  tick(): void {
    this.#raw.tick()
    this.schedule()
  }

  campaign(): void {
    this.#raw.campaign()
    this.schedule()
  }

  propose(data: Uint8Array): { readonly ok: boolean } {
    const outcome = this.#raw.propose(data)
    this.schedule()
    return outcome
  }

  step(message: Message): void {
    this.#raw.step(message)
    this.schedule()
  }

  readIndex(context: string): void {
    this.#raw.readIndex(context)
  }

  applyConfChange(change: ConfChange): ConfState {
    return this.#raw.applyConfChange(change)
  }

  /** Forgets entries <= index, in memory and on disk. Only behind a durable checkpoint. */
  async compactLog(index: number): Promise<void> {
    this.#raw.compactLog(index)
    await this.#log.compact(index)
  }

  /** Runs the loop later in this turn, once, however often it is asked for. */
  schedule(): void {
    if (this.#scheduled || this.#stopped) return
    this.#scheduled = true
    setImmediate(() => this.#run())
  }

  /** Takes no more Readys; resolves when the write in flight is done. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#writing
  }

  #run(): void {
    this.#scheduled = false
    if (this.#stopped) return
    this.#events?.onBeforeReady()
    if (!this.#raw.hasReady()) return
    const ready = this.#raw.ready()
    if (ready.softState !== undefined)
      this.#onSoftState(ready.softState.leader, ready.softState.role)
    assert(ready.messages.length === 0, 'a cluster of one member sends no messages')
    if (ready.append !== undefined) this.#write(ready.append)
    if (ready.committedEntries.length > 0) this.#events?.onCommitted(ready.committedEntries)
    const last = ready.committedEntries.at(-1)
    if (last !== undefined) this.#raw.applied(last.index)
    if (ready.readStates.length > 0) this.#events?.onReadStates(ready.readStates)
    this.#events?.onAdvanced()
    if (this.#raw.hasReady()) this.schedule()
  }

  #write(block: Parameters<RaftLogStore['append']>[0]): void {
    const { clock, onSynced } = this.#ports
    const startMs = clock.nowMs()
    this.#writing = this.#log.append(block).then(() => {
      this.#writing = undefined
      onSynced((clock.nowMs() - startMs) / 1000)
      this.#raw.appended()
      // Why: what the write has just committed is applied and answered in this turn already.
      if (!this.#stopped) this.#run()
    })
  }

  #onSoftState(leader: MemberId, role: Role): void {
    const before = this.#leader
    this.#leader = leader
    this.#role = role
    if (leader === before) return
    const fields = { 'local-member': this.#raw.id, term: this.#raw.term }
    if (leader === NO_MEMBER) {
      this.#ports.logger.warn(`raft.node: ${this.#raw.id} lost leader ${before}`, fields)
      return
    }
    this.#leaderChanges++
    this.#ports.logger.info(
      `raft.node: ${this.#raw.id} elected leader ${leader} at term ${this.#raw.term}`,
      fields,
    )
  }
}
