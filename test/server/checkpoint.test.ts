/** What is a checkpoint, and what another member may have sent instead. */

import { pack } from 'msgpackr'
import { expect, test } from 'vitest'
import {
  decodeCheckpoint,
  encodeCheckpoint,
  initialCheckpoint,
} from '../../src/server/checkpoint.ts'
import { fullCheckpoint } from '../fuzz/decoders/storage.ts'
import { CLUSTER_ID, MEMBER_ID } from './support/member.ts'

const full = fullCheckpoint(initialCheckpoint(CLUSTER_ID, MEMBER_ID))
/** What version 0.1.0 did not write, and what only some have. */
const OPTIONAL = ['stateHash', 'installed', 'joinedPeers']

test('a checkpoint comes back as it was', () => {
  expect(decodeCheckpoint(encodeCheckpoint(full))).toEqual(full)
})

test.each(Object.keys(full))('a checkpoint whose %s is of another kind is none', (name) => {
  for (const value of [null, -7, 0.5, Number.NaN, 'text', [null], [{}], {}, [['']]]) {
    expect(decodeCheckpoint(pack({ ...full, [name]: value }))).toBeUndefined()
  }
  const { [name as keyof typeof full]: left, ...rest } = full
  expect(left).toBeDefined()
  const decoded = decodeCheckpoint(pack(rest))
  if (OPTIONAL.includes(name)) expect(decoded).toBeDefined()
  else expect(decoded).toBeUndefined()
})

test.each([
  [4, 5, 10, true],
  [4, 4, 4, true],
  [-1, -1, 1, true],
  [-1, 4, 3, false],
  [5, 4, 10, false],
])('cut up to %i, compacted at %i, revision %i: is history %s', (cut, compacted, revision, is) => {
  const marks = { finishedCompactRevision: cut, compactedRevision: compacted, revision }
  expect(decodeCheckpoint(pack({ ...full, ...marks })) !== undefined).toBe(is)
})

test('alarms are whatever a client may raise', () => {
  for (const memberId of ['0000000000000000', 'ffffffffffffffff', MEMBER_ID]) {
    for (const type of [-(2 ** 31), -1, 0, 1, 2, 7, 2 ** 31 - 1]) {
      const checkpoint = { ...full, alarms: [{ memberId, type }] }
      expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
    }
  }
})

test('what could not be read again is not written', () => {
  expect(() => encodeCheckpoint({ ...full, revision: 0.5 })).toThrow('can be read again')
})

test('what is inside its lists is looked at too', () => {
  const { membership, confState } = full
  const [member] = membership.members
  for (const wrong of [
    { membership: { ...membership, removed: [7] } },
    { membership: { ...membership, members: [{ ...member, peerUrls: [1] }] } },
    { confState: { ...confState, voters: ['1'] } },
    { leases: [{ id: 7, ttl: 60, remainingTtl: 0, grantIndex: 9 }] },
    { alarms: [{ memberId: MEMBER_ID, type: '1' }] },
  ]) {
    expect(decodeCheckpoint(pack({ ...full, ...wrong }))).toBeUndefined()
  }
})
