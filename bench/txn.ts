/**
 * txn: compare-and-put transactions on random keys, and a mix of four gets and one put, over a full
 * store.
 */

import { assert } from '../src/base/assert.ts'
import { compare, connectTo, fill } from './comparison.ts'
import type { Case, Sample } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { readField } from './load-generator/protobuf.ts'
import { txnMessage } from './load-generator/workload.ts'
import type { Workload } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import type { Server, Target } from './server-process.ts'

export function txnCases({ clients, keys, valueBytes }: Options): Case[] {
  const workloads: readonly [operation: string, workload: Workload][] = [
    ['compare and put', { kind: 'txn', keySpace: keys, valueBytes }],
    ['4 gets, 1 put', { kind: 'mixed', keySpace: keys, valueBytes }],
  ]
  return workloads.flatMap(([operation, workload]) =>
    clients.map((count) => ({ operation, clients: count, workload })),
  )
}

export function benchTxn(targets: readonly Target[], options: Options): Promise<Sample[]> {
  return compare(targets, txnCases(options), options, async (server) => {
    await fill(server, options, { count: options.keys, keySpace: options.keys })
    await checkTxn(server, options)
  })
}

/** The load looks at the status alone; this makes sure once that the comparison holds. */
export async function checkTxn(server: Server, { valueBytes }: Options): Promise<void> {
  const connection = await connectTo(server)
  const { message } = await callOnce(connection, '/etcdserverpb.KV/Txn', txnMessage(valueBytes))
  assert(readField(message, 2)[0] === 1, 'a compare-and-put of a key that exists succeeds')
  connection.close()
}
