/**
 * Random scripts of contenders for a lock and of candidates in an election, sent to a real etcd and
 * to this server step by step: the same calls are answered after the same steps, with the same
 * answers, and observers hear the same.
 *
 * What is left out is what etcd does otherwise: it tells a contender that its place is lost when
 * its turn comes, not at once, and tells a candidate nothing.
 *
 * QUORATE_TEST_SEED and QUORATE_TEST_LOCK_RUNS set the seed and the number of scripts.
 */

import fc from 'fast-check'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differenceBetween, show } from '../support/compare-responses.ts'
import { peculiaritiesOf } from '../support/etcd-versions.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { CallResult, Message, OpenCall, TestStream } from '../support/grpc-client.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? Date.now() % 2_147_483_647)
const RUNS = Number(process.env['QUORATE_TEST_LOCK_RUNS'] ?? 25)

const LOCK = '/v3lockpb.Lock/Lock'
const UNLOCK = '/v3lockpb.Lock/Unlock'
const CAMPAIGN = '/v3electionpb.Election/Campaign'
const PROCLAIM = '/v3electionpb.Election/Proclaim'
const LEADER = '/v3electionpb.Election/Leader'
const OBSERVE = '/v3electionpb.Election/Observe'
const RESIGN = '/v3electionpb.Election/Resign'

const LEASES = ['1', '16', '-5', '9223372036854775807', '-9223372036854775808']
const etcd = findEtcd()

type Action = 'enter' | 'leave' | 'revoke' | 'go-away' | 'look' | 'proclaim' | 'again'

interface Step {
  readonly action: Action
  readonly lease: string
  readonly value: string
}

const script = fc.array(
  fc.record({
    action: fc.constantFrom<Action>(
      ...(['enter', 'enter', 'enter', 'enter', 'leave', 'leave'] as const),
      ...(['revoke', 'go-away', 'look', 'proclaim', 'again'] as const),
    ),
    lease: fc.constantFrom(...LEASES),
    value: fc.constantFrom('', 'v', 'w'),
  }),
  { minLength: 10, maxLength: 40, size: 'max' },
)

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

function keyOf(name: string, lease: string): string {
  return `${name}/${BigInt(lease).toString(16)}`
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await condition())) {
    if (performance.now() - startedAt > 10_000) throw new Error(`waited in vain until ${what}`)
    await sleep(2)
  }
}

/** One server, and the calls that wait there. */
class Side {
  readonly client: GrpcClient
  readonly waiting = new Map<string, OpenCall>()
  readonly places = new Map<string, Message>()
  observer: TestStream | undefined
  readonly heard: Message[] = []

  constructor(endpoint: string) {
    this.client = new GrpcClient(endpoint)
  }

  async queue(name: string): Promise<string[]> {
    const range = { key: bytes(`${name}/`), range_end: bytes(`${name}0`), sort_target: 'CREATE' }
    const { kvs } = await this.client.ok('KV.Range', { ...range, sort_order: 'ASCEND' })
    return kvs.map(({ key }: Message) => key.toString('latin1'))
  }

  observe(name: string): void {
    this.observer?.cancel()
    this.heard.length = 0
    this.observer = this.client.stream(OBSERVE, { name: bytes(name) })
  }

  /** Listens until the observer has been told what Leader says now. */
  async hear(leader: CallResult): Promise<void> {
    if (!leader.ok || this.observer === undefined) return
    while (show(this.heard.at(-1)?.['kv']) !== show(leader.response['kv'])) {
      const message = await this.observer.next()
      if ('code' in message) throw new Error(`Observe ended with ${show(message)}`)
      this.heard.push(message)
    }
  }
}

