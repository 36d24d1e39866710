/** put: values of one size to random keys of a key space, by more and more clients. */

import { compare } from './comparison.ts'
import type { Case, Sample } from './comparison.ts'
import type { Options } from './options.ts'
import type { Target } from './server-process.ts'

export function putCases({ clients, keys, valueBytes }: Options): Case[] {
  return clients.map((count) => ({
    operation: 'put',
    clients: count,
    workload: { kind: 'put', keySpace: keys, valueBytes },
  }))
}

export function benchPut(targets: readonly Target[], options: Options): Promise<Sample[]> {
  return compare(targets, putCases(options), options, () => Promise.resolve())
}
