/** What other members send to this one: serves their accepted connections, each by its kind. */

import type { Clock, Logger } from '../base/ports.ts'
import type { MemberId } from '../raft/types.ts'
import { CallServer } from './call-server.ts'
import { CALL_OVERHEAD_BYTES } from './caller.ts'
import type { Connection, ConnectionUser } from './connection.ts'
import type { MemberHello, StreamKind } from './handshake.ts'
import { MAX_FRAME_BYTES, type PeerLimits } from './limits.ts'
import { decodeMessages, type Route } from './message-codec.ts'
import type { PeerObserver } from './observer.ts'
import type { TransportEvents } from './ports.ts'
import { IncomingSnapshotStream } from './incoming-snapshot-stream.ts'

export interface InboundOptions {
  readonly memberId: MemberId
  readonly events: TransportEvents
  readonly limits: PeerLimits
  readonly clock: Clock
  readonly logger: Logger
  readonly observer: PeerObserver
  readonly connections: Set<Connection>
  /** Their control stream has come or gone. */
  onActivity(from: MemberId, reason: string): void
}

type Handler = Pick<ConnectionUser, 'onFrame' | 'onTick'> & {
  onClosed?(reason: string): void
}

export class Inbound {
  readonly #options: InboundOptions
  readonly #current = new Map<MemberId, Map<StreamKind, Connection>>()
  /** Of members that send their state: when no sink is in use for them any more. */
  readonly #snapshotsEnded = new Map<MemberId, Promise<void>>()
  #isStopped = false

  constructor(options: InboundOptions) {
    this.#options = options
  }

  /** Whether this member's control stream is connected. */
  isHeard(from: MemberId): boolean {
    return this.#current.get(from)?.has('messages') === true
  }

  accept(hello: MemberHello, connection: Connection): void {
    const { from, kind } = hello
    const ofMember = this.#current.get(from) ?? new Map<StreamKind, Connection>()
    ofMember.get(kind)?.close('the peer has connected again')
    ofMember.set(kind, connection)
    this.#current.set(from, ofMember)
    this.#serve(connection, hello)
    if (kind === 'messages') this.#options.onActivity(from, '')
  }

  /** Closes everything of this member. */
  drop(from: MemberId): void {
    const connections = [...(this.#current.get(from)?.values() ?? [])]
    for (const connection of connections) connection.close('the peer has been removed')
  }

  /** Resolves when no sink is in use any more. The connections are closed by others. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const from of [...this.#current.keys()]) this.drop(from)
    await Promise.all(this.#snapshotsEnded.values())
  }

  #serve(connection: Connection, { from, kind }: MemberHello): void {
    const { limits, observer } = this.#options
    const handler = this.#handlerOf(kind, connection, { from, to: this.#options.memberId })
    const user: ConnectionUser = {
      ...handler,
      onClosed: (reason) => {
        this.#forget(connection, from, kind, reason)
        handler.onClosed?.(reason)
      },
      onSent: (bytes) => observer.onSent(from, bytes),
      onReceived: (bytes) => observer.onReceived(from, bytes),
    }
    const isSlow = kind === 'snapshot'
    const silenceTicks = isSlow ? limits.snapshotSilenceTicks : limits.silenceTicks
    const maxBytes = kind === 'call' ? limits.maxCallBytes + CALL_OVERHEAD_BYTES : MAX_FRAME_BYTES
    connection.serve(user, maxBytes, silenceTicks)
  }

  #forget(connection: Connection, from: MemberId, kind: StreamKind, reason: string): void {
    this.#options.connections.delete(connection)
    const ofMember = this.#current.get(from)
    if (ofMember?.get(kind) !== connection) return
    ofMember.delete(kind)
    if (ofMember.size === 0) this.#current.delete(from)
    if (kind === 'messages' && !this.#isStopped) this.#options.onActivity(from, reason)
  }

  #handlerOf(kind: StreamKind, connection: Connection, route: Route): Handler {
    switch (kind) {
      case 'messages':
      case 'append':
        return { onFrame: (body) => this.#onMessages(kind, connection, route, body) }
      case 'call':
        return this.#callHandler(connection, route.from)
      case 'snapshot':
        return this.#snapshotHandler(connection, route)
    }
  }

  #onMessages(
    kind: 'messages' | 'append',
    connection: Connection,
    route: Route,
    body: Uint8Array,
  ): void {
    const messages = decodeMessages(body, route)
    if (messages === undefined) {
      this.#closeMalformed(connection, route.from, kind)
      return
    }
    for (const message of messages) {
      // A handler may have stopped the transport.
      if (connection.isClosed) return
      this.#options.events.onMessage(message)
    }
  }

  #callHandler(connection: Connection, from: MemberId): Handler {
    const { events, limits } = this.#options
    const server = new CallServer(connection, {
      maxCalls: limits.maxCalls,
      maxCallBytes: limits.maxCallBytes,
      onCall: (request) => events.onCall(from, request),
    })
    return {
      onFrame: (body) => {
        if (!server.onFrame(body)) this.#closeMalformed(connection, from, 'call')
      },
    }
  }

  #snapshotHandler(connection: Connection, route: Route): Handler {
    const { clock, events, limits, logger, observer } = this.#options
    const { from } = route
    const receiver = new IncomingSnapshotStream(connection, {
      route,
      limits,
      clock,
      logger,
      onSnapshot: (message, checkpoint, bytes) => events.onSnapshot(message, checkpoint, bytes),
      onMalformed: () => observer.onReceiveFailure(from),
      onStarted: () => observer.onSnapshotReceiveStarted(from),
      onEnded: (ok, seconds) => observer.onSnapshotReceiveEnded(from, ok, seconds),
    })
    this.#afterEarlier(connection, receiver, from)
    return {
      onFrame: (body) => receiver.onFrame(body),
      onTick: () => receiver.onTick(),
      onClosed: (reason) => receiver.onClosed(reason),
    }
  }

  /** A snapshot that was broken off has to let go of its sink before the next one begins. */
  #afterEarlier(connection: Connection, receiver: IncomingSnapshotStream, from: MemberId): void {
    const earlier = this.#snapshotsEnded.get(from)
    const ended = Promise.all([earlier, receiver.ended]).then(() => {
      if (this.#snapshotsEnded.get(from) === ended) this.#snapshotsEnded.delete(from)
    })
    this.#snapshotsEnded.set(from, ended)
    if (earlier === undefined) return
    connection.pause()
    void earlier.then(() => connection.resume())
  }

  #closeMalformed(connection: Connection, from: MemberId, kind: StreamKind): void {
    this.#options.observer.onReceiveFailure(from)
    this.#options.logger.warn('closed a peer connection: what came in is malformed', {
      'remote-peer-id': from,
      'stream-kind': kind,
    })
    connection.close('malformed')
  }
}
