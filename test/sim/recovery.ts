/** Whether a cluster is well again: one leads, all are up and follow, and in the end all have the same. */

import type { Faults } from './faults.ts'
import type { SimMember } from './member.ts'
import type { SimWatcher } from './watcher.ts'
import type { Commons } from './workload.ts'

const SETTLE_MS = 60_000
const POLL_MS = 100
/** How long nothing changes before the cluster is taken to be well. */
const STABLE_MS = 3000

export class Recovery {
  readonly #commons: Commons
  readonly #faults: Faults
  readonly #watchers: readonly SimWatcher[]

  constructor(commons: Commons, faults: Faults, watchers: readonly SimWatcher[]) {
    this.#commons = commons
    this.#faults = faults
    this.#watchers = watchers
  }

  /** A leader, everybody up and following, and that for a while. */
  async settle(): Promise<boolean> {
    const world = this.#commons.around.world
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
    this.#commons.around.report('not-live', [sentence, ...this.#standings()].join('\n'))
    return false
  }

  /** How far everybody is, for who reads a failure. */
  #standings(): string[] {
    const members = this.inPlay()
    const leader = members.find(({ isLeader }) => isLeader)
    return members.map(({ id, name, state, status }) => {
      const { term, role, commit, applied, lastIndex, durable } = status ?? {}
      const seen = leader?.status?.progress.get(id)
      return `${name} ${state}: ${JSON.stringify({ term, role, commit, applied, lastIndex, durable })}, as its leader sees it: ${JSON.stringify(seen)}`
    })
  }

  #leaderTerm(): number | undefined {
    return this.inPlay().find(({ isLeader }) => isLeader)?.status?.term
  }

  /** Who is or will be a member. */
  inPlay(): SimMember[] {
    return this.#commons.members.filter(({ state }) => state !== 'gone')
  }

  /** What is still missing. */
  #unwell(): string | undefined {
    if (this.#faults.underWay > 0) return 'a change is under way'
    const members = this.inPlay()
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
  async converge(): Promise<boolean> {
    const world = this.#commons.around.world
    const deadlineMs = world.nowMs + SETTLE_MS
    let missing: string | undefined
    while (world.nowMs < deadlineMs) {
      missing = this.#unwell() ?? this.#behind()
      if (missing === undefined) return true
      await world.sleep(POLL_MS)
    }
    this.#commons.around.report('not-live', `${missing} after ${SETTLE_MS / 1000} s without faults`)
    return false
  }

  #behind(): string | undefined {
    const statuses = this.inPlay().map(({ status }) => status)
    const applied = new Set(statuses.map((status) => status?.applied))
    if (applied.size > 1) return `members have applied up to ${[...applied].join(', ')}`
    const [first] = statuses
    if (first?.commit !== first?.applied) return 'something is not applied'
    const closed = this.#watchers.find((watcher) => !watcher.isOpen && watcher.mayOpen)
    if (closed !== undefined) return 'a watch is not open'
    return this.#watchers.map(({ owed }) => owed).find((owed) => owed !== undefined)
  }
}
