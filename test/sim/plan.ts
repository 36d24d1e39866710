/**
 * What a schedule consists of, as data: the seed draws it, and what is left out of it changes
 * nothing else, so that a failing schedule can be made smaller and kept.
 */

import type { WatchLimits } from '../../src/mvcc/watch-limits.ts'
import { busyTimes, type Period } from './busy-times.ts'
import { Draws } from './draws.ts'
import type { Fault, Lost } from './fault.ts'
import { faultsOf, lostOf } from './fault-plan.ts'
import { PROFILES, type Profile, type ProfileName } from './fault-profiles.ts'

/** How often a client does what. */
export const ACTIONS = [
  'put',
  'delete',
  'range',
  'local-range',
  'old-range',
  'txn',
  'big-txn',
  'compact',
  'grant',
  'renew',
  'revoke',
  'leased-put',
  'time-to-live',
  'lock',
  'odd-range',
  'odd-txn',
  'move-leases',
  'bury',
  'nurse',
  'hand-over',
  'tour',
  'upkeep',
  'campaign',
  'leader',
  'observe',
  'make-room',
] as const

export type Action = (typeof ACTIONS)[number]

export interface ClientPlan {
  readonly number: number
  /** Mean time between two calls in busy times, and at other times. */
  readonly thinkMs: number
  readonly idleMs: number
  readonly timeoutMs: number
  readonly weights: Readonly<Record<Action, number>>
  /** Goes to another member when its own fails. */
  readonly wanders: boolean
  /** The numbers of what it does, all others are left out; absent: everything. */
  readonly only?: readonly number[]
}

export interface WatcherPlan {
  readonly number: number
  /** Undefined: all keys. */
  readonly key: string | undefined
  readonly prevKv: boolean
  /** How long it takes over a response; most take no time at all. */
  readonly readMs: number
  /** Starts so far before what it knows, when it begins anew; undefined: where it was. */
  readonly rewind: number | undefined
  readonly fragment: boolean
  /** Gives up and begins anew after so long. */
  readonly patienceMs: number
  readonly filter: 'none' | 'no-put' | 'no-delete'
  /** How likely it does something beside its main watch, ten times a second. */
  readonly bustle: number
}

/** How much a member holds; small enough to be reached. */
export interface LimitsPlan {
  readonly watch: WatchLimits
  readonly fragmentBytes: number
  readonly leaseCheckpointMs: number
}

export interface Plan {
  readonly seed: number
  readonly profile: ProfileName
  readonly members: number
  readonly durationMs: number
  /** When clients have much to do, and most faults happen. Otherwise little does. */
  readonly busy: readonly Period[]
  readonly snapshotCount: number
  readonly catchUpEntries: number
  readonly preVote: boolean
  /** Limit of one message of entries: one entry in each, when it is small. */
  readonly messageBytes?: number | undefined
  /** Messages of entries on their way to one member. */
  readonly inflightMessages?: number | undefined
  readonly initialAdvance: boolean
  readonly latencyMs: number
  readonly loss: number
  readonly logMs: number
  readonly stateMs: number
  readonly limits: LimitsPlan
  /** 0: none. */
  readonly quotaBytes: number
  readonly keys: number
  readonly clients: readonly ClientPlan[]
  readonly watchers: readonly WatcherPlan[]
  readonly faults: readonly Fault[]
  /** Who is not healed when the others are. */
  readonly lost?: Lost | undefined
  /** Judged by a search for an order as well, which takes its time. */
  readonly search: boolean
}

export interface PlanOptions {
  readonly durationMs?: number
  readonly profile?: ProfileName
}

/** Most are long: what takes minutes (leases, logs that grow, compactions) needs them. */
const DURATIONS_MS = [20_000, 60_000, 300_000, 300_000, 420_000, 600_000]
/** One schedule in so many is searched for an order. */
const SEARCHED = 8
/** Mostly that of production. */
const MESSAGE_BYTES = [undefined, undefined, undefined, 1] as const
const INFLIGHT_MESSAGES = [undefined, undefined, 1, 8] as const

/** One message of one entry at a time would be slower than the clients. */
function messagesOf(
  draws: Draws,
  profile: Profile,
): Pick<Plan, 'messageBytes' | 'inflightMessages'> {
  const messageBytes = draws.pick(profile.messageBytes ?? MESSAGE_BYTES)
  const inflightMessages = draws.pick(INFLIGHT_MESSAGES)
  return messageBytes === undefined ? { inflightMessages } : { messageBytes }
}

