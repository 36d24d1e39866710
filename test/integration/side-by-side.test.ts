/**
 * Random requests sent to a real etcd and to this server in lock-step: every answer must agree,
 * revisions, nested headers, error codes and texts included, and so must the hash of the history.
 *
 * QUORATE_TEST_SEED and QUORATE_TEST_RUNS set the seed and the number of sequences.
 */

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { differenceBetween, hasUnknownSortOption, show } from '../support/compare-responses.ts'
import {
  endsEtcd,
  maySlipThroughDuplicateCheck,
  peculiaritiesOf,
} from '../support/etcd-versions.ts'
import type { Peculiarities } from '../support/etcd-versions.ts'
import { GrpcClient } from '../support/grpc-client.ts'
import type { Message } from '../support/grpc-client.ts'
import { DELETE_EVERYTHING, operation, resolveOperation } from '../support/kv-operations.ts'
import type { Operation } from '../support/kv-operations.ts'
import { findEtcd, isMissing, programOf, suiteName } from '../support/programs.ts'
import type { RunningServer } from '../support/test-bed.ts'
import { TestBed } from '../support/test-bed.ts'

const SEED = Number(process.env['QUORATE_TEST_SEED'] ?? 1)
const RUNS = Number(process.env['QUORATE_TEST_RUNS'] ?? 400)
const OPERATIONS_MAX = 60

const etcd = findEtcd()

/**
 * Two servers that have seen the same requests. Once their answers differ, their histories may too,
 * so `ensureAligned` replaces both before anything else is compared.
 */
class Pair {
  readonly #bed: TestBed
  readonly rules: Peculiarities
  #servers: RunningServer[] = []
  #clients: [reference: GrpcClient, ours: GrpcClient] | undefined
  #current = 1
  #compacted = 0
  /** Revisions at which etcd is at fault: see `maySlipThroughDuplicateCheck`. */
  readonly #fragile = new Set<number>()
  /** Revisions whose hash etcd answers from memory: see `etcd-versions.ts`. */
  readonly #compactedAt = new Set<number>()
  #aligned = false
  operations = 0

  constructor(bed: TestBed) {
    this.#bed = bed
    this.rules = peculiaritiesOf(programOf(etcd))
  }

  async ensureAligned(): Promise<void> {
    if (this.#aligned) return
    for (const client of this.#clients ?? []) client.close()
    await Promise.all(this.#servers.map((server) => server.kill9()))
    const reference = await this.#bed.startEtcd(programOf(etcd))
    const ours = await this.#bed.startQuorate()
    this.#servers = [reference, ours]
    this.#clients = [new GrpcClient(reference.endpoint), new GrpcClient(ours.endpoint)]
    this.#current = 1
    this.#compacted = 0
    this.#fragile.clear()
    this.#compactedAt.clear()
    this.#aligned = true
  }

  get revisions(): { current: number; compacted: number } {
    return { current: this.#current, compacted: this.#compacted }
  }

  /** Sends one operation to both; throws when the answers differ. */
  async send({ method, request: symbolic }: Operation): Promise<void> {
    if (this.#clients === undefined) throw new Error('not started')
    const request = resolveOperation(symbolic, this.revisions)
    if (!this.rules.checksSortOptions && hasUnknownSortOption(request)) return
    if (method === 'KV.Txn' && endsEtcd(request)) return
    const revision = Number(request['revision'])
    if (method === 'KV.Compact' && this.#fragile.has(revision)) return
    if (method === 'Maintenance.HashKV' && this.#isHashUnsure(revision)) return
    const [reference, ours] = await Promise.all(
      this.#clients.map(async (client) => await client.call(method, request)),
    )
    if (reference === undefined || ours === undefined) throw new Error('unreachable')
    this.operations++
    for (const { child } of this.#servers) {
      if (child.running) continue
      this.#aligned = false
      throw new Error(`${method} ${show(request)} ended a server\n${child.tail()}`)
    }
    const difference = differenceBetween(method, request, reference, ours, this.rules)
    if (difference !== undefined) {
      this.#aligned = false
      throw new Error(difference)
    }
    if (!reference.ok) return
    this.#current = Number(reference.response['header'].revision)
    if (method === 'KV.Compact') this.#compacted = revision
    if (method === 'KV.Compact') this.#compactedAt.add(revision)
    if (method === 'KV.Txn' && maySlipThroughDuplicateCheck(request)) {
      this.#fragile.add(this.#current)
    }
  }

  /** Whether etcd's hash at a revision hangs on time, or on a fault of its: see `etcd-versions.ts`. */
  #isHashUnsure(revision: number): boolean {
    return this.#compactedAt.has(revision) || this.#fragile.has(revision || this.#current)
  }

  close(): void {
    for (const client of this.#clients ?? []) client.close()
  }
}

describe.skipIf(isMissing(etcd))(suiteName('side by side with etcd', etcd), () => {
  const bed = new TestBed()
  let pair: Pair
  beforeAll(async () => {
    pair = new Pair(bed)
    await pair.ensureAligned()
  })
  afterAll(async () => {
    pair.close()
    await bed.cleanUp()
  })

  it('every answer to random KV requests equals etcd’s', { timeout: 600_000 }, async () => {
    const { versionText } = programOf(etcd)
    console.log(`side by side with etcd ${versionText}: seed ${SEED}, ${RUNS} sequences`)
    const sequence = fc.array(operation, { minLength: 20, maxLength: OPERATIONS_MAX, size: 'max' })
    await fc.assert(
      fc.asyncProperty(sequence, async (operations) => {
        await pair.ensureAligned()
        await pair.send(DELETE_EVERYTHING)
        for (const next of operations) await pair.send(next)
      }),
      { seed: SEED, numRuns: RUNS },
    )
    console.log(`side by side with etcd ${versionText}: ${pair.operations} requests compared`)
  })

  it('the hash of the history is equal at every readable revision of the last hundred', async () => {
    await pair.ensureAligned()
    const { current, compacted } = pair.revisions
    const first = Math.max(compacted + 1, current - 100)
    for (let revision = first; revision <= current; revision += 7) {
      await pair.send(hashAt(revision))
    }
    await pair.send(hashAt(0))
    expect(pair.revisions.current).toBe(current)
  })
})

function hashAt(revision: number): Operation {
  const request: Message = { revision: String(revision) }
  return { method: 'Maintenance.HashKV', request }
}
