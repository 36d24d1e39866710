/** Which faults a schedule has, drawn from its seed and its profile. */

import { busyMs, timeOf, type Period } from './busy-times.ts'
import { Draws } from './draws.ts'
import { STRIKES, type Fault, type FaultKind, type Lost, type Target } from './fault.ts'
import type { Profile } from './fault-profiles.ts'
import { DISK_POINTS, PHASES, type DiskPoint } from './files.ts'
import { MOMENTS } from './moments.ts'

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
