/**
 * What happened to the keys below a prefix, as members tell it: the whole history by a watch from
 * its first revision on, and live by a watch that is opened again on the same member after a break.
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { ClusterMember } from './cluster-member.ts'
import type { LoadedWrite, AcknowledgedWrite } from './cluster-load.ts'
import type { Message, TestStream } from './grpc-client.ts'
import { until } from './until.ts'

export interface HistoryEvent {
  readonly type: 'PUT' | 'DELETE'
  readonly key: string
  readonly value: string
  readonly revision: number
  readonly version: number
}

const REOPEN_PAUSE_MS = 20

/** A watch on one member that goes on after the member was away, from the revision it had reached. */
export class FollowedWatch {
  readonly events: HistoryEvent[] = []
  /** What must not happen to a watch: a cancellation, or events in a wrong place. */
  readonly problems: string[] = []
  openings = 0
  readonly #member: ClusterMember
  readonly #prefix: string
  readonly #ended: Promise<void>
  #next: number
  #stream: TestStream | undefined
  #isStopping = false
  #created: () => void = () => undefined
  /** Resolves when the member has confirmed the watch for the first time. */
  readonly created = new Promise<void>((resolve) => (this.#created = resolve))

  /** From revision `from` on. */
  constructor(member: ClusterMember, prefix: string, from = 1) {
    this.#member = member
    this.#prefix = prefix
    this.#next = from
    this.#ended = this.#follow().catch((error: unknown) => void this.problems.push(String(error)))
  }

  get reached(): number {
    return this.#next - 1
  }

  /** Resolves when the events up to `revision` have come. */
  async reach(revision: number, timeoutMs = 20_000): Promise<void> {
    await until(`${this.#member.name}'s watch at ${revision}`, timeoutMs, () => {
      if (this.problems.length > 0) return true // for the test to report
      if (this.reached >= revision) return true
      throw new Error(`it is at ${this.reached}, opened ${this.openings} times`)
    })
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#stream?.cancel()
    await this.#ended
  }

  async #follow(): Promise<void> {
    while (!this.#isStopping && this.problems.length === 0) {
      this.openings++
      const stream = this.#member.client.longStream('Watch.Watch', 600_000, {
        create_request: {
          key: Buffer.from(this.#prefix),
          range_end: endOfPrefix(this.#prefix),
          start_revision: String(this.#next),
        },
      })
      this.#stream = stream
      for (;;) {
        const message = await stream.next()
        if ('code' in message) break
        this.#take(message)
        if (message['canceled'] === true) break
      }
      stream.cancel()
      await pause(REOPEN_PAUSE_MS)
    }
  }

  #take(message: Message): void {
    if (message['created'] === true) this.#created()
    if (message['canceled'] === true) {
      const reason = `${message['cancel_reason']}, compacted ${message['compact_revision']}`
      this.problems.push(`canceled at ${this.#next}: ${reason}`)
    }
    for (const event of eventsOf(message)) {
      if (event.revision < this.#next) {
        this.problems.push(`revision ${event.revision} came again, at ${this.#next}`)
      }
      this.events.push(event)
    }
    // A message holds whole revisions, so the next one begins behind it.
    const last = this.events.at(-1)
    if (last !== undefined && last.revision >= this.#next) this.#next = last.revision + 1
  }
}

/** The history of a prefix on a member, from `from` to `to`: `to` must be a revision of the prefix. */
export async function historyOf(
  member: ClusterMember,
  prefix: string,
  from: number,
  to: number,
): Promise<HistoryEvent[]> {
  const watch = new FollowedWatch(member, prefix, from)
  try {
    await watch.reach(to)
    if (watch.problems.length > 0) throw new Error(`${member.name}: ${watch.problems.join('; ')}`)
    return upTo(watch.events, to)
  } finally {
    await watch.stop()
  }
}

/** Without what came later: a write whose outcome is unknown may be applied when nobody waits for it. */
export function upTo(events: readonly HistoryEvent[], revision: number): HistoryEvent[] {
  return events.filter((event) => event.revision <= revision)
}

/**
 * What is wrong with a history after a load, in at most a few sentences; empty when nothing is:
 * an acknowledged write that is not at its revision, a value that is there twice, one that nobody
 * wrote, a version that does not count up.
 */
export function problemsOf(
  history: readonly HistoryEvent[],
  load: {
    readonly acknowledged: readonly AcknowledgedWrite[]
    readonly unknown: readonly LoadedWrite[]
  },
): string[] {
  const problems: string[] = []
  const revisionsOf = new Map<string, number>()
  const versions = new Map<string, number>()
  let last = 0
  for (const { key, value, revision, version } of history) {
    if (revision <= last) problems.push(`revision ${revision} after ${last}`)
    last = revision
    const earlier = revisionsOf.get(value)
    if (earlier !== undefined) problems.push(`${value} is at ${earlier} and at ${revision}`)
    revisionsOf.set(value, revision)
    const expected = (versions.get(key) ?? 0) + 1
    if (version !== expected) problems.push(`${key} has version ${version}, not ${expected}`)
    versions.set(key, expected)
  }
  const byRevision = new Map(history.map((event) => [event.revision, event]))
  const known = new Set<string>()
  for (const { key, value, revision } of load.acknowledged) {
    known.add(value)
    const event = byRevision.get(revision)
    if (event?.key === key && event.value === value) continue
    problems.push(`lost: ${key}=${value} at ${revision}; there is ${JSON.stringify(event)}`)
  }
  for (const { value } of load.unknown) known.add(value)
  for (const value of revisionsOf.keys()) {
    if (!known.has(value)) problems.push(`nobody wrote ${value}`)
  }
  return problems.length <= 10
    ? problems
    : [...problems.slice(0, 10), `and ${problems.length - 10} more`]
}

/** The revisions between the first and the last event that no event has. */
export function skippedRevisions(history: readonly HistoryEvent[]): number[] {
  const first = history[0]?.revision ?? 0
  return history
    .flatMap(({ revision }, n) => (revision === first + n ? [] : [revision]))
    .slice(0, 5)
}

export function endOfPrefix(prefix: string): Buffer {
  const end = Buffer.from(prefix)
  end[end.length - 1] = end[end.length - 1]! + 1
  return end
}

function eventsOf(message: Message): HistoryEvent[] {
  return (message['events'] as Message[]).map((event) => {
    const kv = event['kv'] as Message
    return {
      type: event['type'] === 'DELETE' ? 'DELETE' : 'PUT',
      key: (kv['key'] as Buffer).toString(),
      value: (kv['value'] as Buffer).toString(),
      revision: Number(kv['mod_revision']),
      version: Number(kv['version']),
    }
  })
}
