/** What can go wrong, as data: every kind of fault with what it needs to be carried out. */

import type { DiskPart, DiskPoint, Phase } from './files.ts'
import type { DiskFailure } from './level.ts'
import type { Moment } from './moments.ts'
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
