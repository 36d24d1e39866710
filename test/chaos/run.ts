/**
 * One run: load on a cluster of real processes, faults, all put right again, load for a while more,
 * and then what the members hold in the end.
 *
 *     start ─► load ─► fault (the second one soon after) ─► undo ─► well again ─► load ─► ends ─► judge
 *              └ at least so many answers in the second before, else the run does not count
 */

import { setTimeout as elapse } from 'node:timers/promises'
import type { History } from '../sim/check/history.ts'
import { Draws } from '../sim/draws.ts'
import { TestBed } from '../support/test-bed.ts'
import { complaints, finalStates, lastWords } from './final-states.ts'
import { Load } from './load.ts'
import type { Fault, Undo } from './ports.ts'
import { Recorder } from './recorder.ts'
import { ChaosSite } from './site.ts'
import { judgeRun, type RunJudgement } from './verdict.ts'
import { WatchRecorder } from './watch-recorder.ts'

export interface RunPlan {
  readonly faults: readonly Fault[]
  readonly nodes: number
  readonly seed: number
  /** Answers in the second before the fault, without which the run is invalid. */
  readonly minLoad: number
  /** Of the load, after the cluster is well again; 1000 when absent. */
  readonly afterMs?: number
}

export interface RunResult {
  readonly name: string
  readonly nodes: number
  readonly seed: number
  readonly flags: readonly string[]
  /** Not enough load before the fault: it is judged all the same, but is no proof. */
  readonly isInvalid: boolean
  readonly loadBefore: number
  readonly operations: number
  readonly acknowledged: number
  readonly unknown: number
  readonly watchEvents: number
  /** Without any acknowledged write, from the first fault to the end. */
  readonly longestGapMs: number
  readonly tookMs: number
  readonly judgement: RunJudgement
  readonly history: History
  readonly timeline: readonly string[]
  readonly logs: ReadonlyMap<string, string>
}

const CLIENTS = 60
const PER_SECOND = 900
const WARM_UP_MS = 1000
const WARM_UP_MOST_MS = 4000
const FAULT_MS = [1000, 2500] as const
const WELL_MS = 40_000
const WATCHES_MS = 20_000

/** How many of the runs have calls of single keys alone, so that the search can judge them. */
const PLAIN = 0.4

const CHECKPOINTS = [
  ['200', '50'],
  ['2000', '500'],
  ['10000', '5000'],
] as const

/** With a control, which has to lose something, `judgement` is turned round by the caller. */
export async function runOnce(plan: RunPlan): Promise<RunResult> {
  const bed = new TestBed()
  try {
    return await new Run(plan, bed).run()
  } finally {
    await bed.cleanUp()
  }
}

export function nameOf(faults: readonly Fault[]): string {
  return faults.length === 0 ? 'nothing' : faults.map(({ name }) => name).join(' + ')
}

class Run {
  readonly #plan: RunPlan
  readonly #bed: TestBed
  readonly #recorder = new Recorder()
  readonly #watches: WatchRecorder
  readonly #timeline: string[] = []
  readonly #problems: string[] = []
  readonly #flags: readonly string[]
  readonly #isPlain: boolean
  #faultedAt = 0
  #wellAt = 0
  #gapMs = 0

  constructor(plan: RunPlan, bed: TestBed) {
    this.#plan = plan
    this.#bed = bed
    this.#isPlain = new Draws(plan.seed, 'profile').chance(PLAIN)
    this.#watches = new WatchRecorder(this.#recorder)
    const draws = new Draws(plan.seed, 'flags')
    const [count, kept] = draws.pick(CHECKPOINTS)
    const isGiven = plan.faults.some(({ rig }) => rig?.flags?.includes('--snapshot-count'))
    this.#flags = isGiven ? [] : ['--snapshot-count', count, '--snapshot-catchup-entries', kept]
  }

