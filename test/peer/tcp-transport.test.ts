/** What only the real transport can show: sockets that break, lie, flood or say nothing. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dataFrame, FrameReader } from '../../src/peer/frame.ts'
import { decodeHello, helloFrame, type StreamKind } from '../../src/peer/handshake.ts'
import { packedMessages } from '../../src/peer/message-codec.ts'
import { NO_OBSERVER } from '../../src/peer/observer.ts'
import { unpackArray } from '../../src/peer/packing.ts'
import { TcpTransport } from '../../src/peer/tcp-transport.ts'
import { append, eachOf, heartbeat, outgoing, recordBatches } from './support/messages.ts'
import { eventually, Recorder, turns } from './support/recorder.ts'
import {
  A,
  B,
  C,
  clock,
  CLUSTER,
  connected,
  LogRecorder,
  pair,
  random,
  type TcpMember,
  TcpWorld,
} from './support/worlds.ts'

let world: TcpWorld
const sockets: Socket[] = []
const servers: Server[] = []

beforeEach(() => {
  world = new TcpWorld()
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await world.close()
  for (const server of servers.splice(0)) server.close()
})

/** A connection that a test writes to by hand. */
interface RawConnection {
  readonly socket: Socket
  readonly received: readonly unknown[][]
  isClosed: boolean
}

async function dialRaw(port: number): Promise<RawConnection> {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  return rawConnection(socket)
}

function rawConnection(socket: Socket): RawConnection {
  const reader = new FrameReader(2 ** 26)
  const received: unknown[][] = []
  const raw = { socket, received, isClosed: false }
  socket.on('error', () => undefined)
  socket.on('close', () => (raw.isClosed = true))
  socket.on('data', (piece: Buffer) => {
    reader.push(piece)
    for (let frame = reader.next(); typeof frame === 'object'; frame = reader.next()) {
      if (frame.type === 'data') received.push([...(unpackArray(frame.body) ?? ['?'])])
    }
  })
  return raw
}

function hello(kind: StreamKind, fields: { clusterId?: string; from?: string; to?: string } = {}) {
  return helloFrame({ kind, clusterId: CLUSTER, from: A, to: B, ...fields })
}

/** A connection of member A to this one that has been accepted. */
async function accepted(b: TcpMember, kind: StreamKind): Promise<RawConnection> {
  const raw = await dialRaw(b.port)
  raw.socket.write(hello(kind))
  await eventually(() => raw.received.length === 1)
  expect(raw.received[0]).toEqual(['ok'])
  return raw
}

describe('listening', () => {
  test('an address in use is told in one sentence', async () => {
    const b = await world.join(B)
    const url = `http://127.0.0.1:${b.port}`
    const again = await TcpTransport.listen({
      clusterId: CLUSTER,
      memberId: A,
      listenUrls: [
        { host: '127.0.0.1', port: 0, href: 'http://127.0.0.1:0' },
        { host: '127.0.0.1', port: b.port, href: url },
      ],
      events: new Recorder(),
      describeCluster: () => undefined,
      clock,
      random,
      logger: new LogRecorder(),
      observer: NO_OBSERVER,
    })
    expect(again).toEqual({
      ok: false,
      message: `cannot listen on ${url}: address already in use; stop what listens there, or choose another with --listen-peer-urls`,
    })
  })
})

