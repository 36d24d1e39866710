/** What goes wrong in a schedule, as data: kinds of faults, and how much of each a profile has. */

import { busyMs, timeOf, type Period } from './busy-times.ts'
import { Draws } from './draws.ts'
import { DISK_POINTS, PHASES, type DiskPart, type DiskPoint, type Phase } from './files.ts'
import type { DiskFailure } from './level.ts'
import { MOMENTS, type Moment } from './moments.ts'
import type { Traffic } from './network.ts'

/** A member by its place in the list of those that run, or whoever leads. */
export type Target = number | 'leader'

export const STRIKES = ['crash', 'crash-all', 'pause', 'isolate', 'silence', 'deafen'] as const

/** What an ambush does. */
export type Strike = (typeof STRIKES)[number]

export type Fault = { readonly atMs: number } & (
  | {
      readonly kind: 'crash'
      readonly target: Target
      readonly downMs: number
      /** What was being written reached the disk. */
      readonly keepInFlight: boolean
      /** Nothing unsynced did. */
      readonly loseUnsynced: boolean
      /** Draws which of the unsynced writes did. */
      readonly keeps: number
    }
  | {
      readonly kind: 'crash-all'
      readonly downMs: number
      readonly keeps: number
      /** Whose append in flight reached the disk, as bits. */
      readonly keepsInFlight: number
    }
  /** For a while, who comes to that moment is struck, by chance and soon after, a few times. */
  | {
      readonly kind: 'ambush'
      readonly moment: Moment
      readonly chance: number
      readonly times: number
      readonly afterMs: number
      readonly forMs: number
      readonly strike: Strike
      readonly strikeMs: number
      /** Patterns of bits, as in a crash. */
      readonly keeps: number
    }
  /** Who comes to lead is cut off, and whoever was before comes back. */
  | { readonly kind: 'short-reigns'; readonly forMs: number }
  | { readonly kind: 'stop'; readonly target: Target; readonly downMs: number }
  | { readonly kind: 'pause'; readonly target: Target; readonly forMs: number }
  | {
      readonly kind: 'isolate'
      readonly target: Target
      readonly way: 'both' | 'in' | 'out'
      readonly forMs: number
    }
  /** The members whose bits are set reach the others no more; one way only if it says so. */
  | {
      readonly kind: 'partition'
      readonly sides: number
      readonly isOneWay: boolean
      readonly forMs: number
    }
  | {
      readonly kind: 'cut-link'
      readonly from: Target
      readonly to: Target
      readonly isOneWay: boolean
      readonly forMs: number
    }
  | { readonly kind: 'lossy'; readonly probability: number; readonly forMs: number }
  | { readonly kind: 'slow-network'; readonly factor: number; readonly forMs: number }
  | {
      readonly kind: 'disk-stall'
      readonly target: Target
      readonly disk: 'log' | 'state' | 'both'
      readonly forMs: number
    }
  | {
      readonly kind: 'slow-disk'
      readonly target: Target
      readonly meanMs: number
      readonly forMs: number
    }
  /** Power is cut when the disk gets to that point the next time. */
  | {
      readonly kind: 'power-cut-at'
      readonly target: Target
      readonly point: DiskPoint
      readonly phase: Phase
      readonly keeps: number
      readonly downMs: number
    }
  /** Writes fail; where the process ends of it, it is started again when there is room. */
  | {
      readonly kind: 'disk-error'
      readonly target: Target
      readonly part: DiskPart | 'all'
      readonly failure: DiskFailure
      readonly forMs: number
    }
  /** While it is down; what cannot be mended is replaced by a new member. */
  | {
      readonly kind: 'damage'
      readonly target: Target
      readonly what: 'log' | 'record' | 'checkpoint-copy' | 'checkpoint'
      readonly keeps: number
      readonly downMs: number
    }
  /** The process ends, what it wrote remains. */
  | { readonly kind: 'kill'; readonly target: Target; readonly downMs: number }
  /** Worse than any transport of ours: messages come twice, and long after later ones. */
  | {
      readonly kind: 'hostile-network'
      readonly duplicates: number
      readonly overtakings: number
      readonly forMs: number
    }
  /** Who comes to lead, and who asks for a read, hears once more what it was told long before. */
  | { readonly kind: 'old-news'; readonly forMs: number }
  | {
      readonly kind: 'delay-spike'
      readonly target: Target
      readonly delayMs: number
      readonly forMs: number
    }
  /** Links stop one after another, and go on in another order. */
  | { readonly kind: 'swizzle'; readonly keeps: number; readonly forMs: number }
  /** What is on its way between the two is lost. */
  | { readonly kind: 'reset-link'; readonly from: Target; readonly to: Target }
  | {
      readonly kind: 'drop-traffic'
      readonly target: Target
      readonly traffic: Traffic
      readonly forMs: number
    }
  | { readonly kind: 'clock-rate'; readonly target: Target; readonly rate: number }
  /** The monotonic clock only ever goes forward. */
  | { readonly kind: 'clock-jump'; readonly target: Target; readonly ms: number }
  /** Undefined: as on a machine without a battery, every start is at the same wall time. */
  | {
      readonly kind: 'wall-clock'
      readonly target: Target
      readonly ms: number | undefined
      readonly restarts: boolean
    }
  | { readonly kind: 'transfer'; readonly to: number }
  /** Who hands over is cut off until the next leader is at work (old-office.ts). */
  | { readonly kind: 'old-office'; readonly forMs: number }
  | { readonly kind: 'add-learner'; readonly promoteAfterMs: number }
  | { readonly kind: 'add-voter' }
  | { readonly kind: 'remove'; readonly target: Target }
  /** A change of members begins, and all of them lose power. */
  | {
      readonly kind: 'crash-in-change'
      readonly change: 'add-learner' | 'add-voter' | 'remove' | 'promote'
      readonly target: Target
      readonly afterMs: number
      readonly downMs: number
      readonly keeps: number
    }
  /**
   * Somebody hears nothing from the moment on when a change of members begins: the learner that gets a
   * vote; or a voter while another one is added, which is asked to lead.
   */
  | {
      readonly kind: 'cut-in-change'
      readonly change: 'add-voter' | 'promote'
      readonly target: number
      readonly forMs: number
    }
  /** It is promoted by several at once, or removed meanwhile. */
  | { readonly kind: 'promote-race'; readonly removes: boolean; readonly afterMs: number }
  /** It is removed while it is down, and comes back with its disk. */
  | { readonly kind: 'remove-dead'; readonly target: Target; readonly downMs: number }
  /** Its disk is lost: it is removed, and a new member takes its place. */
  | { readonly kind: 'wipe'; readonly target: Target }
)

