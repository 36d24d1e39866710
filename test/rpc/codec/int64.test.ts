/** 64-bit integers that a double cannot hold: they go into the log and must keep their meaning. */

import { expect, test } from 'vitest'
import {
  decodeRangeRequest,
  decodeStatusResponse,
  encodeRangeRequest,
  encodeStatusResponse,
} from '../../../src/rpc/codec/etcdserverpb.ts'

const VARINT_OF_INT64_MAX = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
const VARINT_OF_INT64_MIN = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]
const VARINT_OF_UINT64_MAX = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]

/** Field 4 of RangeRequest is an int64, field 5 of StatusResponse a uint64. */
const TAG_OF_REVISION = 0x20
const TAG_OF_RAFT_INDEX = 0x28

test('the largest int64 is still the larger one after it was written and read again', () => {
  const first = decodeRangeRequest(Uint8Array.from([TAG_OF_REVISION, ...VARINT_OF_INT64_MAX]))
  const second = decodeRangeRequest(encodeRangeRequest(first))
  expect(first.revision).toBeGreaterThan(2 ** 62)
  expect(second.revision).toBe(first.revision)
})

test('the smallest int64 is kept exactly', () => {
  const first = decodeRangeRequest(Uint8Array.from([TAG_OF_REVISION, ...VARINT_OF_INT64_MIN]))
  expect(first.revision).toBe(-(2 ** 63))
  expect(decodeRangeRequest(encodeRangeRequest(first))).toEqual(first)
})

test('the largest uint64 does not wrap around to zero', () => {
  const first = decodeStatusResponse(Uint8Array.from([TAG_OF_RAFT_INDEX, ...VARINT_OF_UINT64_MAX]))
  const second = decodeStatusResponse(encodeStatusResponse(first))
  expect(second.raftIndex).toBe(first.raftIndex)
  expect(second.raftIndex).toBeGreaterThan(2 ** 63)
})
