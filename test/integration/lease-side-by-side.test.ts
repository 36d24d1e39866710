/**
 * Random scripts of leases and keys, sent to a real etcd and to this server in lock-step: every
 * answer must agree, and in the end the hash of the history, which the order of the deletions is
 * part of.
 *
 * QUORATE_TEST_SEED and QUORATE_TEST_LEASE_RUNS set the seed and the number of scripts.
 */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differenceBetween, show } from '../support/compare-responses.ts'
import { peculiaritiesOf } from '../support/etcd-versions.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { CallResult, Message, TestStream } from '../support/grpc-client.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import { TestBed } from '../support/test-bed.ts'

const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? Date.now() % 2_147_483_647)
const RUNS = Number(process.env['QUORATE_TEST_LEASE_RUNS'] ?? 250)

const etcd = findEtcd()

interface Step {
  readonly method: string
  readonly request: Message
}

/** Each lease has TTLs of its own magnitude, so that their order by expiry hangs on no clock. */
const LEASES: Readonly<Record<string, readonly number[]>> = {
  '1': [1000, 2000],
  '7': [10_000, 20_000],
  '-1': [100_000, 200_000],
  '9223372036854775807': [1_000_000, 2_000_000],
  '-9223372036854775808': [10_000_000, 9_000_000_001],
}
const lease = fc.constantFrom(...Object.keys(LEASES))
const maybeLease = fc.oneof(
  { weight: 6, arbitrary: lease },
  { weight: 2, arbitrary: fc.constant('0') },
  { weight: 1, arbitrary: fc.constant('5') },
)
const key = fc
  .constantFrom('a', 'b', 'aa', 'a\x00', 'a\xff', '\xff', 'B', '\x00')
  .map((text) => Buffer.from(text, 'latin1'))
const value = fc.constantFrom('', 'v', 'w').map((text) => Buffer.from(text, 'latin1'))

const put: fc.Arbitrary<Message> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ key, value, lease: maybeLease, prev_kv: fc.boolean() }) },
  { weight: 1, arbitrary: key.map((one) => ({ key: one, ignore_lease: true })) },
  { weight: 1, arbitrary: fc.record({ key, lease: maybeLease, ignore_value: fc.constant(true) }) },
)
const interval: fc.Arbitrary<Message> = fc.oneof(
  key.map((one) => ({ key: one })),
  fc.record({ key, range_end: key }),
  fc.constant({ key: Buffer.from([0]), range_end: Buffer.from([0]) }),
)
const compare = fc.record({
  key,
  target: fc.constant('LEASE'),
  result: fc.constantFrom('EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'),
  lease: maybeLease,
})
const op: fc.Arbitrary<Message> = fc.oneof(
  { weight: 5, arbitrary: put.map((request) => ({ request_put: request })) },
  { weight: 2, arbitrary: interval.map((request) => ({ request_range: request })) },
  { weight: 1, arbitrary: key.map((one) => ({ request_delete_range: { key: one } })) },
)
const ops = fc.array(op, { maxLength: 4 })
const txn = fc.record({ compare: fc.array(compare, { maxLength: 2 }), success: ops, failure: ops })

const as = (method: string, request: fc.Arbitrary<Message>): fc.Arbitrary<Step> =>
  request.map((one) => ({ method, request: one }))

const grant = lease.chain((ID) => fc.record({ ID: fc.constant(ID), TTL: ttlOf(ID) }))
const anyLease = fc.oneof({ weight: 8, arbitrary: lease }, { weight: 1, arbitrary: maybeLease })

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: as('Lease.LeaseGrant', grant) },
  { weight: 5, arbitrary: as('Lease.LeaseRevoke', fc.record({ ID: anyLease })) },
  { weight: 5, arbitrary: as('Lease.LeaseKeepAlive', fc.record({ ID: anyLease })) },
  {
    weight: 6,
    arbitrary: as('Lease.LeaseTimeToLive', fc.record({ ID: anyLease, keys: fc.boolean() })),
  },
  { weight: 4, arbitrary: as('Lease.LeaseLeases', fc.constant({})) },
  { weight: 24, arbitrary: as('KV.Put', put) },
  { weight: 8, arbitrary: as('KV.Txn', txn) },
  { weight: 4, arbitrary: as('KV.DeleteRange', interval) },
  { weight: 6, arbitrary: as('KV.Range', interval) },
)

function ttlOf(id: string): fc.Arbitrary<number> {
  return fc.constantFrom(...(LEASES[id] ?? []))
}

