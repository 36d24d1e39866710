import { beforeEach, describe, expect, test } from 'vitest'

import { ConfChange_Type as ConfChangeType } from '../../src/rpc/codec/quoratepb.ts'
import type { RaftNode } from '../../src/server/raft-node.ts'
import { ResponseHeaders } from '../../src/server/response-header.ts'
import {
  MaintenanceService,
  type MaintenanceParts,
  type TransferOutcome,
} from '../../src/server/services/maintenance.ts'
import { changeEntry } from './support/arbitrary-entries.ts'
import { CLUSTER_ID, Member, MEMBER_ID } from './support/member.ts'

const VOTER_ID = '0000000000000002'
const LEARNER_ID = '0000000000000003'

let member: Member
let leader: string
let transfers: string[]
let outcome: TransferOutcome
let service: MaintenanceService

beforeEach(async () => {
  const { ADD_VOTER, ADD_LEARNER } = ConfChangeType
  member = await Member.start()
  for (const [i, id] of [MEMBER_ID, VOTER_ID, LEARNER_ID].entries()) {
    const type = id === LEARNER_ID ? ADD_LEARNER : ADD_VOTER
    member.apply(changeEntry({ type, member: { id, peerUrls: [`http://p:${i}`] } }, i + 1))
  }
  leader = MEMBER_ID
  transfers = []
  outcome = { ok: true }
  const raftNode = {
    term: 1,
    committedIndex: 3,
    get leader() {
      return leader
    },
  }
  const parts: Partial<MaintenanceParts> = {
    applier: member.applier,
    state: member.state,
    raftNode: raftNode as unknown as RaftNode,
    headers: new ResponseHeaders(CLUSTER_ID, MEMBER_ID, () => 1),
    quotaBytes: Infinity,
    transferLeadership: async (to) => {
      transfers.push(to)
      return outcome
    },
  }
  service = new MaintenanceService(parts as MaintenanceParts)
})

describe('MoveLeader', () => {
  const move = async (targetId: string): Promise<unknown> =>
    service.moveLeader({ targetId }).catch((error: Error) => error.message)

  test('hands the office over to a voter, and answers without a header', async () => {
    expect(await move(VOTER_ID)).toEqual({})
    expect(transfers).toEqual([VOTER_ID])
    expect(service.methods().map(({ path }) => path)).toContain(
      '/etcdserverpb.Maintenance/MoveLeader',
    )
  })

  test('is not for a member that does not lead, whatever the target', async () => {
    for (const other of [VOTER_ID, '']) {
      leader = other
      for (const target of [MEMBER_ID, VOTER_ID, 'unknown']) {
        expect(await move(target)).toBe('etcdserver: not leader')
      }
    }
    expect(transfers).toEqual([])
  })

  test('to a learner or a stranger is refused', async () => {
    for (const target of [LEARNER_ID, '00000000000000ff', '']) {
      expect(await move(target)).toBe('etcdserver: bad leader transferee')
    }
    expect(transfers).toEqual([])
  })

  test('that does not come off in time says so', async () => {
    outcome = { ok: false, error: 'transfer-timeout' }
    expect(await move(VOTER_ID)).toBe(
      'etcdserver: request timed out, leader transfer took too long',
    )
  })
})

describe('Status', () => {
  test('tells who leads, and that nobody does', async () => {
    leader = VOTER_ID
    expect(await service.status()).toMatchObject({ leader: VOTER_ID, errors: [] })
    leader = ''
    expect(await service.status()).toMatchObject({
      leader: '',
      errors: ['etcdserver: no leader'],
    })
  })

  test('tells whether this member is a learner', async () => {
    expect(await service.status()).toMatchObject({ isLearner: false })
    const learner = { ...member.applier.membership.state().members[0]!, isLearner: true }
    member.applier.membership.adopt({ members: [learner], removed: [], clusterVersion: '' })
    expect(await service.status()).toMatchObject({ isLearner: true })
    member.apply(changeEntry({ type: ConfChangeType.PROMOTE, member: { id: MEMBER_ID } }, 4))
    expect(await service.status()).toMatchObject({ isLearner: false })
  })
})
