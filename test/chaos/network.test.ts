import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { dataFrame } from '../../src/peer/frame.ts'
import { helloFrame } from '../../src/peer/handshake.ts'
import { memberIdOf } from '../../src/server/member-id.ts'
import { freePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'
import { PeerNetwork } from './network.ts'

const TOKEN = 'test'
const ID_A = memberIdOf(['http://a'], TOKEN)

interface Link {
  readonly network: PeerNetwork
  readonly a: Socket
  /** B's end of it. */
  readonly b: Socket
  receivedBy(end: Socket): number
  readonly helloBytes: number
}

/** A connection that member a has opened to member b, through the proxy, with its hello sent. */
async function link(before?: (network: PeerNetwork) => void): Promise<Link> {
  const network = new PeerNetwork(TOKEN)
  network.introduce('a', ID_A)
  before?.(network)
  const port = await freePort()
  const server = createServer()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const proxyPort = await network.before('b', port)
  const a = connect(proxyPort, '127.0.0.1')
  onTestFinished(async () => {
    a.destroy()
    await network.close()
    server.close()
  })
  const received = new Map<Socket, number>()
  const count = (socket: Socket): void => {
    socket.on('error', () => undefined)
    socket.on('data', (piece) => received.set(socket, (received.get(socket) ?? 0) + piece.length))
  }
  count(a)
  const accepted = once(server, 'connection')
  const hello = helloFrame({ kind: 'messages', clusterId: ID_A, from: ID_A, to: ID_A })
  a.write(hello)
  const [b] = (await accepted) as [Socket]
  count(b)
  onTestFinished(() => void b.destroy())
  const receivedBy = (end: Socket): number => received.get(end) ?? 0
  return { network, a, b, receivedBy, helloBytes: hello.length }
}

async function reaches(what: string, ask: () => boolean): Promise<void> {
  await until(what, 5000, () => (ask() ? true : undefined))
}

const FRAME = dataFrame(['something', 'that', 'is', 'long', 'enough'])

describe('the network between members', () => {
  it('passes everything on, both ways, the hello too', async () => {
    const { a, b, receivedBy, helloBytes } = await link()
    a.write(FRAME)
    b.write(FRAME)
    await reaches('b has it', () => receivedBy(b) === helloBytes + FRAME.length)
    await reaches('a has it', () => receivedBy(a) === FRAME.length)
  })

  it('holds back one direction alone, and brings it when it is healed', async () => {
    const { network, a, b, receivedBy, helloBytes } = await link()
    await reaches('the hello', () => receivedBy(b) === helloBytes)
    network.set('a', 'b', { type: 'hold' })
    a.write(FRAME)
    b.write(FRAME)
    await reaches('the way back is open', () => receivedBy(a) === FRAME.length)
    expect(receivedBy(b)).toBe(helloBytes)
    network.heal()
    await reaches('b has it', () => receivedBy(b) === helloBytes + FRAME.length)
  })

  it('stops within a frame, and cuts there', async () => {
    const { network, a, b, receivedBy, helloBytes } = await link()
    await reaches('the hello', () => receivedBy(b) === helloBytes)
    network.set('a', 'b', { type: 'stall-in-frame' })
    a.write(FRAME)
    await reaches('its first part', () => receivedBy(b) > helloBytes)
    const closed = once(b, 'close')
    network.cut('b', 'a')
    await closed
    expect(receivedBy(b)).toBeLessThan(helloBytes + FRAME.length)
    expect(network.connections).toBe(0)
  })

  it('brings everything later, in order, under a delay', async () => {
    const delays = [300, 0]
    const { network, a, b, receivedBy, helloBytes } = await link()
    await reaches('the hello', () => receivedBy(b) === helloBytes)
    const pieces: string[] = []
    b.on('data', (piece) => pieces.push(String(piece)))
    network.set('a', 'b', { type: 'delay', ms: () => delays.shift() ?? 0 })
    const sentAt = performance.now()
    a.setNoDelay(true)
    a.write('first')
    await reaches('the proxy has it', () => delays.length === 1)
    a.write('second')
    await reaches('both', () => pieces.join('').length === 11)
    expect(pieces.join('')).toBe('firstsecond')
    expect(performance.now() - sentAt).toBeGreaterThan(299)
  })

  it('ends connections that are refused, and takes no new ones', async () => {
    const { network, a } = await link()
    const closed = once(a, 'close')
    network.setBetween('a', 'b', { type: 'refuse' })
    await closed
    expect(network.connections).toBe(0)
  })
})
