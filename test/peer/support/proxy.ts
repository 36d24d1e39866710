/** A TCP connection's way through a network that a test can break. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** open: bytes pass. cut: connections are reset. silent: nothing passes, and nothing is said. */
type State = 'open' | 'cut' | 'silent'

export class Proxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #state: State = 'open'
  accepted = 0

  private constructor(targetPort: () => number) {
    this.#server = createServer((near) => this.#accept(near, targetPort()))
  }

  static async listen(targetPort: () => number): Promise<Proxy> {
    const proxy = new Proxy(targetPort)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get openCount(): number {
    return this.#sockets.size / 2
  }

  set(state: State): void {
    this.#state = state
    if (state === 'cut') for (const socket of this.#sockets) socket.destroy()
    // What was silent has lost its bytes: such a connection is of no use any more.
    for (const socket of this.#sockets) if (state === 'silent') socket.pause()
  }

  async close(): Promise<void> {
    this.set('cut')
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(near: Socket, targetPort: number): void {
    this.accepted++
    near.on('error', () => undefined)
    if (this.#state === 'cut') {
      near.destroy()
      return
    }
    const far = connect(targetPort, '127.0.0.1')
    far.on('error', () => undefined)
    this.#join(near, far)
    this.#join(far, near)
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from)
    if (this.#state === 'silent') from.pause()
    from.on('data', (bytes) => {
      if (this.#state !== 'open') return
      if (!to.write(bytes)) from.pause()
    })
    to.on('drain', () => {
      if (this.#state === 'open') from.resume()
    })
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
