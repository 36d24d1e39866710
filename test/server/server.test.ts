import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type {
  MemberListResponseInput,
  PutResponseInput,
  RangeResponseInput,
  StatusResponseInput,
} from '../../src/rpc/codec/etcdserverpb.ts'
import { turns } from './support/doubles.ts'
import { MEMBER_ID } from './support/member.ts'
import { plainRange } from './support/plain.ts'
import { bytes, k, putRequest, rangeRequest } from './support/requests.ts'
import { newDisks, TestServer, type Disks } from './support/test-server.ts'

const EVERYTHING = rangeRequest({ key: k('\0'), rangeEnd: k('\0') })

function put(server: TestServer, key: string, value: string): Promise<PutResponseInput> {
  return server.call('KV.Put', putRequest({ key: k(key), value: bytes(value) }))
}

async function contents(server: TestServer): Promise<Map<string, string>> {
  const response = await server.call<RangeResponseInput>('KV.Range', EVERYTHING)
  return new Map(plainRange(response).kvs.map(({ key, value }) => [key, value]))
}

describe('a server alone', () => {
  test('leads, publishes itself and decides the version of the cluster', async () => {
    const server = await TestServer.start(newDisks())
    const status = await server.call<StatusResponseInput>('Maintenance.Status', {})
    expect(status).toMatchObject({ leader: MEMBER_ID, errors: [], raftTerm: 2 })
    const { members } = await server.call<MemberListResponseInput>('Cluster.MemberList', {
      linearizable: true,
    })
    expect(members).toMatchObject([
      { id: MEMBER_ID, name: 'one', peerUrls: ['http://p:1'], clientUrls: ['http://c:1'] },
    ])
    await server.server.stop()
  })

  test('serves after a restart what it served before, and does not publish the version twice', async () => {
    const disks = newDisks()
    const first = await TestServer.start(disks)
    await Promise.all(['a', 'b', 'c'].map((key) => put(first, key, key)))
    await first.server.stop()
    const second = await TestServer.start(disks)
    expect([...(await contents(second)).keys()]).toEqual(['a', 'b', 'c'])
    expect(await put(second, 'd', 'd')).toMatchObject({ header: { revision: 5, raftTerm: 3 } })
    await second.server.stop()
  })

  test('stops with a checkpoint of all that was applied', async () => {
    const disks = newDisks()
    const first = await TestServer.start(disks, undefined, { snapshotCount: 1_000_000 })
    await put(first, 'a', 'v')
    await first.server.stop()
    const before = disks.state.volatileCount
    disks.state.crash()
    expect(before).toBe(0)
    const second = await TestServer.start(disks)
    expect(await contents(second)).toEqual(new Map([['a', 'v']]))
    await second.server.stop()
  })
})

/** A round of writes and compactions, cut short after some steps of the disk. */
interface Round {
  readonly writes: readonly { readonly key: string; readonly compacts: boolean }[]
  readonly diskSteps: number
  readonly keepInFlight: boolean
  readonly loseCompaction: boolean
  /** Which volatile writes of the state store survive, as bits. */
  readonly kept: number
}

const round: fc.Arbitrary<Round> = fc.record({
  writes: fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      compacts: fc.integer({ max: 5, min: 0 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 15 },
  ),
  diskSteps: fc.nat({ max: 40 }),
  keepInFlight: fc.boolean(),
  loseCompaction: fc.boolean(),
  kept: fc.nat(2 ** 16),
})

test('whatever was acknowledged is there after any crash, and nothing else than was asked for', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 4 }), async (rounds) => {
      const disks = newDisks()
      const known = new Knowledge()
      for (const one of rounds) await runRound(disks, one, known)
      const server = await TestServer.start(disks)
      known.check(await contents(server))
      await server.server.stop()
    }),
    { numRuns: 60 },
  )
})

/** Per key the acknowledged value, and those that were asked for since. */
class Knowledge {
  readonly #possible = new Map<string, Set<string>>()
  #count = 0

  nextValue(key: string): string {
    const value = `v${this.#count++}`
    this.#possible.set(key, (this.#possible.get(key) ?? new Set(['absent'])).add(value))
    return value
  }

  /** Proposals of one client go into the log in order: those before it are history. */
  acknowledge(key: string, value: string): void {
    const before = [...(this.#possible.get(key) ?? [])]
    this.#possible.set(key, new Set(before.slice(before.indexOf(value))))
  }

  check(contents: ReadonlyMap<string, string>): void {
    for (const [key, possible] of this.#possible) {
      const value = contents.get(key) ?? 'absent'
      expect([...possible]).toContain(value)
      // What was found once is what later starts have to find.
      this.#possible.set(key, new Set([value]))
    }
  }
}

async function runRound(disks: Disks, one: Round, known: Knowledge): Promise<void> {
  const steps: (() => void)[] = []
  let direct = true
  const schedule = (finish: () => void): void => {
    if (direct) queueMicrotask(finish)
    else steps.push(finish)
  }
  const server = await TestServer.start(disks, schedule, { snapshotCount: 4 })
  known.check(await contents(server))
  direct = false
  for (const { key, compacts } of one.writes) {
    const value = known.nextValue(key)
    void put(server, key, value).then(
      ({ header }) => {
        known.acknowledge(key, value)
        if (!compacts) return
        const request = { revision: header?.revision ?? 0, physical: false }
        server.call('KV.Compact', request).catch(() => undefined)
      },
      () => undefined,
    )
    await turns(1)
    if (steps.length > 1) steps.shift()?.()
  }
  for (let i = 0; i < one.diskSteps; i++) {
    steps.shift()?.()
    await turns(1)
  }
  disks.log.crash(one)
  disks.state.crash((position) => ((one.kept >> (position % 16)) & 1) === 1)
  void server.server.stop()
  await turns(2)
}
