/**
 * What the npm client etcd3 builds on watches and leases: resuming watchers, leases that keep
 * themselves alive, locks and elections. The same against this server and a real etcd.
 */

import { once } from 'node:events'
import type { EventEmitter } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Etcd3, EtcdLeaseInvalidError, EtcdLockFailedError } from 'etcd3'
import type { Campaign, ElectionObserver, IKeyValue, IWatchResponse, Watcher } from 'etcd3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Child } from '../support/child-process.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'
import type { RunningServer, StartOptions } from '../support/test-bed.ts'

const TIMEOUT_MS = 15_000

/** A program that takes the lock and keeps it until it ends. */
const HOLDER = `
  import { Etcd3 } from 'etcd3'
  const client = new Etcd3({ hosts: process.argv[1] })
  await client.lock('lock/2').ttl(2).acquire()
  console.log('held')
`

const etcd = findEtcd()

for (const server of ['this server', 'a real etcd'] as const) {
  const needs = server === 'a real etcd' ? [etcd] : []
  const name = suiteName(`the etcd3 client against ${server}`, ...needs)
  describe.skipIf(isMissing(...needs)).concurrent(name, () => {
    const bed = new TestBed()
    const clients: Etcd3[] = []
    let node: RunningServer
    let client: Etcd3

    const startNode = async (options?: StartOptions): Promise<RunningServer> =>
      server === 'a real etcd'
        ? await bed.startEtcd(programOf(etcd), options)
        : await bed.startQuorate(options)
    const connect = (clientUrl: string): Etcd3 => {
      const opened = new Etcd3({ hosts: clientUrl })
      clients.push(opened)
      return opened
    }

    beforeAll(async () => {
      node = await startNode()
      client = connect(node.clientUrl)
    })
    afterAll(async () => {
      for (const opened of clients) opened.close()
      await bed.cleanUp()
    })

    it('a watcher of a key is told puts and deletions, with what was there before', async () => {
      const watcher = await client.watch().key('w1/a').withPreviousKV().create()
      const seen = new Recorder(watcher)
      await client.put('w1/a').value('1')
      await client.put('w1/ab').value('unseen')
      await client.put('w1/a').value('2')
      await client.delete().key('w1/a')
      await seen.reaches(3)
      expect(seen.events).toEqual(['Put w1/a=1', 'Put w1/a=2 was 1', 'Delete w1/a= was 2'])
      await watcher.cancel()
    })

    it('watchers of prefixes, ranges and one kind of change share a stream', async () => {
      const builders = [
        client.watch().prefix('w2/'),
        client.watch().prefix('w2/').only('put'),
        client.watch().prefix('w2/').only('delete'),
        client.watch().inRange({ start: 'w2/b', end: 'w2/c' }),
      ]
      const watchers = await Promise.all(builders.map((builder) => builder.create()))
      const seen = watchers.map((watcher) => new Recorder(watcher))
      for (const key of ['a', 'b', 'c']) await client.put(`w2/${key}`).value(key)
      await client.delete().prefix('w2/')
      await Promise.all(seen.map((one, n) => one.reaches([6, 3, 3, 2][n] ?? 0)))
      const puts = ['Put w2/a=a', 'Put w2/b=b', 'Put w2/c=c']
      const deletions = ['Delete w2/a=', 'Delete w2/b=', 'Delete w2/c=']
      expect(seen.map((one) => one.events)).toEqual([
        [...puts, ...deletions],
        puts,
        deletions,
        ['Put w2/b=b', 'Delete w2/b='],
      ])
      // One revision is told in one piece.
      expect(seen[2]?.responses).toBe(1)
      await Promise.all(watchers.map((watcher) => watcher.cancel()))
    })

    it('a watcher from a past revision is told the history first', async () => {
      const first = await client.put('w3/a').value('1')
      await client.put('w3/a').value('2')
      await client.delete().key('w3/a')
      const watcher = await client
        .watch()
        .prefix('w3/')
        .startRevision(first.header.revision)
        .create()
      const seen = new Recorder(watcher)
      await client.put('w3/b').value('live')
      await seen.reaches(4)
      expect(seen.events).toEqual(['Put w3/a=1', 'Put w3/a=2', 'Delete w3/a=', 'Put w3/b=live'])
      await watcher.cancel()
    })

    it('a cancelled watcher is told nothing more, the others are', async () => {
      const [cancelled, kept] = await Promise.all([
        client.watch().key('w4').create(),
        client.watch().key('w4').create(),
      ])
      const [before, all] = [new Recorder(cancelled), new Recorder(kept)]
      await client.put('w4').value('1')
      await Promise.all([before.reaches(1), all.reaches(1)])
      await cancelled.cancel()
      await client.put('w4').value('2')
      await all.reaches(2)
      expect(before.events).toEqual(['Put w4=1'])
      await kept.cancel()
    })

    it('a watcher goes on without a gap when the server was started again', async () => {
      const first = await startNode()
      const listen = [
        ...['--listen-client-urls', first.clientUrl],
        ...['--advertise-client-urls', first.clientUrl],
      ]
      const watcher = await connect(first.clientUrl).watch().prefix('w5/').create()
      const seen = new Recorder(watcher)
      const writer = connect(first.clientUrl)
      await writer.put('w5/a').value('before')
      await seen.reaches(1)

      const disconnected = once(watcher, 'disconnected', deadline())
      await first.kill9()
      await disconnected
      await startNode({ args: listen, dataDirectory: first.dataDirectory })
      const other = connect(first.clientUrl) // not held up by failed attempts
      await other.put('w5/b').value('1')
      await other.delete().key('w5/b')
      await seen.reaches(3)
      expect(seen.events).toEqual(['Put w5/a=before', 'Put w5/b=1', 'Delete w5/b='])
    })

    it('a watcher from a compacted revision is refused', async () => {
      const other = connect((await startNode()).clientUrl) // alone: others watch the past
      const { header } = await other.put('a').value('1')
      await other.put('a').value('2')
      await other.kv.compact({ revision: Number(header.revision) + 1 })
      const watcher = other.watch().key('a').startRevision(header.revision).watcher()
      const [error] = (await once(watcher, 'error', deadline())) as [Error]
      expect(error.message).toMatch(/Watcher canceled/)
    })

    it('a lease keeps itself alive, and its key goes soon after it was let go', async () => {
      const watcher = await client.watch().key('l1').create()
      const seen = new Recorder(watcher)
      const lease = client.lease(2)
      await lease.put('l1').value('held')
      for (let answers = 0; answers < 7; answers++) {
        const [answer] = await once(lease, 'keepaliveSucceeded', deadline())
        expect(answer).toMatchObject({ ID: await lease.grant(), TTL: '2' }) // every 2/3 s
      }
      expect(await client.get('l1').string()).toBe('held')
      const { TTL, grantedTTL, keys } = await client.leaseClient.leaseTimeToLive({
        ID: await lease.grant(),
        keys: true,
      })
      expect([grantedTTL, keys.map(String)]).toEqual(['2', ['l1']])
      expect(['1', '2']).toContain(TTL)
      lease.release()
      await seen.reaches(2)
      expect(seen.events).toEqual(['Put l1=held', 'Delete l1='])
      await watcher.cancel()
    })

    it('a lease that nobody keeps alive expires in its time, not before', async () => {
      const watcher = await client.watch().prefix('l2/').create()
      const seen = new Recorder(watcher)
      const startedAt = performance.now()
      const lease = client.lease(2, { autoKeepAlive: false })
      await lease.put('l2/b').value('1')
      await lease.put('l2/a').value('2')
      await seen.reaches(4)
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(2000)
      // All keys at once, in their byte order.
      expect(seen.events).toEqual(['Put l2/b=1', 'Put l2/a=2', 'Delete l2/a=', 'Delete l2/b='])
      expect(seen.responses).toBe(3)
      const lost = once(lease, 'lost', deadline())
      await expect(lease.keepaliveOnce()).rejects.toThrow(EtcdLeaseInvalidError)
      expect((await lost)[0]).toBeInstanceOf(EtcdLeaseInvalidError)
      await expect(lease.put('l2/c').value('late').exec()).rejects.toThrow(EtcdLeaseInvalidError)
      await watcher.cancel()
    })

    it('a revoked lease takes its keys along, and its owner learns that it is lost', async () => {
      const own = client.lease(60)
      await own.put('l3/own').value('1')
      await own.revoke()
      expect(own.revoked()).toBe(true)
      expect(await client.get('l3/own').string()).toBeNull()

      const foreign = client.lease(2)
      await foreign.put('l3/foreign').value('1')
      const lost = once(foreign, 'lost', deadline())
      await client.leaseClient.leaseRevoke({ ID: await foreign.grant() })
      expect((await lost)[0]).toBeInstanceOf(EtcdLeaseInvalidError)
      expect(await client.get('l3/foreign').string()).toBeNull()
    })

    it('a lock has one holder, and is free after its release', async () => {
      const held = await client.lock('lock/1').acquire()
      await expect(client.lock('lock/1').acquire()).rejects.toThrow(EtcdLockFailedError)
      await held.release()
      const order: string[] = []
      await client.lock('lock/1').do(async () => {
        order.push('in')
        await expect(client.lock('lock/1').acquire()).rejects.toThrow(EtcdLockFailedError)
        order.push('out')
      })
      expect(order).toEqual(['in', 'out'])
      await (await client.lock('lock/1').acquire()).release()
      expect(await client.get('lock/1').string()).toBeNull()
    })

    it('the lock of a process that was killed is free once its lease has expired', async () => {
      const watcher = await client.watch().key('lock/2').only('delete').create()
      const seen = new Recorder(watcher)
      const holder = bed.track(
        new Child(process.execPath, ['--input-type=module', '-e', HOLDER, node.clientUrl], {
          cwd: fileURLToPath(new URL('.', import.meta.url)), // where the package etcd3 is found
        }),
      )
      await holder.waitForOutput(/held/, TIMEOUT_MS)
      await holder.kill9()
      await expect(client.lock('lock/2').acquire()).rejects.toThrow(EtcdLockFailedError)
      await seen.reaches(1)
      await (await client.lock('lock/2').acquire()).release()
      await watcher.cancel()
    })

    it('an election has one leader at a time, and an observer sees each of them', async () => {
      const election = client.election('e', 5)
      expect(await election.leader()).toBeUndefined()
      const observer = await election.observe()
      const alice = election.campaign('alice')
      await Promise.all([elected(alice), leads(observer, 'alice')])
      const bob = election.campaign('bob')
      let bobIsElected = false
      const bobsTurn = elected(bob).then(() => (bobIsElected = true))
      await once(bob, '_isWaiting', deadline())
      expect(await election.leader()).toBe('alice')

      await alice.proclaim('alice 2')
      await leads(observer, 'alice 2')
      expect(bobIsElected).toBe(false)
      await alice.resign()
      await bobsTurn
      await leads(observer, 'bob')
      expect(await election.leader()).toBe('bob')
      await expect(alice.proclaim('not any more')).rejects.toThrow()
      await bob.resign()
      await leads(observer, undefined)
      await observer.cancel()
    })
  })
}

