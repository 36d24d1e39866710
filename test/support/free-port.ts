import { createServer } from 'node:net'

/** What this process was given: the system may give a port again as soon as nobody listens on it. */
const given = new Set<number>()

/**
 * A loopback TCP port that nothing listens on right now, another one each time. Another process may
 * take it before it is used, so whoever starts a server on it must be ready to try again with
 * another one.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = await unusedPort()
    if (given.has(port)) continue
    given.add(port)
    return port
  }
}

async function unusedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  await new Promise<void>((resolve) => server.close(() => resolve()))
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}
