/**
 * What a random schedule is made of. A profile is a mixture of faults and requests; each schedule
 * takes one profile, leaves whole kinds of faults out, and draws everything else from its seed.
 *
 * Time is counted in units, UNITS_PER_TICK of which are a tick of Raft's clock.
 */

import fc from 'fast-check'

export const UNITS_PER_TICK = 10

/** [least, most], both possible. */
export type Range = readonly [number, number]

export interface Profile {
  /** One is drawn. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** Members outside of the cluster that may be added. */
  readonly spares: number
  /** How long the faults last. */
  readonly ticks: Range

  /** Units that a message, a synced write, a snapshot takes. */
  readonly delay: Range
  readonly write: Range
  readonly stream: Range
  /** Per mille of messages. */
  readonly loss: number
  readonly duplicate: number
  /** Per mille of messages that take up to `lateness` ticks. */
  readonly late: number
  readonly lateness: number

  /** All of these per mille of ticks, cluster-wide. */
  readonly partition: number
  readonly oneWayCut: number
  /** Nobody hears a leader any more, nor it anybody. */
  readonly isolateLeader: number
  readonly heal: number
  readonly crash: number
  readonly powerCut: number
  readonly pause: number
  /** A write that takes as long as an outage. */
  readonly stall: number
  readonly checkpoint: number
  readonly change: number
  readonly transfer: number
  readonly campaign: number
  readonly proposal: number
  readonly read: number
  /** Ticks that a crashed or paused member is away. */
  readonly outage: Range

  /** Per mille of snapshots that break midway; that come again, later. */
  readonly brokenStream: number
  readonly repeatedStream: number
  /** Entries that stay in a log when it is compacted. */
  readonly catchUp: Range
}

const QUIET: Profile = {
  voters: [3],
  learners: [0],
  spares: 0,
  ticks: [80, 200],
  delay: [1, 5],
  write: [0, 4],
  stream: [5, 60],
  loss: 0,
  duplicate: 0,
  late: 0,
  lateness: 0,
  partition: 0,
  oneWayCut: 0,
  isolateLeader: 0,
  heal: 0,
  crash: 0,
  powerCut: 0,
  pause: 0,
  stall: 0,
  checkpoint: 0,
  change: 0,
  transfer: 0,
  campaign: 0,
  proposal: 600,
  read: 300,
  outage: [1, 30],
  brokenStream: 0,
  repeatedStream: 0,
  catchUp: [0, 0],
}

/** Faults of network, disks and processes; the membership stays. */
export const FAULT_PROFILES = {
  'lossy network': {
    ...QUIET,
    voters: [2, 3, 3, 5, 7],
    learners: [0, 0, 1],
    loss: 100,
    duplicate: 100,
    late: 50,
    lateness: 30,
    delay: [1, 25],
    campaign: 10,
    transfer: 10,
  },
  partitions: {
    ...QUIET,
    isolateLeader: 40,
    voters: [3, 4, 5, 5],
    learners: [0, 1],
    partition: 30,
    oneWayCut: 30,
    heal: 30,
    duplicate: 30,
    late: 10,
    lateness: 40,
    stall: 10,
  },
  crashes: {
    ...QUIET,
    voters: [1, 2, 3, 3, 5],
    learners: [0, 0, 1],
    crash: 50,
    powerCut: 5,
    pause: 20,
    stall: 20,
    write: [0, 15],
    loss: 20,
    checkpoint: 30,
    catchUp: [0, 20],
  },
  'slow disks': {
    ...QUIET,
    isolateLeader: 30,
    voters: [2, 3, 3, 5],
    write: [5, 80],
    delay: [1, 15],
    stall: 40,
    crash: 20,
    partition: 20,
    heal: 30,
    duplicate: 50,
    campaign: 30,
    checkpoint: 10,
    catchUp: [0, 10],
  },
  'conflicting logs': {
    ...QUIET,
    voters: [3, 5, 5],
    learners: [0, 0, 1],
    isolateLeader: 60,
    heal: 80,
    campaign: 120,
    stall: 150,
    write: [0, 60],
    delay: [1, 20],
    late: 60,
    lateness: 60,
    duplicate: 60,
    pause: 20,
    crash: 10,
    outage: [1, 25],
    proposal: 900,
    read: 500,
  },
  elections: {
    ...QUIET,
    voters: [2, 3, 4, 5],
    ticks: [60, 150],
    campaign: 150,
    transfer: 60,
    delay: [1, 40],
    write: [0, 30],
    late: 30,
    lateness: 20,
    duplicate: 100,
    crash: 15,
    proposal: 400,
    read: 600,
  },
  'wild timing': {
    ...QUIET,
    isolateLeader: 30,
    heal: 60,
    voters: [2, 3, 3, 4, 5],
    learners: [0, 0, 1],
    spares: 0,
    delay: [1, 150],
    write: [0, 150],
    stream: [1, 200],
    duplicate: 100,
    late: 50,
    lateness: 60,
    loss: 30,
    campaign: 200,
    transfer: 30,
    crash: 30,
    powerCut: 5,
    checkpoint: 20,
    catchUp: [0, 10],
    repeatedStream: 200,
    brokenStream: 200,
    change: 0,
    outage: [0, 8],
    pause: 15,
    stall: 30,
    proposal: 800,
    read: 500,
  },
  everything: {
    ...QUIET,
    isolateLeader: 10,
    voters: [1, 3, 3, 5],
    learners: [0, 1, 2],
    loss: 50,
    duplicate: 50,
    late: 30,
    lateness: 30,
    delay: [1, 30],
    write: [0, 30],
    partition: 15,
    oneWayCut: 15,
    heal: 30,
    crash: 25,
    powerCut: 3,
    pause: 15,
    stall: 15,
    campaign: 15,
    transfer: 15,
    checkpoint: 40,
    catchUp: [0, 10],
    brokenStream: 200,
    repeatedStream: 200,
  },
} as const satisfies Record<string, Profile>

