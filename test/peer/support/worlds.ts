/** Members that talk to each other, over TCP or in memory, through links that a test can cut. */

import { MemoryNetwork, type MemoryScheduler } from '../../../src/peer/memory-network.ts'
import type { PeerLimits } from '../../../src/peer/limits.ts'
import { NO_OBSERVER } from '../../../src/peer/observer.ts'
import type { Transport } from '../../../src/peer/ports.ts'
import { TcpTransport } from '../../../src/peer/tcp-transport.ts'
import type { Clock, Logger, LogFields, Random } from '../../../src/base/ports.ts'
import type { MemberId } from '../../../src/raft/types.ts'
import { Proxy } from './proxy.ts'
import { Recorder } from './recorder.ts'

export const A = 'aaaaaaaaaaaaaaa1'
export const B = 'bbbbbbbbbbbbbbb2'
export const C = 'ccccccccccccccc3'
export const CLUSTER = 'cdf818194e3a8c32'

export interface Member {
  readonly id: MemberId
  readonly transport: Transport
  readonly events: Recorder
}

export interface World {
  join(id: MemberId): Promise<Member>
  /** The peers of a member by their ids, whether they have joined or not. */
  setPeers(member: Member, ids: readonly MemberId[], strangers?: readonly MemberId[]): void
  cut(from: MemberId, to: MemberId): void
  heal(from: MemberId, to: MemberId): void
  close(): Promise<void>
}

export const clock: Clock = { nowMs: () => performance.now() }
export const random: Random = { below: (bound) => Math.floor(Math.random() * bound) }

export const TEST_LIMITS: Partial<PeerLimits> = {
  tickMs: 20,
  reconnectMinMs: 2,
  reconnectMaxMs: 20,
}

export class LogRecorder implements Logger {
  readonly lines: { level: string; message: string; fields: LogFields }[] = []

  debug(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'debug', message, fields })
  }
  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'info', message, fields })
  }
  warn(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'warn', message, fields })
  }
  error(message: string, fields: LogFields = {}): void {
    this.lines.push({ level: 'error', message, fields })
  }

  of(message: string): LogFields[] {
    return this.lines.filter((line) => line.message === message).map(({ fields }) => fields)
  }
}

export class MemoryWorld implements World {
  readonly #network = new MemoryNetwork(eventLoop)
  readonly #transports: Transport[] = []

  async join(id: MemberId): Promise<Member> {
    const events = new Recorder()
    const transport = this.#network.join(id, events)
    this.#transports.push(transport)
    return { id, transport, events }
  }

  setPeers(member: Member, ids: readonly MemberId[], strangers: readonly MemberId[] = []): void {
    member.transport.setPeers(
      ids.map((id) => ({ id, urls: [`memory:${id}`], isStranger: strangers.includes(id) })),
    )
  }

  cut(from: MemberId, to: MemberId): void {
    this.#network.cut(from, to)
  }

  heal(from: MemberId, to: MemberId): void {
    this.#network.heal(from, to)
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.stop()))
  }
}

const eventLoop: MemoryScheduler = {
  nowMs: () => clock.nowMs(),
  schedule: (step) => void setImmediate(step),
  after: (delayMs, step) => {
    const timer = setTimeout(step, delayMs)
    return () => clearTimeout(timer)
  },
}

export interface TcpMember extends Member {
  readonly transport: TcpTransport
  readonly log: LogRecorder
  readonly port: number
}

export class TcpWorld implements World {
  readonly #limits: Partial<PeerLimits>
  readonly #ports = new Map<MemberId, number>()
  readonly #transports: Transport[] = []
  readonly #proxies = new Map<string, Proxy>()

  constructor(limits: Partial<PeerLimits> = {}) {
    this.#limits = { ...TEST_LIMITS, ...limits }
  }

  async join(
    id: MemberId,
    options: { port?: number; random?: Random; clusterId?: string } = {},
  ): Promise<TcpMember> {
    const events = new Recorder()
    const log = new LogRecorder()
    const listening = await TcpTransport.listen({
      clusterId: options.clusterId ?? CLUSTER,
      memberId: id,
      listenUrls: [{ host: '127.0.0.1', port: options.port ?? 0, href: 'http://127.0.0.1' }],
      advertiseUrls: [advertised(id)],
      events,
      describeCluster: () => undefined,
      clock,
      random: options.random ?? random,
      logger: log,
      observer: NO_OBSERVER,
      limits: this.#limits,
    })
    if (!listening.ok) throw new Error(listening.message)
    const { transport } = listening
    const port = transport.ports[0] as number
    this.#transports.push(transport)
    this.#ports.set(id, port)
    for (const other of [A, B, C]) {
      await this.#addProxy(id, other)
      await this.#addProxy(other, id)
    }
    return { id, transport, events, log, port }
  }

  setPeers(member: Member, ids: readonly MemberId[], strangers: readonly MemberId[] = []): void {
    member.transport.setPeers(
      ids
        .filter((id) => id !== member.id)
        .map((id) => ({
          id,
          urls: [this.proxy(member.id, id).url],
          isStranger: strangers.includes(id),
        })),
    )
  }

  proxy(from: MemberId, to: MemberId): Proxy {
    return this.#proxies.get(`${from}>${to}`) as Proxy
  }

  cut(from: MemberId, to: MemberId): void {
    this.proxy(from, to).set('cut')
  }

  heal(from: MemberId, to: MemberId): void {
    this.proxy(from, to).set('open')
  }

  async close(): Promise<void> {
    await Promise.all(this.#transports.map((transport) => transport.stop()))
    await Promise.all([...this.#proxies.values()].map((proxy) => proxy.close()))
  }

  async #addProxy(from: MemberId, to: MemberId): Promise<void> {
    const name = `${from}>${to}`
    if (from === to || this.#proxies.has(name)) return
    // Port 1 refuses: the member has not joined.
    this.#proxies.set(name, await Proxy.listen(() => this.#ports.get(to) ?? 1))
  }
}

/** What a member says of where it can be reached. */
export function advertised(id: MemberId): string {
  return `http://${id}:2380`
}

/** Two members that have each other as peers, connected both ways. */
export async function pair<W extends World>(world: W): Promise<[Member, Member]> {
  const a = await world.join(A)
  const b = await world.join(B)
  await connectPair(world, a, b)
  return [a, b]
}

export async function connectPair(world: World, a: Member, b: Member): Promise<void> {
  world.setPeers(a, [a.id, b.id])
  world.setPeers(b, [a.id, b.id])
  await connected(a, b)
}

export async function connected(a: Member, b: Member): Promise<void> {
  const isActive = (): boolean =>
    a.transport.activeSinceMs(b.id) !== undefined && b.transport.activeSinceMs(a.id) !== undefined
  while (!isActive()) await new Promise((resolve) => setImmediate(resolve))
}