describe('the handshake', () => {
  test('with a member of another cluster is told of', async () => {
    const b = await world.join(B)
    const a = await world.join(A, { clusterId: 'ffffffffffffffff' })
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${b.port}`] }])
    await eventually(() => a.events.foreign.includes(B))
    expect(b.events.foreign).toEqual([])
  })

  test.each<[string, Parameters<typeof hello>[1], string]>([
    ['another cluster', { clusterId: 'ffffffffffffffff' }, 'wrong-cluster'],
    ['meant for another member', { to: C }, 'wrong-member'],
    ['that says it is this very member', { from: B }, 'wrong-member'],
    ['that has been removed', { from: C }, 'removed'],
  ])('of a member of %s is refused, with a line', async (_name, fields, answer) => {
    const b = await world.join(B)
    b.transport.setRemoved([C])
    const raw = await dialRaw(b.port)
    raw.socket.write(hello('messages', fields))
    await eventually(() => raw.isClosed)
    expect(raw.received).toEqual([[answer]])
    const [line] = b.log.of('refused a peer connection')
    expect(line?.['reason']).toBe(answer)
    expect(b.events.callbacks).toBe(0)
  })

  test('of another version of the protocol is refused', async () => {
    const b = await world.join(B)
    const raw = await dialRaw(b.port)
    raw.socket.write(dataFrame(['quorate-peer', 2, 'something', 'new']))
    await eventually(() => raw.isClosed)
    expect(raw.received).toEqual([['wrong-version']])
  })

  test.each<[string, Buffer]>([
    ['HTTP', Buffer.from('GET /members HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['TLS', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 7, 7, 7, 7])],
    ['zeros', Buffer.alloc(100)],
    ['a huge length', Buffer.from([0xff, 0xff, 0xff, 0xff, 0])],
    ['a hello of 70 KiB', dataFrame(['quorate-peer', 1, 'x'.repeat(70_000)])],
    ['an unknown kind', dataFrame(['quorate-peer', 1, 'other', CLUSTER, A, B])],
    ['an id that is none', dataFrame(['quorate-peer', 1, 'messages', CLUSTER, 'a', B])],
    ['a message without a hello', dataFrame(packedMessages([heartbeat(A, B, 1)]))],
    ['an array in its place', dataFrame([[['quorate-peer']]])],
  ])('of %s is no handshake: the connection is dropped', async (_name, bytes) => {
    const b = await world.join(B)
    const raw = await dialRaw(b.port)
    raw.socket.write(bytes)
    await eventually(() => raw.isClosed)
    expect(raw.received).toEqual([])
    expect(b.log.of('dropped a peer connection before its handshake')).toHaveLength(1)
  })

  test('that does not come to its end is not waited for', async () => {
    world = new TcpWorld({ handshakeTimeoutMs: 100 })
    const b = await world.join(B)
    const silent = await dialRaw(b.port)
    const slow = await dialRaw(b.port)
    const bytes = hello('messages')
    let sent = 0
    const timer = setInterval(() => {
      if (sent < 20) slow.socket.write(bytes.subarray(sent, ++sent))
    }, 20)
    await eventually(() => silent.isClosed && slow.isClosed)
    clearInterval(timer)
    expect(sent).toBeLessThan(20)
  })

  test('is dialed again until it works, and told once', async () => {
    const a = await world.join(A)
    world.setPeers(a, [B])
    await eventually(() => world.proxy(A, B).accepted > 6)
    expect(a.log.lines.map(({ message }) => message)).toEqual(['failed to connect to a peer'])
    const b = await world.join(B)
    world.setPeers(b, [A])
    await connected(a, b)
    expect(a.log.of('peer became active')).toHaveLength(1)
    world.cut(A, B)
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    const count = world.proxy(A, B).accepted
    await eventually(() => world.proxy(A, B).accepted > count + 6)
    const inactive = 'peer became inactive (message send to peer failed)'
    expect(a.log.of(inactive)).toHaveLength(1)
    expect(a.log.of('failed to connect to a peer')).toHaveLength(2)
  })

  test('is tried again after delays that grow, and are short again after a good connection', async () => {
    const bounds: number[] = []
    const below = (bound: number): number => {
      bounds.push(bound)
      return 0
    }
    world = new TcpWorld({ reconnectMinMs: 2, reconnectMaxMs: 64 })
    const a = await world.join(A, { random: { below } })
    world.setPeers(a, [B])
    await eventually(() => bounds.filter((bound) => bound === 33).length >= 2)
    expect([...new Set(bounds)]).toEqual([2, 3, 5, 9, 17, 33])
    const b = await world.join(B)
    world.setPeers(b, [A])
    await connected(a, b)
    expect((await a.transport.call(B, Buffer.from('x'), 10_000)).ok).toBe(true)
    await turns(5)
    bounds.length = 0
    world.cut(A, B)
    // A connection for another kind of traffic may have been waiting for its next try all the time.
    await eventually(() => bounds.includes(2))
  })

  test('with a member of another cluster fails, with one line on each side', async () => {
    const a = await world.join(A)
    const b = await world.join(B, { clusterId: 'eeeeeeeeeeeeeeee' })
    world.setPeers(a, [B])
    world.setPeers(b, [A])
    await eventually(() => world.proxy(A, B).accepted > 6)
    for (const member of [a, b] as TcpMember[]) {
      expect(member.log.of('refused a peer connection')).toHaveLength(1)
      const [failure] = member.log.of('failed to connect to a peer')
      expect(failure?.['error']).toBe('it belongs to another cluster')
    }
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
  })

  test('finds out that a port belongs to another member now', async () => {
    const a = await world.join(A)
    const c = await world.join(C)
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${c.port}`] }])
    await eventually(() => a.log.of('failed to connect to a peer').length === 1)
    expect(a.log.of('failed to connect to a peer')[0]?.['error']).toBe(
      'another member listens there',
    )
    expect(c.events.callbacks).toBe(0)
  })
})

