/**
 * One run of a cluster under load: writers over all members, a live watch on each, and at the end
 * everything that must hold, whatever was done to the members meanwhile.
 */

import { expect } from 'vitest'
import type { ProcessCluster } from './cluster.ts'
import { FollowedWatch, historyOf, problemsOf, skippedRevisions, upTo } from './cluster-history.ts'
import { ClusterLoad } from './cluster-load.ts'
import type { ClusterLoadOptions } from './cluster-load.ts'
import type { ClusterMember } from './cluster-member.ts'

export interface RunSummary {
  readonly revisions: number
  readonly acknowledged: number
  readonly unknown: number
}

const PREFIX = 'load/'
const WRITERS = 8
/** Below this a run shows nothing. */
export const ACKNOWLEDGED_MIN = 300

export class ClusterRun {
  readonly load: ClusterLoad
  readonly #cluster: ProcessCluster
  readonly #watches = new Map<ClusterMember, FollowedWatch>()
  readonly #from: number

  private constructor(cluster: ProcessCluster, from: number, options: Partial<ClusterLoadOptions>) {
    this.#cluster = cluster
    this.#from = from
    for (const member of cluster.members) this.watch(member)
    this.load = new ClusterLoad({
      writers: WRITERS,
      prefix: PREFIX,
      clients: () => cluster.members.map((member) => member.client),
      ...options,
    })
  }

  /** Resolves when the load runs; nothing else may write below its prefix. */
  static async start(
    cluster: ProcessCluster,
    options: Partial<ClusterLoadOptions> = {},
  ): Promise<ClusterRun> {
    const { header } = await cluster.other().ok('KV.Range', { key: Buffer.from('any') })
    const run = new ClusterRun(cluster, Number(header.revision) + 1, options)
    cluster.test?.onTestFinished(async () => await run.stop())
    await Promise.all([...run.#watches.values()].map((watch) => watch.created))
    await run.load.more(ACKNOWLEDGED_MIN)
    return run
  }

  /** Watches a member that came later, from the run's beginning on. */
  watch(member: ClusterMember): void {
    this.#watches.set(member, new FollowedWatch(member, PREFIX, this.#from))
  }

  async unwatch(member: ClusterMember): Promise<void> {
    await this.#watches.get(member)?.stop()
    this.#watches.delete(member)
  }

  /**
   * Ends the load and checks, on every member of the cluster, all of which must be awake by now:
   * each acknowledged write is there at its revision, no value was applied twice, no revision was
   * skipped, the live watch heard each event once and in order, and the hashes are equal.
   */
  async check(options: { readonly isAlone?: boolean } = {}): Promise<RunSummary> {
    await this.load.end()
    const cluster = this.#cluster
    await cluster.ready()
    const last = await this.#lastRevision()
    const [first, ...others] = await Promise.all(
      cluster.members.map(async (member) => await historyOf(member, PREFIX, this.#from, last)),
    )
    if (first === undefined) throw new Error('a cluster without members')
    expect(problemsOf(first, this.load)).toEqual([])
    // Nothing else writes, so that a hole in the revisions is a hole in the history.
    if (options.isAlone !== false) expect(skippedRevisions(first)).toEqual([])
    for (const other of others) expect(other).toEqual(first)
    for (const [member, watch] of this.#watches) {
      await watch.reach(last)
      expect([member.name, watch.problems]).toEqual([member.name, []])
      expect(upTo(watch.events, last)).toEqual(first)
      await watch.stop()
    }
    await expectEqualHashes(cluster)
    const { acknowledged, unknown } = this.load
    return {
      revisions: first.length,
      acknowledged: acknowledged.length,
      unknown: unknown.length,
    }
  }

  /** Ends the load and the watches without looking at them. */
  async stop(): Promise<void> {
    const watches = [...this.#watches.values()]
    await Promise.all([this.load.end(), ...watches.map((watch) => watch.stop())])
  }

  /** The revision of the newest write of the load. */
  async #lastRevision(): Promise<number> {
    const { kvs } = await this.#cluster.other().ok('KV.Range', {
      key: Buffer.from(PREFIX),
      range_end: Buffer.from('load0'),
    })
    return Math.max(...kvs.map((kv: { mod_revision: string }) => Number(kv.mod_revision)))
  }
}

/** Equal at one revision on all members; the compacted revision must be the same for that too. */
export async function expectEqualHashes(cluster: ProcessCluster): Promise<void> {
  const [first, ...others] = await cluster.hashes()
  for (const other of others) expect(other).toEqual(first)
}
