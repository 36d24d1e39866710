/**
 * What stands between the members: one TCP proxy before each, at the address that the others know.
 * The hello on each connection names the two members, so that every directed link has rules of its
 * own. The link from A to B is all bytes that go from A to B, on connections that either has opened:
 *
 *     A ──hello(from A)──► proxy of B ──────► B        A → B: requests, messages
 *     A ◄───────────────── proxy of B ◄────── B        B → A: the answers to them
 *
 * As on a real network nothing is lost within a connection: what is held back comes late, in order,
 * or the connection ends.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { memberIdOf } from '../../src/server/member-id.ts'
import { freePort } from '../support/free-port.ts'
import { PeerPipe, type LinkRule } from './peer-pipe.ts'

export type { LinkRule } from './peer-pipe.ts'

const PASS: LinkRule = { type: 'pass' }

export class PeerNetwork {
  readonly #token: string
  /** Names by member id. */
  readonly #names = new Map<string, string>()
  readonly #rules = new Map<string, LinkRule>()
  readonly #proxies: Server[] = []
  readonly #pipes = new Set<PeerPipe>()
  bytesForwarded = 0

  /** The cluster's token: ids of its first members follow from it. */
  constructor(token: string) {
    this.#token = token
  }

  /** Puts a proxy before the member that will listen at `port`; the proxy's own port is returned. */
  async before(name: string, port: number): Promise<number> {
    const proxyPort = await freePort()
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      this.#accept(name, port, socket)
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(proxyPort, '127.0.0.1', resolve)
    })
    this.#proxies.push(server)
    this.introduce(name, memberIdOf([`http://127.0.0.1:${proxyPort}`], this.#token))
    return proxyPort
  }

  /** A member that was added later has an id that the cluster gave it. */
  introduce(name: string, id: string): void {
    this.#names.set(id, name)
  }

  /** What happens to the bytes from one member to another, from now on. */
  set(from: string, to: string, rule: LinkRule): void {
    this.#rules.set(`${from}>${to}`, rule)
    for (const pipe of this.#pipes) pipe.onRules()
  }

  /** The same for both directions. */
  setBetween(a: string, b: string, rule: LinkRule): void {
    this.set(a, b, rule)
    this.set(b, a, rule)
  }

  /** Ends connections between the two, in the middle of a frame where one is under way. */
  cut(a: string, b: string): void {
    for (const pipe of [...this.#pipes]) if (pipe.isBetween(a, b)) pipe.cut()
  }

  heal(): void {
    this.#rules.clear()
    for (const pipe of [...this.#pipes]) pipe.onRules()
  }

  get connections(): number {
    return this.#pipes.size
  }

  async close(): Promise<void> {
    for (const pipe of [...this.#pipes]) pipe.cut()
    const closed = this.#proxies.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    await Promise.all(closed)
  }

  #accept(to: string, port: number, socket: Socket): void {
    const pipe = new PeerPipe(to, port, socket, {
      nameOf: (id) => this.#names.get(id) ?? id,
      ruleOf: (from, target) => this.#rules.get(`${from}>${target}`) ?? PASS,
      onBytes: (count) => (this.bytesForwarded += count),
      onClosed: () => this.#pipes.delete(pipe),
    })
    this.#pipes.add(pipe)
    pipe.start()
  }
}