export type FaultKind = Fault['kind']

/** Those that never come back: a majority must do without them. */
export interface Lost {
  readonly members: readonly number[]
  readonly how: 'down' | 'isolated'
}

/** With these in a schedule it depends on it who a majority is. */
const CHANGES: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'add-learner',
  'add-voter',
  'remove',
  'wipe',
  'crash-in-change',
  'cut-in-change',
  'promote-race',
  'remove-dead',
  'damage',
])
const LOSING = 0.4

export function lostOf(seed: number, members: number, faults: readonly Fault[]): Lost | undefined {
  const draws = new Draws(seed, 'lost')
  if (members < 3 || !draws.chance(LOSING)) return undefined
  if (faults.some(({ kind }) => CHANGES.has(kind))) return undefined
  const first = draws.below(members)
  const count = draws.between(1, Math.floor((members - 1) / 2))
  const lost = Array.from({ length: count }, (_, i) => (first + i) % members)
  return { members: lost, how: draws.pick(['down', 'isolated']) }
}

/** How much of each fault, on average in a minute; each seed switches many of them off. */
export interface Profile {
  readonly share: number
  readonly members: readonly number[]
  readonly perMinute: Readonly<Partial<Record<FaultKind, number>>>
  readonly snapshotCounts: readonly number[]
  readonly losses: readonly number[]
  readonly latenciesMs: readonly number[]
  readonly diskMs: readonly number[]
  /** Where the power is cut; anywhere, when left out. */
  readonly cutPoints?: readonly DiskPoint[]
  /** How often members ask around before they campaign; mostly, when left out. */
  readonly preVote?: number
  /** Limits of one message of entries; that of production when left out or undefined. */
  readonly messageBytes?: readonly (number | undefined)[]
}