/** Members that come and go, and logs too short for those that were away. */
export const MEMBERSHIP_PROFILES = {
  'membership alone': {
    ...QUIET,
    voters: [1, 2, 3, 4],
    learners: [0, 1],
    spares: 3,
    change: 200,
    transfer: 20,
    proposal: 300,
  },
  'membership and crashes': {
    ...QUIET,
    voters: [1, 2, 3, 3, 5],
    learners: [0, 1, 2],
    spares: 3,
    change: 150,
    crash: 40,
    powerCut: 4,
    stall: 20,
    write: [0, 20],
    checkpoint: 20,
    catchUp: [0, 5],
    transfer: 15,
    brokenStream: 200,
  },
  'membership and partitions': {
    ...QUIET,
    isolateLeader: 25,
    voters: [2, 3, 3, 4, 5],
    learners: [0, 1],
    spares: 3,
    change: 150,
    partition: 30,
    oneWayCut: 20,
    heal: 40,
    loss: 20,
    duplicate: 50,
    late: 20,
    lateness: 30,
    campaign: 20,
    transfer: 20,
  },
  snapshots: {
    ...QUIET,
    isolateLeader: 40,
    voters: [2, 3, 3, 5],
    learners: [0, 1, 2],
    spares: 1,
    ticks: [100, 250],
    checkpoint: 150,
    catchUp: [0, 3],
    crash: 30,
    partition: 30,
    oneWayCut: 10,
    heal: 40,
    change: 20,
    campaign: 120,
    stream: [2, 400],
    write: [0, 20],
    brokenStream: 250,
    repeatedStream: 300,
    late: 20,
    lateness: 60,
    proposal: 1000,
  },
  'membership and wild timing': {
    ...QUIET,
    isolateLeader: 20,
    heal: 60,
    voters: [1, 2, 3, 3, 4],
    learners: [0, 0, 1],
    spares: 3,
    delay: [1, 150],
    write: [0, 150],
    stream: [1, 200],
    duplicate: 100,
    late: 50,
    lateness: 60,
    loss: 30,
    campaign: 200,
    transfer: 30,
    crash: 30,
    powerCut: 5,
    checkpoint: 40,
    catchUp: [0, 10],
    repeatedStream: 200,
    brokenStream: 200,
    change: 200,
    outage: [0, 8],
    pause: 15,
    stall: 30,
    proposal: 800,
    read: 500,
  },
  'all at once': {
    ...QUIET,
    isolateLeader: 10,
    voters: [1, 2, 3, 3, 5],
    learners: [0, 1],
    spares: 3,
    ticks: [100, 250],
    loss: 40,
    duplicate: 60,
    late: 30,
    lateness: 40,
    delay: [1, 20],
    write: [0, 25],
    partition: 15,
    oneWayCut: 15,
    heal: 30,
    crash: 25,
    powerCut: 3,
    pause: 15,
    stall: 10,
    checkpoint: 60,
    catchUp: [0, 8],
    change: 80,
    transfer: 25,
    campaign: 15,
    brokenStream: 200,
    repeatedStream: 200,
  },
} as const satisfies Record<string, Profile>

