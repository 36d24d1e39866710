import { beforeEach, describe, expect, test } from 'vitest'

import type { CallContext } from '../../src/rpc/engine.ts'
import { ConfChange_Type as ConfChangeType } from '../../src/rpc/codec/quoratepb.ts'
import type { Outcome } from '../../src/server/apply-txn.ts'
import { memberIdOf } from '../../src/server/member-id.ts'
import type { ReadOutcome } from '../../src/server/read-index.ts'
import { Reconfiguration } from '../../src/server/reconfiguration.ts'
import { ResponseHeaders } from '../../src/server/response-header.ts'
import {
  ClusterService,
  type ChangedMembers,
  type ConfChangeProposal,
} from '../../src/server/services/cluster.ts'
import { changeEntry } from './support/arbitrary-entries.ts'
import { ManualClock, recordingLogger } from './support/doubles.ts'
import { CLUSTER_ID, Member, MEMBER_ID } from './support/member.ts'

const OTHER_ID = '0000000000000002'
const STRANGER_ID = '00000000000000ff'
const WALL_MS = 1_795_444_570_999
const TIMEOUT_MS = 7000
const PAUSE_MS = 100

const CONTEXT: CallContext = {
  metadata: () => undefined,
  peerAddress: 'test:1',
  cancelled: false,
  onCancel: () => undefined,
}

/** The service on an applier that applies every proposal at once. */
class Subject {
  readonly clock = new ManualClock()
  readonly logger = recordingLogger()
  readonly member: Member
  readonly proposals: ConfChangeProposal[] = []
  readonly forwarded: [leader: string, id: string][] = []
  readonly activeSince = new Map<string, number>([[OTHER_ID, 0]])
  readonly service: ClusterService
  /** What the metrics are told of. */
  readonly promotions: string[] = []
  leader = MEMBER_ID
  role: 'leader' | 'follower' = 'leader'
  match: Readonly<Record<string, number>> = {}
  read: ReadOutcome = 'ready'
  reads = 0
  running = true
  /** Called by every pause. */
  onPause: () => void = () => undefined
  /** What another member's promote answers. */
  forwardOutcome: Outcome<ChangedMembers> = { ok: false, error: 'timeout' }

  private constructor(member: Member) {
    this.member = member
    const { clock } = this
    const { membership } = member.applier
    const reconfiguration = new Reconfiguration(
      {
        membership,
        clock,
        raftStatus: () => this.#status(),
        activeSinceMs: (id) => this.activeSince.get(id),
      },
      { memberId: MEMBER_ID, strict: true },
    )
    this.service = new ClusterService(
      {
        membership,
        reconfiguration,
        proposer: { proposeConfChange: (change) => this.#propose(change) },
        readIndex: { wait: () => this.#wait() },
        headers: new ResponseHeaders(CLUSTER_ID, MEMBER_ID, () => 5),
        clock,
        logger: this.logger,
        wallMs: () => WALL_MS,
        leader: () => this.leader,
        forwardPromote: async (leader, id) => {
          this.forwarded.push([leader, id])
          return this.forwardOutcome
        },
        onPromotion: (error) => void this.promotions.push(error ?? 'ok'),
        pause: async () => {
          clock.advance(PAUSE_MS)
          this.onPause()
          return this.running
        },
      },
      { maxLearners: 1, timeoutMs: TIMEOUT_MS },
    )
  }

  /** Two voters, both started and connected for long. */
  static async start(): Promise<Subject> {
    const subject = new Subject(await Member.start())
    subject.clock.advance(10_000)
    for (const [i, id] of [MEMBER_ID, OTHER_ID].entries()) {
      const member = { id, name: `m${i}`, peerUrls: [`http://p:${i}`] }
      subject.member.apply(changeEntry({ type: ConfChangeType.ADD_VOTER, member }, i + 1))
    }
    return subject
  }

  async call(name: string, request: object): Promise<unknown> {
    const path = `/etcdserverpb.Cluster/${name}`
    const method = this.service.methods().find((one) => one.path === path)
    if (method?.kind !== 'unary') throw new Error(`no method ${name}`)
    try {
      return await method.handle(request, CONTEXT)
    } catch (error) {
      return (error as Error).message
    }
  }

  add(peerUrls: readonly string[], isLearner = false): Promise<unknown> {
    return this.call('MemberAdd', { peerUrls, isLearner })
  }

  get ids(): string[] {
    return this.member.applier.membership.members.map(({ id }) => id)
  }

  async #wait(): Promise<ReadOutcome> {
    this.reads++
    return this.read
  }

  async #propose<Response extends object>(change: ConfChangeProposal): Promise<Outcome<Response>> {
    this.proposals.push(change)
    const entry = changeEntry({ maxLearners: 0, ...change }, this.member.applier.appliedIndex + 1)
    const applied = this.member.apply(entry)
    if (applied === undefined) throw new Error('a proposal has an outcome')
    return applied.outcome as Outcome<Response>
  }

