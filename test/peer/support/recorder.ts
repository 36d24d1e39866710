/** The server's side of a transport: writes down what it is told, and answers as a test says. */

import type { BackendRecord } from '../../../src/base/ports.ts'
import type { Peer, SnapshotSink, TransportEvents } from '../../../src/peer/ports.ts'
import type { MemberId, Message, MsgSnap } from '../../../src/raft/types.ts'

export interface ReceivedSnapshot {
  readonly message: MsgSnap
  readonly checkpoint: Uint8Array
  readonly bytes: number
  readonly records: BackendRecord[]
  state: 'coming' | 'finished' | 'aborted'
}

export class Recorder implements TransportEvents {
  readonly messages: Message[] = []
  readonly unreachable: MemberId[] = []
  readonly snapshots: ReceivedSnapshot[] = []
  removedCount = 0
  readonly foreign: MemberId[] = []
  readonly strangers: Peer[] = []
  /** Handler calls of any kind. */
  callbacks = 0
  answer: (from: MemberId, request: Uint8Array) => Promise<Uint8Array> = async (_from, request) =>
    request
  isSnapshotRefused = false
  onWrite: () => Promise<void> = async () => undefined
  onFinish: () => Promise<void> = async () => undefined

  onMessage(message: Message): void {
    this.callbacks++
    this.messages.push(message)
  }

  onUnreachable(id: MemberId): void {
    this.callbacks++
    this.unreachable.push(id)
  }

  onCall(from: MemberId, request: Uint8Array): Promise<Uint8Array> {
    this.callbacks++
    return this.answer(from, request)
  }

  onSnapshot(message: MsgSnap, checkpoint: Uint8Array, bytes: number): SnapshotSink | undefined {
    this.callbacks++
    if (this.isSnapshotRefused) return undefined
    const received: ReceivedSnapshot = { message, checkpoint, bytes, records: [], state: 'coming' }
    this.snapshots.push(received)
    return {
      write: async (records) => {
        this.callbacks++
        await this.onWrite()
        received.records.push(...records)
      },
      finish: async () => {
        this.callbacks++
        await this.onFinish()
        received.state = 'finished'
      },
      abort: async () => {
        this.callbacks++
        received.state = 'aborted'
      },
    }
  }

  onStranger(peer: Peer): void {
    this.strangers.push(peer)
  }

  onForeign(id: MemberId): void {
    this.foreign.push(id)
  }

  onRemoved(): void {
    this.callbacks++
    this.removedCount++
  }
}

/** Resolves in the first turn in which it holds. Tests fail by their own time limit. */
export async function eventually(holds: () => boolean): Promise<void> {
  while (!holds()) await nextTurn()
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await nextTurn()
}
