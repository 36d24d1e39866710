/** What is read from the disk: log blocks, checkpoints, records and the versions of keys in them. */

import { crc32 } from 'node:zlib'
import { AssertionError } from '../../../src/base/assert.ts'
import {
  decodeKeyValue,
  encodeKeyValue,
  keyOf,
  leaseOf,
  valueOf,
  withoutValue,
} from '../../../src/mvcc/kv.ts'
import { decodeRevision, encodeRevision } from '../../../src/mvcc/revision.ts'
import type { Entry } from '../../../src/raft/types.ts'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
  type Checkpoint,
} from '../../../src/server/checkpoint.ts'
import * as copies from '../../../src/storage/checkpoint-record.ts'
import {
  BlockEncoder,
  decodeAnchor,
  decodeBlock,
  encodeAnchor,
  FIRST_ANCHOR,
} from '../../../src/storage/log-block.ts'
import { decodeRecord, RecordCodec } from '../../../src/storage/record-codec.ts'
import { chunksOf, hold, isSame, unlessRefused, type Decoder } from '../decoder.ts'

const FULL_INPUTS = 1_000_000
const MEMBER = '00000000000000a1'

export function storageDecoders(): Decoder[] {
  return [
    logBlockDecoder(),
    anchorDecoder(),
    checkpointCopyDecoder(),
    recordDecoder(),
    revisionDecoder(),
    keyValueDecoder(),
    checkpointDecoder(),
  ]
}

function logBlockDecoder(): Decoder {
  const encoder = new BlockEncoder()
  const seeds = [0, 1, 2, 7].map((count) => {
    const entries = Array.from({ length: count }, (_, at): Entry => ({
      index: 5 + at,
      term: 3,
      type: at === 1 ? 'EntryConfChange' : 'EntryNormal',
      data: Buffer.alloc(at * 11, at),
    }))
    const hardState = { term: 3, vote: count > 0 ? MEMBER : '', commit: 4 }
    const chain = { sequence: count + 1, previousChecksum: count * 99, compacted: 2 }
    return Buffer.from(encoder.encode({ ...chain, reset: count === 2, hardState, entries }).bytes)
  })
  return {
    name: 'storage/log-block',
    seeds,
    inputs: FULL_INPUTS,
    repair: (bytes) => {
      if (bytes.length < 62) return
      bytes.writeUInt32BE(0x514c_4231, 0)
      bytes.writeUInt32BE(bytes.length, 24)
      bytes.writeUInt32BE(crc32(bytes.subarray(8), bytes.readUInt32BE(8)), 4)
    },
    run: (bytes) => {
      const block = decodeBlock(bytes)
      if (typeof block === 'string') return false
      const { checksum, ...stored } = block
      const numbers = [
        block.sequence,
        block.compacted,
        block.hardState.term,
        block.hardState.commit,
      ]
      const terms = block.entries.flatMap(({ index, term }) => [index, term])
      // A garbled one may hold any number; how it is written is told for those that are safe.
      if (![...numbers, ...terms].every(Number.isSafeInteger)) return true
      const again = decodeBlock(encoder.encode(stored).bytes)
      hold(
        isSame({ ...block, checksum: 0 }, { ...(again as object), checksum: 0 }),
        'a block changes',
      )
      hold(checksum >= 0, 'a checksum is negative')
      return true
    },
  }
}

function anchorDecoder(): Decoder {
  const anchors = [FIRST_ANCHOR, { sequence: 2 ** 40, previousChecksum: 7, compacted: 2 ** 33 }]
  return {
    name: 'storage/log-anchor',
    seeds: anchors.map(encodeAnchor),
    inputs: FULL_INPUTS,
    repair: (bytes) => {
      if (bytes.length >= 8) bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4)
    },
    run: (bytes) => {
      const anchor = decodeAnchor(bytes)
      if (anchor === undefined) return false
      if (!Number.isSafeInteger(anchor.sequence + anchor.compacted)) return true
      hold(isSame(anchor, decodeAnchor(encodeAnchor(anchor))), 'an anchor changes')
      return true
    },
  }
}

function checkpointCopyDecoder(): Decoder {
  const seeds = [0, 20, 300].map((length) =>
    copies.encodeCheckpoint({ sequence: length + 1, checkpoint: Buffer.alloc(length, 5) }),
  )
  return {
    name: 'storage/checkpoint-copy',
    seeds,
    inputs: FULL_INPUTS,
    repair: (bytes) => {
      if (bytes.length < 20) return
      bytes.writeUInt32BE(bytes.length - 20, 16)
      bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4)
    },
    run: (bytes) => {
      const copy = copies.decodeCheckpoint(bytes)
      const chosen = copies.chooseCheckpoint([copy ?? 'damaged', 'absent'])
      hold(chosen.kind === (copy === undefined ? 'damaged' : 'found'), 'the wrong copy is chosen')
      return copy !== undefined
    },
  }
}

