/** What runs came to on their way: a matrix in which the rare things never happened proves little. */

import type { History } from '../sim/check/history.ts'

/** Lines that members write, and what they tell. */
const LOGGED: Readonly<Record<string, string>> = {
  'promoted the lessor': 'a leader took over',
  'replayed the Raft log': 'a member started',
  'applied snapshot': 'a snapshot was put in',
  'refused a snapshot': 'a snapshot was refused',
  'a snapshot came too late': 'a snapshot came too late',
  'finished scheduled compaction': 'history was cut on a member',
  'leadership transfer starting': 'the leadership was handed over',
  'the process was held up': 'a leader was held up',
  'has been permanently removed': 'a removed member was told so',
  'peer became inactive': 'a member lost sight of another one',
}

/** Without which the whole matrix is not what it says it is. */
export const WANTED: readonly string[] = [
  'a leader took over',
  'a snapshot was put in',
  'history was cut on a member',
  'the leadership was handed over',
  'a watch began anew where it was',
  'a write of unknown outcome took effect',
  'a lease ended by itself',
  'a lock was owned',
]

export class Census {
  readonly counts = new Map<string, number>()

  add(what: string, count = 1): void {
    if (count > 0) this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }

  addLog(log: string): void {
    for (const line of log.split('\n')) {
      for (const [text, what] of Object.entries(LOGGED)) if (line.includes(text)) this.add(what)
    }
  }

  addHistory({ operations, watches }: History): void {
    const told = new Set<string>()
    const deleted = new Set<string>()
    for (const { request, responses } of watches) {
      if ((request.startRevision ?? 0) > 1) this.add('a watch began anew where it was')
      for (const { type, events = [], compactRevision = 0 } of responses) {
        if (type === 'canceled' && compactRevision > 0)
          this.add('a watch was outrun by a compaction')
        for (const event of events) {
          if (event.type === 'put') told.add(event.kv.value)
          else deleted.add(event.kv.key)
        }
      }
    }
    const revoked = new Set<bigint>()
    for (const { request, outcome } of operations) {
      if (request.type === 'lease-revoke') revoked.add(request.lease)
      if (request.type === 'lock' && outcome.type === 'ok') this.add('a lock was owned')
      if (outcome.type === 'failed') this.add(`refused: ${outcome.error}`)
      if (request.type !== 'put' || outcome.type !== 'unknown') continue
      this.add('a write of unknown outcome')
      if (told.has(request.value)) this.add('a write of unknown outcome took effect')
    }
    for (const key of deleted) {
      const lease = /^l(\d+)$/.exec(key)?.[1]
      if (lease !== undefined && !revoked.has(BigInt(lease))) this.add('a lease ended by itself')
    }
  }

  get missing(): string[] {
    return WANTED.filter((what) => !this.counts.has(what))
  }

  get lines(): string[] {
    const sorted = [...this.counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
    return sorted.map(([what, count]) => `${String(count).padStart(10)}  ${what}`)
  }
}
