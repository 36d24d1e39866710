/** Locks and elections as clients of a running node meet them: two contenders, and one that goes. */

import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { CallResult, Message } from '../support/grpc-client.ts'
import { findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import type { RunningServer } from '../support/test-bed.ts'
import { TestBed } from '../support/test-bed.ts'

const LOCK = '/v3lockpb.Lock/Lock'
const UNLOCK = '/v3lockpb.Lock/Unlock'
const CAMPAIGN = '/v3electionpb.Election/Campaign'
const OBSERVE = '/v3electionpb.Election/Observe'
const RESIGN = '/v3electionpb.Election/Resign'

const etcdctl = findEtcdctl()
const bed = new TestBed()
let node: RunningServer
let one: GrpcClient
let two: GrpcClient

beforeAll(async () => {
  node = await bed.startQuorate()
  one = new GrpcClient(node.endpoint)
  two = new GrpcClient(node.endpoint)
})
afterAll(async () => {
  one.close()
  two.close()
  await bed.cleanUp()
})

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

async function grant(TTL = 1000): Promise<string> {
  return (await one.ok('Lease.LeaseGrant', { TTL }))['ID']
}

function lock(client: GrpcClient, name: string, lease: string): Promise<CallResult> {
  return client.call(LOCK, { name: bytes(name), lease })
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > 20_000) throw new Error(`waited in vain until ${what}`)
    await sleep(10)
  }
}

async function contenders(name: string, count: number): Promise<void> {
  const range = { key: bytes(`${name}/`), range_end: bytes(`${name}0`), count_only: true }
  await until(
    `${count} contend`,
    async () => Number((await one.ok('KV.Range', range))['count']) === count,
  )
}

function keyOf(result: CallResult): Buffer {
  if (!result.ok) throw new Error(result.message)
  return result.response['key']
}

/** A connection that can be cut in the middle of a call. */
class Line {
  readonly endpoint: string
  readonly #server: Server
  readonly #sockets: Socket[] = []

  private constructor(server: Server) {
    this.#server = server
    this.endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async to(endpoint: string): Promise<Line> {
    const [host, port] = endpoint.split(':')
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const line = new Line(server)
    server.on('connection', (client) => {
      const upstream = connect(Number(port), host ?? '')
      line.#sockets.push(client, upstream)
      for (const socket of [client, upstream]) socket.on('error', () => undefined)
      client.pipe(upstream).pipe(client)
    })
    return line
  }

  cut(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

describe('two contenders for a lock', () => {
  it('have it one after the other', async () => {
    const held = await lock(one, 'turns', await grant())
    const waiting = lock(two, 'turns', await grant())
    await contenders('turns', 2)
    expect(await Promise.race([waiting, sleep(50).then(() => 'waits')])).toBe('waits')
    const { header } = await one.ok(UNLOCK, { key: keyOf(held) })
    const second = await waiting
    expect(second).toMatchObject({ ok: true, response: { header: { revision: header.revision } } })
    await two.ok(UNLOCK, { key: keyOf(second) })
  })

  it('one that is gone with its connection lets the next in', async () => {
    const line = await Line.to(node.endpoint)
    const third = new GrpcClient(line.endpoint)
    const held = await lock(one, 'gone', await grant())
    const forgotten = lock(third, 'gone', await grant())
    await contenders('gone', 2)
    const waiting = lock(two, 'gone', await grant())
    await contenders('gone', 3)
    line.cut()
    await contenders('gone', 2)
    expect(await forgotten).toMatchObject({ ok: false, code: 14 })
    third.close()
    await one.ok(UNLOCK, { key: keyOf(held) })
    expect(await waiting).toMatchObject({ ok: true })
  })

  it('one whose deadline passes has left the queue', async () => {
    const held = await lock(one, 'late', await grant())
    const request = { name: bytes('late'), lease: await grant() }
    const late = await two.call(LOCK, request, { deadlineMs: 200 })
    expect(late).toMatchObject({ ok: false, code: 4 })
    await contenders('late', 1)
    await one.ok(UNLOCK, { key: keyOf(held) })
    await contenders('late', 0)
  })

  it('the lease of a holder that is silent ends, and the other has it', async () => {
    const startedAt = performance.now()
    expect(await lock(one, 'silent', await grant(2))).toMatchObject({ ok: true })
    expect(await lock(two, 'silent', await grant())).toMatchObject({ ok: true })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2000)
  })

  it('many take turns, each alone', async () => {
    let inside = 0
    let turns = 0
    const contend = async (client: GrpcClient): Promise<void> => {
      const lease = await grant()
      for (let turn = 0; turn < 5; turn++) {
        const held = await lock(client, 'many', lease)
        expect(++inside).toBe(1)
        await sleep(1)
        inside--
        turns++
        await client.ok(UNLOCK, { key: keyOf(held) })
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, i) => contend(i % 2 === 0 ? one : two)))
    expect(turns).toBe(100)
  })
})

describe('two candidates', () => {
  it('lead one after the other, and an observer hears of both', async () => {
    const observer = two.stream(OBSERVE, { name: bytes('e') })
    const next = async (): Promise<string> => {
      const message: Message = await observer.next()
      return message['kv'].value.toString()
    }
    const leases = [await grant(), await grant()]
    const candidate = (client: GrpcClient, i: number): Promise<Message> =>
      client.ok(CAMPAIGN, { name: bytes('e'), lease: leases[i], value: bytes(`v${i}`) })
    const first = await candidate(one, 0)
    expect(await next()).toBe('v0')
    const waiting = candidate(two, 1)
    await contenders('e', 2)
    await one.ok(RESIGN, { leader: first['leader'] })
    expect((await waiting)['leader'].lease).toBe(leases[1])
    expect(await next()).toBe('v1')
    observer.cancel()
  })
})

describe.skipIf(isMissing(etcdctl))(suiteName('etcdctl lock beside the service', etcdctl), () => {
  it('they keep each other out: it is the same lock', async () => {
    const held = await lock(one, 'shared', await grant())
    const { path } = programOf(etcdctl)
    const args = ['--endpoints', node.endpoint, 'lock', 'shared', 'echo', 'mine']
    const child = bed.track(new Child(path, args, { env: { ETCDCTL_API: '3' } }))
    await contenders('shared', 2)
    const waiting = lock(two, 'shared', await grant())
    await contenders('shared', 3)
    await one.ok(UNLOCK, { key: keyOf(held) })
    expect(await waiting).toMatchObject({ ok: true })
    expect((await child.exited).code).toBe(0)
    expect(child.stdout.toString()).toContain('mine')
  })
})

describe('a node that stops', () => {
  it('ends what waits and what observes, and stops in time', async () => {
    const own = await bed.startQuorate()
    const client = new GrpcClient(own.endpoint)
    const ID = (await client.ok('Lease.LeaseGrant', { TTL: 100 }))['ID']
    await client.ok(LOCK, { name: bytes('l') })
    const waiting = lock(client, 'l', ID)
    const observer = client.stream(OBSERVE, { name: bytes('e') })
    await until('both are there', async () => {
      const range = { key: bytes('l/'), range_end: bytes('l0'), count_only: true }
      return (await client.ok('KV.Range', range))['count'] === '2'
    })
    const stopped = own.stop()
    expect(await waiting).toMatchObject({ ok: false, code: 14 })
    expect(await observer.ended).toMatchObject({ code: 14 })
    expect((await stopped).code).toBe(0)
    client.close()
  })
})
