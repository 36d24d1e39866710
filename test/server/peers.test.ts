import { describe, expect, test } from 'vitest'

import type { Peer, Transport } from '../../src/peer/ports.ts'
import { encodePeerRequest } from '../../src/rpc/codec/quoratepb.ts'
import { bootstrap } from '../../src/server/bootstrap.ts'
import { PeerGateway } from '../../src/server/peer-gateway.ts'
import { Server } from '../../src/server/server.ts'
import { SOLO_TRANSPORT } from '../support/solo-transport.ts'
import { ManualClock, turns } from './support/doubles.ts'
import { CLUSTER_ID, MEMBER_ID } from './support/member.ts'
import {
  bootstrapOptions,
  foundedBy,
  newDisks,
  openDisks,
  serverOptions,
} from './support/test-server.ts'

const ONE = { id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1'] }
const TWO = { id: '0000000000000002', name: 'two', peerUrls: ['http://p:2'] }
const THREE = { id: '0000000000000003', name: '', peerUrls: ['http://p:3'] }
const JOINED = [ONE, TWO].map((member) => ({ ...member, clientUrls: [], isLearner: false }))

class Setting {
  peers: readonly Peer[] = []
  removed: readonly string[] = []
  readonly active = new Set<string>()
  readonly clock = new ManualClock()
  readonly disks = newDisks()
  readonly server: Promise<Server>

  constructor(origin = foundedBy([ONE])) {
    this.server = this.#boot(origin)
  }

  async #boot(origin: ReturnType<typeof foundedBy>): Promise<Server> {
    const storage = openDisks(this.disks)
    const booted = await bootstrap(storage, bootstrapOptions({ origin: async () => origin }))
    if (!booted.ok) throw new Error(booted.message)
    const transport: Transport = {
      ...SOLO_TRANSPORT,
      setPeers: (peers) => (this.peers = peers),
      setRemoved: (ids) => (this.removed = ids),
      activeSinceMs: (id) => (this.active.has(id) ? 0 : undefined),
    }
    return new Server(storage, booted.member, serverOptions({ transport, clock: this.clock }))
  }

  get urls(): string[] {
    return this.peers.flatMap(({ urls }) => urls)
  }
}

describe('whom a member talks to', () => {
  test('are at first those it was told of, and never itself', async () => {
    const setting = new Setting({
      ok: true,
      type: 'joined',
      clusterId: CLUSTER_ID,
      memberId: MEMBER_ID,
      members: JOINED,
    })
    const server = await setting.server
    void server.start()
    expect(setting.peers).toEqual([{ id: TWO.id, urls: TWO.peerUrls }])
    await server.stop()
  })

  test('are those of the log once it is applied, as they change', async () => {
    const setting = new Setting()
    const server = await setting.server
    await server.start()
    expect(setting.urls).toEqual([])
    const call = server.methods().find(({ path }) => path.endsWith('/MemberAdd'))
    if (call?.kind !== 'unary') throw new Error('there is such a method')
    const context = { metadata: () => undefined } as never
    await call.handle({ peerUrls: THREE.peerUrls, isLearner: true }, context)
    expect(setting.urls).toEqual(THREE.peerUrls)
    const remove = server.methods().find(({ path }) => path.endsWith('/MemberRemove'))
    if (remove?.kind !== 'unary') throw new Error('there is such a method')
    const [added] = setting.peers
    await remove.handle({ id: added?.id }, context)
    // It is still to learn of it.
    server.peers.tick()
    expect([setting.urls, setting.removed]).toEqual([THREE.peerUrls, []])
    setting.clock.advance(2000)
    server.peers.tick()
    expect(setting.urls).toEqual([])
    expect(setting.removed).toEqual([added?.id])
    await server.stop()
  })
})

describe('strangers', () => {
  const idOf = (n: number): string => n.toString(16).padStart(16, '0')

  test('are forgotten, the oldest first, when there are too many', async () => {
    const setting = new Setting()
    const server = await setting.server
    await server.start()
    for (let n = 10; n < 30; n++) server.peers.onStranger({ id: idOf(n), urls: [`http://s:${n}`] })
    server.peers.onStranger({ id: idOf(20), urls: ['http://s:other'] })
    expect(setting.peers).toHaveLength(16)
    expect(setting.peers.every(({ isStranger }) => isStranger === true)).toBe(true)
    expect(setting.peers.find(({ id }) => id === idOf(13))).toBeUndefined()
    expect(setting.peers.at(-1)).toEqual({
      id: idOf(20),
      urls: ['http://s:other'],
      isStranger: true,
    })
    await server.stop()
  })
})

describe('the first connection', () => {
  test('is told once, also when it is to one that the log does not name yet', async () => {
    const setting = new Setting({
      ok: true,
      type: 'joined',
      clusterId: CLUSTER_ID,
      memberId: MEMBER_ID,
      members: JOINED,
    })
    const { peers } = await setting.server
    expect(peers.takeFirstConnection()).toBe(false)
    setting.active.add(TWO.id)
    expect(peers.takeFirstConnection()).toBe(true)
    expect(peers.takeFirstConnection()).toBe(false)
  })
})

describe('a member that is asked for its cluster', () => {
  test('tells nothing while it knows none, and then all members', async () => {
    const setting = new Setting()
    const server = await setting.server
    const gateway = new PeerGateway()
    expect(gateway.describeCluster()).toBeUndefined()
    gateway.open(server.peers)
    expect(gateway.describeCluster()).toBeUndefined()
    await server.start()
    expect(gateway.describeCluster()).toMatchObject({
      clusterId: CLUSTER_ID,
      members: [{ id: MEMBER_ID, peerUrls: ONE.peerUrls, clientUrls: ['http://c:1'] }],
    })
    await server.stop()
  })
})

describe('before the server is there', () => {
  test('messages and states are dropped and questions refused', async () => {
    const gateway = new PeerGateway()
    gateway.onMessage({ type: 'MsgTimeoutNow', from: TWO.id, to: MEMBER_ID, term: 1 })
    gateway.onUnreachable(TWO.id)
    gateway.onRemoved()
    expect(gateway.onSnapshot({} as never, new Uint8Array(0))).toBeUndefined()
    const question = encodePeerRequest({ request: { case: 'leaseRenewal', value: { lease: 1n } } })
    await expect(gateway.onCall(TWO.id, question)).rejects.toThrow('starts')
    const setting = new Setting()
    gateway.open((await setting.server).peers)
    await expect(gateway.onCall(TWO.id, question)).rejects.toThrow('starts')
    await turns()
  })
})
