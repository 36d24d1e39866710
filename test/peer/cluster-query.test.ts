import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClusterDescription, queryCluster } from '../../src/peer/cluster-query.ts'
import { dataFrame } from '../../src/peer/frame.ts'
import { NO_OBSERVER } from '../../src/peer/observer.ts'
import { TcpTransport } from '../../src/peer/tcp-transport.ts'
import { Recorder } from './support/recorder.ts'
import { A, B, C, clock, CLUSTER, LogRecorder, random } from './support/worlds.ts'

const MEMBER = {
  id: A,
  name: 'infra0',
  peerUrls: ['http://127.0.0.1:2380', 'http://[::1]:2380'],
  clientUrls: ['http://127.0.0.1:2379'],
  isLearner: false,
}
const NEW_MEMBER = { ...MEMBER, id: B, name: '', clientUrls: [], isLearner: true }
const CLUSTER_OF_TWO = { clusterId: CLUSTER, members: [MEMBER, NEW_MEMBER], removed: [C] }

const transports: TcpTransport[] = []
const servers: Server[] = []
const sockets: Socket[] = []

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
  await Promise.all(transports.splice(0).map((transport) => transport.stop()))
})

async function serving(describeCluster: () => ClusterDescription | undefined): Promise<string> {
  const listening = await TcpTransport.listen({
    clusterId: CLUSTER,
    memberId: A,
    listenUrls: [{ host: '127.0.0.1', port: 0, href: 'http://127.0.0.1:0' }],
    events: new Recorder(),
    describeCluster,
    clock,
    random,
    logger: new LogRecorder(),
    observer: NO_OBSERVER,
  })
  if (!listening.ok) throw new Error(listening.message)
  transports.push(listening.transport)
  return `http://127.0.0.1:${listening.transport.ports[0]}`
}

/** Something that gives this answer to whatever it hears first. */
async function answering(answer: Buffer): Promise<string> {
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(answer))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the question about the cluster', () => {
  test('is answered with its members, without a cluster id in the question', async () => {
    const url = await serving(() => CLUSTER_OF_TWO)
    expect(await queryCluster(url, 5000, clock)).toEqual({ ok: true, cluster: CLUSTER_OF_TWO })
    const { clusterId, members } = CLUSTER_OF_TWO
    const unremoved = await serving(() => ({ clusterId, members }))
    expect(await queryCluster(unremoved, 5000, clock)).toEqual({
      ok: true,
      cluster: { clusterId, members, removed: [] },
    })
  })

  test('a cluster of many members fits', async () => {
    const members = Array.from({ length: 900 }, (_, i) => ({
      ...MEMBER,
      id: (i + 1).toString(16).padStart(16, '0'),
    }))
    const url = await serving(() => ({ clusterId: CLUSTER, members }))
    const result = await queryCluster(url, 5000, clock)
    expect(result.ok && result.cluster.members).toHaveLength(900)
  })

  test('a member that does not know yet says so', async () => {
    const url = await serving(() => undefined)
    expect(await queryCluster(url, 5000, clock)).toEqual({
      ok: false,
      error: 'refused',
      message: 'it is not ready',
    })
  })

  test('nobody there, or nobody that speaks', async () => {
    const nobody = await queryCluster('http://127.0.0.1:1', 5000, clock)
    expect(nobody).toMatchObject({ ok: false, error: 'unreachable' })
    const silent = await answering(Buffer.alloc(0))
    expect(await queryCluster(silent, 50, clock)).toEqual({
      ok: false,
      error: 'unreachable',
      message: 'the handshake timed out',
    })
    const wrong = await queryCluster('ftp://127.0.0.1:1', 5000, clock)
    expect(wrong).toMatchObject({ ok: false, error: 'unreachable' })
  })

  const good: readonly unknown[] = [A, 'infra0', ['http://127.0.0.1:2380'], [], false]
  const spoilt = (at: number, value: unknown): unknown[] => good.with(at, value)

  test.each<[string, unknown[]]>([
    ['something else', ['no']],
    ['no description', ['ok']],
    ['a cluster id that is none', ['ok', ['x', [good], []]]],
    ['no members', ['ok', [CLUSTER, [], []]]],
    ['a member twice', ['ok', [CLUSTER, [good, good], []]]],
    ['a member that is removed', ['ok', [CLUSTER, [good], [A]]]],
    ['an id that is none', ['ok', [CLUSTER, [spoilt(0, 'A'.repeat(16))], []]]],
    ['a name that is none', ['ok', [CLUSTER, [spoilt(1, 5)], []]]],
    ['a member without a peer URL', ['ok', [CLUSTER, [spoilt(2, [])], []]]],
    ['a peer URL with a path', ['ok', [CLUSTER, [spoilt(2, ['http://h:2380/x'])], []]]],
    ['a peer URL with a user', ['ok', [CLUSTER, [spoilt(2, ['http://u@h:2380'])], []]]],
    ['a peer URL without a port', ['ok', [CLUSTER, [spoilt(2, ['http://h'])], []]]],
    ['a peer URL with port 0', ['ok', [CLUSTER, [spoilt(2, ['http://h:0'])], []]]],
    ['a peer URL of a file', ['ok', [CLUSTER, [spoilt(2, ['file:///etc/passwd'])], []]]],
    ['client URLs that are none', ['ok', [CLUSTER, [spoilt(3, [''])], []]]],
    ['a flag that is none', ['ok', [CLUSTER, [spoilt(4, 1)], []]]],
    ['a field more', ['ok', [CLUSTER, [[...good, 1]], []]]],
  ])('an answer of %s is malformed', async (_name, answer) => {
    const url = await answering(dataFrame(answer))
    expect(await queryCluster(url, 5000, clock)).toEqual({
      ok: false,
      error: 'malformed',
      message: 'the answer is not one of a member',
    })
  })

  test('the answers above are malformed for their one fault', async () => {
    const url = await answering(dataFrame(['ok', [CLUSTER, [good], [B]]]))
    expect(await queryCluster(url, 5000, clock)).toMatchObject({ ok: true })
  })

  test('an HTTP server is not followed anywhere', async () => {
    const url = await answering(
      Buffer.from('HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n'),
    )
    expect(await queryCluster(url, 5000, clock)).toMatchObject({ ok: false, error: 'unreachable' })
  })
})
