/**
 * The way in for other members: listens, takes the hello of every connection, refuses those that
 * are not meant for this member, and hands the rest on by their kind.
 *
 * A member has at most one connection of each kind: a new one takes the place of an older one,
 * which the dialer has given up and of which nothing more is served.
 */

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Clock, LogFields, Logger } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { type ClusterDescription, descriptionFrame } from './cluster-query.ts'
import { Connection } from './connection.ts'
import { answerFrame, decodeHello, type MemberHello, type Refusal } from './handshake.ts'
import type { PeerLimits } from './limits.ts'
import { ThrottledLog } from './throttled-log.ts'

export interface ListenUrl {
  /** A name or an address; an IPv6 address without brackets. Empty for every interface. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
  /** For messages. */
  readonly href: string
}

export interface AcceptorOptions {
  readonly clusterId: string
  readonly memberId: MemberId
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly connections: Set<Connection>
  readonly isRemoved: (id: MemberId) => boolean
  readonly describeCluster: () => ClusterDescription | undefined
  /** Must call `serve` on it at once. The hello has been accepted and answered. */
  readonly onAccepted: (hello: MemberHello, connection: Connection) => void
}

export type AcceptorResult =
  | { readonly ok: true; readonly acceptor: Acceptor }
  | { readonly ok: false; readonly message: string }

export class Acceptor {
  readonly #options: AcceptorOptions
  readonly #servers: Server[] = []
  /** Their hello has not come yet. */
  readonly #undecided = new Map<Connection, NodeJS.Timeout>()
  readonly #refusals: ThrottledLog
  #openCount = 0
  #isStopped = false

  private constructor(options: AcceptorOptions) {
    this.#options = options
    this.#refusals = new ThrottledLog(options.logger, options.clock)
  }

  static async listen(
    urls: readonly ListenUrl[],
    options: AcceptorOptions,
  ): Promise<AcceptorResult> {
    const acceptor = new Acceptor(options)
    for (const url of urls) {
      const code = await acceptor.#listen(url)
      if (code === undefined) continue
      await acceptor.stop()
      return { ok: false, message: listenFailure(url, code) }
    }
    return { ok: true, acceptor }
  }

  /** The ports that were bound, in the order of the URLs. */
  get ports(): readonly number[] {
    return this.#servers.map((server) => (server.address() as AddressInfo).port)
  }

  /** Takes no more connections. Those that were accepted are closed by whoever serves them. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    for (const connection of [...this.#undecided.keys()]) connection.close('stopped')
    for (const connection of [...this.#options.connections]) connection.close('stopped')
    await Promise.all(closed)
  }

  /** The system's code when it did not work. */
  #listen({ host, port }: ListenUrl): Promise<string | undefined> {
    const server = createServer((socket) => this.#accept(socket))
    return new Promise((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
      server.listen({ port, ...(host === '' ? {} : { host }) }, () => {
        server.removeAllListeners('error')
        server.on('error', (error) =>
          this.#options.logger.error('accepting a peer failed', { error }),
        )
        this.#servers.push(server)
        resolve(undefined)
      })
    })
  }

  #accept(socket: Socket): void {
    const { limits, clock } = this.#options
    socket.on('error', () => undefined)
    if (this.#isStopped || this.#openCount >= limits.maxConnections) {
      if (!this.#isStopped) {
        this.#refusals.warn('many', 'refused a peer connection: too many are open', {})
      }
      socket.destroy()
      return
    }
    this.#openCount++
    socket.once('close', () => this.#openCount--)
    const timer = setTimeout(
      () => connection.close('the handshake timed out'),
      limits.handshakeTimeoutMs,
    )
    const user = {
      onFrame: (body: Uint8Array): void => this.#onHello(connection, body),
      onClosed: (reason: string): void => this.#onDropped(connection, reason),
    }
    const connection = new Connection(socket, { pings: false, clock }, user)
    this.#undecided.set(connection, timer)
  }

  #onHello(connection: Connection, body: Uint8Array): void {
    const hello = decodeHello(body)
    if (hello === undefined) {
      connection.close('the hello is not one of a member')
      return
    }
    clearTimeout(this.#undecided.get(connection))
    this.#undecided.delete(connection)
    if (hello === 'wrong-version') this.#refuse(connection, hello, {})
    else if (hello.kind === 'query') this.#describe(connection)
    else this.#decide(connection, hello)
  }

  #decide(connection: Connection, hello: MemberHello): void {
    const { clusterId, memberId, isRemoved, connections, onAccepted } = this.#options
    const fields = { 'remote-peer-id': hello.from, 'remote-peer-cluster-id': hello.clusterId }
    if (hello.clusterId !== clusterId) this.#refuse(connection, 'wrong-cluster', fields)
    else if (hello.to !== memberId || hello.from === memberId) {
      this.#refuse(connection, 'wrong-member', { ...fields, 'wanted-member-id': hello.to })
    } else if (isRemoved(hello.from)) this.#refuse(connection, 'removed', fields)
    else {
      connection.send(answerFrame('ok'))
      connections.add(connection)
      onAccepted(hello, connection)
    }
  }

  #describe(connection: Connection): void {
    const description = this.#options.describeCluster()
    this.#lingering(connection)
    connection.send(
      description === undefined ? answerFrame('not-ready') : descriptionFrame(description),
    )
    connection.end()
  }

  #refuse(connection: Connection, refusal: Refusal, fields: LogFields): void {
    const key = `${refusal} ${String(fields['remote-peer-id'])}`
    this.#refusals.warn(key, 'refused a peer connection', {
      reason: refusal,
      'remote-address': connection.remoteAddress,
      'local-member-id': this.#options.memberId,
      'local-member-cluster-id': this.#options.clusterId,
      ...fields,
    })
    this.#lingering(connection)
    connection.send(answerFrame(refusal))
    connection.end()
  }

  /** It has its answer; it is closed by the other side, or after some ticks. */
  #lingering(connection: Connection): void {
    const { connections, limits } = this.#options
    connections.add(connection)
    const user = {
      onFrame: (): void => connection.close('unexpected frame'),
      onClosed: (): void => void connections.delete(connection),
    }
    connection.serve(user, 0, limits.silenceTicks)
  }

  #onDropped(connection: Connection, reason: string): void {
    clearTimeout(this.#undecided.get(connection))
    this.#undecided.delete(connection)
    if (this.#isStopped) return
    this.#refusals.warn('dropped', 'dropped a peer connection before its handshake', {
      reason,
      'remote-address': connection.remoteAddress,
    })
  }
}

function listenFailure({ href }: ListenUrl, code: string): string {
  const flag = 'listen-peer-urls'
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${href}: address already in use; stop what listens there, or choose another with --${flag}`
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${href}: it is not an address of this machine; choose another with --${flag}`
    case 'EACCES':
      return `cannot listen on ${href}: no permission; choose a port above 1023 with --${flag}`
    default:
      return `cannot listen on ${href}: ${code}`
  }
}
