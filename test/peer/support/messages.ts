/** Messages to send, told apart by a number. */

import type { BackendRecord } from '../../../src/base/ports.ts'
import type { OutgoingSnapshot } from '../../../src/peer/ports.ts'
import type { MemberId, MsgApp, MsgHeartbeat, MsgSnap } from '../../../src/raft/types.ts'

export function heartbeat(from: MemberId, to: MemberId, round: number): MsgHeartbeat {
  return { type: 'MsgHeartbeat', from, to, term: 1, commit: 0, round }
}

export function append(from: MemberId, to: MemberId, index: number, bytes = 8): MsgApp {
  const data = new Uint8Array(bytes).fill(index & 0xff)
  const entry = { index: index + 1, term: 1, type: 'EntryNormal', data } as const
  return { type: 'MsgApp', from, to, term: 1, index, logTerm: 1, entries: [entry], commit: index }
}

export function snapshotMessage(from: MemberId, to: MemberId, index = 10): MsgSnap {
  const confState = {
    voters: [from, to],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  }
  return { type: 'MsgSnap', from, to, term: 3, snapshot: { index, term: 2, confState } }
}

/** `batches` of ten records of `valueBytes` each. */
export function recordBatches(batches: number, valueBytes: number): BackendRecord[][] {
  return Array.from({ length: batches }, (_, batch) =>
    Array.from({ length: 10 }, (_unused, i) => ({
      key: Buffer.from(`key-${String(batch * 10 + i).padStart(8, '0')}`),
      value: Buffer.alloc(valueBytes, batch * 10 + i),
    })),
  )
}

export function outgoing(
  from: MemberId,
  to: MemberId,
  records: AsyncIterable<readonly BackendRecord[]>,
  checkpoint: Uint8Array = Buffer.from('checkpoint'),
): OutgoingSnapshot {
  return { message: snapshotMessage(from, to), checkpoint, bytes: 1000, records }
}

export async function* eachOf(
  batches: Iterable<readonly BackendRecord[]>,
): AsyncGenerator<readonly BackendRecord[]> {
  for (const batch of batches) yield batch
}