/** Everything a watcher was told, as text, in the order in which it came. */
class Recorder {
  readonly events: string[] = []
  /** How many responses with events there were. */
  responses = 0
  readonly #watcher: Watcher

  constructor(watcher: Watcher) {
    this.#watcher = watcher
    watcher.on('data', (response: IWatchResponse) => {
      if (response.events.length > 0) this.responses++
      for (const { type, kv, prev_kv: before } of response.events) {
        const was = isPresent(before) ? ` was ${before.value.toString()}` : ''
        this.events.push(`${type} ${kv.key.toString()}=${kv.value.toString()}${was}`)
      }
    })
  }

  async reaches(count: number): Promise<void> {
    const { signal } = deadline()
    while (this.events.length < count) {
      try {
        await once(this.#watcher, 'data', { signal })
      } catch (error) {
        throw new Error(`only ${JSON.stringify(this.events)}`, { cause: error })
      }
    }
  }
}

/** The client gives null or nothing for what was not sent, whatever its types say. */
function isPresent(kv: IKeyValue | null | undefined): kv is IKeyValue {
  return kv !== null && kv !== undefined
}

async function elected(campaign: Campaign): Promise<void> {
  await once(campaign, 'elected', deadline())
}

async function leads(observer: ElectionObserver, leader: string | undefined): Promise<void> {
  const { signal } = deadline()
  const changes: EventEmitter = observer
  while (observer.leader() !== leader) await once(changes, 'change', { signal })
}

/** What no wait outlasts. */
function deadline(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(TIMEOUT_MS) }
}