/** The input is cut into key and value by its first byte. */
function recordDecoder(): Decoder {
  const codec = new RecordCodec()
  const seed = (key: string, value: Uint8Array): Buffer => {
    const encoded = codec.encode(key as never, value)
    return Buffer.concat([Buffer.of(encoded.key.length), encoded.key, encoded.value])
  }
  return {
    name: 'storage/record',
    seeds: [
      seed('', Buffer.alloc(0)),
      seed('key', Buffer.from('value')),
      seed('k', Buffer.alloc(99)),
    ],
    inputs: FULL_INPUTS,
    repair: (bytes) => {
      const end = bytes.length - 4
      if (end > (bytes[0] ?? 0)) bytes.writeUInt32BE(crc32(bytes.subarray(1, end)), end)
    },
    run: (bytes) => {
      const keyEnd = 1 + (bytes[0] ?? 0)
      const value = decodeRecord(bytes.subarray(1, keyEnd), bytes.subarray(keyEnd))
      hold(value === undefined || value.length + 4 === bytes.length - keyEnd, 'a value changes')
      return value !== undefined
    },
  }
}

function revisionDecoder(): Decoder {
  const revisions = [
    { main: 1, sub: 0 },
    { main: 2 ** 40, sub: 7 },
  ]
  return {
    name: 'storage/revision',
    seeds: revisions
      .flatMap((one) => [encodeRevision(one), encodeRevision(one, true)])
      .map(Buffer.from),
    inputs: FULL_INPUTS,
    run: (bytes) => unlessRefused(AssertionError, () => decodeRevision(bytes)) !== undefined,
  }
}

function keyValueDecoder(): Decoder {
  const fields = { createRevision: 2, modRevision: 300, version: 3, lease: 0n }
  const seeds = [
    { ...fields, key: 'key' as never, value: Buffer.from('value') },
    { ...fields, key: 'k'.repeat(200) as never, value: Buffer.alloc(0), lease: -1n },
    { ...fields, key: 'key' as never, value: Buffer.alloc(200), modRevision: 2 ** 50, lease: 77n },
  ]
  return {
    name: 'storage/key-value',
    seeds: seeds.map(encodeKeyValue),
    inputs: FULL_INPUTS,
    form: 'protobuf',
    run: (bytes) => {
      for (const read of [keyOf, valueOf, leaseOf, withoutValue]) {
        unlessRefused(AssertionError, () => read(bytes))
      }
      const kv = unlessRefused(AssertionError, () => decodeKeyValue(bytes))
      if (kv === undefined) return false
      const isSafe = [kv.createRevision, kv.modRevision, kv.version].every(Number.isSafeInteger)
      if (!isSafe) return true
      hold(isSame(decodeKeyValue(encodeKeyValue(kv)), kv), 'a stored KeyValue changes')
      return true
    },
  }
}

/** As it lies on the disk, and as another member sends it. */
function checkpointDecoder(): Decoder {
  const first = initialCheckpoint('00000000000000c1', MEMBER)
  return {
    name: 'server/checkpoint',
    seeds: [encodeCheckpoint(first), encodeCheckpoint(fullCheckpoint(first)), ...LYING_LENGTHS],
    inputs: FULL_INPUTS,
    form: 'msgpack',
    run: (bytes) => {
      const checkpoint = decodeCheckpoint(bytes)
      if (checkpoint === undefined) return false
      hold(
        isSame(decodeCheckpoint(encodeCheckpoint(checkpoint)), checkpoint),
        'a checkpoint changes',
      )
      hold(chunksOf(bytes).length > 0, 'a checkpoint of no bytes')
      return true
    },
  }
}

export function fullCheckpoint(first: Checkpoint): Checkpoint {
  const member = {
    id: MEMBER,
    name: 'n1',
    peerUrls: ['http://p:1'],
    clientUrls: ['http://c:1'],
    isLearner: false,
  }
  return {
    ...first,
    appliedIndex: 2 ** 40,
    appliedTerm: 7,
    confState: { ...first.confState, voters: [MEMBER], learners: ['00000000000000a2'] },
    revision: 2 ** 35,
    compactedRevision: 5,
    finishedCompactRevision: 4,
    membership: { members: [member], removed: ['00000000000000a3'], clusterVersion: '3.6.0' },
    alarms: [{ memberId: MEMBER, type: 1 }],
    leases: [{ id: 7n, ttl: 60, remainingTtl: 0, grantIndex: 9 }],
    stateHash: 123_456_789,
    installed: true,
    joinedPeers: [{ id: '00000000000000a2', urls: ['http://p:2'] }],
  }
}

const LYING_LENGTHS = [
  'dd01ffffff',
  'ddffffffff',
  'dfffffffff',
  '81a1adddffffff01',
  '81a161c601ffffff',
  '81a161c9ffffffff73',
  'd47200c0',
  'd57201c0c0',
  '91'.repeat(4000),
  '81a161'.repeat(1300),
].map((hex) => Buffer.from(hex, 'hex'))
