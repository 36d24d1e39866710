/**
 * What an entry of the log holds. Only what this program encoded is ever proposed; bytes that cannot
 * be read are damage, or of a version that this one does not understand. No member can go on then.
 */

import { AssertionError } from '../base/assert.ts'
import type { Entry } from '../raft/types.ts'
import {
  decodeConfChange,
  decodeInternalRequest,
  type ConfChange,
  type InternalRequest,
} from '../rpc/codec/quoratepb.ts'
import { CodecError } from '../rpc/codec/wire.ts'

export function requestOf(entry: Entry): InternalRequest {
  return read(entry, decodeInternalRequest)
}

export function confChangeOf(entry: Entry): ConfChange {
  return read(entry, decodeConfChange)
}

function read<Message>(
  { index, term, data }: Entry,
  decode: (bytes: Uint8Array) => Message,
): Message {
  try {
    return decode(data)
  } catch (error) {
    if (!(error instanceof CodecError)) throw error
    const reason = error.message
    throw new AssertionError('an entry of the log cannot be read', { index, term, reason })
  }
}
