/**
 * Power cuts in a chain: a cluster under load on ext4 images loses its power again and again, and
 * goes on each time with what its disks had. All the time the same clients record one history.
 *
 *     load ─► stop all ─► keep the images ─► kill all ─► mount what was kept ─► start ─► load …
 *
 * After each cut nobody may answer with a revision below one that was acknowledged; after the last
 * one the whole history is judged, by the order of its revisions: so many calls without an answer
 * are too much for a search.
 */

import { join } from 'node:path'
import { setTimeout as elapse } from 'node:timers/promises'
import { judge } from '../../sim/check/judge.ts'
import type { Violation } from '../../sim/check/violation.ts'
import { Draws } from '../../sim/draws.ts'
import { ProcessCluster, freePorts, type Ports } from '../../support/cluster.ts'
import type { ClusterMember } from '../../support/cluster-member.ts'
import { programUnderTest } from '../../support/cluster-program.ts'
import { TestBed } from '../../support/test-bed.ts'
import { until } from '../../support/until.ts'
import { finalStates, lastWords } from '../final-states.ts'
import { Load } from '../load.ts'
import { Recorder } from '../recorder.ts'
import { WatchRecorder } from '../watch-recorder.ts'
import { killAll, serversIn, stopAll } from './server-processes.ts'
import { shell } from './shell.ts'
import { withoutSync } from './strace.ts'
import { Ext4Volume } from './volumes.ts'

export interface ChainPlan {
  readonly seed: number
  readonly nodes: number
  readonly cuts: number
  /** The negative control: syncs do nothing. */
  readonly isWithoutSync?: boolean
}

/** When the power was cut. */
export const MOMENTS = [
  /** While nothing but load was going on. */
  'load',
  /** Of one member alone; the others go on. */
  'one',
  /** During the very first start. */
  'first-start',
  /** During the start after a cut. */
  'start',
  /** While a member that had been away took over a state. */
  'catching-up',
] as const

export type Moment = (typeof MOMENTS)[number]

export interface ChainResult {
  readonly cuts: ReadonlyMap<Moment, number>
  /** Mean time from stop to the answer of all members after the cut. */
  readonly msPerCut: number
  readonly operations: number
  readonly acknowledged: number
  readonly isLost: boolean
  readonly violations: readonly Violation[]
  readonly problems: readonly string[]
  readonly timeline: readonly string[]
  readonly log: string
}

const CLIENTS = 8
const ACKNOWLEDGED_LEAST = 50
const PER_SECOND = 1000
const READY_MS = 60_000
const FLAGS = [
  ['--snapshot-count', '60', '--snapshot-catchup-entries', '10'],
  ['--snapshot-count', '300', '--snapshot-catchup-entries', '50'],
  ['--snapshot-count', '10000', '--snapshot-catchup-entries', '5000'],
] as const

export async function cutChain(plan: ChainPlan): Promise<ChainResult> {
  const bed = new TestBed()
  const chain = new Chain(plan, bed)
  try {
    return await chain.run()
  } finally {
    await chain.end()
    await bed.cleanUp()
  }
}

class Chain {
  readonly #plan: ChainPlan
  readonly #bed: TestBed
  readonly #draws: Draws
  readonly #recorder = new Recorder()
  readonly #watches = new WatchRecorder(this.#recorder)
  readonly #volumes: Ext4Volume[] = []
  readonly #cuts = new Map<Moment, number>()
  readonly #problems: string[] = []
  readonly #timeline: string[] = []
  #cluster: ProcessCluster | undefined
  #load: Load | undefined
  #ports: Ports[] = []
  #spentMs = 0
  #isEnding = false

  constructor(plan: ChainPlan, bed: TestBed) {
    this.#plan = plan
    this.#bed = bed
    this.#draws = new Draws(plan.seed, 'power cuts')
  }

