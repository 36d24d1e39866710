import fc from 'fast-check'
import { expect, test } from 'vitest'

import { decodeKeyValue } from '../../src/mvcc/kv.ts'
import { StatusError } from '../../src/rpc/status.ts'
import type { RangeResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import {
  compact,
  grant,
  hashKv,
  keepAlive,
  leaseIds,
  moveLeader,
  put,
  remove,
} from './support/client.ts'
import { seededRandom } from './support/doubles.ts'
import { putOp, bytes, k, rangeRequest, txnRequest } from './support/requests.ts'
import { fakeTimers, status, TestCluster, type TestMember } from './support/test-cluster.ts'
import { WatchClient, type SeenEvent } from './support/watch-client.ts'

fakeTimers()

const RUNS = Number(process.env['QUORATE_TEST_CLUSTER_RUNS'] ?? 150)
const SEED = Number(process.env['QUORATE_TEST_CLUSTER_SEED'] ?? 1)

const ACTIONS = [
  'put',
  'put',
  'put',
  'burst',
  'burst',
  'txn',
  'delete',
  'grant',
  'renew',
  'read',
  'read',
  'isolate',
  'cut one way',
  'heal',
  'heal',
  'crash',
  'stop',
  'restart',
  'restart',
  'transfer',
  'compact',
  'hold log',
  'hold state',
  'release',
  'wait',
] as const

interface Step {
  readonly action: (typeof ACTIONS)[number]
  readonly member: number
  readonly n: number
}

const step: fc.Arbitrary<Step> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  member: fc.nat(2),
  n: fc.nat(2 ** 16),
})

const schedule = fc.record({
  seed: fc.nat(2 ** 20),
  latencyMs: fc.constantFrom(0, 0, 30, 90),
  steps: fc.array(step, { minLength: 10, maxLength: 60 }),
})

/** What clients were promised, and whether it was kept. */
class Run {
  readonly cluster: TestCluster
  /** Each watches everything, on its member if that runs and else on the next. */
  readonly watchers: Observer[]
  readonly #acknowledged = new Map<string, number>()
  readonly #asked = new Set<string>()
  readonly #leases = new Map<number, { readonly ttl: number; renewedMs: number }>()
  /** Calls under way, by the member that was asked. */
  readonly #pending = new Map<object, TestMember>()
  #count = 0

  constructor(cluster: TestCluster) {
    this.cluster = cluster
    this.watchers = cluster.members.map((member) => new Observer(this, member))
  }

  async take({ action, member: at, n }: Step): Promise<void> {
    const { cluster } = this
    const member = cluster.member(at + 1)
    const { isRunning } = member
    switch (action) {
      case 'put':
        if (isRunning) this.#write(member)
        break
      case 'burst':
        if (isRunning) for (let i = 0; i < 12; i++) this.#write(member)
        break
      case 'txn':
        if (isRunning) this.#writeTwo(member, n)
        break
      case 'delete':
        if (isRunning) this.#follow(member, remove(member, `k${n % 5}`))
        break
      case 'grant':
        if (isRunning) this.#follow(member, this.#grant(member, 2 + (n % 3)))
        break
      case 'renew':
        if (isRunning) this.#follow(member, this.#renew(member, n))
        break
      case 'read':
        if (isRunning) this.#follow(member, this.#read(member))
        break
      case 'isolate':
        cluster.isolate(member)
        break
      case 'cut one way':
        cluster.network.cut(member.id, cluster.member(((at + 1 + (n % 2)) % 3) + 1).id)
        break
      case 'heal':
        cluster.heal()
        break
      case 'crash':
        if (isRunning) this.#crash(member, n)
        break
      case 'stop':
        if (isRunning) await this.#stop(member)
        break
      case 'restart':
        for (const one of cluster.members) if (!one.isRunning) await cluster.boot(one)
        break
      case 'transfer':
        if (isRunning) this.#follow(member, moveLeader(member, cluster.member((n % 3) + 1).id))
        break
      case 'compact':
        if (isRunning) {
          const { header } = await status(member)
          this.#follow(member, compact(member, Math.max(1, header.revision - (n % 20))))
        }
        break
      case 'hold log':
        member.logDisk.hold()
        break
      case 'hold state':
        member.stateDisk.hold()
        break
      case 'release':
        this.#releaseDisks()
        break
      case 'wait':
        await cluster.advance(1000)
    }
    await cluster.advance(20 * (n % 16))
    this.#watchAgain()
  }

