/**
 * A snapshot on the wire: one connection, one state.
 *
 *     sender                                     receiver
 *     [0, MsgSnap, checkpointBytes, bytes]
 *     [1, piece of the checkpoint] …
 *                                                ['go'] or ['refused']
 *     [2, key, value, key, value, …] …
 *     [3, digest, records, recordBytes]
 *                                                ['done'] or ['failed']
 *
 * The digest is the SHA-256 over the bodies of all frames of the sender before it, in order.
 */

import type { BackendRecord } from '../base/ports.ts'
import type { MsgSnap } from '../raft/types.ts'
import { isBytes, isCount } from './field.ts'
import { packedSnapshotMessage, type Route, snapshotMessageOf } from './message-codec.ts'
import { unpackArray } from './packing.ts'

export const DIGEST_ALGORITHM = 'sha256'
const DIGEST_BYTES = 32
/** Of a record beside its key and value, about. */
export const RECORD_OVERHEAD_BYTES = 8

export interface SnapshotHead {
  readonly message: MsgSnap
  readonly checkpointBytes: number
  readonly bytes: number
}

/** What all records together were. */
export interface SnapshotTail {
  readonly digest: Uint8Array
  readonly records: number
  readonly recordBytes: number
}

export type SnapshotPart =
  | ({ readonly type: 'head' } & SnapshotHead)
  | { readonly type: 'checkpoint'; readonly piece: Uint8Array }
  | { readonly type: 'records'; readonly records: readonly BackendRecord[] }
  | ({ readonly type: 'tail' } & SnapshotTail)

const VERDICTS = ['go', 'refused', 'done', 'failed'] as const
export type SnapshotVerdict = (typeof VERDICTS)[number]

export function packedPart(part: SnapshotPart): readonly unknown[] {
  switch (part.type) {
    case 'head':
      return [0, packedSnapshotMessage(part.message), part.checkpointBytes, part.bytes]
    case 'checkpoint':
      return [1, part.piece]
    case 'records': {
      const values: unknown[] = [2]
      for (const { key, value } of part.records) values.push(key, value)
      return values
    }
    case 'tail':
      return [3, part.digest, part.records, part.recordBytes]
  }
}

/** Undefined for what is not a part. */
export function decodePart(body: Uint8Array, route: Route): SnapshotPart | undefined {
  const values = unpackArray(body)
  switch (values?.[0]) {
    case 0:
      return headOf(values, route)
    case 1: {
      const [, piece] = values
      return values.length === 2 && isBytes(piece) ? { type: 'checkpoint', piece } : undefined
    }
    case 2:
      return recordsOf(values)
    case 3:
      return tailOf(values)
    default:
      return undefined
  }
}

function headOf(values: readonly unknown[], route: Route): SnapshotPart | undefined {
  const [, packed, checkpointBytes, bytes] = values
  const message = snapshotMessageOf(packed, route)
  if (message === undefined || values.length !== 4) return undefined
  if (!isCount(checkpointBytes) || !isCount(bytes)) return undefined
  return { type: 'head', message, checkpointBytes, bytes }
}

function recordsOf(values: readonly unknown[]): SnapshotPart | undefined {
  if (values.length % 2 !== 1) return undefined
  const records: BackendRecord[] = []
  for (let i = 1; i < values.length; i += 2) {
    const [key, value] = [values[i], values[i + 1]]
    if (!isBytes(key) || !isBytes(value)) return undefined
    records.push({ key, value })
  }
  return { type: 'records', records }
}

function tailOf(values: readonly unknown[]): SnapshotPart | undefined {
  const [, digest, records, recordBytes] = values
  if (values.length !== 4 || !isBytes(digest) || digest.length !== DIGEST_BYTES) return undefined
  if (!isCount(records) || !isCount(recordBytes)) return undefined
  return { type: 'tail', digest, records, recordBytes }
}

export function packedVerdict(verdict: SnapshotVerdict): readonly unknown[] {
  return [verdict]
}

export function verdictOf(body: Uint8Array): SnapshotVerdict | undefined {
  const values = unpackArray(body)
  return values?.length === 1 ? VERDICTS.find((name) => name === values[0]) : undefined
}