  async run(): Promise<ChainResult> {
    const { nodes, cuts, isWithoutSync = false } = this.#plan
    for (let n = 1; n <= nodes; n++) {
      this.#volumes.push(await Ext4Volume.make(`m${n}`, this.#draws.chance(0.5)))
      this.#ports.push(await freePorts())
    }
    if (!isWithoutSync && this.#draws.chance(0.7)) await this.#cutFirstStart()
    const cluster = await ProcessCluster.start(this.#bed, programUnderTest(), this.#options())
    this.#cluster = cluster
    // The control loses what was acknowledged, and not the whole data directory.
    if (isWithoutSync) await this.#syncAll()
    this.#watches.follow(cluster.members)
    this.#load = new Load({
      seed: this.#plan.seed,
      clients: CLIENTS,
      perSecond: PER_SECOND,
      recorder: this.#recorder,
      members: () => cluster.members,
      told: () => this.#watches.told,
      isPlain: false,
    })
    while (this.#cutCount < cuts && this.#problems.length === 0) await this.#cutOnce(cluster)
    await this.#load.end()
    return this.#result(await this.#judge(cluster))
  }

  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#load !== undefined) await this.#load.end()
    await this.#watches.end()
    await this.#cluster?.killAll()
    for (const { path } of this.#volumes) await killAll(await serversIn(path))
    for (const volume of this.#volumes) await volume.dispose()
  }

  get #cutCount(): number {
    return [...this.#cuts.values()].reduce((sum, count) => sum + count, 0)
  }

  #options(): Parameters<typeof ProcessCluster.start>[2] {
    const { nodes, isWithoutSync = false, seed } = this.#plan
    const flags = new Draws(seed, 'flags').pick(FLAGS)
    return {
      size: nodes,
      args: [...flags],
      ports: this.#ports,
      dataDirectoryOf: (name) => join(this.#volumes[Number(name.slice(1)) - 1]!.path, name),
      ...(isWithoutSync && { commandOf: (_name, command) => withoutSync(command) }),
    }
  }

  /** Nothing was acknowledged: the cluster only has to start afterwards. */
  async #cutFirstStart(): Promise<void> {
    const options = this.#options()
    const starting = ProcessCluster.start(this.#bed, programUnderTest(), options).then(
      async (cluster) => await cluster.killAll(),
      () => undefined,
    )
    await elapse(this.#draws.between(50, 900))
    this.#count('first-start')
    await this.#cut(this.#volumes)
    await starting
  }

  async #cutOnce(cluster: ProcessCluster): Promise<void> {
    const { nodes, isWithoutSync = false } = this.#plan
    const drawn = this.#draws.weighted<Moment>({
      load: 6,
      start: 2,
      one: nodes > 1 ? 3 : 0,
      'catching-up': nodes > 1 ? 4 : 0,
      'first-start': 0,
    })
    const moment = isWithoutSync ? 'load' : drawn
    this.#count(moment)
    this.#note(`cut: ${moment}`)
    const isLateWriteBack = !isWithoutSync && this.#draws.chance(0.5)
    const writingBack = new AbortController()
    const done = isLateWriteBack ? this.#writeBack(writingBack.signal) : Promise.resolve()
    await this.#lead(moment, cluster)
    writingBack.abort()
    await done
    const startedAt = performance.now()
    const volumes = moment === 'one' ? [this.#draws.pick(this.#volumes)] : this.#volumes
    await this.#cut(volumes)
    await this.#startAgain(cluster, volumes)
    if (moment === 'start') {
      await elapse(this.#draws.between(0, 500))
      await this.#cut(this.#volumes)
      await this.#startAgain(cluster, this.#volumes)
    }
    await this.#recovered(cluster)
    this.#spentMs += performance.now() - startedAt
  }

  /** What goes on before the power is cut. */
  async #lead(moment: Moment, cluster: ProcessCluster): Promise<void> {
    await elapse(this.#draws.between(20, 350))
    // A control that had nothing to lose says nothing.
    const least = this.#plan.isWithoutSync === true ? ACKNOWLEDGED_LEAST : 0
    await until('acknowledged writes', READY_MS, () =>
      this.#recorder.counts.acknowledged >= least ? true : undefined,
    )
    if (moment !== 'catching-up') return
    const away = this.#draws.pick(cluster.members)
    await away.kill9()
    await elapse(this.#draws.between(300, 1800))
    away.relaunch()
    await elapse(this.#draws.between(250, 1000))
  }

  async #writeBack(signal: AbortSignal): Promise<void> {
    const draws = new Draws(this.#plan.seed, `write back ${this.#cutCount}`)
    while (!signal.aborted && !this.#isEnding) {
      await draws.pick(this.#volumes).writeSomethingBack(draws)
      await elapse(draws.between(0, 20))
    }
  }

  async #cut(volumes: readonly Ext4Volume[]): Promise<void> {
    const pids = (await Promise.all(volumes.map(async ({ path }) => await serversIn(path)))).flat()
    await stopAll(pids)
    await Promise.all(volumes.map(async (volume) => await volume.keep()))
    await killAll(pids)
    for (const volume of volumes) await volume.goBack()
  }

  async #startAgain(cluster: ProcessCluster, volumes: readonly Ext4Volume[]): Promise<void> {
    for (const member of this.#membersOn(cluster, volumes)) {
      await member.kill9()
      member.relaunch()
    }
  }

  #membersOn(cluster: ProcessCluster, volumes: readonly Ext4Volume[]): readonly ClusterMember[] {
    return cluster.members.filter(({ dataDirectory }) =>
      volumes.some(({ path }) => dataDirectory.startsWith(`${path}/`)),
    )
  }

  /** Every member answers, and with nothing less than what was acknowledged. */
  async #recovered(cluster: ProcessCluster): Promise<void> {
    const known = this.#recorder.highestRevision
    try {
      await cluster.ready(READY_MS)
      for (const member of cluster.members) {
        const { revision } = await until('a status', READY_MS, async () => await member.status())
        if (revision >= known) continue
        this.#problems.push(`${member.name} is at revision ${revision}, ${known} was acknowledged`)
      }
    } catch (error) {
      this.#problems.push(`the cluster did not come back: ${String(error)}`)
    }
  }

