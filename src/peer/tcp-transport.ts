/**
 * The Transport over TCP. From each member to each other one lead separate connections for each
 * kind of traffic, so that none waits behind another:
 *
 *     messages   heartbeats, votes, answers, reads: never behind bulk
 *     append     MsgApp and MsgProp
 *     call       opened with the first call
 *     snapshot   opened for each
 */

import type { Clock, Logger, Random } from '../base/ports.ts'
import { assert } from '../base/assert.ts'
import type { MemberId, Message } from '../raft/types.ts'
import { Acceptor, type ListenUrl } from './acceptor.ts'
import type { ClusterDescription } from './cluster-query.ts'
import type { Connection } from './connection.ts'
import type { MemberHello } from './handshake.ts'
import { Inbound } from './inbound.ts'
import { PEER_DEFAULTS, type PeerLimits } from './limits.ts'
import type { PeerObserver } from './observer.ts'
import { PeerLink } from './peer-link.ts'
import type { CallResult, OutgoingSnapshot, Peer, Transport, TransportEvents } from './ports.ts'

export interface TcpTransportOptions {
  readonly clusterId: string
  readonly memberId: MemberId
  readonly listenUrls: readonly ListenUrl[]
  /** Where the others find this member: told to those who do not know it yet. */
  readonly advertiseUrls?: readonly string[]
  readonly events: TransportEvents
  /** For a member that is about to join; undefined while this one does not know. */
  readonly describeCluster: () => ClusterDescription | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly observer: PeerObserver
  readonly limits?: Partial<PeerLimits>
}

export type TransportResult =
  | { readonly ok: true; readonly transport: TcpTransport }
  /** One sentence for the operator. */
  | { readonly ok: false; readonly message: string }

export class TcpTransport implements Transport {
  readonly #options: TcpTransportOptions
  readonly #limits: PeerLimits
  readonly #connections = new Set<Connection>()
  readonly #links = new Map<MemberId, PeerLink>()
  readonly #inbound: Inbound
  readonly #unreachable = new Set<MemberId>()
  readonly #ticker: NodeJS.Timeout
  #removed: ReadonlySet<MemberId> = new Set()
  /** Links to those of whom only they themselves say that they are members. */
  #strangers: ReadonlySet<MemberId> = new Set()
  #acceptor: Acceptor | undefined
  #isRemovedTold = false
  #isStopped = false

