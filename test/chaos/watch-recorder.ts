/**
 * A watch of all keys on each member, from the first revision on, with what was there before. It
 * begins anew where it was when its stream ends, and asks for its progress from time to time.
 */

import { setTimeout as elapse } from 'node:timers/promises'
import type { WatchResponse as WireResponse } from '../../src/rpc/codec/etcdserverpb.ts'
import { k } from '../server/support/requests.ts'
import type { Watch, WatchResponse } from '../sim/check/history.ts'
import { watchResponseOf } from '../sim/wire.ts'
import type { ClusterMember } from '../support/cluster-member.ts'
import { until } from '../support/until.ts'
import { ChaosClient } from './client.ts'
import type { Recorder } from './recorder.ts'

const REOPEN_PAUSE_MS = 30
const PROGRESS_EVERY_MS = 400

type OpenWatch = Watch & { end?: Watch['end']; readonly responses: WatchResponse[] }

export class WatchRecorder {
  readonly #recorder: Recorder
  readonly #watchers = new Map<ClusterMember, MemberWatcher>()
  #ids = 0

  constructor(recorder: Recorder) {
    this.#recorder = recorder
  }

  /** Once for each member, whenever there may be new ones. */
  follow(members: readonly ClusterMember[]): void {
    for (const member of members) {
      if (this.#watchers.has(member)) continue
      this.#watchers.set(member, new MemberWatcher(member, this.#recorder, () => ++this.#ids))
    }
  }

  /** Resolves when the watch of each of these members has been told everything up to it. */
  async reach(
    members: readonly ClusterMember[],
    revision: number,
    timeoutMs: number,
  ): Promise<void> {
    await until(`watches at revision ${revision}`, timeoutMs, () => {
      const late = members.find((member) => (this.#watchers.get(member)?.next ?? 0) <= revision)
      if (late === undefined) return true
      throw new Error(`${late.name} is at ${this.#watchers.get(late)?.next}`)
    })
  }

  /** Up to here at least one watch was told everything. */
  get told(): number {
    return Math.max(1, ...[...this.#watchers.values()].map(({ next }) => next - 1))
  }

  async end(): Promise<void> {
    await Promise.all([...this.#watchers.values()].map((watcher) => watcher.stop()))
  }

  /** Those that the server ever answered. */
  get watches(): Watch[] {
    const all = [...this.#watchers.values()].flatMap(({ watches }) => watches)
    return all.filter(({ responses }) => responses.length > 0)
  }
}

class MemberWatcher {
  readonly watches: OpenWatch[] = []
  /** The next revision that it has not seen. */
  next = 1
  readonly #member: ClusterMember
  readonly #recorder: Recorder
  readonly #newId: () => number
  readonly #ended: Promise<void>
  #isStopping = false
  #cancel: () => void = () => undefined

  constructor(member: ClusterMember, recorder: Recorder, newId: () => number) {
    this.#member = member
    this.#recorder = recorder
    this.#newId = newId
    this.#ended = this.#follow()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#cancel()
    await this.#ended
  }

  async #follow(): Promise<void> {
    const client = new ChaosClient(this.#member.endpoint)
    while (!this.#isStopping) {
      await this.#watch(client)
      if (!this.#isStopping) await elapse(REOPEN_PAUSE_MS)
    }
    client.close()
  }

  /** One stream, to its end. */
  async #watch(client: ChaosClient): Promise<void> {
    const everything = { key: '\0', rangeEnd: '\0' }
    const watch: OpenWatch = {
      id: this.#newId(),
      client: `w-${this.#member.name}`,
      member: this.#member.name,
      calledAt: this.#recorder.now,
      request: { ...everything, startRevision: this.next, prevKv: true },
      responses: [],
    }
    this.watches.push(watch)
    await new Promise<void>((resolve) => {
      const stream = client.watch((response) => {
        if (watch.end !== undefined) return
        this.#take(watch, response)
        if (response.canceled) stream.cancel()
      }, resolve)
      const { key, rangeEnd } = { key: k(everything.key), rangeEnd: k(everything.rangeEnd) }
      const value = { key, rangeEnd, startRevision: this.next, prevKv: true, progressNotify: true }
      stream.write({ requestUnion: { case: 'createRequest', value } })
      const asking = setInterval(() => {
        stream.write({ requestUnion: { case: 'progressRequest', value: {} } })
      }, PROGRESS_EVERY_MS)
      this.#cancel = () => {
        clearInterval(asking)
        stream.cancel()
      }
    })
    this.#cancel()
    if (!this.#isStopping) watch.end ??= { at: this.#recorder.now, reason: 'broken' }
  }

  #take(watch: OpenWatch, response: WireResponse): void {
    const seen = watchResponseOf(response, this.#recorder.now)
    watch.responses.push(seen)
    for (const { kv } of seen.events ?? []) this.next = Math.max(this.next, kv.modRevision + 1)
    if (seen.type === 'progress') this.next = Math.max(this.next, seen.revision + 1)
    if (seen.type !== 'canceled') return
    this.next = Math.max(this.next, seen.compactRevision ?? 0)
    watch.end = { at: seen.at, reason: 'broken' }
  }
}
