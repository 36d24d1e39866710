/** Leases as users meet them: etcdctl as a process, the npm client etcd3, time that passes. */

import { Etcd3 } from 'etcd3'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { Etcdctl } from '../support/etcdctl.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { Message } from '../support/grpc-client.ts'
import { findEtcd, findEtcdctl, isMissing, programOf, suiteName } from '../support/programs.ts'
import type { RunningServer } from '../support/test-bed.ts'
import { TestBed } from '../support/test-bed.ts'

const etcdctl = findEtcdctl()
const etcd = findEtcd()
const bed = new TestBed()
afterAll(() => bed.cleanUp())

/** Asks until the answer is there; fails after a time that no run comes near. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > 30_000) throw new Error(`waited in vain until ${what}`)
    await sleep(20)
  }
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) }

describe('time', () => {
  let node: RunningServer
  let client: GrpcClient

  beforeAll(async () => {
    node = await bed.startQuorate()
    client = new GrpcClient(node.endpoint)
  })
  afterAll(() => client.close())

  const count = async (): Promise<number> =>
    Number((await client.ok('KV.Range', { ...EVERYTHING, count_only: true }))['count'])

  it('a key goes with its lease, not before its TTL has passed, and in one revision', async () => {
    const startedAt = performance.now()
    const { ID } = await client.ok('Lease.LeaseGrant', { TTL: 2 })
    for (const key of ['a', 'b']) await client.ok('KV.Put', { key: bytes(key), lease: ID })
    const revision = async (): Promise<number> =>
      Number((await client.ok('KV.Range', { key: bytes('a') }))['header'].revision)
    const before = await revision()
    await until('the keys are gone', async () => (await count()) === 0)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2000)
    expect(performance.now() - startedAt).toBeLessThan(6000)
    expect(await revision()).toBe(before + 1)
    expect(await client.ok('Lease.LeaseTimeToLive', { ID })).toMatchObject({ TTL: '-1' })
  })

  it('keep-alives hold a lease; when they end it goes, a whole TTL later', async () => {
    const { ID } = await client.ok('Lease.LeaseGrant', { TTL: 2 })
    await client.ok('KV.Put', { key: bytes('held'), lease: ID })
    const stream = client.stream('Lease.LeaseKeepAlive')
    const startedAt = performance.now()
    let renewedAt = startedAt
    while (renewedAt - startedAt < 4000) {
      renewedAt = performance.now()
      stream.write({ ID })
      expect(await stream.next()).toMatchObject({ ID, TTL: '2' })
      expect(await count()).toBe(1)
      await sleep(500)
    }
    await until('the key is gone', async () => (await count()) === 0)
    expect(performance.now() - renewedAt).toBeGreaterThanOrEqual(2000)
    stream.write({ ID })
    expect(await stream.next()).toMatchObject({ ID, TTL: '0' })
    stream.cancel()
  })

  it('a lease and its keys survive kill -9; what the client has not kept alive expires', async () => {
    const own = await bed.startQuorate()
    const before = new GrpcClient(own.endpoint)
    for (const ID of ['7', '8']) {
      await before.ok('Lease.LeaseGrant', { ID, TTL: ID === '7' ? 1000 : 2 })
      await before.ok('KV.Put', { key: bytes(`key ${ID}`), lease: ID })
    }
    before.close()
    await own.kill9()
    const again = await bed.startQuorate({ dataDirectory: own.dataDirectory })
    const after = new GrpcClient(again.endpoint)
    const readyAt = performance.now()
    const found = await after.ok('Lease.LeaseTimeToLive', { ID: '7', keys: true })
    expect(found).toMatchObject({ grantedTTL: '1000', keys: [bytes('key 7')] })
    expect(Number(found['TTL'])).toBeGreaterThan(990)
    const leases = async (): Promise<Message[]> =>
      (await after.ok('Lease.LeaseLeases', {}))['leases'] as Message[]
    expect(await leases()).toEqual([{ ID: '8' }, { ID: '7' }])
    await until('the short lease is gone', async () => (await leases()).length === 1)
    expect(performance.now() - readyAt).toBeGreaterThan(1000)
    const { kvs } = await after.ok('KV.Range', EVERYTHING)
    expect(kvs).toMatchObject([{ key: bytes('key 7'), lease: '7' }])
    after.close()
  })

  it('ten thousand leases that end at once do not hold up puts', { timeout: 90_000 }, async () => {
    const leases = Array.from({ length: 10_000 }, (_, i) => String(i + 1_000_000))
    const grantAndPut = async (ID: string): Promise<void> => {
      await client.ok('Lease.LeaseGrant', { ID, TTL: 8 }, { deadlineMs: 60_000 })
      await client.ok('KV.Put', { key: bytes(`many/${ID}`), lease: ID }, { deadlineMs: 60_000 })
    }
    for (let i = 0; i < leases.length; i += 500) {
      await Promise.all(leases.slice(i, i + 500).map(grantAndPut))
    }
    await until('the first is gone', async () => (await count()) < 10_000)
    const latencies: number[] = []
    let left = 10_000
    while (left > 0) {
      const startedAt = performance.now()
      await client.ok('KV.Put', { key: bytes('many'), value: bytes('v') })
      latencies.push(performance.now() - startedAt)
      left = (await count()) - 1
    }
    const sorted = latencies.toSorted((a, b) => a - b)
    const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? NaN
    const longest = sorted.at(-1) ?? NaN
    console.log(
      `puts while 10,000 leases end: ${sorted.length}, p99 ${p99.toFixed(1)} ms, max ${longest.toFixed(1)} ms`,
    )
    expect(p99).toBeLessThan(100)
    expect(longest).toBeLessThan(1000)
    expect((await client.ok('Lease.LeaseLeases', {}))['leases']).toEqual([])
  })
})

describe.skipIf(isMissing(etcdctl))(suiteName('etcdctl lease', etcdctl), () => {
  let node: RunningServer
  let ctl: Etcdctl

  beforeAll(async () => {
    node = await bed.startQuorate()
    ctl = new Etcdctl(programOf(etcdctl), node.endpoint)
  })

  const run = async (line: string): Promise<string> => {
    const { stdout, stderr } = await ctl.run(line.split(' '))
    // Log lines are JSON; what is for the reader is not.
    return stdout.toString('utf8') + stderr.replaceAll(/^\{.*\n?/gm, '')
  }
  const grant = async (ttl: number): Promise<string> => {
    const answer = await run(`lease grant ${ttl}`)
    expect(answer).toMatch(
      new RegExp(`^lease [0-9a-f]{16} granted with TTL\\(${Math.max(ttl, 2)}s\\)\n$`),
    )
    return answer.split(' ')[1] ?? ''
  }

  it('grant, timetolive --keys, list and revoke', async () => {
    const id = await grant(500)
    await run(`put --lease=${id} foo1 bar`)
    await run(`put --lease=${id} foo2 bar`)
    expect(await run(`lease timetolive ${id}`)).toMatch(
      /^lease [0-9a-f]{16} granted with TTL\(500s\), remaining\((499|500)s\)\n$/,
    )
    expect(await run(`lease timetolive ${id} --keys`)).toMatch(
      /remaining\(\d+s\), attached keys\(\[foo1 foo2\]\)\n$/,
    )
    expect(await run('lease list')).toBe(`found 1 leases\n${id}\n`)
    expect(await run(`lease revoke ${id}`)).toBe(`lease ${id} revoked\n`)
    expect(await run('get foo --prefix')).toBe('')
    expect(await run('lease list')).toBe('found 0 leases\n')
    expect(await run(`lease timetolive ${id}`)).toMatch(`lease ${id} already expired\n`)
  })

  it('errors carry etcd’s texts', async () => {
    const { code, stderr } = await ctl.run(['lease', 'revoke', '1234'])
    expect(code).not.toBe(0)
    expect(stderr).toContain('etcdserver: requested lease not found')
    expect(await run('put --lease=1234 foo bar')).toContain('etcdserver: requested lease not found')
    expect(await run('lease grant 9000000001')).toContain('etcdserver: too large lease TTL')
    expect(await run('lease keep-alive 1234')).toContain(
      'lease 0000000000001234 expired or revoked.',
    )
  })

  it('keep-alive holds a lease as long as it runs', { timeout: 30_000 }, async () => {
    const id = await grant(2)
    await run(`put --lease=${id} held bar`)
    const { path } = programOf(etcdctl)
    const keeper = bed.track(
      new Child(path, ['--endpoints', node.endpoint, 'lease', 'keep-alive', id], {
        env: { ETCDCTL_API: '3' },
      }),
    )
    await keeper.waitForOutput(new RegExp(`(lease ${id} keepalived with TTL\\(2\\)\n){4}`), 15_000)
    expect(await run('get held')).toBe('held\nbar\n')
    keeper.signal('SIGKILL')
    await until('the key is gone', async () => (await run('get held')) === '')
    const late = await run(`lease keep-alive --once ${id}`)
    expect(late).toContain('etcdserver: requested lease not found')
  })

  it.skipIf(isMissing(etcd))('prints what it prints against etcd', async () => {
    const nodes = [await bed.startQuorate(), await bed.startEtcd(programOf(etcd))]
    const both = nodes.map(({ endpoint }) => new Etcdctl(programOf(etcdctl), endpoint))
    const lines = [
      'lease list -w json',
      'lease timetolive 1234 -w json',
      'lease timetolive 1234 --keys -w fields',
      'lease revoke 1234',
      'lease keep-alive --once 1234',
      'lease grant -1',
      'lease grant many',
    ]
    for (const line of lines) {
      const [ours, theirs] = await Promise.all(
        both.map(async (each) => {
          const { code, stdout, stderr } = await each.run(line.split(' '))
          const text = stdout.toString('utf8') + (stderr.match(/^Error.*$/m)?.[0] ?? '')
          return {
            line,
            code,
            text: text.replace(/("?(raft_term|RaftTerm|revision|Revision)"? ?:) ?\d+/g, '$1'),
          }
        }),
      )
      expect(ours).toEqual(theirs)
    }
  })
})

describe('the etcd3 client', () => {
  let client: Etcd3
  beforeAll(async () => {
    const node = await bed.startQuorate()
    client = new Etcd3({ hosts: node.clientUrl })
  })
  afterEach(async () => {
    await client.delete().all()
  })
  afterAll(() => client.close())

  it('a lease puts keys, is kept alive, and takes them along when it is revoked', async () => {
    const lease = client.lease(2)
    await lease.put('one').value('1')
    await lease.put('two').value('2')
    const kept = new Promise((resolve) => lease.once('keepaliveSucceeded', resolve))
    await lease.keepaliveOnce()
    await kept
    expect(await client.getAll().keys()).toEqual(['one', 'two'])
    await lease.revoke()
    expect(await client.getAll().keys()).toEqual([])
  })

  it('a lease that ends is noticed as lost', { timeout: 20_000 }, async () => {
    const lease = client.lease(2)
    const id = await lease.grant()
    const lost = new Promise((resolve) => lease.once('lost', resolve))
    const other = await client.leaseClient.leaseRevoke({ ID: id })
    expect(other.header).toBeDefined()
    await expect(lease.keepaliveOnce()).rejects.toThrow()
    await lost
  })
})