  private constructor(options: TcpTransportOptions) {
    this.#options = options
    this.#limits = { ...PEER_DEFAULTS, ...options.limits }
    const { clock, events, logger, memberId, observer } = options
    this.#inbound = new Inbound({
      clock,
      events,
      limits: this.#limits,
      logger,
      memberId,
      observer,
      connections: this.#connections,
      onActivity: (from, reason) => this.#links.get(from)?.updateActivity(reason),
    })
    this.#ticker = setInterval(() => {
      for (const connection of [...this.#connections]) connection.tick()
    }, this.#limits.tickMs)
  }

  /** Listens; connects to nobody before `setPeers`. */
  static async listen(options: TcpTransportOptions): Promise<TransportResult> {
    const transport = new TcpTransport(options)
    const listening = await Acceptor.listen(options.listenUrls, {
      ...options,
      limits: transport.#limits,
      connections: transport.#connections,
      isRemoved: (id) => transport.#removed.has(id),
      onAccepted: (hello: MemberHello, connection) => {
        transport.#inbound.accept(hello, connection)
        transport.#noteStranger(hello)
      },
    })
    if (!listening.ok) {
      clearInterval(transport.#ticker)
      return listening
    }
    transport.#acceptor = listening.acceptor
    return { ok: true, transport }
  }

  /** The ports that were bound, in the order of the URLs. */
  get ports(): readonly number[] {
    return this.#acceptor?.ports ?? []
  }

  setPeers(peers: readonly Peer[]): void {
    if (this.#isStopped) return
    const others = peers.filter(({ id }) => id !== this.#options.memberId)
    const ids = new Set(others.map(({ id }) => id))
    for (const [id, link] of this.#links) {
      if (ids.has(id)) continue
      this.#links.delete(id)
      link.stop('gone')
    }
    this.#strangers = new Set(others.flatMap(({ id, isStranger }) => (isStranger ? [id] : [])))
    for (const peer of others) this.#setPeer(peer)
  }

  setRemoved(ids: readonly MemberId[]): void {
    this.#removed = new Set(ids)
    for (const id of ids) this.#inbound.drop(id)
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const { memberId } = this.#options
      if (message.type === 'MsgSnap' || message.from !== memberId) {
        assert(false, 'not a message to send', { type: message.type, from: message.from })
        return
      }
      const link = this.#links.get(message.to)
      if (link === undefined) this.#tellUnreachable(message.to)
      else link.send(message)
    }
  }

  call(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<CallResult> {
    if (this.#isStopped) return Promise.resolve({ ok: false, error: 'stopped' })
    const link = this.#links.get(to)
    if (link === undefined) return Promise.resolve({ ok: false, error: 'unreachable' })
    return link.call(request, timeoutMs)
  }

  async sendSnapshot(to: MemberId, snapshot: OutgoingSnapshot): Promise<boolean> {
    const link = this.#links.get(to)
    if (link !== undefined) return link.sendSnapshot(snapshot)
    await snapshot.records[Symbol.asyncIterator]().return?.()
    return false
  }

  activeSinceMs(id: MemberId): number | undefined {
    return this.#links.get(id)?.activeSinceMs
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    clearInterval(this.#ticker)
    const received = this.#inbound.stop()
    for (const link of this.#links.values()) link.stop('stopped')
    this.#links.clear()
    await this.#acceptor?.stop()
    await received
  }

  #setPeer({ id, urls }: Peer): void {
    const existing = this.#links.get(id)
    if (existing !== undefined) {
      existing.setUrls(urls)
      return
    }
    const { clusterId, memberId, clock, random, logger, observer, advertiseUrls } = this.#options
    const link = new PeerLink(
      { id, urls },
      {
        clusterId,
        memberId,
        urls: advertiseUrls ?? [],
        limits: this.#limits,
        clock,
        random,
        logger,
        observer,
        connections: this.#connections,
        isHeard: (from) => this.#inbound.isHeard(from),
        onUnreachable: (to) => this.#tellUnreachable(to),
        onRemoved: () => {
          if (!this.#strangers.has(id)) this.#tellRemoved()
        },
        onForeign: (foreign) => {
          if (this.#isStopped || this.#strangers.has(id)) return
          this.#options.events.onForeign(foreign)
        },
      },
    )
    this.#links.set(id, link)
  }

  #noteStranger({ kind, from, urls = [] }: MemberHello): void {
    if (kind !== 'messages' || urls.length === 0) return
    setImmediate(() => {
      const isKnown = this.#links.has(from) && !this.#strangers.has(from)
      if (this.#isStopped || isKnown || this.#removed.has(from)) return
      this.#options.events.onStranger({ id: from, urls })
    })
  }

  /** From a turn of its own, and once for all that was lost in this one. */
  #tellUnreachable(id: MemberId): void {
    if (this.#unreachable.size === 0) {
      setImmediate(() => {
        const ids = [...this.#unreachable]
        this.#unreachable.clear()
        for (const lost of ids) {
          if (!this.#isStopped) this.#options.events.onUnreachable(lost)
        }
      })
    }
    this.#unreachable.add(id)
  }

  #tellRemoved(): void {
    if (this.#isRemovedTold || this.#isStopped) return
    this.#isRemovedTold = true
    this.#options.logger.warn('a peer says that this member has been removed from the cluster', {
      'local-member-id': this.#options.memberId,
    })
    this.#options.events.onRemoved()
  }
}
