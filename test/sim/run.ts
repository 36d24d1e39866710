/**
 * One schedule from its plan to its verdict.
 *
 *     0            duration                settled              +5 s        +14 s
 *     ├─ safety: faults ─┤─ everything is healed ─┤─ calls must be answered ─┤─ leases end ─┤ judged
 */

import { Census } from './census.ts'
import { checkHistory } from './check/check-history.ts'
import type { FinalState, History } from './check/history.ts'
import { report as reportOf } from './check/report.ts'
import { searchLinearization } from './check/search.ts'
import type { Violation } from './check/violation.ts'
import { Recorder } from './client.ts'
import { Faults } from './faults.ts'
import { FinalStates } from './final-states.ts'
import { Invariants, observeStateHashes } from './invariants.ts'
import { GAIN_MS, isForEndurance, outliveLeaders } from './lease-endurance.ts'
import { SimMember, type Surroundings } from './member.ts'
import { SimNetwork } from './network.ts'
import { foundedOrigin, founders } from './origin.ts'
import type { Plan } from './plan.ts'
import { Recovery } from './recovery.ts'
import { findRoom } from './room.ts'
import { observeInside } from './sightings.ts'
import { Timeline } from './timeline.ts'
import { installGlobals } from './virtual-globals.ts'
import { SimWatcher } from './watcher.ts'
import { SimClient, type Commons } from './workload.ts'
import { World, type Owner } from './world.ts'

const HEALTHY_MS = 5000
const UNDER_WAY_MS = 2500
/** Longer than any lease, and an election. */
const LEASES_MS = 14_000
/** How late a lease may end. */
const LEASES_LATE_MS = 3500
/** Configurations that the search may enter before it gives up. */
const SEARCH_MAX = 20_000

export interface Problem {
  readonly kind: string
  readonly sentence: string
}

export interface RunResult {
  readonly plan: Plan
  readonly traceHash: string
  readonly steps: number
  readonly virtualMs: number
  readonly problems: readonly Problem[]
  readonly census: ReadonlyMap<string, number>
  /** What happened last, for each member. */
  readonly timeline: readonly string[]
  /** The operations around the first violations. */
  readonly story: string
  readonly history: History
  /** What the clients have done, by number. */
  readonly rounds: readonly { readonly client: number; readonly rounds: readonly number[] }[]
}

export async function runPlan(plan: Plan): Promise<RunResult> {
  const run = new Run(plan)
  return run.toEnd()
}

class Run {
  readonly #plan: Plan
  readonly #world: World
  readonly #census = new Census()
  readonly #timeline: Timeline
  readonly #invariants: Invariants
  readonly #around: Surroundings
  readonly #commons: Commons
  readonly #faults: Faults
  readonly #watchers: SimWatcher[]
  readonly #recorder: Recorder
  readonly #problems: Problem[] = []
  #clients: SimClient[] = []
  #finals: FinalState[] = []
  #healthyFrom: number | undefined
  #abort: () => void = () => undefined

  constructor(plan: Plan) {
    this.#plan = plan
    const world = new World(plan.seed)
    this.#world = world
    this.#timeline = new Timeline(world, this.#census)
    const report = (kind: string, sentence: string): void => this.#report(kind, sentence)
    const network = new SimNetwork(world, plan.seed, plan.latencyMs, plan.loss, this.#census)
    const isSnapshotUnderWay = (): boolean => network.snapshots > 0
    this.#invariants = new Invariants(world, this.#census, report, isSnapshotUnderWay)
    this.#around = {
      plan,
      world,
      network,
      invariants: this.#invariants,
      census: this.#census,
      timeline: this.#timeline,
      report,
    }
    this.#recorder = new Recorder(this.#around)
    const all = founders(plan.members)
    this.#commons = {
      around: this.#around,
      recorder: this.#recorder,
      members: all.map(
        ({ id }, i) => new SimMember(this.#around, i + 1, id, foundedOrigin(id, all)),
      ),
      isOver: false,
      isHealthy: false,
      highestRevision: 1,
      compacted: 0,
      leases: [],
      hashes: new Map(),
      observations: [],
    }
    this.#faults = new Faults(this.#commons)
    this.#watchers = this.#newWatchers()
  }