describe('URLs of a peer', () => {
  test('are tried in turn', async () => {
    const b = await world.join(B)
    const a = await world.join(A)
    world.setPeers(b, [A])
    const urls = ['https://127.0.0.1:1', 'http://127.0.0.1:1', `http://127.0.0.1:${b.port}`]
    a.transport.setPeers([{ id: B, urls }])
    await connected(a, b)
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, eachOf([])))).toBe(true)
  })

  test('that changed are used for the next connection, and one that works stays', async () => {
    const [a, b] = (await pair(world)) as [TcpMember, TcpMember]
    const proxy = world.proxy(A, B)
    const sinceMs = a.transport.activeSinceMs(B)
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${b.port}`] }])
    a.transport.send([heartbeat(A, B, 1)])
    await eventually(() => b.events.messages.length === 1)
    expect(a.transport.activeSinceMs(B)).toBe(sinceMs)
    expect(proxy.openCount).toBeGreaterThan(0)
    const { accepted } = proxy
    proxy.set('cut')
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    await connected(a, b)
    a.transport.send([heartbeat(A, B, 2)])
    await eventually(() => b.events.messages.length === 2)
    expect(proxy.accepted).toBe(accepted)
  })
})

describe('a connection', () => {
  test('on which nothing is heard any more is given up, on both ends', async () => {
    const [a, b] = await pair(world)
    world.proxy(A, B).set('silent')
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    await eventually(() => b.transport.activeSinceMs(A) === undefined)
    await eventually(() => a.events.unreachable.length > 0)
    world.proxy(A, B).set('cut')
    world.proxy(A, B).set('open')
    await connected(a, b)
  })

  test('to a peer that restarts on the same port is made again', async () => {
    const [a, b] = (await pair(world)) as [TcpMember, TcpMember]
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${b.port}`] }])
    await connected(a, b)
    await b.transport.stop()
    const again = await world.join(B, { port: b.port })
    world.setPeers(again, [A])
    await connected(a, again)
    expect(again.port).toBe(b.port)
    a.transport.send([heartbeat(A, B, 1)])
    await eventually(() => again.events.messages.length === 1)
  })

  test('of an idle pair stays', async () => {
    const [a, b] = (await pair(world)) as [TcpMember, TcpMember]
    const since = a.transport.activeSinceMs(B)
    // Many times the silence that is put up with, ticked by the other member's own clock.
    const raw = await dialRaw(b.port)
    raw.socket.write(hello('messages', { from: C }))
    await eventually(() => raw.isClosed)
    expect(a.transport.activeSinceMs(B)).toBe(since)
    expect(b.transport.activeSinceMs(A)).toBeDefined()
  })

  test.each<[string, StreamKind, Buffer]>([
    ['a malformed message', 'messages', dataFrame([[7, 1]])],
    ['a malformed append', 'append', dataFrame([[1, 1, 1, 1, 1, [1, 9, 9], ['x']]])],
    ['a malformed call', 'call', dataFrame(['x'])],
    ['a malformed snapshot', 'snapshot', dataFrame(['x'])],
    ['records before the head', 'snapshot', dataFrame([2, Buffer.from('k'), Buffer.from('v')])],
    ['a huge frame', 'append', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0])],
    ['a huge call', 'call', Buffer.from([0x01, 0, 0, 0, 0])],
    ['an unknown frame', 'messages', Buffer.from([0, 0, 0, 1, 9, 1])],
  ])('with %s is closed, and nothing else', async (_name, kind, bytes) => {
    const b = await world.join(B)
    const other = await accepted(b, kind === 'messages' ? 'append' : 'messages')
    const raw = await accepted(b, kind)
    raw.socket.write(bytes)
    await eventually(() => raw.isClosed)
    expect(b.events.callbacks).toBe(0)
    other.socket.write(dataFrame(packedMessages([heartbeat(A, B, 1)])))
    await eventually(() => b.events.messages.length === 1)
    expect(other.isClosed).toBe(false)
  })

  test('that ends within a frame ends without a message', async () => {
    const b = await world.join(B)
    const raw = await accepted(b, 'append')
    const frame = dataFrame(packedMessages([append(A, B, 1, 100_000)]))
    raw.socket.write(frame)
    await eventually(() => b.events.messages.length === 1)
    raw.socket.end(frame.subarray(0, 90_000))
    await eventually(() => raw.isClosed)
    expect(b.events.messages).toHaveLength(1)
  })

  test('takes the place of an older one of its kind, of which nothing more is heard', async () => {
    const b = await world.join(B)
    const older = await accepted(b, 'messages')
    const newer = await accepted(b, 'messages')
    await eventually(() => older.isClosed)
    newer.socket.write(dataFrame(packedMessages([heartbeat(A, B, 2)])))
    await eventually(() => b.events.messages.length === 1)
    expect(b.events.messages).toEqual([heartbeat(A, B, 2)])
  })

  test('beyond the limit is refused, and there is room again later', async () => {
    world = new TcpWorld({ maxConnections: 3 })
    const b = await world.join(B)
    const first = await accepted(b, 'messages')
    await accepted(b, 'append')
    await accepted(b, 'call')
    const extra = await dialRaw(b.port)
    extra.socket.write(hello('snapshot'))
    await eventually(() => extra.isClosed)
    expect(extra.received).toEqual([])
    first.socket.destroy()
    await eventually(() => b.events.callbacks === 0 && b.transport !== undefined)
    let raw = await dialRaw(b.port)
    raw.socket.write(hello('messages'))
    while (raw.received.length === 0) {
      await eventually(() => raw.isClosed || raw.received.length > 0)
      if (raw.received.length > 0) break
      raw = await dialRaw(b.port)
      raw.socket.write(hello('messages'))
    }
    expect(raw.received).toEqual([['ok']])
  })

  test('to something that only takes bytes is given up', async () => {
    world = new TcpWorld({ handshakeTimeoutMs: 60 })
    const a = await world.join(A)
    let count = 0
    const server = createServer((socket) => {
      count++
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.resume()
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${port}`] }])
    expect(await a.transport.call(B, Buffer.from('x'), 10_000)).toEqual({
      ok: false,
      error: 'unreachable',
    })
    await eventually(() => count > 5)
    expect(a.log.of('failed to connect to a peer')).toHaveLength(1)
  })

  test.each<[string, Buffer]>([
    ['garbage', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['an unknown word', dataFrame(['maybe'])],
    ['a huge length', Buffer.from([0xff, 0xff, 0xff, 0xff, 0])],
  ])('whose other end answers %s is given up', async (_name, answer) => {
    const a = await world.join(A)
    const hellos: unknown[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => undefined)
      socket.on('data', (bytes) => {
        hellos.push(decodeHello(new Uint8Array(bytes.subarray(5))))
        socket.write(answer)
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${port}`] }])
    await eventually(() => hellos.length > 4)
    expect(hellos[0]).toMatchObject({ kind: 'messages', clusterId: CLUSTER, from: A, to: B })
    expect(a.events.removedCount).toBe(0)
    expect(a.transport.activeSinceMs(B)).toBeUndefined()
  })
})

