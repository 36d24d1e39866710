import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LockResponseInput } from '../../src/rpc/codec/v3lockpb.ts'
import { Proposer } from '../../src/server/proposer.ts'
import { KvService } from '../../src/server/services/kv.ts'
import { turns } from './support/doubles.ts'
import { k } from './support/requests.ts'
import { RecipeBench, settle, type Call } from './support/recipe-bench.ts'

let bench: RecipeBench

type SubmitArguments = Parameters<Proposer['submit']>

const EXPIRED = '2 mutex: session is expired'

async function start(...leases: number[]): Promise<void> {
  bench = await RecipeBench.start()
  for (const lease of leases) await bench.grant(lease)
}

async function advance(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    bench.clock.advance(100)
    vi.advanceTimersByTime(100)
    await settle()
  }
}

/** In the order given: a call is sent when the one before it has its place. */
async function lockInTurn(name: string, ...leases: number[]): Promise<Call<LockResponseInput>[]> {
  const calls: Call<LockResponseInput>[] = []
  for (const lease of leases) {
    calls.push(bench.lock(name, lease))
    await settle()
  }
  return calls
}

describe('the Lock service', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
  afterEach(async () => {
    await bench.stop()
    vi.useRealTimers()
  })

  test('grants a free lock at once, with the key and the revision that made it', async () => {
    await start(31)
    const call = bench.lock('l', 31)
    await call.answered
    expect(call.response).toMatchObject({ key: 'l/1f', header: { revision: 2 } })
    expect(await bench.queue('l')).toMatchObject([{ key: 'l/1f', lease: 31n, createRevision: 2 }])
  })

  test('grants again to the lease that holds it, and makes no revision', async () => {
    await start(31)
    await bench.lock('l', 31).answered
    const again = bench.lock('l', 31)
    await again.answered
    expect(again.response).toMatchObject({ key: 'l/1f', header: { revision: 2 } })
  })

  test('a lease that was given a negative id writes it as etcd does', async () => {
    await start(-5)
    const call = bench.lock('', -5)
    await call.answered
    expect(call.response.key).toBe('/-5')
  })

  test('without a lease it grants one of 60 s, which nobody keeps alive', async () => {
    await start(1)
    const [, call] = await lockInTurn('l', 1, 0)
    const [, mine] = await bench.queue('l')
    const id = mine?.lease ?? 0n
    expect(mine?.key).toBe(`l/${id.toString(16)}`)
    expect(await bench.test.call('Lease.LeaseTimeToLive', { id, keys: false })).toMatchObject({
      grantedTtl: 60,
    })
    await advance(59_000)
    expect(call?.outcome).toBeUndefined()
    await advance(2_000)
    expect(call?.outcome).toBe(EXPIRED)
    expect(await bench.keys('l')).toEqual(['l/1'])
  })

  test('a lease that is not there is refused with the text and no code, as etcd does', async () => {
    await start()
    const call = bench.lock('l', 99)
    expect(await call.answered).toBe('2 etcdserver: requested lease not found')
    await expect(bench.unlock('')).rejects.toMatchObject({
      code: 2,
      message: 'etcdserver: key is not provided',
    })
  })

  test('the others wait, and get it in the order in which they came', async () => {
    await start(1, 2, 3)
    const calls = await lockInTurn('l', 3, 1, 2)
    const granted = (): boolean[] => calls.map(({ outcome }) => outcome !== undefined)
    expect(granted()).toEqual([true, false, false])
    await bench.unlock('l/3')
    await settle()
    expect(granted()).toEqual([true, true, false])
    expect(calls[1]?.response).toMatchObject({ key: 'l/1', header: { revision: 5 } })
    await bench.revoke(1)
    await settle()
    expect(granted()).toEqual([true, true, true])
  })

  test('a name that begins like another is another lock', async () => {
    await start(1, 2, 3)
    const calls = await lockInTurn('l0', 1)
    calls.push(...(await lockInTurn('l.', 2)), ...(await lockInTurn('l', 3)))
    expect(calls.map(({ outcome }) => typeof outcome)).toEqual(['object', 'object', 'object'])
  })

  test('a turn that ends wakes one contender, however many wait', async () => {
    await start(1, 2, 3, 4)
    await lockInTurn('l', 1, 2, 3, 4)
    const reads = vi.spyOn(KvService.prototype, 'range')
    await bench.unlock('l/1')
    await settle()
    expect(reads).toHaveBeenCalledTimes(1)
    reads.mockRestore()
  })

  test('what goes while the queue is read is not waited for', async () => {
    await start(1)
    for (let pause = 0; pause < 8; pause++) {
      for (let i = 0; i < 350; i++) await bench.put(`l/older${i}`)
      const call = bench.lock('l', 1)
      await turns(pause)
      const all = { key: k('l/o'), rangeEnd: k('l/p'), prevKv: false }
      await bench.test.call('KV.DeleteRange', all)
      await settle()
      expect(call.response.key).toBe('l/1')
      await bench.unlock('l/1')
    }
  })

  test('a contender in the middle that goes away lets nobody past', async () => {
    await start(1, 2, 3)
    const [, second, third] = await lockInTurn('l', 1, 2, 3)
    second?.caller.goAway()
    await settle()
    expect(await bench.keys('l')).toEqual(['l/1', 'l/3'])
    expect(third?.outcome).toBeUndefined()
    await bench.unlock('l/1')
    await settle()
    expect(third?.response.key).toBe('l/3')
  })

  test('who goes away before its place is made leaves none behind', async () => {
    await start(1, 2)
    const holder = bench.lock('l', 1)
    holder.caller.goAway()
    await settle()
    expect(await bench.keys('l')).toEqual([])
    await lockInTurn('l', 1)
    const waiter = bench.lock('l', 2)
    waiter.caller.goAway()
    await settle()
    expect(await bench.keys('l')).toEqual(['l/1'])
    const again = bench.lock('l', 1)
    again.caller.goAway()
    await settle()
    expect(await bench.keys('l')).toEqual(['l/1'])
  })

  test('who lost its place while waiting is told so at once, and never granted', async () => {
    await start(1, 2, 3)
    const [, second, third] = await lockInTurn('l', 1, 2, 3)
    await bench.delete('l/2')
    await bench.revoke(3)
    await settle()
    expect([second?.outcome, third?.outcome]).toEqual([EXPIRED, EXPIRED])
  })

  test('a key that was deleted and made again is another place', async () => {
    await start(1, 2, 3)
    const [, second] = await lockInTurn('l', 1, 2)
    void bench.delete('l/2')
    const again = bench.lock('l', 2)
    await settle()
    expect(second?.outcome).toBe(EXPIRED)
    expect(again.outcome).toBeUndefined()
  })

  test('a lease that ends while its contender waits takes it out of the queue', async () => {
    await start(1, 3)
    await bench.grant(2, 5)
    const [, second, third] = await lockInTurn('l', 1, 2, 3)
    await advance(7000)
    expect(second?.outcome).toBe(EXPIRED)
    await bench.unlock('l/1')
    await settle()
    expect(third?.response.key).toBe('l/3')
  })

  test('a lease past its end that is not revoked yet gets no lock any more', async () => {
    await start(1)
    await bench.grant(2, 5)
    const [, second] = await lockInTurn('l', 1, 2)
    bench.clock.advance(6000)
    await bench.unlock('l/1')
    await settle()
    expect(second?.outcome).toBe(EXPIRED)
    expect(await bench.keys('l')).toEqual([])
  })

  test('a place that cannot be deleted yet is deleted later', async () => {
    await start(1, 2)
    const [, second] = await lockInTurn('l', 1, 2)
    const propose = vi.spyOn(Proposer.prototype, 'propose')
    propose.mockResolvedValueOnce({ ok: false, error: 'no-leader' })
    second?.caller.goAway()
    await settle()
    expect(await bench.keys('l')).toEqual(['l/1', 'l/2'])
    propose.mockRestore()
    await advance(100)
    expect(await bench.keys('l')).toEqual(['l/1'])
  })

  test('a place that came to be although its call was told a timeout is given up', async () => {
    await start(1, 2)
    await bench.lock('l', 1).answered
    const { submit } = Proposer.prototype
    const proposals = vi.spyOn(Proposer.prototype, 'submit')
    const timesOut = function timesOut(this: Proposer, ...given: SubmitArguments) {
      const [request, lane, caller, listener] = given
      const onOutcome = () => listener.onOutcome({ ok: false, error: 'timeout' })
      submit.call(this, request, lane, caller, { onOutcome })
    }
    for (const lease of [2, 1]) {
      proposals.mockImplementationOnce(timesOut)
      const call = bench.lock('l', lease)
      expect(await call.answered).toBe('14 etcdserver: request timed out')
      await settle()
      expect(await bench.keys('l')).toEqual(['l/1'])
    }
    proposals.mockRestore()
  })

  test('a stop ends the waits, and they leave no place behind', async () => {
    await start(1, 2)
    const [, second] = await lockInTurn('l', 1, 2)
    bench.test.server.endStreams()
    await settle()
    expect(second?.outcome).toBe('14 etcdserver: server stopped')
    expect(await bench.keys('l')).toEqual(['l/1'])
  })

  test('whoever waits keeps no watch when its wait is over', async () => {
    await start(1, 2, 3)
    const [, second] = await lockInTurn('l', 1, 2, 3)
    expect(await watchers()).toBe(4)
    second?.caller.goAway()
    await settle()
    expect(await watchers()).toBe(2)
    await bench.unlock('l/1')
    await settle()
    expect(await watchers()).toBe(0)
  })
})

async function watchers(): Promise<number> {
  const text = await bench.test.server.metrics.registry.metrics()
  return Number(/^etcd_debugging_mvcc_watcher_total (\d+)$/m.exec(text)?.[1])
}
