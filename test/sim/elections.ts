/** What one client does in elections: it stands for office, asks who leads, or has itself told. */

import type { Observation, Outcome, Request } from './check/history.ts'
import type { Draws } from './draws.ts'
import type { SimMember } from './member.ts'
import { SimObservation } from './observation.ts'
import type { Commons } from './workload.ts'

const ELECTIONS = ['election-a', 'election-b'] as const
const CAMPAIGN_MS = 6000
const ASK_MS = 2000
const LATENCY_MS = 0.3
/** How late an observer may be told when nothing is wrong. */
const LATE_MS = 3000

/** The client's way to ask; its own member when none is named. */
export type Ask = (request: Request, timeoutMs: number, member?: SimMember) => Promise<Outcome>

export class Elections {
  readonly #commons: Commons
  readonly #draws: Draws
  readonly #client: string
  readonly #ask: Ask

  constructor(commons: Commons, draws: Draws, client: string, ask: Ask) {
    this.#commons = commons
    this.#draws = draws
    this.#client = client
    this.#ask = ask
  }

  /** Its own lease, the campaign, some time in office, and mostly the end of it. */
  async campaign(lease: bigint, value: () => string): Promise<Outcome> {
    const { world, census } = this.#commons.around
    const draws = this.#draws
    const ttl = draws.pick([2, 4, 8])
    const granted = await this.#ask({ type: 'lease-grant', lease, ttl }, ASK_MS)
    if (granted.type !== 'ok') return granted
    const name = draws.pick(ELECTIONS)
    const fromMs = world.nowMs
    const won = await this.#ask({ type: 'lock', name, lease, value: value() }, CAMPAIGN_MS)
    if (won.type !== 'ok' || won.result.type !== 'lock') {
      const isLost = won.type === 'unknown' && won.error === 'election: not leader'
      if (isLost) census.count('campaign lost with its lease')
      return won
    }
    if (world.nowMs - fromMs > 200) census.count('campaign that waited for its turn')
    const { key, createRevision: revision = 0 } = won.result
    for (let left = draws.below(4); left > 0; left--) {
      await world.sleep(draws.exponential(400))
      const isThere = await this.#govern({ key, revision, value: value(), lease })
      if (!isThere) return won
    }
    if (draws.chance(0.3)) return won
    const resigned = await this.#ask({ type: 'unlock', key, revision }, ASK_MS)
    // Nobody heeds who has resigned.
    if (draws.chance(0.3)) await this.#govern({ key, revision, value: value(), lease })
    return resigned
  }

  /** Who leads, asked of anybody. */
  leader(member: SimMember): Promise<Outcome> {
    return this.#ask({ type: 'leader', name: this.#draws.pick(ELECTIONS) }, ASK_MS, member)
  }

  async observe(member: SimMember): Promise<Outcome> {
    const { world, census } = this.#commons.around
    const draws = this.#draws
    const name = draws.pick(ELECTIONS)
    const id = this.#commons.observations.length + 1
    const readMs = draws.pick([0, 0, 0, 700])
    const latencyMs = draws.exponential(LATENCY_MS)
    const plan = { id, client: this.#client, name, member, latencyMs, readMs }
    const observation = new SimObservation(world, plan)
    const { record } = observation
    this.#commons.observations.push(record)
    const isCertain = this.#commons.isHealthy && readMs === 0
    await world.sleep(draws.pick([500, 2000, 6000]))
    if (isCertain && !observation.isOver) await this.#beTold(observation, member)
    observation.close()
    const leaders = new Set(record.told.map(({ kv }) => kv.key))
    if (leaders.size > 1) census.count('next leader heard by an observer')
    if (record.told.length > leaders.size) census.count('proclamation heard by an observer')
    return { type: 'unknown' }
  }

  /** Its lease renewed, or a new value proclaimed. False: another one leads by now. */
  async #govern(office: {
    readonly key: string
    readonly revision: number
    readonly value: string
    readonly lease: bigint
  }): Promise<boolean> {
    if (this.#draws.chance(0.4)) {
      await this.#ask({ type: 'lease-keep-alive', lease: office.lease }, ASK_MS)
      return true
    }
    const proclaimed = await this.#ask({ type: 'proclaim', ...office }, ASK_MS)
    if (proclaimed.type !== 'failed' || proclaimed.error !== 'not-leader') return true
    this.#commons.around.census.count('proclaimed by who led no more')
    return false
  }

  /** Nothing is wrong: whoever leads now has to be heard of. */
  async #beTold(observation: SimObservation, member: SimMember): Promise<void> {
    const { world, report } = this.#commons.around
    const { record } = observation
    const asked = await this.#ask({ type: 'leader', name: record.name }, ASK_MS, member)
    if (asked.type !== 'ok' || asked.result.type !== 'leader') return
    const { modRevision, key } = asked.result.kv
    await world.sleep(LATE_MS)
    if (observation.isOver || newestOf(record) >= modRevision) return
    const what = `an observer of ${record.name} at ${member.name} was not told of ${key} at ${modRevision}`
    report('not-live', `${what}, though nothing was wrong any more`)
  }
}

function newestOf({ told }: Observation): number {
  return Math.max(0, ...told.map(({ kv }) => kv.modRevision))
}