  #status(): ReturnType<ConstructorParameters<typeof Reconfiguration>[0]['raftStatus']> {
    const progress = new Map(Object.entries(this.match).map(([id, match]) => [id, { match }]))
    return { id: MEMBER_ID, role: this.role, lastIndex: 100, progress }
  }
}

let subject: Subject
beforeEach(async () => {
  subject = await Subject.start()
})

const HEADER = { clusterId: CLUSTER_ID, memberId: MEMBER_ID, raftTerm: 5 }

describe('MemberAdd', () => {
  test('answers with the new member, all members, and a header without revision', async () => {
    const answer = await subject.add(['http://127.0.0.1:35411'])
    // The id that etcd gave the same member in the same second.
    const id = '010d28b93c9fdc1c'
    const member = {
      id,
      name: '',
      peerUrls: ['http://127.0.0.1:35411'],
      clientUrls: [],
      isLearner: false,
    }
    expect(answer).toMatchObject({ header: HEADER, member })
    expect(answer).toMatchObject({
      members: [{ id: MEMBER_ID, name: 'm0' }, { id: OTHER_ID }, member],
    })
    expect(Object.keys((answer as { header: object }).header)).not.toContain('revision')
    expect(subject.member.applier.membership.get(id)).toEqual(member)
  })

  test('of a learner makes a learner, as many as the settings allow', async () => {
    expect(await subject.add(['http://n:1'], true)).toMatchObject({ member: { isLearner: true } })
    expect(subject.member.applier.membership.learnerCount).toBe(1)
    expect(await subject.add(['http://n:2'], true)).toBe(
      'etcdserver: too many learner members in cluster',
    )
    expect(await subject.add(['http://p:0'], true)).toBe('etcdserver: Peer URLs already exists')
  })

  test('sorts the URLs, and takes each of them once', async () => {
    const answer = await subject.add([' http://n:2', 'HTTP://n:1', 'http://n:2'])
    const peerUrls = ['http://n:1', 'http://n:2']
    const id = memberIdOf(peerUrls, '', Math.floor(WALL_MS / 1000))
    expect(answer).toMatchObject({ member: { id, peerUrls } })
  })

  test.each([
    [[]],
    [['nonsense']],
    [['']],
    [['http://h:1/path']],
    [['ftp://h:1']],
    [['http://h']],
    [['http://h:1', 'bad']],
    [['http://h:1,http://h:2']],
    [['http://h:99999']],
    [['http://user@h:1']],
  ])('of %o is refused for its URLs', async (urls) => {
    expect(await subject.add(urls)).toBe('etcdserver: given member URLs are invalid')
    expect(await subject.call('MemberUpdate', { id: OTHER_ID, peerUrls: urls })).toBe(
      'etcdserver: given member URLs are invalid',
    )
    expect(subject.proposals).toEqual([])
  })

  test('of a URL in use is refused', async () => {
    expect(await subject.add(['http://p:1'])).toBe('etcdserver: Peer URLs already exists')
  })

  test('of the same URL twice in a second is refused for its id', async () => {
    await subject.add(['http://n:1'], true)
    expect(await subject.add(['http://n:1'], true)).toBe('etcdserver: member ID already exist')
  })

  test('that endangers the quorum is not proposed', async () => {
    subject.activeSince.delete(OTHER_ID)
    expect(await subject.add(['http://n:1'])).toBe('etcdserver: unhealthy cluster')
    expect(await subject.add(['http://n:1'], true)).toBe('etcdserver: unhealthy cluster')
    expect(subject.proposals).toEqual([])
    expect(subject.logger.messages).toEqual(Array(2).fill('rejecting member add request'))
  })
})

