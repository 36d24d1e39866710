/** Random committed entries of every kind, for laws about applying them. */

import fc from 'fast-check'
import type { Arbitrary } from 'fast-check'

import type { Entry } from '../../../src/raft/types.ts'
import {
  ConfChange_Type as ConfChangeType,
  encodeConfChange,
  encodeInternalRequest,
  type ConfChangeInput,
  type InternalRequest,
} from '../../../src/rpc/codec/quoratepb.ts'
import {
  arbitraryCompaction,
  arbitraryDelete,
  arbitraryPut,
  arbitraryTxn,
  resolve,
  type Marks,
} from './arbitrary-requests.ts'

type Request = NonNullable<InternalRequest['request']>

export type EntryDraft =
  | { readonly type: 'request'; readonly request: Request }
  | { readonly type: 'no-op'; readonly newTerm: boolean }
  | { readonly type: 'change-members'; readonly change: number; readonly member: number }

export const PROPOSER = '00000000000000a1'

const as = <Case extends Request['case'], Value>(name: Case, value: Arbitrary<Value>) =>
  value.map((one) => ({
    type: 'request' as const,
    request: { case: name, value: one } as unknown as Request,
  }))

const member = fc.integer({ min: 1, max: 3 })
const alarm = fc.record({
  action: fc.constantFrom(0, 1, 2, 2),
  memberId: member.map(memberIdOf),
  alarm: fc.constantFrom(0, 1, 1, 2),
})

export const entryDraft: Arbitrary<EntryDraft> = fc.oneof(
  { weight: 12, arbitrary: as('put', arbitraryPut) },
  { weight: 4, arbitrary: as('deleteRange', arbitraryDelete) },
  { weight: 6, arbitrary: as('txn', arbitraryTxn(1)) },
  {
    weight: 3,
    arbitrary: as(
      'compaction',
      arbitraryCompaction.map((revision) => ({ revision, physical: false })),
    ),
  },
  { weight: 1, arbitrary: as('alarm', alarm) },
  {
    weight: 1,
    arbitrary: as(
      'memberAttributes',
      fc.record({
        memberId: member.map(memberIdOf),
        name: fc.constantFrom('m1', 'm2'),
        clientUrls: fc.constantFrom([], ['http://c:1']),
      }),
    ),
  },
  {
    weight: 1,
    arbitrary: as('clusterVersion', fc.constantFrom({ version: '3.5.0' }, { version: '3.6.0' })),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((newTerm) => ({ type: 'no-op' as const, newTerm })),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('change-members' as const),
      change: fc.constantFrom(...Object.values(ConfChangeType)),
      member,
    }),
  },
)

export function memberIdOf(member: number): string {
  return `000000000000000${member}`
}

/** The entry at `index`; relative revisions are resolved by the marks of the state before it. */
export function toEntry(draft: EntryDraft, index: number, term: number, marks: Marks): Entry {
  if (draft.type === 'no-op') return { index, term, type: 'EntryNormal', data: new Uint8Array(0) }
  if (draft.type === 'request') return requestEntry(resolve(draft.request, marks), index, term)
  const id = memberIdOf(draft.member)
  return confChangeEntry(draft.change, id, index, term)
}

export function requestEntry(request: Request, index: number, term = 1): Entry {
  const data = encodeInternalRequest({ proposer: PROPOSER, requestId: index, request })
  return { index, term, type: 'EntryNormal', data }
}

/** A change as a client asks for it through PROPOSER; its peer URL is one that no other has. */
export function confChangeEntry(type: number, id: string, index: number, term = 1): Entry {
  return changeEntry({ type, member: { id, peerUrls: [`http://p:${index}`] } }, index, term)
}

export function changeEntry(change: ConfChangeInput, index: number, term = 1): Entry {
  const request = { maxLearners: 1, proposer: PROPOSER, requestId: index, ...change }
  return { index, term, type: 'EntryConfChange', data: encodeConfChange(request) }
}