  /** Everything works again: what was promised is there, on every member. */
  async end(): Promise<void> {
    const { cluster } = this
    this.#releaseDisks()
    await cluster.converge()
    await cluster.until(() => this.#pending.size === 0)
    await cluster.converge()
    const { header } = await status(cluster.member(1))
    this.#watchAgain()
    await cluster.until(() => {
      this.#watchAgain()
      return this.watchers.every(({ next }) => next > header.revision)
    })
    const kept = await cluster.run(
      Promise.all(cluster.members.map((member) => this.#readAll(member))),
    )
    for (const versions of kept) this.#check(versions)
    // From here to the leases no time passes: an expiring one must not come between.
    await cluster.converge()
    const hashes = await Promise.all(cluster.members.map((member) => hashKv(member)))
    expect(new Set(hashes.map(({ hash }) => hash)).size).toBe(1)
    const leases = await Promise.all(cluster.members.map((member) => leaseIds(member)))
    const ids = leases.map((one) => one.sort().join())
    expect(new Set(ids).size).toBe(1)
    // The leader compares the state hashes of all members every second.
    await cluster.advance(2500)
    for (const member of cluster.members) expect((await status(member)).errors).toEqual([])
    this.#checkWatchers()
  }

  onDeleted(key: string): void {
    if (!key.startsWith('l')) return
    const lease = this.#leases.get(Number(key.slice(1)))
    if (lease === undefined) return
    const livedMs = this.cluster.clock.nowMs() - lease.renewedMs
    if (livedMs < lease.ttl * 1000) {
      throw new Error(`lease of ${key} with ttl ${lease.ttl} ended after ${livedMs} ms`)
    }
  }

  #write(member: TestMember): void {
    const key = `w${this.#count++}`
    this.#asked.add(key)
    this.#follow(member, this.#acknowledge(put(member, key), key))
  }

  /** Both keys or none. */
  #writeTwo(member: TestMember, n: number): void {
    const key = `w${this.#count++}`
    this.#asked.add(key)
    const success = [putOp(key, { value: bytes(key) }), putOp(`k${n % 5}`, { value: bytes(key) })]
    this.#follow(
      member,
      this.#acknowledge(member.test.call('KV.Txn', txnRequest({ success })), key),
    )
  }

  async #acknowledge(
    call: Promise<{ header?: { revision?: number | undefined } | undefined }>,
    key: string,
  ): Promise<void> {
    const { header } = await call
    this.#acknowledged.set(key, header?.revision ?? 0)
  }

  async #grant(member: TestMember, ttl: number): Promise<void> {
    const id = 1000 + this.#count++
    const startMs = this.cluster.clock.nowMs()
    await grant(member, id, ttl)
    this.#leases.set(id, { ttl, renewedMs: startMs })
    await put(member, `l${id}`, 'v', BigInt(id))
  }

  async #renew(member: TestMember, n: number): Promise<void> {
    const [id, lease] = [...this.#leases][n % Math.max(1, this.#leases.size)] ?? []
    if (id === undefined || lease === undefined) return
    const startMs = this.cluster.clock.nowMs()
    if ((await keepAlive(member, id)) > 0) lease.renewedMs = Math.max(lease.renewedMs, startMs)
  }

  async #read(member: TestMember): Promise<void> {
    const before = [...this.#acknowledged.keys()]
    const found = await this.#readAll(member)
    for (const key of before) if (!found.has(key)) throw new Error(`a read missed ${key}`)
  }

  /** Keys with their versions. */
  async #readAll({ test }: TestMember): Promise<Map<string, number>> {
    const request = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })
    const { kvs = [] } = await test.call<RangeResponseInput>('KV.Range', request)
    return new Map(kvs.map((kv) => decodeKeyValue(kv)).map(({ key, version }) => [key, version]))
  }

  /** Expected refusals are forgotten; all else is a bug. */
  #follow(member: TestMember, call: Promise<unknown>): void {
    const key = {}
    this.#pending.set(key, member)
    call
      .catch((error: unknown) => {
        if (!(error instanceof StatusError)) this.#bugs.push(error)
      })
      .finally(() => this.#pending.delete(key))
  }
  readonly #bugs: unknown[] = []

  #crash(member: TestMember, n: number): void {
    for (const watcher of this.watchers) watcher.onCrash(member)
    for (const [key, asked] of this.#pending) if (asked === member) this.#pending.delete(key)
    member.crash((position) => ((n >> (position % 16)) & 1) === 1, n % 3 === 0)
  }

  async #stop(member: TestMember): Promise<void> {
    member.logDisk.release()
    member.stateDisk.release()
    for (const watcher of this.watchers) watcher.onCrash(member)
    await this.cluster.run(member.stop())
  }

  #releaseDisks(): void {
    for (const { logDisk, stateDisk } of this.cluster.members) {
      logDisk.release()
      stateDisk.release()
    }
  }

  #watchAgain(): void {
    for (const watcher of this.watchers) watcher.watch()
  }

  #check(versions: ReadonlyMap<string, number>): void {
    if (this.#bugs.length > 0) throw this.#bugs[0]
    for (const key of this.#acknowledged.keys()) {
      if (!versions.has(key)) throw new Error(`the acknowledged ${key} is gone`)
    }
    for (const [key, version] of versions) {
      if (!key.startsWith('w')) continue
      if (!this.#asked.has(key) || version !== 1)
        throw new Error(`${key} is there ${version} times`)
    }
  }

  #checkWatchers(): void {
    const byRevision = new Map<number, string>()
    for (const { events, gaps, problems } of this.watchers) {
      expect(problems).toEqual([])
      const own = new Map<number, string>()
      for (const { revision, key, value } of events) {
        own.set(revision, `${own.get(revision) ?? ''}${key}=${value} `)
      }
      for (const [revision, text] of own) {
        expect(text).toBe(byRevision.get(revision) ?? text)
        byRevision.set(revision, text)
      }
      for (const [key, revision] of this.#acknowledged) {
        if (gaps.some(([from, to]) => revision >= from && revision < to)) continue
        expect(own.get(revision)).toContain(`${key}=${key}`)
      }
    }
  }
}

