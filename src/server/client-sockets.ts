/** The sockets that clients and monitors connect to: one listener for each URL in the settings. */

import { createServer, type Server as HttpServer } from 'node:http'
import type { Logger } from '../base/ports.ts'
import type { Engine } from '../rpc/engine.ts'
import { Listener } from '../rpc/listener.ts'
import type { Config } from './config.ts'
import type { HttpApi } from './http.ts'
import type { ServerUrl } from './server-url.ts'

export type OpenedSockets =
  | { readonly ok: true; readonly sockets: ClientSockets }
  /** One sentence: an address cannot be bound. */
  | { readonly ok: false; readonly message: string }

export class ClientSockets {
  readonly #listeners: Listener[] = []
  readonly #metricsServers: HttpServer[] = []

  private constructor() {}

  /** Clients are served from the moment that this resolves. */
  static async open(
    config: Config,
    engine: Engine,
    http: HttpApi,
    logger: Logger,
  ): Promise<OpenedSockets> {
    const sockets = new ClientSockets()
    for (const url of config.listenMetricsUrls) {
      const failure = await sockets.#listenForMetrics(url, http)
      if (failure !== undefined) return { ok: false, message: failure }
      logger.info('serving metrics', { address: address(url) })
    }
    for (const url of config.listenClientUrls) {
      const failure = await sockets.#listenForClients(url, engine, http, logger)
      if (failure !== undefined) return { ok: false, message: failure }
    }
    for (const url of config.listenClientUrls) {
      logger.info('ready to serve client requests', { address: address(url) })
    }
    return { ok: true, sockets }
  }

  /** Lets what is in flight end for `graceMs`. */
  async close(graceMs: number): Promise<void> {
    for (const server of this.#metricsServers) {
      server.close()
      server.closeAllConnections()
    }
    await Promise.all(this.#listeners.map((listener) => listener.close(graceMs)))
  }

  async #listenForClients(
    url: ServerUrl,
    engine: Engine,
    http: HttpApi,
    logger: Logger,
  ): Promise<string | undefined> {
    const options = {
      engine,
      logger,
      onRequest: http.handle.bind(http),
    }
    const listening = await Listener.listen({ host: bindHost(url), port: url.port }, options)
    if (!listening.ok) return bindFailure(url, listening.code, 'listen-client-urls')
    this.#listeners.push(listening.listener)
    return undefined
  }

  #listenForMetrics(url: ServerUrl, http: HttpApi): Promise<string | undefined> {
    const server = createServer((request, response) => http.handle(request, response))
    this.#metricsServers.push(server)
    return new Promise((resolve) => {
      server.once('error', (error: NodeJS.ErrnoException) => {
        resolve(bindFailure(url, error.code ?? error.message, 'listen-metrics-urls'))
      })
      server.listen({ host: bindHost(url), port: url.port }, () => resolve(undefined))
    })
  }
}

/** As in Go, localhost is the IPv4 loopback, whatever the name service prefers. */
function bindHost(url: ServerUrl): string {
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
