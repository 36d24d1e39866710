/** How a check of a cluster ends a schedule, and what it shows of entries. */

import type { Entry } from '../../../src/raft/types.ts'
import { text } from './member.ts'

export function same(a: Entry, b: Entry): boolean {
  if (a === b) return true
  if (a.term !== b.term || a.type !== b.type || a.data.length !== b.data.length) return false
  return a.data.every((byte, at) => byte === b.data[at])
}

export function fail(claim: string, details: unknown): never {
  throw new Error(`${claim}: ${JSON.stringify(details)}`)
}

export function shown(entry: Entry | undefined): string {
  return entry === undefined ? 'none' : `${entry.index}/${entry.term} ${text(entry.data)}`
}