describe('bulk', () => {
  test('of 64 MiB in flight does not hold up a heartbeat', async () => {
    const [a, b] = await pair(world)
    const bulk = Array.from({ length: 63 }, (_, i) => append(A, B, i, 1024 * 1024))
    a.transport.send(bulk)
    a.transport.send([heartbeat(A, B, 1)])
    await eventually(() => b.events.messages.some(({ type }) => type === 'MsgHeartbeat'))
    const before = b.events.messages.length
    expect(before).toBeLessThan(8)
    // And again in the midst of it.
    await eventually(() => b.events.messages.length >= 20)
    a.transport.send([heartbeat(A, B, 2)])
    const sentAt = b.events.messages.length
    await eventually(
      () => b.events.messages.filter(({ type }) => type === 'MsgHeartbeat').length === 2,
    )
    const position = b.events.messages.findIndex((m) => m.type === 'MsgHeartbeat' && m.round === 2)
    expect(position - sentAt).toBeLessThan(8)
    await eventually(() => b.events.messages.length === 65)
    const indexes = b.events.messages.flatMap((m) => (m.type === 'MsgApp' ? [m.index] : []))
    expect(indexes).toEqual(bulk.map(({ index }) => index))
    expect(a.events.unreachable).toEqual([])
  })

  test('beyond the queue is dropped, the newest first, and told once', async () => {
    world = new TcpWorld({ bulkQueue: { messages: 10, bytes: 2 ** 30 } })
    const [a, b] = await pair(world)
    a.transport.send(Array.from({ length: 100 }, (_, i) => append(A, B, i)))
    await eventually(() => b.events.messages.length === 10)
    await turns(5)
    expect(b.events.messages.map((m) => (m.type === 'MsgApp' ? m.index : 0))).toEqual(
      Array.from({ length: 10 }, (_, i) => i),
    )
    expect(a.events.unreachable).toEqual([B])
    a.transport.send(Array.from({ length: 100 }, (_, i) => append(A, B, i)))
    await eventually(() => a.events.unreachable.length === 2)
  })

  test('is bounded by bytes too, but one message always may go', async () => {
    world = new TcpWorld({ bulkQueue: { messages: 1000, bytes: 10_000 } })
    const [a, b] = await pair(world)
    a.transport.send([append(A, B, 0, 50_000), append(A, B, 1, 50_000)])
    await eventually(() => b.events.messages.length === 1)
    await eventually(() => a.events.unreachable.length === 1)
  })

  test('to a receiver that does not read is bounded', async () => {
    world = new TcpWorld({ bulkQueue: { messages: 1000, bytes: 4 * 1024 * 1024 } })
    const [a, b] = await pair(world)
    world.proxy(A, B).set('silent')
    for (let i = 0; i < 200; i++) {
      a.transport.send([append(A, B, i, 1024 * 1024)])
      await turns(1)
    }
    await eventually(() => a.events.unreachable.length > 0)
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    expect(b.events.messages.length).toBeLessThan(20)
  })

  test('to a member that cannot be reached is told, once in a time', async () => {
    const a = await world.join(A)
    world.setPeers(a, [B])
    await eventually(() => a.log.of('failed to connect to a peer').length > 0)
    for (let i = 0; i < 300; i++) {
      a.transport.send([append(A, B, i)])
      await turns(1)
    }
    expect(a.events.unreachable).toEqual([B])
  })

  test('of a message that fits in no frame is dropped and told; others still go', async () => {
    const [a, b] = await pair(world)
    a.transport.send([append(A, B, 0, 65 * 1024 * 1024)])
    await eventually(() => a.events.unreachable.length === 1)
    a.transport.send([append(A, B, 1)])
    await eventually(() => b.events.messages.length === 1)
  })
})