export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const draws = new Draws(seed, 'plan')
  const shares = Object.fromEntries(
    Object.entries(PROFILES).map(([name, { share }]) => [name, share]),
  ) as Record<ProfileName, number>
  const drawn = draws.weighted(shares)
  const profileName = options.profile ?? drawn
  const profile: Profile = PROFILES[profileName]
  const durationMs = options.durationMs ?? draws.pick(DURATIONS_MS)
  const busy = busyTimes(seed, durationMs)
  const members = draws.pick(profile.members)
  const snapshotCount = draws.pick(profile.snapshotCounts)
  const keys = draws.pick([2, 5, 10])
  const quotaBytes = quotaOf(seed, keys)
  const faults = faultsOf(seed, profile, members, durationMs, busy)
  return {
    seed,
    profile: profileName,
    members,
    durationMs,
    busy,
    snapshotCount,
    catchUpEntries: draws.pick([0, 1, 5, 50]),
    preVote: draws.chance(profile.preVote ?? 0.8),
    initialAdvance: draws.chance(0.8),
    latencyMs: draws.pick(profile.latenciesMs),
    loss: draws.pick(profile.losses),
    logMs: draws.pick(profile.diskMs),
    stateMs: draws.pick(profile.diskMs),
    limits: limitsOf(seed),
    quotaBytes,
    keys,
    clients: clientsOf(seed, draws.between(2, 6), quotaBytes),
    watchers: watchersOf(seed, draws.between(1, 4), keys),
    faults,
    lost: lostOf(seed, members, faults),
    search: seed % SEARCHED === 0,
    ...messagesOf(draws, profile),
  }
}

function limitsOf(seed: number): LimitsPlan {
  const draws = new Draws(seed, 'limits')
  return {
    watch: {
      streamBytes: draws.pick([300, 3000, 256 * 1024]),
      totalBytes: draws.pick([2000, 256 * 1024 * 1024]),
      outputBytes: draws.pick([100, 1000, 64 * 1024]),
      recentRevisions: draws.pick([1, 4, 30, 4096]),
      recentBytes: draws.pick([200, 8 * 1024 * 1024]),
      roundRevisions: draws.pick([2, 20, 10_000]),
    },
    fragmentBytes: draws.pick([100, 400, 1_500_000]),
    leaseCheckpointMs: draws.pick([1000, 3000, 300_000]),
  }
}

const WEIGHTS: Readonly<Record<Action, number>> = {
  put: 30,
  delete: 8,
  range: 14,
  'local-range': 8,
  'old-range': 5,
  txn: 14,
  'big-txn': 5,
  compact: 3,
  grant: 5,
  renew: 6,
  revoke: 1.5,
  'leased-put': 5,
  'time-to-live': 2,
  lock: 4,
  'odd-range': 4,
  'odd-txn': 4,
  'move-leases': 3,
  bury: 3,
  nurse: 1.5,
  'hand-over': 1.5,
  tour: 1.5,
  upkeep: 1.5,
  campaign: 2,
  leader: 2,
  observe: 1,
  'make-room': 0,
}

/** So many schedules have little room, and somebody who looks after it. */
const CRAMPED = 0.15
const MAKE_ROOM = 6
/** What a key takes, and how many there are beside those of the plan. */
const KEY_BYTES = 70
const OTHER_KEYS = 10

/** There is always room for all keys and a put, once what is old is compacted. */
function quotaOf(seed: number, keys: number): number {
  const draws = new Draws(seed, 'quota')
  if (!draws.chance(CRAMPED)) return 0
  return (keys + OTHER_KEYS) * KEY_BYTES + draws.pick([500, 900, 2000])
}

function clientsOf(seed: number, count: number, quotaBytes: number): ClientPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const draws = new Draws(seed, `client plan ${i}`)
    // A swarm: not every client does everything.
    const weights = Object.fromEntries(
      ACTIONS.map((name) => [name, draws.chance(0.75) ? WEIGHTS[name] : 0]),
    ) as Record<Action, number>
    weights.put = Math.max(weights.put, 1)
    if (quotaBytes > 0) weights['make-room'] = MAKE_ROOM
    return {
      number: i + 1,
      thinkMs: draws.pick([20, 100, 400]),
      idleMs: draws.pick([2000, 10_000, 60_000]),
      timeoutMs: draws.pick([500, 2000, 9000]),
      weights,
      wanders: draws.chance(0.5),
    }
  })
}

function watchersOf(seed: number, count: number, keys: number): WatcherPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const draws = new Draws(seed, `watcher plan ${i}`)
    return {
      number: i + 1,
      key: draws.chance(0.6) ? undefined : `k${draws.below(keys)}`,
      prevKv: draws.chance(0.4),
      readMs: draws.pick([0, 0, 50, 600, 3000]),
      rewind: draws.pick([undefined, undefined, 3, 50]),
      fragment: draws.chance(0.3),
      patienceMs: draws.pick([3000, 15_000, 1_000_000]),
      filter: draws.pick(['none', 'none', 'none', 'none', 'no-put', 'no-delete']),
      bustle: draws.pick([0, 0.05, 0.3]),
    }
  })
}
