/**
 * One schedule from its plan to its verdict.
 *
 *     0            duration                settled              +5 s        +14 s
 *     ├─ safety: faults ─┤─ everything is healed ─┤─ calls must be answered ─┤─ leases end ─┤ judged
 */

import type { RangeResponseInput } from '../../src/rpc/codec/etcdserverpb.ts'
import { k, rangeRequest } from '../server/support/requests.ts'
import { Census } from './census.ts'
import { checkHistory } from './check/check-history.ts'
import type { FinalState, History } from './check/history.ts'
import { report as reportOf } from './check/report.ts'
import { searchLinearization } from './check/search.ts'
import type { Violation } from './check/violation.ts'
import { ask, Recorder } from './client.ts'
import { Draws } from './draws.ts'
import { Faults } from './faults.ts'
import type { Member } from '../../src/server/membership.ts'
import { Invariants, observeStateHashes } from './invariants.ts'
import { GAIN_MS, isForEndurance, outliveLeaders } from './lease-endurance.ts'
import { MemberLists } from './member-lists.ts'
import { foundedOrigin, founders, SimMember, type Surroundings } from './member.ts'
import { SimNetwork } from './network.ts'
import type { Plan } from './plan.ts'
import { findRoom } from './room.ts'
import { observeInside } from './sightings.ts'
import { Timeline } from './timeline.ts'
import { installGlobals } from './virtual-globals.ts'
import { SimWatcher } from './watcher.ts'
import { kvOf } from './wire.ts'
import { SimClient, type Commons } from './workload.ts'
import { World, type Owner } from './world.ts'

