/** The sockets that clients and monitors connect to: one listener for each URL in the settings. */

import { readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { Logger } from '../base/ports.ts'
import { requestListener } from '../rpc/http-exchange.ts'
import { LISTENER_DEFAULTS } from '../rpc/listener.ts'
import type { Wire, WireListener } from '../rpc/wire.ts'
import type { Config } from './config.ts'
import type { HttpApi } from './http.ts'
import type { ServerUrl } from './server-url.ts'

export type OpenedSockets =
  | { readonly ok: true; readonly sockets: ClientSockets }
  /** One sentence: an address cannot be bound. */
  | { readonly ok: false; readonly message: string }

export class ClientSockets {
  readonly #wire: Wire
  readonly #listeners: WireListener[] = []
  readonly #metricsServers: HttpServer[] = []
  readonly #logger: Logger
  readonly #addresses: readonly string[]

  private constructor(config: Config, wire: Wire, logger: Logger) {
    this.#wire = wire
    this.#logger = logger
    this.#addresses = config.listenClientUrls.map(address)
  }

  /** Takes the addresses. Monitors are served from now on, clients wait until `serve`. */
  static async open(
    config: Config,
    wire: Wire,
    http: HttpApi,
    logger: Logger,
  ): Promise<OpenedSockets> {
    const sockets = new ClientSockets(config, wire, logger)
    for (const url of config.listenMetricsUrls) {
      const failure = await sockets.#listenForMetrics(url, http)
      if (failure !== undefined) return { ok: false, message: failure }
      logger.info('serving metrics', { address: address(url) })
    }
    for (const url of config.listenClientUrls) {
      const failure = await sockets.#listenForClients(url, config.listenClientUrls.length)
      if (failure !== undefined) return { ok: false, message: failure }
    }
    return { ok: true, sockets }
  }

  serve(): void {
    for (const listener of this.#listeners) listener.open()
    for (const one of this.#addresses) {
      this.#logger.info('ready to serve client requests', { address: one })
    }
  }

  /** Lets what is in flight end for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    for (const server of this.#metricsServers) {
      server.close()
      server.closeAllConnections()
    }
    await Promise.all(this.#listeners.map((listener) => listener.close(graceMs)))
    await this.#wire.end()
  }

  async #listenForClients(url: ServerUrl, listeners: number): Promise<string | undefined> {
    const limits = { maxConnections: connectionsMax(openFilesLimit(), listeners) }
    const listening = await this.#wire.listen({ host: bindHost(url), port: url.port }, limits)
    if (!listening.ok) return bindFailure(url, listening.code, 'listen-client-urls')
    this.#listeners.push(listening.listener)
    return undefined
  }

  #listenForMetrics(url: ServerUrl, http: HttpApi): Promise<string | undefined> {
    const server = createServer(requestListener((method, target) => http.answer(method, target)))
    this.#metricsServers.push(server)
    return new Promise((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        resolve(bindFailure(url, error.code ?? error.message, 'listen-metrics-urls'))
      })
      server.listen({ host: bindHost(url), port: url.port }, () => resolve(undefined))
    })
  }
}

/** Files that the two databases, their compactions and the process itself may have open. */
const RESERVED_FILES = 1200

/**
 * Connections that one of `listeners` may have. They share the process's open files with the
 * databases, and a database that cannot open a file ends the process.
 */
export function connectionsMax(openFiles: number, listeners: number): number {
  const left = Math.max(openFiles - RESERVED_FILES, Math.floor(openFiles / 4))
  return Math.max(1, Math.floor(Math.min(left, LISTENER_DEFAULTS.maxConnections) / listeners))
}

/** The limit on open files of this process, where the system tells it. */
function openFilesLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    return soft === undefined ? Infinity : Number(soft)
  } catch {
    return Infinity
  }
}

/** As in Go, localhost is the IPv4 loopback, whatever the name service prefers. */
export function bindHost(url: ServerUrl): string {
  return url.host === 'localhost' ? '127.0.0.1' : url.host
}

function address(url: ServerUrl): string {
  return `${bindHost(url)}:${url.port}`
}

function bindFailure(url: ServerUrl, code: string, flag: string): string {
  const where = address(url)
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${where}: address already in use; stop what listens there, or choose another with --${flag}`
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${where}: it is not an address of this machine; choose another with --${flag}`
    case 'EACCES':
      return `cannot listen on ${where}: no permission; choose a port above 1023 with --${flag}`
    default:
      return `cannot listen on ${where}: ${code}`
  }
}