describe('MemberRemove', () => {
  test('answers with those that are left', async () => {
    const answer = await subject.call('MemberRemove', { id: OTHER_ID })
    expect(answer).toMatchObject({ header: HEADER, members: [{ id: MEMBER_ID }] })
    expect(subject.ids).toEqual([MEMBER_ID])
    expect(await subject.call('MemberRemove', { id: OTHER_ID })).toBe(
      'etcdserver: member not found',
    )
  })

  test.each([STRANGER_ID, ''])('of %o, which is not there, is refused', async (id) => {
    expect(await subject.call('MemberRemove', { id })).toBe('etcdserver: member not found')
  })

  test('of the last member is not proposed', async () => {
    await subject.call('MemberRemove', { id: OTHER_ID })
    expect(await subject.call('MemberRemove', { id: MEMBER_ID })).toBe(
      'etcdserver: re-configuration failed due to not enough started members',
    )
    expect(subject.proposals.length).toBe(1)
  })
})

describe('MemberUpdate', () => {
  test('changes the peer URLs and nothing else', async () => {
    const peerUrls = ['http://new:1', 'http://new:2']
    const answer = await subject.call('MemberUpdate', { id: OTHER_ID, peerUrls })
    const updated = { id: OTHER_ID, name: 'm1', peerUrls, clientUrls: [], isLearner: false }
    expect(answer).toEqual({ header: HEADER, members: [expect.anything(), updated] })
  })

  test('of a stranger, or to the URL of another, is refused', async () => {
    const update = (id: string, url: string): Promise<unknown> =>
      subject.call('MemberUpdate', { id, peerUrls: [url] })
    expect(await update(STRANGER_ID, 'http://n:1')).toBe('etcdserver: member not found')
    expect(await update(OTHER_ID, 'http://p:0')).toBe('etcdserver: Peer URLs already exists')
    expect(await update(OTHER_ID, 'http://p:1')).toMatchObject({ header: HEADER })
  })
})

describe('MemberList', () => {
  test('is confirmed by a quorum when asked to be', async () => {
    expect(await subject.call('MemberList', { linearizable: false })).toMatchObject({
      header: HEADER,
      members: [{ id: MEMBER_ID }, { id: OTHER_ID }],
    })
    expect(subject.reads).toBe(0)
    await subject.call('MemberList', { linearizable: true })
    expect(subject.reads).toBe(1)
    subject.read = 'timeout'
    expect(await subject.call('MemberList', { linearizable: true })).toBe(
      'etcdserver: request timed out',
    )
  })
})

