/** lease: keep-alives of random leases, on streams that stay open and on a stream each. */

import { assert } from '../src/base/assert.ts'
import { compare, connectTo } from './comparison.ts'
import type { Case, Sample } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { runToEnd } from './load-generator/load.ts'
import { readField, varintField } from './load-generator/protobuf.ts'
import { firstLeaseId } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import type { Server, Target } from './server-process.ts'

export function leaseCases({ clients, keys }: Options): Case[] {
  const operations: readonly [operation: string, isOpen: boolean][] = [
    ['keep-alive', true],
    ['keep-alive once', false],
  ]
  return operations.flatMap(([operation, isOpen]) =>
    clients.map((count) => ({
      operation,
      clients: count,
      workload: { kind: 'keep-alive', leases: keys, isOpen },
    })),
  )
}

export function benchLease(targets: readonly Target[], options: Options): Promise<Sample[]> {
  return compare(targets, leaseCases(options), options, async (server) => {
    const workload = { kind: 'grant', count: options.keys } as const
    await runToEnd({ endpoints: server.endpoints, clients: 256, workload })
    await checkKeepAlive(server, options)
  })
}

/** An unknown lease is answered without an error: make sure that the first and last are known. */
async function checkKeepAlive(server: Server, { keys }: Options): Promise<void> {
  const connection = await connectTo(server)
  for (const id of [firstLeaseId, firstLeaseId + keys - 1]) {
    const path = '/etcdserverpb.Lease/LeaseKeepAlive'
    const { message } = await callOnce(connection, path, varintField(1, id))
    assert(readField(message, 3)[0] === 3600, 'a granted lease is kept alive', { id })
  }
  connection.close()
}