/** Everything is on the table in each, but each goes for something. */
export const PROFILES = {
  mixed: {
    share: 5,
    members: [1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7],
    perMinute: {
      crash: 6,
      'crash-all': 0.5,
      ambush: 2,
      stop: 1.5,
      pause: 4,
      isolate: 5,
      partition: 3,
      'cut-link': 3,
      lossy: 2,
      'slow-network': 2,
      'disk-stall': 3,
      'slow-disk': 1,
      'power-cut-at': 3,
      'disk-error': 1.5,
      damage: 0.5,
      kill: 1,
      'hostile-network': 1.5,
      'delay-spike': 1.5,
      swizzle: 0.7,
      'reset-link': 3,
      'drop-traffic': 1.5,
      'clock-rate': 2,
      'clock-jump': 1,
      'wall-clock': 1,
      transfer: 2,
      'add-learner': 0.7,
      'add-voter': 0.4,
      remove: 0.5,
      wipe: 0.6,
      'crash-in-change': 0.2,
      'promote-race': 0.3,
      'remove-dead': 0.3,
    },
    snapshotCounts: [5, 20, 100, 1000],
    losses: [0, 0, 0, 0.01, 0.1],
    latenciesMs: [0.5, 5, 30],
    diskMs: [0.1, 2, 15],
  },
  'crash-storm': {
    share: 2,
    members: [1, 3, 3, 5],
    perMinute: {
      crash: 20,
      'crash-all': 4,
      ambush: 8,
      stop: 4,
      kill: 4,
      'power-cut-at': 12,
      'disk-error': 2,
      'disk-stall': 4,
      'wall-clock': 2,
      transfer: 2,
    },
    snapshotCounts: [3, 10, 50],
    losses: [0],
    latenciesMs: [0.5, 5],
    diskMs: [0.5, 5, 40],
  },
  'broken-network': {
    share: 2,
    members: [3, 3, 5],
    perMinute: {
      isolate: 12,
      partition: 10,
      'cut-link': 12,
      lossy: 6,
      'slow-network': 6,
      'delay-spike': 4,
      swizzle: 4,
      'reset-link': 12,
      'old-office': 6,
      'drop-traffic': 5,
      pause: 3,
      crash: 1,
    },
    snapshotCounts: [10, 100],
    losses: [0, 0.02, 0.2],
    latenciesMs: [1, 10, 60],
    diskMs: [0.1, 5],
  },
  /** Raft is safe whatever becomes of its messages. */
  'hostile-network': {
    share: 1,
    members: [2, 3, 3, 5, 5],
    perMinute: {
      'hostile-network': 25,
      'old-news': 10,
      'short-reigns': 4,
      ambush: 6,
      'reset-link': 6,
      isolate: 5,
      crash: 20,
      pause: 3,
      transfer: 4,
      'delay-spike': 3,
      'add-voter': 0.5,
      remove: 0.5,
    },
    snapshotCounts: [5, 50],
    losses: [0, 0.05],
    latenciesMs: [1, 10],
    diskMs: [0.1, 5, 15, 40],
    preVote: 0.5,
    messageBytes: [undefined, undefined, 1, 200],
  },
  'bad-disks': {
    share: 2,
    members: [1, 3, 3, 4, 5],
    perMinute: {
      'power-cut-at': 15,
      'disk-error': 8,
      damage: 4,
      'slow-disk': 3,
      'disk-stall': 3,
      crash: 5,
      kill: 3,
      isolate: 3,
      transfer: 2,
    },
    snapshotCounts: [2, 5, 20],
    losses: [0],
    latenciesMs: [0.5, 5],
    diskMs: [0.1, 5, 40],
  },
  'stale-leader': {
    share: 2,
    members: [3, 3, 5],
    perMinute: {
      pause: 14,
      isolate: 8,
      ambush: 4,
      'disk-stall': 8,
      'clock-rate': 5,
      'clock-jump': 5,
      'delay-spike': 4,
      transfer: 8,
      'slow-network': 4,
    },
    snapshotCounts: [10, 1000],
    losses: [0],
    latenciesMs: [1, 10, 40],
    diskMs: [0.1, 5],
  },
  churn: {
    share: 2,
    members: [1, 2, 3, 3, 4, 6],
    perMinute: {
      'add-learner': 4,
      'add-voter': 3,
      remove: 4,
      wipe: 3,
      'crash-in-change': 2,
      'cut-in-change': 4,
      'promote-race': 2,
      'remove-dead': 2,
      crash: 4,
      isolate: 3,
      partition: 2,
      transfer: 3,
      pause: 2,
      'slow-network': 1,
    },
    snapshotCounts: [4, 20, 1000],
    losses: [0, 0.05],
    latenciesMs: [0.5, 5, 30],
    diskMs: [0.1, 5],
  },
  /** Terms are short, and leaders fall over what they have just begun. */
  elections: {
    share: 2,
    members: [3, 3, 5, 5],
    perMinute: {
      ambush: 20,
      'short-reigns': 6,
      crash: 8,
      isolate: 4,
      partition: 4,
      'slow-network': 3,
      pause: 3,
    },
    snapshotCounts: [20, 1000],
    losses: [0, 0, 0.05],
    latenciesMs: [1, 10, 60],
    diskMs: [0.5, 10, 60],
    preVote: 0.3,
    messageBytes: [1, 1, 200, undefined],
  },
  snapshots: {
    share: 2,
    members: [2, 3, 3, 5],
    perMinute: {
      crash: 8,
      isolate: 9,
      pause: 6,
      'disk-stall': 6,
      'power-cut-at': 20,
      'disk-error': 2,
      'drop-traffic': 3,
      'add-learner': 2,
      wipe: 2,
      remove: 1,
      'slow-network': 3,
    },
    cutPoints: ['staging-sync', 'publish', 'switch-out', 'switch-in', 'remove', 'append'],
    snapshotCounts: [2, 4, 8],
    losses: [0, 0.02],
    latenciesMs: [0.5, 10, 40],
    diskMs: [0.5, 10],
  },
} as const satisfies Readonly<Record<string, Profile>>