/** Watches everything from the start, and goes on elsewhere when its member is gone. */
class Observer {
  readonly #run: Run
  readonly #home: TestMember
  readonly events: SeenEvent[] = []
  readonly gaps: [number, number][] = []
  readonly problems: string[] = []
  next = 2
  #client: WatchClient | undefined
  #at: TestMember | undefined

  constructor(run: Run, home: TestMember) {
    this.#run = run
    this.#home = home
  }

  onCrash(member: TestMember): void {
    if (this.#at !== member) return
    this.#client = undefined
    this.#at = undefined
  }

  watch(): void {
    const client = this.#client
    if (client?.isCanceled === true) {
      const { compactRevision } = client
      if (compactRevision === undefined) this.problems.push('canceled')
      else {
        this.gaps.push([this.next, compactRevision])
        this.next = compactRevision
      }
      this.#client = undefined
    }
    if (client?.failed !== undefined) this.#client = undefined
    if (this.#client !== undefined) return
    const at = this.#home.isRunning ? this.#home : this.#run.cluster.running[0]
    if (at === undefined) return
    this.#at = at
    const created = new WatchClient(at, { startRevision: this.next })
    created.onEvent = (event) => this.#onEvent(created, event)
    this.#client = created
  }

  #onEvent(client: WatchClient, event: SeenEvent): void {
    if (this.#client !== client) return
    const { revision } = event
    // Several events of one revision come one after another.
    if (revision !== this.next && revision !== this.next - 1) {
      this.problems.push(`${revision} came when ${this.next} was next`)
    }
    if (event.value === undefined) {
      try {
        this.#run.onDeleted(event.key)
      } catch (error) {
        this.problems.push(String(error))
      }
    }
    this.events.push(event)
    this.next = revision + 1
  }
}

/** How often what makes it hard has happened. */
const census = new Map<string, number>()

function count(cluster: TestCluster): void {
  for (const { logger } of cluster.members) {
    for (const message of logger.messages) {
      const what = message.replace(/^raft.node: \w+ (lost|elected) leader.*$/, '$1 leader')
      census.set(what, (census.get(what) ?? 0) + 1)
    }
  }
}

test('whatever fails, what was acknowledged is kept once, seen by reads and watched in order', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ seed, latencyMs, steps }) => {
      const random = seededRandom(seed + 1)
      const cluster = await TestCluster.start({
        latencyMs: () => (latencyMs === 0 ? 0 : random.below(latencyMs)),
        options: { snapshotCount: 12, snapshotCatchUpEntries: 4 },
      })
      const run = new Run(cluster)
      for (const one of steps) await run.take(one)
      await run.end()
      count(cluster)
      await cluster.stop()
    }),
    { numRuns: RUNS, seed: SEED },
  )
  // The schedules are such that all of this happens.
  for (const what of [
    'applied snapshot',
    'restarting local member',
    'lost leader',
    'leadership transfer starting',
    'finished scheduled compaction',
    'publishing is tried again',
  ]) {
    expect([what, (census.get(what) ?? 0) >= RUNS / 10]).toEqual([what, true])
  }
}, 600_000)