describe('MemberPromote', () => {
  let learner: string
  const promote = (id = learner): Promise<unknown> => subject.call('MemberPromote', { id })

  beforeEach(async () => {
    const answer = (await subject.add(['http://n:1'], true)) as { member: { id: string } }
    learner = answer.member.id
    subject.activeSince.set(learner, subject.clock.nowMs())
    subject.match = { [MEMBER_ID]: 100, [learner]: 95 }
    subject.proposals.length = 0
    subject.reads = 0
  })

  test('at the leader gives the learner a vote, once it knows its own state', async () => {
    expect(await promote()).toMatchObject({
      header: HEADER,
      members: [{ id: MEMBER_ID }, { id: OTHER_ID }, { id: learner, isLearner: false }],
    })
    expect(subject.reads).toBe(1)
    expect(subject.forwarded).toEqual([])
    expect(await promote()).toBe('etcdserver: can only promote a learner member')
    expect(subject.promotions).toEqual(['ok', 'member-not-learner'])
  })

  test('of a learner that lags or is away is not proposed', async () => {
    const notReady = 'etcdserver: can only promote a learner member which is in sync with leader'
    subject.match = { [MEMBER_ID]: 100, [learner]: 80 }
    expect(await promote()).toBe(notReady)
    subject.match = { [MEMBER_ID]: 100, [learner]: 100 }
    subject.activeSince.delete(learner)
    expect(await promote()).toBe(notReady)
    expect(subject.proposals).toEqual([])
    expect(subject.logger.messages).toEqual(Array(2).fill('rejecting member promote request'))
  })

  test('of a voter, a stranger or a removed member is refused', async () => {
    expect(await promote(OTHER_ID)).toBe('etcdserver: can only promote a learner member')
    expect(await promote(STRANGER_ID)).toBe('etcdserver: member not found')
    await subject.call('MemberRemove', { id: learner })
    expect(await promote()).toBe('etcdserver: member not found')
  })

  test('whose leader cannot confirm its office ends with that', async () => {
    subject.read = 'timeout'
    expect(await promote()).toBe(
      'etcdserver: request timed out, waiting for the applied index took too long',
    )
    subject.read = 'stopped'
    expect(await promote()).toBe('etcdserver: server stopped')
    expect(subject.proposals).toEqual([])
  })

  test('at a follower is decided by the leader, whose answer counts', async () => {
    subject.leader = OTHER_ID
    subject.role = 'follower'
    const members = subject.member.applier.membership.members
    subject.forwardOutcome = { ok: true, revision: 0, response: { members } }
    expect(await promote()).toEqual({ header: HEADER, members })
    expect(subject.forwarded).toEqual([[OTHER_ID, learner]])
    subject.forwardOutcome = { ok: false, error: 'learner-not-ready' }
    expect(await promote()).toContain('in sync with leader')
    subject.forwardOutcome = { ok: false, error: 'timeout' }
    expect(await promote()).toBe('etcdserver: request timed out')
    expect(subject.forwarded.length).toBe(3)
    expect(subject.proposals).toEqual([])
    expect(subject.promotions).toEqual([])
  })

  test('follows the leader when it has moved', async () => {
    subject.leader = OTHER_ID
    subject.role = 'follower'
    subject.forwardOutcome = { ok: false, error: 'not-leader' }
    let pauses = 0
    subject.onPause = () => {
      if (++pauses === 1) subject.leader = ''
      if (pauses === 3) [subject.leader, subject.role] = [MEMBER_ID, 'leader']
    }
    expect(await promote()).toMatchObject({ header: HEADER })
    expect(subject.forwarded.length).toBe(1)
    expect(pauses).toBe(3)
  })

  test('that finds no leader in time says so', async () => {
    subject.leader = ''
    const startMs = subject.clock.nowMs()
    expect(await promote()).toBe('etcdserver: no leader')
    expect(subject.clock.nowMs() - startMs).toBe(TIMEOUT_MS)
    subject.leader = OTHER_ID
    subject.forwardOutcome = { ok: false, error: 'not-leader' }
    expect(await promote()).toBe('etcdserver: request timed out')
  })

  test('ends with the server', async () => {
    subject.leader = ''
    subject.onPause = () => void (subject.running = false)
    expect(await promote()).toBe('etcdserver: server stopped')
  })

  test('asked for by another member is not passed on again', async () => {
    subject.leader = OTHER_ID
    expect(await subject.service.promote(learner)).toEqual({ ok: false, error: 'not-leader' })
    subject.leader = MEMBER_ID
    subject.role = 'follower'
    expect(await subject.service.promote(learner)).toEqual({ ok: false, error: 'not-leader' })
    expect(subject.forwarded).toEqual([])
    expect(subject.proposals).toEqual([])
  })
})
