/**
 * The one way in for clients: a listening address whose connections are told apart by their first
 * bytes and handed to the gRPC engine or to the HTTP/1.1 handler.
 *
 *     socket ─ (TLS will come here) ─ sniff ─┬─ HTTP/2 ── engine
 *                                            ├─ HTTP/1 ── http.Server
 *                                            └─ garbage, silence ── closed
 *
 * Every socket has an error listener from its first moment, so that what one client does never
 * reaches another.
 */

import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
} from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Logger } from '../base/ports.ts'
import { sniffProtocol } from './connection-sniffer.ts'
import type { Engine } from './engine.ts'

export interface ListenAddress {
  /** A name or an address; an IPv6 address without brackets. Empty for every interface. */
  readonly host: string
  /** 0 for any free port. */
  readonly port: number
}

export interface ListenerLimits {
  readonly maxConnections: number
  /** How long a new connection may take to tell its protocol. */
  readonly sniffTimeoutMs: number
  readonly maxHeaderBytes: number
  /** How long an HTTP/1 request's headers, and all of it, may take to arrive. */
  readonly headersTimeoutMs: number
  readonly requestTimeoutMs: number
  /** How long an HTTP/1 connection may be idle between requests. */
  readonly keepAliveTimeoutMs: number
}

export const LISTENER_DEFAULTS: ListenerLimits = {
  maxConnections: 10_000,
  sniffTimeoutMs: 10_000,
  maxHeaderBytes: 16 * 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  keepAliveTimeoutMs: 60_000,
}

const DROP_LOG_INTERVAL_MS = 1000

export interface ListenerOptions {
  /** May be shared by several listeners. */
  readonly engine: Engine
  readonly onRequest: RequestListener
  readonly logger: Logger
  readonly limits?: Partial<ListenerLimits>
  /** Lets connections wait until `open`, so that an address is taken before there is a server. */
  readonly isHeld?: boolean
}

export type ListenResult =
  | { readonly ok: true; readonly listener: Listener }
  /** `code` is the system's, for example EADDRINUSE. */
  | { readonly ok: false; readonly code: string; readonly message: string }

export class Listener {
  readonly #engine: Engine
  readonly #logger: Logger
  readonly #limits: ListenerLimits
  readonly #server: Server
  readonly #httpServer: HttpServer
  readonly #sockets = new Set<Duplex>()
  readonly #undecided = new Set<Duplex>()
  /** Connections that came before `open`; undefined from then on. */
  #held: Socket[] | undefined
  #isClosing = false
  /** Not logged yet. */
  #droppedCount = 0
  #isDropLogPaused = false
  #onLastSocketClosed: (() => void) | undefined

  private constructor(options: ListenerOptions) {
    this.#engine = options.engine
    this.#logger = options.logger
    this.#limits = { ...LISTENER_DEFAULTS, ...options.limits }
    this.#held = options.isHeld === true ? [] : undefined
    this.#httpServer = this.#createHttpServer(options.onRequest)
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      this.#accept(socket)
    })
    this.#server.maxConnections = this.#limits.maxConnections
    this.#server.on('drop', () => this.#onDropped())
  }

  static listen(address: ListenAddress, options: ListenerOptions): Promise<ListenResult> {
    const listener = new Listener(options)
    const server = listener.#server
    return new Promise((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        listener.#httpServer.close()
        resolve({ ok: false, code: error.code ?? 'UNKNOWN', message: error.message })
      })
      const host = address.host === '' ? {} : { host: address.host }
      server.listen({ ...host, port: address.port }, () => {
        server.removeAllListeners('error')
        server.on('error', (error) => listener.#logger.error('accepting failed', { error }))
        resolve({ ok: true, listener })
      })
    })
  }

  /** Serves, from now on, also the connections that have waited. */
  open(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const socket of held) this.#sniff(socket)
  }

  /** The port that was bound, also when 0 was asked for. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get connectionCount(): number {
    return this.#sockets.size
  }

  /**
   * Takes no more connections, lets calls and requests in flight end, and after `graceMs` ends
   * what is left. The engine takes no new calls from then on.
   */
  async close(graceMs: number): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#server.close()
    this.#httpServer.close() // ends idle connections too
    for (const socket of [...this.#undecided, ...(this.#held ?? [])]) socket.destroy()
    void this.#engine.drain() // its connections are among our sockets
    await this.#socketsClosed(graceMs)
    for (const socket of this.#sockets) socket.destroy()
  }

  #socketsClosed(graceMs: number): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs)
      this.#onLastSocketClosed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** A line for the first, then one a second: a flood of connections must not flood the log. */
  #onDropped(): void {
    this.#droppedCount++
    if (this.#isDropLogPaused) return
    this.#isDropLogPaused = true
    this.#logger.warn('connection refused: too many are open', { count: this.#droppedCount })
    this.#droppedCount = 0
    const timer = setTimeout(() => {
      this.#isDropLogPaused = false
      if (this.#droppedCount === 0) return
      this.#droppedCount--
      this.#onDropped()
    }, DROP_LOG_INTERVAL_MS)
    timer.unref()
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    this.#undecided.add(socket)
    // Resets and broken pipes are the client's business. Whoever serves the socket sees its close.
    socket.on('error', () => undefined)
    socket.once('close', () => this.#forget(socket))
    if (this.#held === undefined) this.#sniff(socket)
    else this.#held.push(socket)
  }

  #sniff(socket: Socket): void {
    if (socket.destroyed) return
    sniffProtocol(socket, this.#limits.sniffTimeoutMs, (protocol) => {
      this.#undecided.delete(socket)
      if (protocol === 'http2') this.#engine.handleConnection(socket)
      else this.#handleHttp1(socket)
    })
  }

  #handleHttp1(socket: Socket): void {
    this.#httpServer.emit('connection', socket)
    socket.resume()
  }

  #forget(socket: Duplex): void {
    this.#sockets.delete(socket)
    this.#undecided.delete(socket)
    if (this.#sockets.size === 0) this.#onLastSocketClosed?.()
  }

  #createHttpServer(onRequest: RequestListener): HttpServer {
    const { maxHeaderBytes, headersTimeoutMs, requestTimeoutMs, keepAliveTimeoutMs } = this.#limits
    const options = {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(headersTimeoutMs, 5000),
    }
    const server = createHttpServer(options, (request, response) => {
      if (this.#isClosing) response.shouldKeepAlive = false
      response.once('close', () => {
        if (this.#isClosing) server.closeIdleConnections()
      })
      onRequest(request, response)
    })
    server.on('clientError', (_error, socket) => endBadRequest(socket))
    // It never listens itself, but this is what starts its watch over slow requests.
    server.emit('listening')
    return server
  }
}

function endBadRequest(socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n', () => socket.destroy())
}
