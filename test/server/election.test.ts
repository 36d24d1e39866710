import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CampaignResponseInput, LeaderKeyInput } from '../../src/rpc/codec/v3electionpb.ts'
import { Proposer } from '../../src/server/proposer.ts'
import { Observer, RecipeBench, settle, type Call } from './support/recipe-bench.ts'
import { k } from './support/requests.ts'

let bench: RecipeBench

async function start(...leases: number[]): Promise<void> {
  bench = await RecipeBench.start()
  for (const lease of leases) await bench.grant(lease)
}

/** In the order given, each with its lease's id for a value. */
async function campaignInTurn(...leases: number[]): Promise<Call<CampaignResponseInput>[]> {
  const calls: Call<CampaignResponseInput>[] = []
  for (const lease of leases) {
    calls.push(bench.campaign('e', lease, `v${lease}`))
    await settle()
  }
  return calls
}

function leaderOf(call: Call<CampaignResponseInput> | undefined): LeaderKeyInput | undefined {
  return call?.response.leader
}

const NOT_LEADER = '2 election: not leader'
const NO_FIELD = '2 "leader" field must be provided'

describe('the Election service', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(async () => {
    await bench.stop()
    vi.useRealTimers()
  })

  test('the first candidate leads; its answer names key, revision and lease', async () => {
    await start(31)
    const [call] = await campaignInTurn(31)
    expect(call?.response).toMatchObject({
      header: { revision: 2 },
      leader: { name: 'e', key: 'e/1f', rev: 2, lease: 31n },
    })
    const leader = bench.leader('e')
    await leader.answered
    expect(leader.response.header).toMatchObject({ revision: 2 })
    expect(await bench.queue('e')).toMatchObject([{ key: 'e/1f', lease: 31n }])
  })

  test('the next leads when the leader resigns; its header is that of its candidature', async () => {
    await start(1, 2)
    const [first, second] = await campaignInTurn(1, 2)
    expect(second?.outcome).toBeUndefined()
    await bench.resign(leaderOf(first)).answered
    await settle()
    expect(second?.response).toMatchObject({ header: { revision: 3 }, leader: { key: 'e/2' } })
  })

  test('a candidate that campaigns again keeps its place and takes the new value', async () => {
    await start(1, 2)
    await campaignInTurn(1, 2)
    const again = bench.campaign('e', 1, 'new')
    await again.answered
    expect(again.response).toMatchObject({ header: { revision: 3 }, leader: { rev: 2 } })
    expect(await bench.keys('e')).toEqual(['e/1', 'e/2'])
    expect(await bench.queue('e')).toMatchObject([{ version: 2 }, { version: 1 }])
    await bench.campaign('e', 1, 'new').answered
    expect(await bench.queue('e')).toMatchObject([{ version: 2 }, { version: 1 }])
  })

  test('a candidate whose new value cannot be proclaimed is none any more', async () => {
    await start(1)
    await campaignInTurn(1)
    const { submit } = Proposer.prototype
    const proposals = vi.spyOn(Proposer.prototype, 'submit')
    proposals.mockImplementationOnce(submit)
    proposals.mockImplementationOnce((_request, _lane, _caller, listener) => {
      listener.onOutcome({ ok: false, error: 'timeout' })
    })
    const again = bench.campaign('e', 1, 'new')
    expect(await again.answered).toBe('14 etcdserver: request timed out')
    proposals.mockRestore()
    expect(await bench.keys('e')).toEqual([])
  })

  test('who goes away while it waits is no candidate any more; the leader stays one', async () => {
    await start(1, 2, 3)
    const [, second, third] = await campaignInTurn(1, 2, 3)
    second?.caller.goAway()
    const again = bench.campaign('e', 1, 'v1')
    again.caller.goAway()
    await settle()
    expect(await bench.keys('e')).toEqual(['e/1', 'e/3'])
    expect(third?.outcome).toBeUndefined()
  })

  test('a candidate whose key went while it waited does not lead', async () => {
    await start(1, 2, 3)
    const [first, second, third] = await campaignInTurn(1, 2, 3)
    await bench.revoke(2)
    await bench.resign(leaderOf(first)).answered
    await settle()
    expect(second?.outcome).toBe(NOT_LEADER)
    expect(third?.response.leader?.key).toBe('e/3')
  })

  test('a proclamation counts for the key of that revision alone', async () => {
    await start(1)
    const [first] = await campaignInTurn(1)
    const leader = leaderOf(first)
    expect(await bench.proclaim(leader, 'x').answered).toMatchObject({ header: { revision: 3 } })
    expect(await bench.proclaim({ ...leader, rev: 1 }, 'y').answered).toBe(NOT_LEADER)
    await bench.resign({ ...leader, rev: 1 }).answered
    expect(await bench.queue('e')).toMatchObject([{ version: 2 }])
    await bench.resign(leader).answered
    expect(await bench.proclaim(leader, 'z').answered).toBe(NOT_LEADER)
    expect(await bench.keys('e')).toEqual([])
  })

  test('refuses with etcd’s texts', async () => {
    await start()
    expect(await bench.proclaim(undefined, 'x').answered).toBe(NO_FIELD)
    expect(await bench.resign(undefined).answered).toBe(NO_FIELD)
    expect(await bench.leader('e').answered).toBe('2 election: no leader')
    const empty = { name: k('e'), key: k(''), rev: 1, lease: 1n }
    expect(await bench.resign(empty).answered).toBe('2 etcdserver: key is not provided')
  })

  test('a proclamation without a lease is held by one of 60 s; a resignation makes none', async () => {
    await start(1)
    const [first] = await campaignInTurn(1)
    const leader = { ...leaderOf(first), lease: 0n }
    await bench.proclaim(leader, 'x').answered
    const [held] = await bench.queue('e')
    expect(await ttlOf(held?.lease)).toBe(60)
    await bench.resign(leader).answered
    const { leases } = await bench.test.call<{ leases: object[] }>('Lease.LeaseLeases', {})
    expect(leases).toHaveLength(2)
  })

  test('Observe tells the leader, its values, and every leader after it', async () => {
    await start(1, 2, 3)
    const early = bench.observe('e')
    await settle()
    expect(early.story).toEqual([])
    const [first, second] = await campaignInTurn(1, 2, 3)
    const late = bench.observe('e')
    await settle()
    await bench.proclaim(leaderOf(first), 'x').answered
    await bench.resign(leaderOf(first)).answered
    await settle()
    await bench.resign(leaderOf(second)).answered
    await settle()
    const rest = ['e/1=x@5', 'e/2=v2@6', 'e/3=v3@7']
    expect(early.story).toEqual(['e/1=v1@2', ...rest])
    expect(late.story).toEqual(['e/1=v1@4', ...rest])
  })

  test('Observe misses no short reign, however slowly its client reads', async () => {
    await start(1, 2, 3)
    const observer = new Observer()
    observer.reads = false
    bench.observe('e', observer)
    await settle()
    await campaignInTurn(1, 2, 3)
    for (const key of ['e/1', 'e/2', 'e/3']) await bench.delete(key)
    await campaignInTurn(2)
    expect(observer.story).toEqual(['e/1=v1@2'])
    observer.reads = true
    observer.drain()
    await settle()
    expect(observer.story).toEqual(['e/1=v1@2', 'e/2=v2@5', 'e/3=v3@6', 'e/2=v2@8'])
    expect(await watchers()).toBe(1)
  })

  test('Observe goes on with the present leader where what it missed is compacted', async () => {
    await start(1, 2, 3)
    const observer = new Observer()
    observer.reads = false
    bench.observe('e', observer)
    await settle()
    await campaignInTurn(1, 2, 3)
    await bench.delete('e/1')
    await bench.delete('e/2')
    await bench.test.call('KV.Compact', { revision: await bench.revision(), physical: true })
    observer.reads = true
    observer.drain()
    await settle()
    expect(observer.story).toEqual(['e/1=v1@2', 'e/3=v3@6'])
  })

  test('Observe goes on where the end of a reign is compacted before it is told', async () => {
    await start(1, 2)
    await campaignInTurn(1, 2)
    const observer = bench.observe('e')
    await settle()
    observer.reads = false
    void bench.put('e/1')
    void bench.delete('e/1')
    await settle()
    expect(observer.story).toEqual(['e/1=v1@3', 'e/1=@4'])
    await bench.put('other')
    await bench.test.call('KV.Compact', { revision: await bench.revision(), physical: true })
    observer.reads = true
    observer.drain()
    await settle()
    expect(observer.story.slice(2)).toEqual(['e/2=v2@6'])
    expect(observer.failed).toBeUndefined()
  })

  test('an observer that goes away leaves nothing behind; a stop ends the others', async () => {
    await start(1)
    await campaignInTurn(1)
    const [first, second] = [bench.observe('e'), bench.observe('nobody')]
    await settle()
    expect(await watchers()).toBe(2)
    first.goAway()
    await settle()
    expect(await watchers()).toBe(1)
    bench.test.server.endStreams()
    await settle()
    expect(second.failed).toMatchObject({ code: 14, message: 'etcdserver: server stopped' })
    expect(first.failed).toBeUndefined()
    expect(await watchers()).toBe(0)
  })
})

async function ttlOf(id: bigint | undefined): Promise<number | undefined> {
  const request = { id: id ?? 0n, keys: false }
  const found = await bench.test.call<{ grantedTtl: number }>('Lease.LeaseTimeToLive', request)
  return found.grantedTtl
}

async function watchers(): Promise<number> {
  const text = await bench.test.server.metrics.registry.metrics()
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(text)?.[1])
}
