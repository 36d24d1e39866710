/** `npm run cluster`: three members, one stream of logs, one signal to end it all. */

import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { freePort } from '../support/free-port.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import { TestBed } from '../support/test-bed.ts'

const SCRIPT = fileURLToPath(new URL('../../scripts/cluster.mjs', import.meta.url))
const STEPS = [0, 20_000, 30_000]
const READY_TIMEOUT_MS = 60_000

const bed = new TestBed()
afterAll(() => bed.cleanUp())

function startCluster(...args: string[]): Child {
  return bed.track(
    new Child(process.execPath, [SCRIPT, ...args], { cwd: bed.temporaryDirectory() }),
  )
}

/** A first client port that is free, and with it the five that follow from it. */
async function freeFirstPort(): Promise<number> {
  for (;;) {
    const port = 5000 + ((await freePort()) % 25_000)
    const wanted = STEPS.flatMap((step) => [port + step, port + step + 1])
    const free = await Promise.all(wanted.map(isFree))
    if (!free.includes(false)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

describe('npm run cluster', () => {
  it(
    'starts three members that know each other, and ends them all',
    { timeout: 2 * READY_TIMEOUT_MS },
    async () => {
      const port = await freeFirstPort()
      const folder = bed.temporaryDirectory()
      const child = startCluster('--port', String(port), `--data-dir=${folder}`, '--max-txn-ops=2')
      try {
        await child.waitForOutput(/all members are ready/, READY_TIMEOUT_MS)
        const endpoints = STEPS.map((step) => `127.0.0.1:${port + step}`)
        const urls = endpoints.map((endpoint) => `http://${endpoint}`)
        expect(child.output).toContain(`etcdctl --endpoints ${urls.join(',')} `)
        for (const endpoint of endpoints) {
          const client = new GrpcClient(endpoint)
          const { members } = await client.ok('Cluster.MemberList', {})
          expect((members as { name: string }[]).map(({ name }) => name).toSorted()).toEqual([
            'n1',
            'n2',
            'n3',
          ])
          const op = { request_range: { key: Buffer.from('a') } }
          const txn = await client.call('KV.Txn', { success: [op, op, op] })
          expect(txn).toMatchObject({ code: 3 })
          client.close()
        }
      } finally {
        child.signal('SIGINT')
      }
      expect((await child.waitForExit(15_000)).code).toBe(0)
      const lines = child.output.trimEnd().split('\n')
      expect(lines.filter((line) => !/^(n[123] \||quorate:) /.test(line))).toEqual([])
      expect(lines.filter((line) => line.includes('server stopped'))).toHaveLength(3)
      for (const name of ['n1', 'n2', 'n3']) {
        expect(existsSync(join(folder, `${name}.etcd`))).toBe(true)
      }
    },
  )

  it('says in one sentence which port is taken', async () => {
    const port = await freeFirstPort()
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(port + 20_001, '127.0.0.1', resolve))
    const child = startCluster(`--port=${port}`)
    const { code } = await child.waitForExit(15_000)
    await new Promise((resolve) => taken.close(resolve))
    expect(code).toBe(1)
    expect(child.output).toBe(
      `quorate: n2 needs port ${port + 20_001}, but another program uses it; see --port\n`,
    )
  })

  it.each([
    [['--port', '70000'], /--port is the first client port/],
    [['--name=x'], /--name is set for each member by itself/],
    [['--port'], /--port needs a value/],
  ])('%j is refused', async (args, message) => {
    const child = startCluster(...args)
    expect((await child.waitForExit(15_000)).code).toBe(1)
    expect(child.output).toMatch(message)
  })

  it('ends with the code of the members when none of them can start', async () => {
    const child = startCluster(`--port=${await freeFirstPort()}`, '--no-such-flag')
    expect((await child.waitForExit(15_000)).code).toBe(2)
    expect(child.output).toMatch(/^n1 \| unknown flag --no-such-flag/m)
    expect(child.output).toMatch(/^quorate: n3 ended with exit code 2$/m)
  })
})