/** Kinds that a schedule may leave out, each with what it then sets to 0. */
const KINDS = {
  network: ['loss', 'duplicate', 'late'],
  partitions: ['partition', 'oneWayCut', 'isolateLeader'],
  crashes: ['crash', 'powerCut'],
  pauses: ['pause', 'stall'],
  elections: ['campaign', 'transfer'],
  changes: ['change'],
  checkpoints: ['checkpoint'],
  streams: ['brokenStream', 'repeatedStream'],
} as const satisfies Record<string, readonly (keyof Profile)[]>

type Kind = keyof typeof KINDS
const ALL_KINDS = Object.keys(KINDS) as Kind[]

export interface Schedule {
  readonly profile: string
  readonly seed: number
  readonly kinds: readonly Kind[]
  /** Per mille of the profile's ticks; shrinking shortens it. */
  readonly length: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  readonly heartbeatTicks: number
  readonly maxBytesPerMessage: number
  readonly maxInflightMessages: number
  readonly maxInflightBytes: number
  readonly maxUncommittedBytes: number
  readonly maxCommittedBytesPerReady: number
  /** Committed entries are applied some time after they were handed out. */
  readonly appliesLate: boolean
  /** A member that has applied its removal ends; at times it comes back all the same. */
  readonly removedEnd: boolean
  /** Removals are for good, and nobody who has applied one hears that member any more. */
  readonly removedRefused: boolean
}

/**
 * Without pre-votes and the check of the quorum, members that were removed may disturb the others
 * for as long as they live: nothing is promised then.
 */
const TERM_RULES = [
  { preVote: true, checkQuorum: true },
  { preVote: true, checkQuorum: false },
  { preVote: false, checkQuorum: true },
  { preVote: false, checkQuorum: false },
] as const

export function schedules(profiles: Readonly<Record<string, Profile>>): fc.Arbitrary<Schedule> {
  const changes = Object.values(profiles).some(({ change }) => change > 0)
  const rules = fc.constantFrom(...TERM_RULES.slice(0, changes ? 3 : 4))
  const others = fc.record({
    profile: fc.constantFrom(...Object.keys(profiles)),
    seed: fc.noShrink(fc.noBias(fc.integer({ min: 1, max: 2 ** 31 - 1 }))),
    kinds: fc.oneof(fc.constant(ALL_KINDS), fc.subarray(ALL_KINDS)),
    length: fc.noBias(fc.integer({ min: 1, max: 1000 })),
    heartbeatTicks: fc.constantFrom(1, 2, 3),
    maxBytesPerMessage: fc.constantFrom(1, 100, 10_000),
    maxInflightMessages: fc.constantFrom(1, 3, 256),
    maxInflightBytes: fc.constantFrom(40, 300, 1 << 20),
    maxUncommittedBytes: fc.constantFrom(1 << 20, 1 << 20, 200, 20),
    maxCommittedBytesPerReady: fc.constantFrom(1, 200, 1 << 20),
    appliesLate: fc.boolean(),
    removedEnd: fc.boolean(),
    removedRefused: fc.boolean(),
  })
  return fc.tuple(others, rules).map(([schedule, rule]) => ({ ...schedule, ...rule }))
}

/** The profile without the kinds that the schedule leaves out. */
export function profileOf(
  schedule: Schedule,
  profiles: Readonly<Record<string, Profile>>,
): Profile {
  const profile = profiles[schedule.profile]
  if (profile === undefined) throw new Error(`no profile ${schedule.profile}`)
  const absent = ALL_KINDS.filter((kind) => !schedule.kinds.includes(kind))
  const zeros = absent.flatMap((kind) => KINDS[kind].map((name) => [name, 0] as const))
  return { ...profile, ...Object.fromEntries(zeros) }
}
