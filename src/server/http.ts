/** The HTTP/1.1 side of the client port: health, version and metrics. Paths and bodies as etcd's. */

import type { Logger } from '../base/ports.ts'
import type { HttpReply } from '../rpc/http-exchange.ts'
import type { Membership } from './membership.ts'
import { LIVEZ_CHECKS, READYZ_CHECKS, type CheckName, type Health } from './health.ts'
import type { Metrics } from './metrics.ts'
import { ETCD_VERSION, STORAGE_VERSION } from './version.ts'

interface Reply {
  readonly status: number
  readonly body: string
  readonly contentType: string
}

type Handler = (query: URLSearchParams) => Promise<Reply> | Reply

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json'

export class HttpApi {
  readonly #health: Health
  readonly #metrics: Metrics
  readonly #membership: Membership
  readonly #logger: Logger
  readonly #routes: ReadonlyMap<string, Handler>

  constructor(health: Health, metrics: Metrics, membership: Membership, logger: Logger) {
    this.#health = health
    this.#metrics = metrics
    this.#membership = membership
    this.#logger = logger
    this.#routes = new Map<string, Handler>([
      ['/health', (query) => this.#healthReply(query)],
      ['/version', () => this.#versionReply()],
      ['/metrics', () => this.#metricsReply()],
      ...this.#checkRoutes('/livez', LIVEZ_CHECKS),
      ...this.#checkRoutes('/readyz', READYZ_CHECKS),
    ])
  }

  /** Never rejects. */
  async answer(method: string, url: string): Promise<HttpReply> {
    try {
      return toHttp(await this.#reply(method, url))
    } catch (error) {
      this.#logger.error('HTTP request failed', { url, error })
      return toHttp({ status: 500, body: 'Internal Server Error\n', contentType: TEXT })
    }
  }

  async #reply(method: string, url: string): Promise<Reply> {
    const { pathname, searchParams } = splitUrl(url)
    const handler = this.#routes.get(pathname)
    if (handler === undefined) {
      return { status: 404, body: '404 page not found\n', contentType: TEXT }
    }
    if (method !== 'GET' && !(method === 'HEAD' && pathname === '/metrics')) {
      return { status: 405, body: 'Method Not Allowed\n', contentType: TEXT }
    }
    return handler(searchParams)
  }

  async #healthReply(query: URLSearchParams): Promise<Reply> {
    const reason = await this.#health.reason({
      exclude: query.getAll('exclude'),
      serializable: query.get('serializable') === 'true',
    })
    const healthy = reason === ''
    if (healthy) this.#metrics.healthSuccesses++
    else this.#metrics.healthFailures++
    const body = JSON.stringify({ health: String(healthy), reason })
    if (healthy) return { status: 200, body, contentType: TEXT }
    this.#logger.warn('/health error', { output: body, 'status-code': 503 })
    return { status: 503, body: `${body}\n`, contentType: TEXT }
  }

  #versionReply(): Reply {
    const clusterVersion = this.#membership.clusterVersion
    const body = JSON.stringify({
      etcdserver: ETCD_VERSION,
      etcdcluster: clusterVersion === '' ? 'not_decided' : clusterVersion,
      storage: STORAGE_VERSION,
    })
    return { status: 200, body, contentType: JSON_TYPE }
  }

  async #metricsReply(): Promise<Reply> {
    const { registry } = this.#metrics
    return { status: 200, body: await registry.metrics(), contentType: registry.contentType }
  }

  /** The path itself runs all its checks; each check has a path of its own below it. */
  #checkRoutes(path: string, names: readonly CheckName[]): [string, Handler][] {
    return [
      [path, (query) => this.#checksReply(without(names, query.getAll('exclude')), query)],
      ...names.map((name): [string, Handler] => [
        `${path}/${name}`,
        (query) => this.#checksReply([name], query),
      ]),
    ]
  }

  async #checksReply(names: readonly CheckName[], query: URLSearchParams): Promise<Reply> {
    const lines: string[] = []
    let failed = false
    for (const name of names) {
      const failure = await this.#health.check(name)
      failed ||= failure !== undefined
      lines.push(failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${failure}\n`)
    }
    if (failed) return { status: 503, body: `${lines.join('')}\n`, contentType: TEXT }
    const details = query.has('verbose') ? lines.join('') : ''
    return { status: 200, body: `${details}ok\n`, contentType: TEXT }
  }
}

function without(names: readonly CheckName[], excluded: readonly string[]): CheckName[] {
  return names.filter((name) => !excluded.includes(name))
}

/** Reads path and query of a request target without trusting it to be a well-formed URL. */
function splitUrl(url: string): { pathname: string; searchParams: URLSearchParams } {
  const mark = url.indexOf('?')
  return mark === -1
    ? { pathname: url, searchParams: new URLSearchParams() }
    : { pathname: url.slice(0, mark), searchParams: new URLSearchParams(url.slice(mark + 1)) }
}

function toHttp({ status, body, contentType }: Reply): HttpReply {
  const headers = {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET' } : {}),
  }
  return { status, headers, body }
}