  async run(): Promise<RunResult> {
    const { faults, nodes, seed, minLoad } = this.#plan
    const startedAt = performance.now()
    const site = await ChaosSite.start({
      bed: this.#bed,
      nodes,
      recorder: this.#recorder,
      told: () => this.#watches.told,
      flags: this.#flags,
      rigs: faults.flatMap(({ rig = {} }) => [rig]),
      note: (text) => this.#note(text),
    })
    let history: History
    let loadBefore = 0
    const logs = new Map<string, string>()
    try {
      const { cluster } = site
      this.#watches.follow(cluster.members)
      const load = new Load({
        seed,
        clients: CLIENTS,
        perSecond: PER_SECOND,
        recorder: this.#recorder,
        members: () => cluster.members,
        told: () => this.#watches.told,
        isPlain: this.#isPlain,
      })
      loadBefore = await this.#warmUp()
      await this.#disturb(site).catch((error: unknown) => {
        this.#problems.push(`the faults did not come to an end: ${String(error)}`)
      })
      await load.end()
      history = await this.#finish(site)
    } finally {
      await this.#watches.end()
      for (const member of site.cluster.everyone) logs.set(member.name, member.log)
      await site.end()
    }
    const isInvalid = loadBefore < minLoad
    const mustBeCaught = faults.some((fault) => fault.mustBeCaught === true)
    const judgement = judgeRun(history, this.#problems, {
      wellAt: this.#wellAt,
      mustBeCaught,
    })
    const events = history.watches.flatMap(({ responses }) => responses)
    return {
      name: nameOf(faults),
      nodes,
      seed,
      flags: this.#flags,
      isInvalid,
      loadBefore,
      ...this.#recorder.counts,
      watchEvents: events.reduce((sum, { events: some = [] }) => sum + some.length, 0),
      longestGapMs: this.#gapMs,
      tookMs: performance.now() - startedAt,
      judgement,
      history,
      timeline: this.#timeline,
      logs,
    }
  }

  #note(text: string): void {
    this.#timeline.push(`${this.#recorder.now.toFixed(0).padStart(8)}  ${text}`)
  }

  /** Until there is enough load, or it seems that there never will be. */
  async #warmUp(): Promise<number> {
    const endAt = this.#recorder.now + WARM_UP_MOST_MS
    await elapse(WARM_UP_MS)
    while (this.#recorder.rate < this.#plan.minLoad && this.#recorder.now < endAt) await elapse(50)
    this.#note(`${this.#recorder.rate} answers in the second before the fault`)
    return this.#recorder.rate
  }

  async #disturb(site: ChaosSite): Promise<void> {
    const { faults, seed } = this.#plan
    this.#faultedAt = this.#recorder.now
    const applied: { readonly fault: Fault; readonly undo: Undo }[] = []
    for (const [n, fault] of faults.entries()) {
      const draws = new Draws(seed, `${fault.name} ${n}`)
      if (n > 0) await elapse(draws.between(0, 500))
      this.#note(`${fault.name} …`)
      applied.push({ fault, undo: await fault.apply(site, draws) })
      this.#note(`${fault.name} is in force`)
      this.#watches.follow(site.cluster.members)
    }
    const draws = new Draws(seed, 'duration')
    const [least, most] = longest(faults)
    await elapse(draws.between(least, most))
    this.#lookForEnds(site)
    const isLate = (fault: Fault): boolean => fault.finishesLast === true
    // At once: one may need what another one holds back.
    const early = applied.filter((one) => !isLate(one.fault))
    this.#note(`undo ${nameOf(early.map(({ fault }) => fault))}`)
    await Promise.all(early.map(async ({ undo }) => await undo()))
    this.#lookForEnds(site)
    await site.mend()
    // The newest first: a change of members needs those well that something has damaged since.
    for (const { fault, undo } of applied.filter((one) => isLate(one.fault)).reverse()) {
      this.#note(`finish ${fault.name}`)
      await undo()
    }
    await site.mend()
    this.#watches.follow(site.cluster.members)
    await site.cluster.ready(WELL_MS)
    this.#wellAt = this.#recorder.now
    this.#note('every member answers')
    await elapse(this.#plan.afterMs ?? 1000)
    this.#gapMs = this.#recorder.longestGapMs(this.#faultedAt, this.#recorder.now)
    this.#lookForEnds(site)
  }

  /** Disks are at fault: processes may end, and members may complain. */
  get #mayDamage(): boolean {
    return this.#plan.faults.some(({ endsProcesses }) => endsProcesses === true)
  }

  /** No process may end but by a signal. */
  #lookForEnds({ cluster }: ChaosSite): void {
    if (this.#mayDamage) return
    for (const member of cluster.members) {
      if (!member.endedByItself) continue
      const problem = `${member.name} ended by itself: ${member.output.trimEnd().split('\n').at(-1)}`
      if (!this.#problems.includes(problem)) this.#problems.push(problem)
    }
  }

  async #finish(site: ChaosSite): Promise<History> {
    const { cluster } = site
    try {
      this.#note('the load has ended')
      await lastWords(cluster, this.#recorder)
      const finals = await finalStates(cluster, this.#recorder)
      if (!this.#mayDamage) this.#problems.push(...(await complaints(cluster)))
      const last = Math.max(...finals.map((final) => final.revision))
      await this.#watches.reach(cluster.members, last, WATCHES_MS)
      return this.#history(finals)
    } catch (error) {
      this.#problems.push(`it did not come to an end: ${String(error)}`)
      return this.#history([])
    }
  }

  #history(finals: History['finals']): History {
    const { operations, unanswered } = this.#recorder
    return {
      operations: [...operations, ...unanswered],
      watches: this.#watches.watches,
      observations: [],
      finals,
      logs: [],
    }
  }
}

function longest(faults: readonly Fault[]): readonly [number, number] {
  const all = faults.map(({ lastsMs }) => lastsMs ?? FAULT_MS)
  return [Math.max(0, ...all.map(([least]) => least)), Math.max(0, ...all.map(([, most]) => most))]
}
