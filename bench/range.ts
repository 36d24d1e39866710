/** range: one key linearizable, one key serializable, and a prefix of 100 keys, over a full store. */

import { assert } from '../src/base/assert.ts'
import { compare, connectTo, fill } from './comparison.ts'
import type { Case, Sample } from './comparison.ts'
import { callOnce } from './load-generator/call.ts'
import { bytesField, readField } from './load-generator/protobuf.ts'
import { keyPrefix, keysPerGroup } from './load-generator/workload.ts'
import type { Workload } from './load-generator/workload.ts'
import type { Options } from './options.ts'
import type { Server, Target } from './server-process.ts'

export function rangeCases({ clients, keys }: Options): Case[] {
  const workloads: readonly [operation: string, workload: Workload][] = [
    ['get', { kind: 'get', keySpace: keys, serializable: false }],
    ['get serializable', { kind: 'get', keySpace: keys, serializable: true }],
    ['prefix of 100', { kind: 'prefix', keySpace: keys }],
  ]
  return workloads.flatMap(([operation, workload]) =>
    clients.map((count) => ({ operation, clients: count, workload })),
  )
}

export function benchRange(targets: readonly Target[], options: Options): Promise<Sample[]> {
  return compare(targets, rangeCases(options), options, (server) => fillForRanges(server, options))
}

export async function fillForRanges(server: Server, options: Options): Promise<void> {
  await fill(server, options, { count: options.keys, keySpace: options.keys })
  await checkPrefix(server, options)
}

/** The load counts bytes only; this makes sure once that a prefix answers its 100 keys. */
async function checkPrefix(server: Server, options: Options): Promise<void> {
  const connection = await connectTo(server)
  const start = `${keyPrefix}0000000`
  const end = `${keyPrefix}0000001`
  const request = [bytesField(1, Buffer.from(start)), bytesField(2, Buffer.from(end))]
  const result = await callOnce(connection, '/etcdserverpb.KV/Range', Buffer.concat(request))
  const wanted = Math.min(keysPerGroup, options.keys)
  assert(readField(result.message, 2).length === wanted, 'a prefix holds its 100 keys', {
    bytes: result.bytes,
  })
  connection.close()
}