class Side {
  readonly #client: GrpcClient
  #keepAlives: TestStream

  constructor(endpoint: string) {
    this.#client = new GrpcClient(endpoint)
    this.#keepAlives = this.#client.stream('Lease.LeaseKeepAlive')
  }

  async send({ method, request }: Step): Promise<CallResult> {
    if (method !== 'Lease.LeaseKeepAlive') return await this.#client.call(method, request)
    this.#keepAlives.write(request)
    const response = await this.#keepAlives.next()
    if (!('ID' in response)) throw new Error(`the keep-alives ended with ${show(response)}`)
    return { ok: true, response }
  }

  /** The test's streams have a deadline: a fresh one for every script. */
  reopen(): void {
    this.#keepAlives.cancel()
    this.#keepAlives = this.#client.stream('Lease.LeaseKeepAlive')
  }

  close(): void {
    this.#keepAlives.cancel()
    this.#client.close()
  }
}

describe.skipIf(isMissing(etcd))(suiteName('leases side by side with etcd', etcd), () => {
  const bed = new TestBed()
  let sides: readonly [reference: Side, ours: Side]
  let compared = 0

  beforeAll(async () => {
    const servers = await Promise.all([bed.startEtcd(programOf(etcd)), bed.startQuorate()])
    const [reference, ours] = servers.map(({ endpoint }) => new Side(endpoint))
    if (reference === undefined || ours === undefined) throw new Error('unreachable')
    sides = [reference, ours]
  })
  afterAll(async () => {
    for (const side of sides) side.close()
    await bed.cleanUp()
  })

  /** Sends one step to both and compares; the answer is the reference's. */
  async function send(next: Step): Promise<CallResult> {
    const [reference, ours] = await Promise.all(sides.map((side) => side.send(next)))
    if (reference === undefined || ours === undefined) throw new Error('unreachable')
    compared++
    const difference = differenceBetween(
      next.method,
      next.request,
      comparable(reference, reference),
      comparable(ours, reference),
      peculiaritiesOf(programOf(etcd)),
    )
    if (difference !== undefined) throw new Error(difference)
    return reference
  }

  async function startOver(): Promise<void> {
    for (const side of sides) side.reopen()
    for (const ID of [...Object.keys(LEASES), '5']) {
      await send({ method: 'Lease.LeaseRevoke', request: { ID } })
    }
    const everything = { key: Buffer.from([0]), range_end: Buffer.from([0]) }
    await send({ method: 'KV.DeleteRange', request: everything })
  }

  it('every answer to random scripts equals etcd’s', { timeout: 300_000 }, async () => {
    const { versionText } = programOf(etcd)
    console.log(`leases side by side with etcd ${versionText}: seed ${SEED}, ${RUNS} scripts`)
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }),
        async (steps) => {
          await startOver()
          for (const next of steps) await send(next)
        },
      ),
      { seed: SEED, numRuns: RUNS, plugins: [fc.interruptAfterTimeLimit(60_000)] },
    )
    await send({ method: 'Maintenance.HashKV', request: {} })
    console.log(`leases side by side with etcd ${versionText}: ${compared} requests compared`)
  })

  it('TTLs at the edges are raised, granted and refused alike', async () => {
    await startOver()
    const ttls = ['0', '1', '-5', '2', '3', '9000000000', '9000000001', '9223372036854775807']
    for (const TTL of ttls) {
      await send({ method: 'Lease.LeaseGrant', request: { ID: '5', TTL } })
      await send({ method: 'Lease.LeaseRevoke', request: { ID: '5' } })
    }
  })

  it('an id that the server chooses is positive', async () => {
    for (const side of sides) {
      const granted = await side.send({ method: 'Lease.LeaseGrant', request: { TTL: 1000 } })
      expect(granted.ok && BigInt(granted.response['ID']) > 0n).toBe(true)
    }
  })
})

/**
 * What is left of a lease may be a second off, and etcd lists the keys of a lease in no order. A
 * header is not asked to be of the same member.
 */
function comparable(result: CallResult, reference: CallResult): CallResult {
  if (!result.ok || !reference.ok) return result
  const response: Message = { ...result.response }
  const near = Math.abs(Number(response['TTL']) - Number(reference.response['TTL'])) <= 1
  if ('grantedTTL' in response && near) response['TTL'] = reference.response['TTL']
  if (Array.isArray(response['keys'])) response['keys'] = response['keys'].map(show).toSorted()
  return { ok: true, response }
}
