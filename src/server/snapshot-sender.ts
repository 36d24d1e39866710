/**
 * Sends this member's state to those that the log cannot help any more (Raft §7).
 *
 *   applied index ─► checkpoint + view of all records ─► stream ─► the receiver's state
 *                    log held from there on ............................. until it goes on
 *
 * The log behind the checkpoint is kept until the receiver has gone on from there, or it would need
 * another snapshot right away.
 */

import type { Clock, Logger } from '../base/ports.ts'
import type { OutgoingSnapshot, Transport } from '../peer/ports.ts'
import type { MemberId } from '../raft/types.ts'
import type { RecordView, StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import { encodeCheckpoint, type Checkpoint } from './checkpoint.ts'

export interface SnapshotSenderPorts {
  readonly memberId: MemberId
  readonly applier: Applier
  readonly state: StateStore
  readonly transport: Transport
  readonly clock: Clock
  readonly logger: Logger
  readonly term: () => number
  /** Bytes of all entries that this process has applied. */
  readonly appliedBytes: () => number
  /** Tells Raft how it went. */
  readonly report: (to: MemberId, ok: boolean) => void
  /** Whether this member needs no entries that are older than this one. */
  readonly hasGoneOn: (id: MemberId, index: number) => boolean
}

/** How long the log is held for a receiver that has the state and puts it in place. */
const HOLD_AFTER_MS = 600_000
/** But no more of it than this: a leader's memory counts for more than one member's state. */
const HELD_BYTES_MAX = 512 * 1024 * 1024
/** How soon Raft hears of a failure, and tries again: the receiver may be busy with another one. */
const FAILURE_TOLD_AFTER_MS = 1000

interface Hold {
  readonly index: number
  /** Of all entries that had been applied by then. */
  readonly bytes: number
  /** Undefined while the state is being sent. */
  untilMs: number | undefined
  hasFailed: boolean
}

export class SnapshotSender {
  readonly #ports: SnapshotSenderPorts
  readonly #holds = new Map<MemberId, Hold>()
  #stopped = false

  constructor(ports: SnapshotSenderPorts) {
    this.#ports = ports
  }

  /** Entries behind this index are needed; Infinity when nobody needs any. */
  get heldIndex(): number {
    const bytes = this.#ports.appliedBytes()
    let held = Infinity
    for (const hold of this.#holds.values()) {
      if (bytes - hold.bytes <= HELD_BYTES_MAX) held = Math.min(held, hold.index)
    }
    return held
  }

  send(ids: readonly MemberId[]): void {
    for (const id of ids) void this.#send(id)
  }

  /** Called often: lets go of the log where a receiver has gone on, and tells of failures. */
  tick(): void {
    const nowMs = this.#ports.clock.nowMs()
    for (const [id, { index, untilMs, hasFailed }] of this.#holds) {
      if (untilMs === undefined) continue
      if (untilMs > nowMs && !this.#ports.hasGoneOn(id, index)) continue
      this.#holds.delete(id)
      if (hasFailed) this.#ports.report(id, false)
    }
  }

  stop(): void {
    this.#stopped = true
  }

  async #send(to: MemberId): Promise<void> {
    const { applier, state, transport, clock, report } = this.#ports
    if (this.#stopped) return
    const hold = this.#hold(to)
    // In one turn, so that checkpoint, records and the leader's term are of one piece.
    const term = this.#ports.term()
    const checkpoint = applier.checkpoint()
    const records = await state.exportRecords()
    const ok = await transport.sendSnapshot(to, this.#outgoing(to, term, checkpoint, records))
    await records.close()
    hold.hasFailed = !ok
    hold.untilMs = clock.nowMs() + (ok ? HOLD_AFTER_MS : FAILURE_TOLD_AFTER_MS)
    if (ok && !this.#stopped) report(to, true)
  }

  /** Whoever is sent another one may still be putting the one before in place. */
  #hold(to: MemberId): Hold {
    const { applier, appliedBytes } = this.#ports
    const { index, bytes } = this.#holds.get(to) ?? {
      index: applier.appliedIndex,
      bytes: appliedBytes(),
    }
    const hold: Hold = { index, bytes, untilMs: undefined, hasFailed: false }
    this.#holds.set(to, hold)
    return hold
  }

  #outgoing(
    to: MemberId,
    term: number,
    checkpoint: Checkpoint,
    records: RecordView,
  ): OutgoingSnapshot {
    const { state, memberId, logger } = this.#ports
    const { appliedIndex, appliedTerm, confState } = checkpoint
    const snapshot = { index: appliedIndex, term: appliedTerm, confState }
    const bytes = state.bytesInUse
    logger.info('sending database snapshot', {
      'snapshot-index': appliedIndex,
      'remote-peer-id': to,
      bytes,
    })
    return {
      message: { type: 'MsgSnap', from: memberId, to, term, snapshot },
      checkpoint: encodeCheckpoint(checkpoint),
      bytes,
      records,
    }
  }
}