describe.skipIf(isMissing(etcd))(suiteName('locks and elections side by side', etcd), () => {
  const bed = new TestBed()
  let reference: Side
  let ours: Side
  let scripts = 0
  let compared = 0

  beforeAll(async () => {
    const servers = await Promise.all([bed.startEtcd(programOf(etcd)), bed.startQuorate()])
    const [first, second] = servers.map(({ endpoint }) => new Side(endpoint))
    if (first === undefined || second === undefined) throw new Error('unreachable')
    reference = first
    ours = second
  })
  afterAll(async () => {
    for (const side of [reference, ours]) side.client.close()
    await bed.cleanUp()
  })

  async function both<T>(ask: (side: Side) => T | Promise<T>): Promise<[T, T]> {
    return await Promise.all([ask(reference), ask(ours)])
  }

  function compare(method: string, request: Message, answers: [CallResult, CallResult]): void {
    compared++
    const rules = peculiaritiesOf(programOf(etcd))
    const difference = differenceBetween(method, request, ...answers, rules)
    if (difference !== undefined) throw new Error(difference)
  }

  async function send(method: string, request: Message): Promise<CallResult> {
    const answers = await both((side) => side.client.call(method, request))
    compare(method, request, answers)
    return answers[0]
  }

  async function queueIs(name: string, leases: readonly string[]): Promise<void> {
    const keys = show(leases.map((lease) => keyOf(name, lease)))
    await both((side) =>
      until(`the queue is ${keys}`, async () => show(await side.queue(name)) === keys),
    )
  }

  async function grantAll(): Promise<void> {
    for (const ID of LEASES) {
      await both((side) => side.client.call('Lease.LeaseRevoke', { ID }))
      await both((side) => side.client.ok('Lease.LeaseGrant', { ID, TTL: 10_000 }))
    }
  }

  /** The contenders' own method, and what they do beside waiting. */
  interface Game {
    readonly enterMethod: string
    readonly enter: (name: string, step: Step) => Message
    /** What is called when the first in the queue ends its turn. */
    readonly leave: (name: string, lease: string, side: Side) => [method: string, request: Message]
    /** Things that change no place. */
    readonly other: (name: string, step: Step) => Promise<void>
  }

  async function play(game: Game, steps: readonly Step[]): Promise<void> {
    await grantAll()
    const name = `game${scripts++}`
    let queue: string[] = []
    const observes = game.enterMethod === CAMPAIGN
    if (observes) await both((side) => side.observe(name))
    for (const step of steps) {
      const { action, lease } = step
      const isFirst = queue[0] === lease
      const waits = queue.includes(lease) && !isFirst
      if (action === 'enter' && !queue.includes(lease)) {
        const request = game.enter(name, step)
        await both((side) => {
          side.waiting.set(lease, side.client.begin(game.enterMethod, request))
        })
        queue.push(lease)
      } else if (action === 'again' && isFirst) {
        await send(game.enterMethod, game.enter(name, step))
      } else if (action === 'leave' && isFirst) {
        const answers = await both((side) => side.client.call(...game.leave(name, lease, side)))
        compare(game.leave(name, lease, reference)[0], { name, lease }, answers)
        queue = queue.filter((other) => other !== lease)
      } else if (action === 'revoke' && isFirst) {
        await send('Lease.LeaseRevoke', { ID: lease })
        await send('Lease.LeaseGrant', { ID: lease, TTL: 10_000 })
        queue = queue.filter((other) => other !== lease)
      } else if (action === 'go-away' && waits) {
        await both((side) => side.waiting.get(lease)?.cancel())
        await both((side) => side.waiting.delete(lease))
        queue = queue.filter((other) => other !== lease)
      } else if (action === 'look' || action === 'proclaim') {
        await game.other(name, step)
      }
      await queueIs(name, queue)
      await grantTurn(game, queue[0], { name, ...step })
      if (observes) await observersAgree(name)
    }
    await both((side) => {
      for (const call of side.waiting.values()) call.cancel()
      side.waiting.clear()
      side.observer?.cancel()
    })
  }

  /** Whoever is first is answered, the same on both sides, and nobody else has been. */
  async function grantTurn(game: Game, first: string | undefined, step: Message): Promise<void> {
    if (first !== undefined && reference.waiting.has(first)) {
      const answers = await both(async (side) => await side.waiting.get(first)!.result)
      compare(game.enterMethod, step, answers)
      await both((side) => side.waiting.delete(first))
      for (const [side, answer] of [reference, ours].map((one, i) => [one, answers[i]] as const)) {
        if (answer?.ok === true) side.places.set(first, answer.response)
      }
    }
    for (const side of [reference, ours]) {
      const answered = [...side.waiting.values()].map(({ result }) => result)
      const winner = await Promise.race([...answered, sleep(0).then(() => 'nobody')])
      expect(winner).toBe('nobody')
    }
  }

  async function observersAgree(name: string): Promise<void> {
    const leader = await send(LEADER, { name: bytes(name) })
    await both((side) => side.hear(leader))
    expect(ours.heard.map(withoutIdentity)).toEqual(reference.heard.map(withoutIdentity))
  }

  async function check(game: Game): Promise<void> {
    const { versionText } = programOf(etcd)
    console.log(`${game.enterMethod} beside etcd ${versionText}: seed ${SEED}, ${RUNS} scripts`)
    await fc.assert(
      fc.asyncProperty(script, (steps) => play(game, steps)),
      { seed: SEED, numRuns: RUNS, plugins: [fc.interruptAfterTimeLimit(60_000)] },
    )
    console.log(`${game.enterMethod} beside etcd ${versionText}: ${compared} answers compared`)
  }

  it('Lock and Unlock answer as etcd’s do', { timeout: 300_000 }, async () => {
    await check({
      enterMethod: LOCK,
      enter: (name, { lease }) => ({ name: bytes(name), lease }),
      leave: (name, lease) => [UNLOCK, { key: bytes(keyOf(name, lease)) }],
      other: async (name, { lease }) => {
        await send(LOCK, { name: bytes(name), lease: '77' })
        await send(UNLOCK, { key: bytes(`${name}x/${lease}`) })
        await send(UNLOCK, {})
      },
    })
  })

  it('Campaign, Proclaim, Leader, Observe and Resign too', { timeout: 300_000 }, async () => {
    await check({
      enterMethod: CAMPAIGN,
      enter: (name, { lease, value }) => ({ name: bytes(name), lease, value: bytes(value) }),
      leave: (_name, lease, side) => [RESIGN, { leader: side.places.get(lease)?.['leader'] }],
      other: async (name, { lease, value, action }) => {
        const leader = reference.places.get(lease)?.['leader']
        const place = { name: bytes(name), key: bytes(keyOf(name, lease)), rev: 1, lease }
        if (action === 'proclaim' && leader !== undefined && leader.name.equals(bytes(name))) {
          await send(PROCLAIM, { leader, value: bytes(value) })
        }
        await send(PROCLAIM, { leader: place, value: bytes(value) })
        await send(PROCLAIM, { leader: { ...place, lease: '77' }, value: bytes(value) })
        await send(PROCLAIM, { leader: { ...place, key: bytes('') } })
        await send(PROCLAIM, { value: bytes(value) })
        await send(RESIGN, { leader: place })
        await send(RESIGN, { leader: { ...place, key: bytes('') } })
        await send(RESIGN, {})
        await send(LEADER, { name: bytes(`${name}x`) })
        await send(CAMPAIGN, { name: bytes(name), lease: '77', value: bytes(value) })
      },
    })
  })

  it('a contender without a lease gets one of 60 s in its key', async () => {
    for (const { client } of [reference, ours]) {
      const { key } = await client.ok(LOCK, { name: bytes('leaseless') })
      const [, hex] = key.toString('latin1').split('/')
      const ttl = await client.ok('Lease.LeaseTimeToLive', { ID: BigInt(`0x${hex}`).toString() })
      expect(ttl).toMatchObject({ grantedTTL: '60' })
    }
  })

  it('what is larger than a request may be is refused alike', async () => {
    await grantAll()
    await send(LOCK, { name: Buffer.alloc(1_572_864), lease: '1' })
    await send(CAMPAIGN, { name: bytes('large'), lease: '1', value: Buffer.alloc(1_600_000) })
  })
})

function withoutIdentity({ header, kv }: Message): Message {
  return { revision: header.revision, kv: { ...kv } }
}