export type ProfileName = keyof typeof PROFILES

const MINUTE = 60_000
const QUIET = 0.15

export function faultsOf(
  seed: number,
  profile: Profile,
  members: number,
  durationMs: number,
  busy: readonly Period[],
): Fault[] {
  const faults: Fault[] = learnerOf(seed)
  for (const [kind, perMinute] of Object.entries(profile.perMinute) as [FaultKind, number][]) {
    const draws = new Draws(seed, `faults ${kind}`)
    // Many seeds do without a kind, so that others are seen alone.
    const factor = draws.pick([0, 0, 0.5, 1, 2])
    const mean = (perMinute * factor * busyMs(busy)) / MINUTE
    const count = Math.floor(mean + draws.fraction())
    for (let i = 0; i < count; i++) {
      // Some happen while nobody does much.
      const isQuiet = draws.chance(QUIET)
      const share = draws.fraction()
      const atMs = Math.round(isQuiet ? share * durationMs : timeOf(busy, share))
      faults.push(faultOf(kind, atMs, draws, members, profile.cutPoints))
    }
  }
  return faults.sort((a, b) => a.atMs - b.atMs)
}

/** Some clusters have a learner from the begin to the end. */
function learnerOf(seed: number): Fault[] {
  const draws = new Draws(seed, 'learner')
  if (!draws.chance(0.2)) return []
  return [{ kind: 'add-learner', atMs: draws.between(100, 2000), promoteAfterMs: 1e9 }]
}

