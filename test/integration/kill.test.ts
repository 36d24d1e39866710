/**
 * A node that is killed, or asked to stop, while many clients write: nothing that was acknowledged
 * may be lost, and what was there before must not have changed.
 *
 * QUORATE_TEST_KILL_ROUNDS sets the number of kills.
 */

import { afterAll, describe, expect, it } from 'vitest'
import { GrpcClient } from '../support/grpc-client.ts'
import { TestBed } from '../support/test-bed.ts'
import type { Acknowledged } from '../support/write-load.ts'
import { WriteLoad, lostWrites } from '../support/write-load.ts'

const ROUNDS = Number(process.env['QUORATE_TEST_KILL_ROUNDS'] ?? 6)
const WRITERS = 32
const CANCELLED = 1
const UNAVAILABLE = 14

describe('a node that dies under load', () => {
  const bed = new TestBed()
  afterAll(() => bed.cleanUp())

  it(`kill -9, ${ROUNDS} times: every acknowledged write is there with its revision and value`, async () => {
    const dataDirectory = bed.temporaryDirectory()
    const acknowledged: Acknowledged[] = []
    // A small snapshot count, so that some kills fall close to a checkpoint and some starts replay
    // a log that was cut.
    const args = ['--snapshot-count', '500']
    for (let round = 0; round < ROUNDS; round++) {
      const node = await bed.startQuorate({ dataDirectory, args })
      const client = new GrpcClient(node.endpoint)
      expect(await lostWrites(client, acknowledged)).toEqual([])
      if (round > 0) expect(linesWith(node.child.output, /replay/i)).not.toEqual([])

      const load = new WriteLoad(client, { writers: WRITERS, round: `r${round}` })
      await load.reach(300 + round * 170)
      await node.kill9()
      await load.end()
      expect(load.acknowledged.length).toBeGreaterThanOrEqual(300)
      acknowledged.push(...load.acknowledged)
      client.close()
    }

    const survivor = await bed.startQuorate({ dataDirectory, args })
    const client = new GrpcClient(survivor.endpoint)
    expect(await lostWrites(client, acknowledged)).toEqual([])
    expect(new Set(acknowledged.map((write) => write.modRevision)).size).toBe(acknowledged.length)
    const hash = await client.ok('Maintenance.HashKV', {})
    const all = await everything(client)
    client.close()

    // A clean stop and start changes nothing.
    expect((await survivor.stop()).code).toBe(0)
    const again = await bed.startQuorate({ dataDirectory, args })
    const clientAgain = new GrpcClient(again.endpoint)
    const hashAgain = await clientAgain.ok('Maintenance.HashKV', {})
    expect({ ...hashAgain, header: null }).toEqual({ ...hash, header: null })
    expect(hashAgain['header'].revision).toBe(hash['header'].revision)
    expect(await everything(clientAgain)).toEqual(all)
    clientAgain.close()
    await again.stop()
  }, 120_000)

  it('kill -9 after deletes, transactions and a compaction: the history reads the same', async () => {
    const dataDirectory = bed.temporaryDirectory()
    const node = await bed.startQuorate({ dataDirectory })
    const client = new GrpcClient(node.endpoint)
    const key = Buffer.from('k')
    for (let n = 0; n < 20; n++) {
      await client.ok('KV.Put', { key, value: Buffer.from(`${n}`) })
      if (n % 5 === 4) await client.ok('KV.DeleteRange', { key })
    }
    await client.ok('KV.Txn', {
      success: [
        { request_put: { key: Buffer.from('t1'), value: key } },
        { request_put: { key: Buffer.from('t2'), value: key } },
      ],
    })
    await client.ok('KV.Compact', { revision: '9' })
    const before = await history(client, 9)
    client.close()
    await node.kill9()

    const again = await bed.startQuorate({ dataDirectory })
    const clientAgain = new GrpcClient(again.endpoint)
    expect(await history(clientAgain, 9)).toEqual(before)
    expect(await clientAgain.call('KV.Range', { key, revision: '8' })).toMatchObject({
      ok: false,
      message: 'etcdserver: mvcc: required revision has been compacted',
    })
    clientAgain.close()
    await again.stop()
  })

  it('SIGTERM under load: exit 0 within 1.5 s, calls get a clean end, nothing is lost', async () => {
    const dataDirectory = bed.temporaryDirectory()
    const node = await bed.startQuorate({ dataDirectory })
    const client = new GrpcClient(node.endpoint)
    const load = new WriteLoad(client, { writers: WRITERS, round: 'term' })
    await load.reach(500)
    const { code, signal, tookMs } = await node.stop()
    await load.end()
    client.close()
    expect({ code, signal }).toEqual({ code: 0, signal: null })
    expect(tookMs).toBeLessThan(1500)
    // Every writer ended with one status, and with one that tells the client to go elsewhere.
    expect(load.failures).toHaveLength(WRITERS)
    const codes = new Set(load.failures.map((failure) => failure.code))
    expect([...codes].filter((found) => found !== UNAVAILABLE && found !== CANCELLED)).toEqual([])

    const again = await bed.startQuorate({ dataDirectory })
    const clientAgain = new GrpcClient(again.endpoint)
    expect(await lostWrites(clientAgain, load.acknowledged)).toEqual([])
    clientAgain.close()
    await again.stop()
  })

  it('SIGTERM while long reads run: exit 0, and the reads get a clean end', async () => {
    const node = await bed.startQuorate()
    const client = new GrpcClient(node.endpoint)
    for (let start = 0; start < 20_000; start += 100) {
      const success = Array.from({ length: 100 }, (_, i) => ({
        request_put: { key: Buffer.from(`k${start + i}`), value: Buffer.alloc(100) },
      }))
      await client.ok('KV.Txn', { success })
    }
    const all = { key: Buffer.from([0]), range_end: Buffer.from([0]) }
    const success = Array.from({ length: 20 }, () => ({ request_range: all }))
    const reads = [
      client.call('Maintenance.HashKV', {}),
      client.call('KV.Txn', { success }),
      client.call('KV.Range', all),
    ]
    await client.ok('KV.Range', { key: Buffer.from('k1') })
    const { code, signal } = await node.stop()
    expect({ code, signal, log: node.child.tail(4) }).toMatchObject({ code: 0, signal: null })
    for (const read of await Promise.all(reads)) {
      // An answer that is on its way ends with the connection when its reader is slower than the
      // time that a stop leaves; this is what the client makes of that.
      if (read.ok || read.message.includes('Call ended without gRPC status')) continue
      expect([UNAVAILABLE, CANCELLED], read.message).toContain(read.code)
    }
    client.close()
  })

  it('SIGINT stops an idle node with exit code 0', async () => {
    const node = await bed.startQuorate()
    node.child.signal('SIGINT')
    expect(await node.child.waitForExit(5000)).toMatchObject({ code: 0, signal: null })
  })
})

function linesWith(output: string, pattern: RegExp): string[] {
  return output.split('\n').filter((line) => pattern.test(line))
}

async function everything(client: GrpcClient): Promise<unknown> {
  const all = { key: Buffer.from([0]), range_end: Buffer.from([0]) }
  const { kvs, count } = await client.ok('KV.Range', all)
  return { kvs, count }
}

/** The whole key space at every readable revision, and the hash there. */
async function history(client: GrpcClient, compacted: number): Promise<unknown[]> {
  const { header } = await client.ok('KV.Range', { key: Buffer.from('k') })
  const found: unknown[] = []
  for (let revision = compacted; revision <= Number(header.revision); revision++) {
    const all = { key: Buffer.from([0]), range_end: Buffer.from([0]), revision: String(revision) }
    const { kvs, count } = await client.ok('KV.Range', all)
    // The compacted revision's own hash may come from the compaction itself: leave it out.
    const hash =
      revision === compacted
        ? undefined
        : (await client.ok('Maintenance.HashKV', { revision: String(revision) }))['hash']
    found.push({ revision, kvs, count, hash })
  }
  return found
}