  async toEnd(): Promise<RunResult> {
    const world = this.#world
    world.onError = (owner, error) => this.#onError(owner, error)
    const restore = installGlobals(world)
    const unhook = observeStateHashes(world, () => this.#invariants)
    const unhookInside = observeInside(this.#census)
    try {
      const aborted = new Promise<void>((resolve) => (this.#abort = resolve))
      const lived = new Promise<void>((resolve, reject) => {
        world.soon(world.outside, 'start', () => void this.#live().then(resolve, reject))
      })
      await world.run(Promise.race([lived, aborted]))
    } catch (error) {
      this.#problems.push({
        kind: 'simulator',
        sentence: error instanceof Error ? (error.stack ?? '') : String(error),
      })
    } finally {
      unhook()
      unhookInside()
      restore()
    }
    return this.#judge()
  }

  #newWatchers(): SimWatcher[] {
    let ids = 0
    const nextId = (): number => ++ids
    const { members } = this.#commons
    const plain = {
      key: undefined,
      prevKv: false,
      readMs: 0,
      rewind: undefined,
      fragment: false,
      patienceMs: Infinity,
      filter: 'none',
      bustle: 0,
    } as const
    // One beside each founder sees everything.
    const observers = members.map(
      (member, i) => new SimWatcher(this.#commons, { ...plain, number: 100 + i }, member, nextId),
    )
    const others = this.#plan.watchers.map(
      (watcher) => new SimWatcher(this.#commons, watcher, undefined, nextId),
    )
    return [...observers, ...others]
  }

  async #live(): Promise<void> {
    const { members } = this.#commons
    const world = this.#world
    for (const member of members) member.start()
    this.#faults.plan(this.#plan.faults)
    const clients = this.#plan.clients.map((plan) => new SimClient(this.#commons, plan))
    this.#clients = clients
    const busy = [...clients, ...this.#watchers].map((one) => one.run())
    await world.sleep(this.#plan.durationMs)
    this.#timeline.add('world', 'everything is healed')
    this.#faults.heal()
    const recovery = new Recovery(this.#commons, this.#faults, this.#watchers)
    if (!(await recovery.settle())) return
    this.#timeline.add('world', 'everything is well')
    this.#healthyFrom = world.nowMs
    this.#commons.isHealthy = true
    await world.sleep(HEALTHY_MS)
    this.#commons.isOver = true
    for (const watcher of this.#watchers) watcher.hurry()
    await Promise.all(busy.slice(0, clients.length))
    await this.#endLeases()
    await findRoom(this.#commons)
    this.#commons.isOver = false
    for (const watcher of this.#watchers) void watcher.run()
    if (!(await recovery.converge())) return
    // Watches get what is under way to them.
    await world.sleep(UNDER_WAY_MS)
    this.#commons.isOver = true
    this.#finals = await new FinalStates(this.#around).collect(recovery.inPlay())
  }

  async #endLeases(): Promise<void> {
    const ended = this.#world.sleep(LEASES_MS)
    if (isForEndurance(this.#plan)) {
      await outliveLeaders(this.#commons, () => this.#faults.transferAway())
    }
    await ended
  }

  #onError({ name: who, isDead, isDoomed }: Owner, error: unknown): void {
    if (isDead || isDoomed) return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#report('crashed', `${who}: ${text}`)
  }

  #report(kind: string, sentence: string): void {
    this.#problems.push({ kind, sentence })
    this.#timeline.add('world', `${kind}: ${sentence}`)
    this.#abort()
  }

  #history(): History {
    return {
      operations: [...this.#recorder.operations, ...this.#recorder.unanswered],
      watches: this.#watchers.flatMap(({ watches }) => watches),
      observations: this.#commons.observations,
      finals: this.#finals,
      logs: this.#invariants.memberLogs(),
    }
  }

  #judge(): RunResult {
    const history = this.#history()
    const isWhole = this.#problems.length === 0 && this.#finals.length > 0
    const violations = [...this.#check(history, isWhole)]
    for (const { kind, sentence } of violations) this.#problems.push({ kind, sentence })
    this.#countEffects(history)
    const { operations, watches, finals } = history
    this.#world.noteValue({ operations, watches, finals })
    return {
      plan: this.#plan,
      traceHash: this.#world.traceHash,
      steps: this.#world.steps,
      virtualMs: this.#world.nowMs,
      problems: this.#problems,
      census: this.#census.counts,
      timeline: this.#timeline.last(40),
      story: violations.length === 0 ? '' : reportOf(history, violations),
      history,
      rounds: this.#clients.map(({ number, done }) => ({ client: number, rounds: done })),
    }
  }

  /** What only the history tells. */
  #countEffects({ operations, logs }: History): void {
    const values = new Set(
      logs.flatMap(({ changes }) =>
        changes.flatMap(({ events }) => events.map(({ kv }) => kv.value)),
      ),
    )
    const asked = new Set<number>()
    for (const { id, request, outcome } of operations) {
      if (request.type !== 'put' || outcome.type !== 'unknown') continue
      if (values.has(request.value)) asked.add(id)
    }
    this.#census.tally('write of unknown outcome that took effect', asked.size)
    const revoked = new Set(
      operations.flatMap(({ request }) => (request.type === 'lease-revoke' ? [request.lease] : [])),
    )
    const ended = new Set(
      logs.flatMap(({ changes }) =>
        changes.flatMap(({ events }) =>
          events.flatMap(({ type, kv }) =>
            type === 'delete' && /^l\d/.test(kv.key) ? [kv.key] : [],
          ),
        ),
      ),
    )
    for (const key of ended)
      if (!revoked.has(BigInt(key.slice(1)))) this.#census.count('lease expired')
    if (ended.size > 0 && this.#invariants.leaderTerms > 1) {
      this.#census.count('lease expired after a leader change')
    }
  }

  #check(history: History, isWhole: boolean): Violation[] {
    const hasRates = this.#plan.faults.some((fault) => fault.kind === 'clock-rate')
    const clockJumpMs = this.#plan.faults.reduce(
      (sum, fault) => sum + (fault.kind === 'clock-jump' ? fault.ms : 0),
      0,
    )
    const leases = {
      clockRateError: hasRates ? 0.5 : 0.01,
      clockJumpMs,
      ...(this.#healthyFrom !== undefined && {
        lateMs: LEASES_LATE_MS + (isForEndurance(this.#plan) ? GAIN_MS : 0),
        healthyFrom: this.#healthyFrom,
      }),
    }
    const { violations, unknowns } = checkHistory(history, { converged: isWhole, leases })
    this.#census.tally('not decided by the order of revisions', unknowns.length)
    if (violations.length > 0 || !this.#plan.search) return [...violations]
    const found = searchLinearization(history, { maxVisited: SEARCH_MAX, converged: isWhole })
    this.#census.tally(`search: ${found.type}`)
    return found.type === 'violated' ? [found.violation] : []
  }
}