function faultOf(
  kind: FaultKind,
  atMs: number,
  draws: Draws,
  members: number,
  cutPoints: readonly DiskPoint[] = DISK_POINTS,
): Fault {
  const target = (): Target => (draws.chance(0.4) ? 'leader' : draws.below(members))
  const forMs = (): number =>
    Math.round(draws.pick([150, 800, 2500, 7000]) * (0.5 + draws.fraction()))
  switch (kind) {
    case 'crash':
      return {
        kind,
        atMs,
        target: target(),
        downMs: Math.round(draws.pick([5, 300, 3000, 12_000]) * (0.5 + draws.fraction())),
        keepInFlight: draws.chance(0.5),
        loseUnsynced: draws.chance(0.2),
        keeps: draws.below(2 ** 16),
      }
    case 'crash-all':
      return {
        kind,
        atMs,
        downMs: forMs(),
        keeps: draws.below(2 ** 16),
        keepsInFlight: draws.below(2 ** 16),
      }
    case 'short-reigns':
      return {
        kind,
        atMs,
        forMs: Math.round(draws.pick([7000, 20_000]) * (0.5 + draws.fraction())),
      }
    case 'ambush':
      return {
        kind,
        atMs,
        moment: draws.pick([...MOMENTS, 'leads', 'leads']),
        chance: draws.pick([0.05, 0.5, 1]),
        times: draws.pick([1, 3, 10]),
        afterMs: draws.pick([0, 0.5, 10, 80]),
        forMs: Math.round(draws.pick([800, 7000, 30_000]) * (0.5 + draws.fraction())),
        strike: draws.pick([...STRIKES, 'crash', 'isolate']),
        strikeMs: Math.round(draws.pick([5, 150, 800, 2500]) * (0.5 + draws.fraction())),
        keeps: draws.below(2 ** 16),
      }
    case 'stop':
      return { kind, atMs, target: target(), downMs: forMs() }
    case 'pause':
      return { kind, atMs, target: target(), forMs: forMs() }
    case 'isolate':
      return {
        kind,
        atMs,
        target: target(),
        way: draws.pick(['both', 'both', 'in', 'out']),
        forMs: forMs(),
      }
    case 'partition':
      return {
        kind,
        atMs,
        sides: draws.between(1, 2 ** members - 2 || 1),
        isOneWay: draws.chance(0.25),
        forMs: forMs(),
      }
    case 'cut-link':
      return {
        kind,
        atMs,
        from: target(),
        to: target(),
        isOneWay: draws.chance(0.5),
        forMs: forMs(),
      }
    case 'lossy':
      return { kind, atMs, probability: draws.pick([0.05, 0.3, 0.7]), forMs: forMs() }
    case 'slow-network':
      return { kind, atMs, factor: draws.pick([5, 30, 200]), forMs: forMs() }
    case 'disk-stall':
      return {
        kind,
        atMs,
        target: target(),
        disk: draws.pick(['log', 'state', 'both']),
        forMs: forMs(),
      }
    case 'slow-disk':
      return { kind, atMs, target: target(), meanMs: draws.pick([30, 200, 1000]), forMs: forMs() }
    case 'power-cut-at':
      return {
        kind,
        atMs,
        target: target(),
        point: draws.pick(cutPoints),
        phase: draws.pick(PHASES),
        keeps: draws.below(2 ** 16),
        downMs: Math.round(draws.pick([5, 300, 3000]) * (0.5 + draws.fraction())),
      }
    case 'disk-error':
      return {
        kind,
        atMs,
        target: target(),
        part: draws.pick(['log', 'state', 'staging', 'all']),
        failure: draws.pick(['full', 'failed-sync']),
        forMs: forMs(),
      }
    case 'damage':
      return {
        kind,
        atMs,
        target: target(),
        what: draws.pick(['log', 'log', 'record', 'checkpoint-copy', 'checkpoint']),
        keeps: draws.below(2 ** 16),
        downMs: forMs(),
      }
    case 'kill':
      return { kind, atMs, target: target(), downMs: forMs() }
    case 'hostile-network':
      return {
        kind,
        atMs,
        duplicates: draws.pick([0, 0.05, 0.5]),
        overtakings: draws.pick([0, 0.02, 0.3]),
        forMs: forMs(),
      }
    case 'old-news':
      return {
        kind,
        atMs,
        forMs: Math.round(draws.pick([7000, 20_000]) * (0.5 + draws.fraction())),
      }
    case 'delay-spike':
      return { kind, atMs, target: target(), delayMs: draws.pick([150, 900, 3000]), forMs: forMs() }
    case 'swizzle':
      return { kind, atMs, keeps: draws.below(2 ** 16), forMs: forMs() }
    case 'reset-link':
      return { kind, atMs, from: target(), to: target() }
    case 'drop-traffic':
      return {
        kind,
        atMs,
        target: target(),
        traffic: draws.pick(['snapshots', 'entries', 'control']),
        forMs: forMs(),
      }
    case 'clock-jump':
      return { kind, atMs, target: target(), ms: draws.pick([300, 1500, 6000]) }
    case 'wall-clock':
      return {
        kind,
        atMs,
        target: target(),
        ms: draws.pick([-3_600_000, 3_600_000, -2000, -1, undefined]),
        restarts: draws.chance(0.6),
      }
    case 'clock-rate':
      return { kind, atMs, target: target(), rate: draws.pick([0.5, 0.7, 1, 1.4, 2]) }
    case 'old-office':
      return { kind, atMs, forMs: draws.between(300, 900) }
    case 'transfer':
      return { kind, atMs, to: draws.below(members) }
    case 'add-learner':
      return { kind, atMs, promoteAfterMs: draws.pick([0, 200, 2000, 100_000]) }
    case 'add-voter':
      return { kind, atMs }
    case 'remove':
      return { kind, atMs, target: target() }
    case 'crash-in-change':
      return {
        kind,
        atMs,
        change: draws.pick(['add-learner', 'add-voter', 'remove', 'promote']),
        target: target(),
        afterMs: draws.pick([0, 2, 10, 60]) * draws.fraction(),
        downMs: forMs(),
        keeps: draws.below(2 ** 16),
      }
    case 'cut-in-change':
      return {
        kind,
        atMs,
        change: draws.pick(['add-voter', 'promote']),
        target: draws.below(members),
        forMs: Math.round(draws.pick([800, 2500, 7000]) * (0.5 + draws.fraction())),
      }
    case 'promote-race':
      return { kind, atMs, removes: draws.chance(0.5), afterMs: draws.pick([10, 500, 3000]) }
    case 'remove-dead':
      return { kind, atMs, target: target(), downMs: forMs() }
    case 'wipe':
      return { kind, atMs, target: target() }
  }
}
