/** Every message that members can send each other, for properties. */

import fc from 'fast-check'
import type { StreamMessage } from '../../../src/peer/message-codec.ts'
import type { Entry, MsgSnap, ProposedEntry } from '../../../src/raft/types.ts'

export const FROM = '00000000000000f0'
export const TO = 'ffffffffffffff0f'
export const ROUTE = { from: FROM, to: TO }

const count = fc.oneof(
  fc.nat(300),
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
)
const bytes = fc.uint8Array({ maxLength: 300 })
const entryType = fc.constantFrom('EntryNormal' as const, 'EntryConfChange' as const)
const context = fc.string({ maxLength: 40, unit: 'grapheme' })
const id = fc.stringMatching(/^[0-9a-f]{16}$/).filter((text) => text !== '0000000000000000')
const ids = fc.uniqueArray(id, { maxLength: 5 })

const proposed: fc.Arbitrary<ProposedEntry> = fc.record({ type: entryType, data: bytes })

function envelope(type: string, fields: Record<string, fc.Arbitrary<unknown>>) {
  const fixed = { type: fc.constant(type), from: fc.constant(FROM), to: fc.constant(TO) }
  return fc.record({ ...fixed, term: count, ...fields }) as fc.Arbitrary<StreamMessage>
}

/** Entries in runs of equal terms and types, contiguous. */
const append = fc
  .record({
    index: fc.nat(2 ** 40),
    commit: count,
    terms: fc.array(fc.nat(2 ** 33), { minLength: 3, maxLength: 3 }),
    runs: fc.array(
      fc.record({ rise: fc.nat(2), type: entryType, data: fc.array(bytes, { maxLength: 4 }) }),
      { maxLength: 5 },
    ),
  })
  .map(({ index, commit, terms, runs }): StreamMessage => {
    const [logTerm = 0, rise = 0, beyond = 0] = terms
    const entries: Entry[] = []
    let term = logTerm + rise + 1
    for (const run of runs) {
      term += run.rise
      for (const data of run.data) {
        entries.push({ index: index + entries.length + 1, term, type: run.type, data })
      }
    }
    const fields = { from: FROM, to: TO, term: term + beyond, index, logTerm, commit }
    return { type: 'MsgApp', ...fields, entries }
  })

const noTerm = fc.constant(0)

export const messageArbitrary: fc.Arbitrary<StreamMessage> = fc.oneof(
  { arbitrary: append, weight: 4 },
  envelope('MsgAppResp', {
    index: count,
    reject: fc.boolean(),
    rejectHint: count,
    logTerm: count,
  }),
  envelope('MsgVote', { index: count, logTerm: count, transfer: fc.boolean() }),
  envelope('MsgPreVote', { index: count, logTerm: count, transfer: fc.boolean() }),
  envelope('MsgVoteResp', { reject: fc.boolean(), commit: count, commitTerm: count }),
  envelope('MsgPreVoteResp', { reject: fc.boolean(), commit: count, commitTerm: count }),
  envelope('MsgHeartbeat', { commit: count, round: count }),
  envelope('MsgHeartbeatResp', { round: count, commit: count, installing: fc.boolean() }),
  envelope('MsgProp', {
    term: noTerm,
    forwardId: count,
    entries: fc.array(proposed, { minLength: 1, maxLength: 5 }),
  }),
  envelope('MsgPropRefused', { term: noTerm, forwardId: count }),
  envelope('MsgReadIndex', { term: noTerm, context }),
  envelope('MsgReadIndexResp', { index: count, context }),
  envelope('MsgTimeoutNow', {}),
)

export const snapshotArbitrary: fc.Arbitrary<MsgSnap> = fc
  .record({
    index: count,
    terms: fc.tuple(fc.nat(), fc.nat()),
    confState: fc.record({
      voters: ids,
      votersOutgoing: ids,
      learners: ids,
      learnersNext: ids,
      autoLeave: fc.boolean(),
    }),
  })
  .map(({ index, terms: [term, beyond], confState }) => ({
    type: 'MsgSnap',
    from: FROM,
    to: TO,
    term: term + beyond,
    snapshot: { index, term, confState },
  }))