const SETTLE_MS = 60_000
const HEALTHY_MS = 5000
/** Longer than any lease, and an election. */
const LEASES_MS = 14_000
/** How late a lease may end. */
const LEASES_LATE_MS = 3500
const POLL_MS = 100
/** How long nothing changes before the cluster is taken to be well. */
const STABLE_MS = 3000
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
  readonly #memberLists = new MemberLists()
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
    if (!(await this.#settle())) return
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
    if (!(await this.#converge())) return
    await this.#collect()
  }

  async #endLeases(): Promise<void> {
    const ended = this.#world.sleep(LEASES_MS)
    if (isForEndurance(this.#plan)) {
      await outliveLeaders(this.#commons, () => this.#faults.transferAway())
    }
    await ended
  }

  /** A leader, everybody up and following, and that for a while. */
  async #settle(): Promise<boolean> {
    const world = this.#world
    const deadlineMs = world.nowMs + SETTLE_MS
    let wellSinceMs: number | undefined
    let state = ''
    while (world.nowMs < deadlineMs) {
      const before = state
      state = this.#unwell() ?? `term ${this.#leaderTerm()}`
      if (!state.startsWith('term') || state !== before) wellSinceMs = world.nowMs
      if (wellSinceMs !== undefined && world.nowMs - wellSinceMs >= STABLE_MS) return true
      await this.#faults.reconcile()
      await world.sleep(POLL_MS)
    }
    const sentence = `the cluster did not recover in ${SETTLE_MS / 1000} s: ${state}`
    this.#report('not-live', [sentence, ...this.#standings()].join('\n'))
    return false
  }

  /** How far everybody is, for who reads a failure. */
  #standings(): string[] {
    const members = this.#inPlay()
    const leader = members.find(({ isLeader }) => isLeader)
    return members.map(({ id, name, state, status }) => {
      const { term, role, commit, applied, lastIndex, durable } = status ?? {}
      const seen = leader?.status?.progress.get(id)
      return `${name} ${state}: ${JSON.stringify({ term, role, commit, applied, lastIndex, durable })}, as its leader sees it: ${JSON.stringify(seen)}`
    })
  }

  #leaderTerm(): number | undefined {
    return this.#inPlay().find(({ isLeader }) => isLeader)?.status?.term
  }

  #inPlay(): SimMember[] {
    return this.#commons.members.filter(({ state }) => state !== 'gone')
  }

  /** What is still missing. */
  #unwell(): string | undefined {
    if (this.#faults.underWay > 0) return 'a change is under way'
    const members = this.#inPlay()
    const down = members.find(({ state }) => state !== 'up')
    if (down !== undefined) return `${down.name} is ${down.state}`
    const leaders = members.filter(({ isLeader }) => isLeader)
    const [leader] = leaders
    const status = leader?.status
    if (leaders.length !== 1 || status === undefined) return `${leaders.length} members lead`
    const known = new Set([...status.voters, ...status.learners])
    const stranger = members.find(({ id }) => !known.has(id))
    if (stranger !== undefined) return `${stranger.name} has been removed and does not know`
    const { length: lost } = this.#commons.members.filter(({ isAbandoned }) => isAbandoned)
    if (known.size !== members.length + lost) return 'a member of the cluster does not run'
    const late = members.find(
      (member) =>
        member.status?.leader !== leader?.id || (member.status?.applied ?? 0) + 50 < status.commit,
    )
    return late === undefined ? undefined : `${late.name} has not caught up`
  }

  /** All have applied the same, and watches were told. */
  async #converge(): Promise<boolean> {
    const world = this.#world
    const deadlineMs = world.nowMs + SETTLE_MS
    let missing: string | undefined
    while (world.nowMs < deadlineMs) {
      missing = this.#unwell() ?? this.#behind()
      if (missing === undefined) return true
      await world.sleep(POLL_MS)
    }
    this.#report('not-live', `${missing} after ${SETTLE_MS / 1000} s without faults`)
    return false
  }

  #behind(): string | undefined {
    const statuses = this.#inPlay().map(({ status }) => status)
    const applied = new Set(statuses.map((status) => status?.applied))
    if (applied.size > 1) return `members have applied up to ${[...applied].join(', ')}`
    const [first] = statuses
    if (first?.commit !== first?.applied) return 'something is not applied'
    const closed = this.#watchers.find((watcher) => !watcher.isOpen && watcher.mayOpen)
    if (closed !== undefined) return 'a watch is not open'
    return this.#watchers.map(({ owed }) => owed).find((owed) => owed !== undefined)
  }

  async #collect(): Promise<void> {
    // Watches get what is under way to them.
    await this.#world.sleep(2500)
    this.#commons.isOver = true
    const draws = new Draws(this.#plan.seed, 'end')
    for (const member of this.#inPlay()) {
      const get = async <Response>(
        method: string,
        request: object,
      ): Promise<Response | undefined> => {
        const answer = await ask(this.#around, draws, member, 9000, (test) =>
          test.call<object>(method, request),
        )
        if (answer.type === 'answered') return answer.response as Response
        const isLearner = member.status?.learners.includes(member.id) === true
        if (!isLearner) this.#report('not-live', `${method} at ${member.name}: ${answer.type}`)
        return undefined
      }
      await this.#collectFrom(member, get)
    }
  }

  async #collectFrom(
    member: SimMember,
    get: <Response>(method: string, request: object) => Promise<Response | undefined>,
  ): Promise<void> {
    const all = rangeRequest({ key: k('\0'), rangeEnd: k('\0'), serializable: true })
    const range = await get<RangeResponseInput>('KV.Range', all)
    const hash = await get<{ hash?: number; compactRevision?: number; hashRevision?: number }>(
      'Maintenance.HashKV',
      { revision: 0 },
    )
    const leases = await get<{ leases?: { id: bigint }[] }>('Lease.LeaseLeases', {})
    const status = await get<{ errors?: readonly string[] }>('Maintenance.Status', {})
    const list = await get<{ members?: readonly Member[] }>('Cluster.MemberList', {})
    const problem = list && this.#memberLists.problemWith(member, list.members ?? [])
    if (problem !== undefined) this.#report('members-disagree', problem)
    const errors = status?.errors ?? []
    if (errors.length > 0) this.#report('alarm', `${member.name}: ${errors.join(', ')}`)
    const revision = range?.header?.revision ?? 0
    const hashes =
      hash === undefined
        ? {}
        : {
            hashes: [
              { revision, compactRevision: hash.compactRevision ?? 0, hash: hash.hash ?? 0 },
            ],
          }
    this.#finals.push({
      member: member.name,
      at: this.#world.nowMs,
      revision,
      kvs: (range?.kvs ?? []).map((record) => kvOf(record)),
      ...hashes,
      ...(leases !== undefined && { leases: (leases.leases ?? []).map(({ id }) => id) }),
    })
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
