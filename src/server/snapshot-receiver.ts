/**
 * Receives another member's state and puts it in the place of this one's (Raft §7).
 *
 *   stream ─► staged beside the state in use ─► complete ─► offered to Raft
 *   Raft takes it ─► reads paused ─► state switched ─► index, leases, members, watchers rebuilt
 *                 ─► reads resumed
 *
 * One at a time: while one comes in or is put in place, another is refused.
 */

import { assert } from '../base/assert.ts'
import type { Clock, Logger } from '../base/ports.ts'
import type { Key } from '../base/key.ts'
import { Store } from '../mvcc/store.ts'
import type { WatchHub } from '../mvcc/watch-hub.ts'
import type { SnapshotSink } from '../peer/ports.ts'
import type { MemberId, MsgSnap, SnapshotMetadata } from '../raft/types.ts'
import type { StagedState, StateStore } from '../storage/ports.ts'
import type { Applier } from './applier.ts'
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint.ts'
import { RecountingBackend } from './recounting-backend.ts'
import type { SlicedReads } from './sliced-reads.ts'
import { nextTurn } from './turn.ts'

export interface SnapshotReceiverPorts {
  readonly memberId: MemberId
  readonly clusterId: string
  readonly applier: Applier
  readonly state: StateStore
  readonly hub: WatchHub
  readonly reads: SlicedReads
  readonly clock: Clock
  readonly logger: Logger
  /** Whether Raft wants it. */
  readonly offer: (message: MsgSnap) => boolean
  /** Resolves when what works on the store in the background has let go of it. */
  readonly pauseBackground: () => Promise<void>
}

interface Arrived {
  readonly staged: StagedState
  readonly checkpoint: Checkpoint
}

export class SnapshotReceiver {
  readonly #ports: SnapshotReceiverPorts
  /** A state comes in or is put in place. */
  #isBusy = false
  #arrived: Arrived | undefined

  constructor(ports: SnapshotReceiverPorts) {
    this.#ports = ports
  }

  /** Where to put what comes; undefined when it cannot be taken. */
  receive(message: MsgSnap, bytes: Uint8Array): SnapshotSink | undefined {
    const { logger, memberId } = this.#ports
    const checkpoint = decodeCheckpoint(bytes)
    if (this.#isBusy || checkpoint === undefined || !this.#fits(checkpoint, message)) {
      logger.warn('refused a snapshot', { from: message.from, busy: this.#isBusy })
      return undefined
    }
    this.#isBusy = true
    logger.info('receiving database snapshot', {
      'snapshot-index': message.snapshot.index,
      'remote-peer-id': message.from,
    })
    const own: Checkpoint = { ...checkpoint, memberId, installed: true }
    return this.#sink(message, own, this.#ports.state.stage())
  }

  #fits(checkpoint: Checkpoint, { snapshot }: MsgSnap): boolean {
    const { clusterId, appliedIndex, appliedTerm } = checkpoint
    return (
      clusterId === this.#ports.clusterId &&
      appliedIndex === snapshot.index &&
      appliedTerm === snapshot.term
    )
  }

  #sink(message: MsgSnap, checkpoint: Checkpoint, staging: Promise<StagedState>): SnapshotSink {
    // Whoever writes, finishes or gives up hears of it when there is no room on the disk.
    staging.catch(() => undefined)
    let isOver = false
    const giveUp = async (): Promise<void> => {
      if (isOver) return
      isOver = true
      await staging.then(
        (staged) => staged.abort(),
        () => undefined,
      )
      this.#isBusy = false
    }
    return {
      write: async (records) => (await staging).write(records),
      finish: async () => {
        const staged = await staging
        await staged.finish(encodeCheckpoint(checkpoint))
        if (isOver) return
        this.#arrived = { staged, checkpoint }
        if (this.#ports.offer(message)) {
          isOver = true
          return
        }
        this.#ports.logger.info('a snapshot came too late to be of use', {
          'snapshot-index': message.snapshot.index,
        })
        this.#arrived = undefined
        await giveUp()
      },
      abort: giveUp,
    }
  }

  /**
   * Raft has taken what was offered. Resolves when the state is in place and may be read; the log
   * is to restart behind it then, before anything in the background goes on.
   */
  async install(snapshot: SnapshotMetadata): Promise<void> {
    const { reads, state, clock, logger, pauseBackground } = this.#ports
    const arrived = this.#arrived
    assert(arrived?.checkpoint.appliedIndex === snapshot.index, 'the snapshot to install is there')
    this.#arrived = undefined
    const startMs = clock.nowMs()
    await reads.pause()
    await pauseBackground()
    await state.install(arrived.staged)
    await this.#rebuild(arrived.checkpoint)
    reads.resume()
    logger.info('applied snapshot', {
      'incoming-leader-snapshot-index': snapshot.index,
      revision: arrived.checkpoint.revision,
      'took-ms': Math.round(clock.nowMs() - startMs),
    })
  }

  /** The log goes on behind the state: another one may come in. */
  onInstalled(): void {
    this.#isBusy = false
  }

  async #rebuild(checkpoint: Checkpoint): Promise<void> {
    const { applier, state, hub } = this.#ports
    const leaseOfKey = new Map<Key, bigint>()
    state.setBytesInUse(0)
    const backend = new RecountingBackend(state)
    const restored = await Store.restore(backend, checkpoint, nextTurn, (key, lease) => {
      if (lease === 0n) leaseOfKey.delete(key)
      else leaseOfKey.set(key, lease)
    })
    // From here to the end nothing waits: nobody sees one part without the other.
    applier.store.adopt(restored)
    applier.leases.adopt(checkpoint.leases, leaseOfKey)
    applier.adopt(checkpoint)
    hub.onAdopted()
  }
}