  async #syncAll(): Promise<void> {
    for (const { path } of this.#volumes) await shell('sync', '--file-system', path)
  }

  async #judge(cluster: ProcessCluster): Promise<readonly Violation[]> {
    if (this.#plan.isWithoutSync === true && this.#problems.length > 0) return []
    try {
      await lastWords(cluster, this.#recorder)
      const finals = await finalStates(cluster, this.#recorder)
      const last = Math.max(...finals.map((final) => final.revision))
      await this.#watches.reach(cluster.members, last, READY_MS)
      const { operations, unanswered } = this.#recorder
      const history = {
        operations: [...operations, ...unanswered],
        watches: this.#watches.watches,
        observations: [],
        finals,
        logs: [],
      }
      const leases = { clockRateError: 0.01 }
      const options = { converged: true, requireWriteLog: true, leases, search: 'none' } as const
      return judge(history, options).violations
    } catch (error) {
      this.#problems.push(`it did not come to an end: ${String(error)}`)
      return []
    }
  }

  #result(violations: readonly Violation[]): ChainResult {
    return {
      cuts: this.#cuts,
      msPerCut: this.#spentMs / Math.max(1, this.#cutCount - (this.#cuts.get('first-start') ?? 0)),
      ...this.#recorder.counts,
      isLost: this.#problems.length > 0 || violations.length > 0,
      violations,
      problems: this.#problems,
      timeline: this.#timeline,
      log: this.#cluster?.log ?? '',
    }
  }

  #count(moment: Moment): void {
    this.#cuts.set(moment, (this.#cuts.get(moment) ?? 0) + 1)
  }

  #note(text: string): void {
    this.#timeline.push(`${this.#recorder.now.toFixed(0).padStart(8)}  ${text}`)
  }
}