describe('calls', () => {
  test('beyond the limit are not sent', async () => {
    world = new TcpWorld({ maxCalls: 2 })
    const [a, b] = await pair(world)
    b.events.answer = () => new Promise(() => undefined)
    void a.transport.call(B, Buffer.from('1'), 10_000)
    void a.transport.call(B, Buffer.from('2'), 10_000)
    const third = await a.transport.call(B, Buffer.from('3'), 10_000)
    expect(third).toEqual({ ok: false, error: 'unreachable' })
  })

  test('beyond the limit of the receiver are refused', async () => {
    world = new TcpWorld({ maxCalls: 2 })
    const b = await world.join(B)
    b.events.answer = () => new Promise(() => undefined)
    const raw = await accepted(b, 'call')
    for (const id of [1, 2, 3]) raw.socket.write(dataFrame([id, Buffer.from('x')]))
    await eventually(() => raw.received.length === 2)
    expect(raw.received[1]).toEqual([3])
  })

  test('too large a request is not sent, too large a response is refused', async () => {
    world = new TcpWorld({ maxCallBytes: 1000 })
    const [a, b] = await pair(world)
    const big = Buffer.alloc(1001)
    expect(await a.transport.call(B, big, 10_000)).toEqual({ ok: false, error: 'unreachable' })
    b.events.answer = async () => big
    expect(await a.transport.call(B, Buffer.from('x'), 10_000)).toEqual({
      ok: false,
      error: 'refused',
    })
    b.events.answer = async () => big.subarray(1)
    const largest = await a.transport.call(B, big.subarray(1), 10_000)
    expect(largest.ok).toBe(true)
  })

  test('go through again after their connection broke', async () => {
    const [a, b] = await pair(world)
    expect((await a.transport.call(B, Buffer.from('x'), 10_000)).ok).toBe(true)
    world.cut(A, B)
    await eventually(() => a.transport.activeSinceMs(B) === undefined)
    const failed = await a.transport.call(B, Buffer.from('x'), 10_000)
    expect(failed).toEqual({ ok: false, error: 'unreachable' })
    world.heal(A, B)
    await connected(a, b)
    expect((await a.transport.call(B, Buffer.from('x'), 10_000)).ok).toBe(true)
  })

  test('an answer to a call that nobody made is for nobody', async () => {
    const [a] = await pair(world)
    const server = createServer((socket) => {
      sockets.push(socket)
      const raw = rawConnection(socket)
      socket.once('data', () => {
        socket.write(dataFrame(['ok']))
        socket.write(dataFrame([77, Buffer.from('x')]))
        socket.write(dataFrame([1, Buffer.from('mine')]))
      })
      void raw
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    a.transport.setPeers([{ id: C, urls: [`http://127.0.0.1:${port}`] }])
    const result = await a.transport.call(C, Buffer.from('x'), 10_000)
    expect(result.ok && Buffer.from(result.response).toString()).toBe('mine')
  })
})

describe('snapshots', () => {
  test('with a byte changed on the way are thrown away', async () => {
    const b = await world.join(B)
    const a = await world.join(A)
    const server = createServer((near) => {
      const far = connect(b.port, '127.0.0.1')
      sockets.push(near, far)
      near.on('error', () => undefined)
      far.on('error', () => undefined)
      far.pipe(near)
      let isDamaged = false
      near.on('data', (bytes) => {
        const at = isDamaged ? -1 : bytes.indexOf('precious')
        if (at >= 0) {
          isDamaged = true
          bytes[at] = 'q'.charCodeAt(0)
        }
        far.write(bytes)
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    a.transport.setPeers([{ id: B, urls: [`http://127.0.0.1:${port}`] }])
    const records = [[{ key: Buffer.from('k'), value: Buffer.from('precious') }]]
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, eachOf(records)))).toBe(false)
    await eventually(() => b.events.snapshots[0]?.state === 'aborted')
    expect(b.log.of('failed to receive a snapshot from a peer')[0]?.['reason']).toBe(
      'its digest is wrong',
    )
  })

  test('whose sender falls silent are given up', async () => {
    world = new TcpWorld({ snapshotSilenceTicks: 5 })
    const [a, b] = await pair(world)
    async function* records() {
      yield* recordBatches(2, 100)
      await eventually(() => (b.events.snapshots[0]?.records.length ?? 0) === 20)
      world.proxy(A, B).set('silent')
      yield* recordBatches(2, 100)
    }
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, records()))).toBe(false)
    await eventually(() => b.events.snapshots[0]?.state === 'aborted')
  })

  test('are waited for while their receiver is slow, or makes them durable', async () => {
    world = new TcpWorld({ snapshotSilenceTicks: 5, tickMs: 10, silenceTicks: 50 })
    const [a, b] = (await pair(world)) as [TcpMember, TcpMember]
    const ticksOf = async (count: number): Promise<void> => {
      const until = performance.now() + count * 10
      await eventually(() => performance.now() > until)
    }
    b.events.onWrite = () => ticksOf(1.5)
    b.events.onFinish = () => ticksOf(12)
    const batches = recordBatches(10, 30_000)
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, eachOf(batches)))).toBe(true)
  })

  test('whose receiver hangs are given up by the sender', async () => {
    world = new TcpWorld({ snapshotSilenceTicks: 5 })
    const [a, b] = await pair(world)
    let resume: () => void = () => undefined
    b.events.onWrite = () => new Promise((resolve) => (resume = resolve))
    const records = eachOf(recordBatches(100, 100_000))
    expect(await a.transport.sendSnapshot(B, outgoing(A, B, records))).toBe(false)
    expect(b.events.snapshots[0]?.state).toBe('coming')
    b.events.onWrite = async () => undefined
    resume()
    await eventually(() => b.events.snapshots[0]?.state === 'aborted')
  })

  test('tell of their progress on both sides', async () => {
    world = new TcpWorld({ progressTicks: 1, tickMs: 5 })
    const [a, b] = (await pair(world)) as [TcpMember, TcpMember]
    b.events.onWrite = () =>
      eventually(() => b.log.of('still receiving a snapshot from a peer').length > 0)
    b.events.onFinish = () =>
      eventually(() => a.log.of('still sending a snapshot to a peer').length > 0)
    await a.transport.sendSnapshot(B, outgoing(A, B, eachOf(recordBatches(2, 100))))
    const steps = (log: LogRecorder): string[] => [
      ...new Set(log.lines.map(({ message }) => message).filter((m) => m.includes('snapshot'))),
    ]
    expect(steps(a.log)).toEqual([
      'sending a snapshot to a peer',
      'still sending a snapshot to a peer',
      'sent a snapshot to a peer',
    ])
    expect(steps(b.log)).toEqual([
      'receiving a snapshot from a peer',
      'still receiving a snapshot from a peer',
      'received a snapshot from a peer',
    ])
    const done = b.log.of('received a snapshot from a peer')[0]
    expect(done).toMatchObject({ 'remote-peer-id': A, 'snapshot-index': 10, bytes: 2240 })
  })

  test('that a new one takes the place of let go of their sink first', async () => {
    const b = await world.join(B)
    const head = [0, [14, 3, 10, 2, [A, B], [], [], [], false], 0, 0]
    let resume: () => void = () => undefined
    b.events.onWrite = () => new Promise((resolve) => (resume = resolve))
    const first = await accepted(b, 'snapshot')
    first.socket.write(dataFrame(head))
    first.socket.write(dataFrame([2, Buffer.from('k'), Buffer.from('v')]))
    await eventually(() => b.events.callbacks === 2)
    const second = await accepted(b, 'snapshot')
    second.socket.write(dataFrame(head))
    await eventually(() => first.isClosed)
    await turns(10)
    expect(b.events.snapshots.map(({ state }) => state)).toEqual(['coming'])
    resume()
    await eventually(() => second.received.length === 2)
    expect(b.events.snapshots.map(({ state }) => state)).toEqual(['aborted', 'coming'])
  })

  test('with a checkpoint longer than was said are refused', async () => {
    const b = await world.join(B)
    const raw = await accepted(b, 'snapshot')
    raw.socket.write(dataFrame([0, [14, 3, 10, 2, [A, B], [], [], [], false], 10, 0]))
    raw.socket.write(dataFrame([1, Buffer.alloc(11)]))
    await eventually(() => raw.isClosed)
    expect(b.events.snapshots).toEqual([])
    const [line] = b.log.of('failed to receive a snapshot from a peer')
    expect(line?.['reason']).toBe('the checkpoint is too long')
  })

  test('with a checkpoint that is too long are refused before it comes', async () => {
    world = new TcpWorld({ maxCheckpointBytes: 1000 })
    const [a, b] = await pair(world)
    const large = outgoing(A, B, eachOf([]), Buffer.alloc(1001))
    expect(await a.transport.sendSnapshot(B, large)).toBe(false)
    expect(b.events.snapshots).toEqual([])
  })
})

describe('stop', () => {
  test('leaves no socket and no timer behind', async () => {
    const [a, b] = await pair(world)
    await a.transport.call(B, Buffer.from('x'), 10_000)
    await Promise.all([a.transport.stop(), b.transport.stop()])
    await eventually(() => world.proxy(A, B).openCount === 0)
    await eventually(() => world.proxy(B, A).openCount === 0)
    const left = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')
    await turns(10)
    expect(left.length).toBeLessThanOrEqual(1) // the test's own limit
  })

  test('while dialing, while waiting to dial, and before any peer', async () => {
    const alone = await world.join(A)
    await alone.transport.stop()
    const b = await world.join(B)
    world.setPeers(b, [A, C])
    await b.transport.stop()
    await turns(20)
    expect(b.events.callbacks).toBe(0)
  })
})
